// SPDX-License-Identifier: MIT
// A secret that is shown once, with a button that copies it.

import type { ComponentChildren, JSX } from 'preact';
import { t } from '../strings';
import { Dialog } from './dialog';
import { Button, CopyButton } from './ui';

export function Once(props: {
    title: string; text: string; secret: string; onClose: () => void; children?: ComponentChildren;
}): JSX.Element {
    return (
        <Dialog title={props.title} onClose={props.onClose}>
            <p>{props.text}</p>
            <div class="code-box row"><code class="wrap">{props.secret}</code><CopyButton text={props.secret} /></div>
            {props.children}
            <div class="row"><Button kind="primary" onClick={props.onClose}>{t.done}</Button></div>
        </Dialog>
    );
}
