// SPDX-License-Identifier: MIT
// How the first device is connected, where none has reported.

import type { JSX } from 'preact';
import { t } from '../../strings';
import { Card, CopyButton } from '../../ui/ui';

const s = t.overview;

export function Connect({ isNew }: { isNew: boolean }): JSX.Element {
    return (
        <Card title={isNew ? s.connect : s.connectWaiting}>
            <div class="stack">
                <p>{s.connectWhy}</p>
                <ol class="steps">
                    {s.steps.map((step) => (
                        <li key={step.command}>
                            <strong>{step.title}</strong>
                            <p class="muted small">{step.text}</p>
                            <div class="command"><code>{step.command}</code><CopyButton text={step.command} /></div>
                        </li>
                    ))}
                </ol>
            </div>
        </Card>
    );
}
