// SPDX-License-Identifier: MIT
// All devices: by state, group and name. The filter stands in the URL; a page of the list is asked for at a time.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { useGet, withQuery } from '../../lib/api';
import { compact, duration } from '../../lib/format';
import { go, href, Link, useParam, useRoute } from '../../lib/router';
import { t } from '../../strings';
import { Button, Card, CopyButton, Empty, Loaded, Page, SearchField, SelectField, Table, Time, type Column } from '../../ui/ui';
import { ClockError, DeviceState, OpenAlerts, signsInBy } from './parts';
import { STATES, type DeviceRow, type Inventory } from './types';

const s = t.devices;
const PAGE = 50;

/** Sets one parameter and goes back to the first page: where a page begins holds for its filter only. */
function useFilter(name: string, fallback = ''): [string, (value: string) => void] {
    const { params } = useRoute();
    return [params.get(name) ?? fallback, (value: string) => {
        const next: Record<string, string | undefined> = Object.fromEntries(params);
        next[name] = value === fallback ? undefined : value;
        next['after'] = undefined;
        go(href(['devices'], next), true);
    }];
}

function StateChips({ counts }: { counts: Inventory['counts'] | undefined }): JSX.Element {
    const [state, setState] = useFilter('state');
    const chips: [string, string, number | undefined][] = [
        ['', s.allStates, counts?.total],
        ...STATES.map((one): [string, string, number | undefined] => [one, s.states[one] ?? one, counts?.[one]]),
    ];
    const tone = (one: string, count: number | undefined) => (
        (count ?? 0) === 0 ? '' : one === 'refused' || one === 'silent' ? ' bad' : one === 'late' ? ' warn' : ''
    );
    return (
        <div class="chips" role="group" aria-label={s.stateFilter}>
            {chips.map(([one, name, count]) => (
                <button key={one} type="button" class={`chip${tone(one, count)}`} aria-pressed={state === one} title={s.stateHints[one]}
                    onClick={() => { setState(one); }}>
                    {name}<strong>{count === undefined ? '' : compact(count)}</strong>
                </button>
            ))}
        </div>
    );
}

function Filters(): JSX.Element {
    const [search, setSearch] = useFilter('search');
    const [group, setGroup] = useFilter('group');
    const [sort, setSort] = useFilter('sort', 'deviceId');
    const groups = useGet<{ deviceCounts: Record<string, number> }>('/groups', ['groups']).data?.deviceCounts ?? {};
    const names = Object.keys(groups).sort((a, b) => a.localeCompare(b));
    if (group !== '' && !names.includes(group)) {
        names.push(group);
    }
    return (
        <div class="filters" role="search">
            <SearchField label={s.search} value={search} onChange={setSearch} placeholder={s.searchPlaceholder} />
            <SelectField label={s.group} value={group} onChange={setGroup}
                options={[['', s.anyGroup], ...names.map((name): [string, string] => [name, s.groupCount(name, groups[name] ?? 0)])]} />
            <SelectField label={s.sort} value={sort} onChange={setSort} options={Object.entries(s.sorts)} />
        </div>
    );
}

const columns: Column<DeviceRow>[] = [
    { name: s.device, cell: (row) => <Link class="wrap" to={href(['devices', row.deviceId])}>{row.deviceId}</Link> },
    { name: s.state, cell: (row) => <DeviceState of={row.state} /> },
    { name: s.openAlerts, cell: (row) => <OpenAlerts device={row.deviceId} of={row.openAlerts} /> },
    {
        name: s.lastHeard,
        cell: (row) => (
            <>
                <Time at={row.lastHeard} />
                {row.state === 'late' && row.usualSeconds !== null
                    ? <div class="muted small">{s.usually(duration(row.usualSeconds * 1000))}</div> : null}
            </>
        ),
    },
    { name: s.group, cell: (row) => <Link class="wrap" to={href(['groups', row.group])}>{row.group}</Link> },
    {
        name: s.address,
        cell: (row) => row.address === null ? '' : (
            <>
                <span class="mono wrap">{row.address}</span>
                {row.isConnected ? <div class="muted small">{s.connected}</div> : null}
            </>
        ),
    },
    { name: s.clock, cell: (row) => row.clockErrorMs === null ? '' : <ClockError ms={row.clockErrorMs} /> },
    { name: s.authentication, cell: (row) => <span class="small">{signsInBy(row.authenticationType)}</span> },
];

function None({ isFiltered }: { isFiltered: boolean }): JSX.Element {
    return (
        <Empty title={s.noneTitle}>
            {isFiltered ? s.none : (
                <>
                    {s.noneEver}
                    <span class="row"><code>{s.noneEverCommand}</code><CopyButton text={s.noneEverCommand} /></span>
                </>
            )}
        </Empty>
    );
}

export function DeviceList(): JSX.Element {
    const { params } = useRoute();
    const [after, setAfter] = useParam('after');
    const ask = (name: string) => params.get(name) ?? undefined;
    const loaded = useGet<Inventory>(withQuery('/inventory', {
        search: ask('search'), state: ask('state'), group: ask('group'), sort: ask('sort'), after: ask('after'), limit: PAGE,
    }), ['devices', 'alerts']);
    const counts = useRef<Inventory['counts'] | undefined>(undefined);
    counts.current = loaded.data?.counts ?? counts.current; // stay while the next page comes
    const isFiltered = ['search', 'state', 'group'].some((name) => params.has(name)) || params.get('sort') === 'openAlerts';
    return (
        <Page title={s.title} actions={params.size > 0 ? <Button onClick={() => { go(href(['devices'])); }}>{t.clear}</Button> : null}>
            <StateChips counts={counts.current} />
            <Filters />
            <Card flush busy={loaded.loading}>
                <Loaded from={loaded} lines={10}>
                    {(data) => (
                        <>
                            <Table caption={s.list} columns={columns} rows={data.devices} rowKey={(row) => row.deviceId}
                                empty={after !== '' ? <Empty title={s.noMore} /> : <None isFiltered={isFiltered} />} />
                            <div class="pager">
                                <span class="muted small">{t.rowsShown(data.devices.length)}</span>
                                {after !== '' ? <Button small onClick={() => { setAfter(''); }}>{s.first}</Button> : null}
                                {data.next !== null ? (
                                    <Button small onClick={() => {
                                        setAfter(data.next ?? '');
                                        window.scrollTo(0, 0);
                                    }}>{s.next}</Button>
                                ) : null}
                            </div>
                        </>
                    )}
                </Loaded>
            </Card>
        </Page>
    );
}
