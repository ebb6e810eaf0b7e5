// SPDX-License-Identifier: MIT
// The settings: a tab for each thing that is set, named in the URL.

import type { JSX } from 'preact';
import { href } from '../../lib/router';
import { t } from '../../strings';
import { Page, Tabs } from '../../ui/ui';
import { NotFound } from '../not_found';
import { Access } from './access';
import { Audit } from './audit';
import { Certificates } from './certificates';
import { Data } from './data';
import { DeadLetters } from './dead_letters';
import { Diagnostics } from './diagnostics';
import { IpFilter } from './ip_filter';
import { Notifications } from './notifications';
import { Policies } from './policies';
import { Service } from './service';
import './settings.css';

const s = t.settings;

type Tab = keyof typeof s.tabs;

const TABS: Record<Tab, (props: { id: string | undefined }) => JSX.Element> = {
    data: Data,
    notifications: Notifications,
    access: Access,
    policies: Policies,
    certificates: Certificates,
    'ip-filter': IpFilter,
    diagnostics: Diagnostics,
    'dead-letters': DeadLetters,
    audit: Audit,
    service: Service,
};

export function Settings({ path }: { path: string[] }): JSX.Element {
    const tab = (path[0] ?? 'data') as Tab;
    const Found = Object.hasOwn(TABS, tab) ? TABS[tab] : undefined;
    if (!Found) {
        return <NotFound />;
    }
    return (
        <Page title={path[0] === undefined ? s.title : `${s.title}: ${s.tabs[tab]}`}>
            <Tabs label={s.tabsLabel} of={(Object.keys(TABS) as Tab[]).map((name) => ({
                name: s.tabs[name], to: href(['settings', name]), current: name === tab,
            }))} />
            <Found key={path[1]} id={path[1]} />
        </Page>
    );
}
