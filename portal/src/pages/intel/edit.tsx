// SPDX-License-Identifier: MIT
// A feed that is added or changed.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAction } from '../../lib/api';
import { announce } from '../../lib/events';
import { bytes } from '../../lib/format';
import { go, href } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Field, Notice, SelectField, TextField } from '../../ui/ui';
import { pathOf } from './act';
import { bodyOf, draftOf, hasCategories, hasColumns, isWhole, NAME, type Draft } from './draft';
import type { Feed, Source } from './feeds';

const s = t.intel;
const FILE_MAX = 3 << 20; // a request has 4 MiB, and lines become longer in it

type Set = (change: Partial<Draft>) => void;

function TextSource({ draft, set, isNew }: { draft: Draft; set: Set; isNew: boolean }): JSX.Element {
    const [fault, setFault] = useState<string | undefined>(undefined);
    const read = (file: File | undefined) => {
        setFault(file && file.size > FILE_MAX ? s.tooLarge(bytes(FILE_MAX)) : undefined);
        if (file && file.size <= FILE_MAX) {
            file.text().then((text) => { set({ text }); }, () => { setFault(s.unreadable); });
        }
    };
    return (
        <>
            <Field label={s.file} hint={s.fileHint} fault={fault}>
                {(id, described) => (
                    <input id={id} type="file" aria-describedby={described} onChange={(event) => { read(event.currentTarget.files?.[0]); }} />
                )}
            </Field>
            <Field label={s.text} hint={isNew ? s.textHint : s.textKeep}>
                {(id, described) => (
                    <textarea id={id} class="mono" rows={6} aria-describedby={described} spellcheck={false} value={draft.text}
                        onInput={(event) => { set({ text: event.currentTarget.value }); }} />
                )}
            </Field>
        </>
    );
}

function UrlSource({ draft, set, before }: { draft: Draft; set: Set; before: Feed | undefined }): JSX.Element {
    const has = before?.source?.credential ?? undefined;
    const options = Object.entries(s.credentials).filter(([value]) => value !== 'keep' || has !== undefined);
    return (
        <>
            <TextField label={draft.source === 'taxii' ? s.taxiiUrl : s.url} type="url" value={draft.url} required hint={s.urlHint}
                placeholder={draft.source === 'taxii' ? 'https://taxii.example/api/collections/7a41/' : 'https://feeds.example/list.csv'}
                onInput={(url) => { set({ url }); }} />
            <TextField label={s.interval} type="number" value={draft.intervalMinutes} placeholder="60"
                onInput={(intervalMinutes) => { set({ intervalMinutes }); }} />
            <SelectField label={s.credential} value={draft.credential} options={options} hint={s.credentialHint}
                onChange={(credential) => { set({ credential: credential as Draft['credential'] }); }} />
            {draft.credential === 'basic' || draft.credential === 'bearer' || draft.credential === 'header' ? (
                <TextField label={s.secrets[draft.credential]} type="password" autocomplete="new-password" value={draft.secret} required
                    onInput={(secret) => { set({ secret }); }} />
            ) : null}
        </>
    );
}

function Reading({ draft, set }: { draft: Draft; set: Set }): JSX.Element {
    const text = (name: 'column' | 'descriptionColumn' | 'confidenceColumn' | 'untilColumn', hint?: string) => (
        <TextField label={s[name]} value={draft[name]} onInput={(value) => { set({ [name]: value }); }} hint={hint} />
    );
    return (
        <details>
            <summary>{s.more}</summary>
            <div class="stack">
                {draft.source !== 'taxii' ? (
                    <SelectField label={s.format} value={draft.format} options={Object.entries(s.formats)} onChange={(format) => { set({ format }); }} />
                ) : null}
                {hasColumns(draft) ? <>{text('column', s.columnHint)}{text('descriptionColumn')}{text('confidenceColumn')}{text('untilColumn')}</> : null}
                {hasCategories(draft) ? (
                    <TextField label={s.wantedCategories} value={draft.wantedCategories} placeholder="1,5:40" hint={s.categoriesHint}
                        onInput={(wantedCategories) => { set({ wantedCategories }); }} />
                ) : null}
                <TextField label={s.defaultConfidence} type="number" value={draft.confidence} hint={s.confidenceHint} onInput={(confidence) => { set({ confidence }); }} />
                <TextField label={s.minimumConfidence} type="number" value={draft.minimumConfidence} hint={s.minimumHint}
                    onInput={(minimumConfidence) => { set({ minimumConfidence }); }} />
                <TextField label={s.lifetime} type="number" value={draft.lifetimeDays} hint={s.lifetimeHint} onInput={(lifetimeDays) => { set({ lifetimeDays }); }} />
            </div>
        </details>
    );
}

/** `of`: the feed to change; undefined: a new one. `names`: those that are taken. */
export function FeedDialog({ of, names, onClose }: { of: Feed | undefined; names: string[]; onClose: () => void }): JSX.Element {
    const isNew = of === undefined;
    const [draft, setDraft] = useState(() => draftOf(of));
    const { run, running, error } = useAction();
    const set: Set = (change) => { setDraft((before) => ({ ...before, ...change })); };
    const name = draft.name.trim();
    const fault = !isNew || name === '' ? undefined : !NAME.test(name) ? s.nameForm : names.includes(name) ? s.nameTaken : undefined;
    const submit = async () => {
        const done = await run(async () => {
            const feed = await call<Feed>('PUT', pathOf(name), bodyOf({ ...draft, name }, of));
            toast(feed.error !== null ? s.savedFailing(name, feed.error) : s.saved(name, feed.report.used));
            announce('feeds');
        });
        if (done) {
            onClose();
            if (isNew) {
                go(href(['intel', name]));
            }
        }
    };
    return (
        <FormDialog title={isNew ? s.add : s.editTitle(of.name)} submit={isNew ? s.addNow : t.save} running={running} error={error}
            disabled={fault !== undefined || !isWhole({ ...draft, name }, isNew)} onClose={onClose} onSubmit={() => { void submit(); }}>
            {isNew ? (
                <>
                    <TextField label={s.name} value={draft.name} required autofocus fault={fault} hint={s.nameForm} onInput={(value) => { set({ name: value }); }} />
                    <SelectField label={s.comesFrom} value={draft.source} hint={s.watchHint} onChange={(source) => { set({ source: source as Source }); }}
                        options={(['url', 'taxii', 'text'] as const).map((source) => [source, s.sources[source]])} />
                </>
            ) : null}
            {draft.source === 'text' ? <TextSource draft={draft} set={set} isNew={isNew} /> : <UrlSource draft={draft} set={set} before={of} />}
            <SelectField label={s.kind} value={draft.kind} options={Object.entries(s.kinds)} hint={draft.kind === 'exceptions' ? s.exceptionsHint : undefined}
                onChange={(kind) => { set({ kind: kind as Draft['kind'] }); }} />
            {draft.kind === 'indicators' ? (
                <SelectField label={s.severity} value={draft.severity} options={[['', s.usual], ...Object.entries(t.severity)]}
                    onChange={(severity) => { set({ severity }); }} />
            ) : null}
            <Reading draft={draft} set={set} />
            {draft.kind === 'indicators' ? <Notice>{s.huntHint}</Notice> : null}
        </FormDialog>
    );
}
