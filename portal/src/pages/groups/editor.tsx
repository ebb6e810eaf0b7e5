// SPDX-License-Identifier: MIT
// One rule: what it does in a sentence, whether it is on, and its numbers or addresses.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../../strings';
import { Badge, Button, Field, SelectField, TextField } from '../../ui/ui';
import {
    inUnits, nameOf, parseDuration, UNIT_S, valuesOf, words, writeDuration, type Placed, type Rule, type RuleFault, type Unit,
} from './rules';

const s = t.groups;

interface EditorProps extends Placed {
    fault: RuleFault | undefined;
    onChange: (rule: Rule) => void;
}

/** A number as it is written; what is no number stays as text, and is a fault. */
const numeric = (text: string): number | string => (/^\d{1,10}$/.test(text.trim()) ? Number(text) : text.trim());

const faultAt = (fault: RuleFault | undefined, ...members: RuleFault['member'][]): string | undefined => (
    fault && members.includes(fault.member) ? fault.text : undefined
);

function Window({ rule, fault, onChange }: EditorProps): JSX.Element {
    const seconds = parseDuration(rule.timeWindowSize ?? '');
    const [own, ownUnit] = inUnits(seconds ?? 0);
    // The unit stays as it was chosen: 60 minutes do not become 1 hour under the hands.
    const [chosen, setUnit] = useState<Unit>(ownUnit);
    const isWhole = seconds !== undefined && seconds % UNIT_S[chosen] === 0;
    const unit = isWhole ? chosen : ownUnit;
    const count = seconds === undefined ? '' : isWhole ? seconds / UNIT_S[chosen] : own;
    return (
        <>
            <TextField label={s.window} type="number" value={String(count)} fault={faultAt(fault, 'timeWindowSize')}
                onInput={(text) => { onChange({ ...rule, timeWindowSize: writeDuration(numeric(text), unit) }); }} />
            <SelectField label={s.windowUnit} value={unit} options={Object.entries(s.units)}
                onChange={(value) => {
                    setUnit(value as Unit);
                    onChange({ ...rule, timeWindowSize: writeDuration(count, value as Unit) });
                }} />
        </>
    );
}

function Thresholds(props: EditorProps): JSX.Element {
    const { rule, list, fault, onChange } = props;
    return (
        <div class="filters flat numbers">
            <TextField label={s.min} type="number" value={String(rule.minThreshold ?? 0)} fault={faultAt(fault, 'minThreshold')}
                onInput={(text) => { onChange({ ...rule, minThreshold: numeric(text) }); }} />
            <TextField label={s.max} type="number" value={String(rule.maxThreshold ?? 0)} fault={faultAt(fault, 'maxThreshold')}
                onInput={(text) => { onChange({ ...rule, maxThreshold: numeric(text) }); }} />
            {list === 'timeWindowRules' ? <Window {...props} /> : null}
        </div>
    );
}

/** What stands in the lines, without those that are blank: each value with the number of its line, from 0. */
export function entriesOf(text: string): { line: number; value: string }[] {
    return text.split('\n').map((value, line) => ({ line, value: value.trim() })).filter(({ value }) => value !== '');
}

/** Selects a line, and brings it into sight. */
function select(area: HTMLTextAreaElement, line: number): void {
    const lines = area.value.split('\n');
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line]?.length ?? 0));
    area.scrollTop = area.scrollHeight * line / Math.max(1, lines.length) - area.clientHeight / 2;
}

function Values({ rule, list, fault, onChange }: EditorProps): JSX.Element {
    const member = valuesOf(list) ?? 'allowlistValues';
    const values = rule[member] ?? [];
    const [text, setText] = useState(() => values.join('\n'));
    const area = useRef<HTMLTextAreaElement>(null);
    const entries = entriesOf(text);
    const isOurs = entries.length === values.length && entries.every(({ value }, i) => value === values[i]);

    // What is taken over or discarded comes from outside.
    useEffect(() => {
        if (!isOurs) {
            setText(values.join('\n'));
        }
    }, [rule]);
    const wrong = fault?.line === undefined ? undefined : entries[fault.line];
    const message = wrong ? s.faults.address(wrong.line + 1, wrong.value, fault?.text ?? '') : faultAt(fault, member);
    return (
        <div class="stack tight">
            <Field label={rule.valueType === 'String' ? s.texts : s.values} hint={rule.valueType === 'String' ? undefined : s.valuesHint}
                fault={message}>
                {(id, described) => (
                    <textarea id={id} ref={area} class="mono" value={text} spellcheck={false} rows={Math.min(14, Math.max(4, entries.length + 1))}
                        aria-describedby={described} aria-invalid={message !== undefined}
                        onInput={(event) => {
                            setText(event.currentTarget.value);
                            onChange({ ...rule, [member]: entriesOf(event.currentTarget.value).map(({ value }) => value) });
                        }} />
                )}
            </Field>
            {wrong ? (
                <div>
                    <Button small onClick={() => {
                        if (area.current) {
                            select(area.current, wrong.line);
                        }
                    }}>{s.goToLine}</Button>
                </div>
            ) : null}
        </div>
    );
}

export function RuleEditor(props: EditorProps): JSX.Element {
    const { rule, list, fault, onChange } = props;
    const name = nameOf(rule);
    return (
        <section class={fault ? 'rule wrong' : 'rule'} aria-label={name}>
            <label class="check">
                <input type="checkbox" checked={rule.isEnabled}
                    onChange={(event) => { onChange({ ...rule, isEnabled: event.currentTarget.checked }); }} />
                <strong>{name}</strong>
            </label>
            <p class={rule.isEnabled ? 'wrap' : 'wrap muted small'}>
                {rule.isEnabled && !fault ? words({ rule, list }) : s.counts[rule.ruleType] ?? rule.description}
            </p>
            {rule.isEnabled || fault ? (valuesOf(list) ? <Values {...props} /> : <Thresholds {...props} />) : null}
            {fault?.member === '' ? <p class="fault">{fault.text}</p> : null}
        </section>
    );
}

/** The same for who may only look. */
export function RuleWords({ rule, list }: Placed): JSX.Element {
    const member = valuesOf(list);
    const values = member ? rule[member] ?? [] : [];
    return (
        <section class="rule" aria-label={nameOf(rule)}>
            <div class="row">
                <strong>{nameOf(rule)}</strong>
                <Badge tone={rule.isEnabled ? 'good' : 'quiet'}>{rule.isEnabled ? s.on : s.off}</Badge>
            </div>
            <p class={rule.isEnabled ? 'wrap' : 'wrap muted small'}>
                {rule.isEnabled ? words({ rule, list }) : s.counts[rule.ruleType] ?? rule.description}
            </p>
            {rule.isEnabled && values.length > 0 ? (
                <details>
                    <summary>{s.valuesList(values.length)}</summary>
                    <ul class="plain mono small">{values.map((value) => <li key={value}>{value}</li>)}</ul>
                </details>
            ) : null}
        </section>
    );
}
