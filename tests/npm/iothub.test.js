// SPDX-License-Identifier: MIT
// The SDK for back ends of the service that is gone, unmodified: another host name and CA, and nothing else.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { test } = require('node:test');

const iothub = require('azure-iothub');
const { Client: Device } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const backEnd = require('./back-end');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const policyString = (name) => hub.vedette('policy', 'show', name).connectionString;
const registryAs = (name) => iothub.Registry.fromConnectionString(policyString(name));
const registry = registryAs('iothubowner');
const refusals = () => hub.vedette('status').hub.refused;

async function deviceOf(identity) {
    const made = Device.fromConnectionString(hub.connectionString({
        DeviceId: identity.deviceId,
        SharedAccessKey: identity.authentication.symmetricKey.primaryKey,
    }), Mqtt);
    await made.setOptions({ ca: hub.ca });
    return made;
}

const named = (name) => (error) => error.name === name;

test('the life of a device', async () => {
    const { responseBody: made } = await registry.create({ deviceId: 'life-(1)#' });
    assert.strictEqual(made.deviceId, 'life-(1)#');
    assert.strictEqual(made.status, 'enabled');
    assert.strictEqual(made.connectionState, 'Disconnected');
    assert.strictEqual(made.cloudToDeviceMessageCount, 0);
    assert.deepStrictEqual(made.capabilities, { iotEdge: false });
    assert.strictEqual(made.authentication.type, 'sas');
    const { primaryKey, secondaryKey } = made.authentication.symmetricKey;
    assert.strictEqual(Buffer.from(primaryKey, 'base64').length, 64);
    assert.notStrictEqual(primaryKey, secondaryKey);

    await assert.rejects(registry.create({ deviceId: 'life-(1)#' }), named('DeviceAlreadyExistsError'));
    const { responseBody: got } = await registry.get('life-(1)#');
    assert.deepStrictEqual({ ...got }, { ...made });

    const { responseBody: updated } = await registry.update({ ...got, status: 'disabled', statusReason: 'lost' });
    assert.strictEqual(updated.status, 'disabled');
    assert.strictEqual(updated.statusReason, 'lost');
    assert.deepStrictEqual(updated.authentication, made.authentication);
    assert.notStrictEqual(updated.etag, made.etag);

    const listed = (await registry.list()).responseBody.find((device) => device.deviceId === 'life-(1)#');
    assert.strictEqual(listed.status, 'disabled');
    await registry.delete('life-(1)#');
    await assert.rejects(registry.get('life-(1)#'), named('DeviceNotFoundError'));
    await assert.rejects(registry.delete('life-(1)#'), named('DeviceNotFoundError'));
    await assert.rejects(registry.create({ deviceId: 'no spaces' }), named('ArgumentError'));
});

test('X.509 devices', async () => {
    const thumbprint = 'A'.repeat(40);
    const { responseBody: pinned } = await registry.create({
        deviceId: 'pinned', authentication: { x509Thumbprint: { primaryThumbprint: thumbprint } } });
    assert.strictEqual(pinned.authentication.type, 'selfSigned');
    assert.strictEqual(pinned.authentication.x509Thumbprint.primaryThumbprint, thumbprint);
    const { responseBody: issued } = await registry.create({
        deviceId: 'issued', authentication: { type: 'certificateAuthority' } });
    assert.strictEqual(issued.authentication.type, 'certificateAuthority');
    await registry.delete('pinned');
    await registry.delete('issued');
});

test('modules', async () => {
    await registry.create({ deviceId: 'with-modules' });
    await registry.addModule({ deviceId: 'with-modules', moduleId: 'm1' });
    await registry.addModule({ deviceId: 'with-modules', moduleId: 'm2' });
    await assert.rejects(registry.addModule({ deviceId: 'with-modules', moduleId: 'm1' }));
    const { responseBody: all } = await registry.getModulesOnDevice('with-modules');
    assert.deepStrictEqual(all.map((module) => module.moduleId), ['m1', 'm2']);
    const { responseBody: module } = await registry.getModule('with-modules', 'm1');
    assert.strictEqual(module.deviceId, 'with-modules');
    await registry.updateModule({ ...module, status: 'disabled' });
    await assert.rejects(registry.updateModule({ ...module, status: 'enabled' }), named('InvalidEtagError'));
    await registry.updateModule({ ...module, status: 'enabled' }, true);
    await registry.removeModule('with-modules', 'm1');
    await assert.rejects(registry.getModule('with-modules', 'm1'));
    await registry.delete('with-modules');
});

test('many at once', async () => {
    const devices = Array.from({ length: 100 }, (_, i) => ({ deviceId: `bulk-${i}` }));
    const { responseBody: added } = await registry.addDevices(devices);
    assert.deepStrictEqual(added, { isSuccessful: true, errors: [], warnings: [] });
    const failure = await registry.addDevices([{ deviceId: 'bulk-0' }, { deviceId: 'bulk-100' }])
        .then(() => null, (error) => JSON.parse(error.responseBody));
    assert.strictEqual(failure.isSuccessful, false);
    assert.deepStrictEqual(failure.errors.map((error) => [error.deviceId, error.errorCode]),
        [['bulk-0', 'DeviceAlreadyExists']]);
    const before = (await registry.get('bulk-1')).responseBody;
    await registry.updateDevices([{ ...before, status: 'disabled' }], false);
    await assert.rejects(registry.updateDevices([{ ...before, status: 'enabled' }], false));
    await registry.updateDevices([{ ...before, status: 'enabled' }], true);
    const { responseBody: removed } = await registry.removeDevices(
        [...devices, { deviceId: 'bulk-100' }].slice(1), true);
    assert.strictEqual(removed.isSuccessful, true);
    await registry.removeDevices([{ deviceId: 'bulk-0' }], true);
    const left = (await registry.list()).responseBody.filter((device) => device.deviceId.startsWith('bulk-'));
    assert.deepStrictEqual(left, []);
});

test('statistics and empty lists', async () => {
    await registry.create({ deviceId: 'counted' });
    await registry.create({ deviceId: 'counted-off', status: 'disabled' });
    const { responseBody: statistics } = await registry.getRegistryStatistics();
    assert.strictEqual(statistics.totalDeviceCount, statistics.enabledDeviceCount + statistics.disabledDeviceCount);
    assert.strictEqual(statistics.disabledDeviceCount, 1);
    assert.deepStrictEqual((await registry.getConfigurations()).responseBody, []);
    assert.deepStrictEqual((await registry.listJobs()).responseBody, []);
    await registry.delete('counted');
    await registry.delete('counted-off');
});

test('rights', async () => {
    await assert.rejects(registryAs('registryRead').create({ deviceId: 'x' }), (error) => error.response.statusCode === 403);
    await assert.rejects(registryAs('service').list(), (error) => error.response.statusCode === 403);
    const stranger = iothub.Registry.fromConnectionString(
        `HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=${hub.primaryKey}`);
    await assert.rejects(stranger.list(), named('UnauthorizedError'));
    assert.ok(Array.isArray((await registryAs('registryRead').list()).responseBody));
});

test('a device that connects, is disabled, and is gone', async () => {
    const { responseBody: identity } = await registry.create({ deviceId: 'online' });
    const device = await deviceOf(identity);
    await device.open();
    assert.strictEqual((await registry.get('online')).responseBody.connectionState, 'Connected');
    const gone = new Promise((resolve) => device.once('disconnect', resolve));
    device.setRetryPolicy(new (require('azure-iot-common').NoRetry)());
    await registry.update({ ...identity, status: 'disabled' });
    await gone;
    const refused = refusals();
    const again = await deviceOf(identity);
    await assert.rejects(again.open(), named('UnauthorizedError'));
    assert.ok(refusals() > refused);
    await registry.delete('online');
});

test('a direct method', async () => {
    const client = iothub.Client.fromConnectionString(policyString('service'));
    const { responseBody: identity } = await registry.create({ deviceId: 'methods' });
    const params = { methodName: 'reboot', payload: { delay: 5 }, responseTimeoutInSeconds: 5 };
    await assert.rejects(client.invokeDeviceMethod('methods', params), (error) => {
        assert.strictEqual(error.response.statusCode, 404);
        assert.strictEqual(error.response.headers['iothub-errorcode'], 'DeviceNotOnline');
        return true;
    });
    const device = await deviceOf(identity);
    await device.open();
    device.onDeviceMethod('reboot', (request, response) => response.send(200, { got: request.payload }));
    device.onDeviceMethod('silent', () => {}); // the hub ends the wait
    const { result } = await client.invokeDeviceMethod('methods', { ...params, connectTimeoutInSeconds: 10 });
    assert.deepStrictEqual(result, { status: 200, payload: { got: { delay: 5 } } });
    await assert.rejects(client.invokeDeviceMethod('methods', { ...params, methodName: 'silent' }),
        named('GatewayTimeoutError'));
    await device.close();
    await registry.delete('methods');
});

test('twins', async () => {
    await registry.create({ deviceId: 'twins' });
    const { responseBody: empty } = await registry.getTwin('twins');
    assert.strictEqual(empty.properties.desired.$version, 1);
    assert.deepStrictEqual(Object.keys(empty.tags), []);

    const { responseBody: patched } = await registry.updateTwin('twins',
        { tags: { site: 'x', line: 2 }, properties: { desired: { rate: { every: 5 } } } }, '*');
    assert.deepStrictEqual({ ...patched.tags }, { site: 'x', line: 2 });
    assert.deepStrictEqual(patched.properties.desired.rate, { every: 5 });
    assert.strictEqual(patched.properties.desired.$version, 2);
    assert.notStrictEqual(patched.etag, empty.etag);
    await assert.rejects(registry.updateTwin('twins', { tags: { site: 'y' } }, empty.etag), named('InvalidEtagError'));
    await assert.rejects(registry.updateTwin('twins', { tags: { 'a.b': 1 } }, '*'), named('ArgumentError'));

    // The twin that was read changes itself by its own ETag, and only once.
    const { responseBody: twin } = await registry.getTwin('twins');
    await twin.update({ tags: { line: null, colour: 'red' } });
    assert.deepStrictEqual({ ...twin.tags }, { site: 'x', colour: 'red' });
    const { responseBody: late } = await registry.getTwin('twins');
    await registry.updateTwin('twins', { tags: { colour: 'blue' } }, '*');
    await assert.rejects(late.update({ tags: { colour: 'green' } }), named('InvalidEtagError'));

    assert.strictEqual((await registry.getTwin('twins')).responseBody.tags.colour, 'blue');
    await assert.rejects(registry.getTwin('nobody'), named('DeviceNotFoundError'));
    await registry.delete('twins');
    await registry.create({ deviceId: 'twins' });
    assert.deepStrictEqual(Object.keys((await registry.getTwin('twins')).responseBody.tags), []);
    await registry.delete('twins');
});

test('the twin of a module', async () => {
    await registry.create({ deviceId: 'module-twins' });
    await registry.addModule({ deviceId: 'module-twins', moduleId: 'm' });
    const { responseBody: twin } = await registry.getModuleTwin('module-twins', 'm');
    assert.strictEqual(twin.moduleId, 'm');
    const { responseBody: patched } = await registry.updateModuleTwin('module-twins', 'm',
        { properties: { desired: { level: 7 } } }, twin.etag);
    assert.strictEqual(patched.properties.desired.level, 7);
    await assert.rejects(registry.updateModuleTwin('module-twins', 'm', { tags: { a: 1 } }, twin.etag),
        named('InvalidEtagError'));
    // The device's own is another.
    assert.strictEqual((await registry.getTwin('module-twins')).responseBody.properties.desired.level, undefined);
    await registry.delete('module-twins');
});

test('queries', async () => {
    const ids = Array.from({ length: 25 }, (_, i) => `query-${String(i).padStart(2, '0')}`);
    await registry.addDevices(ids.map((deviceId) => ({ deviceId })));
    for (const [i, id] of ids.entries()) {
        await registry.updateTwin(id, { tags: { site: i % 2 ? 'odd' : 'even', i } }, '*');
    }
    const all = async (text, pageSize) => {
        const query = registry.createQuery(text, pageSize);
        const rows = [];
        const sizes = [];
        while (query.hasMoreResults) {
            const { result } = await query.nextAsTwin();
            rows.push(...result);
            sizes.push(result.length);
        }
        return { rows, sizes };
    };
    const { rows, sizes } = await all("SELECT * FROM devices WHERE tags.site = 'even' AND startswith(deviceId, 'query-')", 5);
    assert.deepStrictEqual(rows.map((twin) => twin.deviceId), ids.filter((_, i) => i % 2 === 0));
    assert.ok(sizes.every((size) => size <= 5));
    assert.ok(sizes.length >= 3);
    await rows[0].update({ tags: { seen: true } });

    const one = registry.createQuery("SELECT deviceId, tags.i AS i FROM devices WHERE deviceId IN ['query-07', 'nobody']");
    assert.deepStrictEqual((await one.next()).result, [{ deviceId: 'query-07', i: 7 }]);
    assert.strictEqual(one.hasMoreResults, false);

    // A continuation is taken up where it was left, by another query of the same text.
    const text = "SELECT deviceId FROM devices WHERE deviceId IN ['query-01', 'query-02', 'query-03']";
    const first = registry.createQuery(text, 1);
    await first.next();
    const { result: second } = await registry.createQuery(text, 1).next(first.continuationToken);
    assert.deepStrictEqual(second, [{ deviceId: 'query-02' }]);

    const groups = registry.createQuery("SELECT tags.site AS site, COUNT() AS n FROM devices WHERE is_defined(tags.i) GROUP BY tags.site");
    const { result: counted } = await groups.next();
    assert.deepStrictEqual(counted.sort((a, b) => b.n - a.n), [{ site: 'even', n: 13 }, { site: 'odd', n: 12 }]);
    await assert.rejects(registry.createQuery('SELECT * FROM nowhere').next(), named('ArgumentError'));
    await registry.removeDevices(ids.map((deviceId) => ({ deviceId })), true);
});

// The SDK sends messages over AMQP: these are the requests that stand in for it, as docs/hub.md has them.
test('messages to a device', async () => {
    await registry.create({ deviceId: 'queue' });
    const send = (headers, body) => backEnd.call('POST', '/devices/queue/messages/devicebound', { headers, body });
    const made = await send({}, 'first');
    assert.strictEqual(made.status, 204);
    assert.ok(made.headers['iothub-messageid']);
    const asked = await send({ 'iothub-messageid': 'asked', 'iothub-ack': 'full', 'iothub-app-colour': 'red' }, 'second');
    assert.strictEqual(asked.headers['iothub-messageid'], 'asked');
    assert.strictEqual((await registry.get('queue')).responseBody.cloudToDeviceMessageCount, 2);
    assert.strictEqual((await registry.getTwin('queue')).responseBody.cloudToDeviceMessageCount, 2);

    const wrong = await send({ 'iothub-ack': 'all' }, 'x');
    assert.strictEqual(wrong.status, 400);
    assert.strictEqual(wrong.headers['iothub-errorcode'], 'ArgumentInvalid');
    assert.strictEqual((await send({ 'iothub-expiry': '2100-01-01T00:00:00Z' }, 'x')).status, 400);
    assert.strictEqual((await backEnd.call('POST', '/devices/nobody/messages/devicebound', { body: 'x' })).status, 404);
    for (let i = 2; i < 50; i++) {
        assert.strictEqual((await send({}, String(i))).status, 204);
    }
    const full = await send({}, 'one too many');
    assert.strictEqual(full.status, 403);
    assert.strictEqual(full.headers['iothub-errorcode'], 'DeviceMaximumQueueDepthExceeded');

    const purged = await backEnd.call('DELETE', '/devices/queue/commands');
    assert.strictEqual(purged.status, 200);
    assert.strictEqual(purged.body.totalMessagesPurged, 50);
    const { body: feedback } = await backEnd.call('GET', '/messages/servicebound/feedback');
    assert.deepStrictEqual(feedback.map((item) => [item.originalMessageId, item.deviceId, item.statusCode]),
        [['asked', 'queue', 'Purged']]);
    assert.strictEqual((await backEnd.call('DELETE', `/messages/servicebound/feedback/${feedback[0].sequence}`)).status, 204);
    assert.deepStrictEqual((await backEnd.call('GET', '/messages/servicebound/feedback')).body, []);
    await registry.delete('queue');
});

test('what becomes of messages', async () => {
    const { responseBody: identity } = await registry.create({ deviceId: 'feedback' });
    const feedback = async () => (await backEnd.call('GET', '/messages/servicebound/feedback')).body
        .filter((item) => item.deviceId === 'feedback').map((item) => [item.originalMessageId, item.statusCode]);
    const untilFeedback = async (count) => {
        for (const deadline = Date.now() + 20000; Date.now() < deadline;) {
            const items = await feedback();
            if (items.length >= count) {
                return items;
            }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`waited in vain for feedback of ${count}`);
    };
    // Nobody takes it in its time.
    const soon = new Date(Date.now() + 500).toISOString();
    await backEnd.send('feedback', 'late', { 'iothub-messageid': 'late', 'iothub-ack': 'negative', 'iothub-expiry': soon });
    assert.deepStrictEqual(await untilFeedback(1), [['late', 'Expired']]);
    // The device takes two; of one nobody asked to hear.
    await backEnd.send('feedback', 'quiet', { 'iothub-messageid': 'quiet', 'iothub-ack': 'negative' });
    await backEnd.send('feedback', 'taken', { 'iothub-messageid': 'taken', 'iothub-ack': 'full' });
    const device = await deviceOf(identity);
    device.on('message', (message) => device.complete(message).catch(() => {}));
    await device.open();
    assert.deepStrictEqual(await untilFeedback(2), [['late', 'Expired'], ['taken', 'Success']]);
    assert.strictEqual(await backEnd.waiting('feedback'), 0);
    await device.close();
    // Feedback goes with the device.
    await registry.delete('feedback');
    for (const deadline = Date.now() + 20000; (await feedback()).length > 0;) {
        assert.ok(Date.now() < deadline);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
});
