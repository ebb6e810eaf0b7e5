// SPDX-License-Identifier: MIT
// What the service answers, as far as pages look at it (api/api.h).

export interface Evidence {
    [member: string]: unknown;
    rawEventId?: string;
    recordId?: string;
    time?: string;
}

export interface HistoryEntry {
    time: string;
    actor: string;
    event: string;
    from: string | null;
    to: string | null;
    reason: string | null;
    text: string | null;
    until: string | null;
}

export interface Technique { id: string; name: string; matrix: string; version: string }

export interface Alert {
    id: string;
    number: number;
    change: number;
    alertType: string;
    displayName: string;
    severity: string;
    status: string;
    deviceId: string;
    moduleId: string;
    subject: string;
    startTime: string;
    endTime: string;
    timeGenerated: string;
    count: number;
    description: string;
    remediationSteps: string[];
    techniques: (Technique | string)[];
    indicator: { value: string; source: string } | null;
    cause: string;
    assessment: { verdict: string; why: string } | null;
    suppressedBy: string | null;
    evidence: Evidence[];
    evidenceTotal: number;
    history?: HistoryEntry[];
    query?: string;
    queryTimespan?: string;
}

export interface AlertGroup {
    alertType: string;
    cause: string;
    displayName: string;
    severity: string;
    alerts: number;
    open: number;
    devices: number;
    count: number;
    startTime: string;
    endTime: string;
    lastId: string;
    description: string;
    /** Three of them at most. */
    deviceIds: string[];
}

export interface QueryResult {
    columns: { name: string; type: string }[];
    rows: unknown[][];
    truncated: boolean;
    render: { visualization: string; [member: string]: unknown } | null;
    seconds: number;
}

export interface BySeverity { High: number; Medium: number; Low: number }
