// SPDX-License-Identifier: MIT
// Alerts by filter, one by one or by cause. The filter stands in the URL.

import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { useGet, withQuery, type Loaded as Got } from '../../lib/api';
import { go, href, Link, useParam, useRoute } from '../../lib/router';
import type { Alert, AlertGroup } from '../../lib/types';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import {
    Badge, Button, Card, Empty, Loaded, Page, SearchField, SelectField, Severity, Table, Time, type Column, type Tone,
} from '../../ui/ui';
import { BulkActions } from './act';
import type { Filter } from './scope';

const s = t.alerts;
const PAGE = 50;
/** Causes are looked for among so many alerts of the filter, the newest: of a million it would take seconds. */
const AMONG = 20000;
const FILTERS = ['severity', 'state', 'type', 'device', 'group', 'cause', 'text'] as const;
const HOURS: Record<string, number> = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 };

const TONES: Record<string, Tone> = { New: 'high', InProgress: 'medium', Dismissed: 'quiet', Resolved: 'good' };

export function StateBadge({ of }: { of: string }): JSX.Element {
    return <Badge tone={TONES[of] ?? 'quiet'}>{(s.states as Record<string, string>)[of] ?? of}</Badge>;
}

/** The filter of the URL as the service takes it. A stretch of time begins on a full minute, so that it stays the same request. */
export function filterOf(params: URLSearchParams, now: number): Filter {
    const hours = HOURS[params.get('from') ?? ''];
    const filter: Filter = {};
    for (const name of FILTERS) {
        filter[name] = params.get(name) ?? undefined;
    }
    filter['state'] ??= 'Open';
    if (filter['state'] === 'any') {
        filter['state'] = undefined;
    }
    filter['from'] = hours === undefined ? undefined
        : new Date(Math.floor(now / 60000) * 60000 - hours * 3600000).toISOString();
    return filter;
}

/** Other filters would have to look through all of a severity before the next one. */
const NARROW = ['type', 'device', 'group', 'cause', 'text'];

/** The order of the list and how to set it: without much of a filter the worst of what is open first, else the newest. */
function useSort(): [string, (value: string) => void] {
    const { params } = useRoute();
    const isPlain = (params.get('state') ?? 'Open') === 'Open' && NARROW.every((name) => !params.has(name));
    const [, setBefore] = useParam('before');
    const [sort, setSort] = useParam('sort', isPlain ? 'severity' : 'newest');
    return [sort, (value) => {
        setBefore('');
        setSort(value);
    }];
}

function Filters(): JSX.Element {
    const [sort, setSort] = useSort();
    const [by] = useParam('by');
    const [severity, setSeverity] = useParam('severity');
    const [state, setState] = useParam('state', 'Open');
    const [from, setFrom] = useParam('from');
    const [text, setText] = useParam('text');
    const [device, setDevice] = useParam('device');
    const [type, setType] = useParam('type');
    const [group, setGroup] = useParam('group');
    const [cause, setCause] = useParam('cause');
    const chosen: [string, string, (value: string) => void][] = [
        [s.device, device, setDevice], [s.type, type, setType], [t.groups.one, group, setGroup], [s.cause, cause, setCause],
    ];
    return (
        <div class="filters" role="search">
            <SelectField label={s.severity} value={severity} onChange={setSeverity}
                options={[['', t.any], ...Object.entries(t.severity)]} />
            <SelectField label={s.state} value={state} onChange={setState}
                options={Object.entries(s.states).map(([value, name]) => [value === '' ? 'any' : value, name])} />
            <SelectField label={s.from} value={from} onChange={setFrom} options={Object.entries(s.times)} />
            {by === 'cause' ? null : <SelectField label={s.sort} value={sort} onChange={setSort} options={Object.entries(s.sorts)} />}
            <SearchField label={s.text} value={text} onChange={setText} placeholder={s.textPlaceholder} />
            {chosen.filter(([, value]) => value !== '').map(([name, value, set]) => (
                <Button key={name} icon="close" onClick={() => { set(''); }}>{name}{': '}{value}</Button>
            ))}
        </div>
    );
}

const columns: Column<Alert>[] = [
    {
        name: s.what,
        cell: (alert) => (
            <>
                <Link to={href(['alerts', alert.id])}>{alert.displayName}</Link>
                <div class="muted small wrap"><Said text={alert.subject} /></div>
            </>
        ),
    },
    { name: s.severity, cell: (alert) => <Severity of={alert.severity} /> },
    {
        name: s.device,
        cell: (alert) => alert.deviceId === '' ? <span class="muted">{s.hub}</span>
            : <Link class="wrap" to={href(['devices', alert.deviceId])}>{alert.deviceId}</Link>,
    },
    { name: s.state, cell: (alert) => <StateBadge of={alert.status} /> },
    { name: s.count, number: true, cell: (alert) => alert.count },
    { name: s.when, cell: (alert) => <Time at={alert.endTime} /> },
];

interface ListAnswer { alerts: Alert[]; next: number }

function One({ filter, loaded }: { filter: Filter; loaded: Got<ListAnswer> }): JSX.Element {
    const [before, setBefore] = useParam('before');
    const [sort] = useSort();
    // What was not there when this page was opened is new.
    const newest = useRef<number | undefined>(undefined);
    if (newest.current === undefined && loaded.data) {
        newest.current = Math.max(0, ...loaded.data.alerts.map((alert) => alert.number));
    }
    const fresh = (alert: Alert) => newest.current !== undefined && alert.number > newest.current;
    const anyFilter = Object.values(filter).some((value) => value !== undefined);
    return (
        <Card flush>
            <Loaded from={loaded} lines={10}>
                {(data) => (
                    <>
                        <Table caption={sort === 'severity' ? s.listBySeverity : s.list} columns={columns} rows={data.alerts} rowKey={(alert) => alert.id} fresh={fresh}
                            empty={<Empty title={s.noneTitle}>{anyFilter ? s.none : s.noneEver}</Empty>} />
                        <div class="pager">
                            <span class="muted small">{t.rowsShown(data.alerts.length)}</span>
                            {before !== '' ? <Button small onClick={() => { setBefore(''); }}>{sort === 'severity' ? s.firstPage : t.newest}</Button> : null}
                            {data.next > 0 ? (
                                <Button small onClick={() => {
                                    setBefore(String(data.next));
                                    window.scrollTo(0, 0);
                                }}>{sort === 'severity' ? s.nextPage : t.older}</Button>
                            ) : null}
                        </div>
                    </>
                )}
            </Loaded>
        </Card>
    );
}

function groupColumns(filter: Filter): Column<AlertGroup>[] {
    return [
        {
            name: s.what,
            cell: (group) => (
                <>
                    <Link to={href(['alerts'], {
                        ...filter, from: undefined, state: filter['state'] ?? 'any', type: group.alertType, cause: group.cause,
                    })}>{group.displayName}</Link>
                    <div class="muted small wrap"><Said text={group.cause} /></div>
                </>
            ),
        },
        { name: s.severity, cell: (group) => <Severity of={group.severity} /> },
        { name: s.devices, number: true, cell: (group) => group.devices },
        { name: s.alerts, number: true, cell: (group) => group.alerts },
        { name: s.open, number: true, cell: (group) => group.open },
        { name: s.first, cell: (group) => <Time at={group.startTime} /> },
        { name: s.when, cell: (group) => <Time at={group.endTime} /> },
    ];
}

interface GroupsAnswer { groups: AlertGroup[] }

function ByCause({ filter, loaded }: { filter: Filter; loaded: Got<GroupsAnswer> }): JSX.Element {
    return (
        <Card flush>
            <Loaded from={loaded} lines={10}>
                {(data) => (
                    <Table caption={s.group} columns={groupColumns(filter)} rows={data.groups}
                        rowKey={(group) => `${group.alertType} ${group.cause}`} empty={<Empty title={s.noneTitle}>{s.none}</Empty>} />
                )}
            </Loaded>
        </Card>
    );
}

export function AlertList(): JSX.Element {
    const { params } = useRoute();
    const [by, setBy] = useParam('by');
    const text = params.toString();
    const filter = useMemo(() => filterOf(params, Date.now()), [text]);
    const [before] = useParam('before');
    const [sort] = useSort();
    const isByCause = by === 'cause';
    const one = useGet<ListAnswer>(isByCause ? null : withQuery('/alerts', { ...filter, sort, before, limit: PAGE }),
        before === '' ? ['alerts'] : []);
    const causes = useGet<GroupsAnswer>(isByCause ? withQuery('/alert-groups', { ...filter, among: AMONG, limit: 200 }) : null, ['alerts']);
    const isEmpty = (isByCause ? causes.data?.groups : one.data?.alerts)?.length === 0;
    return (
        <Page title={s.title} actions={
            <>
                <BulkActions filter={filter} isEmpty={isEmpty} />
                <Button pressed={isByCause} onClick={() => { setBy(isByCause ? '' : 'cause'); }}>{s.byCause}</Button>
                {text !== '' ? <Button onClick={() => { go(href(['alerts'])); }}>{t.clear}</Button> : null}
            </>
        }>
            <Filters />
            {isByCause ? <ByCause filter={filter} loaded={causes} /> : <One filter={filter} loaded={one} />}
        </Page>
    );
}
