// SPDX-License-Identifier: MIT
// Numbers, sizes and times as people read them: times in the viewer's zone, UTC beside.

import { isLong } from './json';

const LOCALE = 'en';

const plain = new Intl.NumberFormat(LOCALE);
const short = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const share = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 });
const local = new Intl.DateTimeFormat(LOCALE, {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
    hourCycle: 'h23',
});
const localDay = new Intl.DateTimeFormat(LOCALE, { month: 'short', day: 'numeric' });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto', style: 'short' });

/** One that is too long for a number is kept as text (lib/json.ts). */
export const number = (value: number): string => plain.format(isLong(value) ? BigInt(value) : value);
/** 1,234 becomes 1.2K. */
export const compact = (value: number): string => (value < 10000 ? plain.format(value) : short.format(value));
/** 0 to 1. */
export const percent = (value: number): string => share.format(value);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(value: number): string {
    let unit = 0;
    let scaled = value;
    while (scaled >= 1024 && unit < UNITS.length - 1) {
        scaled /= 1024;
        unit++;
    }
    return `${scaled >= 100 || unit === 0 ? Math.round(scaled).toString() : scaled.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** What the service gives as a time: ISO 8601, or milliseconds of UTC. undefined: none. */
export function time(value: string | number | null | undefined): Date | undefined {
    if (value === null || value === undefined || value === '' || value === 0) {
        return undefined;
    }
    const date = new Date(value);
    return Number.isNaN(date.getTime()) ? undefined : date;
}

export const localTime = (date: Date): string => local.format(date);
export const localDate = (date: Date): string => localDay.format(date);

const sameYear = new Intl.DateTimeFormat(LOCALE, {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});
const clockTime = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

/** As short as it can be: without the day where that is `beside`'s, without the year where that is the present one. */
export function shortTime(date: Date, now: number, beside?: Date): string {
    if (beside?.toDateString() === date.toDateString()) {
        return clockTime.format(date);
    }
    return (date.getFullYear() === new Date(now).getFullYear() ? sameYear : local).format(date);
}

/** Hours and minutes of the viewer. */
export const hourMinute = (date: Date): string => clockTime.format(date).slice(0, 5);
export const utcTime = (date: Date): string => `${date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`;

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1],
];

/** "3 hr. ago"; more than 30 days: the day. */
export function ago(date: Date, now: number): string {
    const seconds = Math.round((date.getTime() - now) / 1000);
    if (Math.abs(seconds) > 30 * 86400) {
        return localDate(date) + (date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear().toString()}`);
    }
    for (const [unit, length] of STEPS) {
        if (Math.abs(seconds) >= length || unit === 'second') {
            return relative.format(Math.trunc(seconds / length), unit);
        }
    }
    return '';
}

/** A length of time in its two largest units: "2 d 3 h", "1.5 s". */
export function duration(ms: number): string {
    const sign = ms < 0 ? '−' : '';
    const s = Math.abs(ms) / 1000;
    if (s < 1) {
        return `${sign}${Math.round(Math.abs(ms)).toString()} ms`;
    }
    if (s < 60) {
        return `${sign}${s < 10 ? s.toFixed(1) : Math.round(s).toString()} s`;
    }
    const parts: [number, string][] = [
        [Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'], [Math.floor(s) % 60, 's'],
    ];
    const first = parts.findIndex(([n]) => n > 0);
    return sign + parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n.toString()} ${unit}`).join(' ');
}
