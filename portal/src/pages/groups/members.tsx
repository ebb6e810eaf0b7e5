// SPDX-License-Identifier: MIT
// The devices of a group: the first of them, and the way to all.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction, useGet, withQuery } from '../../lib/api';
import { announce } from '../../lib/events';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Button, Card, Empty, Loaded, Table, TextField, Time, type Column } from '../../ui/ui';
import { DeviceState } from '../devices/parts';
import type { DeviceRow, Inventory } from '../devices/types';

const s = t.groups;
const SHOWN = 5;

const columns: Column<DeviceRow>[] = [
    { name: t.devices.device, cell: (row) => <Link class="wrap" to={href(['devices', row.deviceId])}>{row.deviceId}</Link> },
    { name: t.devices.state, cell: (row) => <DeviceState of={row.state} /> },
    { name: t.devices.lastHeard, cell: (row) => <Time at={row.lastHeard} /> },
];

function AddDialog({ group, onClose }: { group: string; onClose: () => void }): JSX.Element {
    const [device, setDevice] = useState('');
    const { run, running, error } = useAction();
    const submit = async () => {
        const id = device.trim();
        if (await run(() => call('PUT', `/devices/${encodeURIComponent(id)}/group`, { group }))) {
            toast(s.added(id));
            announce('groups');
            announce('devices');
            onClose();
        }
    };
    return (
        <FormDialog title={s.addMemberTitle(group)} submit={s.add} running={running} error={error} disabled={device.trim() === ''}
            onClose={onClose} onSubmit={() => { void submit(); }}>
            <TextField label={s.deviceId} value={device} onInput={setDevice} required autofocus />
        </FormDialog>
    );
}

export function Members({ group }: { group: string }): JSX.Element {
    const [open, setOpen] = useState(false);
    const loaded = useGet<Inventory>(withQuery('/inventory', { group, limit: SHOWN }), ['devices', 'groups']);
    return (
        <Card title={s.members} flush actions={may('contributor')
            ? <Button small icon="plus" onClick={() => { setOpen(true); }}>{s.addMember}</Button> : null}>
            <Loaded from={loaded}>
                {(data) => (
                    <>
                        <Table caption={s.members} columns={columns} rows={data.devices} rowKey={(row) => row.deviceId}
                            empty={<Empty title={s.noDevices}>{s.what}</Empty>} />
                        {data.counts.total > 0 ? (
                            <div class="pager"><Link to={href(['devices'], { group })}>{s.allMembers(data.counts.total)}</Link></div>
                        ) : null}
                    </>
                )}
            </Loaded>
            {open ? <AddDialog group={group} onClose={() => { setOpen(false); }} /> : null}
        </Card>
    );
}
