// SPDX-License-Identifier: MIT
// Who the device is, by what it signs in, what it runs, and which group it is in.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Button, Card, Facts, Field, Time } from '../../ui/ui';
import { ClockError, signsInBy } from './parts';
import type { DeviceDetail } from './types';

const s = t.devices;

function GroupDialog({ device, onClose, onDone }: { device: DeviceDetail; onClose: () => void; onDone: () => void }): JSX.Element {
    const [group, setGroup] = useState(device.hasGroupTag ? device.group : '');
    const { run, running, error } = useAction();
    const groups = useGet<{ deviceCounts: Record<string, number>; groups: { name: string }[] }>('/groups').data;
    const names = new Set([...Object.keys(groups?.deviceCounts ?? {}), ...(groups?.groups ?? []).map((one) => one.name)]);
    const submit = async () => {
        const done = await run(() => call('PUT', `/devices/${encodeURIComponent(device.deviceId)}/group`,
            { group: group.trim() === '' ? null : group.trim() }));
        if (done) {
            toast(s.moved);
            announce('groups');
            announce('devices');
            onDone();
        }
    };
    return (
        <FormDialog title={s.moveGroupTitle(device.deviceId)} submit={s.moveGroup} running={running} error={error} onClose={onClose}
            onSubmit={() => { void submit(); }}>
            <Field label={s.group} hint={s.moveGroupHint}>
                {(id, described) => (
                    <>
                        <input id={id} list={`${id}-known`} value={group} aria-describedby={described} autocomplete="off" spellcheck={false}
                            maxLength={128} onInput={(event) => { setGroup(event.currentTarget.value); }} />
                        <datalist id={`${id}-known`}>{[...names].sort().map((name) => <option key={name} value={name} />)}</datalist>
                    </>
                )}
            </Field>
        </FormDialog>
    );
}

function Group({ device, onChanged }: { device: DeviceDetail; onChanged: () => void }): JSX.Element {
    const [open, setOpen] = useState(false);
    return (
        <>
            <span class="row">
                <Link class="wrap" to={href(['groups', device.group])}>{device.group}</Link>
                <span class="muted small">{device.hasGroupTag ? s.byTag : s.byDefault}</span>
                {device.groupHasRules ? null : <span class="muted small">{s.groupNoRules}</span>}
                {may('contributor') ? <Button small onClick={() => { setOpen(true); }}>{s.moveGroup}</Button> : null}
            </span>
            {open ? (
                <GroupDialog device={device} onClose={() => { setOpen(false); }} onDone={() => {
                    setOpen(false);
                    onChanged();
                }} />
            ) : null}
        </>
    );
}

function statusOf(device: DeviceDetail): string {
    return device.isEnabled ? s.enabled
        : device.statusReason !== null && device.statusReason !== '' ? s.disabledFor(device.statusReason) : s.disabled;
}

export function Identity({ device, onChanged }: { device: DeviceDetail; onChanged: () => void }): JSX.Element {
    const address = device.connectedAddress ?? device.address;
    const { versions } = device;
    const connection: [string, JSX.Element | string][] = [
        [s.connection, device.isConnected
            ? device.connectedSince === null ? s.isConnected
                : <span key="c">{s.connectedSince}{' '}<Time at={device.connectedSince} /></span>
            : s.notConnected],
        ...(device.isConnected ? [] : [[s.lastConnected, <Time key="lc" at={device.lastConnected} />] as [string, JSX.Element]]),
        ...(address === null ? [] : [[s.address, <span class="mono" key="a">{address}</span>] as [string, JSX.Element]]),
        [s.lastMessage, <Time key="lm" at={device.lastMessage} />],
        [s.lastActivity, <Time key="ln" at={device.lastNetworkActivity} />],
        [s.clock, (
            <span key="clock">
                <ClockError ms={device.clockErrorMs} />
                {device.clockErrorMs !== null && device.clockMeasured !== null
                    ? <span class="muted small">{' '}{s.clockMeasured}{' '}<Time at={device.clockMeasured} /></span> : null}
            </span>
        )],
    ];
    return (
        <Card title={s.identity}>
            <div class="stack">
                <Facts of={[
                    [s.id, <span class="mono" key="id">{device.deviceId}</span>],
                    [s.status, statusOf(device)],
                    [s.authentication, signsInBy(device.authenticationType)],
                    [s.created, <Time key="created" at={device.createdTime} />],
                    [s.group, <Group key="group" device={device} onChanged={onChanged} />],
                    ...connection,
                ]} />
                <h3>{s.versions}</h3>
                {versions === null ? <p class="muted">{device.hasSecurityModule ? s.versionsNone : s.hasNoModule}</p> : (
                    <Facts of={([
                        [s.versionModule, versions.module], [s.versionOs, versions.os], [s.versionHardware, versions.hardware],
                    ] as [string, string | null][]).filter(([, value]) => value !== null && value !== '')
                        .map(([name, value]): [string, JSX.Element | string] => [name, value ?? ''])
                        .concat([[s.versionsTime, <Time key="versions" at={versions.time} />]])} />
                )}
            </div>
        </Card>
    );
}
