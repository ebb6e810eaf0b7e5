// SPDX-License-Identifier: MIT
// What an address falls under, in words.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useGet, withQuery } from '../../lib/api';
import { href, Link, useParam } from '../../lib/router';
import { t } from '../../strings';
import { Badge, Button, Card, Loaded, Notice, Severity, Table, TextField, Time, type Column } from '../../ui/ui';
import { whyNot, type Indicator, type Tested } from './feeds';

const s = t.intel;

/** Letters of an address: the service says more exactly. */
const FORM = /^[0-9a-f:.]{2,45}$/i;

/** Devices that talked to it. */
export function talkersOf(address: string): string {
    return [
        'SecurityIoTRawEvent',
        '| where RawEventName in ("NetworkActivity", "ConnectionCreate")',
        '| extend d = parse_json(EventDetails)',
        `| where tostring(d.RemoteAddress) == "${address}"`,
        '| summarize Flows = count(), First = min(TimeGenerated), Last = max(TimeGenerated) by DeviceId',
        '| sort by Last desc',
    ].join('\n');
}

const columns: Column<Indicator>[] = [
    { name: s.indicator, cell: (one) => <span class="mono wrap">{one.indicator}</span> },
    { name: s.feed, cell: (one) => <Link to={href(['intel', one.feed])}>{one.feed}</Link> },
    {
        name: s.does, cell: (one) => one.isException ? <Badge tone="good">{s.exception}</Badge>
            : one.severity === '' ? <Badge>{s.usualSeverity}</Badge> : <Severity of={one.severity} />,
    },
    { name: s.description, cell: (one) => <span class="wrap">{one.description}</span> },
    { name: s.confidence, number: true, cell: (one) => one.confidence ?? '' },
    { name: s.tlp, cell: (one) => one.tlp },
    { name: s.validFrom, cell: (one) => one.validFrom === null ? '' : <Time at={one.validFrom} /> },
    { name: s.validUntil, cell: (one) => one.validUntil === null ? '' : <Time at={one.validUntil} /> },
    { name: s.line, number: true, cell: (one) => one.line },
];

function Answer({ of: tested }: { of: Tested }): JSX.Element {
    const why = whyNot(tested, Date.now());
    const { matches } = tested;
    const exception = tested.indicators.find((one) => one.isException);
    return (
        <div class="stack">
            <Notice tone={why === 'matches' ? 'bad' : why === 'unlisted' ? 'good' : 'info'}>
                <strong>{s.verdicts[why]}</strong>
                <p>
                    {matches ? s.listedAs(matches.feed, matches.indicator, matches.description)
                        : why === 'excepted' && exception ? s.exceptedBy(exception.feed, exception.indicator) : s.verdictsMore[why]}
                </p>
            </Notice>
            <div><Link class="button small" to={href(['query'], { q: talkersOf(tested.address), timespan: 'P30D' })}>{s.whoTalked}</Link></div>
            {tested.indicators.length > 0 ? (
                <Table caption={s.listedIn} columns={columns} rows={tested.indicators} empty={null}
                    rowKey={(one) => `${one.feed} ${one.indicator} ${one.line.toString()}`} />
            ) : null}
        </div>
    );
}

function Asked({ address }: { address: string }): JSX.Element {
    const loaded = useGet<Tested>(withQuery('/indicators', { address }), ['feeds']);
    return <div aria-live="polite"><Loaded from={loaded} lines={3}>{(tested) => <Answer of={tested} />}</Loaded></div>;
}

export function TestAddress(): JSX.Element {
    const [address, setAddress] = useParam('address');
    const [text, setText] = useState(address);
    const [wrong, setWrong] = useState(false);
    useEffect(() => { setText(address); }, [address]);
    const write = (value: string) => {
        setText(value);
        setWrong(false);
    };
    return (
        <Card title={s.test}>
            <div class="stack">
                <form class="filters flat" onSubmit={(event) => {
                    event.preventDefault();
                    const value = text.trim();
                    setWrong(!FORM.test(value));
                    if (FORM.test(value)) {
                        setAddress(value);
                    }
                }}>
                    <TextField label={s.address} value={text} onInput={write} placeholder="203.0.113.9" grow
                        fault={wrong ? s.noAddress : undefined} />
                    <Button submit disabled={text.trim() === ''}>{s.testNow}</Button>
                </form>
                {address !== '' && text.trim() === address ? <Asked address={address} /> : null}
            </div>
        </Card>
    );
}
