// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { dismissalEnd } from '../src/pages/alerts/act';
import { words } from '../src/pages/alerts/evidence';
import { filterOf } from '../src/pages/alerts/list';
import { quote, surroundingsQuery } from '../src/pages/alerts/surroundings';

describe('the filter of a URL', () => {
    const now = Date.UTC(2026, 10, 28, 10, 30, 45);

    it('shows open alerts unless it says otherwise', () => {
        expect(filterOf(new URLSearchParams(''), now)['state']).toBe('Open');
        expect(filterOf(new URLSearchParams('state=any'), now)['state']).toBeUndefined();
        expect(filterOf(new URLSearchParams('state=Resolved'), now)['state']).toBe('Resolved');
    });

    it('begins stretches of time on a full minute', () => {
        expect(filterOf(new URLSearchParams('from=24h'), now)['from']).toBe('2026-11-27T10:30:00.000Z');
        expect(filterOf(new URLSearchParams('from=nonsense'), now)['from']).toBeUndefined();
    });
});

describe('the end of a dismissal', () => {
    const now = new Date(Date.UTC(2026, 11, 31, 23, 59, 59));

    it('is the end of the day in UTC, so many days from now, or never', () => {
        expect(dismissalEnd('today', now)).toEqual({ until: '2027-01-01T00:00:00.000Z' });
        expect(dismissalEnd('7d', now)).toEqual({ until: '2027-01-07T23:59:59.000Z' });
        expect(dismissalEnd('ever', now)).toEqual({});
    });

    it('is its beginning if nothing is to be suppressed', () => {
        expect(dismissalEnd('no', now)).toEqual({ suppress: false });
    });
});

describe('what a device did around an alert', () => {
    it('is looked for by its own time, also in what came hours later', () => {
        const { text, timespan, range } = surroundingsQuery({
            deviceId: 'pump-1', startTime: '2026-11-28T02:00:00.000Z', endTime: '2026-11-28T02:10:00.000Z', timeGenerated: '2026-11-28T10:00:00.000Z',
        });
        expect(text).toContain('TimeStamp between (datetime(2026-11-28T01:00:00.000Z) .. datetime(2026-11-28T03:10:00.000Z))');
        expect(timespan).toBe('2026-11-28T01:00:00.000Z/2026-11-28T11:00:00.000Z');
        expect(range).toEqual([Date.UTC(2026, 10, 28, 1) / 1000, Date.UTC(2026, 10, 28, 3, 10) / 1000]);
    });
});

describe('words', () => {
    it('of a member', () => {
        expect(words('clockErrorMs')).toBe('Clock error ms');
    });

    it('in a query’s quotes end nothing', () => {
        expect(quote('a"b\\c\nd')).toBe('"a\\"b\\\\c d"');
    });
});
