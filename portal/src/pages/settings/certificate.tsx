// SPDX-License-Identifier: MIT
// One CA certificate: what it is, and the proof that its key is ours.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction, useGet } from '../../lib/api';
import { go, href, Link } from '../../lib/router';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { CertificateField, toPem } from '../../ui/pem';
import { Scroll } from '../../ui/scroll';
import { Button, Card, CopyButton, Facts, Fault, Loaded, Notice, Time } from '../../ui/ui';
import { Expiry, State, type Certificate } from './certificates';

const s = t.settings.certificates;
const list = href(['settings', 'certificates']);

function pathOf(one: Certificate): string {
    return `/certificates/${encodeURIComponent(one.name)}`;
}

function commands(code: string): string {
    return [
        'openssl req -new -newkey rsa:2048 -nodes -keyout proof.key -out proof.csr \\',
        `    -subj "/CN=${code}"`,
        'openssl x509 -req -in proof.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -out proof.pem',
    ].join('\n');
}

function Proof({ of: one, reload }: { of: Certificate; reload: () => void }): JSX.Element {
    const { run, running, error } = useAction();
    const [shown, setShown] = useState('');
    const code = one.verificationCode;
    const makeCode = () => run(async () => {
        await call('POST', `${pathOf(one)}/code`);
        reload();
    });
    const verify = () => run(async () => {
        await call('POST', `${pathOf(one)}/verify`, { certificate: shown });
        toast(s.verifiedNow);
        reload();
    });
    return (
        <div class="stack">
            <ol class="steps">
                <li>
                    {s.step1}
                    <div class="row">
                        {code !== undefined ? <><code class="wrap">{code}</code><CopyButton text={code} /></> : null}
                        <Button small disabled={running} onClick={() => { void makeCode(); }}>{code === undefined ? s.makeCode : s.newCode}</Button>
                    </div>
                </li>
                {code !== undefined ? (
                    <>
                        <li>
                            {s.step2}
                            <div class="row top">
                                <Scroll class="code-box" label={s.step2}><pre>{commands(code)}</pre></Scroll>
                                <CopyButton text={commands(code)} />
                            </div>
                        </li>
                        <li>
                            <form class="stack tight" onSubmit={(event) => {
                                event.preventDefault();
                                void verify();
                            }}>
                                {s.step3}
                                <CertificateField fileLabel={s.proofFile} textLabel={s.proofPem} placeholder={s.pemPlaceholder} onChange={setShown} />
                                <div class="row"><Button submit kind="primary" disabled={running || shown === ''}>{s.verify}</Button></div>
                            </form>
                        </li>
                    </>
                ) : null}
            </ol>
            {error ? <Fault error={error} /> : null}
        </div>
    );
}

function Remove({ of: one }: { of: Certificate }): JSX.Element {
    const [asking, setAsking] = useState(false);
    return (
        <>
            <Button kind="danger" onClick={() => { setAsking(true); }}>{t.remove}</Button>
            {asking ? (
                <Confirm title={s.removeTitle(one.name)} submit={t.remove} danger onClose={() => { setAsking(false); }}
                    act={() => call('DELETE', pathOf(one))}
                    onDone={() => {
                        toast(s.removed);
                        go(list);
                    }}>
                    <p>{s.removeText}</p>
                </Confirm>
            ) : null}
        </>
    );
}

function Whole({ of: one, reload }: { of: Certificate; reload: () => void }): JSX.Element {
    const pem = toPem(one.certificate ?? '');
    const changing = may('contributor');
    return (
        <div class="stack">
            {new Date(one.expiry).getTime() < Date.now() ? <Notice tone="bad">{s.expiredText}</Notice> : null}
            <Card title={one.name} actions={changing ? <Remove of={one} /> : null}>
                <Facts of={[
                    [s.state, <State key="state" of={one} />],
                    [s.expires, <Expiry key="expiry" of={one} />],
                    [s.subject, one.subject],
                    [s.thumbprint, <span key="thumbprint" class="mono wrap">{one.thumbprint}</span>],
                    [s.created, <Time key="created" at={one.created} full />],
                    [s.updated, <Time key="updated" at={one.updated} full />],
                ]} />
            </Card>
            <Card title={s.proof}>
                {one.isVerified ? <Notice tone="good">{s.proofDone}</Notice> : (
                    <div class="stack">
                        <Notice tone="warn">{s.unverifiedText}</Notice>
                        {changing ? <Proof of={one} reload={reload} /> : <p class="muted">{t.readerOnly}</p>}
                    </div>
                )}
            </Card>
            <Card title={s.text64} actions={<CopyButton text={pem} />}>
                <Scroll class="code-box" label={s.textLabel}><pre class="small">{pem}</pre></Scroll>
            </Card>
        </div>
    );
}

export function CertificateDetail({ name }: { name: string }): JSX.Element {
    const loaded = useGet<Certificate>(`/certificates/${encodeURIComponent(name)}`);
    return (
        <div class="stack">
            <Link to={list}>{s.title}</Link>
            <Loaded from={loaded} lines={6}>{(one) => <Whole of={one} reload={loaded.reload} />}</Loaded>
        </div>
    );
}
