// SPDX-License-Identifier: MIT
// What the device did around the time of an alert: its flows by minute, and its other alerts.

import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { bytes } from '../../lib/format';
import { Link } from '../../lib/router';
import type { Alert, QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Chart } from '../../ui/chart';
import { Card, Empty, Fault, Loading } from '../../ui/ui';
import { queryLink } from './detail';

const s = t.alerts;
const HOUR_MS = 3600000;

/** Text in a query's quotes. */
export function quote(text: string): string {
    return `"${text.replace(/[\\"]/g, '\\$&').replace(/[\u0000-\u001f]/g, ' ')}"`;
}

/** Bytes of the device from an hour before the alert to an hour after it, by its own time: what it tells late came until now. */
export function surroundingsQuery(alert: Pick<Alert, 'deviceId' | 'startTime' | 'endTime' | 'timeGenerated'>): { text: string; timespan: string; range: [number, number] } {
    const first = new Date(alert.startTime).getTime() - HOUR_MS;
    const last = Math.min(new Date(alert.endTime).getTime(), first + 25 * HOUR_MS) + HOUR_MS;
    const came = Math.max(last, new Date(alert.timeGenerated).getTime() + HOUR_MS);
    const bin = last - first > 6 * HOUR_MS ? '15m' : '1m';
    return {
        text: [
            'SecurityIoTRawEvent',
            `| where DeviceId == ${quote(alert.deviceId)} and RawEventName in ("NetworkActivity", "ConnectionCreate")`,
            `| where TimeStamp between (datetime(${new Date(first).toISOString()}) .. datetime(${new Date(last).toISOString()}))`,
            '| extend d = parse_json(EventDetails)',
            '| summarize BytesIn = sum(tolong(d.BytesIn)), BytesOut = sum(tolong(d.BytesOut)), Remotes = dcount(tostring(d.RemoteAddress))',
            `    by Time = bin(TimeStamp, ${bin})`,
            '| sort by Time asc',
        ].join('\n'),
        timespan: `${new Date(first).toISOString()}/${new Date(came).toISOString()}`,
        range: [first / 1000, last / 1000],
    };
}

export function Surroundings({ alert }: { alert: Alert }): JSX.Element {
    const [result, setResult] = useState<QueryResult | undefined>(undefined);
    const [error, setError] = useState<Error | undefined>(undefined);
    const query = useMemo(() => surroundingsQuery(alert), [alert.id, alert.startTime, alert.endTime]);
    useEffect(() => {
        const abort = new AbortController();
        call<QueryResult>('POST', '/query', { kql: query.text, timespan: query.timespan }, abort.signal).then(
            setResult,
            (fault: unknown) => {
                if (!abort.signal.aborted) {
                    setError(fault instanceof Error ? fault : new Error(String(fault)));
                }
            }
        );
        return () => { abort.abort(); };
    }, [query]);
    const rows = result?.rows ?? [];
    const times = useMemo(() => rows.map((row) => new Date(String(row[0])).getTime() / 1000), [result]);
    const series = useMemo(() => [
        { name: s.bytesIn, color: '--chart-1', values: rows.map((row) => Number(row[1] ?? 0)) },
        { name: s.bytesOut, color: '--chart-2', values: rows.map((row) => Number(row[2] ?? 0)) },
    ], [result]);
    return (
        <Card title={s.around} actions={<Link class="button small" to={queryLink(query.text, query.timespan)}>{t.openInQuery}</Link>}>
            {error ? <Fault error={error} /> : !result ? <Loading /> : rows.length === 0 ? <Empty title={s.aroundNone} /> : (
                <Chart label={s.aroundLabel(alert.deviceId)} times={times} range={query.range} series={series} kind="bars" unit={bytes} height={160} />
            )}
        </Card>
    );
}
