// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Intel(): JSX.Element {
    return <Page title={t.intel.title}>{null}</Page>;
}
