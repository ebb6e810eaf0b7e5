// SPDX-License-Identifier: MIT
// Devices by state, and what should be done about the hub.

import type { JSX } from 'preact';
import { number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import type { BySeverity } from '../../lib/types';
import { t } from '../../strings';
import { Card, Notice, Severity } from '../../ui/ui';
import { STATES, type Counts } from './types';

const s = t.overview;
const WIDTH = 1000;
/** A state with few devices among many is still seen. */
const WIDTH_MIN = 12;

/** Where each part of the bar begins and how wide it is, of WIDTH. */
export function parts(counts: Counts): { state: (typeof STATES)[number]; x: number; width: number }[] {
    const there = STATES.filter((state) => counts[state] > 0);
    const sum = there.reduce((total, state) => total + counts[state], 0);
    const room = WIDTH - WIDTH_MIN * there.length;
    let x = 0;
    return there.map((state) => {
        const width = WIDTH_MIN + (room * counts[state]) / sum;
        const part = { state, x, width };
        x += width;
        return part;
    });
}

export function Devices({ counts }: { counts: Counts }): JSX.Element {
    return (
        <Card title={s.devices} actions={<Link class="small" to={href(['devices'])}>{s.devicesTotal(counts.total)}</Link>}>
            <div class="stack tight">
                <svg class="states" viewBox={`0 0 ${WIDTH.toString()} 20`} preserveAspectRatio="none" aria-hidden="true">
                    {parts(counts).map((part) => (
                        <rect key={part.state} class={`is-${part.state}`} x={part.x} width={Math.max(0, part.width - 3)} y={0} height={20} />
                    ))}
                </svg>
                <ul class="plain legend" aria-label={s.devicesLabel}>
                    {STATES.filter((state) => counts[state] > 0 || state === 'reporting').map((state) => (
                        <li key={state}>
                            <Link class="quiet" to={href(['devices'], { state })} title={s.stateHints[state]}>
                                <span class={`swatch is-${state}`} aria-hidden="true" />
                                <span>{s.states[state]}</span>
                                <span class="number">{number(counts[state])}</span>
                            </Link>
                        </li>
                    ))}
                </ul>
            </div>
        </Card>
    );
}

export function Advice({ open }: { open: BySeverity }): JSX.Element {
    const sum = open.High + open.Medium + open.Low;
    return (
        <Card title={s.recommendations}>
            {sum === 0 ? <Notice tone="good">{s.recommendationsNone}</Notice> : (
                <div class="stack tight">
                    <Link to={href(['recommendations'])}>{s.recommendationsOpen(sum)}</Link>
                    <div class="row">
                        {(['High', 'Medium', 'Low'] as const).filter((of) => open[of] > 0).map((of) => (
                            <span class="row tight" key={of}><Severity of={of} /><span>{number(open[of])}</span></span>
                        ))}
                    </div>
                </div>
            )}
        </Card>
    );
}
