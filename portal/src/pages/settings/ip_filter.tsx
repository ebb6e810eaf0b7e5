// SPDX-License-Identifier: MIT
// The IP filter: edited here, saved as a whole, with a word about what it would do before.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call, may, signedIn, useGet, withQuery } from '../../lib/api';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Badge, Button, Card, Loaded, Notice, SelectField, TextField } from '../../ui/ui';
import { RuleList } from './ip_rule_list';
import { faults, judge, read, warnings, write, type Filter, type FilterProperties } from './ip_rules';

const s = t.settings.ipFilter;

interface Stored { etag: number; properties: FilterProperties }

function TryAddress({ filter }: { filter: Filter }): JSX.Element {
    const [address, setAddress] = useState('');
    const verdict = address.trim() === '' ? undefined : judge(filter, address);
    const by = verdict?.by?.name;
    return (
        <Card title={s.test}>
            <div class="stack tight">
                <TextField label={s.testLabel} value={address} hint={s.testHint} onInput={setAddress}
                    fault={address.trim() !== '' && !verdict ? s.testBad : undefined} />
                <div role="status">
                    {verdict ? (
                        <Notice tone={verdict.accepted ? 'good' : 'warn'}>
                            {verdict.accepted ? (by === undefined ? s.acceptedRest : s.accepted(by))
                                : by === undefined ? s.refusedRest : s.refused(by)}
                        </Notice>
                    ) : null}
                </div>
            </div>
        </Card>
    );
}

function Warnings({ of }: { of: string[] }): JSX.Element | null {
    return of.length === 0 ? null : (
        <Notice tone="warn"><ul class="plain stack tight">{of.map((text) => <li key={text}>{text}</li>)}</ul></Notice>
    );
}

function Save({ filter, stored, onSaved, onClose, onConflict }: {
    filter: Filter; stored: Stored; onSaved: (stored: Stored) => void; onClose: () => void; onConflict: () => void;
}): JSX.Element {
    return (
        <Confirm title={s.saveTitle} submit={s.saveSubmit} onClose={onClose}
            act={async () => {
                try {
                    onSaved(await call<Stored>('PUT', withQuery('/ip-filter', { etag: stored.etag }), write(filter, stored.properties)));
                } catch (error) {
                    if (!(error instanceof ApiError) || error.status !== 412) {
                        throw error;
                    }
                    onConflict();
                }
            }}
            onDone={() => undefined}>
            <p>{s.saveText}</p>
            <Warnings of={warnings(filter, signedIn()?.address)} />
        </Confirm>
    );
}

function Conflict({ onTheirs, onMine }: { onTheirs: () => void; onMine: () => void }): JSX.Element {
    return (
        <Notice tone="bad">
            <p>{s.conflict}</p>
            <div class="row">
                <Button small onClick={onTheirs}>{s.theirs}</Button>
                <Button small kind="danger" onClick={onMine}>{s.mine}</Button>
            </div>
        </Notice>
    );
}

function Editor({ latest, reload }: { latest: Stored; reload: () => void }): JSX.Element {
    const [stored, setStored] = useState(latest); // what the draft began with
    const [draft, setDraft] = useState(() => read(latest.properties));
    const [asking, setAsking] = useState(false);
    const [conflict, setConflict] = useState(false);
    const fixed = !may('contributor');
    const wrong = faults(draft.rules);
    const begin = (from: Stored) => {
        setStored(from);
        setDraft(read(from.properties));
        setConflict(false);
    };
    const changed = JSON.stringify(write(draft, stored.properties)) !== JSON.stringify(write(read(stored.properties), stored.properties));
    useEffect(() => {
        if (latest.etag !== stored.etag && !changed) {
            begin(latest);
        }
    }, [latest]);
    return (
        <div class="columns wide-left">
            <Card title={s.title} actions={changed ? <Badge tone="medium">{s.unsaved}</Badge> : null}>
                <div class="stack">
                    <p class="muted">{s.text}</p>
                    {fixed ? <Notice>{s.reader}</Notice> : null}
                    {conflict ? (
                        <Conflict onTheirs={() => { begin(latest); }} onMine={() => {
                            setStored(latest);
                            setConflict(false);
                            setAsking(true);
                        }} />
                    ) : null}
                    <RuleList filter={draft} faults={wrong} fixed={fixed} onChange={setDraft} />
                    {fixed ? <p>{s.rest}{' '}<strong>{s.rests[draft.acceptsRest ? 'Allow' : 'Deny']}</strong></p> : (
                        <SelectField label={s.rest} value={draft.acceptsRest ? 'Allow' : 'Deny'} options={Object.entries(s.rests)}
                            onChange={(value) => { setDraft({ ...draft, acceptsRest: value === 'Allow' }); }} />
                    )}
                    <div role="status"><Warnings of={warnings(draft, signedIn()?.address)} /></div>
                    {fixed ? null : (
                        <div class="row">
                            <Button kind="primary" disabled={!changed || wrong.size > 0} onClick={() => { setAsking(true); }}>{s.save}</Button>
                            <Button disabled={!changed} onClick={() => { begin(latest); }}>{s.discard}</Button>
                        </div>
                    )}
                </div>
            </Card>
            <TryAddress filter={draft} />
            {asking ? (
                <Save filter={draft} stored={stored} onClose={() => { setAsking(false); }}
                    onSaved={(saved) => {
                        setAsking(false);
                        begin(saved);
                        toast(s.saved);
                        reload();
                    }}
                    onConflict={() => {
                        setAsking(false);
                        setConflict(true);
                        reload();
                    }} />
            ) : null}
        </div>
    );
}

export function IpFilter(): JSX.Element {
    const loaded = useGet<Stored>('/ip-filter', ['recommendations']);
    return <Loaded from={loaded} lines={6}>{(latest) => <Editor latest={latest} reload={loaded.reload} />}</Loaded>;
}
