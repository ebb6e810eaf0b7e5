// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { AlertDetail } from './detail';
import { AlertList } from './list';

export function Alerts({ path }: { path: string[] }): JSX.Element {
    const id = path[0];
    return id === undefined ? <AlertList /> : <AlertDetail key={id} id={id} />;
}
