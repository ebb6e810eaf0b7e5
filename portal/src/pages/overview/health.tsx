// SPDX-License-Identifier: MIT
// How much of the fleet's traffic is known, and whether what comes in is worked on.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { number, percent } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Chart } from '../../ui/chart';
import { ShortTime } from '../../ui/said';
import { Card, Facts, Notice, Time } from '../../ui/ui';
import { MISSED, type Coverage, type Ingest } from './types';

const s = t.overview;
/** So many records are worked on within a second or two. */
const BEHIND = 20000;
/** Hours are drawn if one of them is below this share: a straight line tells nothing. */
const VISIBLE = 0.98;
const DAY_S = 86400;

/** A share as people read it: never 100 % while something is missing. */
export function shareText(share: number): string {
    return share < 1 && share > 0.9989 ? '> 99.8%' : percent(share);
}

function Meaning({ of }: { of: Coverage }): JSX.Element {
    const missed = MISSED.filter((one) => of[one] > 0);
    const sum = missed.reduce((total, one) => total + of[one], 0);
    if (sum === 0) {
        return <p>{s.coverageWhole(of.mostDevices)}</p>;
    }
    return (
        <>
            <p>{s.coverageLost(sum)}</p>
            <ul class="bullets small">{missed.map((one) => <li key={one}>{s.coverageWhy[one](of[one])}</li>)}</ul>
            {of.losses.length > 0 ? (
                <>
                    <p class="small muted">{s.coverageLosers}</p>
                    <ul class="bullets small">
                        {of.losses.map(({ deviceId, missedPackets }) => (
                            <li key={deviceId} class="wrap"><Link to={href(['devices', deviceId])}>{deviceId}</Link>{': '}{s.packets(missedPackets)}</li>
                        ))}
                    </ul>
                </>
            ) : null}
        </>
    );
}

export function CoverageCard({ of }: { of: Coverage }): JSX.Element {
    const hours = of.hours.filter((hour) => hour.share !== null);
    const times = useMemo(() => hours.map((hour) => new Date(hour.hour).getTime() / 1000), [of]);
    const range = useMemo((): [number, number] => [Date.now() / 1000 - DAY_S, Date.now() / 1000], [of]);
    const series = useMemo(() => [{ name: s.share, color: '--chart-1', values: hours.map((hour) => hour.share) }], [of]);
    return (
        <Card title={s.coverage}>
            {of.share === null ? <p class="muted">{s.coverageNone}</p> : (
                <div class="stack tight">
                    <p><span class="figure">{shareText(of.share)}</span>{' '}{s.coverageOf}</p>
                    <Meaning of={of} />
                    {hours.some((hour) => (hour.share ?? 1) < VISIBLE) ? (
                        <Chart label={s.coverageHours} times={times} range={range} series={series} kind="line" height={110} unit={percent} />
                    ) : null}
                </div>
            )}
        </Card>
    );
}

/** A count that begins anew with the service. */
function Since({ what, since }: { what: string; since: string | null }): JSX.Element {
    return <>{what}{since === null ? null : <>{' '}<span class="muted small">{s.sinceStart}{' '}<ShortTime at={since} /></span></>}</>;
}

export function IngestCard({ of }: { of: Ingest }): JSX.Element {
    const facts: [string, JSX.Element | string][] = [
        [s.rate, s.perSecond(of.messagesPerSecond)],
        [s.backlog, s.records(of.backlog)],
        [s.lastMessage, of.lastMessage === null ? <Since key="last" what={t.none} since={of.since} /> : <Time key="last" at={of.lastMessage} />],
        [s.connections, s.devicesTotal(of.connections)],
        [s.deadLetters, of.deadLetters === 0 ? t.none
            : <Link key="dead" class="trouble" to={href(['settings', 'dead-letters'])}>{number(of.deadLetters)}</Link>],
        [s.refused, <Since key="refused" what={of.refusedConnections === 0 ? t.none : number(of.refusedConnections)} since={of.since} />],
    ];
    return (
        <Card title={s.ingest}>
            <div class="stack tight">
                {of.isStalled ? <Notice tone="bad">{s.ingestStalled}</Notice>
                    : of.backlog > BEHIND ? <Notice tone="warn">{s.ingestBehind(of.backlog)}</Notice>
                    : <p>{s.ingestGood}</p>}
                <Facts of={facts} />
                {of.storesRawEvents ? null : <p class="small muted">{s.rawOff}</p>}
            </div>
        </Card>
    );
}
