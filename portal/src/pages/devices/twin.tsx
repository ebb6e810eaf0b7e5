// SPDX-License-Identifier: MIT
// The twins of the device and of its security module, as they are.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useGet } from '../../lib/api';
import { t } from '../../strings';
import { Card, CopyButton, Loaded } from '../../ui/ui';
import type { DeviceDetail } from './types';

const s = t.devices;

function Json({ of, label }: { of: unknown; label: string }): JSX.Element {
    const text = JSON.stringify(of, null, 2);
    return (
        <div class="stack tight">
            <div><CopyButton text={text} /></div>
            {/* It scrolls, so the keyboard must reach it. */}
            <pre class="json" tabIndex={0} role="region" aria-label={label}>{text}</pre>
        </div>
    );
}

function Twin({ path, name }: { path: string; name: string }): JSX.Element {
    const [open, setOpen] = useState(false);
    const loaded = useGet<unknown>(open ? path : null);
    return (
        <details onToggle={(event) => { setOpen(event.currentTarget.open); }}>
            <summary>{name}</summary>
            {open ? <Loaded from={loaded}>{(twin) => <Json of={twin} label={name} />}</Loaded> : null}
        </details>
    );
}

export function Twins({ device }: { device: DeviceDetail }): JSX.Element {
    const path = `/devices/${encodeURIComponent(device.deviceId)}`;
    return (
        <Card title={s.twin}>
            <div class="stack tight">
                <Twin path={`${path}/twin`} name={s.twinOf} />
                {device.hasSecurityModule ? <Twin path={`${path}/modules/azureiotsecurity/twin`} name={s.twinOfModule} /> : null}
            </div>
        </Card>
    );
}
