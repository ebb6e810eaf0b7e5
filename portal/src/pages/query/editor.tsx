// SPDX-License-Identifier: MIT
// The editor as a part of the page.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../lib/api';
import { t } from '../../strings';
import { Fault, Loading } from '../../ui/ui';
import type { EditorHandle } from './codemirror';
import { rangeOfPlace } from './place';
import type { Names } from './types';

const s = t.query;

interface EditorProps {
    text: string;
    /** Grows when the text comes from elsewhere than the editor. What it told itself is not told back: it may be ahead. */
    loads: number;
    names: Names;
    /** What is wrong with the text, with its place. */
    error: Error | undefined;
    onChange: (text: string) => void;
    onRun: (text: string) => void;
    /** Given how to put a text where the cursor is. */
    onReady: (insert: (text: string) => void) => void;
}

export function Editor(props: EditorProps): JSX.Element {
    const host = useRef<HTMLDivElement>(null);
    const latest = useRef(props);
    const [handle, setHandle] = useState<EditorHandle | undefined>(undefined);
    const [error, setError] = useState<Error | undefined>(undefined);
    const [turn, setTurn] = useState(0);
    latest.current = props;

    useEffect(() => {
        let made: EditorHandle | undefined;
        let isGone = false;
        setError(undefined);
        import('./codemirror').then(
            ({ openEditor }) => {
                const element = host.current;
                if (isGone || !element) {
                    return;
                }
                made = openEditor(element.shadowRoot ?? element.attachShadow({ mode: 'open' }), {
                    text: latest.current.text, label: s.editor, placeholder: s.placeholder, names: latest.current.names,
                    onChange: (text) => { latest.current.onChange(text); },
                    onRun: (text) => { latest.current.onRun(text); },
                });
                setHandle(made);
                latest.current.onReady(made.insert);
            },
            (fault: unknown) => { setError(fault instanceof Error ? fault : new Error(String(fault))); }
        );
        return () => {
            isGone = true;
            made?.close();
            setHandle(undefined);
        };
    }, [turn, props.names]);
    useEffect(() => { handle?.set(latest.current.text); }, [handle, props.loads]);
    useEffect(() => {
        const place = props.error instanceof ApiError ? props.error.place : undefined;
        const range = place && rangeOfPlace(props.text, place);
        handle?.mark(range && props.error ? { from: range[0], to: range[1], message: props.error.message } : undefined);
    }, [handle, props.error]);
    return (
        <>
            {error ? <Fault error={error} retry={() => { setTurn(turn + 1); }} /> : handle ? null : <Loading lines={5} />}
            <div ref={host} class="editor" />
            <p class="muted small">{s.keys}</p>
        </>
    );
}
