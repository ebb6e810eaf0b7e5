// SPDX-License-Identifier: MIT
// A diagnostic setting, new or changed.

import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { call, useAction, useGet } from '../../lib/api';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Loaded, SelectField, TextField } from '../../ui/ui';
import { draftOf, KEPT_SINKS, propertiesOf, SINKS, sinksOf, type Category, type DiagnosticSetting, type Draft, type What } from './diagnostic_settings';
import { diagnosticsPath } from './status';

const s = t.settings.diagnostics;

/** Boxes of which any number may be ticked. */
function Choices<T extends string>(props: {
    label: string; options: { value: T; name: string; hint?: string | undefined }[]; chosen: T[]; fault: string | undefined; onChange: (chosen: T[]) => void;
}): JSX.Element {
    const id = useId();
    return (
        <div class="field" role="group" aria-labelledby={id}>
            <span class="label" id={id}>{props.label}</span>
            <div>
                {props.options.map(({ value, name, hint }) => (
                    <label class="check" key={value}>
                        <input type="checkbox" checked={props.chosen.includes(value)} onChange={(event) => {
                            const rest = props.chosen.filter((one) => one !== value);
                            props.onChange(event.currentTarget.checked ? [...rest, value] : rest);
                        }} />
                        <span>{name}{hint !== undefined ? <>{' '}<span class="muted small">{hint}</span></> : null}</span>
                    </label>
                ))}
            </div>
            {props.fault !== undefined ? <span class="fault">{props.fault}</span> : null}
        </div>
    );
}

function Categories({ resourceId, draft, onChange }: {
    resourceId: string; draft: Draft; onChange: (categories: string[]) => void;
}): JSX.Element {
    const loaded = useGet<{ value: Category[] }>(`${diagnosticsPath(resourceId)}Categories`);
    return (
        <Loaded from={loaded} lines={3}>
            {(data) => (
                <Choices label={s.categories} chosen={draft.categories} fault={draft.categories.length === 0 ? s.categoryMissing : undefined}
                    options={data.value.filter((one) => one.properties.categoryType === 'Logs').map((one) => ({ value: one.name, name: one.name }))}
                    onChange={onChange} />
            )}
        </Loaded>
    );
}

export function EditSetting({ setting, resourceId, onClose, onSaved }: {
    setting: DiagnosticSetting | undefined; resourceId: string; onClose: () => void; onSaved: () => void;
}): JSX.Element {
    const { run, running, error, clear } = useAction();
    const [draft, setDraft] = useState(() => draftOf(setting));
    const set = (more: Partial<Draft>) => {
        clear();
        setDraft((before) => ({ ...before, ...more }));
    };
    const keeps = setting !== undefined && KEPT_SINKS.some((field) => sinksOf(setting).includes(field));
    const noSink = draft.sinks.length === 0 && !keeps;
    const noCategory = draft.what === 'some' && draft.categories.length === 0;
    const submit = async () => {
        const path = `${diagnosticsPath(resourceId)}/${encodeURIComponent(draft.name.trim())}`;
        if (await run(() => call('PUT', path, { properties: propertiesOf(draft, setting) }))) {
            toast(s.saved);
            onSaved();
        }
    };
    return (
        <FormDialog title={setting ? s.editTitle(setting.name) : s.addTitle} submit={setting ? t.save : s.submitAdd} running={running}
            error={error} disabled={noSink || noCategory} onClose={onClose} onSubmit={() => { void submit(); }}>
            {setting ? null : (
                <TextField label={s.name} value={draft.name} required autofocus hint={s.nameHint} onInput={(name) => { set({ name }); }} />
            )}
            <Choices label={s.to} chosen={draft.sinks} fault={noSink ? s.sinkMissing : undefined}
                options={SINKS.map((field) => ({ value: field, name: s.sinks[field] ?? field, hint: s.sinkHints[field] }))}
                onChange={(sinks) => { set({ sinks }); }} />
            <SelectField label={s.what} value={draft.what} options={Object.entries(s.whats)} onChange={(what) => { set({ what: what as What }); }} />
            {draft.what === 'some'
                ? <Categories resourceId={resourceId} draft={draft} onChange={(categories) => { set({ categories }); }} /> : null}
        </FormDialog>
    );
}
