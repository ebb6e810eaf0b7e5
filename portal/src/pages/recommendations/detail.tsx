// SPDX-License-Identifier: MIT
// One recommendation: what is wrong with what, what to do, and since when it is so.

import type { ComponentChildren, JSX } from 'preact';
import { useGet } from '../../lib/api';
import { number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import { Card, Empty, Facts, Loaded, Notice, Page, Severity, Table, Time, type Column } from '../../ui/ui';
import { FixCard } from './fix';
import { StateBadge } from './list';
import type { Recommendation, Resource } from './types';

const s = t.recommendations;

/** Where a setting that is concerned is changed. */
const SETTINGS: Record<string, string> = { ipFilterRules: 'ip-filter', diagnosticSettings: 'diagnostics' };

/** An identity is a device, or a module below it. */
function Identity({ of }: { of: string }): JSX.Element {
    return <Link to={href(['devices', of.split('/')[0] ?? of])}>{of}</Link>;
}

const sharedColumns: Column<Resource>[] = [
    { name: s.kind, cell: (r) => s.kinds[r.kind ?? ''] ?? r.kind },
    {
        name: s.identity,
        cell: (r) => (
            <div class="stack tight">
                <span>{s.shared(r.count ?? 0)}</span>
                <div class="row">
                    {(r.identities ?? []).map((id) => <Identity key={id} of={id} />)}
                    {(r.count ?? 0) > (r.identities?.length ?? 0)
                        ? <span class="muted">{s.andMore((r.count ?? 0) - (r.identities?.length ?? 0))}</span> : null}
                </div>
            </div>
        ),
    },
];

const ruleColumns: Column<Resource>[] = [
    { name: s.rule, cell: (r) => <Link to={href(['settings', 'ip-filter'])}>{r.filterName}</Link> },
    { name: s.range, cell: (r) => <span class="mono">{r.ipMask}</span> },
    { name: s.addresses, number: true, cell: (r) => number(2 ** (32 - (r.prefix ?? 32))) },
];

function Property({ name }: { name: string }): JSX.Element {
    const tab = SETTINGS[name];
    const words = s.properties[name] ?? name;
    return tab === undefined ? <>{words}</> : <Link to={href(['settings', tab])}>{words}</Link>;
}

function Resources({ of: one }: { of: Recommendation }): JSX.Element {
    const shared = one.resources.filter((r) => r.identities !== undefined);
    const rules = one.resources.filter((r) => r.ipMask !== undefined);
    const properties = one.resources.filter((r) => r.property !== undefined);
    return (
        <Card title={s.concerned} flush>
            {one.resources.length === 0 ? <Empty title={s.concernedNone} /> : null}
            {shared.length > 0 ? (
                <Table caption={s.concerned} columns={sharedColumns} rows={shared} empty={null}
                    rowKey={(r) => (r.identities ?? []).join(' ')} />
            ) : null}
            {rules.length > 0 ? (
                <Table caption={s.concerned} columns={ruleColumns} rows={rules} empty={null} rowKey={(r) => r.filterName ?? ''} />
            ) : null}
            {properties.length > 0 ? (
                <ul class="plain evidence">
                    {properties.map((r) => <li key={r.property}><Property name={r.property ?? ''} /></li>)}
                </ul>
            ) : null}
            {one.resourceCount > one.resources.length
                ? <p class="muted small evidence">{s.moreThanShown(one.resources.length, one.resourceCount)}</p> : null}
        </Card>
    );
}

function How({ of: one }: { of: Recommendation }): JSX.Element {
    const active = one.state === 'Active';
    return (
        <Card title={active ? s.wrong : s.well}>
            <div class="stack">
                {active ? <p class="lead"><Said text={one.description} /></p> : <Notice tone="good"><Said text={one.description} /></Notice>}
                {one.remediationSteps.length > 0 ? (
                    <div class="stack tight">
                        <h3>{active ? s.steps : s.stepsWhenWell}</h3>
                        <ol class="steps">{one.remediationSteps.map((step) => <li key={step}>{step}</li>)}</ol>
                    </div>
                ) : null}
            </div>
        </Card>
    );
}

function Details({ of: one }: { of: Recommendation }): JSX.Element {
    const facts: [string, ComponentChildren][] = [
        [s.since, <Time key="since" at={one.since} full />],
        [s.first, <Time key="first" at={one.firstActive} full />],
        [s.looked, <Time key="looked" at={one.lastEvaluated} />],
        ...(one.unhealthyDeviceCount > 0 ? [[s.devices, number(one.unhealthyDeviceCount)] as [string, string]] : []),
        [s.type, <span class="mono small" key="type">{one.type}</span>],
    ];
    return <Card title={s.details}><Facts of={facts} /></Card>;
}

function History({ of: one }: { of: Recommendation }): JSX.Element {
    return (
        <Card title={s.history}>
            <ol class="timeline">
                {(one.history ?? []).map((entry) => (
                    <li key={entry.time} class={entry.state === 'Active' ? 'mark' : ''}>
                        <div><strong>{s.became[entry.state] ?? entry.state}</strong>{' '}<Time at={entry.time} full /></div>
                    </li>
                ))}
            </ol>
        </Card>
    );
}

export function RecommendationDetail({ type }: { type: string }): JSX.Element {
    const loaded = useGet<Recommendation>(`/recommendations/${encodeURIComponent(type)}`, ['recommendations']);
    return (
        <Loaded from={loaded} lines={8}>
            {(one) => (
                <Page title={one.displayName} parent={{ to: href(['recommendations']), name: s.title }}
                    badges={<><Severity of={one.severity} /><StateBadge of={one.state} /></>}>
                    <div class="columns wide-left">
                        <div class="stack">
                            <How of={one} />
                            <FixCard of={one} reload={loaded.reload} />
                            {one.state === 'Active' ? <Resources of={one} /> : null}
                        </div>
                        <div class="stack">
                            <Details of={one} />
                            <History of={one} />
                        </div>
                    </div>
                </Page>
            )}
        </Loaded>
    );
}
