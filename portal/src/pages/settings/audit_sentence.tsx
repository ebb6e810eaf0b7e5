// SPDX-License-Identifier: MIT
// A record of the audit trail as a sentence: who did what to what, with a link to it.

import type { JSX } from 'preact';
import { number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { actor } from '../../strings/actor';
import { acts, bulkActs, type ActWords } from '../../strings/settings/audit_acts';
import type { AuditRecord } from './audit_trail';

const s = t.settings.audit;
const ID_SHOWN = 8;

/** What was done, where there are words for it. */
export interface Act {
    toDo: string;
    done: string;
    /** What stands before and behind the name. */
    before: string;
    name: string;
    after: string;
    /** Where it is looked at. */
    to?: string;
}

/** Where what a route is about is shown, by the segment before its name. */
const PLACES: Record<string, (name: string) => string> = {
    alerts: (name) => href(['alerts', name]),
    devices: (name) => href(['devices', name]),
    twins: (name) => href(['devices', name]),
    groups: (name) => href(['groups', name]),
    deviceSecurityGroups: (name) => href(['groups', name]),
    feeds: (name) => href(['intel', name]),
    queries: (name) => href(['query'], { saved: name }),
    'dead-letters': (name) => href(['settings', 'dead-letters', name]),
    certificates: () => href(['settings', 'certificates']),
    policies: () => href(['settings', 'policies']),
    tokens: () => href(['settings', 'access']),
    notify: () => href(['settings', 'notifications']),
    'notify-dead': () => href(['settings', 'notifications']),
    diagnosticSettings: () => href(['settings', 'diagnostics']),
};

function decoded(segment: string): string {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

/** The value of a member of the body, where it is told: "name=ops role=owner". */
function told(record: AuditRecord, member: string): string | undefined {
    return record.changed.split(' ').find((part) => part.startsWith(`${member}=`))?.slice(member.length + 1);
}

/** How many it was for. */
function countOf(record: AuditRecord): number | undefined {
    const found = /^(?:changed|deleted|queued)=(\d+)$/.exec(record.note);
    return found ? Number(found[1]) : undefined;
}

/** The longest end of the route that there are words for. */
function wordsOf(record: AuditRecord): [key: string, words: ActWords] | undefined {
    const segments = record.path.replace(/\{\w+\}/g, '*').split('/').filter((one) => one !== '');
    for (let from = 0; from < segments.length; from++) {
        const key = `${segments.slice(from).join('/')} ${record.method}`;
        if (Object.hasOwn(acts, key)) {
            return [key, acts[key] as ActWords];
        }
    }
    return undefined;
}

/** Of what the filter found: it is in other states by now. */
function allAlerts(record: AuditRecord): Act | undefined {
    const [toDo, done] = bulkActs[told(record, 'action') ?? ''] ?? [];
    const filter = new URLSearchParams(record.query);
    const count = countOf(record);
    const pick = (name: string) => filter.get(name) ?? undefined;
    return toDo === undefined || done === undefined ? undefined : {
        toDo, done, before: '', after: '', name: count === undefined ? s.alertsOfFilter : t.alerts.alertCount(count),
        to: href(['alerts'], { state: 'any', ...Object.fromEntries(['severity', 'type', 'device', 'group', 'cause'].map((one) => [one, pick(one)])) }),
    };
}

/** undefined: there are no words for it. */
export function actOf(record: AuditRecord): Act | undefined {
    if (record.path === '/alerts' && record.method === 'POST') {
        return allAlerts(record);
    }
    const found = wordsOf(record);
    if (!found) {
        return undefined;
    }
    const [key, [toDo, done, what]] = found;
    const pattern = (key.split(' ')[0] ?? '').split('/');
    const segments = record.resource.split('/').slice(-pattern.length);
    const star = pattern.indexOf('*');
    const given = told(record, 'deviceId') ?? told(record, 'keyName') ?? told(record, 'name') ?? told(record, 'id');
    const name = star >= 0 ? decoded(segments[star] ?? '') : given ?? '';
    const kind = pattern[Math.max(0, star - 1)] ?? '';
    const count = countOf(record);
    const [before = '', after = ''] = what.split('#');
    const to = name !== '' && Object.hasOwn(PLACES, kind) ? PLACES[kind]?.(name) : undefined;
    return {
        toDo, done, before, name: kind === 'alerts' ? name.slice(0, ID_SHOWN) : name,
        after: count === undefined ? after : `${after} (${number(count)})`,
        ...(to === undefined ? {} : { to }),
    };
}

function verbOf(record: AuditRecord, toDo: string, done: string): string {
    return record.outcome === 'Done' ? done : record.outcome === 'Unknown' ? s.mayHave(done) : s.triedTo(toDo);
}

export function Sentence({ of: record }: { of: AuditRecord }): JSX.Element {
    if (record.kind === 'Program') {
        return <>{s.programs[record.path] ?? record.path}</>;
    }
    const who = <strong>{record.who === '' ? s.somebody : actor(record.who)}</strong>;
    if (record.kind === 'SignIn') {
        const [toDo, done] = record.method === 'DELETE' ? s.signOut : s.signIn;
        return <>{who}{' '}{verbOf(record, toDo, done)}</>;
    }
    const act = actOf(record);
    if (!act) {
        return <>{who}{' '}{verbOf(record, s.ask, s.asked)}{' '}<span class="mono">{`${record.method} ${record.resource}`}</span></>;
    }
    return (
        <>
            {who}{' '}{verbOf(record, act.toDo, act.done)}{' '}{act.before}
            {act.to !== undefined ? <Link to={act.to}>{act.name}</Link> : act.name}{act.after}
        </>
    );
}
