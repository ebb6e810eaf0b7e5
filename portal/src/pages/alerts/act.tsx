// SPDX-License-Identifier: MIT
// What is done with alerts: one of them, or all that a filter finds.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, call, may, useAction, withQuery } from '../../lib/api';
import { announce } from '../../lib/events';
import type { Alert } from '../../lib/types';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Button, Field, SelectField } from '../../ui/ui';
import { countOf, ScopeWords, useScope, type Filter } from './scope';

export type Action = 'start' | 'resolve' | 'dismiss' | 'reopen' | 'note';

const s = t.alerts;

const FROM: Record<Action, string[]> = {
    start: ['New', 'Dismissed', 'Resolved'],
    resolve: ['New', 'InProgress', 'Dismissed'],
    dismiss: ['New', 'InProgress'],
    reopen: ['InProgress', 'Dismissed', 'Resolved'],
    note: ['New', 'InProgress', 'Dismissed', 'Resolved'],
};

/** How long a dismissal holds, as the service takes it; nothing: for ever. */
export function dismissalEnd(choice: string, now: Date): { until?: string; suppress?: false } {
    const end = new Date(now);
    switch (choice) {
        case 'no':
            return { suppress: false };
        case 'today':
            end.setUTCHours(24, 0, 0, 0);
            return { until: end.toISOString() };
        case '7d':
        case '30d':
            end.setUTCDate(end.getUTCDate() + parseInt(choice, 10));
            return { until: end.toISOString() };
        default:
            return {};
    }
}

export interface Target {
    /** Where the action is posted: an alert's path, or the list with its filter. */
    alert?: Alert;
    filter?: Filter;
}

async function act(target: Target, action: Action, body: Record<string, unknown>): Promise<number> {
    if (target.alert) {
        await call('POST', `/alerts/${target.alert.id}/${action === 'note' ? 'notes' : action}`,
            { ...body, ifChange: target.alert.change });
        return 1;
    }
    const { changed } = await call<{ changed: number }>('POST', withQuery('/alerts', target.filter ?? {}), { ...body, action });
    return changed;
}

function words(error: Error | undefined): Error | undefined {
    return error instanceof ApiError && error.status === 412 ? new Error(s.changedMeanwhile) : error;
}

export function ActionDialog({ target, action, onClose, onDone }: {
    target: Target; action: Action; onClose: () => void; onDone: () => void;
}): JSX.Element {
    const [text, setText] = useState('');
    const [reason, setReason] = useState('FalsePositive');
    const [until, setUntil] = useState('today');
    const { run, running, error } = useAction();
    const scope = useScope(target.filter ?? null, FROM[action]);
    const isForNone = target.filter !== undefined && (scope.count ?? 0) === 0;
    const submit = async () => {
        const done = await run(async () => {
            const changed = await act(target, action, {
                ...(text.trim() === '' ? {} : { text: text.trim() }),
                ...(action === 'dismiss' ? { reason, ...dismissalEnd(until, new Date()) } : {}),
            });
            toast(target.alert ? s.done[action] : s.inAll(changed));
            announce('alerts');
        });
        if (done) {
            onDone();
        } else {
            announce('alerts'); // it is shown as it is now
        }
    };
    return (
        <FormDialog title={s.actions[action]} running={running} error={words(error)}
            submit={target.alert || isForNone ? s.actions[action] : s.actOn(s.actions[action], countOf(scope))}
            disabled={isForNone || (action === 'note' && text.trim() === '')} onClose={onClose} onSubmit={() => { void submit(); }}>
            {target.filter ? <ScopeWords scope={scope} filter={target.filter} /> : null}
            {action === 'dismiss' ? (
                <>
                    <SelectField label={s.reason} value={reason} onChange={setReason} options={Object.entries(s.reasons)} />
                    <SelectField label={s.suppress} value={until} onChange={setUntil} options={Object.entries(s.until)}
                        hint={until === 'no' ? s.suppressNotHint : s.suppressHint} />
                </>
            ) : null}
            <Field label={s.noteText} hint={s.noteHint}>
                {(id, described) => (
                    <textarea id={id} aria-describedby={described} value={text}
                        onInput={(event) => { setText(event.currentTarget.value); }} />
                )}
            </Field>
        </FormDialog>
    );
}

/** Buttons of what can be done with the alert in its state. */
export function AlertActions({ alert, onDone }: { alert: Alert; onDone: () => void }): JSX.Element | null {
    const [open, setOpen] = useState<Action | null>(null);
    if (!may('contributor')) {
        return <span class="muted small">{t.readerOnly}</span>;
    }
    const actions = (Object.keys(FROM) as Action[]).filter((action) => action !== 'note' && FROM[action].includes(alert.status));
    return (
        <>
            {actions.map((action) => (
                <Button key={action} kind={action === 'resolve' ? 'primary' : 'plain'} onClick={() => { setOpen(action); }}>
                    {s.actions[action]}
                </Button>
            ))}
            <Button onClick={() => { setOpen('note'); }}>{s.actions.note}</Button>
            {open ? (
                <ActionDialog target={{ alert }} action={open} onClose={() => { setOpen(null); }}
                    onDone={() => {
                        setOpen(null);
                        onDone();
                    }} />
            ) : null}
        </>
    );
}

/** The same for all alerts of a filter. */
export function BulkActions({ filter, isEmpty }: { filter: Filter; isEmpty: boolean }): JSX.Element | null {
    const [open, setOpen] = useState<Action | null>(null);
    if (!may('contributor') || Object.values(filter).every((value) => value === undefined)) {
        return null;
    }
    return (
        <>
            <label class="visually-hidden" for="bulk">{s.actOnAll}</label>
            <select id="bulk" class="bulk" value="" disabled={isEmpty}
                onChange={(event) => {
                    setOpen(event.currentTarget.value as Action);
                    event.currentTarget.value = '';
                }}>
                <option value="">{s.actOnAll}</option>
                {(Object.keys(FROM) as Action[]).map((action) => <option key={action} value={action}>{s.actions[action]}</option>)}
            </select>
            {open ? (
                <ActionDialog target={{ filter }} action={open} onClose={() => { setOpen(null); }}
                    onDone={() => { setOpen(null); }} />
            ) : null}
        </>
    );
}
