// SPDX-License-Identifier: MIT
// What came of a query: as a table, as a chart, as a file.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { download } from '../../lib/download';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Button, Card, Empty, Fault, Loading, Notice } from '../../ui/ui';
import { toCsv, toJson } from './cell';
import { ResultChart } from './chart';
import { isDrawn, plotOf } from './plot';
import type { Run } from './run';
import { ResultTable } from './table';

const s = t.query;

function Exports({ result }: { result: QueryResult }): JSX.Element | null {
    if (result.rows.length === 0) {
        return null;
    }
    const name = () => `vedette-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`;
    return (
        <>
            <Button small onClick={() => { download(`${name()}.csv`, 'text/csv', toCsv(result)); }}>{s.csv}</Button>
            <Button small onClick={() => { download(`${name()}.json`, 'application/json', toJson(result)); }}>{s.json}</Button>
        </>
    );
}

function Shown({ result, busy }: { result: QueryResult; busy: boolean }): JSX.Element {
    const [view, setView] = useState<{ of: QueryResult; chart: boolean } | undefined>(undefined);
    const visualization = result.render?.visualization;
    const chart = view?.of === result ? view.chart : isDrawn(visualization);
    const canDraw = useMemo(() => isDrawn(visualization) || plotOf(result) !== undefined, [result]);
    return (
        <Card title={s.results} flush busy={busy} actions={
            <>
                <span class="muted small">{s.summary(result.rows.length, result.seconds)}</span>
                {canDraw ? (
                    <span class="row" role="group" aria-label={s.view}>
                        <Button small pressed={!chart} onClick={() => { setView({ of: result, chart: false }); }}>{s.table}</Button>
                        <Button small pressed={chart} onClick={() => { setView({ of: result, chart: true }); }}>{s.chart}</Button>
                    </span>
                ) : null}
                <Exports result={result} />
            </>
        }>
            {result.truncated ? <div class="inset"><Notice tone="warn">{s.truncated(result.rows.length)}</Notice></div> : null}
            {visualization !== undefined && visualization !== 'table' && !isDrawn(visualization)
                ? <div class="inset"><Notice>{s.notDrawn(visualization)}</Notice></div> : null}
            {chart ? <div class="inset"><ResultChart result={result} /></div> : <ResultTable result={result} />}
        </Card>
    );
}

export function Result({ run }: { run: Run }): JSX.Element {
    const running = run.state === 'running';
    return (
        <div class="stack" aria-live="polite" aria-busy={running}>
            {run.state === 'failed' && run.error ? <Fault error={run.error} /> : null}
            {run.state === 'cancelled' ? <Notice>{s.cancelled}</Notice> : null}
            {run.state === 'incomplete' ? <Notice tone="warn">{s.missing(run.missing)}</Notice> : null}
            {running && !run.result ? <Card title={s.results}><Loading lines={6} /></Card> : null}
            {run.result ? <Shown result={run.result} busy={running} /> : null}
            {run.state === 'none' ? <Card title={s.results}><Empty title={s.start}>{s.startHow}</Empty></Card> : null}
        </div>
    );
}
