// SPDX-License-Identifier: MIT
// One group: its rules with what they would have found beside, and its devices.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { ApiError, call, may, useAction, useGet } from '../../lib/api';
import { announce } from '../../lib/events';
import { go, href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Fault, Loading, Notice, Page } from '../../ui/ui';
import { useDraft, type Editing } from './draft';
import { RuleEditor, RuleWords } from './editor';
import { DEFAULT, type GroupInfo, type GroupsAnswer } from './list';
import { Members } from './members';
import { ProposeDialog } from './propose';
import {
    complete, faultOf, judged, notJudged, placeOf, replaced, toSend, type Document, type Placed, type Rule, type RuleFault,
} from './rules';
import { Trial, TrialLine, useTrial, type Trying } from './trial';

const s = t.groups;

interface Refusal { ruleType: string; fault: RuleFault }

/** What is wrong with the rules, by type: what this page finds, else what the service refused. */
function faultsOf(document: Document, refusal: Refusal | undefined): Map<string, RuleFault> {
    const found = new Map<string, RuleFault>(refusal ? [[refusal.ruleType, refusal.fault]] : []);
    for (const placed of [...judged(document), ...notJudged(document)]) {
        const fault = faultOf(placed);
        if (fault) {
            found.set(placed.rule.ruleType, fault);
        }
    }
    return found;
}

function Rules({ editing, faults, onChange }: {
    editing: Editing; faults: Map<string, RuleFault>; onChange: (placed: Placed, rule: Rule) => void;
}): JSX.Element {
    const others = notJudged(editing.document);
    const shown = (placed: Placed) => may('contributor') ? (
        <RuleEditor key={placed.rule.ruleType} {...placed} fault={faults.get(placed.rule.ruleType)}
            onChange={(rule) => { onChange(placed, rule); }} />
    ) : <RuleWords key={placed.rule.ruleType} {...placed} />;
    return (
        <Card title={s.judged} flush>
            {judged(editing.document).map(shown)}
            {others.length > 0 ? (
                <details class="rule">
                    <summary class="muted">{s.notJudged(others.length)}</summary>
                    {others.map(shown)}
                </details>
            ) : null}
        </Card>
    );
}

function SaveBar({ editing, trying, hasFaults, running, error, onSave }: {
    editing: Editing; trying: Trying; hasFaults: boolean; running: boolean; error: Error | undefined; onSave: () => void;
}): JSX.Element {
    return (
        <div class="savebar" role="region" aria-label={s.unsaved}>
            {error ? <Fault error={error} /> : null}
            {editing.isStale ? <Notice tone="warn">{s.otherSaved}</Notice> : null}
            <div class="row">
                <Badge tone="medium">{s.unsaved}</Badge>
                {hasFaults ? <span class="fault small">{s.faultsFirst}</span> : <TrialLine trying={trying} />}
                <div class="row push">
                    <Button kind="primary" disabled={hasFaults || running} onClick={onSave}>{s.save}</Button>
                    <Button onClick={editing.discard}>{s.discard}</Button>
                </div>
            </div>
        </div>
    );
}

function DeleteDialog({ group, onClose, onDone }: { group: GroupInfo; onClose: () => void; onDone: () => void }): JSX.Element {
    const { run, running, error } = useAction();
    const submit = async () => {
        if (await run(() => call('DELETE', `/groups/${encodeURIComponent(group.name)}`))) {
            toast(s.removed);
            onDone();
            announce('groups');
        }
    };
    return (
        <FormDialog title={s.removeTitle(group.name)} submit={s.remove} danger running={running} error={error} onClose={onClose}
            onSubmit={() => { void submit(); }}>
            <p>{s.removeWhat(group.deviceCount)}</p>
        </FormDialog>
    );
}

/** Saves, and keeps what the service refused at its place until the rule is changed. */
function useSave(name: string, editing: Editing) {
    const { run, running, error, clear } = useAction();
    const [refusal, setRefusal] = useState<Refusal | undefined>(undefined);
    const save = async () => {
        const sent = toSend(editing.document);
        setRefusal(undefined);
        const done = await run(async () => {
            try {
                await call('PUT', `/groups/${encodeURIComponent(name)}`, sent);
            } catch (caught) {
                setRefusal(caught instanceof ApiError ? placeOf(caught.message, sent) : undefined);
                throw caught;
            }
        });
        if (done) {
            toast(s.saved);
            announce('groups');
        }
        return done;
    };
    const forget = () => {
        setRefusal(undefined);
        clear();
    };
    return { save, running, error: refusal ? undefined : error, refusal, forget };
}

function Actions({ group, isNew, onPropose }: { group: GroupInfo; isNew: boolean; onPropose: () => void }): JSX.Element {
    const [isDeleting, setDeleting] = useState(false);
    const alerts = <Link class="button" to={href(['alerts'], { group: group.name })}>{s.alerts}</Link>;
    if (!may('contributor')) {
        return <>{alerts}<span class="muted small">{t.readerOnly}</span></>;
    }
    return (
        <>
            {alerts}
            <Button onClick={onPropose}>{s.propose}</Button>
            {isNew ? null : <Button kind="danger" onClick={() => { setDeleting(true); }}>{s.remove}</Button>}
            {isDeleting ? (
                <DeleteDialog group={group} onClose={() => { setDeleting(false); }} onDone={() => { go(href(['groups'])); }} />
            ) : null}
        </>
    );
}

function Whole({ group, reload }: { group: GroupInfo; reload: () => void }): JSX.Element {
    const isNew = group.properties === null;
    const saved = useMemo(() => complete(group.properties ?? undefined), [group.properties]);
    const editing = useDraft(group.name, saved);
    const [isProposing, setProposing] = useState(false);
    const { save, running, error, refusal, forget } = useSave(group.name, editing);
    const faults = faultsOf(editing.document, refusal);
    const trying = useTrial({
        group: group.name, document: editing.document, saved, isDirty: editing.isDirty, isRight: faults.size === 0,
    });
    const change = (document: Document) => {
        forget();
        editing.set(document);
    };
    return (
        <Page title={group.name} parent={{ to: href(['groups']), name: s.title }}
            badges={editing.isDirty ? <Badge tone="medium">{s.unsaved}</Badge> : null}
            actions={<Actions group={group} isNew={isNew} onPropose={() => { setProposing(true); }} />}>
            <div class="columns halves">
                <div class="stack">
                    {isNew ? <Notice>{s.isNew}</Notice> : null}
                    <Rules editing={editing} faults={faults} onChange={({ list }, rule) => { change(replaced(editing.document, list, rule)); }} />
                    {editing.isDirty && may('contributor') ? (
                        <SaveBar editing={editing} trying={trying} hasFaults={faults.size > 0} running={running} error={error}
                            onSave={() => {
                                void save().then((done) => {
                                    if (done) {
                                        reload();
                                    }
                                });
                            }} />
                    ) : null}
                </div>
                <div class="stack beside">
                    <Trial trying={trying} document={editing.document} />
                    <Members group={group.name} />
                </div>
            </div>
            {isProposing ? (
                <ProposeDialog group={group.name} onClose={() => { setProposing(false); }}
                    onTake={(take) => {
                        change(take(editing.document));
                        setProposing(false);
                        toast(s.proposeTook);
                    }} />
            ) : null}
        </Page>
    );
}

/** By its name; letters of another case are the same group's. Without rules: what devices say of it. */
export function groupOf(answer: GroupsAnswer, name: string): GroupInfo {
    return answer.groups.find((one) => one.name === name)
        ?? answer.groups.find((one) => one.name.toLowerCase() === name.toLowerCase())
        ?? { name, properties: null, deviceCount: answer.deviceCounts[name] ?? 0 };
}

/** No device is in it, and it has no rules: a name in a URL. */
function NoGroup({ name, onMake }: { name: string; onMake: () => void }): JSX.Element {
    return (
        <Page title={name} parent={{ to: href(['groups']), name: s.title }}>
            <Empty title={s.noSuch(name)}>
                <p>{s.noSuchWhy}</p>
                {may('contributor') ? <Button onClick={onMake}>{s.makeIt}</Button> : null}
            </Empty>
        </Page>
    );
}

export function GroupPage({ name }: { name: string }): JSX.Element {
    const [asNew, setNew] = useParam('new');
    const loaded = useGet<GroupsAnswer>('/groups', ['groups']);
    if (!loaded.data) {
        return (
            <Page title={name} parent={{ to: href(['groups']), name: s.title }}>
                {loaded.error ? <Fault error={loaded.error} retry={loaded.reload} /> : <Loading lines={8} />}
            </Page>
        );
    }
    const group = groupOf(loaded.data, name);
    if (group.properties === null && group.deviceCount === 0 && name !== DEFAULT && asNew === '') {
        return <NoGroup name={name} onMake={() => { setNew('1'); }} />;
    }
    return (
        <>
            {loaded.error ? <Fault error={loaded.error} retry={loaded.reload} /> : null}
            <Whole group={group} reload={loaded.reload} />
        </>
    );
}
