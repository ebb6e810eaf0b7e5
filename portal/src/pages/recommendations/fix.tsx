// SPDX-License-Identifier: MIT
// The button that removes the cause: shows what it will send, sends that, and waits until it is seen to have helped.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, may } from '../../lib/api';
import { announce } from '../../lib/events';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { Scroll } from '../../ui/scroll';
import { Button, Card, Notice } from '../../ui/ui';
import type { Fix, Recommendation } from './types';

const s = t.recommendations;

/** The service evaluates soon after a change; so often it is asked whether it has. */
const ASK_MS = 1000;
const ASKS = 30;

function Request({ of: { request } }: { of: Fix }): JSX.Element {
    return (
        <Scroll class="code-box" label={s.request}>
            <code class="wrap">{request.method} {request.path}</code>
            {request.body !== undefined ? <pre>{JSON.stringify(request.body, null, 2)}</pre> : null}
        </Scroll>
    );
}

function FixDialog({ fix, onClose, onDone }: { fix: Fix; onClose: () => void; onDone: () => void }): JSX.Element {
    return (
        <Confirm title={s.fixTitle} submit={s.fixSubmit} onClose={onClose} onDone={onDone}
            act={async () => {
                try {
                    await call(fix.request.method, fix.request.path, fix.request.body);
                } finally {
                    announce('recommendations'); // after a refusal too: the request may be another by now
                }
            }}>
            <p>{fix.description}</p>
            <Request of={fix} />
            <p class="muted small">{s.fixIntro}</p>
        </Confirm>
    );
}

/** Asks again while it waits for the state to change. */
function Waiting({ reload, onEnd }: { reload: () => void; onEnd: () => void }): JSX.Element {
    useEffect(() => {
        let asks = 0;
        const timer = setInterval(() => {
            if (++asks > ASKS) {
                onEnd();
            } else {
                reload();
            }
        }, ASK_MS);
        return () => { clearInterval(timer); };
    }, [reload]);
    return <div role="status"><Notice>{s.fixWaiting}</Notice></div>;
}

type Stage = 'none' | 'asking' | 'waiting' | 'in vain';

export function FixCard({ of: one, reload }: { of: Recommendation; reload: () => void }): JSX.Element | null {
    const [stage, setStage] = useState<Stage>('none');
    const [sent, setSent] = useState<Fix | undefined>(undefined);
    const active = one.state === 'Active';
    if (!active) {
        return sent ? (
            <div role="status">
                <Notice tone={sent.then === null ? 'good' : 'warn'}>
                    {s.fixHealthy}{sent.then === null ? null : <>{' '}<strong>{s.fixThen}{': '}{sent.then}</strong></>}
                </Notice>
            </div>
        ) : null;
    }
    if (stage === 'waiting') {
        return <Waiting reload={reload} onEnd={() => { setStage('in vain'); }} />;
    }
    if (!one.fix) {
        return null;
    }
    const { fix } = one;
    return (
        <Card title={s.fixTitle}>
            <div class="stack tight">
                {stage === 'in vain' ? <Notice tone="warn">{s.fixStill}</Notice> : null}
                <p>{fix.description}</p>
                {may('contributor')
                    ? <div class="row"><Button kind="primary" onClick={() => { setStage('asking'); }}>{s.fix}</Button></div>
                    : <p class="muted small">{s.fixReader}</p>}
            </div>
            {stage === 'asking' ? (
                <FixDialog fix={fix} onClose={() => { setStage((now) => (now === 'asking' ? 'none' : now)); }}
                    onDone={() => {
                        setSent(fix);
                        setStage('waiting');
                    }} />
            ) : null}
        </Card>
    );
}
