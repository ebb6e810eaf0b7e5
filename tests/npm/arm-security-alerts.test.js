// SPDX-License-Identifier: MIT
// The security SDK of the service that is gone, unmodified: alerts that were caused for real, by type and day, and in numbers.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { test } = require('node:test');

const { SecurityCenter } = require('@azure/arm-security');
const { Client: Device } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const WRONG_KEY = 'IoT_Invalid_SAS_Token';
const SOLUTION = 'analytics of all';

const roles = Object.fromEntries(['reader', 'contributor'].map((role) =>
    [role, hub.vedette('token', 'create', '--name', `security-${role}`, '--role', role)]));
const group = roles.reader.resourceGroup;

function clientOf(made) {
    const credential = { getToken: async () => ({ token: made.token, expiresOnTimestamp: Date.now() + 3600000 }) };
    return new SecurityCenter(credential, made.subscription, { endpoint: made.endpoint, retryOptions: { maxRetries: 0 } });
}

const reader = clientOf(roles.reader);
const client = clientOf(roles.contributor);

const fault = (statusCode, code) => (error) => {
    assert.strictEqual(error.name, 'RestError', error.stack);
    assert.strictEqual(`${error.statusCode} ${error.code}`, `${statusCode} ${code}`);
    return true;
};

async function all(pages) {
    const values = [];
    for await (const value of pages) {
        values.push(value);
    }
    return values;
}

const find = async () => (await all(reader.alerts.list())).find((alert) => alert.alertType === WRONG_KEY);
const regionOf = (alert) => alert.id.match(/\/locations\/([^/]+)\//)[1];

test('a login with a wrong key is an alert', async () => {
    const key = Buffer.alloc(32, 1).toString('base64');
    const device = Device.fromConnectionString(hub.connectionString({ SharedAccessKey: key }), Mqtt);
    await device.setOptions({ ca: hub.ca });
    await assert.rejects(device.open());
    await device.close().catch(() => {});
    const alert = await hub.until(find, 'the alert');
    assert.strictEqual(alert.severity, 'Low');
    assert.strictEqual(alert.status, 'Active');
    assert.strictEqual(alert.compromisedEntity, 'device-1');
    assert.strictEqual(alert.extendedProperties.DeviceId, 'device-1');
    assert.ok(alert.startTimeUtc instanceof Date && alert.remediationSteps.length > 0);
    assert.strictEqual(alert.resourceIdentifiers[0].azureResourceId, roles.reader.resourceId);
});

test('every list and get has it', async () => {
    const alert = await find();
    const region = regionOf(alert);
    for (const pages of [reader.alerts.listByResourceGroup(group), reader.alerts.listSubscriptionLevelByRegion(region),
        reader.alerts.listResourceGroupLevelByRegion(region, group)]) {
        assert.ok((await all(pages)).some((one) => one.name === alert.name));
    }
    assert.strictEqual((await reader.alerts.getSubscriptionLevel(region, alert.name)).name, alert.name);
    const whole = await reader.alerts.getResourceGroupLevel(region, alert.name, group);
    assert.strictEqual(whole.alertDisplayName, alert.alertDisplayName);
    await assert.rejects(reader.alerts.getSubscriptionLevel(region, 'none'), fault(404, 'ResourceNotFound'));
});

test('its state goes to and fro', async () => {
    const alert = await find();
    const region = regionOf(alert);
    const status = async () => (await reader.alerts.getSubscriptionLevel(region, alert.name)).status;
    await assert.rejects(reader.alerts.updateSubscriptionLevelStateToDismiss(region, alert.name),
        fault(403, 'AuthorizationFailed'));
    await client.alerts.updateSubscriptionLevelStateToDismiss(region, alert.name);
    assert.strictEqual(await status(), 'Dismissed');
    await client.alerts.updateSubscriptionLevelStateToActivate(region, alert.name);
    assert.strictEqual(await status(), 'Active');
    await client.alerts.updateResourceGroupLevelStateToResolve(region, alert.name, group);
    await client.alerts.updateResourceGroupLevelStateToResolve(region, alert.name, group);
    assert.strictEqual(await status(), 'Resolved');
    await client.alerts.updateResourceGroupLevelStateToDismiss(region, alert.name, group);
    await client.alerts.updateResourceGroupLevelStateToActivate(region, alert.name, group);
    assert.strictEqual(await status(), 'Active');
    await client.alerts.updateSubscriptionLevelStateToResolve(region, alert.name);
    await client.alerts.updateSubscriptionLevelStateToActivate(region, alert.name);
    const history = hub.vedette('alert', 'history', alert.name);
    assert.deepStrictEqual(history.map((entry) => entry.event),
        ['dismiss', 'reopen', 'resolve', 'dismiss', 'reopen', 'resolve', 'reopen']);
    assert.ok(history.every((entry) => entry.actor === 'token:security-contributor'));
});

test('samples are not made up', async () => {
    await assert.rejects(client.alerts.simulate('local', { properties: { kind: 'Bundles', bundles: ['DNS'] } }));
});

test('analytics count it', async () => {
    const list = await reader.iotSecuritySolutionAnalytics.list(group, SOLUTION);
    assert.strictEqual(list.value.length, 1);
    const model = await reader.iotSecuritySolutionAnalytics.get(group, SOLUTION);
    assert.strictEqual(model.name, 'default');
    assert.strictEqual(model.unhealthyDeviceCount, 1);
    assert.ok(model.metrics.low >= 1);
    assert.ok(model.devicesMetrics[0].date instanceof Date);
    assert.deepStrictEqual(model.topAlertedDevices[0], { deviceId: 'device-1', alertsCount: 1 });
    assert.ok(model.mostPrevalentDeviceAlerts.some((alert) => alert.reportedSeverity === 'Low'));
});

test('it is listed by type and day, and dismissed as such', async () => {
    const aggregated = client.iotSecuritySolutionsAnalyticsAggregatedAlert;
    const rows = await all(aggregated.list(group, SOLUTION, { top: 10 }));
    const row = rows.find((one) => one.alertType === WRONG_KEY);
    assert.match(row.name, /^IoT_Invalid_SAS_Token\/\d{4}-\d\d-\d\d$/);
    const one = await aggregated.get(group, SOLUTION, row.name);
    assert.strictEqual(one.actionTaken, 'Detected');
    assert.strictEqual(one.topDevicesList[0].deviceId, 'device-1');
    assert.ok(one.aggregatedDateUtc instanceof Date && one.count >= 1);
    await aggregated.dismiss(group, SOLUTION, row.name);
    assert.strictEqual((await aggregated.get(group, SOLUTION, row.name)).actionTaken, 'Dismissed');
    assert.strictEqual((await find()).status, 'Dismissed');
    await assert.rejects(aggregated.get(group, SOLUTION, 'IoT_None/2020-01-01'), fault(404, 'ResourceNotFound'));
});
