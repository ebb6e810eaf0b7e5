// SPDX-License-Identifier: MIT
// Rule documents: what each rule is, in words and in numbers, and what is wrong with it.

import { t } from '../../strings';
import { checkAddress } from './address';

const s = t.groups;

export const LISTS = ['timeWindowRules', 'thresholdRules', 'allowlistRules', 'denylistRules'] as const;
export type ListName = (typeof LISTS)[number];

export interface Rule {
    ruleType: string;
    isEnabled: boolean;
    displayName?: string;
    description?: string;
    valueType?: string;
    /** Text while it is written and no number. */
    minThreshold?: number | string;
    maxThreshold?: number | string;
    timeWindowSize?: string;
    allowlistValues?: string[];
    denylistValues?: string[];
}

export type Document = Record<ListName, Rule[]>;

/** What the center judges, in the order in which it is shown. Other types are kept and not judged (docs/custom-alerts.md). */
const JUDGED: [ruleType: string, list: ListName][] = [
    ['ConnectionToIpNotAllowed', 'allowlistRules'],
    ['DenylistCustomAlertRule', 'denylistRules'],
    ['ActiveConnectionsNotInAllowedRange', 'timeWindowRules'],
    ['ThresholdCustomAlertRule', 'thresholdRules'],
    ['MqttD2CMessagesNotInAllowedRange', 'timeWindowRules'],
    ['MqttC2DMessagesNotInAllowedRange', 'timeWindowRules'],
    ['MqttC2DRejectedMessagesNotInAllowedRange', 'timeWindowRules'],
    ['DirectMethodInvokesNotInAllowedRange', 'timeWindowRules'],
    ['TwinUpdatesNotInAllowedRange', 'timeWindowRules'],
    ['QueuePurgesNotInAllowedRange', 'timeWindowRules'],
    ['UnauthorizedOperationsNotInAllowedRange', 'timeWindowRules'],
];

export interface Placed { rule: Rule; list: ListName }

export const VALUES = { allowlistRules: 'allowlistValues', denylistRules: 'denylistValues' } as const;

/** The member with the values of a list's rules; undefined: they have thresholds. */
export function valuesOf(list: ListName): 'allowlistValues' | 'denylistValues' | undefined {
    return list === 'allowlistRules' || list === 'denylistRules' ? VALUES[list] : undefined;
}

function blank(ruleType: string, list: ListName): Rule {
    const values = valuesOf(list);
    return {
        ruleType, isEnabled: false,
        ...(values ? { [values]: [] } : { minThreshold: 0, maxThreshold: 0 }),
        ...(list === 'timeWindowRules' ? { timeWindowSize: 'PT15M' } : {}),
    };
}

/** What a document says, with a rule of each type that is judged; where it has none, one that is off. */
export function complete(properties: Partial<Document> | undefined): Document {
    const found: Document = { timeWindowRules: [], thresholdRules: [], allowlistRules: [], denylistRules: [] };
    for (const list of LISTS) {
        found[list] = [...(properties?.[list] ?? [])];
    }
    for (const [type, list] of JUDGED) {
        if (!found[list].some((rule) => rule.ruleType === type)) {
            found[list].push(blank(type, list));
        }
    }
    return found;
}

/** Generic types stand in a document only if somebody uses them. */
function isUnused(rule: Rule): boolean {
    const isGeneric = rule.ruleType === 'DenylistCustomAlertRule' || rule.ruleType === 'ThresholdCustomAlertRule';
    return isGeneric && !rule.isEnabled && rule.minThreshold !== '' && rule.maxThreshold !== ''
        && Number(rule.minThreshold ?? 0) === 0 && Number(rule.maxThreshold ?? 0) === 0 && (rule.denylistValues ?? []).length === 0;
}

const OF_THE_SERVICE = new Set(['displayName', 'description', 'valueType']);

/** As it is sent: without what the service sets itself. */
export function toSend(document: Document): Document {
    const found: Document = { timeWindowRules: [], thresholdRules: [], allowlistRules: [], denylistRules: [] };
    for (const list of LISTS) {
        found[list] = document[list].filter((rule) => !isUnused(rule))
            .map((rule) => Object.fromEntries(Object.entries(rule).filter(([member]) => !OF_THE_SERVICE.has(member))) as unknown as Rule);
    }
    return found;
}

export function judged(document: Document): Placed[] {
    return JUDGED.flatMap(([type, list]) => {
        const rule = document[list].find((one) => one.ruleType === type);
        return rule ? [{ rule, list }] : [];
    });
}

export function notJudged(document: Document): Placed[] {
    return LISTS.flatMap((list) => document[list]
        .filter((rule) => !JUDGED.some(([type]) => type === rule.ruleType)).map((rule) => ({ rule, list })));
}

export function replaced(document: Document, list: ListName, rule: Rule): Document {
    return { ...document, [list]: document[list].map((one) => (one.ruleType === rule.ruleType ? rule : one)) };
}

export const enabledCount = (properties: Partial<Document>): number => (
    LISTS.reduce((sum, list) => sum + (properties[list] ?? []).filter((rule) => rule.isEnabled).length, 0)
);

/** Whether two documents are the same to the service. */
export const same = (a: Document, b: Document): boolean => JSON.stringify(toSend(a)) === JSON.stringify(toSend(b));

// ---- Windows ----

export type Unit = 'S' | 'M' | 'H' | 'D';
export const UNIT_S: Record<Unit, number> = { S: 1, M: 60, H: 3600, D: 86400 };
const WINDOW_MIN_S = 60;
const WINDOW_MAX_S = 7 * 86400;

/** Seconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds; undefined: it is none. */
export function parseDuration(text: string): number | undefined {
    const found = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
    if (!found || text.endsWith('P') || text.endsWith('T')) {
        return undefined;
    }
    const [weeks, days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
    return (weeks ?? 0) * 604800 + (days ?? 0) * 86400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

/** In the largest unit that makes it whole. */
export function inUnits(seconds: number): [count: number, unit: Unit] {
    for (const unit of ['D', 'H', 'M'] as const) {
        if (seconds > 0 && seconds % UNIT_S[unit] === 0) {
            return [seconds / UNIT_S[unit], unit];
        }
    }
    return [seconds, 'S'];
}

export const writeDuration = (count: number | string, unit: Unit): string => (unit === 'D' ? `P${String(count)}D` : `PT${String(count)}${unit}`);

// ---- Words ----

export function nameOf(rule: Rule): string {
    return s.names[rule.ruleType] ?? rule.displayName ?? rule.ruleType;
}

function amount(rule: Rule): string {
    const min = Number(rule.minThreshold ?? 0);
    const max = Number(rule.maxThreshold ?? 0);
    return min > 0 ? s.saysBoth(rule.ruleType, min, max) : s.saysAbove(rule.ruleType, max);
}

/** What a rule does, in a sentence. */
export function words({ rule, list }: Placed): string {
    switch (list) {
        case 'allowlistRules':
            return rule.ruleType === 'ConnectionToIpNotAllowed' ? s.saysAllow(rule.allowlistValues?.length ?? 0) : rule.description ?? '';
        case 'denylistRules':
            return s.saysDeny(rule.denylistValues?.length ?? 0);
        case 'thresholdRules':
            return s.saysInReport(amount(rule));
        case 'timeWindowRules': {
            const seconds = parseDuration(rule.timeWindowSize ?? '');
            return s.saysWithin(amount(rule), seconds === undefined ? rule.timeWindowSize ?? '' : s.windowWords(...inUnits(seconds)));
        }
    }
}

// ---- What is wrong ----

export interface RuleFault {
    member: 'minThreshold' | 'maxThreshold' | 'timeWindowSize' | 'allowlistValues' | 'denylistValues' | '';
    /** Of a list's values, from 0. */
    line?: number;
    text: string;
}

const THRESHOLD_MAX = 2147483647;
/** More distinct flows are not counted in a window. */
const CONNECTIONS_MAX = 4096;

const isWhole = (value: unknown): value is number => (
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= THRESHOLD_MAX
);

function thresholdFault(rule: Rule): RuleFault | undefined {
    if (!isWhole(rule.minThreshold)) {
        return { member: 'minThreshold', text: s.faults.whole };
    }
    if (!isWhole(rule.maxThreshold)) {
        return { member: 'maxThreshold', text: s.faults.whole };
    }
    if (rule.ruleType === 'ActiveConnectionsNotInAllowedRange' && rule.minThreshold > CONNECTIONS_MAX) {
        return { member: 'minThreshold', text: s.faults.tooMany };
    }
    return rule.minThreshold > rule.maxThreshold ? { member: 'minThreshold', text: s.faults.order } : undefined;
}

/** The service judges again, and finally. */
export function faultOf({ rule, list }: Placed): RuleFault | undefined {
    const values = valuesOf(list);
    if (values) {
        const lines = rule[values] ?? [];
        const line = rule.valueType === 'String' ? -1 : lines.findIndex((one) => checkAddress(one) !== undefined);
        const text = lines[line];
        return text === undefined ? undefined
            : { member: values, line, text: checkAddress(text) ?? '' };
    }
    const fault = thresholdFault(rule);
    if (fault || list !== 'timeWindowRules') {
        return fault;
    }
    const seconds = parseDuration(rule.timeWindowSize ?? '');
    return seconds === undefined || seconds < WINDOW_MIN_S || seconds > WINDOW_MAX_S
        ? { member: 'timeWindowSize', text: s.faults.window } : undefined;
}

/** "timeWindowRules[3].minThreshold: must not ..." of the service: which rule of what was sent, and where. */
export function placeOf(message: string, sent: Document): { ruleType: string; fault: RuleFault } | undefined {
    const found = /^(\w+)\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?)?: (.*)$/s.exec(message);
    const list = LISTS.find((one) => one === found?.[1]);
    const rule = list ? sent[list][Number(found?.[2])] : undefined;
    if (!found || !rule) {
        return undefined;
    }
    const member = found[3] ?? '';
    const isField = member === 'minThreshold' || member === 'maxThreshold' || member === 'timeWindowSize'
        || member === 'allowlistValues' || member === 'denylistValues';
    return {
        ruleType: rule.ruleType,
        fault: {
            member: isField ? member : '',
            ...(found[4] === undefined ? {} : { line: Number(found[4]) }),
            text: found[5] ?? message,
        },
    };
}
