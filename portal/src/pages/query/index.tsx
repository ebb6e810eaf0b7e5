// SPDX-License-Identifier: MIT
// Queries over what the fleet sent. What is asked stands in the URL: whoever opens it sees the same.

import './query.css';
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { may, useGet } from '../../lib/api';
import { go, useRoute } from '../../lib/router';
import { t } from '../../strings';
import { Badge, Button, Card, CopyButton, Loading, Notice, Page, Time } from '../../ui/ui';
import { askOf, findSaved, FRESH, urlOf, type Ask } from './ask';
import { Editor } from './editor';
import { forgetPast, pastQueries, remember } from './history';
import { Parameters } from './parameters';
import { Result } from './result';
import { useCheck, useRun } from './run';
import { DeleteDialog, SaveDialog } from './save';
import { everyWords, Side } from './side';
import { TimeRange } from './time_range';
import type { Names, SavedQuery } from './types';

const s = t.query;
const NO_NAMES: Names = { tables: [], operators: [], keywords: [], functions: [], aggregates: [] };

function useAsk(queries: SavedQuery[] | undefined, start: (ask: Ask) => void, forget: () => void) {
    const { params } = useRoute();
    const [draft, setDraft] = useState<Ask>(FRESH);
    const [loads, setLoads] = useState(0);
    const key = params.toString();
    /** The URL that the draft is of, so that one that we set ourselves asks nothing again. */
    const own = useRef<string | undefined>(undefined);
    const news = own.current === key ? undefined : askOf(params, queries);
    useEffect(() => {
        if (news && own.current !== key) {
            own.current = key;
            setDraft(news);
            setLoads((n) => n + 1);
            if (news.text.trim() === '') {
                forget();
            } else {
                start(news);
            }
        }
    }, [key, news]);
    const run = (ask: Ask): boolean => {
        const { url, isWhole } = urlOf(ask, queries);
        own.current = new URL(url, window.location.href).searchParams.toString();
        if (own.current !== key) {
            go(url);
        }
        start(ask);
        return isWhole;
    };
    const name = params.get('saved') ?? '';
    return { draft, setDraft, loads, run, unknown: queries && own.current !== key && !news && name !== '' ? name : undefined };
}

function SavedState({ of }: { of: SavedQuery }): JSX.Element | null {
    const { schedule, state } = of;
    if (!schedule || !state) {
        return null;
    }
    return (
        <Notice tone={state.error ? 'bad' : 'info'}>
            {schedule.enabled === false ? s.scheduleOff : s.everySo(everyWords(schedule.every))}
            {state.next ? <>{' ('}{s.nextRun}{' '}<Time at={state.next} />{')'}</> : null}
            {'. '}
            {state.lastRun ? <>{s.lastRun}{' '}<Time at={state.lastRun} full />{': '}{s.lastRunRows(state.rows, state.raised, state.repeated)}</> : s.neverRun}
            {state.error ? <p>{state.error}</p> : null}
        </Notice>
    );
}

function SaveButtons({ draft, opened, queries }: { draft: Ask; opened: SavedQuery | undefined; queries: SavedQuery[] }): JSX.Element | null {
    const [dialog, setDialog] = useState<'new' | 'change' | 'delete' | null>(null);
    if (!may('contributor') || draft.text.trim() === '') {
        return null;
    }
    const own = opened && !opened.isDelivered ? opened : undefined;
    const close = () => { setDialog(null); };
    return (
        <>
            {own ? <Button onClick={() => { setDialog('change'); }}>{own.query === draft.text ? s.edit : s.update}</Button> : null}
            <Button onClick={() => { setDialog('new'); }}>{s.saveAs}</Button>
            {own ? <Button kind="danger" onClick={() => { setDialog('delete'); }}>{s.delete}</Button> : null}
            {dialog === 'delete' && own ? <DeleteDialog name={own.name} onClose={close} /> : null}
            {dialog === 'new' || dialog === 'change' ? (
                <SaveDialog text={draft.text} of={opened} isNew={dialog === 'new'} queries={queries} onClose={close} />
            ) : null}
        </>
    );
}

export function Query(): JSX.Element {
    const names = useGet<Names>('/query/names');
    const saved = useGet<{ queries: SavedQuery[] }>('/queries', ['queries']);
    const queries = saved.data?.queries ?? (saved.error ? [] : undefined);
    const { run, start, cancel, forget } = useRun();
    const [past, setPast] = useState(pastQueries);
    const [isWhole, setIsWhole] = useState(true);
    const insert = useRef<(text: string) => void>(() => undefined);
    const { draft, setDraft, loads, run: ask, unknown } = useAsk(queries, (one) => {
        setPast(remember(one.text, one.timespan, Date.now()));
        start(one);
    }, forget);
    const checked = useCheck(draft.text);
    const opened = findSaved(queries, draft.saved);
    const running = run.state === 'running';
    // The same while one types: thousands of cells are not looked at again with each letter.
    const result = useMemo(() => <Result run={run} />, [run]);
    const submit = (text: string) => {
        if (text.trim() !== '') {
            setIsWhole(ask({ ...draft, text }));
        }
    };
    // A fault of the run is of the text that was run.
    const error = run.state === 'failed' && run.ask?.text === draft.text ? run.error : checked.error;
    const declared = checked.declared.length > 0 ? checked.declared : run.ask?.text === draft.text ? run.declared ?? [] : [];
    return (
        <Page title={opened ? opened.title ?? opened.name : s.title}
            badges={opened ? <>{opened.query !== draft.text ? <Badge tone="medium">{s.changed}</Badge> : null}<Badge>{opened.isDelivered ? s.delivered : opened.name}</Badge></> : null}
            actions={<SaveButtons draft={draft} opened={opened} queries={queries ?? []} />}>
            <div class="columns query-page">
                <div class="stack">
                    {unknown !== undefined ? <Notice tone="bad">{s.noSuchQuery(unknown)}</Notice> : null}
                    {opened ? <SavedState of={opened} /> : null}
                    <Card>
                        <form class="stack tight" onSubmit={(event) => {
                            event.preventDefault();
                            submit(draft.text);
                        }}>
                            {opened?.description ? <p class="muted">{opened.description}</p> : null}
                            {names.data ?? names.error ? (
                                <Editor text={draft.text} loads={loads} names={names.data ?? NO_NAMES} error={error} onRun={submit}
                                    onChange={(text) => { setDraft((before) => ({ ...before, text })); }}
                                    onReady={(put) => { insert.current = put; }} />
                            ) : <Loading lines={6} />}
                            {error && run.error !== error ? <p class="small fault-line">{error.message}</p> : null}
                            <div class="filters">
                                <TimeRange value={draft.timespan} onChange={(timespan) => { setDraft({ ...draft, timespan }); }} />
                                <Parameters declared={declared} values={draft.values} missing={run.state === 'incomplete' ? run.missing : []}
                                    onChange={(values) => { setDraft({ ...draft, values }); }} />
                            </div>
                            <div class="row">
                                <Button submit kind="primary" disabled={running || draft.text.trim() === ''}>{running ? s.running : s.run}</Button>
                                {running ? <Button onClick={cancel}>{s.cancel}</Button> : null}
                                {run.state !== 'none' && isWhole ? <span class="row small muted">{s.share}<CopyButton text={window.location.href} /></span> : null}
                                {isWhole ? null : <span class="small muted">{s.tooLong}</span>}
                            </div>
                        </form>
                    </Card>
                    {result}
                </div>
                <Side saved={saved} opened={draft.saved} names={names.data} past={past} insert={(text) => { insert.current(text); }}
                    forget={() => { setPast(forgetPast()); }} />
            </div>
        </Page>
    );
}
