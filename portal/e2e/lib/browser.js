// SPDX-License-Identifier: MIT
// A browser that looks at the portal, and what no page may do: fail, write to the console, break its policy, ask elsewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { makeToken, portal, publicKeyHash } from './service.js';

const CHROMIUM = process.env['VEDETTE_CHROMIUM'] ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const origin = new URL(portal).origin;
export const TIMEOUT_MS = 30000;

/** Root may not have Chromium's sandbox. The hub's own key is trusted, no other one. */
export async function launch() {
    return chromium.launch({
        executablePath: CHROMIUM,
        args: [`--ignore-certificate-errors-spki-list=${await publicKeyHash()}`, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    });
}

/** What went wrong on a page that nobody asked for. */
class Watch {
    faults = [];
    /** Console errors that a test causes on purpose: a browser writes one for each answer above 399. */
    expected = [];

    constructor(page) {
        page.on('console', (message) => {
            if (message.type() === 'error' && !this.expected.some((one) => one.test(message.text()))) {
                this.faults.push(`console: ${message.text()} ${message.location().url}`);
            }
        });
        page.on('pageerror', (error) => { this.faults.push(`error: ${error.message}`); });
        page.on('request', (request) => {
            if (!request.url().startsWith(origin) && !request.url().startsWith('blob:')) {
                this.faults.push(`asks elsewhere: ${request.url()}`);
            }
        });
    }
}

/** A new window: {page, watch, close}. `close` fails if something went wrong that was not expected. */
export async function open(browser, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    const watch = new Watch(page);
    page.setDefaultTimeout(TIMEOUT_MS);
    await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
            console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
        });
    });
    return {
        page,
        watch,
        close: async () => {
            await context.close();
            assert.deepEqual(watch.faults, []);
        },
    };
}

export async function signIn(window, token) {
    // The first question of a page that nobody has signed in to is answered with 401.
    window.watch.expected.push(/status of 401/);
    await window.page.goto(`${portal}/`);
    await window.page.getByLabel('Access token').fill(token);
    await window.page.getByRole('button', { name: 'Sign in' }).click();
    await window.page.getByRole('navigation', { name: 'Main' }).waitFor();
    window.watch.expected.pop();
}

/** A window with somebody of that role in it. */
export async function openAs(browser, role, options = {}) {
    const window = await open(browser, options);
    const token = await makeToken(role);
    await signIn(window, token.text);
    return { ...window, token };
}

/** Goes to a page below /portal and waits until it shows what it has. */
export async function go(page, path) {
    await page.goto(`${portal}${path}`);
    await settled(page);
}

/** Waits until nothing is loading. */
export async function settled(page) {
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => document.querySelector('.skeleton') === null);
    await page.waitForLoadState('load');
}

/** What axe-core finds wrong, a line each. */
export async function violations(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`));
}
