// SPDX-License-Identifier: MIT
// What is asked, and the URL that says it.

import { href } from '../../lib/router';
import type { SavedQuery } from './types';

export interface Ask {
    text: string;
    /** As the service takes it; empty: all times, as the query says. */
    timespan: string;
    /** The saved query that was opened; empty: none. */
    saved: string;
    /** Of the parameters that the text declares. */
    values: Record<string, string>;
}

export const FRESH: Ask = { text: '', timespan: 'P1D', saved: '', values: {} };

const OWN = ['q', 'timespan', 'saved'];
/** A browser, a proxy and the service take such a URL. */
const URL_TEXT_MAX = 6000;

/** A parameter of a query that is called as one of ours has a prefix in the URL. */
const outer = (name: string): string => (OWN.includes(name) || name.startsWith('p.') ? `p.${name}` : name);
const inner = (name: string): string => (name.startsWith('p.') ? name.slice(2) : name);

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export function findSaved(queries: SavedQuery[] | undefined, name: string): SavedQuery | undefined {
    return queries?.find((one) => sameName(one.name, name));
}

/** What a URL asks; undefined: it names a saved query that is not (yet) known. */
export function askOf(params: URLSearchParams, queries: SavedQuery[] | undefined): Ask | undefined {
    const values: Record<string, string> = {};
    for (const [name, value] of params) {
        if (!OWN.includes(name)) {
            values[inner(name)] = value;
        }
    }
    const text = params.get('q');
    const saved = params.get('saved') ?? '';
    const timespan = params.get('timespan');
    if (text !== null) {
        return { text, timespan: timespan ?? '', saved, values };
    }
    if (saved === '') {
        return { ...FRESH, timespan: timespan ?? FRESH.timespan, values };
    }
    const found = findSaved(queries, saved);
    return found && { text: found.query, timespan: timespan ?? '', saved: found.name, values };
}

/** The URL of what is asked; one whose text is too long for that names no text (`isWhole` false). */
export function urlOf(ask: Ask, queries: SavedQuery[] | undefined): { url: string; isWhole: boolean } {
    const unchanged = findSaved(queries, ask.saved)?.query === ask.text;
    const params: Record<string, string | undefined> = { saved: ask.saved, timespan: ask.timespan };
    for (const [name, value] of Object.entries(ask.values)) {
        params[outer(name)] = value;
    }
    const isWhole = unchanged || encodeURIComponent(ask.text).length <= URL_TEXT_MAX;
    if (!unchanged && isWhole) {
        params['q'] = ask.text;
    }
    return { url: href(['query'], isWhole ? params : {}), isWhole };
}

// ---- Stretches of time ----

const SHORT = ['PT1H', 'P1D', 'P7D', 'P30D'];

/** Which choice a timespan is: '', one of SHORT, 'custom' for start/end, else itself. */
export function choiceOf(timespan: string): string {
    return timespan === '' || SHORT.includes(timespan) || rangeOf(timespan) === undefined ? timespan : 'custom';
}

export function rangeOf(timespan: string): [Date, Date] | undefined {
    const [from, to] = timespan.split('/').map((part) => new Date(part));
    return from && to && !Number.isNaN(from.getTime()) && !Number.isNaN(to.getTime()) ? [from, to] : undefined;
}

export const timespanOf = (from: Date, to: Date): string => `${from.toISOString()}/${to.toISOString()}`;

const two = (n: number): string => n.toString().padStart(2, '0');

/** A time as <input type="datetime-local"> has it: in the viewer's zone. */
export function localInput(date: Date): string {
    return `${date.getFullYear().toString().padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
        + `T${two(date.getHours())}:${two(date.getMinutes())}`;
}
