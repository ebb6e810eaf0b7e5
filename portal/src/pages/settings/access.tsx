// SPDX-License-Identifier: MIT
// Who one is here, and who else may come: tokens with their roles.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, signedIn, useGet } from '../../lib/api';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Empty, Facts, Loaded, Notice, Table, Time, type Column } from '../../ui/ui';
import { NewToken } from './token_new';
import type { Token } from './tokens';

const s = t.settings.access;
const SOON_MS = 14 * 86400000;

function You(): JSX.Element | null {
    const session = signedIn();
    if (!session) {
        return null;
    }
    const facts: [string, ComponentChildren][] = [
        [s.token, session.name],
        [s.role, <span key="role"><strong>{s.roles[session.role]}</strong>{' '}<span class="muted">{s.rights[session.role]}</span></span>],
        ...(session.address !== undefined ? [[s.address, <span class="mono" key="address">{session.address}</span>] as [string, JSX.Element]] : []),
        [s.session, session.expires === null ? s.sessionNever : <Time key="expires" at={session.expires} full />],
    ];
    return <Card title={s.you}><Facts of={facts} /></Card>;
}

function Expiry({ of: token }: { of: Token }): JSX.Element {
    if (token.expires === null) {
        return <span class="muted">{s.noExpiry}</span>;
    }
    if (token.isExpired) {
        return <span><Badge tone="high">{s.expired}</Badge>{' '}<Time at={token.expires} /></span>;
    }
    const soon = new Date(token.expires).getTime() - Date.now() < SOON_MS;
    return <span>{soon ? <><Badge tone="medium">{s.soon}</Badge>{' '}</> : null}<Time at={token.expires} /></span>;
}

function Remove({ token, isLast, reload }: { token: Token; isLast: boolean; reload: () => void }): JSX.Element {
    const [asking, setAsking] = useState(false);
    return (
        <>
            <Button small kind="danger" label={s.removeOf(token.name)} onClick={() => { setAsking(true); }}>{s.delete}</Button>
            {asking ? (
                <Confirm title={s.removeTitle(token.name)} submit={s.delete} danger onClose={() => { setAsking(false); }}
                    act={() => call('DELETE', `/tokens/${encodeURIComponent(token.name)}`)}
                    onDone={() => {
                        setAsking(false);
                        toast(s.removed);
                        reload();
                    }}>
                    <p>{s.removeText}</p>
                    {token.name === signedIn()?.name ? <Notice tone="warn">{s.removeOwn}</Notice> : null}
                    {isLast ? <Notice tone="warn">{s.removeLast}</Notice> : null}
                </Confirm>
            ) : null}
        </>
    );
}

const isOwner = (token: Token): boolean => token.role === 'owner' && !token.isExpired;

function columns(all: Token[], reload: () => void): Column<Token>[] {
    const owners = all.filter(isOwner).length;
    return [
        {
            name: s.name,
            cell: (token) => <>{token.name}{token.name === signedIn()?.name ? <>{' '}<Badge>{s.yours}</Badge></> : null}</>,
        },
        { name: s.role, cell: (token) => s.roles[token.role] ?? token.role },
        { name: s.used, cell: (token) => token.lastUsed === null ? <span class="muted">{s.unused}</span> : <Time at={token.lastUsed} /> },
        { name: s.expires, cell: (token) => <Expiry of={token} /> },
        {
            name: s.created,
            cell: (token) => (
                <><Time at={token.created} />{token.createdBy !== '' ? <>{' '}<span class="muted wrap">{s.by(token.createdBy)}</span></> : null}</>
            ),
        },
        { name: s.actions, cell: (token) => <Remove token={token} isLast={isOwner(token) && owners === 1} reload={reload} /> },
    ];
}

function Tokens(): JSX.Element {
    const loaded = useGet<{ tokens: Token[] }>('/tokens');
    const [adding, setAdding] = useState(false);
    return (
        <Card title={s.tokens} flush actions={<Button icon="plus" onClick={() => { setAdding(true); }}>{s.create}</Button>}>
            <p class="evidence muted">{s.tokensText}</p>
            <Loaded from={loaded}>
                {(data) => (
                    <Table caption={s.caption} columns={columns(data.tokens, loaded.reload)} rows={data.tokens}
                        rowKey={(token) => token.name} empty={<Empty title={s.none}>{s.noneText}</Empty>} />
                )}
            </Loaded>
            {adding ? <NewToken onClose={() => { setAdding(false); }} onMade={loaded.reload} /> : null}
        </Card>
    );
}

export function Access(): JSX.Element {
    return (
        <div class="stack">
            <You />
            {may('owner') ? <Tokens /> : <Notice>{s.ownersOnly}</Notice>}
        </div>
    );
}
