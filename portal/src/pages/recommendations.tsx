// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { t } from '../strings';
import { Page } from '../ui/ui';

export function Recommendations(): JSX.Element {
    return <Page title={t.recommendations.title}>{null}</Page>;
}
