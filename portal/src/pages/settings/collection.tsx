// SPDX-License-Identifier: MIT
// The two switches of the security solutions: whether raw events are stored, and whether alerts show whole addresses.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { may } from '../../lib/api';
import { announce } from '../../lib/events';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Table, Time, type Column } from '../../ui/ui';
import { apply, isEnabled, isOn, says, type Solution, type Switch } from './solutions';

const s = t.settings.data;

interface Props { all: Solution[]; resourceId: string; gaps: { from: string; to: string | null }[]; reload: () => void }

const WORDS: Record<Switch, { title: (on: boolean) => string; submit: (on: boolean) => string; text: (on: boolean) => string; done: (on: boolean) => string }> = {
    rawEvents: {
        title: (on) => (on ? s.turnOnTitle : s.turnOffTitle), submit: (on) => (on ? s.turnOn : s.turnOff),
        text: (on) => (on ? s.turnOnText : s.turnOffText), done: (on) => (on ? s.doneOn : s.doneOff),
    },
    wholeAddresses: {
        title: (on) => (on ? s.wholeTitle : s.maskTitle), submit: (on) => (on ? s.showWhole : s.mask),
        text: (on) => (on ? s.wholeText : s.maskedText), done: () => s.maskingDone,
    },
};

function SwitchButton({ all, resourceId, reload, what }: Omit<Props, 'gaps'> & { what: Switch }): JSX.Element | null {
    const [open, setOpen] = useState(false);
    const to = !isOn(all, what);
    const words = WORDS[what];
    if (!may('contributor')) {
        return null;
    }
    return (
        <>
            <Button onClick={() => { setOpen(true); }}>{words.submit(to)}</Button>
            {open ? (
                <Confirm title={words.title(to)} submit={words.submit(to)} danger={what === 'rawEvents' ? !to : to}
                    onClose={() => { setOpen(false); }}
                    act={() => apply(all, what, to, resourceId)}
                    onDone={() => {
                        setOpen(false);
                        toast(words.done(to));
                        announce('ingest');
                        reload();
                    }}>
                    <p>{words.text(to)}</p>
                </Confirm>
            ) : null}
        </>
    );
}

const columns: Column<Solution>[] = [
    { name: s.solution, cell: (one) => one.name },
    { name: s.status, cell: (one) => (isEnabled(one) ? s.enabled : s.disabled) },
    { name: s.stores, cell: (one) => (says(one, 'rawEvents') ? t.yes : t.no) },
    { name: s.masking, cell: (one) => (says(one, 'wholeAddresses') ? s.whole : s.masked) },
];

function Gaps({ of }: { of: Props['gaps'] }): JSX.Element {
    return (
        <div class="stack tight">
            <h3>{s.gaps}</h3>
            <ul class="plain">
                {of.map((gap) => (
                    <li key={gap.from}>
                        {s.gapFrom}{' '}<Time at={gap.from} full />{' '}{s.gapTo}{' '}{gap.to === null ? s.gapNow : <Time at={gap.to} full />}
                    </li>
                ))}
            </ul>
        </div>
    );
}

export function Collection(props: Props): JSX.Element {
    const stores = isOn(props.all, 'rawEvents');
    const whole = isOn(props.all, 'wholeAddresses');
    return (
        <div class="columns">
            <Card title={s.collection} actions={<SwitchButton {...props} what="rawEvents" />}>
                <div class="stack tight">
                    <div><Badge tone={stores ? 'good' : 'medium'}>{stores ? s.on : s.off}</Badge></div>
                    <p>{stores ? s.onText : s.offText}</p>
                    {props.all.length === 0 ? <p class="muted small">{s.defaultText}</p> : null}
                    {props.gaps.length > 0 ? <Gaps of={props.gaps} /> : null}
                </div>
            </Card>
            <Card title={s.masking} actions={<SwitchButton {...props} what="wholeAddresses" />}>
                <div class="stack tight">
                    <div><Badge tone={whole ? 'medium' : 'good'}>{whole ? s.whole : s.masked}</Badge></div>
                    <p>{whole ? s.wholeText : s.maskedText}</p>
                </div>
            </Card>
            {props.all.length > 1 ? (
                <Card title={s.solutions} flush>
                    <p class="evidence muted small">{s.solutionsText}</p>
                    <Table caption={s.solutions} columns={columns} rows={props.all} rowKey={(one) => one.name} empty={null} />
                </Card>
            ) : null}
        </div>
    );
}
