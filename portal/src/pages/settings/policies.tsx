// SPDX-License-Identifier: MIT
// Shared access policies: what back ends may do with a key, made and taken away.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useGet } from '../../lib/api';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Loaded, Notice, Table, type Column } from '../../ui/ui';
import { Keys } from './policy_keys';
import { NewPolicy } from './policy_new';

const s = t.settings.policies;

export interface Policy { keyName: string; rights: string }

/** The service parts them by commas. */
export const rightsOf = (text: string): string[] => text.split(',').map((one) => one.trim()).filter((one) => one !== '');

function Rights({ of }: { of: string }): JSX.Element {
    return (
        <ul class="plain">
            {rightsOf(of).map((right) => (
                <li key={right}>{s.ofRights[right] ?? right}{' '}<span class="muted small mono">{right}</span></li>
            ))}
        </ul>
    );
}

function Remove({ name, reload }: { name: string; reload: () => void }): JSX.Element {
    const [asking, setAsking] = useState(false);
    return (
        <>
            <Button small kind="danger" label={s.removeOf(name)} onClick={() => { setAsking(true); }}>{s.remove}</Button>
            {asking ? (
                <Confirm title={s.removeTitle(name)} submit={s.remove} danger onClose={() => { setAsking(false); }}
                    act={() => call('DELETE', `/policies/${encodeURIComponent(name)}`)}
                    onDone={() => {
                        setAsking(false);
                        toast(s.removed);
                        reload();
                    }}>
                    <p>{s.removeText}</p>
                </Confirm>
            ) : null}
        </>
    );
}

/** A key is asked for only when somebody wants to see it. */
function ShowKeys({ name }: { name: string }): JSX.Element {
    const [open, setOpen] = useState(false);
    return (
        <>
            <Button small label={s.keysOf(name)} onClick={() => { setOpen(true); }}>{s.keys}</Button>
            {open ? <Keys name={name} onClose={() => { setOpen(false); }} /> : null}
        </>
    );
}

function columns(reload: () => void): Column<Policy>[] {
    return [
        { name: s.name, cell: ({ keyName }) => <span class="wrap">{keyName}</span> },
        {
            name: s.rights,
            cell: ({ rights }) => <><Rights of={rights} />{rightsOf(rights).includes('DeviceConnect') ? <Badge tone="medium">{s.wide}</Badge> : null}</>,
        },
        ...(may('contributor') ? [{
            name: s.actions,
            cell: ({ keyName }: Policy) => (
                <span class="row"><ShowKeys name={keyName} />{may('owner') ? <Remove name={keyName} reload={reload} /> : null}</span>
            ),
        }] : []),
    ];
}

export function Policies(): JSX.Element {
    const loaded = useGet<{ policies: Policy[] }>('/policies');
    const [adding, setAdding] = useState(false);
    return (
        <div class="stack">
            {may('owner') ? null : <Notice>{s.ownersOnly}</Notice>}
            <Card title={s.title} flush actions={may('owner') ? <Button icon="plus" onClick={() => { setAdding(true); }}>{s.create}</Button> : null}>
                <p class="evidence muted">{s.text}</p>
                <Loaded from={loaded}>
                    {(data) => (
                        <Table caption={s.caption} columns={columns(loaded.reload)} rows={data.policies} rowKey={(one) => one.keyName}
                            empty={<Empty title={s.none}>{s.noneText}</Empty>} />
                    )}
                </Loaded>
                {adding ? <NewPolicy onClose={() => { setAdding(false); }} onMade={loaded.reload} /> : null}
            </Card>
        </div>
    );
}
