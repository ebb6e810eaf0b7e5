// SPDX-License-Identifier: MIT
// How long each page takes from navigation to showing all that it has, nothing of it being in the browser's cache: a row of JSON a page.
//   node bench.js ROUNDS
import { go, launch, openAs } from './lib/browser.js';
import { filled, PAGES } from './lib/pages.js';
import { listAlerts } from './lib/scene.js';

const rounds = Number(process.argv[2] ?? 5);
const CEILING_MS = 1000;
const [alert] = await listAlerts('--limit', '1');
const values = { alert: alert.id, device: alert.deviceId, group: 'default' };
const browser = await launch();
const { page, close } = await openAs(browser, 'owner');

// Of a frame that has the page's title and in which nothing is loading any more, the time since the navigation began.
await page.addInitScript(() => {
    const look = () => {
        if (document.querySelector('h1') && !document.querySelector('.skeleton')) {
            globalThis.isThereAfterMs = performance.now();
        } else {
            requestAnimationFrame(look);
        }
    };
    requestAnimationFrame(look);
});
const network = await page.context().newCDPSession(page);
await network.send('Network.setCacheDisabled', { cacheDisabled: true });

const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];

for (const [name, path] of PAGES.filter(([one]) => one !== 'not-found')) {
    const took = [];
    for (let i = 0; i < rounds; i++) {
        await go(page, filled(path, values));
        took.push(await (await page.waitForFunction(() => globalThis.isThereAfterMs)).jsonValue());
    }
    console.log(JSON.stringify({
        name: `portal.${name}`, value: Math.round(median(took)), unit: 'ms', min: Math.round(Math.min(...took)), max: Math.round(Math.max(...took)),
        reference: 'design', reference_value: CEILING_MS, ratio: Number((median(took) / CEILING_MS).toFixed(3)), ceiling: 1,
    }));
}
await close();
await browser.close();
