// SPDX-License-Identifier: MIT
// What the device sent and received, by hour.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { bytes } from '../../lib/format';
import { usePost } from '../../lib/post';
import { href, Link } from '../../lib/router';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Chart } from '../../ui/chart';
import { Card, Empty, Loaded } from '../../ui/ui';
import { SPAN_MS } from './talkers';

const s = t.devices;

/** The rows' columns by name: what a query is about may be told in more of them one day. */
function column(result: QueryResult, name: string): unknown[] {
    const i = result.columns.findIndex((one) => one.name === name);
    return result.rows.map((row) => row[i]);
}

function Hours({ id, result, span }: { id: string; result: QueryResult; span: string }): JSX.Element {
    const times = useMemo(() => column(result, 'Time').map((at) => new Date(String(at)).getTime() / 1000), [result]);
    const series = useMemo(() => [
        { name: s.bytesIn, color: '--chart-1', values: column(result, 'BytesIn').map((value) => Number(value ?? 0)) },
        { name: s.bytesOut, color: '--chart-2', values: column(result, 'BytesOut').map((value) => Number(value ?? 0)) },
    ], [result]);
    // What came late was before the span.
    const range = useMemo((): [number, number] => {
        const now = Date.now() / 1000;
        return [Math.min(now - (SPAN_MS[span] ?? 0) / 1000, times[0] ?? now), now];
    }, [result, span]);
    return <Chart label={s.connectionsLabel(id)} times={times} range={range} series={series} kind="bars" unit={bytes} height={170} />;
}

export function Connections({ id, span }: { id: string; span: string }): JSX.Element {
    const loaded = usePost<QueryResult>('/queries/device-connections/run', { parameters: { device: id, span } });
    return (
        <Card title={s.connections} busy={loaded.loading} actions={
            <Link class="button small" to={href(['query'], { saved: 'device-connections', device: id, span })}>{t.openInQuery}</Link>
        }>
            <Loaded from={loaded}>
                {(result) => result.rows.length === 0 ? <Empty title={s.talkersNone} /> : <Hours id={id} result={result} span={span} />}
            </Loaded>
        </Card>
    );
}
