// SPDX-License-Identifier: MIT
// Alerts over time, how many are open, and what is new since the last visit.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { useGet, withQuery } from '../../lib/api';
import { number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import type { Alert } from '../../lib/types';
import { t } from '../../strings';
import { Chart } from '../../ui/chart';
import { Said } from '../../ui/said';
import { Button, Card, Empty, Loaded, Severity, Stat, Time } from '../../ui/ui';
import type { OverviewData } from './types';
import type { Visit } from './visit';

const s = t.overview;
const SHOWN = 8;
const HALF_DAY_S = 43200;
const SEVERITIES = ['High', 'Medium', 'Low'] as const;

/** Midnight of that day where the viewer is, so that the day keeps its name: seconds since 1970. */
export function dayStart(day: string): number {
    return new Date(`${day.slice(0, 10)}T00:00:00`).getTime() / 1000;
}

export function OverTime({ alerts }: { alerts: OverviewData['alerts'] }): JSX.Element {
    const times = useMemo(() => alerts.days.map((one) => dayStart(one.day)), [alerts.days]);
    const series = useMemo(() => SEVERITIES.map((of) => ({
        name: t.severity[of], color: `--${of.toLowerCase()}`, values: alerts.days.map((one) => one[of]),
    })), [alerts.days]);
    const range = useMemo((): [number, number] => [(times[0] ?? 0) - HALF_DAY_S, (times[times.length - 1] ?? 0) + HALF_DAY_S], [times]);
    return (
        <Card title={s.open}>
            <div class="stack">
                <div class="stats">
                    {SEVERITIES.map((of) => (
                        <Stat key={of} name={s.openOf(t.severity[of])} to={href(['alerts'], { severity: of })}
                            value={<span class={alerts.open[of] > 0 ? `tone-${of.toLowerCase()}` : 'muted'}>{number(alerts.open[of])}</span>} />
                    ))}
                </div>
                <div class="stack tight">
                    <h3>{s.days}</h3>
                    <Chart label={s.daysLabel} times={times} range={range} series={series} kind="bars" days height={170} />
                </div>
            </div>
        </Card>
    );
}

function Line({ alert }: { alert: Alert }): JSX.Element {
    return (
        <li class="news">
            <Severity of={alert.severity} />
            <div>
                <Link class="strong" to={href(['alerts', alert.id])}>{alert.displayName}</Link>
                <p class="small wrap clamp"><Said text={alert.description} /></p>
            </div>
            <div class="small side">
                {alert.deviceId === '' ? <span class="muted">{t.alerts.hub}</span>
                    : <Link class="wrap" to={href(['devices', alert.deviceId])}>{alert.deviceId}</Link>}
                <span class="muted"><Time at={alert.timeGenerated} /></span>
            </div>
        </li>
    );
}

export function News({ count, visit, onSeen }: { count: number; visit: Visit; onSeen: () => void }): JSX.Element {
    const loaded = useGet<{ alerts: Alert[] }>(withQuery('/alerts', { state: 'Open', from: visit.since, limit: SHOWN }), ['alerts']);
    return (
        <Card title={visit.isFirst ? s.newsFirst : s.news} flush
            actions={count > 0 ? <Button small icon="check" onClick={onSeen}>{s.seen}</Button> : null}>
            <p class="small muted inset">{s.newsSince}{' '}<Time at={visit.since} />{': '}{s.newsCount(count)}</p>
            <Loaded from={loaded}>
                {(data) => data.alerts.length === 0 ? <Empty title={s.newsNone} /> : (
                    <>
                        <ul class="plain">{data.alerts.map((alert) => <Line key={alert.id} alert={alert} />)}</ul>
                        {count > data.alerts.length ? <p class="inset"><Link to={href(['alerts'])}>{s.allNews}</Link></p> : null}
                    </>
                )}
            </Loaded>
        </Card>
    );
}
