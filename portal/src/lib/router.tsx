// SPDX-License-Identifier: MIT
// Where we are: the URL below /portal/ is the only state of a page that others are to see again.

import type { ComponentChildren, JSX } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';

const BASE = '/portal/';

export interface Route {
    /** The segments below /portal/, decoded. */
    path: string[];
    params: URLSearchParams;
}

function current(): Route {
    const { pathname, search } = window.location;
    const below = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : '';
    return {
        path: below.split('/').filter((part) => part !== '').map(decode),
        params: new URLSearchParams(search),
    };
}

/** A segment that is encoded wrongly stands for itself. */
function decode(part: string): string {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

const watchers = new Set<() => void>();

function tell(): void {
    for (const watcher of watchers) {
        watcher();
    }
}

window.addEventListener('popstate', tell);

/** The URL of a page: segments are encoded, parameters that are undefined or empty are left out. */
export function href(path: string[], params: Record<string, string | undefined> = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) {
        if (value !== undefined && value !== '') {
            search.set(name, value);
        }
    }
    const text = search.toString();
    return BASE + path.map(encodeURIComponent).join('/') + (text === '' ? '' : `?${text}`);
}

export function go(to: string, replace = false): void {
    if (replace) {
        window.history.replaceState(null, '', to);
    } else {
        window.history.pushState(null, '', to);
        window.scrollTo(0, 0);
    }
    tell();
}

/** As if the page were opened now. */
export function loadAnew(): void {
    window.location.reload();
}

export function useRoute(): Route {
    const [route, setRoute] = useState(current);
    useEffect(() => {
        const watcher = () => { setRoute(current()); };
        watchers.add(watcher);
        watcher();
        return () => { watchers.delete(watcher); };
    }, []);
    return route;
}

/** A parameter of the URL, and how to set it without a new entry in the history. */
export function useParam(name: string, fallback = ''): [string, (value: string) => void] {
    const { params } = useRoute();
    const set = useCallback(
        (value: string) => {
            const next = new URLSearchParams(window.location.search);
            if (value === '' || value === fallback) {
                next.delete(name);
            } else {
                next.set(name, value);
            }
            const text = next.toString();
            go(window.location.pathname + (text === '' ? '' : `?${text}`), true);
        },
        [name, fallback]
    );
    return [params.get(name) ?? fallback, set];
}

interface LinkProps {
    to: string;
    class?: string;
    title?: string;
    current?: boolean;
    label?: string;
    children: ComponentChildren;
}

/** A link to a page of ours, followed without loading anew; modified clicks are the browser's. */
export function Link(props: LinkProps): JSX.Element {
    const follow = (event: MouseEvent) => {
        if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
            event.preventDefault();
            go(props.to);
        }
    };
    return (
        <a
            href={props.to}
            class={props.class}
            title={props.title}
            aria-current={props.current ? 'page' : undefined}
            aria-label={props.label}
            onClick={follow}
        >
            {props.children}
        </a>
    );
}
