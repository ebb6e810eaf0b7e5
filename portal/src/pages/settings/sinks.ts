// SPDX-License-Identifier: MIT
// Sinks of notifications as the service gives them (GET /notify), and what a test of one came to.

export interface Sink {
    name: string;
    kind: string;
    settings: { url?: string; path?: string; format?: string };
    minSeverity: string;
    waiting: number;
    delivered: number;
    skipped: number;
    dead: number;
    state?: string;
    lastError?: string | null;
    lastErrorTime?: string | null;
}

export interface DeadNotification {
    number: number;
    sink: string;
    sequence: number;
    what: string;
    time: string;
    failed: string;
    reason: string;
    alert: { id?: string; displayName?: string; severity?: string; deviceId?: string } | null;
}

export type Outcome = 'delivered' | 'failed' | 'waiting';

/** A test stands at the end of the queue: it is there when all that waited before it, and it itself, were. */
export function outcome(before: Sink, now: Sink | undefined): Outcome {
    if (now === undefined) {
        return 'failed';
    }
    if (now.delivered > before.delivered + before.waiting || now.dead > before.dead) {
        return now.dead > before.dead ? 'failed' : 'delivered';
    }
    return now.lastErrorTime && now.lastErrorTime !== before.lastErrorTime ? 'failed' : 'waiting';
}
