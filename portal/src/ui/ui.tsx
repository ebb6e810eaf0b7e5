// SPDX-License-Identifier: MIT
// The parts that pages are made of: cards, tables, badges, times, states of loading.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { isAway, isBusy, isPassing } from '../lib/fault';
import { ago, localTime, number, time, utcTime } from '../lib/format';
import { Link } from '../lib/router';
import { t } from '../strings';
import { Icon, Mark, type IconName } from './icons';
import { Scroll } from './scroll';

// ---- A page ----

interface PageProps {
    title: string;
    /** Where it belongs: a link above the title. */
    parent?: { to: string; name: string };
    badges?: ComponentChildren;
    actions?: ComponentChildren;
    children: ComponentChildren;
}

export function Page(props: PageProps): JSX.Element {
    useEffect(() => {
        document.title = `${props.title} · ${t.product}`;
    }, [props.title]);
    return (
        <>
            <div class="page-head">
                {props.parent ? (
                    <div class="crumb"><Link to={props.parent.to}>{props.parent.name}</Link></div>
                ) : null}
                <h1>{props.title}</h1>
                {props.badges}
                {props.actions ? <div class="row push">{props.actions}</div> : null}
            </div>
            {props.children}
        </>
    );
}

export function Card(props: {
    title?: string; actions?: ComponentChildren; flush?: boolean; busy?: boolean; children: ComponentChildren;
}): JSX.Element {
    const id = useId();
    return (
        <section class="card" aria-labelledby={props.title ? id : undefined} aria-busy={props.busy}>
            {props.title ? (
                <header>
                    <h2 id={id}>{props.title}</h2>
                    {props.actions ? <div class="row push">{props.actions}</div> : null}
                </header>
            ) : null}
            <div class={props.flush ? 'body flush' : 'body'}>{props.children}</div>
        </section>
    );
}

export function Stat(props: { name: string; value: ComponentChildren; note?: ComponentChildren; to?: string }): JSX.Element {
    const inner = (
        <>
            <span class="value">{props.value}</span>
            <span class="name">{props.name}</span>
            {props.note ? <span class="note">{props.note}</span> : null}
        </>
    );
    return props.to ? <Link class="stat" to={props.to}>{inner}</Link> : <div class="stat">{inner}</div>;
}

// ---- Words with a colour and a shape ----

export type Tone = 'high' | 'medium' | 'low' | 'good' | 'quiet';

export function Badge({ tone = 'quiet', children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
    return <span class={`badge ${tone}`}>{children}</span>;
}

const SEVERITIES = { High: 'high', Medium: 'medium', Low: 'low' } as const;

export function Severity({ of }: { of: string }): JSX.Element {
    const tone = of in SEVERITIES ? SEVERITIES[of as keyof typeof SEVERITIES] : undefined;
    return <Badge tone={tone ?? 'quiet'}>{tone ? <Mark of={tone} /> : null}{of}</Badge>;
}

// ---- Times ----

let minute = Date.now();
const clocks = new Set<() => void>();

setInterval(() => {
    minute = Date.now();
    for (const clock of clocks) {
        clock();
    }
}, 30000);

/** How long ago; hover and screen readers get the viewer's time and UTC. */
export function Time({ at, full = false }: { at: string | number | null | undefined; full?: boolean }): JSX.Element {
    const [, setTurn] = useState(0);
    const date = time(at);
    useEffect(() => {
        const clock = () => { setTurn((n) => n + 1); };
        clocks.add(clock);
        return () => { clocks.delete(clock); };
    }, []);
    if (!date) {
        return <span class="muted">{t.never}</span>;
    }
    // The clock here moves twice a minute: what happened since its last move is not in the future.
    const ahead = date.getTime() - minute;
    const now = ahead > 0 && ahead < 60000 ? date.getTime() : minute;
    return (
        <time class="nowrap" dateTime={date.toISOString()} title={`${localTime(date)}\n${utcTime(date)}`}>
            {full ? localTime(date) : ago(date, now)}
        </time>
    );
}

// ---- What is not there (yet) ----

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
    return <div class="empty"><strong>{title}</strong>{children}</div>;
}

export function Notice(props: { tone?: 'bad' | 'warn' | 'good' | 'info'; children: ComponentChildren }): JSX.Element {
    const tone = props.tone ?? 'info';
    const icon: IconName = tone === 'good' ? 'check' : tone === 'info' ? 'info' : 'alerts';
    return (
        <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
            <Icon name={icon} /><div>{props.children}</div>
        </div>
    );
}

/** A fault in words, with what can be done about it. */
export function Fault({ error, retry }: { error: Error; retry?: (() => void) | undefined }): JSX.Element {
    return (
        <Notice tone="bad">
            {isAway(error) ? t.faults.unreachable : isBusy(error) ? t.faults.busy : error.message}
            {retry && isPassing(error) ? ` ${t.faults.byItself}` : ''}
            {retry ? <> <Button small onClick={retry}>{t.faults.retry}</Button></> : null}
        </Notice>
    );
}

export function Loading({ lines = 4 }: { lines?: number }): JSX.Element {
    return (
        <div class="stack tight" role="status" aria-label={t.loading}>
            {Array.from({ length: lines }, (_, i) => <div class="skeleton" key={i} />)}
        </div>
    );
}

/** One of: loading, a fault, or what is there. A fault beside older data is shown above it. */
export function Loaded<T>(props: {
    from: { data: T | undefined; error: Error | undefined; reload: () => void };
    lines?: number;
    children: (data: T) => ComponentChildren;
}): JSX.Element {
    const { data, error, reload } = props.from;
    return (
        <>
            {error ? <Fault error={error} retry={reload} /> : null}
            {data !== undefined ? props.children(data) : error ? null : <Loading lines={props.lines ?? 4} />}
        </>
    );
}

// ---- Buttons and forms ----

interface ButtonProps {
    kind?: 'primary' | 'danger' | 'ghost' | 'plain';
    small?: boolean;
    icon?: IconName;
    label?: string; // what a screen reader says if there is only an icon
    submit?: boolean;
    disabled?: boolean | undefined;
    pressed?: boolean;
    expanded?: boolean;
    onClick?: () => void;
    children?: ComponentChildren;
}

export function Button(props: ButtonProps): JSX.Element {
    const kind = props.kind ?? 'plain';
    return (
        <button
            type={props.submit ? 'submit' : 'button'}
            class={`button ${kind}${props.small ? ' small' : ''}`}
            disabled={props.disabled}
            aria-label={props.label}
            aria-pressed={props.pressed}
            aria-expanded={props.expanded}
            title={props.label}
            onClick={props.onClick}
        >
            {props.icon ? <Icon name={props.icon} /> : null}{props.children}
        </button>
    );
}

/** A labelled control. `children` is given the id that the control must have. */
export function Field(props: {
    label: string; hint?: ComponentChildren; fault?: string | undefined; grow?: boolean;
    children: (id: string, described: string | undefined) => JSX.Element;
}): JSX.Element {
    const id = useId();
    const note = `${id}-note`;
    return (
        <div class={props.grow ? 'field grow' : 'field'}>
            <label for={id}>{props.label}</label>
            {props.children(id, props.hint !== undefined || props.fault !== undefined ? note : undefined)}
            {props.fault !== undefined ? <span class="fault" id={note}>{props.fault}</span>
                : props.hint !== undefined ? <span class="hint" id={note}>{props.hint}</span> : null}
        </div>
    );
}

export function TextField(props: {
    label: string; value: string; onInput: (value: string) => void; hint?: ComponentChildren; fault?: string | undefined;
    type?: string; placeholder?: string; required?: boolean; grow?: boolean; autofocus?: boolean; autocomplete?: string;
}): JSX.Element {
    return (
        <Field label={props.label} hint={props.hint} fault={props.fault} grow={props.grow ?? false}>
            {(id, described) => (
                <input
                    id={id}
                    type={props.type ?? 'text'}
                    value={props.value}
                    placeholder={props.placeholder}
                    required={props.required}
                    aria-describedby={described}
                    aria-invalid={props.fault !== undefined}
                    autocomplete={props.autocomplete ?? 'off'}
                    spellcheck={false}
                    ref={(element) => {
                        if (props.autofocus && element && !element.dataset['focused']) {
                            element.dataset['focused'] = '1';
                            element.focus();
                        }
                    }}
                    onInput={(event) => { props.onInput(event.currentTarget.value); }}
                />
            )}
        </Field>
    );
}

export function SelectField(props: {
    label: string; value: string; onChange: (value: string) => void; options: [value: string, name: string][];
    hint?: ComponentChildren;
}): JSX.Element {
    return (
        <Field label={props.label} hint={props.hint}>
            {(id, described) => (
                <select id={id} value={props.value} aria-describedby={described}
                    onChange={(event) => { props.onChange(event.currentTarget.value); }}>
                    {props.options.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
                </select>
            )}
        </Field>
    );
}

/** A search text that is taken a moment after the last letter. */
export function SearchField(props: {
    label: string; value: string; onChange: (value: string) => void; placeholder?: string;
}): JSX.Element {
    const [text, setText] = useState(props.value);
    useEffect(() => { setText(props.value); }, [props.value]);
    useEffect(() => {
        if (text === props.value) {
            return undefined;
        }
        const timer = setTimeout(() => { props.onChange(text); }, 250);
        return () => { clearTimeout(timer); };
    }, [text]);
    return (
        <TextField label={props.label} type="search" value={text} onInput={setText} grow
            {...(props.placeholder !== undefined ? { placeholder: props.placeholder } : {})} />
    );
}

// ---- Facts and tables ----

export function Facts({ of }: { of: [name: string, value: ComponentChildren][] }): JSX.Element {
    return (
        <dl class="facts">
            {of.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>])}
        </dl>
    );
}

export interface Column<T> {
    name: string;
    /** Numbers stand right. */
    number?: boolean;
    /** The name by which the service sorts; without one it cannot be sorted by this column. */
    sort?: string;
    cell: (row: T) => ComponentChildren;
}

interface TableProps<T> {
    caption: string; // for screen readers
    columns: Column<T>[];
    rows: T[];
    rowKey: (row: T) => string;
    empty: ComponentChildren;
    fresh?: (row: T) => boolean;
    /** Column name as in `sort`, with "-" in front for descending. */
    sorted?: string;
    onSort?: (sort: string) => void;
}

function HeadCell<T>({ column, sorted, onSort }: {
    column: Column<T>; sorted: string | undefined; onSort: ((sort: string) => void) | undefined;
}): JSX.Element {
    const name = column.sort;
    const down = sorted === `-${name ?? ''}`;
    const up = sorted === name;
    return (
        <th scope="col" class={column.number ? 'number' : ''}
            aria-sort={name === undefined ? undefined : up ? 'ascending' : down ? 'descending' : 'none'}>
            {name !== undefined && onSort ? (
                <button type="button" onClick={() => { onSort(down ? name : `-${name}`); }}>
                    {column.name}{up ? ' ▲' : down ? ' ▼' : ''}
                </button>
            ) : column.name}
        </th>
    );
}

/** A table that becomes a list of cards where there is no room for columns. The first column names the row. */
export function Table<T>(props: TableProps<T>): JSX.Element {
    if (props.rows.length === 0) {
        return <>{props.empty}</>;
    }
    return (
        <Scroll label={props.caption}>
            <table class="cards">
                <caption class="visually-hidden">{props.caption}</caption>
                <thead>
                    <tr>
                        {props.columns.map((column) => (
                            <HeadCell key={column.name} column={column} sorted={props.sorted} onSort={props.onSort} />
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {props.rows.map((row) => (
                        <tr key={props.rowKey(row)} class={props.fresh?.(row) ? 'fresh' : ''}>
                            {props.columns.map((column, i) => i === 0 ? (
                                <th scope="row" key={column.name} data-label={column.name}>{column.cell(row)}</th>
                            ) : (
                                <td key={column.name} data-label={column.name} class={column.number ? 'number' : ''}>
                                    {column.cell(row)}
                                </td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </Scroll>
    );
}

/** How many there are, where they do not all show. */
export function Count({ of, one, many }: { of: number; one: string; many: string }): JSX.Element {
    return <>{number(of)} {of === 1 ? one : many}</>;
}

export function CopyButton({ text }: { text: string }): JSX.Element {
    const [copied, setCopied] = useState(false);
    return (
        <Button small kind="ghost" icon={copied ? 'check' : 'copy'} label={copied ? t.copied : t.copy}
            onClick={() => {
                navigator.clipboard.writeText(text).then(() => { setCopied(true); }, () => undefined);
            }} />
    );
}

export function Tabs({ label, of }: { label: string; of: { name: string; to: string; current: boolean }[] }): JSX.Element {
    return (
        <nav class="tabs" aria-label={label}>
            {of.map((tab) => <Link key={tab.to} to={tab.to} current={tab.current}>{tab.name}</Link>)}
        </nav>
    );
}
