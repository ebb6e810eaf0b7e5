// SPDX-License-Identifier: MIT
// The audit trail: who changed what, whether it is whole, and a copy to keep elsewhere.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { may, useGet, withQuery } from '../../lib/api';
import { download } from '../../lib/download';
import { number } from '../../lib/format';
import { href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { toast } from '../../ui/dialog';
import { Said } from '../../ui/said';
import {
    Badge, Button, Card, Empty, Facts, Loaded, Notice, SearchField, SelectField, Stat, Table, Time, type Column, type Tone,
} from '../../ui/ui';
import { Sentence } from './audit_sentence';
import { exportTrail, type AuditRecord, type AuditStatus } from './audit_trail';

const s = t.settings.audit;
const PAGE = 50;

const TONES: Record<string, Tone> = { Done: 'quiet', Refused: 'medium', Failed: 'low', Unknown: 'high' };

function Outcome({ of }: { of: AuditRecord }): JSX.Element {
    const broken = of.path === 'audit.broken';
    return (
        <Badge tone={broken ? 'high' : TONES[of.outcome] ?? 'quiet'}>
            {s.outcomes[of.outcome] ?? of.outcome}{of.status > 0 ? ` ${of.status.toString()}` : ''}
        </Badge>
    );
}

/** What was given, without the action: the sentence says it. */
function Given({ text }: { text: string }): JSX.Element | null {
    const rest = text.split(' ').filter((part) => !part.startsWith('action=')).join(' ');
    return rest === '' ? null : <span class="muted small clamp"><Said text={rest} /></span>;
}

const columns: Column<AuditRecord>[] = [
    {
        name: s.what,
        cell: (one) => (
            <span class="wrap">
                <Sentence of={one} />
                <Given text={one.changed} />
            </span>
        ),
    },
    { name: s.time, cell: (one) => <Link to={href(['settings', 'audit', one.sequence.toString()])}><Time at={one.time} /></Link> },
    { name: s.outcome, cell: (one) => <Outcome of={one} /> },
    { name: s.from, cell: (one) => one.address !== '' ? <span class="mono">{one.address}</span> : <span class="muted">{s.here}</span> },
];

function ExportButton(): JSX.Element {
    const [busy, setBusy] = useState(false);
    const run = async () => {
        setBusy(true);
        try {
            const { text, count } = await exportTrail();
            download(`vedette-audit-${new Date().toISOString().slice(0, 10)}.jsonl`, 'application/x-ndjson', text);
            toast(s.exported(count));
        } catch (error) {
            toast(s.exportFailed(error instanceof Error ? error.message : String(error)));
        } finally {
            setBusy(false);
        }
    };
    return <Button disabled={busy} onClick={() => { void run(); }}>{busy ? s.exporting : s.export}</Button>;
}

function Wholeness(): JSX.Element | null {
    const { data } = useGet<{ audit?: AuditStatus }>('/status', ['alerts']);
    const audit = data?.audit;
    if (!audit) {
        return null;
    }
    return (
        <>
            {audit.notice !== undefined ? (
                <Notice tone="bad"><strong>{s.broken}</strong><p>{audit.notice}</p><p>{s.brokenStep}</p></Notice>
            ) : null}
            <div class="stats">
                <Stat name={s.records} value={number(audit.to - audit.from + 1)} />
                <Stat name={s.verified} value={audit.lastVerified !== undefined ? <Time at={audit.lastVerified} /> : s.notVerified} />
                {audit.writeFailures > 0 ? <Stat name={s.refused} value={number(audit.writeFailures)} /> : null}
            </div>
        </>
    );
}

function List(): JSX.Element {
    const [who, setWho] = useParam('who');
    const [what, setWhat] = useParam('what');
    const [kind, setKind] = useParam('kind');
    const [outcome, setOutcome] = useParam('outcome');
    const [before, setBefore] = useParam('before');
    const loaded = useGet<{ records: AuditRecord[]; next: number }>(
        withQuery('/audit', { who, what, kind, outcome, before, limit: PAGE }), []);
    const filtered = [who, what, kind, outcome].some((one) => one !== '');
    const next = loaded.data?.next ?? 0;
    return (
        <div class="stack">
            <p class="muted">{s.text}</p>
            <Wholeness />
            <div class="filters" role="search">
                <SearchField label={s.who} value={who} onChange={setWho} placeholder={s.whoHint} />
                <SearchField label={s.what} value={what} onChange={setWhat} placeholder={s.whatHint} />
                <SelectField label={s.kind} value={kind} onChange={setKind} options={[['', t.any], ...Object.entries(s.kinds)]} />
                <SelectField label={s.outcome} value={outcome} onChange={setOutcome} options={[['', t.any], ...Object.entries(s.outcomes)]} />
            </div>
            <Card title={s.title} flush actions={<ExportButton />}>
                <Loaded from={loaded} lines={8}>
                    {({ records }) => (
                        <>
                            <Table caption={s.caption} columns={columns} rows={records} rowKey={(one) => one.sequence.toString()}
                                empty={<Empty title={s.none}>{next > 0 ? s.searched : filtered ? s.noneMatch : s.noneText}</Empty>} />
                            <div class="pager">
                                <span class="muted small">{t.rowsShown(records.length)}</span>
                                {before !== '' ? <Button small onClick={() => { setBefore(''); }}>{t.newest}</Button> : null}
                                {next > 0 ? (
                                    <Button small onClick={() => { setBefore(next.toString()); }}>
                                        {records.length > 0 ? t.older : s.back}
                                    </Button>
                                ) : null}
                            </div>
                        </>
                    )}
                </Loaded>
            </Card>
        </div>
    );
}

function Detail({ id }: { id: string }): JSX.Element {
    const loaded = useGet<AuditRecord>(`/audit/${encodeURIComponent(id)}`, []);
    return (
        <Card title={s.record(id)}>
            <Loaded from={loaded} lines={8}>
                {(one) => (
                    <div class="stack">
                        <div class="row"><Outcome of={one} /><span class="wrap"><Sentence of={one} /></span><Time at={one.time} full /></div>
                        {one.outcome in s.outcomeText ? <p>{s.outcomeText[one.outcome]}</p> : null}
                        <Facts of={(Object.entries(s.fields) as [keyof AuditRecord, string][])
                            .filter(([name]) => one[name] !== '' && one[name] !== 0)
                            .map(([name, label]) => [label, <span key={name} class="wrap">{one[name]}</span>])} />
                    </div>
                )}
            </Loaded>
        </Card>
    );
}

export function Audit({ id }: { id: string | undefined }): JSX.Element {
    if (!may('owner')) {
        return <Notice tone="info">{s.ownersOnly}</Notice>;
    }
    return id === undefined ? <List /> : <Detail id={id} />;
}
