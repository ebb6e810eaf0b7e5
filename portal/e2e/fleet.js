// SPDX-License-Identifier: MIT
// Fills a running service with a believable fleet, as its devices would: over MQTT, one day of their lives at each run.
//   node fleet.js DAY    the first day is 0; VEDETTE_FLEET_DAYS (10) are told in all. On the last one it says "ready" and stays connected
//                        until it is ended. VEDETTE_FLEET_FOLDER: where it keeps what one day leaves to the next
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Device, sasToken } from './lib/device.js';
import { messages } from './lib/message.js';
import { listAlerts } from './lib/scene.js';
import { fileWith, now, run } from './lib/service.js';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

const DAYS = Number(process.env['VEDETTE_FLEET_DAYS'] ?? 10);
const HOUR_MS = 3600000;
const folder = process.env['VEDETTE_FLEET_FOLDER'];
const day = Number(process.argv[2]);
const isFirst = day === 0;
const isLast = day === DAYS - 1;

/** Numbers that look random and are the same at each run. */
function sequence(seed) {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}
const random = sequence(7919 * (day + 1));
const between = (low, high) => Math.floor(low + random() * (high - low));
const pad = (n) => n.toString().padStart(2, '0');

// ---- Who there is ----

const CLOUD = ['198.51.100.20', '198.51.100.21', '2001:db8:c10d::20'];
const GROUPS = {
    pumps: { count: 14, kind: 'pump', subnet: 1, os: 'ThreadX 6.4', hardware: 'STM32H563', remotes: [...CLOUD, '192.0.2.123'], scale: 1 },
    cameras: { count: 12, kind: 'camera', subnet: 2, os: 'Linux 6.1', hardware: 'i.MX 8M Plus', remotes: [...CLOUD, '192.0.2.200', '192.0.2.123'], scale: 60 },
    meters: { count: 10, kind: 'meter', subnet: 3, os: 'ThreadX 6.2', hardware: 'nRF9160', remotes: [CLOUD[0], '192.0.2.123'], scale: 0.3 },
    gateways: { count: 6, kind: 'gateway', subnet: 4, os: 'Linux 6.6', hardware: 'x86-64', remotes: [...CLOUD, '192.0.2.80', '192.0.2.81', '192.0.2.123', '2001:db8:17::53'], scale: 15 },
};
const fleet = Object.entries(GROUPS).flatMap(([group, of]) => Array.from({ length: of.count }, (_, i) => ({
    ...of, group, id: `${of.kind}-${pad(i + 1)}`, address: `10.20.${of.subnet.toString()}.${(i + 10).toString()}`,
})));
const C2 = '203.0.113.66';
const SCANNER = '203.0.113.9';

const RULES = {
    pumps: {
        allowlistRules: [{ ruleType: 'ConnectionToIpNotAllowed', isEnabled: true, allowlistValues: ['198.51.100.0/24', '192.0.2.0/24', '2001:db8:c10d::/48', C2, SCANNER] }],
    },
    cameras: {
        denylistRules: [{ ruleType: 'DenylistCustomAlertRule', isEnabled: true, denylistValues: ['192.0.2.66', '203.0.113.128/25'] }],
        timeWindowRules: [{ ruleType: 'ActiveConnectionsNotInAllowedRange', isEnabled: true, minThreshold: 0, maxThreshold: 60, timeWindowSize: 'PT1H' }],
    },
    gateways: {
        thresholdRules: [{ ruleType: 'ThresholdCustomAlertRule', isEnabled: true, minThreshold: 0, maxThreshold: 12 }],
    },
};

// ---- What is set up once ----

const keysFile = join(folder, 'keys.json');

async function setUp() {
    mkdirSync(folder, { recursive: true });
    const keys = {};
    for (const one of fleet) {
        keys[one.id] = randomBytes(32).toString('base64');
        await run('device', 'create', one.id, '--primary-key', keys[one.id], '--secondary-key', randomBytes(32).toString('base64'));
        await run('group', 'assign', one.group, one.id);
    }
    for (const id of ['pump-15', 'pump-16', 'meter-11']) {
        await run('device', 'create', id); // bought, not yet installed
    }
    for (const [group, rules] of Object.entries(RULES)) {
        await run('group', 'set', group, fileWith(`${group}.json`, JSON.stringify(rules)));
    }
    await run('intel', 'add', 'botnet-c2', fileWith('c2.txt', `${C2}\n203.0.113.67\n198.51.100.250\n2001:db8:bad::/48\n`), '--severity', 'High');
    await run('intel', 'add', 'scanners', fileWith('scanners.txt', `${SCANNER}\n203.0.113.10\n203.0.113.11\n`), '--severity', 'Low');
    await run('intel', 'add', 'our-partners', '--kind', 'exceptions', fileWith('ours.txt', '203.0.113.200/29\n'));
    await run('notify', 'add', 'file', 'archive', join(folder, 'alerts.jsonl'));
    writeFileSync(keysFile, JSON.stringify(keys));
    return keys;
}

// ---- What a day brings ----

function usual(device, hour) {
    const atDay = hour > 6 && hour < 20 ? 2.5 : 1;
    return device.remotes.map((remote) => ({
        local: remote.includes(':') ? `2001:db8:17::${device.subnet.toString()}:${device.address.split('.')[3]}` : device.address, remote,
        localPort: between(33000, 60000), remotePort: remote === '192.0.2.123' ? 123 : 443, protocol: remote === '192.0.2.123' ? 'UDP' : 'TCP',
        bytesIn: between(400, 3000) * (remote === '192.0.2.123' ? 0.1 : 1), bytesOut: Math.floor(between(2000, 9000) * device.scale * atDay),
    })).map((flow) => ({ ...flow, bytesIn: Math.ceil(flow.bytesIn) }));
}

/** Flows of that day which are not usual, by device. */
function unusual() {
    const found = {};
    const add = (id, flow) => { (found[id] ??= []).push({ localPort: between(33000, 60000), remotePort: 443, bytesIn: 900, bytesOut: 4000, ...flow }); };
    const some = (kind, most) => `${kind}-${pad(between(1, most + 1))}`;
    for (let i = between(0, 4); i > 0; i--) {
        add(some('gateway', 6), { remote: SCANNER, remotePort: 8443, opener: 'REMOTE' });
    }
    for (let i = between(0, 3); i > 0; i--) {
        add(some('camera', 12), { remote: `203.0.113.${between(130, 250).toString()}`, bytesOut: 90000 });
    }
    for (let i = between(0, 3); i > 0; i--) {
        add(some('pump', 14), { remote: `203.0.113.${between(20, 60).toString()}`, remotePort: 80 });
    }
    if (day % 4 === 2) {
        add('meter-03', { remote: '203.0.113.67', bytesOut: 300 });
    }
    if (day === DAYS - 2) {
        add('pump-03', { remote: C2, remotePort: 4444, bytesIn: 60000, bytesOut: 2000 });
    }
    if (isLast) {
        for (const id of ['pump-02', 'pump-03', 'pump-07', 'pump-11', 'gateway-02']) {
            add(id, { remote: C2, remotePort: 4444, bytesIn: between(9000, 20000), bytesOut: between(400000, 900000) });
        }
        for (let port = 0; port < 20; port++) {
            add('gateway-05', { remote: `192.0.2.${(100 + port).toString()}`, remotePort: 22, bytesIn: 0, bytesOut: 60 });
        }
    }
    return found;
}

/** Messages of a device for that day, of each third hour; the last one has what is unusual. */
function dayOf(device, odd) {
    const count = 8;
    return Array.from({ length: count }, (_, i) => {
        const atMs = now() - (count - 1 - i) * 3 * HOUR_MS;
        const flows = usual(device, new Date(atMs).getUTCHours());
        const isEnd = i === count - 1;
        return {
            atMs, bootId: 1000 + device.subnet, sequence: day * count + i + 1,
            flows: isEnd && odd ? [...flows, ...odd.map((flow) => ({ local: device.address, ...flow }))] : flows,
            ...(i === 0 ? { system: { os: device.os, kernel: device.os, hardware: device.hardware } } : {}),
            ledger: device.id === 'camera-04' ? { overflowed: between(200, 900), malformed: between(0, 4) } : {},
        };
    });
}

async function send(device, key, bodies) {
    const client = new Device(device.id, key);
    const code = await client.connect({ from: device.address });
    if (code !== 0) {
        throw new Error(`${device.id} was refused with ${code.toString()}`);
    }
    for (const body of bodies) {
        await client.sendSecurity(body);
    }
    return client;
}

async function refuse(id, key, from, password = sasToken(id, key)) {
    const client = new Device(id, key);
    await client.connect({ from, password });
    client.close();
}

async function badLogins(keys) {
    const wrong = randomBytes(32).toString('base64');
    if (day % 3 === 1) {
        for (let i = 0; i < 12; i++) {
            await refuse('gateway-04', wrong, `10.20.9.${(40 + (i % 3)).toString()}`);
        }
    }
    const expired = `meter-${pad(1 + (day % 10))}`;
    await refuse(expired, keys[expired], `10.20.3.${(9 + 1 + (day % 10)).toString()}`, sasToken(expired, keys[expired], now() - HOUR_MS));
    if (isLast) {
        // Its connection string was copied, and is used from elsewhere with a token that is over.
        await refuse('camera-09', keys['camera-09'], '10.20.9.77', sasToken('camera-09', keys['camera-09'], now() - HOUR_MS));
        await refuse('meter-08', wrong, '10.20.3.17');
    }
}

async function live(keys) {
    const odd = unusual();
    const plans = fleet.filter((device) => !(isLast && device.id === 'meter-08') && !(day > 2 && device.id === 'camera-12'))
        .map((device) => [device, dayOf(device, odd[device.id])]);
    const bodies = messages(plans.flatMap(([, plan]) => plan));
    const clients = [];
    let at = 0;
    for (const [device, plan] of plans) {
        clients.push(await send(device, keys[device.id], bodies.slice(at, at + plan.length)));
        at += plan.length;
    }
    await badLogins(keys);
    if (isLast) {
        await run('certificate', 'add', 'contractor-ca', process.env['VEDETTE_TEST_CA']); // who did that?
    }
    if (day % 5 === 3 || isLast) {
        await clients[20].sendSecurity(Buffer.from('{"AgentVersion": "0.9", "Events": ['));
    }
    return clients;
}

/** What people did about it. */
async function work() {
    const all = await listAlerts();
    const older = all.filter((alert) => now() - new Date(alert.timeGenerated).getTime() > 26 * HOUR_MS);
    for (const [i, alert] of older.entries()) {
        const act = ['resolve', 'resolve', 'dismiss', 'resolve', 'start', 'resolve'][i % 6];
        await run('alert', act, alert.id, ...(act === 'dismiss' ? ['--reason', 'Expected', '--for', '30d'] : []),
            ...(i % 3 === 0 ? ['--note', 'checked with the plant, firewall rule 12'] : []));
    }
}

const keys = isFirst ? await setUp() : JSON.parse(readFileSync(keysFile, 'utf8'));
const clients = await live(keys);
const leave = () => { clients.forEach((client) => { client.close(); }); };
if (isLast) {
    await work();
    process.on('SIGTERM', leave);
    console.log('ready');
} else {
    leave();
}
