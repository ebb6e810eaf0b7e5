// SPDX-License-Identifier: MIT
// The rules in their order, to be edited and moved. After a move the focus stays on the rule that moved.

import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../../strings';
import { Button, Empty } from '../../ui/ui';
import { newRule, RULES_MAX, type Filter, type Rule, type RuleFaults } from './ip_rules';

const s = t.settings.ipFilter;

interface RowProps {
    rule: Rule;
    place: number; // from 1 on
    last: boolean;
    faults: RuleFaults | undefined;
    fixed: boolean; // only looked at
    set: (more: Partial<Rule>) => void;
    move: (by: 1 | -1) => void;
    remove: () => void;
}

function Input(props: {
    label: string; value: string; fault: string | undefined; fixed: boolean; mono?: boolean; onInput: (value: string) => void;
}): JSX.Element {
    const id = useId();
    return (
        <div class="field">
            <input class={props.mono ? 'mono' : ''} aria-label={props.label} value={props.value} readOnly={props.fixed} spellcheck={false}
                autocomplete="off" aria-invalid={props.fault !== undefined} aria-describedby={props.fault !== undefined ? id : undefined}
                onInput={(event) => { props.onInput(event.currentTarget.value); }} />
            {props.fault !== undefined ? <span class="fault" id={id}>{props.fault}</span> : null}
        </div>
    );
}

function Row({ rule, place, last, faults, fixed, set, move, remove }: RowProps): JSX.Element {
    return (
        <li class="rule" data-key={rule.key}>
            <span class="place" aria-hidden="true">{place}</span>
            <Input label={s.nameOf(place)} value={rule.name} fault={faults?.name} fixed={fixed} onInput={(name) => { set({ name }); }} />
            <select aria-label={s.actionOf(place)} value={rule.accepts ? 'Accept' : 'Reject'} disabled={fixed}
                onChange={(event) => { set({ accepts: event.currentTarget.value === 'Accept' }); }}>
                {Object.entries(s.actions).map(([value, name]) => <option key={value} value={value}>{name}</option>)}
            </select>
            <Input label={s.rangeOf(place)} value={rule.mask} fault={faults?.mask} fixed={fixed} mono onInput={(mask) => { set({ mask }); }} />
            {fixed ? null : (
                <div class="row">
                    <Button small kind="ghost" icon="up" label={s.up(place)} disabled={place === 1} onClick={() => { move(-1); }} />
                    <Button small kind="ghost" icon="down" label={s.down(place)} disabled={last} onClick={() => { move(1); }} />
                    <Button small kind="ghost" icon="close" label={s.removeOf(place)} onClick={remove} />
                </div>
            )}
        </li>
    );
}

function nextName(rules: Rule[]): string {
    for (let n = rules.length + 1; ; n++) {
        if (!rules.some((rule) => rule.name.toLowerCase() === s.newName(n).toLowerCase())) {
            return s.newName(n);
        }
    }
}

export function RuleList({ filter, faults, fixed, onChange }: {
    filter: Filter; faults: Map<number, RuleFaults>; fixed: boolean; onChange: (filter: Filter) => void;
}): JSX.Element {
    const { rules } = filter;
    const list = useRef<HTMLOListElement>(null);
    const [focus, setFocus] = useState<{ key: number; control: string } | undefined>(undefined);
    const [said, setSaid] = useState('');
    const change = (next: Rule[]) => { onChange({ ...filter, rules: next }); };
    const move = (from: number, by: 1 | -1) => {
        const next = [...rules];
        const [rule] = next.splice(from, 1);
        if (rule) {
            next.splice(from + by, 0, rule);
            change(next);
            setSaid(s.moved(rule.name, from + by + 1));
            // At an end of the list its button is off: the other one is there.
            const at = from + by;
            setFocus({ key: rule.key, control: at === 0 || (by === 1 && at < rules.length - 1) ? 'button:nth-of-type(2)' : 'button:nth-of-type(1)' });
        }
    };
    useEffect(() => {
        if (focus) {
            list.current?.querySelector<HTMLElement>(`[data-key="${focus.key.toString()}"] ${focus.control}`)?.focus();
            setFocus(undefined);
        }
    }, [focus]);
    return (
        <div class="stack">
            {rules.length === 0 ? (
                <Empty title={s.none}>{filter.acceptsRest ? s.noneAccept : s.noneDeny}</Empty>
            ) : (
                <ol class="rules" ref={list} aria-label={s.caption}>
                    {rules.map((rule, i) => (
                        <Row key={rule.key} rule={rule} place={i + 1} last={i === rules.length - 1} faults={faults.get(rule.key)} fixed={fixed}
                            set={(more) => { change(rules.map((one) => (one === rule ? { ...one, ...more } : one))); }}
                            move={(by) => { move(i, by); }}
                            remove={() => { change(rules.filter((one) => one !== rule)); }} />
                    ))}
                </ol>
            )}
            <span class="visually-hidden" role="status">{said}</span>
            {fixed ? null : (
                <div class="row">
                    <Button icon="plus" disabled={rules.length >= RULES_MAX} onClick={() => {
                        const rule = newRule(nextName(rules), true, '');
                        change([...rules, rule]);
                        setFocus({ key: rule.key, control: 'input' });
                    }}>{s.add}</Button>
                    {rules.length >= RULES_MAX ? <span class="muted small">{s.faults.tooMany(RULES_MAX)}</span> : null}
                </div>
            )}
        </div>
    );
}
