// SPDX-License-Identifier: MIT
// Charts over time or over numbers (uPlot), with the same numbers as a table for who cannot see them.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { compact, hourMinute, localDate, localTime, number } from '../lib/format';
import { onTheme } from '../lib/theme';
import { t } from '../strings';
import { Scroll } from './scroll';

export interface Series {
    name: string;
    /** A custom property of the style sheet: "--high". */
    color: string;
    /** One for each time; null: nothing is known. */
    values: (number | null)[];
}

interface ChartProps {
    label: string; // what it shows, in words
    /** Seconds since 1970, ascending; with `numbers` any numbers. */
    times: number[];
    /** What the axis shows, where that is more than the times: seconds since 1970. */
    range?: [number, number];
    series: Series[];
    kind?: 'line' | 'bars' | 'area' | 'points'; // bars stand on each other
    height?: number;
    unit?: (value: number) => string;
    /** Days: the axis has no hours. */
    days?: boolean;
    /** What the axis counts where it is no time: a name for its numbers. */
    numbers?: string;
    /** Lines go on over what is not known. */
    spans?: boolean;
    /** The same numbers are shown elsewhere: no table below. */
    bare?: boolean;
}

/** With few values each is marked, so that one alone can be seen. */
const MARKED_MAX = 60;

function property(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Each series on those before it. */
export function stack(series: Series[]): (number | null)[][] {
    const sums: number[] = [];
    return series.map((one) => one.values.map((value, i) => (sums[i] = (sums[i] ?? 0) + (value ?? 0))));
}

/** A place on the axis below, in words. */
function place({ numbers, days }: ChartProps, x: number): string {
    return numbers !== undefined ? number(x) : days ? localDate(new Date(x * 1000)) : localTime(new Date(x * 1000));
}

/** So much that the first and the last bar are whole. */
function around(times: number[]): [number, number] | undefined {
    const first = times[0];
    const last = times.at(-1);
    if (first === undefined || last === undefined || first === last) {
        return undefined;
    }
    const half = (last - first) / (times.length - 1) / 2;
    return [first - half, last + half];
}

const DAY_S = 86400;
const HALF_HOUR_S = 1800;

/** The axis below; undefined: from the first to the last. One place alone has some room around it, or the axis would span years. */
export function rangeOf({ range, times, kind, numbers, days }: ChartProps): [number, number] | undefined {
    const only = times.length === 1 ? times[0] : undefined;
    if (range !== undefined) {
        return range;
    }
    if (only !== undefined) {
        const room = numbers !== undefined ? 1 : days ? DAY_S : HALF_HOUR_S;
        return [only - room, only + room];
    }
    return kind === 'bars' ? around(times) : undefined;
}

/** Times below the axis: of the viewer's day, which is said where it begins. */
export function timeLabels(splits: number[], step: number): string[] {
    const days = splits.map((second) => localDate(new Date(second * 1000)));
    return splits.map((second, i) => step >= DAY_S ? days[i] ?? ''
        : `${hourMinute(new Date(second * 1000))}${days[i] === days[i - 1] ? '' : `\n${days[i] ?? ''}`}`);
}

function options(props: ChartProps, width: number): uPlot.Options {
    const bars = props.kind === 'bars';
    const unit = props.unit ?? compact;
    const range = rangeOf(props);
    const axis = { stroke: property('--text-2'), grid: { stroke: property('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
    const series = props.series.map((one): uPlot.Series => ({
        label: one.name,
        stroke: property(one.color),
        width: bars ? 0 : 2,
        spanGaps: props.spans ?? false,
        ...(props.kind === 'area' ? { fill: `${property(one.color)}33` } : {}),
        ...(props.kind === 'points' ? { paths: () => null } : {}),
        ...(bars ? { fill: property(one.color), paths: uPlot.paths.bars?.({ size: [0.7, 46] }) } : {}),
        points: {
            show: !bars && (props.kind === 'points' || props.times.length <= MARKED_MAX), size: props.kind === 'points' ? 7 : 5,
            fill: property(one.color), stroke: property(one.color), width: 0,
        },
        // What stands on others shows its own value.
        value: (_, __, ___, i) => (i === null ? '–' : unit(one.values[i] ?? 0)),
    } as uPlot.Series));
    return {
        width,
        height: props.height ?? 190,
        scales: { x: { time: props.numbers === undefined, ...(range ? { range } : {}) }, y: { range: (_, min, max) => [Math.min(0, min * 1.08), max > 0 ? max * 1.08 : 1] } },
        cursor: { y: false, points: { show: !bars } },
        legend: { live: true },
        series: [
            { label: props.numbers ?? t.alerts.time, value: (_, x) => (x === null ? '–' : place(props, x)) },
            ...(bars ? series.reverse() : series),
        ],
        axes: [
            { ...axis, grid: { show: false }, ...(props.numbers !== undefined ? {} : props.days ? { values: (_: uPlot, splits: number[]) => splits.map((s) => localDate(new Date(s * 1000))), space: 70, incrs: [1, 2, 7, 14, 30].map((n) => n * DAY_S) }
                : { values: (_: uPlot, splits: number[], __: number, ___: number, step: number) => timeLabels(splits, step) }) },
            { ...axis, size: 56, values: (_, splits) => splits.map((v) => unit(v)) },
        ],
    };
}

function data(props: ChartProps): uPlot.AlignedData {
    const rows = props.kind === 'bars' ? stack(props.series).reverse() : props.series.map((one) => one.values);
    return [props.times, ...rows];
}

function ValueTable(props: ChartProps): JSX.Element {
    const { times, series, unit = compact, label } = props;
    const [open, setOpen] = useState(false);
    return (
        <details class="small" onToggle={(event) => { setOpen(event.currentTarget.open); }}>
            <summary class="muted">{t.chartTable}</summary>
            {open ? <Scroll label={label}>
                <table>
                    <caption class="visually-hidden">{label}</caption>
                    <thead>
                        <tr><th scope="col">{props.numbers ?? t.alerts.time}</th>{series.map((s) => <th class="number" scope="col" key={s.name}>{s.name}</th>)}</tr>
                    </thead>
                    <tbody>
                        {times.map((second, i) => (
                            <tr key={second}>
                                <th scope="row">{place(props, second)}</th>
                                {series.map((s) => {
                                    const value = s.values[i];
                                    return <td class="number" key={s.name}>{value === null || value === undefined ? '–' : unit(value)}</td>;
                                })}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </Scroll> : null}
        </details>
    );
}

export function Chart(props: ChartProps): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    const [width, setWidth] = useState(0);
    const [turn, setTurn] = useState(0);

    useEffect(() => {
        const element = ref.current;
        if (!element) {
            return undefined;
        }
        const observer = new ResizeObserver(() => { setWidth(Math.floor(element.clientWidth)); });
        observer.observe(element);
        return () => { observer.disconnect(); };
    }, []);
    useEffect(() => onTheme(() => { setTurn((n) => n + 1); }), []);
    useEffect(() => {
        if (!ref.current || width === 0) {
            return undefined;
        }
        const plot = new uPlot(options(props, width), data(props), ref.current);
        return () => { plot.destroy(); };
    }, [width, turn, props.times, props.series, props.kind, props.range]);
    return (
        <figure class="stack tight">
            <div class="chart" ref={ref} role="img" aria-label={props.label} />
            {props.bare ? null : <ValueTable {...props} />}
        </figure>
    );
}
