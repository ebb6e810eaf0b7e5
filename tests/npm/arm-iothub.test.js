// SPDX-License-Identifier: MIT
// The management SDK of the service that is gone, unmodified: another endpoint and a bearer token, and nothing else.
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { createHmac } = require('node:crypto');
const dns = require('node:dns');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, test } = require('node:test');

const { IotHubClient } = require('@azure/arm-iothub');
const { NoRetry } = require('azure-iot-common');
const iothub = require('azure-iothub');
const { Client: Device, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const folder = mkdtempSync(join(tmpdir(), 'vedette-arm-'));
after(() => rmSync(folder, { recursive: true }));

function clientOf(made, token = made.token) {
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3600000 }) };
    return new IotHubClient(credential, made.subscription,
        { endpoint: made.endpoint, retryOptions: { maxRetries: 0 } });
}

const roles = Object.fromEntries(['reader', 'contributor', 'owner'].map((role) =>
    [role, hub.vedette('token', 'create', '--name', `sdk-${role}`, '--role', role)]));
const { resourceGroup: group, hub: name } = roles.owner;
const as = Object.fromEntries(Object.entries(roles).map(([role, made]) => [role, clientOf(made)]));
const { iotHubResource: resource, certificates } = as.owner;

const fault = (statusCode, code) => (error) => {
    assert.strictEqual(error.name, 'RestError', error.stack);
    assert.strictEqual(`${error.statusCode} ${error.code}`, `${statusCode} ${code}`);
    assert.ok(error.message.length > 0);
    return true;
};

async function all(pages) {
    const values = [];
    for await (const value of pages) {
        values.push(value);
    }
    return values;
}

const put = (description, options) => resource.beginCreateOrUpdateAndWait(group, name, description, options);

// What is there, with other properties.
async function change(properties) {
    const got = await resource.get(group, name);
    return put({ ...got, properties: { ...got.properties, ...properties } }, { ifMatch: got.etag });
}

async function deviceOf(connectionString) {
    const made = Device.fromConnectionString(connectionString, Mqtt);
    made.setRetryPolicy(new NoRetry());
    await made.setOptions({ ca: hub.ca });
    return made;
}

const sdk = (policy) => `HostName=${hub.host.split(':')[0]};SharedAccessKeyName=${policy.keyName};` +
    `SharedAccessKey=${policy.primaryKey}`;

test('the hub is got and listed', async () => {
    const got = await as.reader.iotHubResource.get(group, name);
    assert.strictEqual(got.name, name);
    assert.strictEqual(got.id, roles.owner.resourceId);
    assert.strictEqual(got.type, 'Microsoft.Devices/IotHubs');
    assert.strictEqual(got.properties.hostName, hub.host.split(':')[0]);
    assert.strictEqual(got.properties.state, 'Active');
    assert.strictEqual(got.properties.provisioningState, 'Succeeded');
    assert.strictEqual(got.sku.tier, 'Standard');
    assert.deepStrictEqual((await all(resource.listBySubscription())).map((one) => one.id), [got.id]);
    assert.deepStrictEqual((await all(resource.listByResourceGroup(group))).map((one) => one.etag), [got.etag]);
    await assert.rejects(resource.get(group, 'other'), fault(404, 'ResourceNotFound'));
    await assert.rejects(resource.get('other', name), fault(404, 'ResourceGroupNotFound'));
    await assert.rejects(all(resource.listByResourceGroup('other')), fault(404, 'ResourceGroupNotFound'));
});

test('the hub is updated, with etags', async () => {
    const got = await resource.get(group, name);
    const made = await put({ ...got, location: 'westus', tags: { env: 'test' }, sku: { name: 'S2', capacity: 2 } },
        { ifMatch: got.etag });
    assert.strictEqual(made.location, 'westus');
    assert.deepStrictEqual(made.tags, { env: 'test' });
    assert.deepStrictEqual(made.sku, { name: 'S2', tier: 'Standard', capacity: 2 });
    assert.strictEqual(made.systemData.lastModifiedBy, 'token:sdk-owner');
    assert.notStrictEqual(made.etag, got.etag);
    await assert.rejects(put(got, { ifMatch: got.etag }), fault(412, 'PreconditionFailed'));
    const tagged = await as.contributor.iotHubResource.beginUpdateAndWait(group, name, { tags: { a: '1' } });
    assert.deepStrictEqual(tagged.tags, { a: '1' });
    assert.strictEqual(tagged.location, 'westus');
    assert.strictEqual((await resource.get(group, name)).etag, tagged.etag);
});

test('what the hub cannot be is refused', async () => {
    const got = await resource.get(group, name);
    const other = (properties) => put({ ...got, properties });
    await assert.rejects(other({ publicNetworkAccess: 'Disabled' }), fault(400, 'BadRequest'));
    await assert.rejects(other({ minTlsVersion: '1.0' }), fault(400, 'BadRequest'));
    await assert.rejects(other({ cloudToDevice: { maxDeliveryCount: 99 } }), fault(400, 'BadRequest'));
    await assert.rejects(other({ ipFilterRules: [{ filterName: 'a', action: 'Accept', ipMask: 'nowhere' }] }),
        fault(400, 'BadRequest'));
    await assert.rejects(other({ authorizationPolicies: [{ keyName: 'a b', rights: 'ServiceConnect' }] }),
        fault(400, 'BadRequest'));
    await assert.rejects(put({ ...got, sku: { name: 'X1' } }), fault(400, 'BadRequest'));
    await assert.rejects(resource.beginCreateOrUpdateAndWait(group, 'other', got), fault(404, 'ResourceNotFound'));
    await assert.rejects(resource.beginDeleteAndWait(group, name), fault(409, 'Conflict'));
    assert.strictEqual((await resource.get(group, name)).etag, got.etag);
});

test('filter rules hold at once, for devices and for back ends', async () => {
    const device = await deviceOf(hub.connectionString({}));
    await device.open();
    const gone = new Promise((resolve) => device.once('disconnect', resolve));
    const keys = await resource.getKeysForKeyName(group, name, 'iothubowner');
    const registry = iothub.Registry.fromConnectionString(sdk(keys));
    await registry.getRegistryStatistics();

    const refusing = await change({
        ipFilterRules: [{ filterName: 'far', action: 'Accept', ipMask: '192.0.2.0/24' },
            { filterName: 'none', action: 'Reject', ipMask: '0.0.0.0/0' }] });
    assert.deepStrictEqual(refusing.properties.ipFilterRules.map((rule) => rule.filterName), ['far', 'none']);
    await gone;
    await device.close();
    await assert.rejects(registry.getRegistryStatistics(), (error) => error.name === 'UnauthorizedError');
    const again = await deviceOf(hub.connectionString({}));
    await assert.rejects(again.open());

    // Whoever locks himself out lets himself in again; the network rules come behind the filter rules.
    const open = await change({
        ipFilterRules: [],
        networkRuleSets: { applyToBuiltInEventHubEndpoint: true, ipRules: [{ filterName: 'us', ipMask: '127.0.0.1' }] } });
    assert.strictEqual(open.properties.networkRuleSets.defaultAction, 'Deny');
    assert.strictEqual(open.properties.networkRuleSets.ipRules[0].action, 'Allow');
    await registry.getRegistryStatistics();
    const back = await deviceOf(hub.connectionString({}));
    await back.open();
    await back.close();
    await change({ networkRuleSets: undefined });
    assert.strictEqual((await resource.get(group, name)).properties.networkRuleSets, undefined);
});

test('keys are listed and rotated', async () => {
    const listed = await all(as.contributor.iotHubResource.listKeys(group, name));
    assert.deepStrictEqual(listed.map((policy) => policy.keyName).sort(),
        ['device', 'iothubowner', 'registryRead', 'registryReadWrite', 'service']);
    const owner = listed.find((policy) => policy.keyName === 'iothubowner');
    assert.strictEqual(owner.rights, 'RegistryWrite, ServiceConnect, DeviceConnect');
    assert.deepStrictEqual(await resource.getKeysForKeyName(group, name, 'iothubowner'), owner);
    await assert.rejects(resource.getKeysForKeyName(group, name, 'nobody'), fault(404, 'ResourceNotFound'));

    const before = iothub.Registry.fromConnectionString(sdk(owner));
    await before.getRegistryStatistics();
    const primaryKey = Buffer.alloc(32, 7).toString('base64');
    await change({ authorizationPolicies: [...listed.filter((policy) => policy !== owner), { ...owner, primaryKey },
        { keyName: 'mine', rights: 'RegistryRead' }] });
    await assert.rejects(before.getRegistryStatistics(), (error) => error.name === 'UnauthorizedError');
    await iothub.Registry.fromConnectionString(sdk({ ...owner, primaryKey })).getRegistryStatistics();
    const mine = await resource.getKeysForKeyName(group, name, 'mine');
    assert.strictEqual(Buffer.from(mine.primaryKey, 'base64').length, 32);
    await iothub.Registry.fromConnectionString(sdk(mine)).getRegistryStatistics();
    // Without a list they stay.
    await change({ comments: 'rotated' });
    assert.deepStrictEqual(await resource.getKeysForKeyName(group, name, 'mine'), mine);
});

test('a device that a policy let in goes with the key', async () => {
    const policy = await resource.getKeysForKeyName(group, name, 'device');
    const sr = encodeURIComponent(`${hub.host}/devices/device-1`);
    const se = Math.floor(Date.now() / 1000) + 3600;
    const sig = createHmac('sha256', Buffer.from(policy.primaryKey, 'base64')).update(`${sr}\n${se}`).digest('base64');
    const device = Device.fromSharedAccessSignature(
        `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}&skn=device`, Mqtt);
    device.setRetryPolicy(new NoRetry());
    await device.setOptions({ ca: hub.ca });
    await device.open();
    const gone = new Promise((resolve) => device.once('disconnect', resolve));
    hub.vedette('policy', 'rotate', 'device', '--key', 'secondary');
    await device.sendEvent(new Message('still here'));
    const listed = await all(resource.listKeys(group, name));
    await change({ authorizationPolicies: listed.map((one) =>
        (one.keyName === 'device' ? { ...one, primaryKey: Buffer.alloc(32, 8).toString('base64') } : one)) });
    await gone;
    await device.close();
});

test('numbers', async () => {
    const stats = await as.reader.iotHubResource.getStats(group, name);
    assert.deepStrictEqual({ ...stats }, { totalDeviceCount: 1, enabledDeviceCount: 1, disabledDeviceCount: 0 });
    const metrics = await all(as.reader.iotHubResource.listQuotaMetrics(group, name));
    assert.deepStrictEqual(metrics.map((metric) => metric.name), ['TotalMessages', 'TotalDeviceCount']);
    assert.strictEqual(metrics[1].currentValue, 1);
    assert.strictEqual(metrics[1].maxValue, Number.MAX_SAFE_INTEGER);
    assert.strictEqual((await all(resource.listValidSkus(group, name))).length, 7);
    assert.deepStrictEqual(await all(resource.listJobs(group, name)), []);
    const [endpoint] = await all(resource.listEndpointHealth(group, name));
    assert.deepStrictEqual({ ...endpoint }, { endpointId: 'events', healthStatus: 'healthy' });
    assert.strictEqual((await resource.checkNameAvailability({ name })).reason, 'AlreadyExists');
    assert.strictEqual((await resource.checkNameAvailability({ name: '-' })).reason, 'Invalid');
    assert.strictEqual((await resource.checkNameAvailability({ name: 'free-name' })).nameAvailable, true);
    assert.ok((await as.reader.resourceProviderCommon.getSubscriptionQuota()).value.length > 0);
    const operations = (await all(as.reader.operations.list())).map((operation) => operation.name);
    assert.ok(operations.includes('Microsoft.Devices/IotHubs/write'));
});

function openssl(...args) {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

const base64Of = (file) => readFileSync(join(folder, file)).toString('base64');

test('a certificate with its proof of possession', async () => {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
        '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Fleet CA', '-addext', 'keyUsage=keyCertSign');
    const made = await certificates.createOrUpdate(group, name, 'fleet.ca-1',
        { properties: { certificate: base64Of('ca.pem') } });
    assert.strictEqual(made.name, 'fleet.ca-1');
    assert.strictEqual(made.properties.subject, 'CN=Fleet CA');
    assert.match(made.properties.thumbprint, /^[0-9A-F]{40}$/);
    assert.strictEqual(made.properties.isVerified, false);
    assert.ok(made.properties.expiry.getTime() > Date.now() + 86400000);
    assert.ok(Math.abs(made.properties.created.getTime() - Date.now()) < 60000);

    const coded = await certificates.generateVerificationCode(group, name, 'fleet.ca-1', made.etag);
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'proof.key',
        '-out', 'proof.csr', '-subj', `/CN=${coded.properties.verificationCode}`);
    openssl('x509', '-req', '-in', 'proof.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', '1', '-days', '1',
        '-out', 'proof.pem');
    const proof = { certificate: base64Of('proof.pem') };
    await assert.rejects(certificates.verify(group, name, 'fleet.ca-1', made.etag, proof),
        fault(412, 'PreconditionFailed'));
    await assert.rejects(
        certificates.verify(group, name, 'fleet.ca-1', coded.etag, { certificate: base64Of('ca.pem') }),
        fault(400, 'BadRequest'));
    const verified = await certificates.verify(group, name, 'fleet.ca-1', coded.etag, proof);
    assert.strictEqual(verified.properties.isVerified, true);

    const { value } = await as.reader.certificates.listByIotHub(group, name);
    assert.deepStrictEqual(value.map((one) => [one.name, one.etag]), [['fleet.ca-1', verified.etag]]);
    const replaced = await certificates.createOrUpdate(group, name, 'fleet.ca-1',
        { properties: { certificate: base64Of('ca.pem'), isVerified: true } }, { ifMatch: verified.etag });
    await assert.rejects(certificates.delete(group, name, 'fleet.ca-1', verified.etag),
        fault(412, 'PreconditionFailed'));
    await certificates.delete(group, name, 'fleet.ca-1', replaced.etag);
    await certificates.delete(group, name, 'fleet.ca-1', '*');
    await assert.rejects(certificates.get(group, name, 'fleet.ca-1'), fault(404, 'ResourceNotFound'));
});

test('certificates that are none', async () => {
    const create = (certificateName, certificate) =>
        certificates.createOrUpdate(group, name, certificateName, { properties: { certificate } });
    await assert.rejects(create('ca', 'not base64'), fault(400, 'BadRequest'));
    await assert.rejects(create('ca', Buffer.from('no certificate').toString('base64')), fault(400, 'BadRequest'));
    await assert.rejects(create('ca', base64Of('proof.pem')), fault(400, 'BadRequest'));
    await assert.rejects(create('a b/c', base64Of('ca.pem')), fault(400, 'InvalidParameter'));
    await assert.rejects(certificates.generateVerificationCode(group, name, 'none', '*'),
        fault(404, 'ResourceNotFound'));
    assert.strictEqual((await certificates.listByIotHub(group, name)).value.length, 0);
});

test('roles', async () => {
    const got = await resource.get(group, name);
    const denied = fault(403, 'AuthorizationFailed');
    await assert.rejects(as.reader.iotHubResource.beginCreateOrUpdateAndWait(group, name, got), denied);
    await assert.rejects(as.reader.iotHubResource.beginUpdateAndWait(group, name, { tags: {} }), denied);
    await assert.rejects(all(as.reader.iotHubResource.listKeys(group, name)), denied);
    await assert.rejects(as.reader.iotHubResource.getKeysForKeyName(group, name, 'service'), denied);
    await assert.rejects(as.reader.certificates.delete(group, name, 'none', '*'), denied);
    await as.contributor.iotHubResource.beginCreateOrUpdateAndWait(group, name, got);
    await assert.rejects(as.contributor.iotHubResource.beginCreateOrUpdateAndWait(group, name,
        { ...got, properties: { ...got.properties, authorizationPolicies: [] } }), denied);
    const nobody = clientOf(roles.owner, 'vdt_nobody.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    await assert.rejects(nobody.iotHubResource.get(group, name), fault(401, 'AuthenticationFailed'));
    hub.vedette('token', 'delete', 'sdk-reader');
    await assert.rejects(as.reader.iotHubResource.get(group, name), fault(401, 'AuthenticationFailed'));
});

test('what was done is in the activity log, and who was refused', async () => {
    const rows = (operation, status, caller) => hub.vedette('query', '--sql',
        'SELECT ResourceId, CallerIpAddress, Properties FROM AzureActivity WHERE ' +
        `OperationNameValue = 'Microsoft.Devices/IotHubs/${operation}' AND ActivityStatusValue = '${status}' ` +
        `AND Caller = '${caller}'`).rows;
    const written = await hub.until(() => {
        const found = rows('write', 'Succeeded', 'token:sdk-contributor');
        return found.length === 2 && found;
    }, 'the writes of the hub');
    assert.deepStrictEqual(written[0].slice(0, 2), [roles.owner.resourceId, '127.0.0.1']);
    const [verified] = rows('certificates/verify/action', 'Succeeded', 'token:sdk-owner');
    assert.strictEqual(verified[0], `${roles.owner.resourceId}/certificates/fleet.ca-1`);
    assert.strictEqual(rows('certificates/delete', 'Failed', 'token:sdk-owner').length, 1);
    const refused = rows('listkeys/action', 'Failed', 'token:sdk-reader');
    assert.deepStrictEqual(JSON.parse(refused[0][2]), { reason: 'AuthorizationFailed' });
    assert.strictEqual(rows('iotHubKeys/listkeys/action', 'Failed', 'token:sdk-reader').length, 1);
});
