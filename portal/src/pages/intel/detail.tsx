// SPDX-License-Identifier: MIT
// One feed: where it comes from, what was read, what was refused and why.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { may, useGet } from '../../lib/api';
import { duration, number } from '../../lib/format';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Badge, Button, Card, CopyButton, Facts, Loaded, Notice, Page, Severity, Table, Time, type Column } from '../../ui/ui';
import { pathOf, RefreshButton, RemoveButton, SwitchButton } from './act';
import { FeedDialog } from './edit';
import { isLocal, sourceOf, stateOf, type Feed } from './feeds';
import { Hunt } from './hunt';
import { StateBadge, Trouble } from './list';

const s = t.intel;

function alertsOf(name: string): string {
    return [
        'SecurityAlert',
        '| where AlertType == "IoT_TiConnection"',
        '| extend p = parse_json(ExtendedProperties)',
        `| where tostring(p.IndicatorSource) == "${name}"`,
        '| project TimeGenerated, AlertSeverity, Status, DeviceId = tostring(p.DeviceId), Indicator = tostring(p.Indicator),',
        '    Description, SystemAlertId',
        '| sort by TimeGenerated desc',
    ].join('\n');
}

function Origin({ of: { settings, source } }: { of: Feed }): JSX.Element {
    const from = sourceOf(settings);
    const facts: [string, ComponentChildren][] = [
        [s.comesFrom, s.sources[from]],
        ...(from === 'text' ? [] : [[s.place, <span key="p" class="mono wrap">{settings.url ?? settings.taxii ?? settings.file}</span>] as [string, JSX.Element]]),
        ...(source ? [
            [s.fetchedEvery, duration((settings.intervalMinutes ?? 60) * 60e3)] as [string, string],
            [s.credential, source.credential === null ? t.none : s.credentialIs(source.credential)] as [string, string],
        ] : []),
        [s.kind, s.kinds[settings.kind ?? 'indicators']],
        ...(settings.kind === 'exceptions' ? [] : [[s.severity, <Severity key="s" of={settings.severity ?? 'Medium'} />] as [string, JSX.Element]]),
        ...(settings.column !== undefined ? [[s.column, settings.column] as [string, string]] : []),
        ...(settings.descriptionColumn !== undefined ? [[s.descriptionColumn, settings.descriptionColumn] as [string, string]] : []),
        ...(settings.confidenceColumn !== undefined ? [[s.confidenceColumn, settings.confidenceColumn] as [string, string]] : []),
        ...(settings.untilColumn !== undefined ? [[s.untilColumn, settings.untilColumn] as [string, string]] : []),
        ...(settings.wantedCategories !== undefined ? [[s.wantedCategories, settings.wantedCategories] as [string, string]] : []),
        ...(settings.confidence !== undefined ? [[s.defaultConfidence, settings.confidence.toString()] as [string, string]] : []),
        ...(settings.minimumConfidence !== undefined ? [[s.minimumConfidence, settings.minimumConfidence.toString()] as [string, string]] : []),
        ...(settings.lifetimeDays !== undefined ? [[s.lifetime, settings.lifetimeDays.toString()] as [string, string]] : []),
    ];
    return <Card title={s.settings}><Facts of={facts} /></Card>;
}

function Contents({ of: { report, lastSuccess, lastAttempt, source } }: { of: Feed }): JSX.Element {
    return (
        <Card title={s.contents}>
            <Facts of={[
                [s.inUse, number(report.used)],
                [s.inFile, number(report.read)],
                [s.expired, number(report.expired)],
                [s.ignored, number(report.ignored)],
                [s.refused, report.refused > 0 ? <Badge key="r" tone="medium">{number(report.refused)}</Badge> : '0'],
                [s.format, s.formats[report.format] ?? report.format],
                [s.read, <Time key="ok" at={lastSuccess} />],
                [s.tried, <Time key="try" at={lastAttempt} />],
                ...(source ? [[s.next, source.next === null ? s.now : <Time key="next" at={source.next} />] as [string, ComponentChildren]] : []),
            ]} />
        </Card>
    );
}

type Problem = Feed['report']['problems'][number];

const columns: Column<Problem>[] = [
    { name: s.problemPlace, cell: (one) => one.line > 0 ? s.atLine(one.line) : one.place },
    { name: s.reason, cell: (one) => <span class="wrap">{one.reason}</span> },
];

function Refused({ of: { report } }: { of: Feed }): JSX.Element | null {
    return report.problems.length === 0 ? null : (
        <Card title={s.refusedTitle} flush actions={report.refused > report.problems.length
            ? <span class="muted small">{s.firstOf(report.problems.length, report.refused)}</span> : null}>
            <Table caption={s.refusedTitle} columns={columns} rows={report.problems} empty={null} rowKey={(one) => `${one.line.toString()} ${one.place} ${one.reason}`} />
        </Card>
    );
}

function Local({ of: feed }: { of: Feed }): JSX.Element {
    const command = `vedette intel set ${/^[\w.-]+$/.test(feed.name) ? feed.name : `'${feed.name}'`} --help`;
    return (
        <Notice>
            {s.local}
            <div class="code-box row"><code class="wrap">{command}</code><CopyButton text={command} /></div>
        </Notice>
    );
}

function Whole({ feed, onGoing }: { feed: Feed; onGoing: (is: boolean) => void }): JSX.Element {
    const [editing, setEditing] = useState(false);
    const state = stateOf(feed);
    return (
        <Page title={feed.name} parent={{ to: href(['intel']), name: t.nav.intel }}
            badges={<><StateBadge of={feed} />{feed.settings.kind === 'exceptions' ? <Badge>{s.exceptions}</Badge> : null}</>}
            actions={may('contributor') ? (
                <>
                    <RefreshButton feed={feed} />
                    {isLocal(feed.settings) ? null : <Button onClick={() => { setEditing(true); }}>{t.edit}</Button>}
                    <SwitchButton feed={feed} />
                    <RemoveButton feed={feed} onGoing={onGoing} />
                </>
            ) : <span class="muted small">{t.readerOnly}</span>}>
            <div class="stack">
                {state === 'failing' ? <Trouble of={feed} /> : null}
                {state === 'empty' ? <Notice tone="warn">{s.emptyWhy}</Notice> : null}
                {may('contributor') && isLocal(feed.settings) ? <Local of={feed} /> : null}
                {feed.settings.kind === 'exceptions' ? null : (
                    <Notice>
                        {feed.alerts === 0 ? s.noAlerts : <>{s.alertsRaised(feed.alerts)}{' ('}<Time at={feed.lastAlert} />{').'}</>}{' '}
                        {feed.alerts > 0 ? <Link to={href(['query'], { q: alertsOf(feed.name) })}>{s.showAlerts}</Link> : null}
                    </Notice>
                )}
                {feed.settings.kind === 'exceptions' ? null : <Hunt />}
                <div class="columns">
                    <Contents of={feed} />
                    <Origin of={feed} />
                </div>
                <Refused of={feed} />
            </div>
            {editing ? <FeedDialog of={feed} names={[]} onClose={() => { setEditing(false); }} /> : null}
        </Page>
    );
}

export function FeedDetail({ name }: { name: string }): JSX.Element {
    const [isGoing, setIsGoing] = useState(false);
    const loaded = useGet<Feed>(pathOf(name), isGoing ? [] : ['feeds', 'alerts']);
    return <Loaded from={loaded} lines={8}>{(feed) => <Whole key={feed.name} feed={feed} onGoing={setIsGoing} />}</Loaded>;
}
