// SPDX-License-Identifier: MIT
// A device is shut out or let in again; its history is a query away.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction } from '../../lib/api';
import { announce } from '../../lib/events';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Icon } from '../../ui/icons';
import { Button, TextField } from '../../ui/ui';
import type { DeviceDetail } from './types';

const s = t.devices;

function EnableDialog({ device, onClose, onDone }: { device: DeviceDetail; onClose: () => void; onDone: () => void }): JSX.Element {
    const [reason, setReason] = useState('');
    const { run, running, error } = useAction();
    const disable = device.isEnabled;
    const submit = async () => {
        const done = await run(() => call('PATCH', `/devices/${encodeURIComponent(device.deviceId)}`,
            { status: disable ? 'disabled' : 'enabled', statusReason: reason.trim() }));
        if (done) {
            toast(disable ? s.didDisable : s.didEnable);
            announce('devices');
            onDone();
        }
    };
    return (
        <FormDialog title={disable ? s.disableTitle(device.deviceId) : s.enableTitle(device.deviceId)} danger={disable}
            submit={disable ? s.disable : s.enable} running={running} error={error} onClose={onClose} onSubmit={() => { void submit(); }}>
            <p>{disable ? s.disableWhat : s.enableWhat}</p>
            {disable ? <TextField label={s.reason} value={reason} onInput={setReason} hint={s.reasonHint} /> : null}
        </FormDialog>
    );
}

export function DeviceActions({ device, onDone }: { device: DeviceDetail; onDone: () => void }): JSX.Element {
    const [open, setOpen] = useState(false);
    return (
        <>
            <Link class="button" to={href(['query'], { saved: 'device-refused-logins', device: device.deviceId })}><Icon name="query" />{s.moreQueries}</Link>
            <Link class="button" to={href(['query'], { saved: 'device-unlike-its-group', device: device.deviceId })}><Icon name="query" />{s.unlikeGroup}</Link>
            {may('contributor') ? (
                <Button kind={device.isEnabled ? 'danger' : 'primary'} onClick={() => { setOpen(true); }}>
                    {device.isEnabled ? s.disable : s.enable}
                </Button>
            ) : null}
            {open ? (
                <EnableDialog device={device} onClose={() => { setOpen(false); }} onDone={() => {
                    setOpen(false);
                    onDone();
                }} />
            ) : null}
        </>
    );
}
