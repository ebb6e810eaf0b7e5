// SPDX-License-Identifier: MIT
// What the service says of queries (api/api.h).

import type { Place } from '../../lib/api';

export interface NamedColumn { name: string; type: string }

/** GET /query/names */
export interface Names {
    tables: { name: string; timeColumn: string; columns: NamedColumn[] }[];
    operators: string[];
    keywords: string[];
    functions: string[];
    aggregates: string[];
}

export interface Declared { name: string; type: string; hasDefault: boolean; default: string | null }

/** POST /query with "check" */
export interface Checked { parameters?: Declared[]; problem?: { message: string; place: Place } }

export interface Schedule {
    every: string;
    over?: string;
    rowsAbove?: number;
    severity?: string;
    deviceColumn?: string;
    enabled?: boolean;
}

/** What PUT /queries/{id} takes. */
export interface QueryDocument {
    query: string;
    title?: string;
    description?: string;
    category?: string;
    schedule?: Schedule;
}

export interface SavedQuery extends QueryDocument {
    name: string;
    isDelivered: boolean;
    state?: {
        coveredTo: string; next: string | null; lastRun: string | null; rows: number; raised: number; repeated: number;
        error: string | null;
    };
}
