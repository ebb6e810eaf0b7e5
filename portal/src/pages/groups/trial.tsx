// SPDX-License-Identifier: MIT
// What the rules, as they stand in the editor, would have found: tried anew a moment after each change.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { Loaded as Asked } from '../../lib/api';
import { number } from '../../lib/format';
import { usePost } from '../../lib/post';
import { href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { Bar } from '../../ui/bar';
import { Said } from '../../ui/said';
import { Card, Empty, Loaded, Notice, SelectField, Table, Time, type Column } from '../../ui/ui';
import { enabledCount, LISTS, nameOf, toSend, type Document } from './rules';

const s = t.groups;
const REST_MS = 500;
const DEVICES_SHOWN = 8;
const EXAMPLES_SHOWN = 5;
const PREFIX = 'IoT_CA_';
const DAY_S = '86400';

export interface TrialResult {
    isPartial: boolean;
    coveredUntil: string;
    devicesInGroup: number;
    eventsRead: number;
    recordsRead: number;
    findings: number;
    rules: { alertType: string; findings: number; devices: number }[];
    devices: { deviceId: string; findings: number }[];
    examples: { alertType: string; deviceId: string; time: string; description: string }[];
    notStored: { from: string; to: string }[];
}

function ruleName(alertType: string, document: Document): string {
    const type = alertType.startsWith(PREFIX) ? alertType.slice(PREFIX.length) : alertType;
    const rule = LISTS.flatMap((list) => document[list]).find((one) => one.ruleType === type);
    return rule ? nameOf(rule) : alertType;
}

function Limits({ result }: { result: TrialResult }): JSX.Element {
    return (
        <>
            {result.isPartial ? <Notice tone="warn"><Said text={s.trialPartial(result.coveredUntil)} /></Notice> : null}
            {result.notStored.length > 0 ? (
                <Notice tone="warn">
                    {s.trialNotStored}
                    <ul class="plain">
                        {result.notStored.map((one) => <li key={one.from}><Time at={one.from} full />{' – '}<Time at={one.to} full /></li>)}
                    </ul>
                </Notice>
            ) : null}
            {result.devicesInGroup === 0 ? <Notice>{s.noDevices}</Notice> : null}
        </>
    );
}

function Found({ result, document, before }: { result: TrialResult; document: Document; before: number | undefined }): JSX.Element {
    const most = Math.max(1, ...result.devices.map((one) => one.findings));
    const columns: Column<TrialResult['rules'][number]>[] = [
        { name: s.trialRule, cell: (rule) => ruleName(rule.alertType, document) },
        { name: s.trialFindings, number: true, cell: (rule) => number(rule.findings) },
        { name: s.trialDevices, number: true, cell: (rule) => number(rule.devices) },
    ];
    const devices: Column<TrialResult['devices'][number]>[] = [
        { name: s.trialDevice, cell: (one) => <Link class="wrap" to={href(['devices', one.deviceId])}>{one.deviceId}</Link> },
        { name: s.trialFindings, cell: (one) => <>{number(one.findings)}<Bar share={one.findings / most} color="--medium" /></> },
    ];
    return (
        <div class="stack tight">
            <div class="inset">
                <p class="lead" role="status">
                    <strong>{result.findings === 0 ? s.trialNothing : s.trialFound(result.findings, result.devices.length)}</strong>
                    {before !== undefined ? <span class="muted">{' '}{s.trialBefore(before)}</span> : null}
                </p>
                <p class="muted small">{s.trialRead(result.eventsRead, result.recordsRead, result.devicesInGroup)}</p>
                <Limits result={result} />
            </div>
            {result.findings > 0 ? (
                <>
                    <Table caption={s.trialRule} columns={columns} rows={result.rules} rowKey={(rule) => rule.alertType} empty={null} />
                    <Table caption={s.trialDevice} columns={devices} rows={result.devices.slice(0, DEVICES_SHOWN)} empty={null}
                        rowKey={(one) => one.deviceId} />
                    {result.devices.length > DEVICES_SHOWN
                        ? <p class="inset muted small">{s.trialMoreDevices(result.devices.length - DEVICES_SHOWN)}</p> : null}
                    <details class="inset examples">
                        <summary>{s.trialExamples}</summary>
                        <ul class="plain stack tight">
                            {result.examples.slice(0, EXAMPLES_SHOWN).map((one, i) => (
                                <li key={i} class="wrap small"><Said text={one.description} /></li>
                            ))}
                        </ul>
                    </details>
                </>
            ) : null}
        </div>
    );
}

export interface Trying {
    seconds: string;
    setOver: (seconds: string) => void;
    tried: Asked<TrialResult>;
    isOn: boolean;
    isRight: boolean;
    /** Findings of the saved rules over the same time, where others are being tried. */
    before: number | undefined;
}

/** Tries the rules of the editor, and the saved ones beside, where they are others. */
export function useTrial({ group, document, saved, isDirty, isRight }: {
    group: string; document: Document; saved: Document; isDirty: boolean; isRight: boolean;
}): Trying {
    const [over, setOver] = useParam('over', DAY_S);
    const seconds = Object.hasOwn(s.trialSpans, over) ? over : DAY_S;
    const isOn = enabledCount(document) > 0;
    const path = `/groups/${encodeURIComponent(group)}/test?seconds=${seconds}`;
    const tried = usePost<TrialResult>(isRight && isOn ? path : null, toSend(document), REST_MS);
    const known = useRef(new Map<string, number>());
    const key = `${seconds} ${JSON.stringify(toSend(saved))}`;
    if (!isDirty && tried.data && !tried.loading) {
        known.current.set(key, tried.data.findings);
    }
    const isNone = enabledCount(saved) === 0;
    const beside = usePost<TrialResult>(isDirty && !isNone && !known.current.has(key) ? path : null, toSend(saved), REST_MS);
    return {
        seconds, setOver, tried, isOn, isRight,
        before: !isDirty ? undefined : isNone ? 0 : known.current.get(key) ?? (beside.loading ? undefined : beside.data?.findings),
    };
}

/** In a line, where the trial itself is out of sight. */
export function TrialLine({ trying }: { trying: Trying }): JSX.Element | null {
    const { tried, isOn, isRight, before } = trying;
    if (!isOn || !isRight || (!tried.loading && !tried.data)) {
        return null;
    }
    return (
        <span class="small">
            {tried.loading || !tried.data ? s.trialRunning : s.trialLine(tried.data.findings, s.trialSpans[trying.seconds] ?? '')}
            {!tried.loading && before !== undefined ? <span class="muted">{' '}{s.trialBefore(before)}</span> : null}
        </span>
    );
}

export function Trial({ trying, document }: { trying: Trying; document: Document }): JSX.Element {
    const { seconds, setOver, tried, isOn, isRight, before } = trying;
    return (
        <Card title={s.trial} flush busy={tried.loading}>
            <div class="stack tight">
                <div class="inset row">
                    <SelectField label={s.trialOver} value={seconds} onChange={setOver} options={Object.entries(s.trialSpans)} />
                    {tried.loading ? <span class="muted small" role="status">{s.trialRunning}</span> : null}
                </div>
                {!isOn ? <Empty title={s.trialOff} /> : !isRight ? <Empty title={s.trialWaits} /> : (
                    <div class={tried.loading && tried.data ? 'busy' : ''}>
                        <Loaded from={tried}>{(result) => <Found result={result} document={document} before={before} />}</Loaded>
                    </div>
                )}
            </div>
        </Card>
    );
}
