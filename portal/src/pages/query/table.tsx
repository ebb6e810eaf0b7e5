// SPDX-License-Identifier: MIT
// A result as a table: sorted here, a page at a time.

import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { href, Link } from '../../lib/router';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Dialog } from '../../ui/dialog';
import { Scroll } from '../../ui/scroll';
import { Button, CopyButton, Empty, Time } from '../../ui/ui';
import { cellText, jsonOf, sortRows } from './cell';

const s = t.query;
const PAGE = 100;
const SHOWN_MAX = 1000;
const TEXT_MAX = 140;

const isNumber = (type: string): boolean => ['int', 'long', 'real', 'decimal'].includes(type);

/** Pages of ours that a value of such a column stands for. */
function linkOf(column: string, text: string): string | undefined {
    switch (column) {
        case 'DeviceId': return href(['devices', text]);
        case 'SystemAlertId': return href(['alerts', text]);
        default: return undefined;
    }
}

type Open = (name: string, value: unknown) => void;

function Cell({ column, value, open }: { column: { name: string; type: string }; value: unknown; open: Open }): JSX.Element {
    const text = cellText(value);
    if (value === null || value === undefined) {
        return <span class="muted">{s.nothing}</span>;
    }
    if (column.type === 'datetime') {
        return <Time at={text} full />;
    }
    if (text.length > TEXT_MAX || (text.length > 2 && jsonOf(value) !== undefined)) {
        return (
            <button type="button" class="cell-button" title={s.openCell(column.name)}
                onClick={() => { open(column.name, value); }}>{text.slice(0, TEXT_MAX)}{text.length > TEXT_MAX ? ' …' : ''}</button>
        );
    }
    const to = text === '' ? undefined : linkOf(column.name, text);
    return to !== undefined ? <Link to={to}>{text}</Link> : <>{typeof value === 'number' && column.type !== 'string' ? number6(value) : text}</>;
}

/** Whole numbers as they are, for they may be ids; the rest with what can be read. */
function number6(value: number): string {
    return Number.isInteger(value) ? value.toString() : Number(value.toPrecision(9)).toString();
}

function CellDialog({ name, value, onClose }: { name: string; value: unknown; onClose: () => void }): JSX.Element {
    const json = jsonOf(value);
    const text = json === undefined ? cellText(value) : JSON.stringify(json, null, 2);
    return (
        <Dialog title={name} onClose={onClose}>
            <pre class="json" role="region" aria-label={name} tabIndex={0}>{text}</pre>
            <form method="dialog" class="row inline-form">
                <CopyButton text={text} />
                <Button submit>{t.close}</Button>
            </form>
        </Dialog>
    );
}

function Head({ result, sort, setSort }: { result: QueryResult; sort: string; setSort: (sort: string) => void }): JSX.Element {
    return (
        <thead>
            <tr>
                {result.columns.map((column, i) => {
                    const up = sort === i.toString();
                    const down = sort === `-${i.toString()}`;
                    return (
                        <th scope="col" key={i} class={isNumber(column.type) ? 'number' : ''} title={column.type}
                            aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}>
                            <button type="button" onClick={() => { setSort(down ? '' : up ? `-${i.toString()}` : i.toString()); }}>
                                {column.name}{up ? ' ▲' : down ? ' ▼' : ''}
                            </button>
                        </th>
                    );
                })}
            </tr>
        </thead>
    );
}

export function ResultTable({ result }: { result: QueryResult }): JSX.Element {
    const [sort, setSort] = useState('');
    const [page, setPage] = useState(0);
    const [opened, setOpened] = useState<{ name: string; value: unknown } | undefined>(undefined);
    const rows = useMemo(() => sortRows(result.rows, sort).slice(0, SHOWN_MAX), [result, sort]);
    const pages = Math.ceil(rows.length / PAGE);
    useEffect(() => {
        setSort('');
        setPage(0);
    }, [result]);
    if (rows.length === 0) {
        return <Empty title={s.noRows}>{s.noRowsWhy}</Empty>;
    }
    const first = page * PAGE;
    const shown = rows.slice(first, first + PAGE);
    return (
        <>
            <Scroll label={s.rows} class="table-wrap results">
                <table class="plain-cells">
                    <caption class="visually-hidden">{s.results}</caption>
                    <Head result={result} sort={sort} setSort={(next) => {
                        setSort(next);
                        setPage(0);
                    }} />
                    <tbody>
                        {shown.map((row, i) => (
                            <tr key={first + i}>
                                {result.columns.map((column, c) => (
                                    <td key={c} class={isNumber(column.type) ? 'number' : ''}>
                                        <div class="cell"><Cell column={column} value={row[c]} open={(name, value) => { setOpened({ name, value }); }} /></div>
                                    </td>
                                ))}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </Scroll>
            <div class="pager">
                <span class="muted small">{s.shown(first + 1, first + shown.length, result.rows.length)}</span>
                {page > 0 ? <Button small onClick={() => { setPage(page - 1); }}>{s.previous}</Button> : null}
                {page + 1 < pages ? <Button small onClick={() => { setPage(page + 1); }}>{s.next}</Button> : null}
                {page + 1 === pages && result.rows.length > SHOWN_MAX ? <span class="small">{s.restInExport(SHOWN_MAX)}</span> : null}
            </div>
            {opened ? <CellDialog {...opened} onClose={() => { setOpened(undefined); }} /> : null}
        </>
    );
}
