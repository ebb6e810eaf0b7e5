// SPDX-License-Identifier: MIT
// The device SDK of the service that is gone over WebSocket, unmodified: another host name and CA, and nothing else.
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { X509Certificate } = require('node:crypto');
const dns = require('node:dns');
const { once } = require('node:events');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { test } = require('node:test');

const { Client, Message } = require('azure-iot-device');
const { NoRetry } = require('azure-iot-common');
const { MqttWs } = require('azure-iot-device-mqtt');
const mqtt = require('mqtt');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const hostName = hub.host.split(':')[0]; // the SDK adds :443 itself

const counters = () => hub.vedette('status').hub;

async function client(parts = {}, options = {}) {
    const made = Client.fromConnectionString(hub.connectionString({ HostName: hostName, ...parts }), MqttWs);
    await made.setOptions({ ca: hub.ca, ...options });
    return made;
}

async function refused(made) {
    await assert.rejects(made.open(), (error) => error.name === 'UnauthorizedError');
    await made.close().catch(() => {}); // it never opened
}

test('telemetry', async () => {
    const before = counters().telemetry;
    const made = await client();
    await made.open();
    const message = new Message(JSON.stringify({ temperature: 21.5 }));
    message.properties.add('größe', '5 µm');
    await made.sendEvent(message);
    await made.sendEvent(new Message(''));
    await made.sendEvent(new Message(Buffer.alloc(200 * 1024, 'x')));
    await Promise.all(Array.from({ length: 100 }, (_, i) => made.sendEvent(new Message(`${i}`))));
    await made.close();
    assert.strictEqual(counters().telemetry, before + 103);
});

test('direct methods', async () => {
    const made = await client();
    made.onDeviceMethod('reboot', (request, response) => response.send(207, { got: request.payload }));
    await made.open();
    const call = (...args) => hub.vedetteMeanwhile('device', 'method', 'device-1', ...args);
    assert.deepStrictEqual(await call('reboot', '{"in": "ü"}', '--connect-timeout', '10'),
        { status: 207, payload: { got: { in: 'ü' } } });
    const large = 'y'.repeat(100000); // longer than a frame's length of 16 bits
    assert.deepStrictEqual(await call('reboot', JSON.stringify(large)), { status: 207, payload: { got: large } });
    await made.close();
    await assert.rejects(call('reboot'), /not connected/);
});

test('a twin', async () => {
    const made = await client();
    await made.open();
    const twin = await made.getTwin();
    await new Promise((resolve, reject) => {
        twin.properties.reported.update({ battery: { percent: 80 } },
            (error) => (error ? reject(error) : resolve()));
    });
    await hub.subscribed(twin, (patch) => hub.vedetteMeanwhile('device', 'twin', 'device-1',
        '--patch', JSON.stringify(patch)));
    const changed = new Promise((resolve) => {
        twin.on('properties.desired.interval', resolve);
    });
    await hub.vedetteMeanwhile('device', 'twin', 'device-1',
        '--patch', '{"properties": {"desired": {"interval": 7}}}');
    assert.strictEqual(await changed, 7);
    await made.close();
    const { properties } = hub.vedette('device', 'twin', 'device-1');
    assert.deepStrictEqual(properties.reported.battery, { percent: 80 });
});

test('messages to the device', async () => {
    const made = await client();
    await made.open();
    const come = [];
    made.on('message', (message) => {
        come.push({ body: message.getData().toString(), valve: message.properties.getValue('valve') });
        made.complete(message, () => {});
    });
    for (const body of ['open', 'shut']) {
        await hub.vedetteMeanwhile('device', 'send', 'device-1', body, '--property', 'valve=3', '--ack', 'full');
    }
    await hub.until(async () =>
        (await hub.vedetteMeanwhile('device', 'feedback')).filter((row) => row.statusCode === 'Success').length === 2,
    'feedback of both');
    assert.deepStrictEqual(come, [{ body: 'open', valve: '3' }, { body: 'shut', valve: '3' }]);
    await made.close();
});

test('a certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vedette-'));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
        '-days', '2', '-keyout', 'key.pem', '-out', 'cert.pem', '-subj', '/CN=x509'], { cwd: folder, stdio: 'pipe' });
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
    rmSync(folder, { recursive: true });
    hub.vedette('device', 'create', 'x509', '--thumbprint',
        new X509Certificate(cert).fingerprint256.replaceAll(':', ''));
    const before = counters().telemetry;
    const made = Client.fromConnectionString(`HostName=${hostName};DeviceId=x509;x509=true`, MqttWs);
    await made.setOptions({ ca: hub.ca, cert, key });
    await made.open();
    await made.sendEvent(new Message('x'));
    await made.close();
    assert.strictEqual(counters().telemetry, before + 1);
});

test('a wrong key and an unknown device are unauthorized', async () => {
    const before = counters().refused;
    await refused(await client({ SharedAccessKey: Buffer.alloc(32, 7).toString('base64') }));
    await refused(await client({ DeviceId: 'nobody' }));
    assert.ok(counters().refused >= before + 2);
});

test('a second connection closes the first', async () => {
    const before = counters().takeovers;
    const first = await client();
    first.setRetryPolicy(new NoRetry());
    await first.open();
    const disconnected = once(first, 'disconnect');
    const second = await client();
    await second.open();
    await disconnected;
    await second.sendEvent(new Message('x'));
    await second.close();
    await first.close();
    assert.strictEqual(counters().takeovers, before + 1);
});

test('it stays connected over renewals of its token', async () => {
    const made = await client({},
        { tokenRenewal: { tokenValidTimeInSeconds: 3, tokenRenewalMarginInSeconds: 2 } });
    const before = counters().accepted;
    await made.open();
    await hub.until(() => counters().accepted >= before + 3, 'two renewals');
    await made.sendEvent(new Message('x'));
    await made.close();
});

test('another subprotocol is refused', async () => {
    const before = counters();
    const made = mqtt.connect(`wss://${hostName}:443/$iothub/websocket`, // names mqttv3.1
        { ca: hub.ca, protocolVersion: 3, protocolId: 'MQIsdp', reconnectPeriod: 0 });
    await once(made, 'close');
    made.end(true);
    assert.strictEqual(counters().accepted, before.accepted);
    assert.strictEqual(counters().refused, before.refused); // it never came to a login
});
