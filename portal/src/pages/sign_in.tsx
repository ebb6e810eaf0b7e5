// SPDX-License-Identifier: MIT
// Sign-in with a token. The browser keeps a cookie that no script can read, and not the token.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, signIn, useAction, type Session } from '../lib/api';
import { t } from '../strings';
import { Button, Card, Fault, Notice, TextField } from '../ui/ui';

function words(error: Error): Error {
    if (error instanceof ApiError && error.status === 401) {
        return new Error(t.signIn.wrong);
    }
    return error instanceof ApiError && error.status === 429 ? new Error(t.signIn.tooMany) : error;
}

function Form(props: { ended: boolean; onSignedIn: (session: Session) => void }): JSX.Element {
    const [token, setToken] = useState('');
    const { run, running, error } = useAction();
    return (
        <>
            <h1>{t.product}</h1>
            <Card title={t.signIn.title}>
                <form class="stack" onSubmit={(event) => {
                    event.preventDefault();
                    void run(async () => { props.onSignedIn(await signIn(token.trim())); });
                }}>
                    {props.ended && !error ? <Notice>{t.signIn.ended}</Notice> : null}
                    {error ? <Fault error={words(error)} /> : null}
                    <TextField label={t.signIn.token} type="password" value={token} onInput={setToken} required autofocus
                        autocomplete="current-password" hint={t.signIn.hint} />
                    <div><Button submit kind="primary" disabled={running || token.trim() === ''}>{t.signIn.submit}</Button></div>
                </form>
            </Card>
        </>
    );
}

export function SignIn(props: { ended: boolean; onSignedIn: (session: Session) => void }): JSX.Element {
    useEffect(() => {
        document.title = `${t.signIn.title} · ${t.product}`;
    }, []);
    return <main class="sign-in"><Form {...props} /></main>;
}

/** Over a page whose session has ended: covers it, and what was being written there stays. */
export function SignInAgain({ onSignedIn }: { onSignedIn: (session: Session) => void }): JSX.Element {
    const ref = useRef<HTMLDialogElement>(null);
    useEffect(() => { ref.current?.showModal(); }, []);
    return (
        <dialog class="again" ref={ref} aria-label={t.signIn.title} onCancel={(event) => { event.preventDefault(); }}
            onClose={() => ref.current?.showModal()}>
            <div class="sign-in"><Form ended onSignedIn={onSignedIn} /></div>
        </dialog>
    );
}
