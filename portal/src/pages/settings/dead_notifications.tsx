// SPDX-License-Identifier: MIT
// Notifications that no attempt could deliver: sent again, or let go.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Button, Card, Empty, Fault, Loaded, Table, Time, type Column } from '../../ui/ui';
import type { DeadNotification } from './sinks';

const s = t.settings.notifications;
const LIMIT = 200;

function Actions({ of }: { of: DeadNotification }): JSX.Element {
    const { run, running, error } = useAction();
    const [asking, setAsking] = useState(false);
    const path = `/notify-dead/${of.number.toString()}`;
    const replay = () => run(async () => {
        await call('POST', `${path}/replay`);
        toast(s.replayed);
        announce('notify');
    });
    return (
        <>
            <div class="row">
                <Button small label={s.replayOf(of.number)} disabled={running} onClick={() => { void replay(); }}>{s.replay}</Button>
                <Button small kind="danger" label={s.discardOf(of.number)} onClick={() => { setAsking(true); }}>{s.discard}</Button>
            </div>
            {error ? <Fault error={error} /> : null}
            {asking ? (
                <Confirm title={s.discardTitle} submit={s.discard} danger onClose={() => { setAsking(false); }}
                    act={() => call('DELETE', path)}
                    onDone={() => {
                        setAsking(false);
                        toast(s.discarded);
                        announce('notify');
                    }}>
                    <p>{s.discardText}</p>
                </Confirm>
            ) : null}
        </>
    );
}

function columns(): Column<DeadNotification>[] {
    return [
        { name: s.sink, cell: (one) => one.sink },
        { name: s.what, cell: (one) => s.whats[one.what] ?? one.what },
        {
            name: s.alert,
            cell: ({ what, alert }) => what === 'test' || alert?.id === undefined ? <span class="muted">{t.none}</span>
                : <Link to={href(['alerts', alert.id])}>{alert.displayName ?? alert.id}</Link>,
        },
        { name: s.why, cell: (one) => <span class="wrap">{one.reason}</span> },
        { name: s.when, cell: (one) => <Time at={one.failed} /> },
        ...(may('contributor') ? [{ name: s.actions, cell: (one: DeadNotification) => <Actions of={one} /> }] : []),
    ];
}

function ReplayAll({ of }: { of: DeadNotification[] }): JSX.Element {
    const [asking, setAsking] = useState(false);
    return (
        <>
            <Button onClick={() => { setAsking(true); }}>{s.replayAll}</Button>
            {asking ? (
                <Confirm title={s.replayAllTitle} submit={s.replayAll} onClose={() => { setAsking(false); }}
                    act={async () => {
                        try {
                            for (const one of [...of].reverse()) { // in the order in which they happened
                                await call('POST', `/notify-dead/${one.number.toString()}/replay`);
                            }
                        } finally {
                            announce('notify');
                        }
                        toast(s.replayedAll(of.length));
                    }}
                    onDone={() => { setAsking(false); }}>
                    <p>{s.replayAllText(of.length)}</p>
                </Confirm>
            ) : null}
        </>
    );
}

export function DeadNotifications(): JSX.Element {
    const loaded = useGet<{ deadNotifications: DeadNotification[] }>(`/notify-dead?limit=${LIMIT.toString()}`, ['notify']);
    const all = loaded.data?.deadNotifications ?? [];
    return (
        <Card title={s.deadTitle} flush actions={may('contributor') && all.length > 1 ? <ReplayAll of={all} /> : null}>
            <Loaded from={loaded} lines={2}>
                {(data) => (
                    <Table caption={s.deadCaption} columns={columns()} rows={data.deadNotifications} rowKey={(one) => one.number.toString()}
                        empty={<Empty title={s.deadNone}>{s.deadNoneText}</Empty>} />
                )}
            </Loaded>
        </Card>
    );
}
