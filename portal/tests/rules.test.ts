// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { checkAddress } from '../src/pages/groups/address';
import { entriesOf } from '../src/pages/groups/editor';
import { allGroups } from '../src/pages/groups/list';
import { keyOf, keysOf, take, type Proposal } from '../src/pages/groups/propose';
import { complete, faultOf, inUnits, parseDuration, placeOf, same, toSend, words, writeDuration, type Rule } from '../src/pages/groups/rules';

const D2C = 'MqttD2CMessagesNotInAllowedRange';
const ALLOWED = 'ConnectionToIpNotAllowed';

describe('durations', () => {
    it('are read in every form that the service takes, and written in the largest unit', () => {
        expect(['PT15M', 'PT05M', 'P1D', 'P1W', 'P1DT2H', 'PT90S'].map(parseDuration)).toEqual([900, 300, 86400, 604800, 93600, 90]);
        expect(['', 'P', 'PT', 'P1DT', '5M', 'PT1.5M', 'P1M', 'PT-1M'].map(parseDuration)).toEqual(Array(8).fill(undefined));
        expect([90, 900, 7200, 86400].map((s) => writeDuration(...inUnits(s)))).toEqual(['PT90S', 'PT15M', 'PT2H', 'P1D']);
    });
});

describe('addresses', () => {
    it('networks and ranges are taken', () => {
        for (const text of ['192.0.2.1', '192.0.2.0/24', '192.0.2.1-192.0.2.9', '2001:db8::/32', '::', '::1', '1:2:3:4:5:6:7::', '::ffff:192.0.2.1', '2001:db8::1-2001:db8::9']) {
            expect(checkAddress(text), text).toBeUndefined();
        }
    });

    it('that are none are not', () => {
        for (const text of ['', 'x', '192.0.2', '192.0.2.256', '192.0.2.01', '192.0.2.1/33', '192.0.2.1/', '2001:db8::/129', '1::2::3', '1:2:3:4:5:6:7:8:9',
            '12345::', '192.0.2.9-192.0.2.1', '192.0.2.1-::1', '0.0.0.0/0', '::/0', '192.0.2.1-', '1.2.3.4:80']) {
            expect(checkAddress(text), text).toBeDefined();
        }
    });

    it('keep the lines that they stand in', () => {
        expect(entriesOf(' a \n\n b\n')).toEqual([{ line: 0, value: 'a' }, { line: 2, value: 'b' }]);
    });
});

describe('a document', () => {
    it('has every rule that is judged; what was never used is not sent', () => {
        const document = complete(undefined);
        expect(document.timeWindowRules).toHaveLength(8);
        expect(document.denylistRules[0]).toEqual({ ruleType: 'DenylistCustomAlertRule', isEnabled: false, denylistValues: [] });
        expect(toSend(document).denylistRules).toEqual([]);
        expect(toSend(document).allowlistRules).toEqual([{ ruleType: ALLOWED, isEnabled: false, allowlistValues: [] }]);
    });

    it('is the same with what the service sets itself', () => {
        const document = complete({ allowlistRules: [{ ruleType: ALLOWED, isEnabled: true, displayName: 'x', description: 'y', valueType: 'IpCidr', allowlistValues: [] }] });
        expect(toSend(document).allowlistRules[0]).toEqual({ ruleType: ALLOWED, isEnabled: true, allowlistValues: [] });
        expect(same(document, complete(toSend(document)))).toBe(true);
    });
});

describe('a rule', () => {
    const window = (more: Partial<Rule>): Rule => ({ ruleType: D2C, isEnabled: true, minThreshold: 1, maxThreshold: 30, timeWindowSize: 'PT5M', ...more });

    it('is said in a sentence', () => {
        expect(words({ rule: window({}), list: 'timeWindowRules' }))
            .toBe('Alerts when a device has fewer than 1 or more than 30 messages to the cloud within 5 minutes.');
        expect(words({ rule: window({ minThreshold: 0, timeWindowSize: 'P1D' }), list: 'timeWindowRules' }))
            .toBe('Alerts when a device has more than 30 messages to the cloud within 1 day.');
        expect(words({ rule: { ruleType: ALLOWED, isEnabled: true, allowlistValues: ['a', 'b'] }, list: 'allowlistRules' }))
            .toBe('Alerts when a device connects to an address outside of 2 entries.');
    });

    it('says what is wrong with it, and where', () => {
        const at = (more: Partial<Rule>) => faultOf({ rule: window(more), list: 'timeWindowRules' })?.member;
        expect(at({})).toBeUndefined();
        expect(at({ minThreshold: 31 })).toBe('minThreshold');
        expect(at({ maxThreshold: '' })).toBe('maxThreshold');
        expect(at({ timeWindowSize: 'PT30S' })).toBe('timeWindowSize');
        expect(at({ timeWindowSize: 'P8D' })).toBe('timeWindowSize');
        expect(at({ ruleType: 'ActiveConnectionsNotInAllowedRange', minThreshold: 4097, maxThreshold: 5000 })).toBe('minThreshold');
        expect(faultOf({ rule: { ruleType: ALLOWED, isEnabled: true, allowlistValues: ['192.0.2.1', 'nowhere'] }, list: 'allowlistRules' }))
            .toEqual({ member: 'allowlistValues', line: 1, text: 'is no address, network or range' });
        expect(faultOf({ rule: { ruleType: 'ProcessNotAllowed', isEnabled: true, valueType: 'String', allowlistValues: ['sshd'] }, list: 'allowlistRules' }))
            .toBeUndefined();
    });

    it('that the service refuses is found by its place', () => {
        const sent = toSend(complete({ timeWindowRules: [window({})] }));
        expect(placeOf('timeWindowRules[0].minThreshold: must not be above maxThreshold', sent))
            .toEqual({ ruleType: D2C, fault: { member: 'minThreshold', text: 'must not be above maxThreshold' } });
        expect(placeOf('allowlistRules[0].allowlistValues[3]: not an address', sent))
            .toEqual({ ruleType: ALLOWED, fault: { member: 'allowlistValues', line: 3, text: 'not an address' } });
        expect(placeOf('allowlistRules[9].ruleType: is missing', sent)).toBeUndefined();
        expect(placeOf('the disk is full', sent)).toBeUndefined();
    });
});

describe('a proposal', () => {
    const proposal: Proposal = {
        devices: 2, flows: 9, suspicious: [], properties: { allowlistRules: [{ ruleType: ALLOWED, isEnabled: true, allowlistValues: ['a', 'b', 'c'] }] },
        changes: [{ ruleType: ALLOWED, added: ['b', 'c'], removed: ['z'], why: 'w' }],
    };
    const before = complete({ allowlistRules: [{ ruleType: ALLOWED, isEnabled: false, allowlistValues: ['a', 'z'] }] });

    it('chooses what is added, and takes only what is chosen', () => {
        const { all, first } = keysOf(proposal.changes);
        expect(first).toEqual([keyOf(ALLOWED, '+', 'b'), keyOf(ALLOWED, '+', 'c')]);
        expect(take(before, proposal, new Set([first[1] ?? ''])).allowlistRules[0])
            .toEqual({ ruleType: ALLOWED, isEnabled: true, allowlistValues: ['a', 'z', 'c'] });
        expect(take(before, proposal, new Set(all)).allowlistRules[0]?.allowlistValues).toEqual(['a', 'b', 'c']);
        expect(same(take(before, proposal, new Set()), before)).toBe(true);
    });
});

describe('groups', () => {
    it('that only devices name are among them', () => {
        expect(allGroups({ groups: [{ name: 'b', properties: {}, deviceCount: 0 }], deviceCounts: { a: 2, b: 1 } }).map((one) => [one.name, one.properties === null]))
            .toEqual([['a', true], ['b', false]]);
    });
});
