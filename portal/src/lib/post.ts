// SPDX-License-Identifier: MIT
// What is asked with a body: queries and trials. Nothing is changed by it.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, type Loaded } from './api';

/**
 * Asks when path or body change, `delay` ms later; path null: not at all. What came for an earlier body stays in `data` while it
 * is asked anew: `loading` says so.
 */
export function usePost<T>(path: string | null, body: unknown, delay = 0): Loaded<T> {
    const [state, setState] = useState<{ data?: T; error?: Error; loading: boolean }>({ loading: path !== null });
    const [turn, setTurn] = useState(0);
    const reload = useCallback(() => { setTurn((n) => n + 1); }, []);
    const text = JSON.stringify(body);

    useEffect(() => {
        if (path === null) {
            setState((before) => ({ ...before, loading: false }));
            return undefined;
        }
        const abort = new AbortController();
        setState((before) => ({ ...before, loading: true }));
        const timer = setTimeout(() => {
            call<T>('POST', path, JSON.parse(text), abort.signal).then(
                (data) => {
                    if (!abort.signal.aborted) {
                        setState({ data, loading: false });
                    }
                },
                (error: unknown) => {
                    if (!abort.signal.aborted) {
                        setState({ error: error instanceof Error ? error : new Error(String(error)), loading: false });
                    }
                }
            );
        }, delay);
        return () => {
            clearTimeout(timer);
            abort.abort();
        };
    }, [path, text, turn]);
    return { data: state.data, error: state.error, loading: state.loading, reload };
}
