// SPDX-License-Identifier: MIT
// What became of the search of stored flows for addresses that are new in feeds.

import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { useGet } from '../../lib/api';
import { t } from '../../strings';
import { Notice, Time } from '../../ui/ui';

const s = t.intel;
/** A search tells nobody when it begins or ends. */
const POLL_MS = 3000;

/** Of GET /status. */
interface Hunts {
    isHunting: boolean;
    lastBegan?: string;
    lastFlows: number;
    lastRaised: number;
    lastRepeated: number;
}

export function Hunt(): JSX.Element | null {
    const { data, reload } = useGet<{ hunts?: Hunts }>('/status', ['feeds', 'alerts']);
    useEffect(() => {
        const timer = setInterval(reload, POLL_MS);
        return () => { clearInterval(timer); };
    }, [reload]);
    const hunts = data?.hunts;
    if (!hunts) {
        return null;
    }
    return (
        <div role="status">
            {hunts.isHunting ? <Notice>{s.hunting}</Notice> : hunts.lastBegan !== undefined ? (
                <Notice>{s.hunted}{' '}<Time at={hunts.lastBegan} />{': '}{s.contacts(hunts.lastFlows, hunts.lastRaised, hunts.lastRepeated)}</Notice>
            ) : null}
        </div>
    );
}
