// SPDX-License-Identifier: MIT
// From rows and the word behind `render` to what is drawn.

import { isLong } from '../../lib/json';
import type { QueryResult } from '../../lib/types';
import { cellText } from './cell';

export interface PlotSeries { name: string; color: string; values: (number | null)[] }

export type Plot =
    | { form: 'axis'; draw: 'line' | 'area' | 'bars' | 'points'; numbers: string | undefined; xs: number[]; series: PlotSeries[]; left: number }
    | { form: 'names'; of: string; shares: boolean; names: string[]; series: PlotSeries[]; left: number };

const COLORS = ['--chart-1', '--chart-2', '--chart-3', '--chart-4', '--chart-5', '--chart-6', '--chart-7', '--chart-8'];
const NAMES_MAX = 60;
const POINTS_MAX = 5000;

const NUMBERS = ['int', 'long', 'real', 'decimal', 'timespan'];
const NAMED = ['barchart', 'columnchart', 'piechart'];
const DRAWN = ['timechart', 'linechart', 'areachart', 'stackedareachart', 'scatterchart', ...NAMED];

/** Whether the word behind `render` is drawn here; "scatter" is what people write. */
export function isDrawn(visualization: string | undefined): boolean {
    return visualization !== undefined && (DRAWN.includes(visualization) || visualization === 'scatter');
}

export const CHARTS = DRAWN.filter((name) => name !== 'stackedareachart');

const SPAN = /^(-?)(?:(\d+)\.)?(\d\d):(\d\d):(\d\d(?:\.\d+)?)$/;

/** A number; of a timespan its seconds. */
function numberOf(value: unknown): number | null {
    if (typeof value === 'number') {
        return value;
    }
    if (isLong(value)) {
        return Number(value);
    }
    const parts = typeof value === 'string' ? SPAN.exec(value) : null;
    if (!parts) {
        return null;
    }
    const seconds = Number(parts[2] ?? 0) * 86400 + Number(parts[3]) * 3600 + Number(parts[4]) * 60 + Number(parts[5]);
    return parts[1] === '-' ? -seconds : seconds;
}

function list(value: unknown): string[] {
    return Array.isArray(value) ? value.map(cellText) : typeof value === 'string' && value !== '' ? value.split(',').map((one) => one.trim()) : [];
}

interface Chosen { x: number; ys: number[]; by: number[] }

/** Which columns are the axis, the values, and what parts the rows into series. undefined: nothing can be drawn. */
function choose(result: QueryResult, named: boolean): Chosen | undefined {
    const { columns, render } = result;
    const at = (name: unknown) => columns.findIndex((column) => column.name === name);
    const isNumber = (i: number) => NUMBERS.includes(columns[i]?.type ?? '');
    const wanted = at(render?.['xcolumn']);
    const first = named ? columns.findIndex((_, i) => !isNumber(i)) : columns.findIndex((column) => column.type === 'datetime');
    const x = wanted >= 0 ? wanted : first >= 0 ? first : 0;
    const given = list(render?.['ycolumns']).map(at).filter((i) => i >= 0 && i !== x);
    const ys = given.length > 0 ? given : columns.map((_, i) => i).filter((i) => i !== x && isNumber(i));
    const series = list(render?.['series']).map(at).filter((i) => i >= 0);
    const by = series.length > 0 ? series : columns.map((_, i) => i).filter((i) => i !== x && !ys.includes(i) && columns[i]?.type === 'string');
    return ys.length > 0 ? { x, ys, by } : undefined;
}

/** Values by series and place on the axis; what comes twice is added. */
function pivot<X>(result: QueryResult, { ys, by }: Chosen, xOf: (row: unknown[]) => X | null): { xs: X[]; series: Map<string, Map<X, number>> } {
    const series = new Map<string, Map<X, number>>();
    const xs = new Set<X>();
    for (const row of result.rows) {
        const x = xOf(row);
        if (x === null) {
            continue;
        }
        xs.add(x);
        const prefix = by.map((i) => cellText(row[i])).join(', ');
        for (const y of ys) {
            const column = result.columns[y]?.name ?? '';
            const name = by.length === 0 ? column : ys.length === 1 ? prefix : `${prefix} ${column}`;
            const value = numberOf(row[y]);
            if (value !== null) {
                const values = series.get(name) ?? new Map<X, number>();
                values.set(x, (values.get(x) ?? 0) + value);
                series.set(name, values);
            }
        }
    }
    return { xs: [...xs], series };
}

const weight = (values: Map<unknown, number>): number => [...values.values()].reduce((all, value) => all + Math.abs(value), 0);

/** The largest, in the order in which they came; how many were left out. */
function largest<X>(series: Map<string, Map<X, number>>, xs: X[]): { series: PlotSeries[]; left: number } {
    const kept = new Set([...series].map(([name, values]) => ({ name, weight: weight(values) }))
        .sort((a, b) => b.weight - a.weight).slice(0, COLORS.length).map(({ name }) => name));
    return {
        series: [...series].filter(([name]) => kept.has(name)).map(([name, values], i) => ({
            name, color: COLORS[i] ?? '', values: xs.map((x) => values.get(x) ?? null),
        })),
        left: series.size - kept.size,
    };
}

function axisPlot(result: QueryResult, visualization: string, chosen: Chosen): Plot {
    const column = result.columns[chosen.x];
    const isTime = column?.type === 'datetime';
    const found = pivot(result, chosen, (row) => {
        const value = row[chosen.x];
        return isTime ? (typeof value === 'string' ? new Date(value).getTime() / 1000 : null) : numberOf(value);
    });
    const xs = found.xs.sort((a, b) => a - b);
    const { series, left } = largest(found.series, xs);
    return {
        form: 'axis', numbers: isTime ? undefined : column?.name ?? '', xs, series, left,
        draw: visualization.startsWith('scatter') ? 'points' : visualization.includes('area') ? 'area'
            : visualization === 'columnchart' || visualization === 'barchart' ? 'bars' : 'line',
    };
}

function namesPlot(result: QueryResult, visualization: string, chosen: Chosen): Plot {
    const found = pivot(result, chosen, (row) => cellText(row[chosen.x]));
    const names = found.xs.slice(0, NAMES_MAX);
    const { series, left } = largest(found.series, names);
    return {
        form: 'names', of: result.columns[chosen.x]?.name ?? '', shares: visualization === 'piechart' && series.length === 1,
        names, series, left: left + found.xs.length - names.length,
    };
}

/** undefined: there is nothing to draw. */
export function plotOf(result: QueryResult): Plot | undefined {
    const visualization = result.render?.visualization ?? 'timechart';
    const named = NAMED.includes(visualization);
    const chosen = result.rows.length > 0 && result.rows.length <= POINTS_MAX * COLORS.length ? choose(result, named) : undefined;
    if (!chosen) {
        return undefined;
    }
    const type = result.columns[chosen.x]?.type ?? '';
    const byNumber = !named && (NUMBERS.includes(type) || type === 'datetime');
    const columnsOverTime = visualization !== 'piechart' && type === 'datetime';
    return byNumber || columnsOverTime ? axisPlot(result, visualization, chosen) : namesPlot(result, visualization, chosen);
}
