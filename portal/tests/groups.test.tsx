// SPDX-License-Identifier: MIT
import { fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers, type Role } from '../src/lib/api';
import { Groups } from '../src/pages/groups';
import { complete, toSend, type Document } from '../src/pages/groups/rules';
import type { TrialResult } from '../src/pages/groups/trial';
import { Fault, serve, type Asked, type Service } from './server';

const ALLOWED = 'ConnectionToIpNotAllowed';
const D2C = 'MqttD2CMessagesNotInAllowedRange';

const properties = (values: string[]): Partial<Document> => toSend(complete({
    allowlistRules: [{ ruleType: ALLOWED, isEnabled: true, allowlistValues: values }],
    timeWindowRules: [{ ruleType: D2C, isEnabled: true, minThreshold: 1, maxThreshold: 30, timeWindowSize: 'PT5M' }],
}));

/** A finding for each message above the maximum that is asked about. */
function trial(asked: Asked): TrialResult {
    const rule = (asked.body as Document).timeWindowRules.find((one) => one.ruleType === D2C);
    const findings = Math.max(0, 40 - Number(rule?.maxThreshold));
    return {
        isPartial: false, coveredUntil: '2026-11-28T00:00:00Z', devicesInGroup: 2, eventsRead: 100, recordsRead: 9, findings,
        rules: [{ alertType: `IoT_CA_${D2C}`, findings, devices: 1 }], devices: [{ deviceId: 'pump-1', findings }],
        examples: [{ alertType: `IoT_CA_${D2C}`, deviceId: 'pump-1', time: '2026-11-27T00:00:00Z', description: 'It sent too much.' }],
        notStored: [{ from: '2026-11-27T01:00:00Z', to: '2026-11-27T02:00:00Z' }],
    };
}

const inventory = { devices: [], next: null, counts: { reporting: 0, late: 0, silent: 0, refused: 0, never: 0, disabled: 0, total: 0 } };

function open(role: Role, more: Service['answers'] = {}): Promise<Service> {
    return serve(role, {
        'GET /groups': { groups: [{ name: 'pumps', properties: properties(['192.0.2.0/24']), deviceCount: 2 }], deviceCounts: { pumps: 2 } },
        'POST /groups/pumps/test': trial, 'GET /inventory': inventory, ...more,
    });
}

const tests = (service: Service) => service.asked.filter((one) => one.path.startsWith('/groups/pumps/test'));
const rule = async (name: string) => within(await screen.findByRole('region', { name }));

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/groups/pumps');
});

describe('groups', () => {
    it('are listed with their devices, also those without rules', async () => {
        await serve('reader', { 'GET /groups': { groups: [{ name: 'pumps', properties: properties([]), deviceCount: 2 }], deviceCounts: { pumps: 2, pmups: 1 } } });
        render(<Groups path={[]} />);
        await screen.findByText('Allowed addresses, Messages to the cloud');
        expect(screen.getByRole('link', { name: 'pmups' }).closest('tr')?.textContent).toContain('no rules');
        expect(screen.getByRole('link', { name: '2' }).getAttribute('href')).toBe('/portal/devices?group=pumps');
        expect(screen.queryByRole('button', { name: 'New group' })).toBeNull();
    });
});

describe('the rules of a group', () => {
    it('are words for a reader, with what they would have found', async () => {
        await open('reader');
        render(<Groups path={['pumps']} />);
        await screen.findByText('Alerts when a device has fewer than 1 or more than 30 messages to the cloud within 5 minutes.');
        await screen.findByText('10 findings on 1 device', {}, { timeout: 3000 });
        screen.getByText(/Raw events were not stored/);
        expect(screen.queryByRole('checkbox')).toBeNull();
        expect(screen.queryByRole('button', { name: 'Delete rules' })).toBeNull();
    });

    it('are tried again after an edit, compared with the saved ones, and saved', async () => {
        const service = await open('contributor', { 'PUT /groups/pumps': {} });
        const user = userEvent.setup();
        render(<Groups path={['pumps']} />);
        await screen.findByText('10 findings on 1 device', {}, { timeout: 3000 });
        const most = (await rule('Messages to the cloud')).getByLabelText('At most');
        fireEvent.input(most, { target: { value: '3' } });
        fireEvent.input(most, { target: { value: '35' } });
        await screen.findByText('5 findings on 1 device', {}, { timeout: 3000 });
        expect(screen.getAllByText('with the saved rules: 10')).toHaveLength(2); // beside, and where it is saved
        // Not once a letter: "3" alone was not tried.
        expect(tests(service).map((one) => (one.body as Document).timeWindowRules.find((r) => r.ruleType === D2C)?.maxThreshold)).toEqual([30, 35]);
        await user.click(screen.getByRole('button', { name: 'Save rules' }));
        await waitFor(() => { expect(service.asked.some((one) => one.method === 'PUT')).toBe(true); });
        const sent = service.asked.find((one) => one.method === 'PUT')?.body as Document;
        expect(sent.timeWindowRules.find((r) => r.ruleType === D2C)).toEqual(
            { ruleType: D2C, isEnabled: true, minThreshold: 1, maxThreshold: 35, timeWindowSize: 'PT5M' });
    });

    it('are compared with the saved ones also where those were not tried before', async () => {
        const service = await open('contributor');
        render(<Groups path={['pumps']} />);
        fireEvent.input((await rule('Messages to the cloud')).getByLabelText('At most'), { target: { value: '38' } });
        await screen.findByText('2 findings on 1 device', {}, { timeout: 3000 });
        expect(await screen.findAllByText('with the saved rules: 10', {}, { timeout: 3000 })).toHaveLength(2);
        fireEvent.click(screen.getByRole('button', { name: 'Discard changes' }));
        await screen.findByText('10 findings on 1 device', {}, { timeout: 3000 });
        fireEvent.input((await rule('Messages to the cloud')).getByLabelText('At most'), { target: { value: '39' } });
        await screen.findByText('1 finding on 1 device', {}, { timeout: 3000 });
        expect(screen.getAllByText('with the saved rules: 10')).toHaveLength(2);
        expect(tests(service)).toHaveLength(4);
    });

    it('are not tried or saved with a wrong line, whose place is said; discarding brings back what was', async () => {
        const service = await open('contributor');
        const user = userEvent.setup();
        render(<Groups path={['pumps']} />);
        await screen.findByText('10 findings on 1 device', {}, { timeout: 3000 });
        const list = await rule('Allowed addresses');
        const area = list.getByLabelText('Addresses, one a line');
        await user.type(area, '\n\nnowhere');
        list.getByText('Line 3, "nowhere": is no address, network or range');
        screen.getByText(/tried as soon as/);
        expect((screen.getByRole('button', { name: 'Save rules' }) as HTMLButtonElement).disabled).toBe(true);
        await user.click(list.getByRole('button', { name: 'Go to the line' }));
        const chosen = area as HTMLTextAreaElement;
        expect(chosen.value.slice(chosen.selectionStart, chosen.selectionEnd)).toBe('nowhere');
        await user.click(screen.getByRole('button', { name: 'Discard changes' }));
        await waitFor(() => { expect((area as HTMLTextAreaElement).value).toBe('192.0.2.0/24'); });
        expect(tests(service)).toHaveLength(1);
    });

    it('show what the service refuses at its field', async () => {
        await open('contributor', { 'PUT /groups/pumps': new Fault(400, 'InvalidRule', 'allowlistRules[0].allowlistValues[1]: it is reserved') });
        const user = userEvent.setup();
        render(<Groups path={['pumps']} />);
        const list = await rule('Allowed addresses');
        await user.type(list.getByLabelText('Addresses, one a line'), '\n198.51.100.1');
        await user.click(screen.getByRole('button', { name: 'Save rules' }));
        await list.findByText('Line 2, "198.51.100.1": it is reserved');
    });

    it('outlive a look at another page', async () => {
        await open('contributor');
        const user = userEvent.setup();
        const { unmount } = render(<Groups path={['pumps']} />);
        await user.click((await rule('Twin updates')).getByRole('checkbox'));
        unmount();
        render(<Groups path={['pumps']} />);
        expect(((await rule('Twin updates')).getByRole('checkbox') as HTMLInputElement).checked).toBe(true);
    });

    it('are deleted only after a question', async () => {
        const service = await open('contributor', { 'DELETE /groups/pumps': null });
        const user = userEvent.setup();
        render(<Groups path={['pumps']} />);
        await user.click(await screen.findByRole('button', { name: 'Delete rules' }));
        const dialog = await screen.findByRole('dialog');
        within(dialog).getByText(/stop for 2 devices/);
        expect(service.asked.some((one) => one.method === 'DELETE')).toBe(false);
        await user.click(within(dialog).getByRole('button', { name: 'Delete rules' }));
        await waitFor(() => { expect(window.location.pathname).toBe('/portal/groups'); });
    });

    it('of a group without any are written from the beginning', async () => {
        const service = await serve('contributor', { 'GET /groups': { groups: [], deviceCounts: {} }, 'GET /inventory': inventory, 'POST /groups/new%20one/test': trial, 'PUT /groups/new%20one': {} });
        const user = userEvent.setup();
        render(<Groups path={['new one']} />);
        await screen.findByText('There is no group "new one"');
        await user.click(screen.getByRole('button', { name: 'Make rules for it' }));
        await screen.findByText(/has no rules yet/);
        const calls = await rule('Method calls');
        await user.click(calls.getByRole('checkbox'));
        await user.selectOptions(calls.getByLabelText('Unit'), 'H');
        await user.click(screen.getByRole('button', { name: 'Save rules' }));
        await waitFor(() => { expect(service.asked.some((one) => one.method === 'PUT')).toBe(true); });
        const sent = service.asked.find((one) => one.method === 'PUT')?.body as Document;
        expect(sent.timeWindowRules.filter((one) => one.isEnabled)).toEqual(
            [{ ruleType: 'DirectMethodInvokesNotInAllowedRange', isEnabled: true, minThreshold: 0, maxThreshold: 0, timeWindowSize: 'PT15H' }]);
        expect(sent.denylistRules).toEqual([]);
    });
});

describe('a proposal', () => {
    it('goes into the editor, entry by entry, and is not saved', async () => {
        const service = await open('contributor', {
            'POST /groups/pumps/propose': {
                name: 'pumps', devices: 2, flows: 7, properties: properties(['192.0.2.0/24', '198.51.100.1', '203.0.113.66']),
                suspicious: [{ address: '203.0.113.99', indicator: '203.0.113.96/28', feed: 'abuse' }],
                changes: [{ ruleType: ALLOWED, added: ['198.51.100.1', '203.0.113.66'], removed: [], why: 'They spoke to it.' }],
            },
        });
        const user = userEvent.setup();
        render(<Groups path={['pumps']} />);
        await user.click(await screen.findByRole('button', { name: 'Propose from what they did' }));
        const dialog = await screen.findByRole('dialog');
        await user.click(await within(dialog).findByRole('checkbox', { name: '+ 203.0.113.66' }));
        within(dialog).getByText('203.0.113.99');
        within(dialog).getByRole('link', { name: 'in the feed abuse' });
        expect(within(dialog).queryByRole('checkbox', { name: '+ 203.0.113.99' })).toBeNull();
        await user.click(within(dialog).getByRole('button', { name: 'Take 1 entry into the editor' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        const area = (await rule('Allowed addresses')).getByLabelText('Addresses, one a line') as HTMLTextAreaElement;
        await waitFor(() => { expect(area.value).toBe('192.0.2.0/24\n198.51.100.1'); });
        expect(service.asked.some((one) => one.method === 'PUT')).toBe(false);
    });
});
