// SPDX-License-Identifier: MIT
// Rules of a group: edited with what they would have found beside, then saved; looked at only by a reader.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs } from './lib/browser.js';
import { newDevice, report } from './lib/scene.js';
import { run, until, vedette } from './lib/service.js';

const group = `valves-${process.pid.toString()}`;
const OUTSIDE = '203.0.113.77';

describe('rules', () => {
    let browser;
    let device;
    before(async () => {
        browser = await launch();
        device = await newDevice(`valve-${process.pid.toString()}`);
        await run('group', 'assign', group, device.id);
        await report(device, [{ remote: OUTSIDE }, { remote: '198.51.100.5' }]);
        await until(async () => {
            const rows = await vedette('query', '--sql', `SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = '${device.id}' AND RawEventName = 'NetworkActivity'`);
            return rows.rows[0][0] >= 2;
        }, 'the flows in the query tables');
    });
    after(async () => {
        device.close();
        await browser.close();
    });

    it('are tried on the past while they are edited, and saved', async () => {
        const { page, close } = await openAs(browser, 'contributor');
        await go(page, '/groups');
        await page.getByRole('link', { name: group }).click();
        await page.getByRole('heading', { level: 1, name: group }).waitFor();
        const rule = page.getByRole('region', { name: 'Allowed addresses' });
        await rule.getByRole('checkbox', { name: 'Allowed addresses' }).check();
        await rule.getByLabel('Addresses, one a line').fill('198.51.100.0/24\nnonsense');
        await rule.getByText('Line 2, "nonsense": is no address, network or range').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Save rules' }).isDisabled(), true);
        await rule.getByLabel('Addresses, one a line').fill('198.51.100.0/24');
        await page.getByText('1 finding on 1 device').waitFor();
        await page.getByRole('row').getByRole('link', { name: device.id }).first().waitFor();
        // What the trial shows follows the edit.
        await rule.getByLabel('Addresses, one a line').fill(`198.51.100.0/24\n${OUTSIDE}`);
        await page.getByText('Nothing: they would have been quiet.').waitFor();
        await page.getByRole('button', { name: 'Save rules' }).click();
        await page.getByText('Saved. The rules hold from now on.').waitFor();
        const saved = await vedette('group', 'show', group);
        const list = saved.properties.allowlistRules.find((one) => one.ruleType === 'ConnectionToIpNotAllowed');
        assert.deepEqual([list.isEnabled, list.allowlistValues], [true, ['198.51.100.0/24', OUTSIDE]]);
        await close();
    });

    it('that are saved judge what comes from then on', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, `/alerts?device=${device.id}`);
        await page.getByText('No alerts').waitFor();
        await page.getByText('Live', { exact: true }).waitFor();
        await report(device, [{ remote: '203.0.113.78' }]);
        await page.getByRole('link', { name: /isn't allowed/ }).waitFor();
        await close();
    });

    it('are proposed from what the group did, looked at, and saved by nobody but the user', async () => {
        const name = `proposed-${process.pid.toString()}`;
        const pump = await newDevice(`pump-${process.pid.toString()}`);
        await run('group', 'assign', name, pump.id);
        await report(pump, [{ remote: '198.51.100.5' }, { remote: '203.0.113.9' }]);
        await until(async () => {
            const rows = await vedette('query', '--sql', `SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = '${pump.id}' AND RawEventName = 'NetworkActivity'`);
            return rows.rows[0][0] >= 2;
        }, 'the flows in the query tables');
        pump.close();
        const { page, close } = await openAs(browser, 'contributor');
        const rulesOf = async () => (await vedette('group', 'list')).groups.find((one) => one.name === name);
        await go(page, `/groups/${name}`);
        await page.getByRole('button', { name: 'Propose from what they did' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText('From 2 flows of 1 device.').waitFor();
        await dialog.getByText('Nothing is saved by this.').waitFor();
        await dialog.getByRole('checkbox', { name: /203\.0\.113\.9/ }).uncheck();
        await dialog.getByRole('button', { name: 'Take 1 entry into the editor' }).click();
        await dialog.waitFor({ state: 'detached' });
        const list = page.getByRole('region', { name: 'Allowed addresses' }).getByLabel('Addresses, one a line');
        assert.match(await list.inputValue(), /^198\.51\.100\.5(\/32)?$/);
        await page.getByText('1 finding on 1 device').waitFor(); // that which was not taken
        assert.equal(await rulesOf(), undefined);
        await page.getByRole('button', { name: 'Save rules' }).click();
        await page.getByText('Saved. The rules hold from now on.').waitFor();
        const saved = (await rulesOf()).properties.allowlistRules.find((one) => one.ruleType === 'ConnectionToIpNotAllowed');
        assert.deepEqual([saved.isEnabled, saved.allowlistValues.length], [true, 1]);
        assert.match(saved.allowlistValues[0], /^198\.51\.100\.5/);
        await close();
    });

    it('are only looked at by a reader', async () => {
        const { page, close } = await openAs(browser, 'reader');
        await go(page, `/groups/${group}`);
        await page.getByRole('region', { name: 'Allowed addresses' }).getByText('on', { exact: true }).waitFor();
        assert.equal(await page.getByRole('checkbox').count(), 0);
        assert.equal(await page.getByRole('button', { name: /Save|Delete/ }).count(), 0);
        await close();
    });
});
