// SPDX-License-Identifier: MIT
// Every page of the portal. `{device}`, `{alert}`, `{group}` stand for what the fleet has.

export const PAGES = [
    ['overview', '/'],
    ['alerts', '/alerts'],
    ['alerts-by-cause', '/alerts?by=cause&state=any'],
    ['alert', '/alerts/{alert}'],
    ['recommendations', '/recommendations'],
    ['recommendation', '/recommendations/IoT_IPFilter_DenyAll'],
    ['devices', '/devices'],
    ['device', '/devices/{device}'],
    ['groups', '/groups'],
    ['group', '/groups/{group}'],
    ['intel', '/intel'],
    ['query', '/query'],
    ['query-saved', '/query?saved=device-talkers&device={device}'],
    ['settings-data', '/settings/data'],
    ['settings-notifications', '/settings/notifications'],
    ['settings-access', '/settings/access'],
    ['settings-policies', '/settings/policies'],
    ['settings-certificates', '/settings/certificates'],
    ['settings-ip-filter', '/settings/ip-filter'],
    ['settings-diagnostics', '/settings/diagnostics'],
    ['settings-dead-letters', '/settings/dead-letters'],
    ['settings-audit', '/settings/audit'],
    ['settings-service', '/settings/service'],
    ['not-found', '/no-such-page'],
];

export const filled = (path, values) => path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
