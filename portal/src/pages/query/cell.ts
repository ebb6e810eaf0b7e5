// SPDX-License-Identifier: MIT
// Cells: what they are, in which order they stand, and how a file has them.

import { isLong, parseExact } from '../../lib/json';
import type { QueryResult } from '../../lib/types';

/** An object or array as text, as columns like EventDetails have it; undefined: it is none. */
export function jsonOf(value: unknown): unknown {
    if (typeof value === 'object' && value !== null) {
        return value;
    }
    if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) {
        return undefined;
    }
    try {
        return parseExact(value);
    } catch {
        return undefined;
    }
}

export function cellText(value: unknown): string {
    return value === null || value === undefined ? ''
        : typeof value === 'string' ? value
        : JSON.stringify(value);
}

const isWhole = (value: unknown): value is number | string => isLong(value) || Number.isSafeInteger(value);

/** A number in a column of them that is too long for one. */
const isLongIn = (column: { type: string } | undefined, value: unknown): value is string => column?.type === 'long' && isLong(value);

/** Nothing stands last, numbers by size, the rest as text. */
function compare(a: unknown, b: unknown): number {
    if (typeof a === 'number' && typeof b === 'number') {
        return a - b;
    }
    if (isWhole(a) && isWhole(b)) {
        const difference = BigInt(a) - BigInt(b);
        return difference > 0n ? 1 : difference < 0n ? -1 : 0;
    }
    return cellText(a).localeCompare(cellText(b), 'en', { numeric: true });
}

/** `sort` is a column's number, with "-" in front for descending; empty: as they came. */
export function sortRows(rows: unknown[][], sort: string): unknown[][] {
    if (sort === '') {
        return rows;
    }
    const down = sort.startsWith('-');
    const column = Number(down ? sort.slice(1) : sort);
    return [...rows].sort((one, other) => {
        const a = one[column] ?? null;
        const b = other[column] ?? null;
        if (a === null || b === null) {
            return a === b ? 0 : a === null ? 1 : -1;
        }
        return down ? compare(b, a) : compare(a, b);
    });
}

/** RFC 4180. A text that a spreadsheet would take for a formula has an apostrophe in front: devices choose such texts. */
export function toCsv({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): string {
    const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const cell = (value: unknown, i: number) => quoted(typeof value === 'string' && /^[=+\-@\t\r]/.test(value) && !isLongIn(columns[i], value)
        ? `'${value}` : cellText(value));
    return [columns.map((column) => quoted(column.name)), ...rows.map((row) => row.map(cell))]
        .map((line) => `${line.join(',')}\r\n`).join('');
}

/** An array of objects, as the service gave the values. */
export function toJson({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): string {
    const member = (column: { name: string; type: string }, value: unknown) => (
        `    ${JSON.stringify(column.name)}: ${isLongIn(column, value) ? value : JSON.stringify(value ?? null, null, 2).replaceAll('\n', '\n    ')}`
    );
    const objects = rows.map((row) => `  {\n${columns.map((column, i) => member(column, row[i])).join(',\n')}\n  }`);
    return objects.length === 0 ? '[]\n' : `[\n${objects.join(',\n')}\n]\n`;
}
