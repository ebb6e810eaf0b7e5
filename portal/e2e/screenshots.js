// SPDX-License-Identifier: MIT
// Pictures of every page of a service that fleet.js has filled: node screenshots.js FOLDER
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { go, launch, openAs, settled } from './lib/browser.js';
import { filled, PAGES } from './lib/pages.js';
import { listAlerts } from './lib/scene.js';

const folder = process.argv[2];
const QUERY = [
    'SecurityIoTRawEvent',
    '| where RawEventName == "NetworkActivity"',
    '| extend d = parse_json(EventDetails)',
    '| summarize BytesOut = sum(tolong(d.BytesOut)) by bin(todatetime(TimeStamp), 3h)',
    '| render timechart',
].join('\n');
/** Those that the README shows, in which form. */
const BEST = { overview: '1280-light', alert: '1280-light', device: '1280-dark', 'query-chart': '1280-light' };
const BEST_HEIGHT = 720;

mkdirSync(folder, { recursive: true });
const alerts = await listAlerts('--type', 'IoT_TiConnection', '--state', 'Open');
const worst = alerts.find((alert) => alert.severity === 'High') ?? alerts[0];
const values = { alert: worst.id, device: worst.deviceId, group: 'cameras' };
const pages = [...PAGES, ['query-chart', `/query?${new URLSearchParams({ q: QUERY, timespan: 'P7D' }).toString()}`]];
const browser = await launch();
let wrong = 0;

async function take(page, name, kind, width) {
    await page.screenshot({ path: join(folder, `${name}-${kind}.png`), fullPage: true });
    if (BEST[name] === kind) {
        await page.setViewportSize({ width, height: BEST_HEIGHT });
        const path = join(folder, `best-${name}.png`);
        await page.screenshot({ path });
        console.log(`${path}: ${Math.ceil(statSync(path).size / 1000).toString()} kB`);
    }
}

for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
        const window = await openAs(browser, 'owner', { colorScheme });
        const { page } = window;
        await page.setViewportSize({ width, height: 860 });
        for (const [name, path] of pages) {
            await go(page, filled(path, values));
            if (name === 'query-chart') {
                await page.getByRole('button', { name: /^Run/ }).click();
                await page.locator('canvas').waitFor();
                await settled(page);
            }
            // The navigation is as high as the window: that is as high as the page.
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            await page.setViewportSize({ width, height: Math.max(860, height) });
            await take(page, name, `${width.toString()}-${colorScheme}`, width);
            await page.setViewportSize({ width, height: 860 });
        }
        await window.close().catch((error) => {
            console.error(error.message);
            wrong++;
        });
    }
}
await browser.close();
process.exitCode = wrong > 0 ? 1 : 0;
