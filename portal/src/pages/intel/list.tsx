// SPDX-License-Identifier: MIT
// All feeds: whether they are fresh, what they hold, what came of them.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { may, useGet } from '../../lib/api';
import { number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Badge, Button, Card, Empty, Loaded, Notice, Page, Severity, Table, Time, type Column, type Tone } from '../../ui/ui';
import { canRefresh, RefreshButton } from './act';
import { FeedDialog } from './edit';
import { inOrder, sourceOf, stateOf, type Feed, type State } from './feeds';
import { Matches } from './matches';
import { TestAddress } from './test_address';

const s = t.intel;

const TONES: Record<State, Tone> = { failing: 'high', unread: 'medium', empty: 'medium', damaged: 'medium', good: 'good', off: 'quiet' };

export function StateBadge({ of }: { of: Feed }): JSX.Element {
    const state = stateOf(of);
    return <Badge tone={TONES[state]}>{s.states[state]}</Badge>;
}

/** What went wrong and what to do about it, for each feed that fails. */
export function Trouble({ of: feed }: { of: Feed }): JSX.Element {
    const source = sourceOf(feed.settings);
    return (
        <Notice tone="bad">
            <strong><Link to={href(['intel', feed.name])}>{feed.name}</Link>{': '}{feed.error}</strong>
            <p>
                {feed.lastSuccess === null ? s.neverRead : <>{s.keeps(feed.report.used)}{' ('}<Time at={feed.lastSuccess} />{').'}</>}{' '}
                {s.advice[source]}
                {feed.source ? <>{' '}{s.nextTry}{' '}{feed.source.next === null ? s.now : <Time at={feed.source.next} />}</> : null}
            </p>
        </Notice>
    );
}

const columns: Column<Feed>[] = [
    {
        name: s.feed,
        cell: (feed) => (
            <>
                <Link class="wrap" to={href(['intel', feed.name])}>{feed.name}</Link>
                <div class="muted small">{s.sources[sourceOf(feed.settings)]}</div>
            </>
        ),
    },
    {
        name: s.state,
        cell: (feed) => (
            <span class="row">
                <StateBadge of={feed} />
                {feed.settings.kind === 'exceptions' ? <Badge>{s.exceptions}</Badge> : null}
            </span>
        ),
    },
    { name: s.read, cell: (feed) => <Time at={feed.lastSuccess} /> },
    {
        name: s.next,
        cell: (feed) => !feed.source || feed.settings.enabled === false ? '' : feed.source.next === null ? s.now : <Time at={feed.source.next} />,
    },
    { name: s.inUse, number: true, cell: (feed) => number(feed.report.used) },
    {
        name: s.severityShort,
        cell: (feed) => feed.settings.kind === 'exceptions' ? '' : <Severity of={feed.settings.severity ?? 'Medium'} />,
    },
    { name: s.alerts, number: true, cell: (feed) => feed.settings.kind === 'exceptions' ? '' : number(feed.alerts) },
    { name: s.latest, cell: (feed) => feed.settings.kind === 'exceptions' ? '' : <Time at={feed.lastAlert} /> },
];

const acts: Column<Feed> = { name: s.acts, cell: (feed) => <RefreshButton feed={feed} small /> };

export function FeedList(): JSX.Element {
    const loaded = useGet<{ feeds: Feed[] }>('/feeds', ['feeds', 'alerts']);
    const [adding, setAdding] = useState(false);
    const add = may('contributor') ? <Button kind="primary" icon="plus" onClick={() => { setAdding(true); }}>{s.add}</Button> : null;
    return (
        <Page title={t.nav.intel} actions={add}>
            <div class="stack">
                {loaded.data?.feeds.filter((feed) => stateOf(feed) === 'failing').map((feed) => <Trouble key={feed.name} of={feed} />)}
                <TestAddress />
                <Card title={s.feeds} flush actions={loaded.data && loaded.data.feeds.length > 0
                    ? <span class="muted small">{s.total(loaded.data.feeds.reduce((all, feed) => all + (stateOf(feed) === 'off' ? 0 : feed.report.used), 0))}</span> : null}>
                    <Loaded from={loaded}>
                        {({ feeds }) => (
                            <Table caption={s.feeds} columns={feeds.some(canRefresh) ? [...columns, acts] : columns} rows={inOrder(feeds)} rowKey={(feed) => feed.name}
                                empty={<Empty title={s.none}>{may('contributor') ? s.noneHow : s.noneWhy}</Empty>} />
                        )}
                    </Loaded>
                </Card>
                <Matches />
            </div>
            {adding ? <FeedDialog of={undefined} names={(loaded.data?.feeds ?? []).map((feed) => feed.name)} onClose={() => { setAdding(false); }} /> : null}
        </Page>
    );
}
