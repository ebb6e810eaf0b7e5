// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { faults, judge, newRule, parseRange, read, warnings, write, type FilterProperties } from '../src/pages/settings/ip_rules';
import { Fault, serve } from './server';

const stored: FilterProperties = {
    ipFilterRules: [
        { filterName: 'office', action: 'Accept', ipMask: '192.0.2.0/24' },
        { filterName: 'all', action: 'Reject', ipMask: '0.0.0.0/0' },
    ],
};
const withSet: FilterProperties = {
    ipFilterRules: [{ filterName: 'bad', action: 'Reject', ipMask: '10.0.0.9' }],
    networkRuleSets: { defaultAction: 'Deny', applyToBuiltInEventHubEndpoint: true, ipRules: [{ filterName: 'plant', action: 'Allow', ipMask: '10.0.0.0/8' }] },
};

describe('ranges', () => {
    it('are of IPv4, and bits behind the prefix do not count', () => {
        expect(parseRange('192.0.2.77/24')).toEqual({ network: 0xc0000200, prefix: 24 });
        expect(parseRange('255.255.255.255')).toEqual({ network: 0xffffffff, prefix: 32 });
        expect(['', '1.2.3', '1.2.3.256', '1.2.3.4/33', '1.2.3.4/', '::1'].map(parseRange)).toEqual(Array(6).fill(undefined));
    });
});

describe('a filter', () => {
    it('is judged by the first rule that matches', () => {
        const filter = read(stored);
        expect(judge(filter, '192.0.2.9')).toMatchObject({ accepted: true, by: { name: 'office' } });
        expect(judge(filter, '::ffff:203.0.113.1')).toMatchObject({ accepted: false, by: { name: 'all' } });
        expect(judge(filter, '2001:db8::1')).toEqual({ accepted: true, by: undefined });
        expect(judge(filter, 'nonsense')).toBeUndefined();
        expect(judge(read(withSet), '192.0.2.1')).toEqual({ accepted: false, by: undefined });
    });

    it('is stored as it was read, in both forms', () => {
        expect(write(read(stored), stored)).toEqual(stored);
        expect(write(read(withSet), withSet)).toEqual(withSet);
    });

    it('keeps its order when a rule of the set moves up', () => {
        const filter = read(withSet);
        filter.rules.reverse();
        expect(write(filter, withSet)).toEqual({
            ipFilterRules: [
                { filterName: 'plant', action: 'Accept', ipMask: '10.0.0.0/8' }, { filterName: 'bad', action: 'Reject', ipMask: '10.0.0.9' },
            ],
            networkRuleSets: { defaultAction: 'Deny', applyToBuiltInEventHubEndpoint: true, ipRules: [] },
        });
    });

    it('is warned about: open end, own address, nobody, rules that never decide', () => {
        expect(warnings({ rules: [], acceptsRest: true }, undefined).join()).toMatch(/What no rule names is accepted/);
        expect(warnings(read(stored), '203.0.113.5').join()).toMatch(/Your own address 203\.0\.113\.5 is refused by all/);
        expect(warnings(read(withSet), '203.0.113.5').join()).toMatch(/No rule accepts your own address/);
        expect(warnings(read(withSet), '10.1.1.1')).toEqual([]);
        expect(warnings({ rules: [], acceptsRest: false }, '10.1.1.1').join()).toMatch(/Nobody may connect/);
        expect(warnings({ rules: [newRule('a', true, '10.0.0.0/8'), newRule('b', false, '10.9.0.0/16')], acceptsRest: false }, undefined))
            .toEqual(['b never decides: a comes first and covers it.']);
    });

    it('has faults that the service would refuse', () => {
        const rules = [newRule('a', true, '10.0.0.0/8'), newRule('A', true, '10.0.0.0/33'), newRule(' ', true, '1.1.1.1')];
        const found = faults(rules);
        expect(rules.map((rule) => found.get(rule.key))).toEqual([
            undefined, { name: 'Another rule has this name.', mask: 'An IPv4 address or range, as 192.0.2.0/24.' }, { name: 'A name is needed.' },
        ]);
    });
});

describe('the tab', () => {
    beforeEach(() => {
        forgetAnswers();
        window.history.replaceState(null, '', '/portal/settings/ip-filter');
    });

    it('moves rules by the keyboard, keeps the focus on the rule, and saves with the etag that was seen', async () => {
        const service = await serve('contributor', { 'GET /ip-filter': { etag: 7, properties: stored }, 'PUT /ip-filter': { etag: 8, properties: stored } });
        const user = userEvent.setup();
        render(<Settings path={['ip-filter']} />);
        (await screen.findByRole('button', { name: 'Move rule 1 down' })).focus();
        await user.keyboard('{Enter}');
        expect(screen.getByLabelText<HTMLInputElement>('Name of rule 2').value).toBe('office');
        expect(document.activeElement?.getAttribute('aria-label')).toBe('Move rule 2 up');
        await user.click(screen.getByRole('button', { name: 'Save …' }));
        const dialog = await screen.findByRole('dialog');
        within(dialog).getByText('office never decides: all comes first and covers it.');
        await user.click(within(dialog).getByRole('button', { name: 'Save' }));
        await screen.findByText('Rules, in their order');
        const asked = service.asked.find((a) => a.method === 'PUT');
        expect(asked?.path).toBe('/ip-filter?etag=7');
        expect((asked?.body as FilterProperties).ipFilterRules?.map((r) => r.filterName)).toEqual(['all', 'office']);
    });

    it('says that somebody else was quicker, and lets one decide', async () => {
        const service = await serve('contributor', {
            'GET /ip-filter': { etag: 7, properties: stored }, 'PUT /ip-filter': new Fault(412, 'PreconditionFailed', 'another etag'),
        });
        const user = userEvent.setup();
        render(<Settings path={['ip-filter']} />);
        await user.click(await screen.findByRole('button', { name: 'Remove rule 2' }));
        service.answers['GET /ip-filter'] = { etag: 9, properties: withSet };
        await user.click(screen.getByRole('button', { name: 'Save …' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Save' }));
        await screen.findByText(/Somebody else has changed the filter/);
        await user.click(screen.getByRole('button', { name: 'Show theirs, and discard mine' }));
        await waitFor(() => { expect(screen.getByLabelText<HTMLInputElement>('Name of rule 2').value).toBe('plant'); });
    });

    it('is only looked at by a reader', async () => {
        await serve('reader', { 'GET /ip-filter': { etag: 7, properties: stored } });
        render(<Settings path={['ip-filter']} />);
        expect((await screen.findByLabelText<HTMLInputElement>('Name of rule 1')).readOnly).toBe(true);
        expect(screen.queryByRole('button', { name: 'Add rule' })).toBeNull();
    });
});
