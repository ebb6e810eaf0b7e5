// SPDX-License-Identifier: MIT
// What GET /overview answers (api/api.h).

import type { BySeverity } from '../../lib/types';

export const STATES = ['refused', 'silent', 'late', 'never', 'reporting', 'disabled'] as const;
export type State = (typeof STATES)[number];

export type Counts = Record<State | 'total', number>;

export const MISSED = ['overflowedPackets', 'malformedPackets', 'givenUpPackets', 'withheldPackets'] as const;

export type Coverage = Record<(typeof MISSED)[number] | 'reportedPackets', number> & {
    /** 0 to 1; null: nothing was reported. */
    share: number | null;
    mostDevices: number;
    hours: { hour: string; share: number | null }[];
    /** Who lost most, the most first: some of them. */
    losses: { deviceId: string; missedPackets: number }[];
};

export interface Ingest {
    /** When the service started; null: none runs. */
    since: string | null;
    messagesPerSecond: number;
    backlog: number;
    lastMessage: string | null;
    deadLetters: number;
    refusedConnections: number;
    connections: number;
    isStalled: boolean;
    storesRawEvents: boolean;
}

export interface OverviewData {
    alerts: { open: BySeverity; new: number; days: ({ day: string } & BySeverity)[] };
    devices: Counts;
    recommendations: { open: BySeverity };
    coverage: Coverage;
    ingest: Ingest;
    notices: { code: string; severity: string; text: string }[];
}
