// SPDX-License-Identifier: MIT
// What is asked with a body: queries and trials. Nothing is changed by it.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, type Loaded } from './api';
import { useRetry } from './retry';

/**
 * Asks when path or body change, `delay` ms later; path null: not at all. What came for an earlier body stays in `data` while it
 * is asked anew: `loading` says so, from the first moment on.
 */
export function usePost<T>(path: string | null, body: unknown, delay = 0): Loaded<T> {
    const text = JSON.stringify(body);
    const key = path === null ? null : `${path} ${text}`;
    const [state, setState] = useState<{ key: string | null; data?: T; error?: Error }>({ key: null });
    const [turn, setTurn] = useState(0);
    const reload = useCallback(() => { setTurn((n) => n + 1); }, []);

    useEffect(() => {
        if (path === null) {
            return undefined;
        }
        const abort = new AbortController();
        const timer = setTimeout(() => {
            call<T>('POST', path, JSON.parse(text), abort.signal).then(
                (data) => {
                    if (!abort.signal.aborted) {
                        setState({ key, data });
                    }
                },
                (error: unknown) => {
                    if (!abort.signal.aborted) {
                        setState({ key, error: error instanceof Error ? error : new Error(String(error)) });
                    }
                }
            );
        }, delay);
        return () => {
            clearTimeout(timer);
            abort.abort();
        };
    }, [key, turn]);
    useRetry(state.error, reload);
    return { data: state.data, error: state.error, loading: key !== null && state.key !== key, reload };
}
