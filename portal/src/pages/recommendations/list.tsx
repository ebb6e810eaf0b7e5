// SPDX-License-Identifier: MIT
// All recommendations; those to do unless the URL says otherwise.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import { Badge, Card, Empty, Loaded, Page, SelectField, Severity, Table, Time, type Column } from '../../ui/ui';
import type { Recommendation } from './types';

const s = t.recommendations;

export function StateBadge({ of }: { of: string }): JSX.Element {
    return <Badge tone={of === 'Active' ? 'medium' : 'good'}>{s.states[of] ?? of}</Badge>;
}

const columns: Column<Recommendation>[] = [
    {
        name: s.what,
        cell: (one) => (
            <>
                <Link to={href(['recommendations', one.type])}>{one.displayName}</Link>
                <div class="muted small wrap"><Said text={one.description} /></div>
            </>
        ),
    },
    { name: s.severity, cell: (one) => <Severity of={one.severity} /> },
    { name: s.state, cell: (one) => <StateBadge of={one.state} /> },
    { name: s.resources, number: true, cell: (one) => one.resourceCount },
    { name: s.since, cell: (one) => <Time at={one.since} /> },
];

/** Those that a state (empty: to do) and a severity (empty: any) choose. */
export function chosen(all: Recommendation[], state: string, severity: string): Recommendation[] {
    return all.filter((one) => (state === 'any' || one.state === (state === '' ? 'Active' : state))
        && (severity === '' || one.severity === severity));
}

function None({ all, state, severity }: { all: Recommendation[]; state: string; severity: string }): JSX.Element {
    if (all.length === 0) {
        return <Empty title={s.notYet}>{s.notYetText}</Empty>;
    }
    const isWell = state === '' && severity === '' && all.every((one) => one.state === 'NotActive');
    return isWell ? <Empty title={s.allWell}>{s.allWellText}</Empty> : <Empty title={s.noneMatch} />;
}

export function RecommendationList(): JSX.Element {
    const [state, setState] = useParam('state');
    const [severity, setSeverity] = useParam('severity');
    const loaded = useGet<{ recommendations: Recommendation[] }>('/recommendations', ['recommendations']);
    return (
        <Page title={s.title}>
            <div class="filters" role="search">
                <SelectField label={s.show} value={state} onChange={setState} options={Object.entries(s.filter)} />
                <SelectField label={s.severity} value={severity} onChange={setSeverity}
                    options={[['', t.any], ...Object.entries(t.severity)]} />
            </div>
            <Card flush>
                <Loaded from={loaded} lines={5}>
                    {(data) => (
                        <Table caption={s.caption} columns={columns} rows={chosen(data.recommendations, state, severity)}
                            rowKey={(one) => one.type}
                            empty={<None all={data.recommendations} state={state} severity={severity} />} />
                    )}
                </Loaded>
            </Card>
        </Page>
    );
}
