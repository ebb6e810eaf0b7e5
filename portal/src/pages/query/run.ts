// SPDX-License-Identifier: MIT
// Queries on their way: looked at while they are written, run, cancelled.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call } from '../../lib/api';
import type { QueryResult } from '../../lib/types';
import type { Ask } from './ask';
import type { Checked, Declared } from './types';

const REST_MS = 700;

function asError(fault: unknown): Error {
    return fault instanceof Error ? fault : new Error(String(fault));
}

/** What the text declares; what is wrong with it is thrown as running it would. */
async function check(text: string, signal: AbortSignal): Promise<Declared[]> {
    const { problem, parameters } = await call<Checked>('POST', '/query', { kql: text, check: true }, signal);
    if (problem) {
        throw new ApiError(400, 'InvalidQuery', problem.message, problem.place);
    }
    return parameters ?? [];
}

/** Parameters that the service fills in itself, where the device is known. */
const filledIn = (one: Declared): boolean => one.name === 'groupMembers' && one.type === 'dynamic';

export function asksFor(declared: Declared[]): Declared[] {
    return declared.filter((one) => !(filledIn(one) && declared.some((other) => other.name === 'device')));
}

export interface CheckState { declared: Declared[]; error: Error | undefined }

/** What the service says of a text, a moment after it was last changed. */
export function useCheck(text: string): CheckState {
    const [state, setState] = useState<CheckState>({ declared: [], error: undefined });
    useEffect(() => {
        if (text.trim() === '') {
            setState({ declared: [], error: undefined });
            return undefined;
        }
        const abort = new AbortController();
        const timer = setTimeout(() => {
            check(text, abort.signal).then(
                (declared) => { setState({ declared: asksFor(declared), error: undefined }); },
                (fault: unknown) => {
                    // Only what is wrong with the text: whether the service can be reached is said when it is run.
                    if (fault instanceof ApiError && fault.place) {
                        setState((before) => ({ ...before, error: fault }));
                    }
                }
            );
        }, REST_MS);
        return () => {
            clearTimeout(timer);
            abort.abort();
        };
    }, [text]);
    return state;
}

export interface Run {
    state: 'none' | 'running' | 'done' | 'failed' | 'cancelled' | 'incomplete';
    ask: Ask | undefined;
    result: QueryResult | undefined; // stays while the next is under way
    error: Error | undefined;
    /** Parameters that lack a value; with 'incomplete'. */
    missing: string[];
    declared: Declared[] | undefined;
}

const NOTHING: Run = { state: 'none', ask: undefined, result: undefined, error: undefined, missing: [], declared: undefined };

export function useRun(): { run: Run; start: (ask: Ask) => void; cancel: () => void; forget: () => void } {
    const [run, setRun] = useState<Run>(NOTHING);
    const abort = useRef<AbortController | undefined>(undefined);

    const go = async (ask: Ask, signal: AbortSignal) => {
        const declared = asksFor(await check(ask.text, signal));
        const values = Object.fromEntries(declared.map(({ name }) => [name, ask.values[name] ?? '']).filter(([, value]) => value !== ''));
        const missing = declared.filter((one) => !one.hasDefault && values[one.name] === undefined).map(({ name }) => name);
        if (missing.length > 0) {
            setRun((before) => ({ ...before, state: 'incomplete', ask, error: undefined, missing, declared }));
            return;
        }
        const result = await call<QueryResult>('POST', '/query', {
            kql: ask.text, parameters: values, ...(ask.timespan === '' ? {} : { timespan: ask.timespan }),
        }, signal);
        setRun({ state: 'done', ask, result, error: undefined, missing: [], declared });
    };
    const start = useCallback((ask: Ask) => {
        abort.current?.abort();
        const own = new AbortController();
        abort.current = own;
        setRun((before) => ({ ...before, state: 'running', ask, error: undefined, missing: [] }));
        go(ask, own.signal).catch((fault: unknown) => {
            if (!own.signal.aborted) {
                setRun((before) => ({ ...before, state: 'failed', result: undefined, error: asError(fault) }));
            }
        });
    }, []);
    const cancel = useCallback(() => {
        abort.current?.abort();
        setRun((before) => ({ ...before, state: before.state === 'running' ? 'cancelled' : before.state }));
    }, []);
    const forget = useCallback(() => {
        abort.current?.abort();
        setRun(NOTHING);
    }, []);
    useEffect(() => () => { abort.current?.abort(); }, []);
    return { run, start, cancel, forget };
}
