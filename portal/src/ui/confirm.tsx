// SPDX-License-Identifier: MIT
// A question before something is done that cannot be taken back, or that others notice.

import type { ComponentChildren, JSX } from 'preact';
import { useAction } from '../lib/api';
import { FormDialog } from './dialog';

export function Confirm(props: {
    title: string;
    submit: string;
    danger?: boolean;
    /** Does it; what it throws is shown, and the question stays. */
    act: () => Promise<unknown>;
    onDone: () => void;
    onClose: () => void;
    /** Other words for a fault. */
    words?: (error: Error) => Error;
    children?: ComponentChildren;
}): JSX.Element {
    const { run, running, error } = useAction();
    return (
        <FormDialog title={props.title} submit={props.submit} danger={props.danger ?? false} running={running}
            error={error && props.words ? props.words(error) : error} onClose={props.onClose}
            onSubmit={() => {
                void run(props.act).then((done) => {
                    if (done) {
                        props.onDone();
                    }
                });
            }}>
            {props.children}
        </FormDialog>
    );
}
