// SPDX-License-Identifier: MIT
// The evidence: flows as a table, anything else as what it says.

import type { JSX } from 'preact';
import { bytes } from '../../lib/format';
import { Link } from '../../lib/router';
import type { Alert, Evidence } from '../../lib/types';
import { t } from '../../strings';
import { Card, Empty, Facts, Table, Time, type Column } from '../../ui/ui';
import { queryLink } from './detail';

const s = t.alerts;

function text(value: unknown): string {
    return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);
}

function endpoint(address: unknown, port: unknown): string {
    const host = text(address);
    return typeof port === 'number' && port > 0 ? `${host.includes(':') ? `[${host}]` : host}:${port.toString()}` : host;
}

const size = (value: unknown): string => (typeof value === 'number' ? bytes(value) : '');

const flowColumns: Column<Evidence>[] = [
    { name: s.time, cell: (e) => <Time at={e.time} full /> },
    { name: s.direction, cell: (e) => text(e['direction']) },
    { name: s.protocol, cell: (e) => text(e['protocol']) },
    { name: s.local, cell: (e) => <span class="mono wrap">{endpoint(e['localAddress'], e['localPort'])}</span> },
    { name: s.remote, cell: (e) => <span class="mono wrap">{endpoint(e['remoteAddress'], e['remotePort'])}</span> },
    { name: s.bytesIn, number: true, cell: (e) => size(e['bytesIn']) },
    { name: s.bytesOut, number: true, cell: (e) => size(e['bytesOut']) },
];

const TIMES = /[tT]ime$/;

/** A member as people read it: `clockErrorMs` becomes "Clock error ms". */
export function words(member: string): string {
    const split = member.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
    return split.charAt(0).toUpperCase() + split.slice(1);
}

function Value({ name, of }: { name: string; of: unknown }): JSX.Element {
    if (TIMES.test(name) && typeof of === 'string') {
        return <Time at={of} full />;
    }
    return <span class={/id$|address/i.test(name) ? 'mono wrap' : 'wrap'}>{text(of)}</span>;
}

function Other({ of }: { of: Evidence }): JSX.Element {
    return (
        <li class="evidence">
            <Facts of={Object.entries(of).filter(([, value]) => value !== null)
                .map(([name, value]) => [words(name), <Value key={name} name={name} of={value} />])} />
        </li>
    );
}

export function EvidenceCard({ alert }: { alert: Alert }): JSX.Element {
    const flows = alert.evidence.filter((e) => e['remoteAddress'] !== undefined && e['protocol'] !== undefined);
    const others = alert.evidence.filter((e) => !flows.includes(e));
    const shown = alert.evidence.length;
    return (
        <Card title={s.evidence} flush actions={
            <>
                {alert.evidenceTotal > shown ? <span class="muted small">{s.evidenceTotal(shown, alert.evidenceTotal)}</span> : null}
                {alert.query ? <Link class="button small" to={queryLink(alert.query, alert.queryTimespan)}>{t.openInQuery}</Link> : null}
            </>
        }>
            {shown === 0 ? <Empty title={s.noEvidence} /> : null}
            {flows.length > 0 ? (
                <Table caption={s.evidence} columns={flowColumns} rows={flows} empty={null}
                    rowKey={(e) => `${text(e.rawEventId)} ${text(e.time)} ${text(e['localPort'])} ${text(e['remotePort'])}`} />
            ) : null}
            {others.length > 0 ? <ul class="plain">{others.map((e, i) => <Other key={i} of={e} />)}</ul> : null}
        </Card>
    );
}
