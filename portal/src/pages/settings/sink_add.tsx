// SPDX-License-Identifier: MIT
// A new sink. The secret that is made for a webhook is shown once.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAction } from '../../lib/api';
import { announce } from '../../lib/events';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Once } from '../../ui/once';
import { CopyButton, SelectField, TextField } from '../../ui/ui';

const s = t.settings.notifications;

type Kind = 'webhook' | 'syslog' | 'file';

const FORMATS: Record<Kind, string[]> = { webhook: ['vedette', 'ocsf'], syslog: ['cef', 'vedette', 'ocsf'], file: ['vedette', 'ocsf'] };

/** A word of a shell's command line; names and severities need no quotes. */
function fileCommand(name: string, severity: string): string {
    return `vedette notify add file ${/^[\w-]+$/.test(name) ? name : 'archive'} /var/log/vedette/alerts.jsonl --min-severity ${severity}`;
}

interface Draft { name: string; kind: Kind; url: string; format: string; minSeverity: string; secret: string; plain: boolean }

/** Whether alerts would go in the clear, which is to be said. */
function mayBePlain(draft: Draft): boolean {
    return draft.kind === 'syslog' || (draft.kind === 'webhook' && draft.url.trim().startsWith('http://'));
}

export function bodyOf(draft: Draft): Record<string, unknown> {
    const first = FORMATS[draft.kind][0];
    return {
        name: draft.name, kind: draft.kind, minSeverity: draft.minSeverity,
        settings: {
            url: draft.url.trim(),
            ...(draft.format !== first ? { format: draft.format } : {}),
            ...(mayBePlain(draft) && draft.plain ? { plain: true } : {}),
        },
        ...(draft.kind === 'webhook' && draft.secret !== '' ? { secret: draft.secret } : {}),
    };
}

function KindFields({ draft, set }: { draft: Draft; set: (more: Partial<Draft>) => void }): JSX.Element {
    const command = fileCommand(draft.name, draft.minSeverity);
    if (draft.kind === 'file') {
        return (
            <div class="stack tight">
                <p>{s.fileText}</p>
                <div class="code-box row"><code class="wrap">{command}</code><CopyButton text={command} /></div>
            </div>
        );
    }
    return (
        <>
            <TextField label={s.url} value={draft.url} required hint={s.urlHint[draft.kind]} onInput={(url) => { set({ url }); }}
                placeholder={draft.kind === 'webhook' ? 'https://desk.example.com/in' : 'tls://logs.example.com'} />
            <SelectField label={s.format} value={draft.format} onChange={(format) => { set({ format }); }}
                options={FORMATS[draft.kind].map((one) => [one, s.formats[one] ?? one])} />
            {draft.kind === 'webhook' ? (
                <TextField label={s.secret} type="password" value={draft.secret} hint={s.secretHint} autocomplete="new-password"
                    onInput={(secret) => { set({ secret }); }} />
            ) : null}
            {mayBePlain(draft) ? (
                <label class="check">
                    <input type="checkbox" checked={draft.plain} onChange={(event) => { set({ plain: event.currentTarget.checked }); }} />
                    {s.plain}
                </label>
            ) : null}
            <p class="muted small">{s.certText}</p>
        </>
    );
}

export function AddSink({ onClose }: { onClose: () => void }): JSX.Element {
    const { run, running, error, clear } = useAction();
    const [made, setMade] = useState<string | undefined>(undefined);
    const [draft, setDraft] = useState<Draft>({
        name: '', kind: 'webhook', url: '', format: 'vedette', minSeverity: 'Low', secret: '', plain: false,
    });
    const set = (more: Partial<Draft>) => {
        clear();
        setDraft((before) => ({ ...before, ...more }));
    };
    const submit = () => run(async () => {
        const { secret } = await call<{ secret?: string }>('POST', '/notify', bodyOf(draft));
        toast(s.added(draft.name));
        announce('notify');
        if (secret === undefined) {
            onClose();
        } else {
            setMade(secret);
        }
    });
    if (made !== undefined) {
        return <Once title={s.secretTitle(draft.name)} text={s.secretOnce} secret={made} onClose={onClose} />;
    }
    return (
        <FormDialog title={s.addTitle} submit={s.submit} running={running} error={error} onClose={onClose}
            disabled={draft.kind === 'file'} onSubmit={() => { void submit(); }}>
            <SelectField label={s.kind} value={draft.kind} options={Object.entries(s.kinds)}
                onChange={(kind) => { set({ kind: kind as Kind, format: FORMATS[kind as Kind][0] ?? '' }); }} />
            <TextField label={s.name} value={draft.name} required hint={s.nameHint} autofocus onInput={(name) => { set({ name }); }} />
            <SelectField label={s.minSeverity} value={draft.minSeverity} options={Object.entries(s.severities)}
                onChange={(minSeverity) => { set({ minSeverity }); }} />
            <KindFields draft={draft} set={set} />
        </FormDialog>
    );
}
