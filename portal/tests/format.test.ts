// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { ago, bytes, compact, duration, time, utcTime } from '../src/lib/format';

describe('sizes and numbers', () => {
    it('change the unit at 1,024', () => {
        expect([0, 1023, 1024, 1536, 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 GiB']);
    });

    it('are whole up to ten thousand', () => {
        expect([9999, 12345].map(compact)).toEqual(['9,999', '12.3K']);
    });
});

describe('times', () => {
    const now = Date.UTC(2026, 10, 28, 12);

    it('say how long ago', () => {
        expect(ago(new Date(now - 90e3), now)).toBe('1 min. ago');
        expect(ago(new Date(now - 3 * 86400e3), now)).toBe('3 days ago');
        expect(ago(new Date(now), now)).toBe('now');
    });

    it('are none where the service gives none', () => {
        expect([null, undefined, '', 0, 'no time'].map(time)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    });

    it('are given in UTC too', () => {
        expect(utcTime(new Date(now))).toBe('2026-11-28 12:00:00 UTC');
    });

    it('have two units of length', () => {
        expect([250, 1500, 61e3, 90061e3, -5000].map(duration)).toEqual(['250 ms', '1.5 s', '1 min 1 s', '1 d 1 h', '−5.0 s']);
    });
});
