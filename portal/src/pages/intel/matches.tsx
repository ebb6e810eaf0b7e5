// SPDX-License-Identifier: MIT
// Open alerts that feeds are the cause of.

import type { JSX } from 'preact';
import { usePost } from '../../lib/post';
import { href, Link } from '../../lib/router';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Button, Card, Empty, Loaded, Table, Time, type Column } from '../../ui/ui';

const s = t.intel;
const TYPE = 'IoT_TiConnection';

export const MATCHES = [
    'SecurityAlert',
    `| where AlertType == "${TYPE}" and Status in ("New", "InProgress")`,
    '| extend p = parse_json(ExtendedProperties)',
    '| summarize Alerts = count(), Devices = dcount(tostring(p.DeviceId)), Addresses = dcount(tostring(p.Subject)),',
    '    Latest = max(EndTime) by Feed = tostring(p.IndicatorSource)',
    '| sort by Alerts desc',
].join('\n');

interface Match { feed: string; alerts: number; devices: number; addresses: number; latest: string }

function matchesOf(result: QueryResult): Match[] {
    return result.rows.map((row) => ({
        feed: String(row[0]), alerts: Number(row[1]), devices: Number(row[2]), addresses: Number(row[3]), latest: String(row[4]),
    }));
}

const columns: Column<Match>[] = [
    { name: s.feed, cell: (one) => one.feed === '' ? <span class="muted">{s.unnamed}</span> : <Link to={href(['intel', one.feed])}>{one.feed}</Link> },
    { name: s.openAlerts, number: true, cell: (one) => one.alerts },
    { name: s.devices, number: true, cell: (one) => one.devices },
    { name: s.addresses, number: true, cell: (one) => one.addresses },
    { name: s.latest, cell: (one) => <Time at={one.latest} /> },
];

export function Matches(): JSX.Element {
    const { data, error, reload } = usePost<QueryResult>('/query', { kql: MATCHES });
    return (
        <Card title={s.matches} flush actions={
            <>
                <Button small onClick={reload}>{s.again}</Button>
                <Link class="button small" to={href(['query'], { q: MATCHES })}>{t.openInQuery}</Link>
                <Link class="button small" to={href(['alerts'], { type: TYPE })}>{s.allAlerts}</Link>
            </>
        }>
            <Loaded from={{ data, error, reload }}>
                {(result) => (
                    <Table caption={s.matches} columns={columns} rows={matchesOf(result)} rowKey={(one) => one.feed}
                        empty={<Empty title={s.noMatches}>{s.noMatchesWhy}</Empty>} />
                )}
            </Loaded>
        </Card>
    );
}
