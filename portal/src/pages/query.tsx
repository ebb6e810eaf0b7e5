// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Query(): JSX.Element {
    return <Page title={t.query.title}>{null}</Page>;
}
