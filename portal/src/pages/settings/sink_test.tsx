// SPDX-License-Identifier: MIT
// The button that tries a sink, and what came of it.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, get } from '../../lib/api';
import { announce } from '../../lib/events';
import { t } from '../../strings';
import { Button, Fault, Notice } from '../../ui/ui';
import { outcome, type Outcome, type Sink } from './sinks';

const s = t.settings.notifications;
const ASK_MS = 500;
const ASKS = 60;
/** A sink that fails rests between its attempts: no use in waiting for the next. */
const ASKS_FAILING = 10;

/** Sends a test and follows it. It was delivered, it failed, or (waiting) nothing was heard of it in half a minute. */
export async function follow(sink: Sink, signal: AbortSignal): Promise<{ came: Outcome; why: string }> {
    const list = async () => (await get<{ sinks: Sink[] }>('/notify', signal)).sinks.find((one) => one.name === sink.name);
    const before = (await list()) ?? sink;
    await call('POST', `/notify/${encodeURIComponent(sink.name)}/test`, undefined, signal);
    for (let asked = 0; asked < ASKS; asked++) {
        await new Promise((resolve) => { setTimeout(resolve, ASK_MS); });
        const now = await list();
        const came = outcome(before, now);
        if (came !== 'waiting') {
            return { came, why: now?.lastError ?? '' };
        }
        if (asked >= ASKS_FAILING && now?.state === 'failing') {
            return { came: 'failed', why: now.lastError ?? '' };
        }
    }
    return { came: 'waiting', why: '' };
}

export type Trial = { state: 'none' } | { state: 'running' } | { state: 'ended'; came: Outcome; why: string } | { state: 'fault'; error: Error };

/** A trial of the sink: how it is, and what begins it. */
export function useTrial(sink: Sink): [Trial, () => void] {
    const [trial, setTrial] = useState<Trial>({ state: 'none' });
    const running = trial.state === 'running';
    useEffect(() => {
        if (!running) {
            return undefined;
        }
        const abort = new AbortController();
        follow(sink, abort.signal).then(
            (found) => {
                if (!abort.signal.aborted) {
                    setTrial({ state: 'ended', ...found });
                    announce('notify');
                }
            },
            (error: unknown) => {
                if (!abort.signal.aborted) {
                    setTrial({ state: 'fault', error: error instanceof Error ? error : new Error(String(error)) });
                }
            }
        );
        return () => { abort.abort(); };
    }, [running]);
    return [trial, () => { setTrial({ state: 'running' }); }];
}

export function TestButton({ sink, trial, begin }: { sink: Sink; trial: Trial; begin: () => void }): JSX.Element {
    return <Button small label={s.testOf(sink.name)} disabled={trial.state === 'running'} onClick={begin}>{s.test}</Button>;
}

export function TrialNote({ sink, trial }: { sink: Sink; trial: Trial }): JSX.Element | null {
    if (trial.state === 'none') {
        return null;
    }
    if (trial.state === 'fault') {
        return <Fault error={trial.error} />;
    }
    if (trial.state === 'running') {
        return <span role="status" class="muted">{sink.waiting > 0 ? s.testBehind(sink.waiting) : s.testing}</span>;
    }
    return (
        <div role="status">
            {trial.came === 'delivered' ? <Notice tone="good">{s.tested}</Notice> : trial.came === 'failed' ? (
                <Notice tone="bad">{s.testFailed}{trial.why !== '' ? <div><strong>{trial.why}</strong></div> : null}</Notice>
            ) : <Notice tone="warn">{s.testNothing}</Notice>}
        </div>
    );
}
