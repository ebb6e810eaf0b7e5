// SPDX-License-Identifier: MIT
// Alerts: one that appears while the list is looked at, what it says, and what is done with it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs, settled } from './lib/browser.js';
import { alertFrom, alertsOf, listAddress, LISTED, newDevice, report } from './lib/scene.js';
import { until } from './lib/service.js';

const TITLE = /suspicious IP address/;
const unique = (name) => `${name}-${process.pid.toString()}`;

describe('alerts', () => {
    let browser;
    const devices = [];
    before(async () => {
        browser = await launch();
        await listAddress();
    });
    after(async () => {
        devices.forEach((device) => { device.close(); });
        await browser.close();
    });

    async function scene(name) {
        const made = await alertFrom(unique(name));
        devices.push(made.device);
        return made;
    }

    it('appear without a reload, in the list and beside its name in the navigation', async () => {
        const device = await newDevice(unique('live'));
        devices.push(device);
        const { page, close } = await openAs(browser, 'reader');
        await go(page, `/alerts?device=${device.id}`);
        await page.getByText('No alerts').waitFor();
        await page.getByText('Live', { exact: true }).waitFor();
        await page.evaluate(() => { globalThis.isTheSamePage = true; });
        await report(device, [{ remote: LISTED }]);
        await page.getByRole('row').getByRole('link', { name: TITLE }).waitFor();
        assert.equal(await page.evaluate(() => globalThis.isTheSamePage), true);
        await page.getByRole('link', { name: /open alerts of high severity/ }).waitFor({ state: 'attached' });
        await close();
    });

    it('say what happened, with evidence, and what to do', async () => {
        const { device, alert } = await scene('detail');
        const { page, close } = await openAs(browser, 'reader');
        await go(page, `/alerts?device=${device.id}`);
        await page.getByRole('link', { name: TITLE }).click();
        await page.getByRole('heading', { level: 1, name: TITLE }).waitFor();
        assert.match(page.url(), new RegExp(`/portal/alerts/${alert.id}$`));
        await page.getByText(`${LISTED}:443`).first().waitFor();
        await page.getByRole('region', { name: 'What happened' }).getByRole('listitem').first().waitFor();
        await page.getByRole('region', { name: 'Around that time' }).getByRole('img').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Dismiss' }).count(), 0);
        await page.getByText('Your role can look and not change.').waitFor();
        await close();
    });

    it('are dismissed by a contributor with a reason, under his name', async () => {
        const { device, alert } = await scene('dismiss');
        const window = await openAs(browser, 'contributor');
        const { page } = window;
        await go(page, `/alerts/${alert.id}`);
        await page.getByRole('button', { name: 'Dismiss' }).click();
        const dialog = page.getByRole('dialog', { name: 'Dismiss' });
        await dialog.getByLabel('Reason').selectOption('Expected');
        await dialog.getByLabel('Note').fill('our own server');
        await dialog.getByRole('button', { name: 'Dismiss' }).click();
        await dialog.waitFor({ state: 'hidden' });
        await page.getByRole('region', { name: 'History' }).getByText('our own server').waitFor();
        const [stored] = await alertsOf(device.id);
        assert.equal(stored.status, 'Dismissed');
        await page.getByRole('region', { name: 'History' }).getByText(window.token.name).waitFor();
        await window.close();
    });

    it('that two people work on are not changed blindly', async () => {
        const { alert } = await scene('two');
        const one = await openAs(browser, 'contributor');
        const other = await openAs(browser, 'contributor');
        other.watch.expected.push(/status of 412/);
        await go(one.page, `/alerts/${alert.id}`);
        await go(other.page, `/alerts/${alert.id}`);
        // The other one is cut off from what is new, so that the page decides on what it had.
        await other.page.route('**/portal/api/alerts/*', (route) => route.request().method() === 'GET' ? route.abort('aborted') : route.continue());
        other.watch.expected.push(/ERR_ABORTED/);
        await one.page.getByRole('button', { name: 'Start work' }).click();
        await one.page.getByRole('dialog').getByRole('button', { name: 'Start work' }).click();
        await one.page.getByText('In progress', { exact: true }).first().waitFor();
        await other.page.getByRole('button', { name: 'Resolve' }).click();
        await other.page.getByRole('dialog').getByRole('button', { name: 'Resolve' }).click();
        await other.page.getByText('Somebody else has changed this alert.').waitFor();
        await other.page.unroute('**/portal/api/alerts/*');
        await one.close();
        await other.close();
    });

    it('of one cause are one line, and are resolved together', async () => {
        const first = await scene('cause-a');
        const second = await scene('cause-b');
        const window = await openAs(browser, 'contributor');
        const { page } = window;
        await go(page, '/alerts');
        await page.getByRole('button', { name: 'Group by cause' }).click();
        const row = page.getByRole('row').filter({ hasText: LISTED });
        await row.getByRole('link', { name: TITLE }).click();
        await settled(page);
        assert.match(page.url(), /cause=203\.0\.113\.66/);
        await page.getByLabel('All of these …').selectOption('resolve');
        await page.getByRole('dialog').getByRole('button', { name: /^Resolve: \d+ alerts$/ }).click();
        await page.getByText(/^\d+ changed$/).waitFor();
        await until(async () => (await alertsOf(first.device.id))[0].status === 'Resolved', 'the first alert to be resolved');
        assert.equal((await alertsOf(second.device.id))[0].status, 'Resolved');
        await window.close();
    });
});
