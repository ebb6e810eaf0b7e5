// SPDX-License-Identifier: MIT
// Feeds as the service has them (center/store/feeds.h), and how they do.

export interface FeedSettings {
    kind?: 'indicators' | 'exceptions';
    file?: string;
    url?: string;
    taxii?: string;
    caFile?: string;
    intervalMinutes?: number;
    allowHttp?: boolean;
    format?: string;
    column?: string;
    descriptionColumn?: string;
    confidenceColumn?: string;
    untilColumn?: string;
    delimiter?: string;
    wantedCategories?: string;
    severity?: string;
    confidence?: number;
    minimumConfidence?: number;
    lifetimeDays?: number;
    enabled?: boolean;
}

export interface Feed {
    name: string;
    settings: FeedSettings;
    lastSuccess: string | null;
    lastAttempt: string | null;
    error: string | null;
    report: {
        format: string; read: number; used: number; expired: number; ignored: number; refused: number;
        problems: { line: number; place: string; reason: string }[];
    };
    source: { credential: string | null; next: string | null; failures: number } | null;
    alerts: number;
    lastAlert: string | null;
}

export interface Indicator {
    indicator: string;
    feed: string;
    isException: boolean;
    severity: string;
    confidence: number | null;
    tlp: string;
    description: string;
    validFrom: string | null;
    validUntil: string | null;
    line: number;
}

/** GET /indicators */
export interface Tested { address: string; matches: Indicator | null; indicators: Indicator[] }

export type Source = 'url' | 'taxii' | 'file' | 'text';

export function sourceOf({ url, taxii, file }: FeedSettings): Source {
    return url !== undefined ? 'url' : taxii !== undefined ? 'taxii' : file !== undefined ? 'file' : 'text';
}

export type State = 'failing' | 'unread' | 'empty' | 'damaged' | 'off' | 'good';

export function stateOf(feed: Feed): State {
    if (feed.settings.enabled === false) {
        return 'off';
    }
    if (feed.error !== null) {
        return 'failing';
    }
    if (feed.lastSuccess === null) {
        return 'unread';
    }
    return feed.report.used === 0 ? 'empty' : feed.report.refused > 0 ? 'damaged' : 'good';
}

const ORDER: State[] = ['failing', 'unread', 'empty', 'damaged', 'good', 'off'];

/** What needs somebody first, else by name. */
export function inOrder(feeds: Feed[]): Feed[] {
    return [...feeds].sort((a, b) => ORDER.indexOf(stateOf(a)) - ORDER.indexOf(stateOf(b)) || a.name.localeCompare(b.name, 'en'));
}

/** What names files of the service's machine is changed there. */
export const isLocal = ({ file, caFile }: FeedSettings): boolean => file !== undefined || caFile !== undefined;

/** Why an address that is listed does not match now. */
export function whyNot({ matches, indicators }: Tested, now: number): 'matches' | 'unlisted' | 'excepted' | 'expired' | 'early' | 'other' {
    if (matches) {
        return 'matches';
    }
    if (indicators.length === 0) {
        return 'unlisted';
    }
    const isPast = (one: Indicator) => one.validUntil !== null && new Date(one.validUntil).getTime() <= now;
    const isEarly = (one: Indicator) => one.validFrom !== null && new Date(one.validFrom).getTime() > now;
    if (indicators.some((one) => one.isException && !isPast(one) && !isEarly(one))) {
        return 'excepted';
    }
    const listed = indicators.filter((one) => !one.isException);
    return listed.length === 0 ? 'unlisted' : listed.every(isPast) ? 'expired' : listed.every((one) => isPast(one) || isEarly(one)) ? 'early' : 'other';
}
