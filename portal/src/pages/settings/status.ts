// SPDX-License-Identifier: MIT
// The state of the service as these pages look at it (GET /status), and where the management API has the hub.

export interface TableState { table: string; rows: number; bytes: number; keepDays: number; oldestDay?: string }

export interface ExportState {
    setting: string;
    sink: string;
    state: string;
    behind: number;
    delivered: number;
    skipped: number;
    failures: number;
    lastDelivery?: string;
    lastFailure?: string;
    lastError?: string;
}

export interface SinkState { name: string; waiting: number; dead: number; state?: string; lastError?: string | null }

type Counters = Record<string, number | boolean>;

export interface Status {
    version: string;
    host: string;
    resourceId: string;
    running: boolean;
    uptimeSeconds: number;
    logEnd: number;
    indicators: number;
    hub?: Counters;
    state?: Counters;
    center?: Counters;
    queriesRunning?: number;
    queryStorage?: { bytes: number; maxBytes: number; daysToPack: number; daysForSize: number; lastForSize?: string };
    queryTables?: TableState[];
    hunts?: Record<string, unknown> & { notStored?: { from: string; to: string | null }[] };
    exports?: ExportState[];
    sinks?: SinkState[];
}

/** A path of the hub's resource group, from the hub's id: "/subscriptions/.../providers/..." */
export function inGroup(resourceId: string, rest: string): string {
    return resourceId.slice(0, resourceId.indexOf('/providers/')) + rest;
}

export const solutionsPath = (resourceId: string): string => inGroup(resourceId, '/providers/Microsoft.Security/iotSecuritySolutions');
export const diagnosticsPath = (resourceId: string): string => `${resourceId}/providers/microsoft.insights/diagnosticSettings`;
