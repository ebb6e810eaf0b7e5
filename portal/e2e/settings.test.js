// SPDX-License-Identifier: MIT
// Settings: a token that is made, used and deleted; a message that could not be read; the hub's filter; and what is recommended.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, open, openAs, settled, signIn } from './lib/browser.js';
import { newDevice } from './lib/scene.js';
import { vedette } from './lib/service.js';

const unique = (name) => `${name}-${process.pid.toString()}`;

describe('settings', () => {
    let browser;
    before(async () => { browser = await launch(); });
    after(async () => { await browser.close(); });

    it('make a token whose text is shown once, and take it away again', async () => {
        const owner = await openAs(browser, 'owner');
        const { page } = owner;
        const name = unique('handed-out');
        await go(page, '/settings/access');
        await page.getByRole('button', { name: 'New token …' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name').fill(name);
        await dialog.getByRole('button', { name: 'Create' }).click();
        const text = await dialog.locator('code').first().innerText();
        await dialog.getByRole('button', { name: 'Done' }).click();
        await page.getByRole('row').filter({ hasText: name }).waitFor();
        assert.equal((await page.content()).includes(text), false);
        const other = await open(browser);
        await signIn(other, text);
        other.watch.expected.push(/status of 401/); // it asks by itself too, and may do so before the row is seen to go
        await page.getByRole('button', { name: `Delete token ${name}` }).click();
        await dialog.getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('row').filter({ hasText: name }).waitFor({ state: 'detached' });
        // Not a click of the mouse: the page may have noticed before, and said so above all else.
        await other.page.getByRole('link', { name: 'Devices', exact: true }).first().dispatchEvent('click');
        await other.page.getByText('The session has ended').waitFor();
        await other.close();
        await owner.close();
    });

    it('make a policy, show its keys, make one anew, and delete it', async () => {
        const { page, close } = await openAs(browser, 'owner');
        const name = unique('back-end');
        await go(page, '/settings/policies');
        await page.getByRole('button', { name: 'New policy …' }).click();
        const dialog = page.getByRole('dialog', { name: 'New policy' });
        await dialog.getByLabel('Name', { exact: true }).fill(name);
        await dialog.getByRole('checkbox', { name: /Talk to devices/ }).uncheck();
        await dialog.getByRole('checkbox', { name: /Read identities/ }).check();
        await dialog.getByRole('button', { name: 'Create' }).click();
        const keys = page.getByRole('dialog', { name: `Keys of ${name}` });
        const first = await keys.locator('code').first().innerText();
        const made = await vedette('policy', 'show', name);
        assert.deepEqual([made.primaryKey, made.rights], [first, 'RegistryRead']);
        await keys.getByRole('button', { name: 'New primary key …' }).click();
        await page.getByRole('button', { name: 'Make it anew' }).click();
        await page.getByText('Made anew.').waitFor();
        const second = await keys.locator('code').first().innerText();
        assert.notEqual(second, first);
        assert.equal((await vedette('policy', 'show', name)).primaryKey, second);
        await keys.getByRole('button', { name: 'Done' }).click();
        await page.getByRole('button', { name: `Delete policy ${name}` }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('row').filter({ hasText: name }).waitFor({ state: 'detached' });
        await close();
    });

    it('show why a message could not be read, and its body', async () => {
        const device = await newDevice(unique('garbled'));
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, `/settings/dead-letters?device=${device.id}`);
        await page.getByText('No dead letters').or(page.getByText('Nothing matches')).first().waitFor();
        await device.sendSecurity(Buffer.from('{"AgentVersion": "0.9", "Events": ['));
        device.close();
        const row = page.getByRole('row').filter({ hasText: device.id });
        await row.getByText(/not JSON/).waitFor();
        await row.getByRole('link').first().click();
        await settled(page);
        await page.getByText('"AgentVersion": "0.9"').waitFor();
        await close();
    });

    it('are looked at only by a reader', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/settings/ip-filter');
        await page.getByText('Your role can look and not change.').first().waitFor();
        assert.equal(await page.getByRole('button', { name: /Save|Add rule/ }).count(), 0);
        await go(page, '/settings/access');
        await page.getByText('Only an owner sees and changes tokens.').waitFor();
        await close();
    });
});

describe('recommendations', () => {
    let browser;
    before(async () => { browser = await launch(); });
    after(async () => { await browser.close(); });

    it('say what is wrong, and are fixed from the page', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        const active = async () => ((found) => found.recommendations ?? found)(await vedette('recommendation', 'list')).find((one) => one.type === 'IoT_DiagnosticLogs');
        await go(page, '/recommendations/IoT_DiagnosticLogs');
        await page.getByRole('button', { name: 'Fix …' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText('PUT').first().waitFor(); // exactly what will be sent
        await dialog.getByRole('button', { name: 'Send this' }).click();
        await page.getByText('Healthy now.').waitFor();
        assert.equal((await active()).state, 'NotActive');
        await close();
    });
});
