// SPDX-License-Identifier: MIT
// One dead letter: why it could not be read, its bytes, and what a replay made of it.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, may, useAction, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { bytes } from '../../lib/format';
import { go, href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Scroll } from '../../ui/scroll';
import { Button, Card, CopyButton, Empty, Facts, Fault, Loaded, Notice, SelectField, Time } from '../../ui/ui';
import { ReplayState } from './dead_letters';
import type { Letter, Replay } from './letters';

const s = t.settings.deadLetters;
const list = href(['settings', 'dead-letters']);
const ASK_MS = 500;
const ASKS = 20;

/** Hexadecimal digits as rows of sixteen bytes with their offset. */
export function hexRows(digits: string): string {
    const rows = digits.match(/.{1,32}/g) ?? [];
    return rows.map((row, i) => `${(i * 16).toString(16).padStart(6, '0')}  ${(row.match(/../g) ?? []).join(' ')}`).join('\n');
}

function bodyText(one: Letter): string {
    if (one.bodyForm === 'hex') {
        return hexRows(String(one.body));
    }
    return typeof one.body === 'string' ? one.body : JSON.stringify(one.body, null, 2);
}

function Body({ of: one }: { of: Letter }): JSX.Element {
    const [form, setForm] = useParam('body', 'auto');
    const text = bodyText(one);
    return (
        <Card title={s.body} actions={one.body === null ? null : <CopyButton text={text} />}>
            <div class="stack tight">
                <SelectField label={s.form} value={form} onChange={setForm} options={Object.entries(s.forms)} />
                {one.bodyBytes === 0 ? <Empty title={s.emptyBody} /> : one.body === null ? <Empty title={s.noJson} />
                    : <Scroll class="code-box" label={s.bodyText}><pre class="small">{text}</pre></Scroll>}
            </div>
        </Card>
    );
}

function Properties({ of: one }: { of: Letter }): JSX.Element {
    return (
        <Card title={s.properties}>
            {one.properties === null || one.properties === undefined ? (
                <div class="stack tight">
                    <p>{s.propertiesBad}</p>
                    <code class="wrap">{one.propertyBag}</code>
                </div>
            ) : Object.keys(one.properties).length === 0 ? <span class="muted">{t.none}</span> : (
                <Facts of={Object.entries(one.properties).map(([name, value]) => [name, <span key={name} class="mono wrap small">{value}</span>])} />
            )}
        </Card>
    );
}

function Result({ of: replay }: { of: Replay }): JSX.Element {
    return replay.status === 'Taken'
        ? <Notice tone="good">{s.replayTaken(replay.events ?? 0, replay.duplicates ?? 0)}{' '}<Time at={replay.time} /></Notice>
        : <Notice tone="warn">{s.replayRefused}{' '}<strong>{replay.reason}</strong>{' '}<Time at={replay.time} /></Notice>;
}

/** Asks until the letter has another mark than it had. */
function useReplay(one: Letter, reload: () => void): { waiting: 'no' | 'yes' | 'long'; begin: () => void } {
    const [mark, setMark] = useState<string | undefined>(undefined); // what it had when the replay was asked for
    const [asks, setAsks] = useState(0);
    const now = one.replay?.time ?? '';
    const waiting = mark !== undefined && mark === now;
    useEffect(() => {
        if (!waiting || asks >= ASKS) {
            return undefined;
        }
        const timer = setTimeout(() => {
            setAsks(asks + 1);
            reload();
        }, ASK_MS);
        return () => { clearTimeout(timer); };
    }, [waiting, asks]);
    return {
        waiting: !waiting ? 'no' : asks >= ASKS ? 'long' : 'yes',
        begin: () => {
            setMark(now);
            setAsks(0);
        },
    };
}

function Actions({ of: one, onReplay }: { of: Letter; onReplay: () => void }): JSX.Element {
    const { run, running, error } = useAction();
    const [asking, setAsking] = useState(false);
    const path = `/dead-letters/${one.offset.toString()}`;
    const replay = async () => {
        if (await run(() => call('POST', `${path}/replay`))) {
            announce('dead-letters');
            onReplay();
        }
    };
    return (
        <>
            {error ? <Fault error={error} /> : null}
            <div class="row">
                {one.replay?.status === 'Taken' ? null
                    : <Button kind="primary" disabled={running} onClick={() => { void replay(); }}>{s.replayOne}</Button>}
                <Button kind="danger" onClick={() => { setAsking(true); }}>{s.delete}</Button>
            </div>
            {asking ? (
                <Confirm title={s.deleteTitle} submit={s.delete} danger onClose={() => { setAsking(false); }}
                    act={() => call('DELETE', path)}
                    onDone={() => {
                        toast(s.deleted);
                        announce('dead-letters');
                        go(list);
                    }}>
                    <p>{s.deleteText}</p>
                </Confirm>
            ) : null}
        </>
    );
}

function Whole({ of: one, reload }: { of: Letter; reload: () => void }): JSX.Element {
    const { waiting, begin } = useReplay(one, reload);
    return (
        <div class="columns wide-left">
            <div class="stack">
                <Card title={s.bad}>
                    <div class="stack">
                        <p class="lead">{one.reason}</p>
                        <div role="status">
                            {waiting === 'yes' ? <Notice>{s.replaying}</Notice> : waiting === 'long' ? <Notice tone="warn">{s.replayWaits}</Notice>
                                : one.replay ? <Result of={one.replay} /> : null}
                        </div>
                        {may('contributor') ? <Actions of={one} onReplay={begin} /> : null}
                    </div>
                </Card>
                <Body of={one} />
            </div>
            <div class="stack">
                <Card title={s.details}>
                    <Facts of={[
                        [s.device, one.deviceId === '' ? s.hub : <Link key="device" to={href(['devices', one.deviceId])}>{one.deviceId}</Link>],
                        ...(one.moduleId !== '' ? [[s.module, one.moduleId] as [string, string]] : []),
                        [s.time, <Time key="time" at={one.time} full />],
                        [s.address, <span key="address" class="mono">{one.address}</span>],
                        [s.kind, s.kinds[one.kind] ?? one.kind],
                        ...(one.protocol !== null ? [[s.protocol, one.protocol] as [string, string]] : []),
                        [s.size, bytes(one.bodyBytes)],
                        [s.offset, one.offset.toString()],
                        [s.replayState, <ReplayState key="replay" of={one.replay} />],
                    ]} />
                </Card>
                <Properties of={one} />
            </div>
        </div>
    );
}

export function DeadLetter({ offset }: { offset: string }): JSX.Element {
    const [form] = useParam('body', 'auto');
    const loaded = useGet<Letter>(`/dead-letters/${encodeURIComponent(offset)}?body=${encodeURIComponent(form)}`, ['dead-letters']);
    return (
        <div class="stack">
            <div class="row"><Link to={list}>{t.settings.tabs['dead-letters']}</Link><span class="muted">{s.one(offset)}</span></div>
            <Loaded from={loaded} lines={8}>{(one) => <Whole of={one} reload={loaded.reload} />}</Loaded>
        </div>
    );
}
