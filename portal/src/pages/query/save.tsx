// SPDX-License-Identifier: MIT
// Saving a query, and what makes it run by itself.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAction } from '../../lib/api';
import { announce } from '../../lib/events';
import { go, href } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { SelectField, TextField } from '../../ui/ui';
import { findSaved } from './ask';
import { everyWords } from './side';
import type { QueryDocument, SavedQuery, Schedule } from './types';

const s = t.query;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const EVERY = ['PT1M', 'PT5M', 'PT15M', 'PT1H', 'PT6H', 'P1D'];
const OVER = ['', 'PT1H', 'PT6H', 'P1D', 'P7D', 'P14D'];

/** What is in the form. */
interface Draft {
    name: string; title: string; description: string; category: string; scheduled: boolean; enabled: boolean;
    every: string; over: string; rowsAbove: string; severity: string; deviceColumn: string;
}

function draftOf(of: SavedQuery | undefined): Draft {
    const schedule = of?.schedule;
    return {
        name: of && !of.isDelivered ? of.name : '', title: of?.title ?? '', description: of?.description ?? '',
        category: of?.isDelivered ? '' : of?.category ?? '', scheduled: schedule !== undefined, enabled: schedule?.enabled !== false,
        every: schedule?.every ?? 'PT1H', over: schedule?.over === schedule?.every ? '' : schedule?.over ?? '',
        rowsAbove: schedule?.rowsAbove !== undefined && schedule.rowsAbove > 0 ? schedule.rowsAbove.toString() : '',
        severity: schedule?.severity ?? 'Medium', deviceColumn: schedule?.deviceColumn ?? '',
    };
}

/** As PUT /queries takes it: what is empty is left out. */
export function documentOf(query: string, draft: Draft): QueryDocument {
    const text = (name: 'title' | 'description' | 'category') => (draft[name].trim() === '' ? {} : { [name]: draft[name].trim() });
    const schedule: Schedule = {
        every: draft.every,
        ...(draft.over === '' ? {} : { over: draft.over }),
        ...(draft.rowsAbove === '' ? {} : { rowsAbove: Number(draft.rowsAbove) }),
        severity: draft.severity,
        ...(draft.deviceColumn.trim() === '' ? {} : { deviceColumn: draft.deviceColumn.trim() }),
        enabled: draft.enabled,
    };
    return { query, ...text('title'), ...text('description'), ...text('category'), ...(draft.scheduled ? { schedule } : {}) };
}

const durations = (list: string[], chosen: string): [string, string][] =>
    (list.includes(chosen) ? list : [...list, chosen]).map((iso) => [iso, iso === '' ? s.sameAsEvery : everyWords(iso)]);

function Check({ label, value, onChange }: { label: string; value: boolean; onChange: (value: boolean) => void }): JSX.Element {
    return (
        <label class="check">
            <input type="checkbox" checked={value} onChange={(event) => { onChange(event.currentTarget.checked); }} />{label}
        </label>
    );
}

function ScheduleFields({ draft, set }: { draft: Draft; set: (change: Partial<Draft>) => void }): JSX.Element {
    return (
        <>
            <Check label={s.enabled} value={draft.enabled} onChange={(enabled) => { set({ enabled }); }} />
            <SelectField label={s.every} value={draft.every} options={durations(EVERY, draft.every)} onChange={(every) => { set({ every }); }} />
            <SelectField label={s.over} value={draft.over} options={durations(OVER, draft.over)} onChange={(over) => { set({ over }); }} hint={s.overHint} />
            <SelectField label={s.severity} value={draft.severity} options={Object.entries(t.severity)} onChange={(severity) => { set({ severity }); }} />
            <TextField label={s.rowsAbove} type="number" value={draft.rowsAbove} placeholder="0" onInput={(rowsAbove) => { set({ rowsAbove }); }} />
            <TextField label={s.deviceColumn} value={draft.deviceColumn} placeholder="DeviceId" hint={s.deviceColumnHint}
                onInput={(deviceColumn) => { set({ deviceColumn }); }} />
        </>
    );
}

/** `of`: the query to change, or the one to begin from (`isNew`). */
export function SaveDialog({ text, of, isNew, queries, onClose }: {
    text: string; of: SavedQuery | undefined; isNew: boolean; queries: SavedQuery[]; onClose: () => void;
}): JSX.Element {
    const [draft, setDraft] = useState<Draft>(() => (isNew ? { ...draftOf(of), name: '', scheduled: false } : draftOf(of)));
    const { run, running, error } = useAction();
    const set = (change: Partial<Draft>) => { setDraft({ ...draft, ...change }); };
    const name = draft.name.trim();
    const fault = !isNew || name === '' ? undefined : !NAME.test(name) ? s.nameForm : findSaved(queries, name) ? s.nameTaken : undefined;
    const submit = async () => {
        const done = await run(() => call('PUT', `/queries/${encodeURIComponent(name)}`, documentOf(text, draft)));
        if (done) {
            toast(s.saved(name));
            announce('queries');
            onClose();
            go(href(['query'], { saved: name }), !isNew);
        }
    };
    return (
        <FormDialog title={isNew ? s.saveAs : s.change} submit={t.save} running={running} error={error} onClose={onClose}
            disabled={name === '' || fault !== undefined} onSubmit={() => { void submit(); }}>
            {isNew ? (
                <TextField label={s.name} value={draft.name} required autofocus fault={fault} hint={s.nameForm} onInput={(value) => { set({ name: value }); }} />
            ) : null}
            <TextField label={s.titleOf} value={draft.title} onInput={(title) => { set({ title }); }} />
            <TextField label={s.description} value={draft.description} onInput={(description) => { set({ description }); }} />
            <TextField label={s.category} value={draft.category} onInput={(category) => { set({ category }); }} />
            <Check label={s.scheduled} value={draft.scheduled} onChange={(scheduled) => { set({ scheduled }); }} />
            {draft.scheduled ? <ScheduleFields draft={draft} set={set} /> : null}
        </FormDialog>
    );
}

export function DeleteDialog({ name, onClose }: { name: string; onClose: () => void }): JSX.Element {
    const { run, running, error } = useAction();
    const submit = async () => {
        if (await run(() => call('DELETE', `/queries/${encodeURIComponent(name)}`))) {
            toast(s.deleted(name));
            announce('queries');
            onClose();
            go(href(['query']));
        }
    };
    return (
        <FormDialog title={s.deleteTitle(name)} submit={s.delete} danger running={running} error={error} onClose={onClose}
            onSubmit={() => { void submit(); }}>
            <p>{s.deleteWhat}</p>
        </FormDialog>
    );
}
