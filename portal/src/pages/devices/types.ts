// SPDX-License-Identifier: MIT
// What GET /inventory and its like answer (api/api.h).

import type { BySeverity } from '../../lib/types';

export const STATES = ['refused', 'silent', 'late', 'reporting', 'never', 'disabled'] as const;

export interface DeviceRow {
    deviceId: string;
    group: string;
    state: string;
    isEnabled: boolean;
    isConnected: boolean;
    lastHeard: string | null;
    address: string | null;
    openAlerts: BySeverity;
    clockErrorMs: number | null;
    authenticationType: string | null;
    usualSeconds: number | null;
}

export interface Inventory {
    devices: DeviceRow[];
    next: string | null;
    counts: Record<(typeof STATES)[number] | 'total', number>;
}

export interface CoverageDay {
    day: string;
    countedPackets: number;
    reportedPackets: number;
    missedPackets: number;
    share: number | null;
}

export interface DeviceDetail extends DeviceRow {
    generationId: string;
    createdTime: string;
    statusReason: string | null;
    hasSecurityModule: boolean;
    hasGroupTag: boolean;
    groupHasRules: boolean;
    reasons: string[];
    connectedSince: string | null;
    lastConnected: string | null;
    lastDisconnected: string | null;
    connectedAddress: string | null;
    lastMessage: string | null;
    lastNetworkActivity: string | null;
    clockMeasured: string | null;
    refused: { time: string; reason: string; text: string; address: string | null; looksCopied: boolean } | null;
    versions: { module: string | null; os: string | null; hardware: string | null; time: string | null } | null;
    coverage: CoverageDay[] | null;
    /** To do, and about it among others. */
    recommendations: { type: string; displayName: string; severity: string }[];
}

export interface Diagnosis {
    deviceId: string;
    group: string;
    warnings: string[];
    alerts: { alertType: string; displayName: string; canFire: boolean; why: string }[];
}
