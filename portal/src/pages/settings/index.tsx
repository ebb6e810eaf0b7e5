// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../../strings';
import { Page } from '../../ui/ui';

export function Settings(): JSX.Element {
    return <Page title={t.settings.title}>{null}</Page>;
}
