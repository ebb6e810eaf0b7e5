// SPDX-License-Identifier: MIT
// Dead letters as the service gives them (center/store/letters.h).

import { call, withQuery } from '../../lib/api';

export interface Replay { status: string; offset: number; time: string; events?: number; duplicates?: number; reason?: string }

export interface Letter {
    offset: number;
    time: string;
    deviceId: string;
    moduleId: string;
    address: string;
    kind: string;
    protocol: string | null;
    reason: string;
    bodyBytes: number;
    replay: Replay | null;
    properties?: Record<string, string> | null;
    propertyBag?: string;
    bodyForm?: string;
    body?: unknown;
}

export interface Filter { device: string | undefined; reason: string | undefined }

interface Queued { queued: number; isRunning: boolean; next: number | null }

/** Replays all of the filter, a hundred a request; ends when none is left. */
export async function replayAll(filter: Filter): Promise<{ count: number; isRunning: boolean }> {
    let count = 0;
    let from: number | undefined;
    for (;;) {
        const answer: Queued = await call<Queued>('POST', withQuery('/dead-letters/replay', { ...filter, from }));
        count += answer.queued;
        if (answer.next === null || answer.next === from) {
            return { count, isRunning: answer.isRunning };
        }
        from = answer.next;
    }
}
