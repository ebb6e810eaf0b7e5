// SPDX-License-Identifier: MIT
// Records of the audit trail, and a file of all of them.

import { get, withQuery } from '../../lib/api';

export interface AuditRecord {
    sequence: number;
    time: string;
    kind: string;
    who: string;
    role: string;
    address: string;
    via: string;
    method: string;
    path: string;
    resource: string;
    query: string;
    status: number;
    outcome: string;
    request: string;
    changed: string;
    digest: string;
    note: string;
    previous: string;
    hash: string;
}

export interface AuditStatus {
    from: number;
    to: number;
    writeFailures: number;
    problems: number;
    notice?: string;
    lastVerified?: string;
}

/** The exported file: a signed head, and a line for each record. */
export async function exportTrail(): Promise<{ text: string; count: number }> {
    const { head, from, to } = await get<{ head: string; from: number; to: number }>('/audit-export');
    const parts = [head];
    let next: number | null = from <= to ? from : null;
    while (next !== null) {
        const page: { lines: string[]; next: number | null } = await get(withQuery('/audit-export', { from: next, to }));
        parts.push(...page.lines);
        next = page.next;
    }
    return { text: `${parts.join('\n')}\n`, count: parts.length - 1 };
}
