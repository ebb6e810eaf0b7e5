// SPDX-License-Identifier: MIT
// Who is told of alerts, how that goes, and what could not be told.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { number } from '../../lib/format';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Facts, Loaded, Time } from '../../ui/ui';
import { DeadNotifications } from './dead_notifications';
import { AddSink } from './sink_add';
import { TestButton, TrialNote, useTrial } from './sink_test';
import type { Sink } from './sinks';

const s = t.settings.notifications;

function State({ of }: { of: Sink }): JSX.Element {
    return (
        <Badge tone={of.state === 'working' ? 'good' : of.state === 'failing' ? 'high' : 'quiet'}>
            {of.state === undefined ? s.unknownState : (s.states[of.state] ?? of.state)}
        </Badge>
    );
}

function Remove({ sink }: { sink: Sink }): JSX.Element {
    const [open, setOpen] = useState(false);
    return (
        <>
            <Button small kind="danger" label={s.removeOf(sink.name)} onClick={() => { setOpen(true); }}>{t.remove}</Button>
            {open ? (
                <Confirm title={s.removeTitle(sink.name)} submit={t.remove} danger onClose={() => { setOpen(false); }}
                    act={() => call('DELETE', `/notify/${encodeURIComponent(sink.name)}`)}
                    onDone={() => {
                        setOpen(false);
                        toast(s.removed);
                        announce('notify');
                    }}>
                    <p>{s.removeText(sink.waiting, sink.dead)}</p>
                </Confirm>
            ) : null}
        </>
    );
}

function OneSink({ of: sink }: { of: Sink }): JSX.Element {
    const [trial, begin] = useTrial(sink);
    return (
        <li class="evidence stack tight">
            <div class="row">
                <h3 class="wrap">{sink.name}</h3>
                <State of={sink} />
                {may('contributor') ? (
                    <div class="row push">
                        <TestButton sink={sink} trial={trial} begin={begin} />
                        <Remove sink={sink} />
                    </div>
                ) : null}
            </div>
            <Facts of={[
                [s.to, <span key="to" class="mono wrap">{sink.settings.url ?? sink.settings.path ?? ''}</span>],
                [s.kind, `${s.kinds[sink.kind] ?? sink.kind}${sink.settings.format !== undefined ? `, ${s.formats[sink.settings.format] ?? sink.settings.format}` : ''}`],
                [s.from, sink.minSeverity],
                [s.delivered, number(sink.delivered)],
                ...(sink.waiting > 0 ? [[s.waiting, number(sink.waiting)] as [string, string]] : []),
                ...(sink.dead > 0 ? [[s.dead, number(sink.dead)] as [string, string]] : []),
                ...(sink.lastError ? [[s.lastError, (
                    <span key="error" class="wrap">{sink.lastError}{' '}<span class="muted"><Time at={sink.lastErrorTime} /></span></span>
                )] as [string, JSX.Element]] : []),
            ]} />
            <TrialNote sink={sink} trial={trial} />
        </li>
    );
}

export function Notifications(): JSX.Element {
    const loaded = useGet<{ sinks: Sink[] }>('/notify', ['notify']);
    const [adding, setAdding] = useState(false);
    const add = may('contributor') ? <Button icon="plus" onClick={() => { setAdding(true); }}>{s.add}</Button> : null;
    return (
        <div class="stack">
            <Card title={s.sinks} flush actions={add}>
                <Loaded from={loaded}>
                    {(data) => data.sinks.length === 0 ? <Empty title={s.none}>{s.noneText}</Empty> : (
                        <ul class="plain">{data.sinks.map((sink) => <OneSink key={sink.name} of={sink} />)}</ul>
                    )}
                </Loaded>
            </Card>
            <DeadNotifications />
            {adding ? <AddSink onClose={() => { setAdding(false); }} /> : null}
        </div>
    );
}
