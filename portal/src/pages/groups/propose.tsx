// SPDX-License-Identifier: MIT
// Rules proposed from what the group did: a difference, entry by entry. What is taken goes into the editor, and nowhere else.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePost } from '../../lib/post';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog } from '../../ui/dialog';
import { Button, Empty, Loaded, Notice, SelectField } from '../../ui/ui';
import { complete, LISTS, nameOf, valuesOf, type Document, type Rule } from './rules';

const s = t.groups;

export interface Change { ruleType: string; added: string[]; removed: string[]; why: string }

export interface Proposal {
    properties: Partial<Document>;
    changes: Change[];
    devices: number;
    flows: number;
    /** Met, but named by a feed: not proposed. */
    suspicious: { address: string; indicator: string; feed: string }[];
}

/** An entry of a difference: "+" adds a value, "-" takes one out, "=" is the whole rule. */
export const keyOf = (ruleType: string, how: '+' | '-' | '=', value = ''): string => `${ruleType} ${how}${value}`;

function isList(change: Change): boolean {
    return change.added.length > 0 || change.removed.length > 0;
}

/** What the difference has; what is added is chosen to begin with. */
export function keysOf(changes: Change[]): { all: string[]; first: string[] } {
    const added = changes.flatMap((one) => isList(one)
        ? one.added.map((value) => keyOf(one.ruleType, '+', value)) : [keyOf(one.ruleType, '=')]);
    const removed = changes.flatMap((one) => one.removed.map((value) => keyOf(one.ruleType, '-', value)));
    return { all: [...added, ...removed], first: added };
}

function takenRule(rule: Rule, proposed: Rule | undefined, values: 'allowlistValues' | 'denylistValues' | undefined,
    change: Change, chosen: Set<string>): Rule {
    if (chosen.has(keyOf(change.ruleType, '=')) && proposed) {
        return { ...rule, ...proposed };
    }
    const add = change.added.filter((value) => chosen.has(keyOf(change.ruleType, '+', value)));
    const remove = new Set(change.removed.filter((value) => chosen.has(keyOf(change.ruleType, '-', value))));
    if (!values || (add.length === 0 && remove.size === 0)) {
        return rule;
    }
    const kept = (rule[values] ?? []).filter((value) => !remove.has(value));
    return { ...rule, isEnabled: proposed?.isEnabled ?? rule.isEnabled, [values]: [...kept, ...add.filter((value) => !kept.includes(value))] };
}

/** The rules with the entries that are chosen. */
export function take(document: Document, proposal: Proposal, chosen: Set<string>): Document {
    const proposed = complete(proposal.properties);
    const found = { ...document };
    for (const change of proposal.changes) {
        for (const list of LISTS) {
            found[list] = found[list].map((rule) => rule.ruleType === change.ruleType
                ? takenRule(rule, proposed[list].find((one) => one.ruleType === change.ruleType), valuesOf(list), change, chosen) : rule);
        }
    }
    return found;
}

function Entries({ change, how, chosen, onToggle }: {
    change: Change; how: '+' | '-'; chosen: Set<string>; onToggle: (key: string) => void;
}): JSX.Element | null {
    const values = how === '+' ? change.added : change.removed;
    return values.length === 0 ? null : (
        <fieldset class="entries">
            <legend class="small muted">{how === '+' ? s.proposeAdd : s.proposeRemove}</legend>
            {values.map((value) => {
                const key = keyOf(change.ruleType, how, value);
                return (
                    <label class={`check entry ${how === '+' ? 'added' : 'removed'}`} key={key}>
                        <input type="checkbox" checked={chosen.has(key)} onChange={() => { onToggle(key); }} />
                        <span class="mono wrap">{how}{' '}{value}</span>
                    </label>
                );
            })}
        </fieldset>
    );
}

function ChangeView({ change, chosen, onToggle }: { change: Change; chosen: Set<string>; onToggle: (key: string) => void }): JSX.Element {
    const whole = keyOf(change.ruleType, '=');
    return (
        <section class="stack tight">
            <h3>{nameOf({ ruleType: change.ruleType, isEnabled: true })}</h3>
            <p class="small muted wrap">{change.why}</p>
            {isList(change) ? (
                <>
                    <Entries change={change} how="+" chosen={chosen} onToggle={onToggle} />
                    <Entries change={change} how="-" chosen={chosen} onToggle={onToggle} />
                </>
            ) : (
                <label class="check entry added">
                    <input type="checkbox" checked={chosen.has(whole)} onChange={() => { onToggle(whole); }} />{s.proposeRule}
                </label>
            )}
        </section>
    );
}

function Suspicious({ of }: { of: Proposal['suspicious'] }): JSX.Element | null {
    return of.length === 0 ? null : (
        <Notice tone="bad">
            <p>{s.proposeSuspicious(of.length)}</p>
            <ul class="bullets">
                {of.map((one) => (
                    <li key={one.address}>
                        <span class="mono wrap">{one.address}</span>{' '}
                        <Link to={href(['intel', one.feed])}>{s.proposeFeed(one.feed)}</Link>
                    </li>
                ))}
            </ul>
        </Notice>
    );
}

export function ProposeDialog({ group, onClose, onTake }: {
    group: string; onClose: () => void; onTake: (take: (document: Document) => Document) => void;
}): JSX.Element {
    const [days, setDays] = useState('7');
    const proposed = usePost<Proposal>(`/groups/${encodeURIComponent(group)}/propose?days=${days}`, {});
    const [choice, setChoice] = useState<{ of: Proposal; keys: Set<string> } | undefined>(undefined);
    const proposal = proposed.data;
    const keys = proposal ? keysOf(proposal.changes) : undefined;
    const chosen = choice && choice.of === proposal ? choice.keys : new Set(keys?.first);
    const choose = (next: Set<string>) => {
        if (proposal) {
            setChoice({ of: proposal, keys: next });
        }
    };
    const toggle = (key: string) => {
        const next = new Set(chosen);
        if (!next.delete(key)) {
            next.add(key);
        }
        choose(next);
    };
    return (
        <FormDialog title={s.proposeTitle} submit={s.proposeTake(chosen.size)} disabled={chosen.size === 0 || proposed.loading} running={false}
            error={undefined} onClose={onClose}
            onSubmit={() => {
                if (proposal) {
                    onTake((document) => take(document, proposal, chosen));
                }
            }}>
            <SelectField label={s.proposeDays} value={days} onChange={setDays} options={Object.entries(s.proposeSpans)} />
            <Loaded from={proposed}>
                {(data) => data.changes.length === 0 ? (
                    <div class="stack">
                        <Suspicious of={data.suspicious} />
                        <Empty title={s.proposeNone}>{s.proposeBasis(data.flows, data.devices)}</Empty>
                    </div>
                ) : (
                    <div class={proposed.loading ? 'stack busy' : 'stack'}>
                        <p>{s.proposeBasis(data.flows, data.devices)}</p>
                        <Suspicious of={data.suspicious} />
                        <Notice tone="warn">{s.proposeCaution}</Notice>
                        <div class="row">
                            <Button small onClick={() => { choose(new Set(keys?.all)); }}>{s.proposeAll}</Button>
                            <Button small onClick={() => { choose(new Set()); }}>{s.proposeNoneOf}</Button>
                        </div>
                        {data.changes.map((change) => <ChangeView key={change.ruleType} change={change} chosen={chosen} onToggle={toggle} />)}
                    </div>
                )}
            </Loaded>
        </FormDialog>
    );
}
