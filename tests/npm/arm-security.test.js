// SPDX-License-Identifier: MIT
// The security SDK of the service that is gone, unmodified: groups and their rules, solutions, recommendations, contacts.
'use strict';

const assert = require('node:assert');
const dns = require('node:dns');
const { test } = require('node:test');

const { SecurityCenter } = require('@azure/arm-security');
const hub = require('./hub');

dns.setDefaultResultOrder('ipv4first');

const made = hub.vedette('token', 'create', '--name', 'security-groups', '--role', 'contributor');
const credential = { getToken: async () => ({ token: made.token, expiresOnTimestamp: Date.now() + 3600000 }) };
const client = new SecurityCenter(credential, made.subscription, { endpoint: made.endpoint, retryOptions: { maxRetries: 0 } });
const group = made.resourceGroup;
const hubId = made.resourceId;

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

const rule = {
    ruleType: 'ActiveConnectionsNotInAllowedRange', isEnabled: true, minThreshold: 1, maxThreshold: 30, timeWindowSize: 'PT05M',
};

test('a group is answered with every rule type', async () => {
    const stored = await client.deviceSecurityGroups.createOrUpdate(hubId, 'Lab', {
        timeWindowRules: [rule],
        allowlistRules: [{ ruleType: 'ConnectionToIpNotAllowed', isEnabled: true, allowlistValues: ['192.0.2.0/24', '2001:db8::/32'] }],
    });
    assert.strictEqual(stored.name, 'Lab');
    assert.strictEqual(stored.type, 'Microsoft.Security/deviceSecurityGroups');
    assert.strictEqual(stored.timeWindowRules.length, 16);
    assert.strictEqual(stored.allowlistRules.length, 4);
    const mine = stored.timeWindowRules.find((one) => one.ruleType === rule.ruleType);
    assert.strictEqual(mine.timeWindowSize, 'PT05M');
    assert.strictEqual(mine.maxThreshold, 30);
    assert.ok(mine.displayName.length > 0 && mine.description.length > 0);
    const other = stored.timeWindowRules.find((one) => one.ruleType === 'FileUploadsNotInAllowedRange');
    assert.strictEqual(other.isEnabled, false);
    assert.strictEqual(other.timeWindowSize, 'PT15M');
    const list = stored.allowlistRules.find((one) => one.ruleType === 'ConnectionToIpNotAllowed');
    assert.strictEqual(list.valueType, 'IpCidr');
    assert.deepStrictEqual(list.allowlistValues, ['192.0.2.0/24', '2001:db8::/32']);
});

test('groups are read, listed, replaced and deleted', async () => {
    const read = await client.deviceSecurityGroups.get(hubId, 'Lab');
    await client.deviceSecurityGroups.createOrUpdate(hubId, 'Lab', read);
    assert.deepStrictEqual((await all(client.deviceSecurityGroups.list(hubId))).map((one) => one.name), ['Lab']);
    await client.deviceSecurityGroups.delete(hubId, 'Lab');
    await client.deviceSecurityGroups.delete(hubId, 'Lab');
    await assert.rejects(client.deviceSecurityGroups.get(hubId, 'Lab'), fault(404, 'ResourceNotFound'));
});

test('a rule that is wrong is refused with its place', async () => {
    const bad = (change) => client.deviceSecurityGroups.createOrUpdate(hubId, 'bad', { timeWindowRules: [{ ...rule, ...change }] });
    await assert.rejects(bad({ minThreshold: 31 }), (error) => {
        assert.match(error.message, /timeWindowRules\[0\]\.minThreshold/);
        return fault(400, 'BadRequest')(error);
    });
    await assert.rejects(bad({ timeWindowSize: 'PT10S' }), fault(400, 'BadRequest'));
    await assert.rejects(bad({ ruleType: 'Nothing' }), fault(400, 'BadRequest'));
    assert.deepStrictEqual(await all(client.deviceSecurityGroups.list(hubId)), []);
});

test('a solution has defaults, is patched by type, and goes', async () => {
    const stored = await client.iotSecuritySolution.createOrUpdate(group, 'main', {
        location: 'East Us', displayName: 'Main', iotHubs: [hubId], tags: { site: 'north' },
    });
    assert.strictEqual(stored.status, 'Enabled');
    assert.strictEqual(stored.unmaskedIpLoggingStatus, 'Disabled');
    assert.strictEqual(stored.recommendationsConfiguration.length, 16);
    assert.ok(stored.recommendationsConfiguration.every((one) => one.status === 'Enabled' && one.name.length > 0));
    assert.ok(stored.systemData.createdAt instanceof Date);
    const patched = await client.iotSecuritySolution.update(group, 'main', {
        tags: { site: 'south' },
        recommendationsConfiguration: [{ recommendationType: 'IoT_IPFilter_DenyAll', status: 'Disabled' }],
    });
    assert.deepStrictEqual(patched.tags, { site: 'south' });
    assert.strictEqual(patched.displayName, 'Main');
    const one = patched.recommendationsConfiguration.find((it) => it.recommendationType === 'IoT_IPFilter_DenyAll');
    assert.strictEqual(one.status, 'Disabled');
    assert.strictEqual((await client.iotSecuritySolution.get(group, 'main')).tags.site, 'south');
    const filter = `properties.iotHubs/any(i eq "${hubId}")`;
    assert.strictEqual((await all(client.iotSecuritySolution.listBySubscription({ filter }))).length, 1);
    assert.strictEqual((await all(client.iotSecuritySolution.listByResourceGroup(group, { filter: 'properties.iotHubs/any(i eq "x")' }))).length, 0);
    await assert.rejects(client.iotSecuritySolution.createOrUpdate(group, 'other', { displayName: 'x', iotHubs: ['/another'] }), fault(400, 'BadRequest'));
});

test('a recommendation is active, counted, and switched off by the solution', async () => {
    const names = async () => (await all(client.iotSecuritySolutionsAnalyticsRecommendation.list(group, 'main'))).map((one) => one.recommendationName);
    await hub.until(async () => (await names()).includes('IoT_DiagnosticLogs') && !(await names()).includes('IoT_IPFilter_DenyAll'),
        'the recommendation that was switched off to go');
    const one = await client.iotSecuritySolutionsAnalyticsRecommendation.get(group, 'main', 'IoT_DiagnosticLogs');
    assert.strictEqual(one.reportedSeverity, 'Low');
    assert.ok(one.remediationSteps.length > 0);
    await assert.rejects(client.iotSecuritySolutionsAnalyticsRecommendation.get(group, 'main', 'IoT_None'), fault(404, 'ResourceNotFound'));
    await client.iotSecuritySolution.delete(group, 'main');
    await client.iotSecuritySolution.delete(group, 'main');
    await hub.until(async () => (await names()).includes('IoT_IPFilter_DenyAll'), 'it to come back with the solution gone');
});

test('contacts are kept', async () => {
    const contact = { email: 'ops@example.com', phone: '1', alertNotifications: 'On', alertsToAdmins: 'Off' };
    const stored = await client.securityContacts.create('default1', contact);
    assert.strictEqual(stored.type, 'Microsoft.Security/securityContacts');
    assert.strictEqual((await client.securityContacts.update('default1', { phone: '2' })).email, contact.email);
    assert.strictEqual((await client.securityContacts.get('default1')).phone, '2');
    assert.strictEqual((await all(client.securityContacts.list())).length, 1);
    await assert.rejects(client.securityContacts.create('default2', { email: 'nobody' }), fault(400, 'BadRequest'));
    await client.securityContacts.delete('default1');
    assert.deepStrictEqual(await all(client.securityContacts.list()), []);
});
