// SPDX-License-Identifier: MIT
// What jsdom lacks of a browser.
import { cleanup, configure } from '@testing-library/preact';
import { afterAll, afterEach } from 'vitest';

window.matchMedia = (query) => ({
    matches: false, media: query, onchange: null, addEventListener: () => undefined, removeEventListener: () => undefined,
    addListener: () => undefined, removeListener: () => undefined, dispatchEvent: () => false,
});
window.ResizeObserver = class {
    observe(): void { /* nothing has a size here */ }
    unobserve(): void { /* likewise */ }
    disconnect(): void { /* likewise */ }
};
window.scrollTo = () => undefined;
HTMLDialogElement.prototype.showModal = function showModal() { this.open = true; };
HTMLDialogElement.prototype.close = function close() {
    this.open = false;
    this.dispatchEvent(new Event('close'));
};
configure({ asyncUtilTimeout: 10000 }); // a machine may be busy
afterEach(() => { cleanup(); });
// Effects of what was drawn last wait for a frame or, a moment later, for a timer that finds no window any more.
afterAll(async () => {
    for (let frames = 0; frames < 2; frames++) {
        await new Promise((seen) => requestAnimationFrame(seen));
    }
});
