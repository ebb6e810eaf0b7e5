// SPDX-License-Identifier: MIT
// Whom the device talks to: remote addresses by bytes and by when they were first seen. Delivered queries give both.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { bytes, number } from '../../lib/format';
import { usePost } from '../../lib/post';
import { href, Link } from '../../lib/router';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Scatter } from '../../ui/scatter';
import { Badge, Card, Empty, Loaded, Table, Time, type Column } from '../../ui/ui';

const s = t.devices;
const SHOWN = 25;
const PLOTTED = 300; // of the new ones, and of the others: those with the most bytes
const DAY_MS = 86400000;
export const SPAN_MS: Record<string, number> = { '1d': DAY_MS, '7d': 7 * DAY_MS, '30d': 30 * DAY_MS };

export interface Talker {
    remote: string;
    ports: string[];
    flows: number;
    bytes: number;
    first: number; // ms since 1970
    last: number;
    isNew: boolean;
}

/** One for each address, of rows for each address, port and protocol. */
export function talkersOf(rows: unknown[][], fresh: Set<string>): Talker[] {
    const found = new Map<string, Talker>();
    for (const [remote, port, protocol, flows, size, first, last] of rows) {
        const key = String(remote);
        const one = found.get(key) ?? {
            remote: key, ports: [], flows: 0, bytes: 0, first: Infinity, last: 0, isNew: fresh.has(key),
        };
        const name = [protocol, port].filter((part) => part !== null && part !== '').join(' ');
        one.ports = one.ports.includes(name) ? one.ports : [...one.ports, name];
        one.flows += Number(flows ?? 0);
        one.bytes += Number(size ?? 0);
        one.first = Math.min(one.first, new Date(String(first)).getTime());
        one.last = Math.max(one.last, new Date(String(last)).getTime());
        found.set(key, one);
    }
    return [...found.values()].sort((a, b) => b.bytes - a.bytes || b.flows - a.flows);
}

const PORTS_SHOWN = 4;

const columns: Column<Talker>[] = [
    {
        name: s.remote,
        cell: (one) => (
            <span class="row">
                <Link class="mono wrap" to={href(['intel'], { address: one.remote })}>{one.remote}</Link>
                {one.isNew ? <span title={s.talkersNewHint}><Badge tone="medium">{s.talkersNew}</Badge></span> : null}
            </span>
        ),
    },
    {
        name: s.ports,
        cell: (one) => <span class="small">{one.ports.slice(0, PORTS_SHOWN).join(', ')}{one.ports.length > PORTS_SHOWN ? ' …' : ''}</span>,
    },
    { name: s.bytes, number: true, cell: (one) => bytes(one.bytes) },
    { name: s.flows, number: true, cell: (one) => number(one.flows) },
    { name: s.firstSeen, cell: (one) => <Time at={one.first} /> },
    { name: s.lastSeen, cell: (one) => <Time at={one.last} /> },
];

function Plot({ id, talkers }: { id: string; talkers: Talker[] }): JSX.Element {
    // From what was seen first: before the span, if it came late.
    const range = useMemo((): [number, number] => {
        const now = Date.now();
        const first = Math.min(...talkers.map((one) => one.first));
        return [first - (now - first) * 0.05 - 60000, now];
    }, [talkers]);
    const points = useMemo(() => [
        ...talkers.filter((one) => !one.isNew).slice(0, PLOTTED), ...talkers.filter((one) => one.isNew).slice(0, PLOTTED),
    ].map((one) => ({ name: one.remote, at: one.first, size: one.bytes, isMarked: one.isNew })), [talkers]);
    return <Scatter label={s.talkersLabel(id)} points={points} range={range} unit={bytes} />;
}

export function Talkers({ id, span }: { id: string; span: string }): JSX.Element {
    const all = usePost<QueryResult>('/queries/device-talkers/run', { parameters: { device: id, span } });
    const fresh = usePost<QueryResult>('/queries/device-first-seen/run', { parameters: { device: id, span: '1d' } });
    const talkers = useMemo(() => {
        const names = new Set((fresh.data?.rows ?? []).map((row) => String(row[0])));
        const found = talkersOf(all.data?.rows ?? [], names);
        // Where all are new the mark says nothing.
        return found.every((one) => one.isNew) ? found.map((one) => ({ ...one, isNew: false })) : found;
    }, [all.data, fresh.data]);
    const news = talkers.filter((one) => one.isNew).length;
    const isAllNew = news === 0 && (fresh.data?.rows.length ?? 0) > 0;
    return (
        <Card title={s.talkers} flush busy={all.loading} actions={
            <Link class="button small" to={href(['query'], { saved: 'device-talkers', device: id, span })}>{t.openInQuery}</Link>
        }>
            <Loaded from={all}>
                {() => talkers.length === 0 ? <Empty title={s.talkersNone} /> : (
                    <>
                        <div class="inset stack tight">
                            <p class="small">
                                <span class="muted">{s.talkersAxes}</span>{' '}
                                {isAllNew ? <span class="muted">{s.talkersAllNew}</span> : news > 0 ? <strong>{s.talkersNewCount(news)}</strong> : null}
                            </p>
                            <Plot id={id} talkers={talkers} />
                        </div>
                        <Table caption={s.talkers} columns={columns} rows={talkers.slice(0, SHOWN)} rowKey={(one) => one.remote} empty={null} />
                        {talkers.length > SHOWN ? (
                            <div class="pager muted small">{s.talkersMore(SHOWN, talkers.length, all.data?.truncated ?? false)}</div>
                        ) : null}
                    </>
                )}
            </Loaded>
        </Card>
    );
}
