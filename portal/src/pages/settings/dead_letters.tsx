// SPDX-License-Identifier: MIT
// Messages that could not be read: by device and reason, read once more, or let go.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useGet, withQuery } from '../../lib/api';
import { announce } from '../../lib/events';
import { bytes } from '../../lib/format';
import { href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Facts, Loaded, SearchField, Table, Time, type Column } from '../../ui/ui';
import { DeadLetter } from './dead_letter';
import { replayAll, type Filter, type Letter, type Replay } from './letters';

const s = t.settings.deadLetters;
const PAGE = 50;

export function ReplayState({ of }: { of: Replay | null }): JSX.Element {
    return of === null ? <span class="muted">{s.notReplayed}</span>
        : <Badge tone={of.status === 'Taken' ? 'good' : 'medium'}>{s.states[of.status] ?? of.status}</Badge>;
}

const columns: Column<Letter>[] = [
    {
        name: s.reason,
        cell: (one) => <Link class="wrap" to={href(['settings', 'dead-letters', one.offset.toString()])}>{one.reason}</Link>,
    },
    {
        name: s.device,
        cell: (one) => one.deviceId === '' ? <span class="muted">{s.hub}</span> : (
            <span class="wrap">
                <Link to={href(['devices', one.deviceId])}>{one.deviceId}</Link>{one.moduleId !== '' ? ` / ${one.moduleId}` : ''}
            </span>
        ),
    },
    { name: s.time, cell: (one) => <Time at={one.time} /> },
    { name: s.size, number: true, cell: (one) => bytes(one.bodyBytes) },
    { name: s.replayState, cell: (one) => <ReplayState of={one.replay} /> },
];

interface ListAnswer { deadLetters: Letter[]; count: number; open: number }

/** The filter, each part with its name. */
function FilterWords({ of }: { of: Filter }): JSX.Element {
    const parts: [string, string | undefined][] = [[s.device, of.device], [s.reasonHint, of.reason]];
    const set = parts.filter(([, value]) => value !== undefined);
    return set.length === 0 ? <p>{s.noFilter}</p> : <Facts of={set} />;
}

function Bulk({ filter, counts }: { filter: Filter; counts: ListAnswer }): JSX.Element {
    const [asking, setAsking] = useState<'replay' | 'delete' | null>(null);
    const filtered = filter.device !== undefined || filter.reason !== undefined;
    const close = () => { setAsking(null); };
    return (
        <>
            <Button disabled={counts.open === 0} onClick={() => { setAsking('replay'); }}>{s.replayAll}</Button>
            <Button kind="danger" onClick={() => { setAsking('delete'); }}>{s.deleteAll}</Button>
            {asking === 'replay' ? (
                <Confirm title={s.replayAllTitle(counts.open)} submit={s.replay} onClose={close} onDone={close}
                    act={async () => {
                        const { count, isRunning } = await replayAll(filter);
                        toast(isRunning ? s.replayAllDone(count) : s.notRunning);
                        announce('dead-letters');
                    }}>
                    <p>{s.replayAllText(counts.count - counts.open)}</p>
                    <FilterWords of={filter} />
                </Confirm>
            ) : null}
            {asking === 'delete' ? (
                <Confirm title={s.deleteAllTitle(counts.count)} submit={s.delete} danger onClose={close} onDone={close}
                    act={async () => {
                        const { deleted } = await call<{ deleted: number }>('DELETE',
                            withQuery('/dead-letters', filtered ? { ...filter } : { all: true }));
                        toast(s.deleteAllDone(deleted));
                        announce('dead-letters');
                    }}>
                    <p>{s.deleteAllText}</p>
                    <FilterWords of={filter} />
                </Confirm>
            ) : null}
        </>
    );
}

function List(): JSX.Element {
    const [device, setDevice] = useParam('device');
    const [reason, setReason] = useParam('reason');
    const [before, setBefore] = useParam('before');
    const filter: Filter = { device: device === '' ? undefined : device, reason: reason === '' ? undefined : reason };
    const loaded = useGet<ListAnswer>(withQuery('/dead-letters', { ...filter, before, limit: PAGE }),
        before === '' ? ['dead-letters'] : []);
    const letters = loaded.data?.deadLetters ?? [];
    const last = letters[letters.length - 1];
    return (
        <div class="stack">
            <p class="muted">{s.text}</p>
            <div class="filters" role="search">
                <SearchField label={s.device} value={device} onChange={setDevice} />
                <SearchField label={s.reason} value={reason} onChange={setReason} placeholder={s.reasonHint} />
            </div>
            <Card title={s.title} flush actions={may('contributor') && loaded.data && letters.length > 0 ? <Bulk filter={filter} counts={loaded.data} /> : null}>
                <Loaded from={loaded} lines={6}>
                    {() => (
                        <>
                            <Table caption={s.caption} columns={columns} rows={letters} rowKey={(one) => one.offset.toString()}
                                empty={filter.device === undefined && filter.reason === undefined && before === ''
                                    ? <Empty title={s.none}>{s.noneText}</Empty> : <Empty title={s.none}>{s.noneMatch}</Empty>} />
                            <div class="pager">
                                <span class="muted small">{t.rowsShown(letters.length)}</span>
                                {before !== '' ? <Button small onClick={() => { setBefore(''); }}>{t.newest}</Button> : null}
                                {last && letters.length === PAGE ? (
                                    <Button small onClick={() => { setBefore(last.offset.toString()); }}>{t.older}</Button>
                                ) : null}
                            </div>
                        </>
                    )}
                </Loaded>
            </Card>
        </div>
    );
}

export function DeadLetters({ id }: { id: string | undefined }): JSX.Element {
    return id === undefined ? <List /> : <DeadLetter offset={id} />;
}
