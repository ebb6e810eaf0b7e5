// SPDX-License-Identifier: MIT
// The device SDK of the service that is gone, unmodified: another host name and CA, and nothing else.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { readFileSync } = require('node:fs');
const { once } = require('node:events');
const { test } = require('node:test');

const { Client, Message, SharedAccessSignature } = require('azure-iot-device');
const { NoRetry } = require('azure-iot-common');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');

// The hub of the test listens on 127.0.0.1; Node 18 would try only the first address of localhost, ::1 on many hosts.
dns.setDefaultResultOrder('ipv4first');

const HOUR_S = 3600;
const nowS = () => Math.floor(Date.now() / 1000);

async function client(connectionString, options = {}) {
    const made = Client.fromConnectionString(connectionString, Mqtt);
    await made.setOptions({ ca: hub.ca, ...options });
    return made;
}

async function clientOfToken(token) {
    const made = Client.fromSharedAccessSignature(token, Mqtt);
    await made.setOptions({ ca: hub.ca });
    return made;
}

const counters = () => hub.vedette('status').hub;

async function refused(made) {
    await assert.rejects(made.open(), (error) => error.name === 'UnauthorizedError');
    await made.close().catch(() => {}); // it never opened
}

test('telemetry with properties', async () => {
    const before = counters().telemetry;
    const made = await client(hub.connectionString());
    await made.open();
    const message = new Message(JSON.stringify({ temperature: 21.5 }));
    message.messageId = 'message-1';
    message.correlationId = 'correlation & more';
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('room', 'kitchen / 1. floor');
    message.properties.add('größe', '5 µm');
    await made.sendEvent(message);
    await made.sendEvent(new Message('')); // no body, no properties
    await made.close();
    assert.strictEqual(counters().telemetry, before + 2);
});

test('a security message', async () => {
    const made = await client(hub.connectionString());
    const telemetry = counters().telemetry;
    await made.open();
    const message = new Message(readFileSync(process.env.VEDETTE_TEST_MESSAGE));
    message.setAsSecurityMessage();
    message.properties.add('mti', '2.3-1-0-0');
    await made.sendEvent(message);
    await made.close();
    const id = process.env.VEDETTE_TEST_MESSAGE_ID;
    await hub.until(() => hub.vedette('query', '--sql',
        `SELECT DeviceId FROM SecurityIoTRawEvent WHERE IoTRawEventId = '${id}'`).rows.length === 1,
    'the raw event');
    assert.strictEqual(counters().telemetry, telemetry);
});

test('many messages at once', async () => {
    const before = counters().telemetry;
    const made = await client(hub.connectionString());
    await made.open();
    await Promise.all(Array.from({ length: 200 }, (_, i) => made.sendEvent(new Message(`${i}`))));
    await made.close();
    assert.strictEqual(counters().telemetry, before + 200);
});

test('the secondary key', async () => {
    const made = await client(hub.connectionString({ SharedAccessKey: hub.secondaryKey }));
    await made.open();
    await made.sendEvent(new Message('x'));
    await made.close();
});

test('a gateway host name', async () => {
    const port = hub.host.split(':')[1];
    const made = await client(hub.connectionString({ GatewayHostName: `127.0.0.1:${port}` }));
    await made.open();
    await made.sendEvent(new Message('x'));
    await made.close();
});

test('a model id', async () => {
    const made = await client(hub.connectionString(), { modelId: 'dtmi:com:example:Sensor;1' });
    await made.open();
    await made.sendEvent(new Message('x'));
    await made.close();
});

test('a token of its own making', async () => {
    const token = SharedAccessSignature.create(hub.host, 'device-1', hub.primaryKey, nowS() + HOUR_S);
    const made = await clientOfToken(token.toString());
    await made.open();
    await made.sendEvent(new Message('x'));
    await made.close();
});

test('a wrong key is unauthorized', async () => {
    await refused(await client(hub.connectionString(
        { SharedAccessKey: Buffer.alloc(32, 7).toString('base64') })));
});

test('an expired token is unauthorized', async () => {
    const token = SharedAccessSignature.create(hub.host, 'device-1', hub.primaryKey, nowS() - 10);
    await refused(await clientOfToken(token.toString()));
});

test('an unknown device is unauthorized', async () => {
    await refused(await client(hub.connectionString({ DeviceId: 'nobody' })));
});

test('another hub\'s name is unauthorized', async () => {
    const port = hub.host.split(':')[1];
    await refused(await client(hub.connectionString(
        { HostName: 'another.vedette.test', GatewayHostName: `localhost:${port}` })));
});

test('a second connection closes the first', async () => {
    const before = counters().takeovers;
    const first = await client(hub.connectionString());
    first.setRetryPolicy(new NoRetry());
    await first.open();
    const disconnected = once(first, 'disconnect');
    const second = await client(hub.connectionString());
    await second.open();
    await disconnected;
    await second.sendEvent(new Message('x'));
    await second.close();
    await first.close();
    assert.strictEqual(counters().takeovers, before + 1);
});

test('direct methods', async () => {
    const made = await client(hub.connectionString());
    const asked = [];
    made.onDeviceMethod('reboot', (request, response) => {
        asked.push({ name: request.methodName, payload: request.payload });
        response.send(207, { delay: 5, größe: 'µ' });
    });
    made.onDeviceMethod('empty', (request, response) => response.send(404));
    await made.open();
    const call = (...args) => hub.vedetteMeanwhile('device', 'method', 'device-1', ...args);
    // The client subscribes by itself once it is open: the call waits for that.
    assert.deepStrictEqual(
        await call('reboot', '{"in": [1, null, "ü"]}', '--connect-timeout', '10'),
        { status: 207, payload: { delay: 5, größe: 'µ' } });
    assert.deepStrictEqual(asked, [{ name: 'reboot', payload: { in: [1, null, 'ü'] } }]);
    assert.deepStrictEqual(await call('empty'), { status: 404, payload: null });
    await Promise.all(Array.from({ length: 8 }, () => call('reboot')));
    assert.strictEqual(asked.length, 9);
    // A method that nobody has registered gets no answer.
    await assert.rejects(call('unknown', '--timeout', '5'), /did not answer in time/);
    await made.close();
    await assert.rejects(call('reboot'), /not connected/);
});

test('it stays connected over renewals of its token', async () => {
    const made = await client(hub.connectionString(),
        { tokenRenewal: { tokenValidTimeInSeconds: 3, tokenRenewalMarginInSeconds: 2 } });
    const before = counters().accepted;
    await made.open();
    await hub.until(() => counters().accepted >= before + 4, 'three renewals');
    await made.sendEvent(new Message('x'));
    await made.close();
});
