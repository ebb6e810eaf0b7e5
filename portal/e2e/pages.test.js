// SPDX-License-Identifier: MIT
// Every page, in both themes and on a small screen: axe-core finds nothing, nothing goes wrong, nothing scrolls sideways.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { go, launch, openAs, violations } from './lib/browser.js';
import { filled, PAGES } from './lib/pages.js';
import { alertFrom } from './lib/scene.js';
import { fileWith, run, vedette } from './lib/service.js';

const RULES = {
    allowlistRules: [{ ruleType: 'ConnectionToIpNotAllowed', isEnabled: true, allowlistValues: ['192.0.2.0/24', '2001:db8::/32'] }],
    timeWindowRules: [{ ruleType: 'MqttD2CMessagesNotInAllowedRange', isEnabled: true, minThreshold: 0, maxThreshold: 100, timeWindowSize: 'PT5M' }],
};

describe('pages', () => {
    let browser;
    let made;
    let values;
    before(async () => {
        browser = await launch();
        const group = `pages-${process.pid.toString()}`;
        made = await alertFrom(group);
        await run('group', 'set', group, fileWith('rules.json', JSON.stringify(RULES)));
        await run('group', 'assign', group, made.device.id);
        values = { alert: made.alert.id, device: made.device.id, group };
    });
    after(async () => {
        made.device.close();
        await browser.close();
    });

    for (const colorScheme of ['light', 'dark']) {
        it(`are accessible in ${colorScheme} colours`, async () => {
            const { page, close } = await openAs(browser, 'owner', { colorScheme });
            const found = {};
            for (const [name, path] of PAGES) {
                await go(page, filled(path, values));
                const wrong = await violations(page);
                if (wrong.length > 0) {
                    found[name] = wrong;
                }
            }
            assert.deepEqual(found, {});
            await close();
        });
    }

    it('fit on a small screen', async () => {
        const { page, close } = await openAs(browser, 'owner');
        await page.setViewportSize({ width: 360, height: 740 });
        const wide = [];
        for (const [name, path] of PAGES) {
            await go(page, filled(path, values));
            const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            if (over > 0) {
                wide.push(`${name} is ${over.toString()} px too wide`);
            }
        }
        assert.deepEqual(wide, []);
        await close();
    });

    it('show no credential to a reader', async () => {
        const { page, close } = await openAs(browser, 'reader');
        const device = await vedette('device', 'show', made.device.id);
        const key = device.authentication?.symmetricKey?.primaryKey ?? made.device.key;
        const seen = [];
        page.on('response', (response) => {
            if (!response.url().endsWith('/portal/events')) { // that one has no end
                seen.push(response.text().catch(() => ''));
            }
        });
        for (const [, path] of PAGES) {
            await go(page, filled(path, values));
        }
        assert.equal((await Promise.all(seen)).some((text) => text.includes(key)), false);
        assert.equal((await Promise.all(seen)).some((text) => text.includes('SharedAccessKey=')), false);
        await close();
    });
});
