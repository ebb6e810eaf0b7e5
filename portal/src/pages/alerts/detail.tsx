// SPDX-License-Identifier: MIT
// One alert: what happened, how it is known, what it looks like, what to do, and who did what.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { href, Link } from '../../lib/router';
import type { Alert, HistoryEntry, Technique } from '../../lib/types';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import { Badge, Card, CopyButton, Facts, Loaded, Notice, Page, Severity, Time } from '../../ui/ui';
import { AlertActions } from './act';
import { EvidenceCard } from './evidence';
import { StateBadge } from './list';
import { Surroundings } from './surroundings';

const s = t.alerts;

/** The query page with what it is to ask. */
export function queryLink(text: string, timespan: string | undefined): string {
    return href(['query'], { q: text, timespan });
}

function WhatHappened({ alert }: { alert: Alert }): JSX.Element {
    return (
        <Card title={s.summary}>
            <div class="stack">
                <p class="lead"><Said text={alert.description} /></p>
                {alert.assessment ? (
                    <Notice tone="warn">
                        <strong>{s.looksLike}{': '}{t.alerts.verdicts[alert.assessment.verdict] ?? alert.assessment.verdict}</strong>
                        <p><Said text={alert.assessment.why} /></p>
                    </Notice>
                ) : null}
                {alert.remediationSteps.length > 0 ? (
                    <div class="stack tight">
                        <h3>{s.toDo}</h3>
                        <ol class="steps">{alert.remediationSteps.map((step) => <li key={step}><Said text={step} /></li>)}</ol>
                    </div>
                ) : null}
            </div>
        </Card>
    );
}

function TechniqueBadge({ of }: { of: Technique | string }): JSX.Element {
    return typeof of === 'string' ? <Badge>{of}</Badge> : (
        <span title={`${of.matrix} ${of.version}`}><Badge>{of.id}</Badge> <span class="small">{of.name}</span></span>
    );
}

function Details({ alert }: { alert: Alert }): JSX.Element {
    const facts: [string, JSX.Element | string][] = [
        [s.device, alert.deviceId === '' ? s.hub : <Link to={href(['devices', alert.deviceId])}>{alert.deviceId}</Link>],
        ...(alert.moduleId !== '' ? [[s.module, alert.moduleId] as [string, string]] : []),
        [s.subject, alert.subject === '' ? t.none : <Said key="subject" text={alert.subject} />],
        [s.first, <Time key="first" at={alert.startTime} full />],
        [s.when, <Time key="last" at={alert.endTime} full />],
        [s.count, s.repeats(alert.count)],
        [s.type, <Link key="type" to={href(['alerts'], { type: alert.alertType, state: 'any' })}>{alert.alertType}</Link>],
        ...(alert.indicator ? [
            [s.indicator, <Link key="i" to={href(['intel'], { address: alert.indicator.value })}>{alert.indicator.value}</Link>] as [string, JSX.Element],
            [s.source, alert.indicator.source] as [string, string],
        ] : []),
        ...(alert.suppressedBy !== null ? [
            [s.suppressedBy, <Link key="s" to={href(['alerts', alert.suppressedBy])}>{alert.suppressedBy}</Link>] as [string, JSX.Element],
        ] : []),
        [s.techniques, (
            <ul class="plain stack tight" key="techniques">
                {alert.techniques.map((one) => <li key={typeof one === 'string' ? one : one.id}><TechniqueBadge of={one} /></li>)}
            </ul>
        )],
        [s.id, <span class="mono small" key="id">{alert.id}</span>],
    ];
    return (
        <Card title={s.facts}>
            <div class="stack">
                <Facts of={facts} />
                {alert.cause !== '' ? (
                    <Link to={href(['alerts'], { type: alert.alertType, cause: alert.cause, state: 'any' })}>{s.others}</Link>
                ) : null}
            </div>
        </Card>
    );
}

/** How long a dismissal holds: one that ends with its own time holds for nothing. */
function Until({ of: { until, time } }: { of: HistoryEntry }): JSX.Element | null {
    return until === null ? null : (
        <div class="small muted">{until === time ? s.notSuppressed : <>{s.untilTime}{' '}<Time at={until} full /></>}</div>
    );
}

function Entry({ entry }: { entry: HistoryEntry }): JSX.Element {
    const reason = entry.reason === null ? '' : `: ${(s.reasons as Record<string, string>)[entry.reason] ?? entry.reason}`;
    return (
        <li>
            <div>
                <div><strong>{s.events[entry.event] ?? entry.event}</strong>{reason}{' '}<span class="muted">{s.by(entry.actor)}</span>{' '}<Time at={entry.time} /></div>
                <Until of={entry} />
                {entry.text !== null ? <div class="wrap">{entry.text}</div> : null}
            </div>
        </li>
    );
}

function History({ alert }: { alert: Alert }): JSX.Element {
    return (
        <Card title={s.history}>
            <ol class="timeline">
                {[...(alert.history ?? [])].reverse().map((entry, i) => <Entry key={i} entry={entry} />)}
                <li><div><strong>{s.raised}</strong>{' '}<Time at={alert.timeGenerated} /></div></li>
            </ol>
        </Card>
    );
}

function Whole({ alert, reload }: { alert: Alert; reload: () => void }): JSX.Element {
    return (
        <Page title={alert.displayName} parent={{ to: href(['alerts']), name: s.title }}
            badges={<><Severity of={alert.severity} /><StateBadge of={alert.status} /><CopyButton text={window.location.href} /></>}
            actions={<AlertActions alert={alert} onDone={reload} />}>
            <div class="columns wide-left">
                <div class="stack">
                    <WhatHappened alert={alert} />
                    <EvidenceCard alert={alert} />
                    {alert.deviceId !== '' ? <Surroundings alert={alert} /> : null}
                </div>
                <div class="stack">
                    <Details alert={alert} />
                    <History alert={alert} />
                </div>
            </div>
        </Page>
    );
}

export function AlertDetail({ id }: { id: string }): JSX.Element {
    const loaded = useGet<Alert>(`/alerts/${encodeURIComponent(id)}`, ['alerts']);
    return (
        <Loaded from={loaded} lines={8}>
            {(alert) => <Whole alert={alert} reload={loaded.reload} />}
        </Loaded>
    );
}

