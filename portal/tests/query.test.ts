// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, it } from 'vitest';
import { isoDuration } from '../src/lib/duration';
import type { QueryResult } from '../src/lib/types';
import { askOf, choiceOf, localInput, rangeOf, timespanOf, urlOf } from '../src/pages/query/ask';
import { jsonOf, sortRows, toCsv, toJson } from '../src/pages/query/cell';
import { pastQueries, remember } from '../src/pages/query/history';
import { completionsAt, ownNames } from '../src/pages/query/language';
import { indexOfByte, rangeOfPlace } from '../src/pages/query/place';
import { isDrawn, plotOf } from '../src/pages/query/plot';
import { asksFor } from '../src/pages/query/run';
import { sections } from '../src/pages/query/side';
import type { Names, SavedQuery } from '../src/pages/query/types';

const saved: SavedQuery[] = [
    { name: 'device-talkers', isDelivered: true, title: 'Talkers', category: 'Device', query: 'declare query_parameters(device: string); print device' },
    { name: 'mine', isDelivered: false, query: 'print 1' },
    { name: 'fleet', isDelivered: true, category: 'Fleet', query: 'print 2' },
];

function result(columns: [string, string][], rows: unknown[][], render: QueryResult['render'] = null): QueryResult {
    return { columns: columns.map(([name, type]) => ({ name, type })), rows, truncated: false, render, seconds: 0 };
}

describe('the URL of a query', () => {
    it('says what is asked, and gives it again', () => {
        const ask = { text: 'print "a&b" | take 1', timespan: 'P7D', saved: '', values: { n: '1', q: 'x', 'p.z': 'y' } };
        const { url, isWhole } = urlOf(ask, saved);
        expect(isWhole).toBe(true);
        expect(askOf(new URL(url, 'https://x').searchParams, saved)).toEqual(ask);
    });

    it('names a saved query that is unchanged, with its parameters', () => {
        const ask = askOf(new URLSearchParams('saved=Device-Talkers&device=pump%2F7'), saved);
        expect(ask).toEqual({ text: saved[0]?.query, timespan: '', saved: 'device-talkers', values: { device: 'pump/7' } });
        expect(ask && urlOf(ask, saved).url).toBe('/portal/query?saved=device-talkers&device=pump%2F7');
        expect(ask && urlOf({ ...ask, text: 'print 9' }, saved).url).toContain('q=print+9');
    });

    it('waits for the saved queries, and has no text that is too long', () => {
        expect(askOf(new URLSearchParams('saved=mine'), undefined)).toBeUndefined();
        expect(urlOf({ text: 'x'.repeat(7000), timespan: '', saved: '', values: {} }, saved)).toEqual({ url: '/portal/query', isWhole: false });
    });

    it('without anything asks nothing of the last day', () => {
        expect(askOf(new URLSearchParams(''), saved)).toMatchObject({ text: '', timespan: 'P1D' });
        expect(askOf(new URLSearchParams('q=print 1'), saved)?.timespan).toBe('');
    });
});

describe('stretches of time', () => {
    it('are one of the choices, from and to, or as they are', () => {
        expect(['', 'P1D', 'P3D', '2026-01-01T00:00:00Z/2026-01-02T00:00:00Z'].map(choiceOf)).toEqual(['', 'P1D', 'P3D', 'custom']);
    });

    it('come back from the viewer’s zone', () => {
        const from = new Date(2026, 2, 29, 12, 5);
        const range = rangeOf(timespanOf(from, new Date(2026, 2, 30)));
        expect(range && localInput(range[0])).toBe('2026-03-29T12:05');
        expect(new Date(localInput(from)).getTime()).toBe(from.getTime());
    });

    it('as durations are read', () => {
        expect(['PT1H', 'P1DT30M', 'P1W', 'P', 'PT', 'P1M', '1h'].map(isoDuration))
            .toEqual([3600e3, 86400e3 + 1800e3, 7 * 86400e3, undefined, undefined, undefined, undefined]);
    });
});

describe('places', () => {
    it('count bytes in the service and characters of UTF-16 here', () => {
        expect([0, 1, 3, 6, 10, 11].map((byte) => indexOfByte('aä€😀b', byte))).toEqual([0, 1, 2, 3, 5, 6]);
        expect(rangeOfPlace('print "ä" +', { line: 1, column: 11, offset: 11, length: 1 })).toEqual([10, 11]);
    });

    it('at the end cover something', () => {
        expect(rangeOfPlace('print', { line: 1, column: 6, offset: 5, length: 0 })).toEqual([4, 5]);
        expect(rangeOfPlace('', { line: 1, column: 1, offset: 0, length: 0 })).toEqual([0, 0]);
    });
});

describe('cells', () => {
    it('are sorted by size with nothing last, both ways', () => {
        const rows = [[10, 'b'], [null, 'a'], [9, 'c']];
        expect(sortRows(rows, '0').map((row) => row[0])).toEqual([9, 10, null]);
        expect(sortRows(rows, '-0').map((row) => row[0])).toEqual([10, 9, null]);
        expect(sortRows(rows, '')).toBe(rows);
    });

    it('that are JSON are known', () => {
        expect(jsonOf('{"a":[1]}')).toEqual({ a: [1] });
        expect(['{no', '5', 'text', null].map(jsonOf)).toEqual([undefined, undefined, undefined, undefined]);
    });

    it('stand in files so that nothing is taken for a formula', () => {
        const of = result([['a', 'string'], ['b,c', 'long']], [['=1+1', -5], ['say "x"\n', null]]);
        expect(toCsv(of)).toBe('a,"b,c"\r\n\'=1+1,-5\r\n"say ""x""\n",\r\n');
        expect(JSON.parse(toJson(of))).toEqual([{ a: '=1+1', 'b,c': -5 }, { a: 'say "x"\n', 'b,c': null }]);
    });
});

describe('charts', () => {
    const times = ['2026-11-28T10:00:00.000Z', '2026-11-28T11:00:00.000Z'];

    it('over time have a series for each name, in order of time', () => {
        const plot = plotOf(result([['t', 'datetime'], ['d', 'string'], ['n', 'long']],
            [[times[1], 'a', 2], [times[0], 'a', 1], [times[1], 'b', 5]], { visualization: 'timechart' }));
        expect(plot).toMatchObject({
            form: 'axis', draw: 'line', numbers: undefined, xs: [1795860000, 1795863600],
            series: [{ name: 'a', values: [1, 2] }, { name: 'b', values: [null, 5] }],
        });
    });

    it('take the columns that they are told', () => {
        const plot = plotOf(result([['a', 'long'], ['b', 'real'], ['c', 'real']], [[1, 2.5, 3.5]],
            { visualization: 'scatterchart', xcolumn: 'b', ycolumns: ['c', 'a'] }));
        expect(plot).toMatchObject({ form: 'axis', draw: 'points', numbers: 'b', xs: [2.5], series: [{ name: 'c' }, { name: 'a' }] });
    });

    it('by name are bars, of a pie with shares', () => {
        const rows = [['x', 3], ['y', 1]];
        expect(plotOf(result([['k', 'string'], ['n', 'long']], rows, { visualization: 'piechart' })))
            .toMatchObject({ form: 'names', of: 'k', shares: true, names: ['x', 'y'], series: [{ values: [3, 1] }] });
        expect(plotOf(result([['k', 'string'], ['n', 'long']], rows, { visualization: 'columnchart' }))).toMatchObject({ form: 'names', shares: false });
    });

    it('leave out what cannot be told apart, and say how much', () => {
        const rows = Array.from({ length: 12 }, (_, i) => [times[0], `s${i.toString()}`, i]);
        const plot = plotOf(result([['t', 'datetime'], ['s', 'string'], ['n', 'long']], rows, { visualization: 'areachart' }));
        expect(plot).toMatchObject({ draw: 'area', left: 4 });
        expect(plot?.series.map((one) => one.name)).toEqual(['s4', 's5', 's6', 's7', 's8', 's9', 's10', 's11']);
    });

    it('of timespans count seconds; of nothing there is none', () => {
        expect(plotOf(result([['t', 'datetime'], ['d', 'timespan']], [[times[0], '-1.00:00:01.5']])))
            .toMatchObject({ series: [{ values: [-86401.5] }] });
        expect(plotOf(result([['t', 'datetime'], ['s', 'string']], [[times[0], 'x']]))).toBeUndefined();
        expect(plotOf(result([['n', 'long']], []))).toBeUndefined();
        expect(['table', undefined, 'scatter', 'piechart'].map(isDrawn)).toEqual([false, false, true, true]);
    });
});

describe('completion', () => {
    const names: Names = {
        tables: [
            { name: 'SecurityAlert', timeColumn: 'TimeGenerated', columns: [{ name: 'AlertType', type: 'string' }] },
            { name: 'AzureActivity', timeColumn: 'TimeGenerated', columns: [{ name: 'Caller', type: 'string' }] },
        ],
        operators: ['where', 'project-away'], keywords: ['and'], functions: ['strcat'], aggregates: ['dcount'],
    };
    const labels = (before: string, word: string) => completionsAt(before, word, before, names).map((one) => one.label);

    it('behind a pipe is of operators, behind render of charts', () => {
        expect(labels('SecurityAlert | wh', 'wh')).toEqual(['where', 'project-away']);
        expect(labels('SecurityAlert | render ', '')).toContain('timechart');
    });

    it('has columns of the tables that are named, and what the query makes', () => {
        const found = labels('let x = 5; SecurityAlert | extend Kind = 1 | where A', 'A');
        expect(found).toContain('AlertType');
        expect(found).toContain('Kind');
        expect(found).not.toContain('Caller');
        expect(ownNames('where a == 1 and b =~ "x" | as T')).toEqual(['T']);
    });
});

describe('what is beside the editor', () => {
    beforeEach(() => { localStorage.clear(); });

    it('stands by category, delivered ones first', () => {
        expect(sections(saved, '').map(([name, list]) => [name, list.length])).toEqual([['Device', 1], ['Fleet', 1], ['Your own', 1]]);
        expect(sections(saved, 'TALK').map(([name]) => name)).toEqual(['Device']);
    });

    it('keeps the last 20 texts, each once', () => {
        for (let i = 0; i < 25; i++) {
            remember(`print ${(i % 22).toString()}`, '', i);
        }
        const past = pastQueries();
        expect(past.length).toBe(20);
        expect(past[0]).toEqual({ text: 'print 2', timespan: '', at: 24 });
        expect(past.filter((one) => one.text === 'print 2').length).toBe(1);
        localStorage.setItem('vedette.queries', '[{"text":5}, "x", null]');
        expect(pastQueries()).toEqual([]);
    });

    it('asks for no parameter that is filled in', () => {
        const device = { name: 'device', type: 'string', hasDefault: false, default: null };
        const members = { name: 'groupMembers', type: 'dynamic', hasDefault: true, default: 'dynamic([])' };
        expect(asksFor([device, members])).toEqual([device]);
        expect(asksFor([members])).toEqual([members]);
    });
});
