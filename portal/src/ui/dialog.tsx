// SPDX-License-Identifier: MIT
// Dialogs (the browser's own: focus stays inside, Escape closes) and short notes of what was done.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../strings';
import { Icon } from './icons';
import { Button, Fault } from './ui';

interface DialogProps {
    title: string;
    onClose: () => void;
    children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
    const ref = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        ref.current?.showModal();
    }, []);
    return (
        <dialog ref={ref} aria-labelledby={id} onClose={onClose}>
            <div class="body">
                <h2 id={id}>{title}</h2>
                {children}
            </div>
        </dialog>
    );
}

/** A dialog whose form does one thing; closes when that is done. */
export function FormDialog(props: DialogProps & {
    submit: string;
    danger?: boolean;
    disabled?: boolean;
    running: boolean;
    error: Error | undefined;
    onSubmit: () => void;
}): JSX.Element {
    const ref = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        ref.current?.showModal();
    }, []);
    return (
        <dialog ref={ref} aria-labelledby={id} onClose={props.onClose}>
            <form onSubmit={(event) => {
                event.preventDefault();
                props.onSubmit();
            }}>
                <h2 id={id}>{props.title}</h2>
                {props.children}
                {props.error ? <Fault error={props.error} /> : null}
                <div class="row">
                    <Button submit kind={props.danger ? 'danger' : 'primary'} disabled={props.running || props.disabled}>
                        {props.submit}
                    </Button>
                    <Button onClick={() => ref.current?.close()}>{t.cancel}</Button>
                </div>
            </form>
        </dialog>
    );
}

interface Note { id: number; text: string }

const TOAST_MS = 6000;
let last = 0;
let notes: Note[] = [];
const watchers = new Set<() => void>();

function set(next: Note[]): void {
    notes = next;
    for (const watcher of watchers) {
        watcher();
    }
}

/** Says what was done, for some seconds. */
export function toast(text: string): void {
    const note = { id: ++last, text };
    set([...notes, note]);
    setTimeout(() => { set(notes.filter((n) => n !== note)); }, TOAST_MS);
}

export function Toasts(): JSX.Element {
    const [, setTurn] = useState(0);
    useEffect(() => {
        const watcher = () => { setTurn((n) => n + 1); };
        watchers.add(watcher);
        return () => { watchers.delete(watcher); };
    }, []);
    return (
        <div class="toasts" role="status" aria-live="polite">
            {notes.map((note) => (
                <div class="toast" key={note.id}>
                    <Icon name="check" />
                    <span>{note.text}</span>
                    <Button small kind="ghost" icon="close" label={t.close}
                        onClick={() => { set(notes.filter((n) => n !== note)); }} />
                </div>
            ))}
        </div>
    );
}
