// SPDX-License-Identifier: MIT
// What is wrong with the fleet, at a glance: causes first, then the state of devices, traffic and service.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { useGet, withQuery } from '../../lib/api';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Said } from '../../ui/said';
import { Loaded, Notice, Page } from '../../ui/ui';
import { Attention } from './attention';
import { Connect } from './connect';
import { Advice, Devices } from './fleet';
import { CoverageCard, IngestCard } from './health';
import { News, OverTime } from './news';
import './overview.css';
import type { OverviewData } from './types';
import { useVisit, type Visit } from './visit';

const TONES: Record<string, 'bad' | 'warn'> = { High: 'bad', Medium: 'warn' };

function Whole({ data, visit, onSeen }: { data: OverviewData; visit: Visit; onSeen: () => void }): JSX.Element {
    const { devices, alerts } = data;
    const heard = devices.total - devices.never - devices.disabled;
    const open = alerts.open.High + alerts.open.Medium + alerts.open.Low;
    return (
        <div class="stack">
            {data.notices.map((notice) => (
                <Notice key={`${notice.code} ${notice.text}`} tone={TONES[notice.severity] ?? 'info'}>
                    <Said text={notice.text} />
                    {notice.code.startsWith('Notifications') ? <>{' '}<Link to={href(['settings', 'notifications'])}>{t.overview.seeSinks}</Link></> : null}
                </Notice>
            ))}
            <div class="columns wide-left">
                <div class="stack">
                    {heard <= 0 ? <Connect isNew={devices.total === 0} /> : null}
                    {heard > 0 || open > 0 ? <Attention counts={devices} /> : null}
                    {heard > 0 || open > 0 ? <OverTime alerts={alerts} /> : null}
                    {heard > 0 || open > 0 ? <News count={alerts.new} visit={visit} onSeen={onSeen} /> : null}
                </div>
                <div class="stack">
                    {devices.total > 0 ? <Devices counts={devices} /> : null}
                    <CoverageCard of={data.coverage} />
                    <Advice open={data.recommendations.open} />
                    <IngestCard of={data.ingest} />
                </div>
            </div>
        </div>
    );
}

export function Overview(): JSX.Element {
    const [visit, onSeen] = useVisit();
    const loaded = useGet<OverviewData>(withQuery('/overview', { since: visit.since }),
        ['alerts', 'devices', 'recommendations', 'ingest']);
    // What was there stays while it is asked for since another time.
    const last = useRef<OverviewData | undefined>(undefined);
    last.current = loaded.data ?? last.current;
    return (
        <Page title={t.overview.title}>
            <Loaded from={{ ...loaded, data: last.current }} lines={12}>{(data) => <Whole data={data} visit={visit} onSeen={onSeen} />}</Loaded>
        </Page>
    );
}
