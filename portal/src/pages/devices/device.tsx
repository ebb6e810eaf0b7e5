// SPDX-License-Identifier: MIT
// One device: how it is doing and why, who it is, whom it talks to, what was raised about it and what could be.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { localDate, number, percent } from '../../lib/format';
import { href, Link, useParam } from '../../lib/router';
import type { Alert, BySeverity } from '../../lib/types';
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
const SEVERITIES = ['High', 'Medium', 'Low'] as const;

const TONES: Record<string, Tone> = {
    refused: 'bad', silent: 'bad', late: 'warn', reporting: 'good',
};

type Tone = 'bad' | 'warn' | 'good' | 'info';

/** From here on too much is missing to say that nothing happened. */
const LOW_SHARE = 0.95;

/** Of one that reports, what is open against it, and what it could not tell. */
function toneOf({ state, openAlerts, recommendations, coverage }: DeviceDetail): Tone {
    const share = coverage?.at(-1)?.share ?? 1;
    if (state !== 'reporting') {
        return TONES[state] ?? 'info';
    }
    return openAlerts.High > 0 ? 'bad'
        : openAlerts.Medium > 0 || openAlerts.Low > 0 || recommendations.length > 0 || share < LOW_SHARE ? 'warn' : 'good';
}

function alertsText(of: BySeverity): string | undefined {
    const some = SEVERITIES.filter((name) => of[name] > 0);
    const total = some.reduce((sum, name) => sum + of[name], 0);
    const words = some.map((name) => (total === 1 ? t.severity[name] : `${of[name].toString()} ${t.severity[name]}`)).join(', ');
    return total === 0 ? undefined : s.alertsOpen(total, words);
}

/** The first says why it is in its state, and what is open; others are wrong beside that. Of one that reports, all are. */
export function reasonsOf({ state, reasons, openAlerts, recommendations }: DeviceDetail): string[] {
    const alerts = alertsText(openAlerts);
    const hint = s.stateHints[state] ?? state;
    if (state === 'reporting') {
        const first = alerts !== undefined ? s.whyAlerts(alerts)
            : reasons.length === 0 && recommendations.length === 0 ? s.whyFine : hint;
        return [first, ...reasons];
    }
    return [...(reasons.length > 0 ? reasons : [hint]), ...(alerts === undefined ? [] : [s.sentence(alerts)])];
}

function How({ device }: { device: DeviceDetail }): JSX.Element {
    const { refused, recommendations } = device;
    const [first = '', ...besides] = reasonsOf(device);
    return (
        <Card title={s.why}>
            <div class="stack tight">
                <Notice tone={toneOf(device)}><Said text={first} /></Notice>
                {besides.length > 0 || recommendations.length > 0 ? (
                    <ul class="reasons">
                        {besides.map((reason) => <li key={reason}><Said text={reason} /></li>)}
                        {recommendations.map((one) => (
                            <li key={one.type}>{s.recommended}{' '}<Link to={href(['recommendations', one.type])}>{one.displayName}</Link></li>
                        ))}
                    </ul>
                ) : null}
                <Facts of={[
                    [s.lastHeard, <Time key="heard" at={device.lastHeard} />],
                    [s.openAlerts, <OpenAlerts key="alerts" device={device.deviceId} of={device.openAlerts} />],
                    ...(refused ? [[s.refused, (
                        <span key="refused">
                            <Time at={refused.time} />{', '}{s.refusedFrom(refused.text, refused.address)}
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
    const loaded = useGet<DeviceDetail>(`/inventory/${encodeURIComponent(id)}`, ['devices', 'alerts', 'groups', 'recommendations']);
    if (!loaded.data) {
        return (
            <Page title={id} parent={{ to: href(['devices']), name: s.title }}>
                {loaded.error ? <Fault error={loaded.error} retry={loaded.reload} /> : <Loading lines={8} />}
            </Page>
        );
    }
    return <Loaded from={loaded}>{(device) => <Whole device={device} reload={loaded.reload} />}</Loaded>;
}
