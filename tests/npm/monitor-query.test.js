// SPDX-License-Identifier: MIT
// The SDKs for log queries of the service that is gone, both generations, unmodified: over what real devices and calls left behind.
'use strict';

const assert = require('node:assert');
const { randomUUID } = require('node:crypto');
const dns = require('node:dns');
const https = require('node:https');
const { before, test } = require('node:test');

const older = require('@azure/monitor-query');
const newer = require('@azure/monitor-query-logs');
const { Client: Device, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const DAY = 'P1D';
const made = hub.vedette('token', 'create', '--name', 'analyst', '--role', 'reader');
const credential = { getToken: async () => ({ token: made.token, expiresOnTimestamp: Date.now() + 3600000 }) };
const options = { retryOptions: { maxRetries: 0 } };
const clients = {
    'monitor-query': new older.LogsQueryClient(credential, { ...options, endpoint: made.endpoint }),
    'monitor-query-logs': new newer.LogsQueryClient(credential, { ...options, endpoint: `${made.endpoint}/v1` }),
    'monitor-query-logs without a version': new newer.LogsQueryClient(credential, { ...options, endpoint: made.endpoint }),
};
const workspace = made.subscription;
const day = { duration: DAY };
const eventId = randomUUID();
const REMOTE = ['192.0.2.7', '2001:db8::7', '198.51.100.9'];

const payload = (RemoteAddress, i) => ({ RemoteAddress, RemotePort: String(443 + i), Direction: 'Out', Protocol: 'TCP',
    ProcessId: 812 + i, Executable: '/usr/bin/curl' });

async function query(name, text, timespan = day, settings = {}) {
    const result = await clients[name].queryWorkspace(workspace, text, timespan, settings);
    assert.strictEqual(result.status, 'Success', JSON.stringify(result));
    return { ...result, rows: result.tables[0].rows, columns: result.tables[0].columnDescriptors };
}

before(async () => {
    const device = Device.fromConnectionString(hub.connectionString(), Mqtt);
    await device.setOptions({ ca: hub.ca });
    await device.open();
    const message = new Message(JSON.stringify({ AgentVersion: '1.4.0', AgentId: randomUUID(), MessageSchemaVersion: '1.0',
        Events: [{ Id: eventId, TimestampLocal: new Date().toISOString(), TimestampUTC: new Date().toISOString(),
            Category: 'Triggered', Name: 'ConnectionCreate', EventType: 'Security', IsEmpty: false,
            PayloadSchemaVersion: '1.0', Payload: REMOTE.map(payload) }] }));
    message.setAsSecurityMessage();
    await device.sendEvent(message);
    await device.close();
    await hub.until(async () => (await query('monitor-query', 'SecurityIoTRawEvent | count')).rows[0][0] === 3, 'raw events');
});

for (const name of Object.keys(clients)) {
    test(`${name}: rows with their types`, async () => {
        const { rows, columns } = await query(name, `SecurityIoTRawEvent
            | where IoTRawEventId == '${eventId}' | extend d = parse_json(EventDetails)
            | extend port = tolong(d.RemotePort) | sort by port asc
            | project TimeGenerated, DeviceId, d, port, half = port / 2.0, big = port > 443, span = port * 1s,
                none = datetime(null)`);
        assert.deepStrictEqual(columns.map((column) => column.type),
            ['datetime', 'string', 'dynamic', 'long', 'real', 'bool', 'timespan', 'datetime']);
        assert.deepStrictEqual(columns.map((column) => column.name),
            ['TimeGenerated', 'DeviceId', 'd', 'port', 'half', 'big', 'span', 'none']);
        assert.deepStrictEqual(rows.map((row) => row[2].RemoteAddress), REMOTE);
        assert.ok(rows[0][0] instanceof Date && Math.abs(Date.now() - rows[0][0]) < 600000);
        assert.deepStrictEqual(rows[1].slice(3, 7), [444, 222, true, '00:07:24']);
        assert.strictEqual(rows[0][1], 'device-1');
    });

    test(`${name}: an empty result has its columns`, async () => {
        const { rows, columns } = await query(name, "SecurityIoTRawEvent | where DeviceId == 'none'");
        assert.strictEqual(rows.length, 0);
        assert.ok(columns.some((column) => column.name === 'EventDetails'));
    });

    test(`${name}: the hub's own records`, async () => {
        await hub.until(async () => (await query(name, `AzureDiagnostics
            | where Category == 'Connections' and OperationName == 'deviceConnect'
            | where parse_json(properties_s).deviceId == 'device-1'`)).rows.length > 0, 'the record of a connection');
        const { rows } = await query(name, "AzureActivity | summarize n = count() by OperationNameValue");
        assert.ok(rows.length > 0, 'the token that was made is an activity');
    });

    test(`${name}: spans of time`, async () => {
        const count = async (timespan) => (await query(name, 'SecurityIoTRawEvent | count', timespan)).rows[0][0];
        const now = Date.now();
        const hour = 3600000;
        assert.strictEqual(await count(day), 3);
        assert.strictEqual(await count({ startTime: new Date(now - hour), endTime: new Date(now + hour) }), 3);
        assert.strictEqual(await count({ startTime: new Date(now - hour), duration: 'PT2H' }), 3);
        assert.strictEqual(await count({ duration: 'PT1H', endTime: new Date(now - hour) }), 0);
        assert.strictEqual(await count({ startTime: new Date(now + hour), duration: 'PT1H' }), 0);
    });

    test(`${name}: statistics and render`, async () => {
        const asked = await query(name, 'SecurityIoTRawEvent | summarize count() by DeviceId | render barchart', day,
            { includeQueryStatistics: true, includeVisualization: true, serverTimeoutInSeconds: 30 });
        assert.ok(asked.statistics.query.executionTime >= 0);
        assert.strictEqual(asked.statistics.query.datasetStatistics[0].table_row_count, 1);
        assert.strictEqual(asked.statistics.query.datasetStatistics[0].table_size, 'device-1'.length + 8);
        assert.strictEqual(asked.visualization.visualization, 'barchart');
        const unasked = await query(name, 'print 1 | render barchart');
        assert.strictEqual(unasked.statistics, undefined);
        assert.strictEqual(unasked.visualization, undefined);
    });

    test(`${name}: what is wrong, and where`, async () => {
        await assert.rejects(query(name, 'SecurityAlert\n| wher x == 1'), (error) => {
            assert.strictEqual(error.name, 'RestError', error.stack);
            assert.strictEqual(error.statusCode, 400);
            const outer = error.details.error; // its innererror is spelled as either generation likes
            const inner = outer.innererror ?? outer.innerError;
            assert.strictEqual(outer.code, 'BadArgumentError');
            assert.strictEqual(inner.code, 'SyntaxError');
            assert.match(inner.message, /^line 2, column 3: .*'where'/);
            if (inner.innerError) { // the newer one drops these
                const { line, pos, token } = inner.innerError;
                assert.deepStrictEqual([line, pos, token], [2, 3, 'wher']);
            }
            return true;
        });
        await assert.rejects(query(name, 'print 1', day, { serverTimeoutInSeconds: 'abc' }), (error) =>
            error.statusCode === 400 && /Prefer: wait is to be a number/.test(JSON.stringify(error.details)));
        await assert.rejects(query(name, 'SecurityAlert | where Nothing == 1'), (error) =>
            error.statusCode === 400 && /SemanticError.*Nothing/s.test(JSON.stringify(error.details)));
    });

    test(`${name}: more rows than a result may have`, async () => {
        const result = await clients[name].queryWorkspace(workspace, 'range x from 1 to 600000 step 1', day);
        assert.strictEqual(result.status, 'PartialFailure');
        assert.strictEqual(result.partialTables[0].rows.length, 500000);
        assert.strictEqual(result.partialError.code, 'PartialError');
    });

    test(`${name}: a query that takes too long`, async () => {
        const began = Date.now();
        await assert.rejects(query(name, `range x from 1 to 100000 step 1 | extend k = 1
            | join kind=inner (range y from 1 to 100000 step 1 | extend k = 1) on k | where hash(x * y) == 5 | count`, day,
        { serverTimeoutInSeconds: 1 }), (error) => error.statusCode === 504);
        assert.ok(Date.now() - began < 20000);
    });

    test(`${name}: by the hub as a resource`, async () => {
        const result = await clients[name].queryResource(made.resourceId, 'SecurityIoTRawEvent | count', day);
        assert.strictEqual(result.status, 'Success');
        assert.strictEqual(result.tables[0].rows[0][0], 3);
        await assert.rejects(clients[name].queryResource(`${made.resourceId}x`, 'print 1', day),
            (error) => error.statusCode === 404);
    });

    test(`${name}: several at once, good and bad, in their order`, async () => {
        const item = (text, workspaceId = workspace) => ({ workspaceId, query: text, timespan: day });
        const answers = await clients[name].queryBatch([item('print a = 1'), item('print a ='), item('print a = 3'),
            item('print 1', 'elsewhere'), { ...item('print 5 | render table'), includeVisualization: true }]);
        assert.strictEqual(answers.length, 5);
        assert.strictEqual(answers[0].tables[0].rows[0][0], 1);
        assert.strictEqual(answers[2].tables[0].rows[0][0], 3);
        assert.strictEqual(answers[4].visualization.visualization, 'table');
        assert.notStrictEqual(answers[1].status, 'Success');
        assert.notStrictEqual(answers[3].status, 'Success');
    });

    test(`${name}: of workspaces there is this one`, async () => {
        await assert.rejects(clients[name].queryWorkspace(randomUUID(), 'print 1', day), (error) =>
            error.statusCode === 404 && error.code === 'WorkspaceNotFoundError');
        const both = await query(name, 'SecurityIoTRawEvent | count', day, { additionalWorkspaces: [made.resourceId] });
        assert.strictEqual(both.rows[0][0], 3);
        await assert.rejects(query(name, 'print 1', day, { additionalWorkspaces: ['elsewhere'] }),
            (error) => error.statusCode === 404);
    });

    test(`${name}: nobody without a token`, async () => {
        const nobody = { getToken: async () => ({ token: 'wrong', expiresOnTimestamp: Date.now() + 3600000 }) };
        const Client = name === 'monitor-query' ? older.LogsQueryClient : newer.LogsQueryClient;
        const client = new Client(nobody, { ...options, endpoint: made.endpoint });
        await assert.rejects(client.queryWorkspace(workspace, 'print 1', day), (error) => error.statusCode === 401);
    });
}

test('monitor-query: without a span of time', async () => {
    const result = await clients['monitor-query'].queryWorkspace(workspace, 'SecurityIoTRawEvent | count');
    assert.strictEqual(result.tables[0].rows[0][0], 3);
});

test('a query ends when its connection is closed', async () => {
    const before = await query('monitor-query', 'print 1');
    assert.strictEqual(before.rows.length, 1);
    const body = JSON.stringify({ timespan: DAY, query: `range x from 1 to 1000000 step 1 | extend k = 1
        | join kind=inner (range y from 1 to 1000000 step 1 | extend k = 1) on k | where hash(x * y) == 5 | count` });
    const running = () => hub.vedette('status').queriesRunning;
    const request = https.request(`${made.endpoint}/v1/workspaces/${workspace}/query`, { method: 'POST',
        headers: { Authorization: `Bearer ${made.token}`, 'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body) } });
    request.on('error', () => {});
    request.end(body);
    await hub.until(() => running() === 1, 'the query to run');
    request.destroy();
    await hub.until(() => running() === 0, 'the query to end');
});
