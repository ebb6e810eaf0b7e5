// SPDX-License-Identifier: MIT
// The service itself: whether it takes what comes, and all that it counts.

import type { ComponentChildren, JSX } from 'preact';
import { signedIn, useGet } from '../../lib/api';
import { duration, number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Card, CopyButton, Facts, Loaded, Notice, Stat, Table, type Column } from '../../ui/ui';
import { words } from '../alerts/evidence';
import type { Status } from './status';

const s = t.settings.service;

/** So many records behind are a moment's work. */
const BEHIND_MAX = 10000;

/** So many notifications are not sent in a moment. */
const MANY_WAIT = 100;

type Part = Record<string, unknown> | undefined;

const count = (part: Part, name: string): number => (typeof part?.[name] === 'number' ? part[name] : 0);

export interface Trouble { text: string; bad: boolean; to?: string; name?: string }

/** What is wrong, the worst first. */
export function troubles(status: Status): Trouble[] {
    const found: Trouble[] = [];
    const lost = count(status.hub, 'operationsLost');
    const behind = count(status.center, 'behind');
    const letters = count(status.center, 'deadLetters');
    if (!status.running) {
        found.push({ text: s.troubles.stopped, bad: true });
    }
    if (status.hub?.['logUnwritable'] === true) {
        found.push({ text: s.troubles.logUnwritable, bad: true });
    }
    if (status.center?.['stalled'] === true) {
        found.push({ text: s.troubles.stalled, bad: true });
    }
    if (status.state?.['unwritable'] === true) {
        found.push({ text: s.troubles.unwritable, bad: true });
    }
    if (behind > BEHIND_MAX) {
        found.push({ text: s.troubles.behind(number(behind)), bad: false });
    }
    if (lost > 0) {
        found.push({ text: s.troubles.operationsLost(number(lost)), bad: false });
    }
    const failing = (status.exports ?? []).filter((one) => one.state === 'failing' || one.state === 'off');
    for (const setting of new Set(failing.map((one) => one.setting))) {
        found.push({ text: s.troubles.exports(setting), bad: false, to: 'diagnostics', name: s.seeExports });
    }
    for (const sink of status.sinks ?? []) {
        if (sink.state === 'failing') {
            found.push({ text: s.troubles.sinkFails(sink.name, number(sink.waiting)), bad: false, to: 'notifications', name: s.seeSinks });
        } else if (sink.waiting >= MANY_WAIT) {
            found.push({ text: s.troubles.sinkWaits(sink.name, number(sink.waiting)), bad: false, to: 'notifications', name: s.seeSinks });
        }
        if (sink.dead > 0) {
            found.push({ text: s.troubles.sinkDead(sink.name, number(sink.dead)), bad: false, to: 'notifications', name: s.seeSinks });
        }
    }
    if (letters > 0) {
        found.push({ text: s.troubles.deadLetters(number(letters)), bad: false, to: 'dead-letters', name: s.seeDeadLetters });
    }
    return found;
}

function Health({ of: status }: { of: Status }): JSX.Element {
    const found = troubles(status);
    return (
        <div class="stack tight" role="status">
            {found.length === 0 ? <Notice tone="good">{s.well}</Notice> : found.map((one) => (
                <Notice key={one.text} tone={one.bad ? 'bad' : 'warn'}>
                    {one.text}
                    {one.to !== undefined && one.name !== undefined ? <>{' '}<Link to={href(['settings', one.to])}>{one.name}</Link></> : null}
                </Notice>
            ))}
        </div>
    );
}

function Ingest({ of: { hub, center } }: { of: Status }): JSX.Element {
    return (
        <Card title={s.ingest}>
            <div class="stats">
                <Stat name={s.connections} value={number(count(hub, 'connections'))} note={s.authenticated(number(count(hub, 'authenticated')))} />
                <Stat name={s.backlog} value={number(count(center, 'behind'))} note={s.backlogNote} />
                <Stat name={s.records} value={number(count(center, 'records'))} note={s.recordsNote} />
                <Stat name={s.alerts} value={number(count(center, 'alertsRaised'))} note={s.repeats(number(count(center, 'alertsRepeated')))}
                    to={href(['alerts'])} />
                <Stat name={s.refused} value={number(count(hub, 'refused'))} note={s.recordsNote} />
                <Stat name={s.letters} value={number(count(center, 'deadLetters'))} note={s.recordsNote} to={href(['settings', 'dead-letters'])} />
            </div>
        </Card>
    );
}

function About({ of: status }: { of: Status }): JSX.Element {
    const page = signedIn()?.version;
    const facts: [string, ComponentChildren][] = [
        [s.version, status.version],
        ...(page !== undefined && page !== status.version ? [[s.portal, page] as [string, string]] : []),
        [s.uptime, duration(status.uptimeSeconds * 1000)],
        [s.host, <span key="host" class="mono wrap">{status.host}</span>],
        [s.resource, <span key="id" class="row"><span class="mono small wrap">{status.resourceId}</span><CopyButton text={status.resourceId} /></span>],
        [s.indicators, number(status.indicators)],
        ...(status.queriesRunning !== undefined ? [[s.queries, number(status.queriesRunning)] as [string, string]] : []),
    ];
    return (
        <Card title={s.about}>
            <div class="stack">
                <Facts of={facts} />
                <p class="muted small">{s.config}</p>
            </div>
        </Card>
    );
}

type Counter = [name: string, value: unknown];

const columns: Column<Counter>[] = [
    { name: s.counter, cell: ([name]) => words(name) },
    {
        name: s.value, number: true,
        cell: ([name, value]) => typeof value === 'number' && name !== 'port' ? number(value)
            : typeof value === 'boolean' ? (value ? t.yes : t.no) : String(value),
    },
];

function Counters({ of: status }: { of: Status }): JSX.Element {
    const parts: [string, Part][] = [['hub', status.hub], ['center', status.center], ['state', status.state], ['hunts', status.hunts]];
    return (
        <Card title={s.counters}>
            <div class="stack">
                <p class="muted small">{s.countersText}</p>
                {parts.filter(([, part]) => part !== undefined).map(([name, part]) => (
                    <details key={name}>
                        <summary>{s.groups[name]}</summary>
                        <Table caption={s.groups[name] ?? name} columns={columns} rowKey={([counter]) => counter} empty={null}
                            rows={Object.entries(part ?? {}).filter(([, value]) => typeof value !== 'object')} />
                    </details>
                ))}
            </div>
        </Card>
    );
}

export function Service(): JSX.Element {
    const loaded = useGet<Status>('/status', ['ingest']);
    return (
        <Loaded from={loaded} lines={8}>
            {(status) => (
                <div class="stack">
                    <Health of={status} />
                    <Ingest of={status} />
                    <div class="columns"><About of={status} /><Counters of={status} /></div>
                </div>
            )}
        </Loaded>
    );
}
