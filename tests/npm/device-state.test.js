// SPDX-License-Identifier: MIT
// What the hub remembers of a device, as the unmodified device SDK sees it, with a back end on the other side.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { execFileSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { once } = require('node:events');
const { test } = require('node:test');

const { Client, Message, ModuleClient, SharedAccessSignature: DeviceToken } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const backEnd = require('./back-end');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const { registry } = backEnd;
const counters = () => hub.vedette('status').hub;

async function untilAsync(done, what) {
    let is = false;
    let busy = false;
    await hub.until(() => {
        if (!busy && !is) {
            busy = true;
            done().then((answer) => { is = answer; }).catch(() => {}).finally(() => { busy = false; });
        }
        return is;
    }, what);
}

async function opened(make, options = {}) {
    const made = make();
    await made.setOptions({ ca: hub.ca, ...options });
    await made.open();
    return made;
}

const keyOf = (identity) => identity.authentication.symmetricKey.primaryKey;

const device = (identity, options) => opened(() => Client.fromConnectionString(hub.connectionString({
    DeviceId: identity.deviceId, SharedAccessKey: keyOf(identity) }), Mqtt), options);

// The next event of the kind.
const next = async (emitter, name) => (await once(emitter, name))[0];

const report = (twin, patch) => new Promise((resolve, reject) => {
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
});

test('a twin', async () => {
    const identity = await backEnd.create({ deviceId: 'twin-1' });
    const client = await device(identity);
    const twin = await client.getTwin();
    const { responseBody: heard } = await registry.get('twin-1');
    assert.ok(Math.abs(Date.parse(heard.lastActivityTime) - Date.now()) < 60000);
    assert.ok(Math.abs(Date.parse(heard.connectionStateUpdatedTime) - Date.now()) < 60000);
    const silent = registry.createQuery(
        `SELECT deviceId FROM devices WHERE deviceId = 'twin-1' AND lastActivityTime < '${heard.lastActivityTime}'`);
    assert.deepStrictEqual((await silent.next()).result, []);
    assert.strictEqual(twin.properties.desired.$version, 1);
    assert.strictEqual(twin.properties.reported.$version, 1);

    await report(twin, { battery: 81, net: { rssi: -60, old: true } });
    await report(twin, { net: { old: null } });
    const { responseBody: seen } = await registry.getTwin('twin-1');
    assert.deepStrictEqual(seen.properties.reported.net, { rssi: -60 });
    assert.strictEqual(seen.properties.reported.battery, 81);
    assert.strictEqual(seen.properties.reported.$version, 3);
    assert.ok(Date.parse(seen.properties.reported.$metadata.battery.$lastUpdated) > 0);

    await hub.subscribed(twin, (patch) => registry.updateTwin('twin-1', patch, '*'));
    const { responseBody: now } = await registry.getTwin('twin-1');
    const version = now.properties.desired.$version;
    await assert.rejects(registry.updateTwin('twin-1', { tags: { a: 1 } }, seen.etag));
    const nested = next(twin, 'properties.desired.limits');
    const { responseBody: updated } = await registry.updateTwin('twin-1',
        { properties: { desired: { interval: 30, limits: { high: 7 } } } }, now.etag);
    assert.strictEqual(updated.properties.desired.$version, version + 1);
    await hub.until(() => twin.properties.desired.$version === version + 1, 'the desired properties');
    assert.strictEqual(twin.properties.desired.interval, 30);
    assert.deepStrictEqual(await nested, { high: 7 });

    await registry.updateTwin('twin-1', { properties: { desired: { interval: null } } }, '*');
    await hub.until(() => twin.properties.desired.$version === version + 2, 'the desired properties');
    assert.strictEqual(twin.properties.desired.interval, undefined);
    await client.close();

    // What was not seen while it was away is in the twin.
    await registry.updateTwin('twin-1', { properties: { desired: { interval: 5 } } }, '*');
    const again = await device(identity);
    assert.strictEqual((await again.getTwin()).properties.desired.interval, 5);
    await again.close();
});

test('reported properties that cannot be', async () => {
    const identity = await backEnd.create({ deviceId: 'twin-2' });
    const client = await device(identity);
    const twin = await client.getTwin();
    await assert.rejects(report(twin, { 'a.b': 1 }), /400|malformed|name/i);
    const large = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, 'x'.repeat(4000)]));
    await assert.rejects(report(twin, large));
    await report(twin, { fine: true });
    assert.deepStrictEqual((await registry.getTwin('twin-2')).responseBody.properties.reported.fine, true);
    await client.close();
});

test('messages to a device', async () => {
    const identity = await backEnd.create({ deviceId: 'c2d-1' });
    await backEnd.send('c2d-1', 'early', { 'iothub-messageid': 'm-0' });
    const client = await device(identity);
    const got = [];
    client.on('message', (message) => {
        got.push(message);
        client.complete(message).catch(() => {});
    });
    await hub.until(() => got.length === 1, 'the message that waited');
    assert.strictEqual(got[0].getData().toString(), 'early');
    assert.strictEqual(got[0].messageId, 'm-0');

    await backEnd.send('c2d-1', '{"a":"ü"}', {
        'iothub-messageid': 'm-1',
        'iothub-correlationid': 'c & d',
        'iothub-contenttype': 'application/json',
        'iothub-contentencoding': 'utf-8',
        'iothub-ack': 'full',
        'iothub-app-room': 'kitchen / 1. floor',
    });
    await hub.until(() => got.length === 2, 'the message');
    assert.strictEqual(got[1].getData().toString(), '{"a":"ü"}');
    assert.strictEqual(got[1].correlationId, 'c & d');
    assert.strictEqual(got[1].contentType, 'application/json');
    assert.strictEqual(got[1].to, '/devices/c2d-1/messages/devicebound');
    assert.strictEqual(got[1].properties.getValue('room'), 'kitchen / 1. floor');

    for (let i = 0; i < 50; i++) {
        await backEnd.send('c2d-1', `${i}`);
    }
    await hub.until(() => got.length === 52, 'fifty more');
    assert.deepStrictEqual(got.slice(2).map((message) => message.getData().toString()),
        Array.from({ length: 50 }, (_, i) => `${i}`));
    await untilAsync(async () => await backEnd.waiting('c2d-1') === 0, 'all to be settled');
    const { body: feedback } = await backEnd.call('GET', '/messages/servicebound/feedback');
    assert.ok(JSON.stringify(feedback).includes('m-1'));
    await client.close();
});

test('what is subscribed stays over renewals of the token', async () => {
    const identity = await backEnd.create({ deviceId: 'renewal-1' });
    const before = counters().accepted;
    const client = await device(identity,
        { tokenRenewal: { tokenValidTimeInSeconds: 4, tokenRenewalMarginInSeconds: 2 } });
    const got = [];
    client.on('message', (message) => got.push(message.getData().toString()));
    client.onDeviceMethod('reboot', (request, response) => response.send(200));
    const twin = await client.getTwin();
    await hub.subscribed(twin, (patch) => registry.updateTwin('renewal-1', patch, '*'));
    for (let round = 1; round <= 2; round++) {
        await hub.until(() => counters().accepted >= before + 1 + round, 'a renewal');
        await backEnd.send('renewal-1', `${round}`);
        await registry.updateTwin('renewal-1', { properties: { desired: { round } } }, '*');
        await hub.until(() => got.includes(`${round}`), 'the message');
        await hub.until(() => twin.properties.desired.round === round, 'the desired properties');
        const { result } = await backEnd.service.invokeDeviceMethod('renewal-1',
            { methodName: 'reboot', connectTimeoutInSeconds: 10 });
        assert.strictEqual(result.status, 200);
    }
    await client.close();
});

test('a persistent session', async () => {
    const identity = await backEnd.create({ deviceId: 'session-1' });
    const first = await device(identity);
    const heard = [];
    first.on('message', (message) => heard.push(message.getData().toString()));
    await backEnd.send('session-1', 'one');
    await hub.until(() => heard.length === 1, 'the message');
    await first.close();
    await backEnd.send('session-1', 'two');
    await backEnd.send('session-1', 'three');
    // The next client is given them as soon as it is connected: it has to listen before.
    const second = Client.fromConnectionString(hub.connectionString(
        { DeviceId: 'session-1', SharedAccessKey: keyOf(identity) }), Mqtt);
    await second.setOptions({ ca: hub.ca });
    second.on('message', (message) => heard.push(message.getData().toString()));
    await second.open();
    await hub.until(() => heard.length === 3, 'those that waited');
    assert.deepStrictEqual(heard, ['one', 'two', 'three']);
    await second.close();
});

test('a module', async () => {
    await backEnd.create({ deviceId: 'with-module' });
    const { responseBody: module } = await registry.addModule({ deviceId: 'with-module', moduleId: 'security' });
    const client = await opened(() => ModuleClient.fromConnectionString(hub.connectionString({
        DeviceId: 'with-module', ModuleId: 'security', SharedAccessKey: keyOf(module) }), Mqtt));
    const twin = await client.getTwin();
    await report(twin, { collectors: 3 });
    await hub.subscribed(twin, (patch) => registry.updateModuleTwin('with-module', 'security', patch, '*'));
    await registry.updateModuleTwin('with-module', 'security',
        { properties: { desired: { frequency: 'PT1M' } } }, '*');
    await hub.until(() => twin.properties.desired.frequency === 'PT1M', 'the desired properties');
    client.onMethod('flush', (request, response) => response.send(200, { flushed: 2 }));
    const { result } = await backEnd.service.invokeDeviceMethod('with-module', 'security',
        { methodName: 'flush', connectTimeoutInSeconds: 10 });
    assert.deepStrictEqual(result, { status: 200, payload: { flushed: 2 } });
    await client.sendOutputEvent('out1', new Message('x'));
    const { responseBody: seen } = await registry.getModuleTwin('with-module', 'security');
    assert.strictEqual(seen.properties.reported.collectors, 3);
    assert.strictEqual((await registry.getTwin('with-module')).responseBody.properties.reported.collectors,
        undefined);
    await client.close();
});

// A key and a certificate of its own, and its thumbprint.
function selfSigned(folder, name) {
    const [key, cert] = [`${folder}/${name}.key`, `${folder}/${name}.pem`];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const text = execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256', '-in', cert], { encoding: 'utf8' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8'),
        thumbprint: text.split('=')[1].trim().replaceAll(':', '') };
}

test('a device with a certificate', async () => {
    const folder = mkdtempSync(`${process.env.TMPDIR || '/tmp'}/vedette-x509-`);
    try {
        const shown = selfSigned(folder, 'pinned-1');
        const other = selfSigned(folder, 'pinned-2');
        await backEnd.create({ deviceId: 'pinned-1',
            authentication: { x509Thumbprint: { primaryThumbprint: shown.thumbprint } } });
        const asDevice = ({ key, cert }) => opened(() => Client.fromConnectionString(
            `HostName=${hub.host};DeviceId=pinned-1;x509=true`, Mqtt), { key, cert });
        const client = await asDevice(shown);
        const twin = await client.getTwin();
        await report(twin, { by: 'certificate' });
        await client.sendEvent(new Message('x'));
        await client.close();
        await assert.rejects(asDevice(other), (error) => error.name === 'UnauthorizedError');
    } finally {
        rmSync(folder, { recursive: true });
    }
});

test('a device that is removed is cut off, and made again is another one', async () => {
    const identity = await backEnd.create({ deviceId: 'again-1' });
    const client = await device(identity);
    await report(await client.getTwin(), { old: true });
    await client.close();
    await backEnd.send('again-1', 'old');
    await registry.delete('again-1');
    const made = await backEnd.create({ deviceId: 'again-1' });
    const got = [];
    const anew = await device(made);
    anew.on('message', (message) => got.push(message.getData().toString()));
    const twin = await anew.getTwin();
    assert.strictEqual(twin.properties.reported.old, undefined);
    await backEnd.send('again-1', 'new');
    await hub.until(() => got.length > 0, 'the message');
    assert.deepStrictEqual(got, ['new']);
    await anew.close();
});

test('a device that speaks HTTPS only', async () => {
    const identity = await backEnd.create({ deviceId: 'http-1' });
    const authorization = DeviceToken.create(hub.host.split(':')[0], 'http-1', keyOf(identity),
        Math.floor(Date.now() / 1000) + 3600).toString();
    const as = (method, path, options = {}) => backEnd.call(method, `/devices/http-1/messages/${path}`,
        { authorization, ...options });
    const before = counters().telemetry;
    const posted = await as('POST', 'events', { body: 'over https', headers: {
        'iothub-messageid': 'h-1', 'iothub-contenttype': 'text/plain', 'iothub-app-room': 'kitchen' } });
    assert.strictEqual(posted.status, 204);
    assert.strictEqual(counters().telemetry, before + 1);
    const large = await as('POST', 'events', { body: 'x'.repeat(256 * 1024 + 1) });
    assert.strictEqual(large.status, 413);

    assert.strictEqual((await as('GET', 'devicebound')).status, 204);
    await backEnd.send('http-1', 'for you', { 'iothub-messageid': 'c-1', 'iothub-ack': 'full' });
    const got = await as('GET', 'devicebound');
    assert.strictEqual(got.status, 200);
    assert.strictEqual(got.body, 'for you');
    assert.strictEqual(got.headers['iothub-messageid'], 'c-1');
    const lock = got.headers.etag.replaceAll('"', '');
    assert.strictEqual((await as('POST', `devicebound/${lock}/abandon`, { headers: { 'if-match': lock } })).status, 204);
    const again = await as('GET', 'devicebound');
    const second = again.headers.etag.replaceAll('"', '');
    assert.strictEqual((await as('DELETE', `devicebound/${second}`, { headers: { 'if-match': second } })).status, 204);
    assert.strictEqual(await backEnd.waiting('http-1'), 0);
    assert.strictEqual((await as('GET', 'devicebound', { authorization: `${authorization}x` })).status, 401);
});
