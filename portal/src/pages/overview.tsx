// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Overview(): JSX.Element {
    return <Page title={t.overview.title}>{null}</Page>;
}
