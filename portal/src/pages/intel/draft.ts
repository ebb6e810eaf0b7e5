// SPDX-License-Identifier: MIT
// What is in the form of a feed, and the request that it becomes.

import { sourceOf, type Feed, type FeedSettings, type Source } from './feeds';

export interface Draft {
    name: string;
    source: Source;
    kind: 'indicators' | 'exceptions';
    url: string;
    intervalMinutes: string;
    /** keep: what the service has; none: nothing any more. */
    credential: 'keep' | 'none' | 'basic' | 'bearer' | 'header';
    secret: string;
    text: string;
    format: string;
    column: string;
    descriptionColumn: string;
    confidenceColumn: string;
    untilColumn: string;
    wantedCategories: string;
    severity: string;
    confidence: string;
    minimumConfidence: string;
    lifetimeDays: string;
}

const TEXTS = ['column', 'descriptionColumn', 'confidenceColumn', 'untilColumn', 'wantedCategories', 'severity'] as const;
const NUMBERS = ['confidence', 'minimumConfidence', 'lifetimeDays'] as const;
const FORMATS_OF_COLUMNS = ['auto', 'csv'];

export const NAME = /^[A-Za-z0-9 ._-]{1,64}$/;

export function draftOf(feed: Feed | undefined): Draft {
    const settings: FeedSettings = feed?.settings ?? {};
    const number = (value: number | undefined) => value?.toString() ?? '';
    return {
        name: feed?.name ?? '', source: feed ? sourceOf(settings) : 'url', kind: settings.kind ?? 'indicators',
        url: settings.url ?? settings.taxii ?? '', intervalMinutes: number(settings.intervalMinutes),
        credential: feed?.source?.credential ? 'keep' : 'none', secret: '', text: '',
        format: settings.format ?? 'auto', column: settings.column ?? '', descriptionColumn: settings.descriptionColumn ?? '',
        confidenceColumn: settings.confidenceColumn ?? '', untilColumn: settings.untilColumn ?? '',
        wantedCategories: settings.wantedCategories ?? '', severity: settings.severity ?? '', confidence: number(settings.confidence),
        minimumConfidence: number(settings.minimumConfidence), lifetimeDays: number(settings.lifetimeDays),
    };
}

export const hasColumns = (draft: Draft): boolean => draft.source !== 'taxii' && FORMATS_OF_COLUMNS.includes(draft.format);
export const hasCategories = (draft: Draft): boolean => draft.source !== 'taxii' && draft.format === 'suricata';

function settingsOf(draft: Draft, before: FeedSettings): FeedSettings {
    // What the form does not show stays.
    const settings: Record<string, unknown> = {};
    for (const name of ['allowHttp', 'delimiter', 'enabled'] as const) {
        if (before[name] !== undefined) {
            settings[name] = before[name];
        }
    }
    if (draft.kind === 'exceptions') {
        settings['kind'] = draft.kind;
    }
    if (draft.source === 'url' || draft.source === 'taxii') {
        settings[draft.source] = draft.url.trim();
        if (draft.intervalMinutes !== '') {
            settings['intervalMinutes'] = Number(draft.intervalMinutes);
        }
    }
    if (draft.source !== 'taxii' && draft.format !== 'auto') {
        settings['format'] = draft.format;
    }
    for (const name of TEXTS) {
        const shown = name === 'wantedCategories' ? hasCategories(draft) : name === 'severity' ? draft.kind === 'indicators' : hasColumns(draft);
        if (shown && draft[name].trim() !== '') {
            settings[name] = draft[name].trim();
        }
    }
    for (const name of NUMBERS) {
        if (draft[name] !== '') {
            settings[name] = Number(draft[name]);
        }
    }
    return settings as FeedSettings;
}

/** As PUT /feeds takes it: a text and a credential that are not given stay as they are. */
export function bodyOf(draft: Draft, before: Feed | undefined): Record<string, unknown> {
    const isFetched = draft.source === 'url' || draft.source === 'taxii';
    const credential = !isFetched || draft.credential === 'keep' || (draft.credential === 'none' && !before?.source?.credential) ? {}
        : { credential: draft.credential === 'none' ? null : { kind: draft.credential, secret: draft.secret } };
    return {
        settings: settingsOf(draft, before?.settings ?? {}),
        ...(draft.source === 'text' && (draft.text !== '' || !before) ? { text: draft.text } : {}),
        ...credential,
    };
}

/** What is missing before it can be sent. */
export function isWhole(draft: Draft, isNew: boolean): boolean {
    return NAME.test(draft.name)
        && (draft.source === 'text' ? !isNew || draft.text.trim() !== '' : draft.url.trim() !== '')
        && (['keep', 'none'].includes(draft.credential) || draft.source === 'text' || draft.secret !== '');
}
