// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { DevicePage } from './device';
import { DeviceList } from './list';

export function Devices({ path }: { path: string[] }): JSX.Element {
    const id = path[0];
    return id === undefined ? <DeviceList /> : <DevicePage key={id} id={id} />;
}
