// SPDX-License-Identifier: MIT
// What is wrong, on which devices: open alerts by cause, the most severe first.

import type { JSX } from 'preact';
import { useGet, withQuery } from '../../lib/api';
import { href, Link } from '../../lib/router';
import type { AlertGroup } from '../../lib/types';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import { Card, Fault, Loading, Notice, Severity, Time } from '../../ui/ui';
import type { Counts } from './types';

const s = t.overview;
const SHOWN = 6;
/** Causes are looked for among so many open alerts of a severity. */
const AMONG = 2000;

function groupsOf(severity: string | null): string | null {
    return severity === null ? null
        : withQuery('/alert-groups', { state: 'Open', severity, among: AMONG, limit: SHOWN });
}

function Devices({ of }: { of: AlertGroup }): JSX.Element {
    if (of.deviceIds.length === 0) {
        return <span class="muted">{s.ofHub}</span>;
    }
    return (
        <span class="row tight">
            {of.deviceIds.map((id) => <Link key={id} class="wrap" to={href(['devices', id])}>{id}</Link>)}
            {of.devices > of.deviceIds.length ? (
                <Link class="quiet muted" to={href(['alerts'], { type: of.alertType, cause: of.cause })}>
                    {s.moreDevices(of.devices - of.deviceIds.length)}
                </Link>
            ) : null}
        </span>
    );
}

function Cause({ of }: { of: AlertGroup }): JSX.Element {
    const to = of.alerts === 1 ? href(['alerts', of.lastId]) : href(['alerts'], { type: of.alertType, cause: of.cause });
    return (
        <li class={`cause ${of.severity.toLowerCase()}`}>
            <div class="row">
                <Severity of={of.severity} />
                <Link class="strong" to={to}>{of.displayName}</Link>
                <span class="muted small push"><Time at={of.endTime} /></span>
            </div>
            <p class="wrap clamp"><Said text={of.description} /></p>
            <div class="small row">
                <Devices of={of} />
                {of.alerts > 1 ? <span class="muted">{s.alertsOpen(of.alerts)}</span> : null}
            </div>
        </li>
    );
}

export function Attention({ counts }: { counts: Counts }): JSX.Element {
    const high = useGet<{ groups: AlertGroup[] }>(groupsOf('High'), ['alerts']);
    const medium = useGet<{ groups: AlertGroup[] }>(groupsOf('Medium'), ['alerts']);
    const low = useGet<{ groups: AlertGroup[] }>(groupsOf('Low'), ['alerts']);
    const parts = [high, medium, low];
    const groups = parts.flatMap((one) => one.data?.groups ?? []).slice(0, SHOWN);
    const fault = parts.find((one) => one.error !== undefined);
    const isWhole = parts.every((one) => one.data !== undefined);
    return (
        <Card title={s.attention} flush={groups.length > 0}
            actions={<Link class="small" to={href(['alerts'], { by: 'cause' })}>{s.allCauses}</Link>}>
            {fault?.error ? <Fault error={fault.error} retry={fault.reload} /> : null}
            {groups.length > 0 ? <ul class="plain causes">{groups.map((of) => <Cause key={`${of.alertType} ${of.cause}`} of={of} />)}</ul>
                : isWhole ? (
                    <Notice tone="good"><strong>{s.calmTitle}</strong><p>{s.calm(counts.reporting, counts.total)}</p></Notice>
                ) : fault ? null : <Loading lines={6} />}
        </Card>
    );
}
