// SPDX-License-Identifier: MIT
// What tests need of a fleet: devices that are connected, an address that is listed, an alert that has been raised.
import { randomBytes } from 'node:crypto';
import { Device } from './device.js';
import { messages } from './message.js';
import { fileWith, run, until, vedette } from './service.js';

export const LISTED = '203.0.113.66';

let listed = false;

/** Has flows to the address raise alerts of high severity. */
export async function listAddress() {
    if (!listed) {
        const lists = await vedette('intel', 'list');
        if (!(lists.feeds ?? lists).some((feed) => feed.name === 'e2e')) {
            await run('intel', 'add', 'e2e', fileWith('indicators.txt', `${LISTED}\n`), '--severity', 'High');
        }
        listed = true;
    }
}

/** A device that was just made, connected. */
export async function newDevice(id) {
    const key = randomBytes(32).toString('base64');
    await run('device', 'create', id, '--primary-key', key, '--secondary-key', randomBytes(32).toString('base64'));
    const device = new Device(id, key);
    if (await device.connect() !== 0) {
        throw new Error(`${id} was not let in`);
    }
    return device;
}

/** The device tells of flows. */
export async function report(device, flows) {
    const [body] = messages([{ flows: flows.map((flow) => ({ local: '192.0.2.10', localPort: 40000, remotePort: 443, bytesIn: 2048, bytesOut: 81920, ...flow })) }]);
    await device.sendSecurity(body);
}

/** Alerts by the options of `vedette alert list`, the newest first. */
export async function listAlerts(...options) {
    const answer = await vedette('alert', 'list', ...options);
    return answer.alerts ?? answer;
}

export const alertsOf = (deviceId) => listAlerts('--device', deviceId);

/** A device that has spoken to the listed address, and its alert. */
export async function alertFrom(id) {
    await listAddress();
    const device = await newDevice(id);
    await report(device, [{ remote: LISTED }]);
    const alert = await until(async () => (await alertsOf(id))[0], `an alert of ${id}`);
    return { device, alert };
}
