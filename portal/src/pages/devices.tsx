// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Devices(): JSX.Element {
    return <Page title={t.devices.title}>{null}</Page>;
}
