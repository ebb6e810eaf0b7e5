// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { href, Link } from '../lib/router';
import { t } from '../strings';
import { Empty, Page } from '../ui/ui';

export function NotFound(): JSX.Element {
    return (
        <Page title={t.notFound.title}>
            <Empty title={t.notFound.title}><Link to={href([])}>{t.notFound.home}</Link></Empty>
        </Page>
    );
}
