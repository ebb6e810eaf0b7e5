// SPDX-License-Identifier: MIT
// Threat intelligence: a feed from a file, an address that falls under it, the alert that it raises, and the feed taken away.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs } from './lib/browser.js';
import { alertsOf, newDevice, report } from './lib/scene.js';
import { fileWith, until, vedette } from './lib/service.js';

const feed = `partner-${process.pid.toString()}`;
const ADDRESS = '203.0.113.201';
const FREE = '203.0.113.202';

describe('feeds', () => {
    let browser;
    let device;
    before(async () => {
        browser = await launch();
        device = await newDevice(`probe-${process.pid.toString()}`);
    });
    after(async () => {
        device.close();
        await browser.close();
    });

    const test = async (page, address) => {
        await page.getByLabel('Address', { exact: true }).fill(address);
        await page.getByRole('button', { name: 'Test', exact: true }).click();
    };

    it('are added from a file; what they list raises alerts, and the rest does not', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, '/intel');
        await test(page, ADDRESS);
        await page.getByText('No feed lists it.').waitFor();
        await page.getByRole('button', { name: 'Add feed' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name', { exact: true }).fill(feed);
        await dialog.getByLabel('Comes from').selectOption({ label: 'A text given here' });
        await dialog.getByLabel('File', { exact: true }).setInputFiles(fileWith('partner.txt', `# theirs\n${ADDRESS}\n`));
        await page.waitForFunction((address) => document.querySelector('dialog textarea')?.value.includes(address), ADDRESS);
        await dialog.getByRole('button', { name: 'Add', exact: true }).click();
        await page.getByRole('heading', { level: 1, name: feed }).waitFor();
        await go(page, `/intel?address=${ADDRESS}`);
        await page.getByText('A flow to it raises an alert now.').waitFor();
        await page.getByText(`"${feed}" lists it as ${ADDRESS}.`).waitFor();
        await test(page, FREE);
        await page.getByText('No feed lists it.').waitFor();
        await report(device, [{ remote: ADDRESS }, { remote: FREE }]);
        const found = await until(async () => (await alertsOf(device.id))[0], 'the alert');
        assert.equal(found.indicator.source, feed);
        assert.equal((await alertsOf(device.id)).length, 1);
        await close();
    });

    it('that cannot be fetched say why, and what to do', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        const away = `${feed}-away`;
        await go(page, '/intel');
        await page.getByRole('button', { name: 'Add feed' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name', { exact: true }).fill(away);
        await dialog.getByLabel('Comes from').selectOption({ label: 'A URL' });
        await dialog.getByLabel('URL', { exact: true }).fill('https://127.0.0.1:9/list.txt');
        await dialog.getByRole('button', { name: 'Add', exact: true }).click();
        await page.getByText('See that this server can reach the URL, and that its login is still good.').waitFor();
        await page.getByRole('button', { name: 'Remove', exact: true }).click();
        await dialog.getByRole('button', { name: 'Remove' }).click();
        await page.getByText(`${away} is removed.`).waitFor();
        await close();
    });

    it('are removed after a question, and match nothing any more', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, `/intel/${feed}`);
        await page.getByRole('button', { name: 'Remove', exact: true }).click();
        await page.getByRole('dialog').getByText('Alerts that they raised stay.').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
        await page.getByText(`${feed} is removed.`).waitFor();
        await go(page, `/intel?address=${ADDRESS}`);
        await page.getByText('No feed lists it.').waitFor();
        const lists = await vedette('intel', 'list');
        assert.equal((lists.feeds ?? lists).some((one) => one.name === feed), false);
        await close();
    });

    it('are only looked at by a reader', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/intel');
        assert.equal(await page.getByRole('button', { name: /Add|Remove|Refresh|Switch/ }).count(), 0);
        await test(page, FREE);
        await page.getByText('No feed lists it.').waitFor();
        await close();
    });
});
