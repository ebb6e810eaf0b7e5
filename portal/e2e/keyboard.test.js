// SPDX-License-Identifier: MIT
// Everything by keyboard: past the navigation, along it, into a dialog and out of it, and on a small screen.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs } from './lib/browser.js';
import { alertFrom } from './lib/scene.js';

const focused = (page) => page.evaluate(() => {
    const element = document.activeElement;
    return element?.id || element?.textContent?.trim() || element?.tagName;
});

/** Presses Tab until what has the focus is it. */
async function tabTo(page, name, most = 40) {
    for (let i = 0; i < most; i++) {
        await page.keyboard.press('Tab');
        if (await focused(page) === name) {
            return;
        }
    }
    assert.fail(`${name} is not reached by Tab`);
}

describe('by keyboard', () => {
    let browser;
    let made;
    before(async () => {
        browser = await launch();
        made = await alertFrom(`keys-${process.pid.toString()}`);
    });
    after(async () => {
        made.device.close();
        await browser.close();
    });

    it('the first stop leads past the navigation', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/alerts');
        await page.keyboard.press('Tab');
        assert.equal(await focused(page), 'Skip to content');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement?.closest('main') !== null), true);
        await close();
    });

    it('links of the navigation are followed, and the page is read from its start', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/');
        await tabTo(page, 'Recommendations');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { level: 1, name: 'Recommendations' }).waitFor();
        await page.waitForFunction(() => document.activeElement?.id === 'main');
        await close();
    });

    it('a dialog keeps the focus, closes on Escape and gives the focus back', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, `/alerts/${made.alert.id}`);
        await tabTo(page, 'Add note', 60);
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        for (let i = 0; i < 8; i++) {
            await page.keyboard.press('Tab');
            // Chromium lets the focus leave to its own controls, and nowhere else.
            assert.equal(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest('dialog') !== null), true);
        }
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        assert.equal(await focused(page), 'Add note');
        await close();
    });

    it('the menu of a small screen opens and leads on', async () => {
        const { page, close } = await openAs(browser, 'reader', { viewport: { width: 1280, height: 800 } });
        await page.setViewportSize({ width: 360, height: 740 });
        await go(page, '/');
        const menu = page.getByRole('button', { name: 'Menu' });
        await menu.focus();
        await page.keyboard.press('Enter');
        assert.equal(await menu.getAttribute('aria-expanded'), 'true');
        await tabTo(page, 'Devices');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { level: 1, name: 'Devices' }).waitFor();
        assert.equal(await menu.getAttribute('aria-expanded'), 'false');
        await close();
    });
});
