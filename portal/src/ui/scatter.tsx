// SPDX-License-Identifier: MIT
// Points over time, sizes on a logarithmic scale. The same numbers stand in a table beside it.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { localDate, localTime } from '../lib/format';

export interface Point {
    name: string;
    /** ms since 1970. */
    at: number;
    /** 0 and below stand at the foot. */
    size: number;
    isMarked: boolean;
}

interface ScatterProps {
    label: string; // what it shows, in words
    points: Point[];
    /** ms since 1970. */
    range: [number, number];
    unit: (value: number) => string;
    /** How many of the largest and of the marked have their names beside them. */
    named?: number;
}

const HEIGHT = 230;
const MARGIN = { left: 62, right: 14, top: 14, bottom: 26 };
const NAME_WIDTH = 120;
const STEPS_MS = [
    60e3, 5 * 60e3, 15 * 60e3, 3600e3, 3 * 3600e3, 6 * 3600e3, 12 * 3600e3, 86400e3, 2 * 86400e3, 7 * 86400e3, 14 * 86400e3,
];
const DAY_MS = 86400e3;

const hours = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Times for the axis: at most `most` of them, on round hours or days of the viewer's zone. */
export function ticks([from, to]: [number, number], most: number): number[] {
    const step = STEPS_MS.find((one) => (to - from) / one <= most) ?? (to - from) / most;
    const offset = new Date(from).getTimezoneOffset() * 60e3;
    const found: number[] = [];
    for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) {
        found.push(at);
    }
    return found;
}

/** Powers of 32 (of 1,024 where they reach far) around all that is larger than 0. */
export function levels(sizes: number[]): number[] {
    const some = sizes.filter((size) => size > 0);
    const most = Math.max(1024, ...some);
    const least = Math.min(most / 2, ...some);
    const base = most / least > 32 ** 4 ? 1024 : 32;
    const found = [1];
    while ((found.at(-1) ?? most) < most) {
        found.push((found.at(-1) ?? 1) * base);
    }
    return found.filter((level) => level * base > least);
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
    const ref = useRef<HTMLDivElement>(null);
    const [width, setWidth] = useState(0);
    useEffect(() => {
        const element = ref.current;
        if (!element) {
            return undefined;
        }
        const observer = new ResizeObserver(() => { setWidth(Math.floor(element.clientWidth)); });
        observer.observe(element);
        return () => { observer.disconnect(); };
    }, []);
    return [ref, width];
}

/** The largest first, but every marked one before them. */
function important(points: Point[], count: number): Set<Point> {
    const order = [...points].sort((a, b) => Number(b.isMarked) - Number(a.isMarked) || b.size - a.size);
    return new Set(order.slice(0, count));
}

function Mark({ point, x, y, isNamed, width }: {
    point: Point; x: number; y: number; isNamed: boolean; width: number;
}): JSX.Element {
    const isLeft = x > width - NAME_WIDTH - MARGIN.right;
    return (
        <g class={point.isMarked ? 'point marked' : 'point'}>
            {point.isMarked
                ? <path d={`M${x.toString()} ${(y - 7).toString()}l7 7-7 7-7-7z`} />
                : <circle cx={x} cy={y} r={5} />}
            {isNamed ? (
                <text x={isLeft ? x - 10 : x + 10} y={y + 4} text-anchor={isLeft ? 'end' : 'start'}>{point.name}</text>
            ) : null}
        </g>
    );
}

export function Scatter(props: ScatterProps): JSX.Element {
    const [ref, width] = useWidth();
    const { points, range, unit } = props;
    const rows = levels(points.map((point) => point.size));
    const foot = rows[0] ?? 1;
    const top = Math.log((rows.at(-1) ?? 1024) / foot);
    const inner = { width: Math.max(1, width - MARGIN.left - MARGIN.right), height: HEIGHT - MARGIN.top - MARGIN.bottom };
    const x = (at: number) => MARGIN.left + (at - range[0]) / Math.max(1, range[1] - range[0]) * inner.width;
    const y = (size: number) => MARGIN.top + inner.height * (1 - Math.log(Math.max(foot, size) / foot) / top);
    const isDays = range[1] - range[0] > 2 * DAY_MS;
    // Names that would stand on each other are left out: the table has them.
    const taken: [number, number][] = [];
    const isFree = (point: Point) => {
        const place: [number, number] = [x(point.at), y(point.size)];
        const free = taken.every(([px, py]) => Math.abs(px - place[0]) > NAME_WIDTH || Math.abs(py - place[1]) > 14);
        if (free) {
            taken.push(place);
        }
        return free;
    };
    const named = new Set([...important(points, props.named ?? 8)].filter(isFree));
    return (
        <div ref={ref} class="scatter" role="img" aria-label={props.label}>
            {width > 0 ? (
                <svg width={width} height={HEIGHT} aria-hidden="true">
                    {rows.map((size) => (
                        <g key={size}>
                            <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(size)} y2={y(size)} />
                            <text x={MARGIN.left - 8} y={y(size) + 4} text-anchor="end">{unit(size)}</text>
                        </g>
                    ))}
                    {ticks(range, Math.max(2, Math.floor(inner.width / 90))).map((at) => (
                        <text key={at} x={x(at)} y={HEIGHT - 6} text-anchor="middle">
                            {isDays ? localDate(new Date(at)) : hours.format(new Date(at))}
                        </text>
                    ))}
                    {points.map((point) => (
                        <g key={point.name}>
                            <title>{`${point.name}\n${unit(point.size)}\n${localTime(new Date(point.at))}`}</title>
                            <Mark point={point} x={x(point.at)} y={y(point.size)} isNamed={named.has(point)} width={width} />
                        </g>
                    ))}
                </svg>
            ) : null}
        </div>
    );
}
