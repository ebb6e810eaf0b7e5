// SPDX-License-Identifier: MIT
// Which rows are looked at, by their TimeGenerated.

import type { JSX } from 'preact';
import { t } from '../../strings';
import { SelectField, TextField } from '../../ui/ui';
import { choiceOf, localInput, rangeOf, timespanOf } from './ask';

const s = t.query;
const DAY_MS = 86400e3;

function change(timespan: string, end: 0 | 1, value: string): string {
    const range = rangeOf(timespan);
    const date = new Date(value);
    if (!range || Number.isNaN(date.getTime())) {
        return timespan;
    }
    range[end] = date;
    return timespanOf(range[0], range[1]);
}

export function TimeRange({ value, onChange }: { value: string; onChange: (timespan: string) => void }): JSX.Element {
    const choice = choiceOf(value);
    const range = rangeOf(value);
    const options: [string, string][] = Object.entries(s.times);
    if (!(choice in s.times)) {
        options.push([choice, choice]);
    }
    return (
        <>
            <SelectField label={s.time} value={choice} options={options} onChange={(next) => {
                const now = new Date();
                onChange(next === 'custom' ? timespanOf(new Date(now.getTime() - DAY_MS), now) : next);
            }} />
            {range ? ([0, 1] as const).map((end) => (
                <TextField key={end} label={end === 0 ? s.from : s.to} type="datetime-local" value={localInput(range[end])}
                    fault={end === 1 && range[0] > range[1] ? s.backwards : undefined}
                    onInput={(text) => { onChange(change(value, end, text)); }} />
            )) : null}
        </>
    );
}
