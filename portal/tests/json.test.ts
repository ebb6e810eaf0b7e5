// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { get } from '../src/lib/api';
import { number } from '../src/lib/format';
import { isLong, parseExact } from '../src/lib/json';
import { sortRows, toCsv, toJson } from '../src/pages/query/cell';
import { plotOf } from '../src/pages/query/plot';
import { serve } from './server';

const LONGEST = '9223372036854775807';

describe('whole numbers of JSON', () => {
    it('are numbers as far as a number holds them, and else texts of their digits', () => {
        expect(parseExact('[9007199254740991,9007199254740992,-9007199254740993,9223372036854775807,0,-1]'))
            .toEqual([9007199254740991, '9007199254740992', '-9007199254740993', LONGEST, 0, -1]);
    });

    it('are not looked for in strings, names and fractions', () => {
        const texts = [
            '{"9007199254740993":"9007199254740993","a\\"9007199254740993":"\\\\\\"9007199254740993,","b":"x\\\\"}',
            '[0.12345678901234567,12345678901234567890.5,1e22,1234567890123456789e0,-0.5,12345678901234567E-3]',
            '"9007199254740993"', '[]', 'null', '"1234567890123456 \\\\"',
        ];
        for (const text of texts) {
            expect(parseExact(text)).toEqual(JSON.parse(text));
        }
    });

    it('stand beside such strings', () => {
        expect(parseExact(`{"a\\\\":${LONGEST},"b":["\\"",${LONGEST},{"c":-${LONGEST}}],"d":"${LONGEST}"}`))
            .toEqual({ 'a\\': LONGEST, b: ['"', LONGEST, { c: `-${LONGEST}` }], d: LONGEST });
    });

    it('that are broken are refused as they are', () => {
        for (const text of ['{"a":1234567890123456789', '"1234567890123456789', '[12345678901234567-1]', '1234567890123456789-']) {
            expect(() => parseExact(text)).toThrow(SyntaxError);
        }
    });

    it('reach pages as the service sent them', async () => {
        await serve('reader', { 'GET /long': () => new Response(`{"rows":[[${LONGEST},1]]}`, { headers: { 'Content-Type': 'application/json' } }) });
        expect(await get('/long')).toEqual({ rows: [[LONGEST, 1]] });
    });

    it('are shown with all of their digits', () => {
        expect(number(parseExact(LONGEST) as number)).toBe('9,223,372,036,854,775,807');
    });
});

describe('a result with long numbers', () => {
    const columns = [{ name: 'n', type: 'long' }, { name: 'text', type: 'string' }];
    const rows = parseExact(`[[5,"-5"],[${LONGEST},"${LONGEST}"],[9223372036854775806,""],[-9007199254740995,""],[-9007199254740993,"-9007199254740993"]]`) as unknown[][];

    it('is sorted by them', () => {
        expect(sortRows(rows, '0').map(([n]) => String(n)))
            .toEqual(['-9007199254740995', '-9007199254740993', '5', '9223372036854775806', LONGEST]);
    });

    it('is exported with them as numbers, and texts as texts', () => {
        const csv = toCsv({ columns, rows }).split('\r\n');
        expect(csv[2]).toBe(`${LONGEST},${LONGEST}`);
        expect(csv[5]).toBe("-9007199254740993,'-9007199254740993");
        const json = toJson({ columns, rows });
        expect(json).toContain(`"n": ${LONGEST},\n    "text": "${LONGEST}"`);
        expect(parseExact(json)).toEqual(rows.map(([n, text]) => ({ n, text })));
        expect(parseExact(toJson({ columns, rows: [] }))).toEqual([]);
    });

    it('is drawn', () => {
        const plot = plotOf({ columns: [{ name: 'at', type: 'string' }, { name: 'n', type: 'long' }], rows: [['a', LONGEST]], truncated: false, render: { visualization: 'barchart' }, seconds: 0 } as never);
        expect(plot?.series[0]?.values).toEqual([Number(LONGEST)]);
        expect(isLong('5')).toBe(false);
    });
});
