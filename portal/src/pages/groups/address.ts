// SPDX-License-Identifier: MIT
// Addresses, networks and ranges as rules take them. The service judges again, and finally.

import { t } from '../../strings';

const s = t.groups;

/** The bytes of an IPv4 or IPv6 address; undefined: it is none. */
export function addressBytes(text: string): number[] | undefined {
    return text.includes(':') ? ipv6(text) : ipv4(text);
}

function ipv4(text: string): number[] | undefined {
    const parts = text.split('.');
    return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
        ? parts.map(Number) : undefined;
}

function groupsOf(text: string): number[] | undefined {
    if (text === '') {
        return [];
    }
    const bytes: number[] = [];
    const parts = text.split(':');
    for (const [i, part] of parts.entries()) {
        const tail = i === parts.length - 1 && part.includes('.') ? ipv4(part) : undefined;
        if (tail) {
            bytes.push(...tail);
        } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
            const value = parseInt(part, 16);
            bytes.push(value >> 8, value & 255);
        } else {
            return undefined;
        }
    }
    return bytes;
}

function ipv6(text: string): number[] | undefined {
    const halves = text.split('::');
    const [head, tail] = halves.map(groupsOf);
    if (halves.length > 2 || !head || (halves.length === 2 && !tail)) {
        return undefined;
    }
    const missing = 16 - head.length - (tail?.length ?? 0);
    if (halves.length === 1 ? missing !== 0 : missing < 2) {
        return undefined;
    }
    return [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])];
}

function isSorted(a: number[], b: number[]): boolean {
    const at = a.findIndex((byte, i) => byte !== b[i]);
    return at < 0 || (a[at] ?? 0) < (b[at] ?? 0);
}

/** What is wrong with an entry; undefined: nothing. */
export function checkAddress(text: string): string | undefined {
    const [first = '', last] = text.split('-', 2);
    if (last !== undefined) {
        const [from, to] = [addressBytes(first), addressBytes(last)];
        return from && to ? (from.length === to.length && isSorted(from, to) ? undefined : s.faults.range) : s.faults.notAddress;
    }
    const [address = '', prefix] = text.split('/', 2);
    const bytes = addressBytes(address);
    if (!bytes) {
        return s.faults.notAddress;
    }
    if (prefix === undefined) {
        return undefined;
    }
    if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bytes.length * 8) {
        return s.faults.prefix;
    }
    return Number(prefix) === 0 ? s.faults.everything : undefined;
}
