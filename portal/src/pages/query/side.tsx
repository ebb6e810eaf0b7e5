// SPDX-License-Identifier: MIT
// Beside the editor: saved queries, the tables that there are, what was asked before.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { isoDuration } from '../../lib/duration';
import { duration } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Badge, Button, Card, Empty, Loaded, TextField, Time } from '../../ui/ui';
import type { Past } from './history';
import type { Names, SavedQuery } from './types';

const s = t.query;
const FILTER_FROM = 20;

export function everyWords(iso: string): string {
    const ms = isoDuration(iso);
    return ms === undefined ? iso : duration(ms);
}

function ScheduleNote({ of }: { of: SavedQuery }): JSX.Element | null {
    if (!of.schedule) {
        return null;
    }
    return (
        <div class="small">
            <span class="muted">{of.schedule.enabled === false ? s.scheduleOff : s.everySo(everyWords(of.schedule.every))}</span>
            {of.state?.next ? <span class="muted">{', '}{s.nextRun}{' '}<Time at={of.state.next} /></span> : null}
            {of.state?.error ? <div><Badge tone="high">{s.failed}</Badge>{' '}<span class="wrap">{of.state.error}</span></div> : null}
        </div>
    );
}

/** Delivered ones first, each by its category. */
export function sections(queries: SavedQuery[], filter: string): [string, SavedQuery[]][] {
    const wanted = filter.trim().toLowerCase();
    const found = new Map<string, SavedQuery[]>();
    for (const one of [...queries.filter((q) => q.isDelivered), ...queries.filter((q) => !q.isDelivered)]) {
        if (`${one.name} ${one.title ?? ''} ${one.description ?? ''}`.toLowerCase().includes(wanted)) {
            const name = one.isDelivered ? one.category ?? '' : s.ownCategory(one.category ?? '');
            found.set(name, [...(found.get(name) ?? []), one]);
        }
    }
    return [...found];
}

function SavedList({ queries, opened }: { queries: SavedQuery[]; opened: string }): JSX.Element {
    const [filter, setFilter] = useState('');
    const found = sections(queries, filter);
    return (
        <div class="stack tight">
            {queries.length > FILTER_FROM ? <TextField label={t.search} type="search" value={filter} onInput={setFilter} /> : null}
            {found.length === 0 ? <Empty title={s.noneSaved} /> : null}
            {found.map(([category, list]) => (
                <section key={category}>
                    <h3 class="small muted">{category}</h3>
                    <ul class="plain side-list">
                        {list.map((one) => (
                            <li key={one.name}>
                                <Link to={href(['query'], { saved: one.name })} current={one.name === opened}
                                    title={one.description ?? ''}>{one.title ?? one.name}</Link>
                                <ScheduleNote of={one} />
                            </li>
                        ))}
                    </ul>
                </section>
            ))}
        </div>
    );
}

function TableList({ names, insert }: { names: Names; insert: (text: string) => void }): JSX.Element {
    return (
        <div class="stack tight">
            <p class="small muted">{s.insertHint}</p>
            {names.tables.map((table) => (
                <details key={table.name} class="schema">
                    <summary>{table.name}</summary>
                    <ul class="plain">
                        <li><button type="button" onClick={() => { insert(`${table.name}\n`); }}>{table.name}</button></li>
                        {table.columns.map((column) => (
                            <li key={column.name}>
                                <button type="button" onClick={() => { insert(column.name); }}>{column.name}</button>{' '}
                                <span class="muted small">{column.type}</span>
                            </li>
                        ))}
                    </ul>
                </details>
            ))}
        </div>
    );
}

function PastList({ past, forget }: { past: Past[]; forget: () => void }): JSX.Element {
    if (past.length === 0) {
        return <Empty title={s.noPast}>{s.noPastWhy}</Empty>;
    }
    return (
        <div class="stack tight">
            <ul class="plain side-list">
                {past.map((one) => (
                    <li key={`${one.at.toString()} ${one.text}`}>
                        <Link class="mono past" to={href(['query'], { q: one.text, timespan: one.timespan })}>{one.text.slice(0, 160)}</Link>
                        <div class="small muted"><Time at={one.at} /></div>
                    </li>
                ))}
            </ul>
            <div><Button small onClick={forget}>{s.forgetPast}</Button></div>
        </div>
    );
}

type Tab = keyof typeof s.tabs;

export function Side(props: {
    saved: { data: { queries: SavedQuery[] } | undefined; error: Error | undefined; reload: () => void };
    opened: string; names: Names | undefined; past: Past[]; insert: (text: string) => void; forget: () => void;
}): JSX.Element {
    const [tab, setTab] = useState<Tab>('saved');
    return (
        <Card title={s.sideTitles[tab]}>
            <div class="stack">
                <div class="row" role="group" aria-label={s.beside}>
                    {(Object.keys(s.tabs) as Tab[]).map((one) => (
                        <Button key={one} small pressed={tab === one} onClick={() => { setTab(one); }}>{s.tabs[one]}</Button>
                    ))}
                </div>
                {tab === 'saved' ? <Loaded from={props.saved}>{(data) => <SavedList queries={data.queries} opened={props.opened} />}</Loaded>
                    : tab === 'tables' ? (props.names ? <TableList names={props.names} insert={props.insert} /> : null)
                    : <PastList past={props.past} forget={props.forget} />}
            </div>
        </Card>
    );
}
