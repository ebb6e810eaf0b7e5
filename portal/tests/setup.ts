// SPDX-License-Identifier: MIT
// What jsdom lacks of a browser.
import { cleanup, configure } from '@testing-library/preact';
import { afterEach } from 'vitest';

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
