// SPDX-License-Identifier: MIT
// What changed: the service's stream of names and change numbers, and who wants to hear of which.

export type Topic =
    | 'alerts'
    | 'recommendations'
    | 'devices'
    | 'feeds'
    | 'groups'
    | 'notify'
    | 'dead-letters'
    | 'queries'
    | 'ingest';

const TOPICS: Topic[] = [
    'alerts', 'recommendations', 'devices', 'feeds', 'groups', 'notify', 'dead-letters', 'queries', 'ingest',
];

/** A page asks again at most so often; what comes meanwhile is one more time at the end. */
const REST_MS = 1000;
const AGAIN_MS = 5000;
const CLOSED = 2; // of EventSource

export type Liveness = 'off' | 'connecting' | 'live';

const listeners = new Map<Topic, Set<() => void>>();
const numbers = new Map<Topic, string>();
const returns = new Set<() => void>();
const watchers = new Set<(state: Liveness) => void>();
let source: EventSource | null = null;
let again: ReturnType<typeof setTimeout> | undefined;
let wasLive = false;
let aliveAt = Date.now();
let liveness: Liveness = 'off';

function setLiveness(state: Liveness): void {
    if (liveness !== 'connecting') {
        aliveAt = Date.now();
    }
    liveness = state;
    for (const watcher of watchers) {
        watcher(state);
    }
}

function changed(topic: Topic, number: string): void {
    const before = numbers.get(topic);

    numbers.set(topic, number);
    // The first number may be of later than what the page has asked already, so it is news too.
    if (before !== number) {
        for (const listener of listeners.get(topic) ?? []) {
            listener();
        }
    }
}

/** Until when the page was live; before it was ever: since when it is to be. */
export const lastLive = (): Date => new Date(aliveAt);

/** Called when the service answers again, or takes the session again. What it gives ends that. */
export function onReturn(call: () => void): () => void {
    returns.add(call);
    return () => { returns.delete(call); };
}

export function announceReturn(): void {
    for (const call of [...returns]) {
        call();
    }
}

function opened(): void {
    const isBack = wasLive;
    wasLive = true;
    setLiveness('live');
    if (isBack) {
        announceReturn();
    }
}

function failed(): void {
    setLiveness('connecting');
    // The browser connects again by itself, but for answers that are faults.
    if (source?.readyState === CLOSED) {
        clearTimeout(again);
        again = setTimeout(listen, AGAIN_MS);
    }
}

function listen(): void {
    source?.close();
    source = new EventSource('/portal/events');
    source.onopen = opened;
    source.onerror = failed;
    for (const topic of TOPICS) {
        source.addEventListener(topic, (event) => {
            changed(topic, (event as MessageEvent<string>).data);
        });
    }
}

/** Begins to listen. */
export function startEvents(): void {
    stopEvents();
    setLiveness('connecting');
    listen();
}

export function stopEvents(): void {
    clearTimeout(again);
    wasLive = false;
    source?.close();
    source = null;
    numbers.clear();
    setLiveness('off');
}

export function onLiveness(watcher: (state: Liveness) => void): () => void {
    watchers.add(watcher);
    watcher(liveness);
    return () => { watchers.delete(watcher); };
}

/** Calls soon after one of the topics changed. What it gives ends that. */
export function onTopics(topics: Topic[], call: () => void): () => void {
    let last = Date.now(); // what calls has just asked
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listener = () => {
        if (timer === undefined) {
            timer = setTimeout(() => {
                timer = undefined;
                last = Date.now();
                call();
            }, Math.max(0, last + REST_MS - Date.now()));
        }
    };
    for (const topic of topics) {
        const all = listeners.get(topic) ?? new Set();
        all.add(listener);
        listeners.set(topic, all);
    }
    return () => {
        clearTimeout(timer);
        for (const topic of topics) {
            listeners.get(topic)?.delete(listener);
        }
    };
}

/** As if the service had said so; for tests and after a change of one's own. */
export function announce(topic: Topic): void {
    for (const listener of listeners.get(topic) ?? []) {
        listener();
    }
}
