// SPDX-License-Identifier: MIT
// The IP filter without its page: how it is stored, who it lets in, and what is amiss with it (hub/ip_filter.h has the rules).

import { t } from '../../strings';

const s = t.settings.ipFilter;

export const RULES_MAX = 100;
const NAME_MAX = 128;

/** As stored; either list may be absent. */
export interface FilterProperties {
    ipFilterRules?: { filterName: string; action: string; ipMask: string }[];
    networkRuleSets?: { defaultAction?: string; ipRules?: { filterName: string; action?: string; ipMask: string }[]; [member: string]: unknown } | null;
}

export interface Rule {
    key: number; // of this page, so that a row keeps its focus when it moves
    name: string;
    accepts: boolean;
    mask: string;
    inSet: boolean; // stands in networkRuleSets, behind the others
}

export interface Filter { rules: Rule[]; acceptsRest: boolean }

let lastKey = 0;

export function newRule(name: string, accepts: boolean, mask: string, inSet = false): Rule {
    return { key: ++lastKey, name, accepts, mask, inSet };
}

export function read(properties: FilterProperties): Filter {
    const sets = properties.networkRuleSets;
    return {
        rules: [
            ...(properties.ipFilterRules ?? []).map((r) => newRule(r.filterName, r.action === 'Accept', r.ipMask)),
            ...(sets?.ipRules ?? []).map((r) => newRule(r.filterName, true, r.ipMask, true)),
        ],
        acceptsRest: sets ? (sets.defaultAction ?? 'Deny') === 'Allow' : true,
    };
}

/** What is to be stored. Rules of the set stay there as long as they stand at the end and accept. */
export function write(filter: Filter, before: FilterProperties): FilterProperties {
    let split = filter.rules.length;
    while (split > 0 && filter.rules[split - 1]?.inSet && filter.rules[split - 1]?.accepts) {
        split--;
    }
    const ipFilterRules = filter.rules.slice(0, split)
        .map((r) => ({ filterName: r.name.trim(), action: r.accepts ? 'Accept' : 'Reject', ipMask: r.mask.trim() }));
    const ipRules = filter.rules.slice(split).map((r) => ({ filterName: r.name.trim(), action: 'Allow', ipMask: r.mask.trim() }));
    if (filter.acceptsRest && !before.networkRuleSets && ipRules.length === 0) {
        return { ipFilterRules };
    }
    return {
        ipFilterRules,
        networkRuleSets: { ...before.networkRuleSets, defaultAction: filter.acceptsRest ? 'Allow' : 'Deny', ipRules },
    };
}

export interface Range { network: number; prefix: number }

/** undefined: no IPv4 address or range. Bits behind the prefix do not count. */
export function parseRange(text: string): Range | undefined {
    const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text.trim());
    if (!match) {
        return undefined;
    }
    const bytes = match.slice(1, 5).map(Number);
    const prefix = match[5] === undefined ? 32 : Number(match[5]);
    if (bytes.some((byte) => byte > 255) || prefix > 32) {
        return undefined;
    }
    const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    return { network: masked(address, prefix), prefix };
}

function masked(address: number, prefix: number): number {
    const size = 2 ** (32 - prefix);
    return Math.floor(address / size) * size;
}

function covers(range: Range, other: Range): boolean {
    return range.prefix <= other.prefix && masked(other.network, range.prefix) === range.network;
}

/** An address as the hub sees it: IPv4 that came over an IPv6 socket is IPv4. */
function plain(address: string): string {
    return address.trim().replace(/^::ffff:(?=\d+\.)/i, '');
}

export interface Verdict { accepted: boolean; by: Rule | undefined }

/** undefined: it is no address. */
export function judge(filter: Filter, address: string): Verdict | undefined {
    const text = plain(address);
    const range = text.includes('/') ? undefined : parseRange(text);
    if (!range) {
        return /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) ? { accepted: filter.acceptsRest, by: undefined } : undefined;
    }
    for (const rule of filter.rules) {
        const own = parseRange(rule.mask);
        if (own && covers(own, range)) {
            return { accepted: rule.accepts, by: rule };
        }
    }
    return { accepted: filter.acceptsRest, by: undefined };
}

export interface RuleFaults { name?: string; mask?: string }

/** What the service would not take, by the rule's key. */
export function faults(rules: Rule[]): Map<number, RuleFaults> {
    const found = new Map<number, RuleFaults>();
    const names = new Set<string>();
    for (const rule of rules) {
        const name = rule.name.trim();
        const own: RuleFaults = {};
        if (name === '') {
            own.name = s.faults.nameMissing;
        } else if (new TextEncoder().encode(name).length > NAME_MAX) {
            own.name = s.faults.nameLong;
        } else if (names.has(name.toLowerCase())) {
            own.name = s.faults.nameTwice;
        }
        names.add(name.toLowerCase());
        if (!parseRange(rule.mask)) {
            own.mask = s.faults.range;
        }
        if (own.name !== undefined || own.mask !== undefined) {
            found.set(rule.key, own);
        }
    }
    return found;
}

function unreached(rules: Rule[]): string[] {
    const texts: string[] = [];
    rules.forEach((rule, i) => {
        const range = parseRange(rule.mask);
        const first = range && rules.slice(0, i).find((before) => {
            const other = parseRange(before.mask);
            return other && covers(other, range);
        });
        if (first) {
            texts.push(s.warnings.unreached(rule.name, first.name));
        }
    });
    return texts;
}

/** What the service takes and the operator should know. address: his own, if it is known. */
export function warnings(filter: Filter, address: string | undefined): string[] {
    const texts: string[] = [];
    const verdict = address === undefined ? undefined : judge(filter, address);
    const refusesAll = filter.rules.some((rule) => !rule.accepts && parseRange(rule.mask)?.prefix === 0);
    if (!filter.acceptsRest && !filter.rules.some((rule) => rule.accepts)) {
        texts.push(s.warnings.nobody);
    } else if (verdict && !verdict.accepted) {
        const own = plain(address ?? '');
        texts.push(verdict.by ? s.warnings.own(own, verdict.by.name) : s.warnings.ownRest(own));
    }
    if (filter.acceptsRest) {
        texts.push(refusesAll ? s.warnings.ipv6 : s.warnings.noDeny);
    }
    return [...texts, ...unreached(filter.rules)];
}
