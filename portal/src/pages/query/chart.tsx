// SPDX-License-Identifier: MIT
// A result as a chart.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { number } from '../../lib/format';
import type { QueryResult } from '../../lib/types';
import { t } from '../../strings';
import { Bars } from '../../ui/bars';
import { Chart } from '../../ui/chart';
import { Empty } from '../../ui/ui';
import { plotOf } from './plot';

const s = t.query;

export function ResultChart({ result }: { result: QueryResult }): JSX.Element {
    const plot = useMemo(() => plotOf(result), [result]);
    const title = typeof result.render?.['title'] === 'string' ? result.render['title'] : '';
    if (!plot) {
        return <Empty title={result.rows.length === 0 ? s.noRows : s.noChart}>{result.rows.length === 0 ? null : s.noChartWhy}</Empty>;
    }
    const label = s.chartLabel(title, plot.series.map((one) => one.name));
    return (
        <div class="stack tight">
            {title !== '' ? <h3>{title}</h3> : null}
            {plot.form === 'axis' ? (
                <Chart label={label} times={plot.xs} series={plot.series} kind={plot.draw} height={300} bare spans
                    {...(plot.numbers !== undefined ? { numbers: plot.numbers } : {})} />
            ) : (
                <Bars label={label} names={plot.names} series={plot.series} shares={plot.shares} of={plot.of} unit={number} />
            )}
            {plot.left > 0 ? <p class="muted small">{s.chartLeft(plot.left)}</p> : null}
        </div>
    );
}
