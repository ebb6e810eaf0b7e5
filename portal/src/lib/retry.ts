// SPDX-License-Identifier: MIT
// What failed and need not fail again is asked for again.

import { useEffect } from 'preact/hooks';
import { onReturn } from './events';
import { ApiError, isPassing } from './fault';

const RETRY_MS = 10000;

/** Asks again when the service is back (or the session is), and from time to time until then. */
export function useRetry(error: Error | undefined, reload: () => void): void {
    useEffect(() => {
        const isOver = error instanceof ApiError && error.status === 401;
        if (!isOver && !isPassing(error)) {
            return undefined;
        }
        const end = onReturn(reload);
        const timer = isOver ? undefined : setTimeout(reload, RETRY_MS);
        return () => {
            end();
            clearTimeout(timer);
        };
    }, [error, reload]);
}
