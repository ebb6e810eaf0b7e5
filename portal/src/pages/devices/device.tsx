// SPDX-License-Identifier: MIT
// One device: how it is doing and why, who it is, whom it talks to, what was raised about it and what could be.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { localDate, number, percent } from '../../lib/format';
import { href, Link, useParam } from '../../lib/router';
import type { Alert } from '../../lib/types';
import { t } from '../../strings';
import { Bar } from '../../ui/bar';
import { Said } from '../../ui/said';
import { Card, Empty, Facts, Fault, Loaded, Loading, Notice, Page, SelectField, Severity, Table, Time, type Column } from '../../ui/ui';
import { StateBadge } from '../alerts/list';
import { DeviceActions } from './act';
import { CanFire } from './can_fire';
import { Connections } from './connections';
import { Identity } from './identity';
import { DeviceState, OpenAlerts } from './parts';
import { Talkers } from './talkers';
import { Twins } from './twin';
import type { CoverageDay, DeviceDetail } from './types';

const s = t.devices;
const LATEST = 5;

const TONES: Record<string, 'bad' | 'warn' | 'good' | 'info'> = {
    refused: 'bad', silent: 'bad', late: 'warn', reporting: 'good',
};

/** The first says why it is in its state; others are wrong beside that. Of one that reports, all are. */
function reasonsOf(device: DeviceDetail): string[] {
    const { state, refused } = device;
    const code = refused?.reason ?? '';
    // The service names a refusal by its code.
    const reasons = device.reasons.map((reason) => (code in s.refusals ? reason.replace(code, s.refusals[code] ?? code) : reason));
    if (state === 'reporting') {
        return [reasons.length === 0 ? s.whyFine : s.stateHints[state] ?? state, ...reasons];
    }
    return reasons.length > 0 ? reasons : [s.stateHints[state] ?? state];
}

function How({ device }: { device: DeviceDetail }): JSX.Element {
    const { refused } = device;
    const [first = '', ...besides] = reasonsOf(device);
    return (
        <Card title={s.why}>
            <div class="stack tight">
                <Notice tone={TONES[device.state] ?? 'info'}><Said text={first} /></Notice>
                {besides.length > 0 ? (
                    <ul class="reasons">{besides.map((reason) => <li key={reason}><Said text={reason} /></li>)}</ul>
                ) : null}
                <Facts of={[
                    [s.lastHeard, <Time key="heard" at={device.lastHeard} />],
                    [s.openAlerts, <OpenAlerts key="alerts" device={device.deviceId} of={device.openAlerts} />],
                    ...(refused ? [[s.refused, (
                        <span key="refused">
                            <Time at={refused.time} />{', '}{s.refusedFrom(s.refusals[refused.reason] ?? refused.reason, refused.address)}
                            {refused.looksCopied ? <>{'. '}<strong>{s.looksCopied}</strong></> : null}
                        </span>
                    )] as [string, JSX.Element]] : []),
                ]} />
            </div>
        </Card>
    );
}

const alertColumns: Column<Alert>[] = [
    {
        name: t.alerts.what,
        cell: (alert) => (
            <>
                <Link to={href(['alerts', alert.id])}>{alert.displayName}</Link>
                <div class="muted small wrap">{alert.subject}</div>
            </>
        ),
    },
    { name: t.alerts.severity, cell: (alert) => <Severity of={alert.severity} /> },
    { name: t.alerts.state, cell: (alert) => <StateBadge of={alert.status} /> },
    { name: t.alerts.when, cell: (alert) => <Time at={alert.endTime} /> },
];

function LatestAlerts({ id }: { id: string }): JSX.Element {
    const loaded = useGet<{ alerts: Alert[] }>(`/alerts?device=${encodeURIComponent(id)}&limit=${LATEST.toString()}`, ['alerts']);
    return (
        <Card title={s.alerts} flush actions={
            <Link class="button small" to={href(['alerts'], { device: id, state: 'any' })}>{s.allAlerts}</Link>
        }>
            <Loaded from={loaded}>
                {(data) => (
                    <Table caption={s.alerts} columns={alertColumns} rows={data.alerts} rowKey={(alert) => alert.id}
                        empty={<Empty title={s.alertsNone} />} />
                )}
            </Loaded>
        </Card>
    );
}

/** From here on too much is missing to say that nothing happened. */
const LOW_SHARE = 0.95;

const coverageColumns: Column<CoverageDay>[] = [
    { name: s.day, cell: (day) => <span class="nowrap">{localDate(new Date(`${day.day}T12:00:00`))}</span> }, // a day of UTC, as it is called
    {
        name: s.share,
        cell: (day) => day.share === null ? t.none
            : <><span>{percent(day.share)}</span><Bar share={day.share} color={day.share < LOW_SHARE ? '--medium' : '--chart-4'} /></>,
    },
    { name: s.missed, number: true, cell: (day) => number(day.missedPackets) },
];

function Coverage({ days }: { days: CoverageDay[] | null }): JSX.Element {
    const some = (days ?? []).filter((day) => day.share !== null);
    return (
        <Card title={s.coverage} flush>
            {days === null ? <Empty title={s.coverageNone} /> : some.length === 0 ? <Empty title={s.coverageEmpty} /> : (
                <>
                    <p class="muted small inset">{s.coverageWhat}</p>
                    <Table caption={s.coverage} columns={coverageColumns} rows={some} rowKey={(day) => day.day} empty={null} />
                </>
            )}
        </Card>
    );
}

function Whole({ device, reload }: { device: DeviceDetail; reload: () => void }): JSX.Element {
    const [span, setSpan] = useParam('span', '7d');
    const known = Object.keys(s.spans).includes(span) ? span : '7d';
    const id = device.deviceId;
    return (
        <Page title={id} parent={{ to: href(['devices']), name: s.title }} badges={<DeviceState of={device.state} />}
            actions={<DeviceActions device={device} onDone={reload} />}>
            <div class="columns wide-left">
                <div class="stack">
                    <How device={device} />
                    <LatestAlerts id={id} />
                    <div class="filters flat">
                        <SelectField label={s.span} value={known} onChange={setSpan} options={Object.entries(s.spans)} />
                    </div>
                    <Talkers id={id} span={known} />
                    <Connections id={id} span={known} />
                </div>
                <div class="stack">
                    <Identity device={device} onChanged={reload} />
                    <CanFire id={id} />
                    <Coverage days={device.coverage} />
                    <Twins device={device} />
                </div>
            </div>
        </Page>
    );
}

export function DevicePage({ id }: { id: string }): JSX.Element {
    const loaded = useGet<DeviceDetail>(`/inventory/${encodeURIComponent(id)}`, ['devices', 'alerts', 'groups']);
    if (!loaded.data) {
        return (
            <Page title={id} parent={{ to: href(['devices']), name: s.title }}>
                {loaded.error ? <Fault error={loaded.error} retry={loaded.reload} /> : <Loading lines={8} />}
            </Page>
        );
    }
    return <Loaded from={loaded}>{(device) => <Whole device={device} reload={loaded.reload} />}</Loaded>;
}
