// SPDX-License-Identifier: MIT
// Queries: one that is wrong is marked at its place, one that is right gives a table and a chart, and has a link.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs } from './lib/browser.js';
import { newDevice, report } from './lib/scene.js';
import { until, vedette } from './lib/service.js';

const id = `asked-${process.pid.toString()}`;

/** Replaces what is in the editor. */
async function write(page, text) {
    const editor = page.getByRole('textbox', { name: 'Query in KQL' });
    await editor.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(text);
}

describe('a query', () => {
    let browser;
    let device;
    before(async () => {
        browser = await launch();
        device = await newDevice(id);
        await report(device, [{ remote: '198.51.100.5' }, { remote: '198.51.100.6' }]);
        await until(async () => (await vedette('query', `SecurityIoTRawEvent | where DeviceId == "${id}" and RawEventName == "NetworkActivity" | count`)).rows[0][0] >= 2,
            'the flows in the query tables');
    });
    after(async () => {
        device.close();
        await browser.close();
    });

    it('with an error is marked at its place, then gives a table and a chart', async () => {
        const { page, watch, close } = await openAs(browser, 'reader');
        watch.expected.push(/status of 400/);
        await go(page, '/query');
        await write(page, `SecurityIoTRawEvent | where DeviceIdd == "${id}"`);
        await page.locator('.cm-lintRange-error').getByText('DeviceIdd').waitFor();
        await page.keyboard.press('ControlOrMeta+Enter');
        await page.getByRole('alert').getByText(/DeviceIdd/).waitFor();
        await write(page, `SecurityIoTRawEvent | where DeviceId == "${id}" and RawEventName == "NetworkActivity" | summarize Flows = count() by bin(TimeGenerated, 1h) | render timechart`);
        await page.keyboard.press('ControlOrMeta+Enter');
        await page.getByRole('img', { name: /Flows/ }).waitFor();
        await page.getByRole('button', { name: 'Table', exact: true }).click();
        await page.getByRole('cell', { name: '2', exact: true }).waitFor();
        // Whoever opens the link sees the same.
        const shared = page.url();
        assert.match(shared, /render/);
        await page.goto('about:blank');
        await page.goto(shared);
        await page.getByRole('img', { name: /Flows/ }).waitFor();
        await close();
    });

    it('does not hold the keyboard', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/query');
        await page.getByRole('textbox', { name: 'Query in KQL' }).click();
        await page.keyboard.press('Escape');
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.className.includes('cm-content') ?? false), false);
        await close();
    });

    it('is saved by a contributor, and opened by its name', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        const name = `flows-${process.pid.toString()}`;
        await go(page, '/query');
        await write(page, 'SecurityIoTRawEvent | take 1');
        await page.getByRole('button', { name: 'Save as …' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name', { exact: true }).fill(name);
        await dialog.locator('button[type=submit]').click();
        await page.getByText(`Saved as "${name}".`).waitFor();
        await go(page, `/query?saved=${name}`);
        await page.getByRole('region', { name: 'Results' }).getByText(/1 row in/).waitFor();
        await close();
    });
});
