// SPDX-License-Identifier: MIT
// Says that the service does not answer, and how old what stands on the page is.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { lastLive, onLiveness, type Liveness } from '../lib/events';
import { hourMinute, localDate } from '../lib/format';
import { t } from '../strings';
import { Notice } from './ui';

/** A connection that is made anew within this time is not worth a word. */
const PATIENCE_MS = 3000;

function since(date: Date): string {
    const time = hourMinute(date);
    return date.toDateString() === new Date().toDateString() ? time : `${localDate(date)}, ${time}`;
}

export function Lost(): JSX.Element {
    const [state, setState] = useState<Liveness>('off');
    const [isLost, setLost] = useState(false);
    useEffect(() => onLiveness(setState), []);
    useEffect(() => {
        setLost(false);
        if (state !== 'connecting') {
            return undefined;
        }
        const timer = setTimeout(() => { setLost(true); }, PATIENCE_MS);
        return () => { clearTimeout(timer); };
    }, [state]);
    return (
        <div class={isLost ? 'lost' : ''} role="status">
            {isLost ? <Notice tone="warn"><strong>{t.lost}</strong>{' '}{t.asOf(since(lastLive()))}</Notice> : null}
        </div>
    );
}
