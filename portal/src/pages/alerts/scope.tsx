// SPDX-License-Identifier: MIT
// How many alerts a filter finds that an action is for, and the filter in words: what is changed is said before.

import type { JSX } from 'preact';
import { useGet, withQuery } from '../../lib/api';
import { localTime, number, time } from '../../lib/format';
import { t } from '../../strings';
import { Facts, Fault, Loading, Notice } from '../../ui/ui';

const s = t.alerts;

export type Filter = Record<string, string | undefined>;

interface Counts { counts: { state: string; alerts: number }[]; isPartial: boolean }

export interface Scope {
    /** Alerts in a state for the action; undefined: not known yet. */
    count: number | undefined;
    others: number;
    isPartial: boolean;
    error: Error | undefined;
}

/** Of the alerts of a filter (null: of none) those in one of the states. */
export function useScope(filter: Filter | null, states: string[]): Scope {
    const { data, error } = useGet<Counts>(filter === null ? null : withQuery('/alert-counts', filter), ['alerts']);
    const sum = (isFor: boolean) => (data?.counts ?? []).filter(({ state }) => states.includes(state) === isFor)
        .reduce((all, { alerts }) => all + alerts, 0);
    return { count: data && sum(true), others: sum(false), isPartial: data?.isPartial ?? false, error };
}

/** "so many alerts", as far as they were counted. */
export function countOf({ count = 0, isPartial }: Scope): string {
    return isPartial ? s.orMore(number(count)) : s.alertCount(count);
}

/** What the filter asks for, each part with its name. */
function parts(filter: Filter): [string, string][] {
    const { severity, state, type, device, group, cause, text, from } = filter;
    const since = time(from);
    const found: [string, string | undefined][] = [
        [s.severity, severity && ((t.severity as Record<string, string>)[severity] ?? severity)],
        [s.state, state && ((s.states as Record<string, string>)[state] ?? state)],
        [s.device, device], [s.type, type], [t.groups.one, group], [s.cause, cause], [s.text, text],
        [s.from, since && s.since(localTime(since))],
    ];
    return found.filter((part): part is [string, string] => part[1] !== undefined);
}

export function ScopeWords({ scope, filter }: { scope: Scope; filter: Filter }): JSX.Element {
    if (scope.error) {
        return <Fault error={scope.error} />;
    }
    return (
        <>
            {scope.count === undefined ? <Loading lines={1} /> : (
                <Notice tone={scope.count === 0 ? 'info' : 'warn'}>
                    <strong>{scope.count === 0 ? s.scopeNone : s.scopeAll(countOf(scope))}</strong>
                    {scope.others > 0 ? <p>{s.scopeOthers(scope.others)}</p> : null}
                </Notice>
            )}
            <Facts of={parts(filter)} />
        </>
    );
}
