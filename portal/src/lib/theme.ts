// SPDX-License-Identifier: MIT
// Light or dark: as chosen here, else as the system is.

export type Theme = 'light' | 'dark';

const KEY = 'vedette.theme';

export function theme(): Theme {
    const chosen = localStorage.getItem(KEY);
    if (chosen === 'light' || chosen === 'dark') {
        return chosen;
    }
    return window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

const watchers = new Set<() => void>();

function apply(): void {
    document.documentElement.dataset['theme'] = theme();
    for (const watcher of watchers) {
        watcher();
    }
}

export function setTheme(to: Theme): void {
    localStorage.setItem(KEY, to);
    apply();
}

/** Called when the colours change: what is drawn on a canvas is to be drawn again. */
export function onTheme(watcher: () => void): () => void {
    watchers.add(watcher);
    return () => { watchers.delete(watcher); };
}

export function startTheme(): void {
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
    apply();
}
