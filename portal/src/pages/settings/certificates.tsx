// SPDX-License-Identifier: MIT
// CA certificates: the list, and a new one.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction, useGet } from '../../lib/api';
import { href, Link } from '../../lib/router';
import { t } from '../../strings';
import { FormDialog, toast } from '../../ui/dialog';
import { CertificateField } from '../../ui/pem';
import { Badge, Button, Card, Empty, Loaded, Table, TextField, Time, type Column } from '../../ui/ui';
import { CertificateDetail } from './certificate';

const s = t.settings.certificates;
const SOON_MS = 60 * 86400000;

export interface Certificate {
    name: string;
    subject: string;
    thumbprint: string;
    expiry: string;
    isVerified: boolean;
    created: string;
    updated: string;
    certificate?: string; // base64 of DER
    verificationCode?: string;
}

export function State({ of }: { of: Certificate }): JSX.Element {
    return <Badge tone={of.isVerified ? 'good' : 'medium'}>{of.isVerified ? s.verified : s.unverified}</Badge>;
}

export function Expiry({ of }: { of: Certificate }): JSX.Element {
    const left = new Date(of.expiry).getTime() - Date.now();
    return (
        <span>
            {left < 0 ? <Badge tone="high">{s.expired}</Badge> : left < SOON_MS ? <Badge tone="medium">{s.soon}</Badge> : null}
            {' '}<Time at={of.expiry} />
        </span>
    );
}

const columns: Column<Certificate>[] = [
    { name: s.name, cell: (one) => <Link to={href(['settings', 'certificates', one.name])}>{one.name}</Link> },
    { name: s.state, cell: (one) => <State of={one} /> },
    { name: s.expires, cell: (one) => <Expiry of={one} /> },
    { name: s.subject, cell: (one) => <span class="wrap">{one.subject}</span> },
    { name: s.thumbprint, cell: (one) => <span class="mono small wrap">{one.thumbprint}</span> },
];

function Add({ onClose, onAdded }: { onClose: () => void; onAdded: () => void }): JSX.Element {
    const { run, running, error, clear } = useAction();
    const [name, setName] = useState('');
    const [encoded, setEncoded] = useState('');
    const [trust, setTrust] = useState(false);
    const submit = async () => {
        if (await run(() => call('POST', '/certificates', { name, certificate: encoded, ...(trust ? { isVerified: true } : {}) }))) {
            toast(s.added);
            onAdded();
        }
    };
    return (
        <FormDialog title={s.addTitle} submit={s.submit} running={running} error={error} disabled={encoded === ''}
            onClose={onClose} onSubmit={() => { void submit(); }}>
            <TextField label={s.name} value={name} required autofocus hint={s.nameHint} onInput={setName} />
            <CertificateField fileLabel={s.file} textLabel={s.pem} placeholder={s.pemPlaceholder} onChange={(value) => {
                clear();
                setEncoded(value);
            }} />
            <label class="check">
                <input type="checkbox" checked={trust} onChange={(event) => { setTrust(event.currentTarget.checked); }} />
                {s.trust}
            </label>
        </FormDialog>
    );
}

function List(): JSX.Element {
    const loaded = useGet<{ certificates: Certificate[] }>('/certificates');
    const [adding, setAdding] = useState(false);
    const add = may('contributor') ? <Button icon="plus" onClick={() => { setAdding(true); }}>{s.add}</Button> : null;
    return (
        <Card title={s.title} flush actions={add}>
            <p class="evidence muted">{s.text}</p>
            <Loaded from={loaded}>
                {(data) => (
                    <Table caption={s.caption} columns={columns} rows={data.certificates} rowKey={(one) => one.name}
                        empty={<Empty title={s.none}>{s.noneText}</Empty>} />
                )}
            </Loaded>
            {adding ? (
                <Add onClose={() => { setAdding(false); }} onAdded={() => {
                    setAdding(false);
                    loaded.reload();
                }} />
            ) : null}
        </Card>
    );
}

export function Certificates({ id }: { id: string | undefined }): JSX.Element {
    return id === undefined ? <List /> : <CertificateDetail name={id} />;
}
