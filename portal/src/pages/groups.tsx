// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Groups(): JSX.Element {
    return <Page title={t.groups.title}>{null}</Page>;
}
