// SPDX-License-Identifier: MIT
// Diagnostic settings: which records go where, and how that goes.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { number } from '../../lib/format';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Facts, Loaded, Time } from '../../ui/ui';
import { EditSetting } from './diagnostic_edit';
import { draftOf, SETTINGS_MAX, sinksOf, type DiagnosticSetting } from './diagnostic_settings';
import { diagnosticsPath, type ExportState, type Status } from './status';

const s = t.settings.diagnostics;

function whatOf(setting: DiagnosticSetting): string {
    const { what, categories } = draftOf(setting);
    return what !== 'some' ? s.whats[what] : categories.length === 0 ? s.categoryNone : categories.join(', ');
}

function Export({ of: one }: { of: ExportState }): JSX.Element {
    const notes = [
        s.delivered(number(one.delivered)),
        ...(one.behind > 0 ? [s.behind(number(one.behind))] : []),
        ...(one.failures > 0 ? [s.failures(number(one.failures))] : []),
        ...(one.skipped > 0 ? [s.skipped(number(one.skipped))] : []),
    ];
    return (
        <div class="stack tight">
            <div class="row">
                <Badge tone={one.state === 'working' ? 'good' : one.state === 'failing' ? 'high' : 'medium'}>
                    {s.kinds[one.sink] ?? one.sink}{': '}{s.states[one.state] ?? one.state}
                </Badge>
                <span class="muted small">{one.state === 'off' ? s.offText : notes.join(', ')}</span>
            </div>
            {one.lastError !== undefined ? (
                <div class="small wrap">{s.lastError}{': '}<strong>{one.lastError}</strong>{' '}<Time at={one.lastFailure} /></div>
            ) : null}
        </div>
    );
}

interface OneProps { setting: DiagnosticSetting; resourceId: string; exports: ExportState[]; reload: () => void }

function Actions({ setting, resourceId, reload }: OneProps): JSX.Element {
    const [open, setOpen] = useState<'edit' | 'delete' | null>(null);
    const close = () => { setOpen(null); };
    return (
        <div class="row push">
            <Button small label={s.editOf(setting.name)} onClick={() => { setOpen('edit'); }}>{t.edit}</Button>
            <Button small kind="danger" label={s.removeOf(setting.name)} onClick={() => { setOpen('delete'); }}>{s.delete}</Button>
            {open === 'edit' ? (
                <EditSetting setting={setting} resourceId={resourceId} onClose={close} onSaved={() => {
                    close();
                    reload();
                }} />
            ) : null}
            {open === 'delete' ? (
                <Confirm title={s.removeTitle(setting.name)} submit={s.delete} danger onClose={close}
                    act={() => call('DELETE', `${diagnosticsPath(resourceId)}/${encodeURIComponent(setting.name)}`)}
                    onDone={() => {
                        close();
                        toast(s.removed);
                        reload();
                    }}>
                    <p>{s.removeText}</p>
                </Confirm>
            ) : null}
        </div>
    );
}

function One(props: OneProps): JSX.Element {
    const { setting } = props;
    const own = props.exports.filter((one) => one.setting === setting.name);
    const facts: [string, ComponentChildren][] = [
        [s.to, sinksOf(setting).map((field) => s.sinks[field] ?? field).join(', ')],
        [s.what, whatOf(setting)],
        ...(own.length > 0 ? [[s.exports, (
            <div key="exports" class="stack tight">{own.map((one) => <Export key={one.sink} of={one} />)}</div>
        )] as [string, JSX.Element]] : []),
    ];
    return (
        <li class="evidence stack tight">
            <div class="row">
                <h3 class="wrap">{setting.name}</h3>
                {may('contributor') ? <Actions {...props} /> : null}
            </div>
            <Facts of={facts} />
        </li>
    );
}

function List({ status, reloadStatus }: { status: Status; reloadStatus: () => void }): JSX.Element {
    const { resourceId } = status;
    const loaded = useGet<{ value: DiagnosticSetting[] }>(diagnosticsPath(resourceId), ['recommendations']);
    const [adding, setAdding] = useState(false);
    const full = (loaded.data?.value.length ?? 0) >= SETTINGS_MAX;
    const reload = () => {
        announce('recommendations');
        loaded.reload();
        reloadStatus();
    };
    const add = may('contributor') ? (
        <>
            {full ? <span class="muted small">{s.limit}</span> : null}
            <Button icon="plus" disabled={full} onClick={() => { setAdding(true); }}>{s.add}</Button>
        </>
    ) : null;
    return (
        <Card title={s.title} flush actions={add}>
            <p class="evidence muted">{s.text}</p>
            <Loaded from={loaded}>
                {(data) => data.value.length === 0 ? <Empty title={s.none}>{s.noneText}</Empty> : (
                    <ul class="plain">
                        {data.value.map((setting) => (
                            <One key={setting.name} setting={setting} resourceId={resourceId} exports={status.exports ?? []} reload={reload} />
                        ))}
                    </ul>
                )}
            </Loaded>
            {adding ? (
                <EditSetting setting={undefined} resourceId={resourceId} onClose={() => { setAdding(false); }} onSaved={() => {
                    setAdding(false);
                    reload();
                }} />
            ) : null}
        </Card>
    );
}

export function Diagnostics(): JSX.Element {
    const status = useGet<Status>('/status', ['ingest']);
    return <Loaded from={status} lines={5}>{(data) => <List status={data} reloadStatus={status.reload} />}</Loaded>;
}
