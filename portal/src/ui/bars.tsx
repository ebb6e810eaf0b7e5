// SPDX-License-Identifier: MIT
// Names with a bar and a number each: a table that can be read without seeing the bars.

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { compact, percent } from '../lib/format';
import { Scroll } from './scroll';

export interface BarSeries { name: string; color: string; values: (number | null)[] }

interface BarsProps {
    label: string; // what it shows, in words
    names: string[];
    /** More than one stand behind each other. */
    series: BarSeries[];
    unit?: (value: number) => string;
    /** Beside each number its share of all. */
    shares?: boolean;
    /** What the names are. */
    of: string;
}

/** A part of a bar. Its width is set from here: the page's policy takes no style attribute. */
function Part({ share, color }: { share: number; color: string }): JSX.Element {
    const ref = useRef<HTMLSpanElement>(null);
    useEffect(() => {
        ref.current?.style.setProperty('width', `${(share * 100).toFixed(2)}%`);
        ref.current?.style.setProperty('background', `var(${color})`);
    }, [share, color]);
    return <span ref={ref} />;
}

function Key({ color, name }: { color: string; name: string }): JSX.Element {
    const ref = useRef<HTMLSpanElement>(null);
    useEffect(() => { ref.current?.style.setProperty('background', `var(${color})`); }, [color]);
    return <span class="bar-key"><span ref={ref} aria-hidden="true" />{name}</span>;
}

const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);

export function Bars({ label, names, series, unit = compact, shares, of }: BarsProps): JSX.Element {
    const positive = (value: number | null | undefined) => Math.max(0, value ?? 0);
    const sums = names.map((_, i) => sum(series.map((one) => positive(one.values[i]))));
    const longest = Math.max(...sums, Number.MIN_VALUE);
    const all = Math.max(sum(sums), Number.MIN_VALUE);
    return (
        <Scroll label={label}>
            <table class="bars">
                <caption class="visually-hidden">{label}</caption>
                <thead class={series.length === 1 ? 'visually-hidden' : ''}>
                    <tr>
                        <th scope="col">{of}</th>
                        <td aria-hidden="true" />
                        {series.map((one) => <th scope="col" class="number" key={one.name}><Key color={one.color} name={one.name} /></th>)}
                    </tr>
                </thead>
                <tbody>
                    {names.map((name, i) => (
                        <tr key={`${name} ${i.toString()}`}>
                            <th scope="row" class="wrap">{name}</th>
                            <td aria-hidden="true">
                                <span class="bar">
                                    {series.map((one) => <Part key={one.name} color={one.color} share={positive(one.values[i]) / longest} />)}
                                </span>
                            </td>
                            {series.map((one) => {
                                const value = one.values[i];
                                return (
                                    <td class="number" key={one.name}>
                                        {value === null || value === undefined ? '–' : unit(value)}
                                        {shares ? <span class="muted">{' '}{percent(positive(value) / all)}</span> : null}
                                    </td>
                                );
                            })}
                        </tr>
                    ))}
                </tbody>
            </table>
        </Scroll>
    );
}
