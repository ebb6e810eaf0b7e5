// SPDX-License-Identifier: MIT
// The evidence: flows as a table, anything else as what it says.

import type { JSX } from 'preact';
import { bytes, duration, number } from '../../lib/format';
import { Link } from '../../lib/router';
import type { Alert, Evidence } from '../../lib/types';
import { t } from '../../strings';
import { Said, ShortTime } from '../../ui/said';
import { Card, Empty, Facts, Table, type Column } from '../../ui/ui';
import { queryLink } from './detail';

const s = t.alerts;

function text(value: unknown): string {
    return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);
}

function endpoint(address: unknown, port: unknown): string {
    const host = text(address);
    return typeof port === 'number' && port > 0 ? `${host.includes(':') ? `[${host}]` : host}:${port.toString()}` : host;
}

function Arrow({ of }: { of: string }): JSX.Element | null {
    return of === 'In' || of === 'Out' ? <span aria-hidden="true">{of === 'In' ? '← ' : '→ '}</span> : null;
}

function Size({ name, of }: { name: string; of: unknown }): JSX.Element | null {
    return typeof of === 'number' ? <div title={s.bytes(number(of))}>{bytes(of)}{' '}<span class="muted">{name}</span></div> : null;
}

const flowColumns: Column<Evidence>[] = [
    { name: s.time, cell: (e) => <ShortTime at={text(e.time)} /> },
    { name: s.flow, cell: (e) => `${text(e['protocol'])} ${text(e['direction']).toLowerCase()}` },
    {
        name: s.ends,
        cell: (e) => (
            <div class="ends mono">
                <div>{endpoint(e['localAddress'], e['localPort'])}</div>
                <div><Arrow of={text(e['direction'])} />{endpoint(e['remoteAddress'], e['remotePort'])}</div>
            </div>
        ),
    },
    { name: s.sizes, number: true, cell: (e) => <><Size name={s.in} of={e['bytesIn']} /><Size name={s.out} of={e['bytesOut']} /></> },
];

/** A member as people read it: `clockErrorMs` becomes "Clock error ms". */
export function words(member: string): string {
    const split = member.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
    return split.charAt(0).toUpperCase() + split.slice(1);
}

function Value({ name, of }: { name: string; of: unknown }): JSX.Element {
    const look = /ids?$|address(es)?$/i.test(name) ? 'mono wrap' : 'wrap';
    if (Array.isArray(of) && of.every((one) => typeof one !== 'object')) {
        return <ul class="plain">{of.map((one, i) => <li key={i} class={look}><Said text={text(one)} /></li>)}</ul>;
    }
    if (/bytes/i.test(name) && typeof of === 'number') {
        return <span title={s.bytes(number(of))}>{bytes(of)}</span>;
    }
    if (/ms$/i.test(name) && typeof of === 'number') {
        return <>{duration(of)}</>;
    }
    return <span class={look}><Said text={text(of)} /></span>;
}

function Other({ of }: { of: Evidence }): JSX.Element {
    return (
        <li class="evidence">
            <Facts of={Object.entries(of).filter(([, value]) => value !== null)
                .map(([name, value]) => [words(typeof value === 'number' ? name.replace(/Ms$/, '') : name), <Value key={name} name={name} of={value} />])} />
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
