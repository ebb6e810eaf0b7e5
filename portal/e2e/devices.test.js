// SPDX-License-Identifier: MIT
// Devices: found in the inventory, looked at with whom they talk to, shut out with a reason.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs } from './lib/browser.js';
import { newDevice, report } from './lib/scene.js';
import { until, vedette } from './lib/service.js';

const TALKER = '198.51.100.33';

describe('devices', () => {
    let browser;
    let device;
    before(async () => {
        browser = await launch();
        device = await newDevice(`boiler-${process.pid.toString()}`);
        await report(device, [{ remote: TALKER, bytesOut: 5 << 20 }]);
    });
    after(async () => {
        device.close();
        await browser.close();
    });

    it('are found by how their name begins, and show whom they talk to', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, '/devices');
        await page.getByLabel('Name begins with').fill(device.id);
        const row = page.getByRole('row').filter({ hasText: device.id });
        await row.getByText('Reporting').waitFor();
        await row.getByRole('link', { name: device.id }).click();
        await page.getByRole('heading', { level: 1, name: device.id }).waitFor();
        await page.getByRole('region', { name: 'Whom it talks to' }).getByRole('table').getByText(TALKER).first().waitFor();
        assert.equal(await page.getByRole('button', { name: 'Disable' }).count(), 0);
        await close();
    });

    it('are shut out with a reason, and let in again', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, `/devices/${device.id}`);
        await page.getByRole('button', { name: 'Disable' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Reason').fill('stolen from hall 4');
        await dialog.getByRole('button', { name: 'Disable' }).click();
        await dialog.waitFor({ state: 'detached' });
        const shown = await vedette('device', 'show', device.id);
        assert.deepEqual([shown.status, shown.statusReason], ['disabled', 'stolen from hall 4']);
        assert.notEqual(await device.connect(), 0);
        await page.getByRole('button', { name: 'Enable' }).click();
        await dialog.getByRole('button', { name: 'Enable' }).click();
        await dialog.waitFor({ state: 'detached' });
        await until(async () => (await vedette('device', 'show', device.id)).status === 'enabled', 'the device to be let in');
        await close();
    });
});
