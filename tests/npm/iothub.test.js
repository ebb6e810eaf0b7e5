// SPDX-License-Identifier: MIT
// The SDK for back ends of the service that is gone, unmodified: another host name and CA, and nothing else.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { test } = require('node:test');

const iothub = require('azure-iothub');
const { Client: Device } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
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
