// SPDX-License-Identifier: MIT
// Words of the pages about settings, by tab.

import { access } from './settings/access';
import { audit } from './settings/audit';
import { certificates } from './settings/certificates';
import { data } from './settings/data';
import { deadLetters } from './settings/dead_letters';
import { diagnostics } from './settings/diagnostics';
import { ipFilter } from './settings/ip_filter';
import { notifications } from './settings/notifications';
import { policies } from './settings/policies';
import { service } from './settings/service';

export const settings = {
    title: 'Settings',
    tabsLabel: 'Settings',
    tabs: {
        data: 'Data',
        notifications: 'Notifications',
        access: 'Access',
        policies: 'Policies',
        certificates: 'Certificates',
        'ip-filter': 'IP filter',
        diagnostics: 'Diagnostic settings',
        'dead-letters': 'Dead letters',
        audit: 'Audit trail',
        service: 'Service',
    },
    audit, data, notifications, access, policies, certificates, ipFilter, diagnostics, deadLetters, service,
};
