// SPDX-License-Identifier: MIT
// The last queries that were run in this browser.

const KEY = 'vedette.queries';
const MAX = 20;
const TEXT_MAX = 20_000;

export interface Past { text: string; timespan: string; at: number }

function isPast(value: unknown): value is Past {
    const past = value as Partial<Past> | null;
    return typeof past === 'object' && past !== null && typeof past.text === 'string' && typeof past.timespan === 'string'
        && typeof past.at === 'number';
}

export function pastQueries(): Past[] {
    try {
        const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
        return Array.isArray(kept) ? kept.filter(isPast).slice(0, MAX) : [];
    } catch {
        return [];
    }
}

/** Puts it first; the same text is there once. */
export function remember(text: string, timespan: string, now: number): Past[] {
    if (text.trim() === '' || text.length > TEXT_MAX) {
        return pastQueries();
    }
    const all = [{ text, timespan, at: now }, ...pastQueries().filter((past) => past.text !== text)].slice(0, MAX);
    try {
        localStorage.setItem(KEY, JSON.stringify(all));
    } catch {
        // The browser keeps nothing for us: the list lasts as long as the page.
    }
    return all;
}

export function forgetPast(): Past[] {
    localStorage.removeItem(KEY);
    return [];
}
