// SPDX-License-Identifier: MIT
// What is collected, how long it is kept, and what went for want of room.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { bytes, number, percent } from '../../lib/format';
import { t } from '../../strings';
import { Card, Loaded, Notice, Table, Time, type Column } from '../../ui/ui';
import { Meter } from '../../ui/meter';
import { Collection } from './collection';
import type { Solution } from './solutions';
import { solutionsPath, type Status, type TableState } from './status';

const s = t.settings.data;

const columns: Column<TableState>[] = [
    {
        name: s.table,
        cell: (one) => (
            <>
                <span class="mono">{one.table}</span>
                <div class="muted small">{s.what[one.table] ?? ''}</div>
            </>
        ),
    },
    { name: s.rows, number: true, cell: (one) => number(one.rows) },
    { name: s.size, number: true, cell: (one) => bytes(one.bytes) },
    { name: s.keepDays, number: true, cell: (one) => s.days(one.keepDays) },
    {
        name: s.oldest, // a day of UTC
        cell: (one) => one.oldestDay?.slice(0, 10) ?? <span class="muted">{t.none}</span>,
    },
];

function Storage({ of: { queryStorage: storage } }: { of: Status }): JSX.Element | null {
    if (!storage) {
        return null;
    }
    const share = storage.maxBytes > 0 ? storage.bytes / storage.maxBytes : 0;
    return (
        <div class="stack tight">
            {storage.daysForSize > 0 ? (
                <Notice tone="warn">
                    {s.dropped(storage.daysForSize)}
                    {storage.lastForSize !== undefined ? <>{' '}{s.droppedLast}{': '}<Time at={storage.lastForSize} full /></> : null}
                </Notice>
            ) : null}
            {share > 0.9 && storage.daysForSize === 0 ? <Notice tone="warn">{s.nearlyFull}</Notice> : null}
            <div class="row">
                <span>{storage.maxBytes > 0 ? s.storage(bytes(storage.bytes), bytes(storage.maxBytes)) : s.storageNoLimit(bytes(storage.bytes))}</span>
                {storage.maxBytes > 0 ? <span class="muted small">{percent(share)}</span> : null}
            </div>
            {storage.maxBytes > 0 ? <Meter label={s.storageLabel} share={share} /> : null}
            {storage.daysToPack > 0 ? <p class="muted small">{s.packing(storage.daysToPack)}</p> : null}
        </div>
    );
}

function Kept({ status }: { status: Status }): JSX.Element {
    const tables = status.queryTables ?? [];
    return (
        <Card title={s.tables} flush>
            <Table caption={s.tables} columns={columns} rows={tables} rowKey={(one) => one.table}
                empty={<p class="evidence">{s.notRunning}</p>} />
            <div class="evidence stack">
                <Storage of={status} />
                <div class="small muted">
                    {s.how}
                    {' '}
                    {[...tables.map((one) => s.keys[one.table]), s.sizeKey].filter((key) => key !== undefined)
                        .map((key, i) => <span key={key}>{i > 0 ? ', ' : ''}<code>{key}</code></span>)}
                </div>
            </div>
        </Card>
    );
}

export function Data(): JSX.Element {
    const status = useGet<Status>('/status', ['ingest']);
    const resourceId = status.data?.resourceId;
    const solutions = useGet<{ value: Solution[] }>(resourceId === undefined ? null : solutionsPath(resourceId));
    return (
        <div class="stack">
            {resourceId !== undefined ? (
                <Loaded from={solutions} lines={3}>
                    {(data) => (
                        <Collection all={data.value} resourceId={resourceId} gaps={status.data?.hunts?.notStored ?? []}
                            reload={() => {
                                solutions.reload();
                                status.reload();
                            }} />
                    )}
                </Loaded>
            ) : null}
            <Loaded from={status} lines={6}>{(data) => <Kept status={data} />}</Loaded>
        </div>
    );
}
