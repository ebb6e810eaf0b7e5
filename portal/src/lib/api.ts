// SPDX-License-Identifier: MIT
// The way to the service: requests with their faults, the session, and what to show while one is under way.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { onTopics, type Topic } from './events';
import { ApiError, type Place } from './fault';
import { parseExact } from './json';
import { useRetry } from './retry';

const BASE = '/portal';

export { ApiError, type Place } from './fault';

export type Role = 'reader' | 'contributor' | 'owner';

export interface Session {
    name: string;
    role: Role;
    expires: string | null;
    csrf: string;
    version: string;
    /** From where the service sees who is signed in; undefined: it does not say. */
    address?: string;
}

let session: Session | null = null;
/** The service no longer takes the session. Who had it is still known, for what is on the page is theirs. */
let isOver = false;
let onSignedOut: (isOver: boolean) => void = () => undefined;

/** Called when the service no longer takes the session (true), and after signing out. */
export function whenSignedOut(call: (isOver: boolean) => void): void {
    onSignedOut = call;
}

const RANKS: Record<Role, number> = { reader: 0, contributor: 1, owner: 2 };

/** Whether who is signed in may do what takes that role. The service judges again. */
export function may(role: Role): boolean {
    return session !== null && RANKS[session.role] >= RANKS[role];
}

/** Who is signed in; null: nobody. */
export function signedIn(): Session | null {
    return session;
}

interface FaultBody {
    error?: { code?: string; message?: string; place?: Place };
}

async function fault(response: Response): Promise<ApiError> {
    const body = (await response.json().catch(() => ({}))) as FaultBody;
    return new ApiError(
        response.status,
        body.error?.code ?? 'Unknown',
        body.error?.message ?? response.statusText,
        body.error?.place
    );
}

function sessionIsOver(): void {
    if (session !== null && !isOver) {
        isOver = true;
        onSignedOut(true);
    }
}

async function send(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
        response = await fetch(BASE + path, { credentials: 'same-origin', ...init });
    } catch (error) {
        if (error instanceof DOMException && error.name === 'AbortError') {
            throw error;
        }
        throw new ApiError(0, 'Unreachable', error instanceof Error ? error.message : String(error));
    }
    if (!response.ok) {
        const made = await fault(response);
        if (made.status === 401 && !path.startsWith('/session')) {
            sessionIsOver();
        }
        throw made;
    }
    return response;
}

async function json<T>(response: Response): Promise<T> {
    return (response.status === 204 ? undefined : parseExact(await response.text())) as T;
}

/** The session that the browser's cookie has; null: there is none. */
export async function loadSession(): Promise<Session | null> {
    try {
        session = await json<Session>(await send('/session', { method: 'GET' }));
        isOver = false;
        return session;
    } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) {
            throw error;
        }
        sessionIsOver();
        return null;
    }
}

export async function signIn(token: string): Promise<Session> {
    await send('/session', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ token }),
    });
    const made = await loadSession();
    if (made === null) {
        throw new ApiError(401, 'NoCookie', 'the browser did not keep the cookie');
    }
    return made;
}

export async function signOut(): Promise<void> {
    await send('/session', { method: 'DELETE', headers: { 'X-Vedette-Csrf': session?.csrf ?? '' } });
    session = null;
    isOver = false;
    onSignedOut(false);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return json<T>(await send('/api' + path, { method: 'GET', ...(signal ? { signal } : {}) }));
}

/** Changes something, or asks with a body. `body` is sent as it is if it is text. */
export async function call<T = undefined>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    signal?: AbortSignal
): Promise<T> {
    const headers: Record<string, string> = { 'X-Vedette-Csrf': session?.csrf ?? '' };
    const init: RequestInit = { method, headers };

    if (body !== undefined) {
        headers['Content-Type'] = typeof body === 'string' ? 'text/plain' : 'application/json';
        init.body = typeof body === 'string' ? body : JSON.stringify(body);
    }
    if (signal) {
        init.signal = signal;
    }
    return json<T>(await send('/api' + path, init));
}

/** `/path?name=value&...`; what is undefined or empty is left out. */
export function withQuery(
    path: string,
    params: Record<string, string | number | boolean | undefined>
): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) {
        if (value !== undefined && value !== '') {
            search.set(name, String(value));
        }
    }
    const text = search.toString();
    return text === '' ? path : `${path}?${text}`;
}

export interface Loaded<T> {
    data: T | undefined; // what came last; stays while it is asked for again
    error: Error | undefined;
    loading: boolean;
    reload: () => void;
}

/** What the paths gave last, so that going back shows it at once. */
const remembered = new Map<string, unknown>();
const REMEMBERED_MAX = 60;

function remember(path: string, value: unknown): void {
    remembered.delete(path);
    remembered.set(path, value);
    if (remembered.size > REMEMBERED_MAX) {
        for (const oldest of remembered.keys()) {
            remembered.delete(oldest);
            break;
        }
    }
}

/** Forgets all answers: they were another caller's. */
export function forgetAnswers(): void {
    remembered.clear();
    for (const call of forgetting) {
        call();
    }
}

const forgetting = new Set<() => void>();

/** Called when answers are forgotten: for what else is a caller's own. */
export function whenForgotten(call: () => void): void {
    forgetting.add(call);
}

/** Asks for a path (null: for nothing), and again when one of the topics changed. */
export function useGet<T>(path: string | null, topics: Topic[] = []): Loaded<T> {
    const [state, setState] = useState<{ path: string | null; data?: T; error?: Error }>({ path: null });
    const [loading, setLoading] = useState(path !== null);
    const [turn, setTurn] = useState(0);
    const reload = useCallback(() => { setTurn((n) => n + 1); }, []);
    const key = topics.join(' ');
    const latest = useRef(path);

    latest.current = path;
    useEffect(() => {
        if (path === null) {
            setLoading(false);
            return undefined;
        }
        const abort = new AbortController();
        setLoading(true);
        get<T>(path, abort.signal).then(
            (data) => {
                remember(path, data);
                setState({ path, data });
                setLoading(false);
            },
            (error: unknown) => {
                if (!abort.signal.aborted) {
                    setState((before) => ({
                        path,
                        ...(before.path === path && before.data !== undefined ? { data: before.data } : {}),
                        error: error instanceof Error ? error : new Error(String(error)),
                    }));
                    setLoading(false);
                }
            }
        );
        return () => { abort.abort(); };
    }, [path, turn]);
    useRetry(state.path === path ? state.error : undefined, reload);
    useEffect(() => (key === '' ? undefined : onTopics(key.split(' ') as Topic[], reload)), [key, reload]);

    const own = state.path === path;
    return {
        data: own && state.data !== undefined ? state.data
            : path !== null ? (remembered.get(path) as T | undefined)
            : undefined,
        error: own ? state.error : undefined,
        loading,
        reload,
    };
}

/** A change under way: `run` ends with false if it failed, and `error` says why. */
export function useAction(): {
    run: (act: () => Promise<unknown>) => Promise<boolean>;
    running: boolean;
    error: Error | undefined;
    clear: () => void;
} {
    const [running, setRunning] = useState(false);
    const [error, setError] = useState<Error | undefined>(undefined);
    const run = useCallback(async (act: () => Promise<unknown>) => {
        setRunning(true);
        setError(undefined);
        try {
            await act();
            return true;
        } catch (caught) {
            setError(caught instanceof Error ? caught : new Error(String(caught)));
            return false;
        } finally {
            setRunning(false);
        }
    }, []);
    const clear = useCallback(() => { setError(undefined); }, []);
    return { run, running, error, clear };
}
