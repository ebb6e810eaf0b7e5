// SPDX-License-Identifier: MIT
// Icons, 24 by 24, drawn with the text's colour. They stand beside words and are hidden from screen readers.

import type { JSX } from 'preact';

const PATHS = {
    overview: 'M4 13h6V4H4zm0 7h6v-4H4zm10 0h6v-9h-6zm0-16v4h6V4z',
    alerts: 'M12 3 2.5 20h19zM12 10v4m0 3h.01',
    recommendations: 'M9 18h6m-5 3h4M12 3a6 6 0 0 0-4 10.5c.7.7 1 1.5 1 2.5h6c0-1 .3-1.8 1-2.5A6 6 0 0 0 12 3z',
    devices: 'M7 7h10v10H7zM10 3v4m4-4v4m-4 10v4m4-4v4M3 10h4m-4 4h4m10-4h4m-4 4h4',
    groups: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5m2 3.5c2.2.8 3.5 2.8 3.5 5.5',
    intel: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zm0-4a5 5 0 1 0 0-10 5 5 0 0 0 0 10zm0-5h.01',
    query: 'm4 7 5 5-5 5m8 0h8',
    settings: 'M4 7h10m4 0h2M4 17h2m4 0h10M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zm-8 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
    menu: 'M4 6h16M4 12h16M4 18h16',
    close: 'm6 6 12 12M18 6 6 18',
    check: 'm5 12.5 4.5 4.5L19 7.5',
    info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zm0-10v5.5m0-9h.01',
    up: 'm6 14 6-6 6 6',
    down: 'm6 10 6 6 6-6',
    copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
    plus: 'M12 5v14M5 12h14',
    search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zm5-2 4.5 4.5',
    moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
    sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0-14v2.5m0 15V22M4.9 4.9l1.8 1.8m10.6 10.6 1.8 1.8M2 12h2.5m15 0H22M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8',
    out: 'M10 4H5v16h5m5-4 4-4-4-4m4 4H9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
    return (
        <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true">
            <path d={PATHS[name]} />
        </svg>
    );
}

const MARKS = { high: 'M6 0 12 12H0z', medium: 'M6 0 12 6 6 12 0 6z', low: 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z' } as const;

/** A shape beside a severity's colour. */
export function Mark({ of }: { of: keyof typeof MARKS }): JSX.Element {
    return <svg viewBox="0 0 12 12" fill="currentColor" aria-hidden="true"><path d={MARKS[of]} /></svg>;
}
