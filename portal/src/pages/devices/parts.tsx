// SPDX-License-Identifier: MIT
// What the list and a device's page both show of a device.

import type { JSX } from 'preact';
import { duration } from '../../lib/format';
import { href, Link } from '../../lib/router';
import type { BySeverity } from '../../lib/types';
import { t } from '../../strings';
import { Badge, type Tone } from '../../ui/ui';
import { Icon, Mark } from '../../ui/icons';

const s = t.devices;

const TONES: Record<string, Tone> = {
    refused: 'high', silent: 'high', late: 'medium', reporting: 'good', never: 'low', disabled: 'quiet',
};

export function DeviceState({ of }: { of: string }): JSX.Element {
    return (
        <span title={s.stateHints[of]}>
            <Badge tone={TONES[of] ?? 'quiet'}>
                {of === 'refused' || of === 'silent' ? <Icon name="alerts" /> : null}{s.states[of] ?? of}
            </Badge>
        </span>
    );
}

const SEVERITIES = [['High', 'high'], ['Medium', 'medium'], ['Low', 'low']] as const;

/** Open alerts by severity, with a link to them; nothing where there are none. */
export function OpenAlerts({ device, of }: { device: string; of: BySeverity }): JSX.Element {
    const some = SEVERITIES.filter(([name]) => of[name] > 0);
    if (some.length === 0) {
        return <span class="muted">{s.noAlerts}</span>;
    }
    const words = some.map(([name]) => `${of[name].toString()} ${t.severity[name]}`).join(', ');
    return (
        <Link class="quiet row" to={href(['alerts'], { device })} label={`${s.openAlerts}: ${words}`}>
            {some.map(([name, tone]) => <Badge key={name} tone={tone}><Mark of={tone} />{of[name]}</Badge>)}
        </Link>
    );
}

/** A clock that is off by less is as right as the way to the hub lets it be told. */
const CLOCK_RIGHT_MS = 5000;
/** From here on its events are dated by the hub's clock. */
const CLOCK_WRONG_MS = 300000;

export function ClockError({ ms }: { ms: number | null }): JSX.Element {
    if (ms === null) {
        return <span class="muted">{s.clockUnknown}</span>;
    }
    if (Math.abs(ms) < CLOCK_RIGHT_MS) {
        return <>{s.clockRight}</>;
    }
    const words = s.clockOff(duration(Math.abs(ms)), ms > 0);
    return Math.abs(ms) > CLOCK_WRONG_MS ? <Badge tone="medium">{words}</Badge> : <>{words}</>;
}

export const signsInBy = (type: string | null): string => (type === null ? '' : s.authentications[type] ?? type);
