// SPDX-License-Identifier: MIT
// Which alerts can fire about the device now, and why the others cannot.

import type { JSX } from 'preact';
import { useGet } from '../../lib/api';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Card, Loaded, Notice } from '../../ui/ui';
import type { Diagnosis } from './types';

const s = t.devices;

const CUSTOM = 'IoT_CA_';

/** As the group's rules are called, where it is one of them. */
function shortName(alert: Diagnosis['alerts'][number]): string {
    const rule = alert.alertType.startsWith(CUSTOM) ? t.groups.names[alert.alertType.slice(CUSTOM.length)] : undefined;
    return rule === undefined ? alert.displayName : s.customRule(rule);
}

/** What keeps alerts from firing, with their names: the reason of the most alerts first. */
export function byReason(alerts: Diagnosis['alerts']): [why: string, names: string[]][] {
    const reasons = new Map<string, string[]>();
    for (const alert of alerts) {
        if (!alert.canFire) {
            reasons.set(alert.why, [...(reasons.get(alert.why) ?? []), shortName(alert)]);
        }
    }
    return [...reasons].sort((a, b) => b[1].length - a[1].length);
}

function sentence(can: number, all: number): string {
    return can === all ? s.canFireAll(all) : can === 0 ? s.canFireNone(all) : s.canFireSome(can, all);
}

export function CanFire({ id }: { id: string }): JSX.Element {
    const loaded = useGet<Diagnosis>(`/doctor/${encodeURIComponent(id)}`, ['groups', 'feeds']);
    return (
        <Card title={s.canFire}>
            <Loaded from={loaded}>
                {(data) => {
                    const can = data.alerts.filter((alert) => alert.canFire);
                    return (
                        <div class="stack tight">
                            {data.warnings.map((warning) => <Notice key={warning} tone="warn">{warning}</Notice>)}
                            <p>{sentence(can.length, data.alerts.length)}</p>
                            <ul class="plain stack tight">
                                {byReason(data.alerts).map(([why, names]) => (
                                    <li key={why}>
                                        <strong class="sentence">{why}</strong>
                                        <div class="small muted wrap">{names.join(', ')}</div>
                                    </li>
                                ))}
                            </ul>
                            {can.length > 0 ? (
                                <details>
                                    <summary>{s.canFireList(can.length)}</summary>
                                    <ul class="small reasons">{can.map((alert) => <li key={alert.alertType}>{shortName(alert)}</li>)}</ul>
                                </details>
                            ) : null}
                            <Link to={href(['groups', data.group])}>{s.rules}</Link>
                        </div>
                    );
                }}
            </Loaded>
        </Card>
    );
}
