// SPDX-License-Identifier: MIT
// The monitoring SDK of the service that is gone, in both of its generations, unmodified; and what its settings export.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { existsSync, readFileSync } = require('node:fs');
const https = require('node:https');
const { join } = require('node:path');
const { after, before, test } = require('node:test');

const { MonitorClient } = require('@azure/arm-monitor');
const { MonitorClient: MonitorClient7 } = require('@azure/arm-monitor-7');
const { Client: Device, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const data = process.env.VEDETTE_TEST_DATA;
const file = join(data, 'diagnostics', 'files.jsonl');

const roles = Object.fromEntries(['reader', 'contributor'].map((role) =>
    [role, hub.vedette('token', 'create', '--name', `monitor-${role}`, '--role', role)]));
const id = roles.reader.resourceId;

function clientOf(Client, made) {
    const credential = { getToken: async () => ({ token: made.token, expiresOnTimestamp: Date.now() + 3600000 }) };
    return new Client(credential, made.subscription, { endpoint: made.endpoint, retryOptions: { maxRetries: 0 } });
}

const reader = clientOf(MonitorClient, roles.reader);
const client = clientOf(MonitorClient, roles.contributor);
const client7 = clientOf(MonitorClient7, roles.contributor);

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

const log = (category) => ({ category, enabled: true, retentionPolicy: { enabled: false, days: 0 } });
const account = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/sa1';
const rule = '/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/authorizationRules/Root';

// ---- The receiver of the webhook ----

let answer = 200;
const received = [];
const settings = new Set();
let receiver;

before(async () => {
    receiver = https.createServer({ cert: readFileSync(join(data, 'server.pem')), key: readFileSync(join(data, 'server.key')) },
        (request, response) => {
            const parts = [];
            request.on('data', (part) => parts.push(part));
            request.on('end', () => {
                if (answer === 200) {
                    assert.strictEqual(request.url, '/in?code=unsaid');
                    assert.strictEqual(request.headers['content-type'], 'application/x-ndjson');
                    settings.add(request.headers['x-vedette-setting']);
                    received.push(...lines(Buffer.concat(parts).toString()));
                }
                response.writeHead(answer);
                response.end();
            });
        });
    await new Promise((resolve) => receiver.listen(8443, '127.0.0.1', resolve));
});
after(() => {
    receiver.close();
    receiver.closeAllConnections();
});

function lines(text) {
    assert.ok(text === '' || text.endsWith('\n'));
    return text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
}

const written = () => existsSync(file) ? lines(readFileSync(file, 'utf8')) : [];
const about = (records, operationName, deviceId) => records.filter((record) =>
    record.operationName === operationName && JSON.parse(record.properties).deviceId === deviceId);
const exportsOf = (sink) => hub.vedette('status').exports.find((one) => one.sink === sink);

async function connectOnce(deviceId) {
    const device = Device.fromConnectionString(hub.connectionString({ DeviceId: deviceId }), Mqtt);
    await device.setOptions({ ca: hub.ca });
    await device.open();
    await device.sendEvent(new Message('telemetry'));
    await device.close();
}

// ---- The API ----

for (const [generation, api] of [['8', client], ['7', client7]]) {
    test(`the life of a diagnostic setting, generation ${generation}`, async () => {
        const list = async () => {
            const listed = api.diagnosticSettings.list(id);
            return generation === '7' ? (await listed).value : all(listed);
        };
        assert.deepStrictEqual(await list(), []);
        const made = await api.diagnosticSettings.createOrUpdate(id, 'ds1', {
            storageAccountId: account, eventHubAuthorizationRuleId: rule, eventHubName: 'eh1', workspaceId: '/w',
            logAnalyticsDestinationType: 'Dedicated', logs: [log('Connections')],
            metrics: [{ category: 'AllMetrics', enabled: true, retentionPolicy: { enabled: false, days: 0 } }] });
        assert.strictEqual(made.name, 'ds1');
        assert.strictEqual(made.type, 'Microsoft.Insights/diagnosticSettings');
        assert.strictEqual(made.storageAccountId, account);
        assert.strictEqual(made.eventHubAuthorizationRuleId, rule);
        assert.strictEqual(made.eventHubName, 'eh1');
        assert.strictEqual(made.logAnalyticsDestinationType, 'Dedicated');
        assert.deepStrictEqual(JSON.parse(JSON.stringify(made.logs)), [log('Connections')]);
        assert.strictEqual(made.metrics[0].category, 'AllMetrics');
        const got = await api.diagnosticSettings.get(id, 'DS1');
        assert.strictEqual(got.id, made.id);
        const updated = await api.diagnosticSettings.createOrUpdate(id, 'ds1',
            { workspaceId: '/w', logs: [log('TwinQueries')] });
        assert.ok(!updated.storageAccountId);
        assert.deepStrictEqual((await list()).map((one) => [one.name, one.logs[0].category]), [['ds1', 'TwinQueries']]);
        await api.diagnosticSettings.delete(id, 'ds1');
        await api.diagnosticSettings.delete(id, 'ds1');
        await assert.rejects(api.diagnosticSettings.get(id, 'ds1'), fault(404, 'ResourceNotFound'));
    });

    test(`categories, generation ${generation}`, async () => {
        const listed = api.diagnosticSettingsCategory.list(id);
        const categories = generation === '7' ? (await listed).value : await all(listed);
        assert.strictEqual(categories.length, 15);
        assert.deepStrictEqual(categories.filter((one) => one.categoryType === 'Metrics').map((one) => one.name),
            ['AllMetrics']);
        const got = await api.diagnosticSettingsCategory.get(id, 'Connections');
        assert.strictEqual(got.name, 'Connections');
        assert.strictEqual(got.categoryType, 'Logs');
    });
}

test('what is no setting, and who may not make one', async () => {
    const put = (name, setting, by = client) => by.diagnosticSettings.createOrUpdate(id, name, setting);
    await assert.rejects(put('none', { logs: [log('Connections')] }), fault(400, 'BadRequest'));
    await assert.rejects(put('none', { workspaceId: '/w', logs: [log('Nothing')] }), fault(400, 'BadRequest'));
    await assert.rejects(put('none', { workspaceId: '/w' }, reader), fault(403, 'AuthorizationFailed'));
    await assert.rejects(reader.diagnosticSettings.delete(id, 'none'), fault(403, 'AuthorizationFailed'));
    for (let i = 1; i <= 5; i++) {
        await put(`w${i}`, { workspaceId: '/w', logs: [{ categoryGroup: 'allLogs', enabled: true }] });
    }
    await assert.rejects(put('w6', { workspaceId: '/w' }), fault(409, 'Conflict'));
    for (let i = 1; i <= 5; i++) {
        await client.diagnosticSettings.delete(id, `w${i}`);
    }
    assert.deepStrictEqual(await all(reader.diagnosticSettings.list(id)), []);
});

// ---- What is exported ----

test('records come into the file and to the webhook', async () => {
    await connectOnce('device-1'); // before there is a setting
    await client.diagnosticSettings.createOrUpdate(id, 'files', { storageAccountId: account, logs: [log('Connections')] });
    await client.diagnosticSettings.createOrUpdate(id, 'hook 1',
        { eventHubAuthorizationRuleId: rule, logs: [{ categoryGroup: 'allLogs', enabled: true }] });
    await connectOnce('device-1');
    const [left] = await hub.until(() => {
        const found = about(written(), 'deviceDisconnect', 'device-1');
        return found.length > 0 && found;
    }, 'the disconnect in the file');
    const [came, ...more] = about(written(), 'deviceConnect', 'device-1');
    assert.deepStrictEqual(more, []); // nothing of what was before the setting
    assert.ok(written().every((record) => record.category === 'Connections'));
    assert.deepStrictEqual(Object.keys(came).filter((name) => typeof came[name] !== 'string'), []);
    for (const member of ['time', 'resourceId', 'operationName', 'category', 'level', 'properties', 'recordId']) {
        assert.ok(came[member], member);
    }
    assert.strictEqual(came.resourceId.toLowerCase(), id.toLowerCase());
    assert.strictEqual(JSON.parse(came.properties).protocol, 'Mqtt');
    assert.notStrictEqual(came.recordId, left.recordId);

    await hub.until(() => about(received, 'deviceDisconnect', 'device-1').length > 0, 'the disconnect at the receiver');
    await hub.until(() => about(received, 'ingress', 'device-1').length > 0, 'the telemetry at the receiver');
    assert.deepStrictEqual([...settings], ['hook%201']);
    assert.deepStrictEqual(about(received, 'deviceConnect', 'device-1'), [came]); // the same, with the same id
});

test('a receiver that is down gets everything later', async () => {
    answer = 503;
    hub.vedette('device', 'create', 'away-1');
    await connectOnce('device-1');
    await hub.until(() => exportsOf('webhook').state === 'failing', 'the failure');
    assert.strictEqual(exportsOf('webhook').lastError, 'the receiver answered 503');
    assert.ok(exportsOf('webhook').behind > 0);
    answer = 200;
    await hub.until(() => exportsOf('webhook').state === 'working' && exportsOf('webhook').behind === 0, 'the rest');
    assert.strictEqual(about(received, 'deviceConnect', 'device-1').length, 2);
    const ids = received.map((record) => record.recordId);
    assert.strictEqual(new Set(ids).size, ids.length);
});

test('a deleted setting exports no more, and what was done is in the activity log', async () => {
    await client.diagnosticSettings.delete(id, 'files');
    const count = written().length;
    await connectOnce('device-1');
    await hub.until(() => about(received, 'deviceDisconnect', 'device-1').length === 3, 'the other sink');
    assert.strictEqual(written().length, count);
    assert.strictEqual(exportsOf('file'), undefined);
    const query = (sql) => hub.vedette('query', '--sql', sql).rows;
    await hub.until(() => query(`SELECT OperationNameValue FROM AzureActivity WHERE Caller = 'token:monitor-contributor' ` +
        `AND OperationNameValue ILIKE '%diagnosticSettings/delete'`).length >= 8, 'the deletions in the activity log');
    await hub.until(() => query(`SELECT Category FROM AzureDiagnostics WHERE OperationName = 'deviceConnect'`).length >= 4,
        'the connects in the table');
});
