// SPDX-License-Identifier: MIT
// All security groups: those with rules, and those that devices name.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { may, useGet } from '../../lib/api';
import { number } from '../../lib/format';
import { go, href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Loaded, Page, Table, TextField, type Column } from '../../ui/ui';
import { complete, enabledCount, judged, nameOf, type Document } from './rules';

const s = t.groups;
export const DEFAULT = 'default';

export interface GroupInfo {
    name: string;
    /** null: no rules. */
    properties: Partial<Document> | null;
    deviceCount: number;
}

export interface GroupsAnswer { groups: GroupInfo[]; deviceCounts: Record<string, number> }

/** Groups with rules, and then those that only devices name, each by name. */
export function allGroups(answer: GroupsAnswer): GroupInfo[] {
    const known = new Set(answer.groups.map((group) => group.name));
    const others = Object.entries(answer.deviceCounts).filter(([name]) => !known.has(name))
        .map(([name, deviceCount]): GroupInfo => ({ name, properties: null, deviceCount }));
    return [...answer.groups, ...others].sort((a, b) => a.name.localeCompare(b.name));
}

function Rules({ of }: { of: GroupInfo }): JSX.Element {
    if (of.properties === null) {
        return of.name === DEFAULT ? <span class="muted">{s.noRules}</span> : (
            <>
                <Badge tone="medium">{s.noRules}</Badge>
                <div class="muted small">{s.noRulesHint}</div>
            </>
        );
    }
    const on = judged(complete(of.properties)).filter(({ rule }) => rule.isEnabled).map(({ rule }) => nameOf(rule));
    return (
        <>
            {s.rulesOn(enabledCount(of.properties))}
            <div class="muted small wrap">{on.join(', ')}</div>
        </>
    );
}

const columns: Column<GroupInfo>[] = [
    { name: s.one, cell: (group) => <Link class="wrap" to={href(['groups', group.name])}>{group.name}</Link> },
    { name: s.rules, cell: (group) => <Rules of={group} /> },
    {
        name: s.devices,
        number: true,
        cell: (group) => group.deviceCount === 0 ? '0'
            : <Link to={href(['devices'], { group: group.name })}>{number(group.deviceCount)}</Link>,
    },
];

function NewGroup({ onClose }: { onClose: () => void }): JSX.Element {
    const [name, setName] = useState('');
    return (
        <FormDialog title={s.createTitle} submit={s.goOn} running={false} error={undefined} disabled={name.trim() === ''} onClose={onClose}
            onSubmit={() => { go(href(['groups', name.trim()], { new: '1' })); }}>
            <TextField label={s.name} value={name} onInput={setName} hint={s.createHint} required autofocus />
        </FormDialog>
    );
}

export function GroupList(): JSX.Element {
    const [open, setOpen] = useState(false);
    const loaded = useGet<GroupsAnswer>('/groups', ['groups']);
    return (
        <Page title={s.title} actions={may('contributor')
            ? <Button icon="plus" kind="primary" onClick={() => { setOpen(true); }}>{s.create}</Button> : null}>
            <div class="stack">
                <p class="muted">{s.what}</p>
                <Card flush>
                    <Loaded from={loaded} lines={6}>
                        {(data) => (
                            <Table caption={s.list} columns={columns} rows={allGroups(data)} rowKey={(group) => group.name}
                                empty={<Empty title={s.noneTitle}>{s.none}</Empty>} />
                        )}
                    </Loaded>
                </Card>
            </div>
            {open ? <NewGroup onClose={() => { setOpen(false); }} /> : null}
        </Page>
    );
}
