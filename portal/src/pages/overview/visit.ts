// SPDX-License-Identifier: MIT
// When the viewer looked at the overview before: kept in this browser only.

import { useCallback, useEffect, useState } from 'preact/hooks';

/** When it was last looked at, and since when things are new on this visit. */
const SEEN = 'vedette.seen';
const SINCE = 'vedette.since';
/** Looked at again within this time it is the same visit. */
const SAME_VISIT_MS = 30 * 60000;
const DAY_MS = 86400000;
const TICK_MS = 20000;

export interface Visit {
    /** ISO 8601. */
    since: string;
    /** Nobody has looked here before: since a day. */
    isFirst: boolean;
}

function stored(key: string): number {
    const value = Number(localStorage.getItem(key));
    return Number.isFinite(value) ? value : 0;
}

const visit = (since: number, isFirst = false): Visit => ({ since: new Date(since).toISOString(), isFirst });

/** Since when things are new to who looks now; it counts as looking. */
export function beginVisit(now: number): Visit {
    const seen = stored(SEEN);
    const since = stored(SINCE);
    localStorage.setItem(SEEN, String(now));
    if (seen === 0) {
        localStorage.setItem(SINCE, String(now - DAY_MS));
        return visit(now - DAY_MS, true);
    }
    if (now - seen < SAME_VISIT_MS && since > 0) {
        return visit(since);
    }
    localStorage.setItem(SINCE, String(seen));
    return visit(seen);
}

/** What is there now has been seen. */
export function markSeen(now: number): Visit {
    localStorage.setItem(SEEN, String(now));
    localStorage.setItem(SINCE, String(now));
    return visit(now);
}

export function useVisit(): [Visit, () => void] {
    const [now, setNow] = useState(() => beginVisit(Date.now()));
    useEffect(() => {
        const look = () => {
            if (document.visibilityState === 'visible') {
                localStorage.setItem(SEEN, String(Date.now()));
            }
        };
        const timer = setInterval(look, TICK_MS);
        window.addEventListener('pagehide', look);
        return () => {
            look();
            clearInterval(timer);
            window.removeEventListener('pagehide', look);
        };
    }, []);
    return [now, useCallback(() => { setNow(markSeen(Date.now())); }, [])];
}
