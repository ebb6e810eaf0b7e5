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

export type Liveness = 'off' | 'connecting' | 'live';

const listeners = new Map<Topic, Set<() => void>>();
const numbers = new Map<Topic, string>();
const watchers = new Set<(state: Liveness) => void>();
let source: EventSource | null = null;
let liveness: Liveness = 'off';

function setLiveness(state: Liveness): void {
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

/** Begins to listen; the browser connects again by itself. */
export function startEvents(): void {
    stopEvents();
    setLiveness('connecting');
    source = new EventSource('/portal/events');
    source.onopen = () => { setLiveness('live'); };
    source.onerror = () => { setLiveness('connecting'); };
    for (const topic of TOPICS) {
        source.addEventListener(topic, (event) => {
            changed(topic, (event as MessageEvent<string>).data);
        });
    }
}

export function stopEvents(): void {
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
