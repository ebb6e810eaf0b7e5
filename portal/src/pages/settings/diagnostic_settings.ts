// SPDX-License-Identifier: MIT
// Diagnostic settings as the management API has them, and as a form has them.

export const SINKS = ['storageAccountId', 'eventHubAuthorizationRuleId', 'workspaceId'] as const;
/** Kept and answered by the service, and nothing else. */
export const KEPT_SINKS = ['serviceBusRuleId', 'marketplacePartnerId'] as const;
export const SETTINGS_MAX = 5;

export type SinkField = (typeof SINKS)[number];

interface LogEntry { category?: string | null; categoryGroup?: string | null; enabled: boolean; [member: string]: unknown }

export interface DiagnosticSetting {
    name: string;
    properties: { logs?: LogEntry[]; metrics?: unknown[]; [field: string]: unknown };
}

export interface Category { name: string; properties: { categoryType: string; categoryGroups: string[] } }

export type What = 'allLogs' | 'audit' | 'some';

export interface Draft { name: string; sinks: SinkField[]; what: What; categories: string[] }

export function sinksOf(setting: DiagnosticSetting): string[] {
    return [...SINKS, ...KEPT_SINKS].filter((field) => typeof setting.properties[field] === 'string' && setting.properties[field] !== '');
}

export function draftOf(setting: DiagnosticSetting | undefined): Draft {
    const logs = (setting?.properties.logs ?? []).filter((entry) => entry.enabled);
    const has = (group: string) => logs.some((entry) => entry.categoryGroup?.toLowerCase() === group.toLowerCase());
    const categories = logs.map((entry) => entry.category).filter((name) => typeof name === 'string');
    return {
        name: setting?.name ?? '',
        sinks: setting ? SINKS.filter((field) => sinksOf(setting).includes(field)) : ['storageAccountId'],
        what: setting === undefined || has('allLogs') ? 'allLogs' : has('audit') && categories.length === 0 ? 'audit' : 'some',
        categories,
    };
}

/** What is to be sent. Ids that are there stay as they are: only that there is one matters to the service. */
export function propertiesOf(draft: Draft, before: DiagnosticSetting | undefined): DiagnosticSetting['properties'] {
    const properties: DiagnosticSetting['properties'] = { ...before?.properties };
    for (const field of SINKS) {
        const old = properties[field];
        properties[field] = !draft.sinks.includes(field) ? null : typeof old === 'string' && old !== '' ? old : `/vedette/${field}`;
    }
    properties.logs = draft.what === 'some'
        ? draft.categories.map((category) => ({ category, enabled: true }))
        : [{ categoryGroup: draft.what, enabled: true }];
    return properties;
}
