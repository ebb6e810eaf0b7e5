// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { announce } from '../src/lib/events';
import { Devices } from '../src/pages/devices';
import { byReason } from '../src/pages/devices/can_fire';
import { talkersOf } from '../src/pages/devices/talkers';
import type { DeviceDetail, DeviceRow } from '../src/pages/devices/types';
import { levels, ticks } from '../src/ui/scatter';
import { Fault, serve } from './server';

function row(more: Partial<DeviceRow> = {}): DeviceRow {
    return {
        deviceId: 'pump/1', group: 'pumps', state: 'refused', isEnabled: true, isConnected: false, lastHeard: '2026-11-28T09:00:00Z',
        address: '192.0.2.7', openAlerts: { High: 0, Medium: 1, Low: 2 }, clockErrorMs: -420000, authenticationType: 'sas',
        usualSeconds: 300, ...more,
    };
}

function detail(more: Partial<DeviceDetail> = {}): DeviceDetail {
    return {
        ...row(), generationId: 'g', createdTime: '2026-11-01T00:00:00Z', statusReason: null, hasSecurityModule: true, hasGroupTag: true,
        groupHasRules: false, reasons: ['Its last login, at 2026-11-28T09:30:00.000Z, was refused: it came with a token that neither of its keys has signed.', 'Its clock is 420 s behind.'], connectedSince: null, lastConnected: null,
        lastDisconnected: null, connectedAddress: null, lastMessage: null, lastNetworkActivity: null, clockMeasured: null,
        refused: { time: '2026-11-28T09:30:00Z', reason: 'signature_wrong', text: 'it came with a token that neither of its keys has signed', address: '198.51.100.9', looksCopied: true },
        versions: null, coverage: [{ day: '2026-11-28', countedPackets: 10, reportedPackets: 9, missedPackets: 1, share: 0.9 }], recommendations: [], ...more,
    };
}

const counts = { reporting: 3, late: 1, silent: 0, refused: 1, never: 0, disabled: 0, total: 5 };
const columns = ['Remote', 'Port', 'Protocol', 'Flows', 'Bytes', 'FirstSeen', 'LastSeen'].map((name) => ({ name, type: 'string' }));
const result = (rows: unknown[][]) => ({ columns, rows, truncated: false, render: null, seconds: 0 });

function page(more: Partial<DeviceDetail> = {}) {
    return {
        'GET /inventory/pump%2F1': detail(more),
        'GET /alerts': { alerts: [], next: 0 },
        'GET /groups': { groups: [], deviceCounts: { pumps: 5 } },
        'GET /doctor/pump%2F1': {
            deviceId: 'pump/1', group: 'pumps', warnings: [], alerts: [
                { alertType: 'IoT_TiConnection', displayName: 'Bad address', canFire: true, why: '' },
                { alertType: 'IoT_CA_ConnectionToIpNotAllowed', displayName: 'long', canFire: false, why: 'the group has no rules' },
            ],
        },
        'POST /queries/device-talkers/run': result([
            ['203.0.113.9', '443', 'TCP', 2, 5000, '2026-11-28T09:00:00Z', '2026-11-28T09:10:00Z'],
            ['192.0.2.1', '53', 'UDP', 1, 100, '2026-11-20T09:00:00Z', '2026-11-28T09:10:00Z'],
        ]),
        'POST /queries/device-first-seen/run': result([['203.0.113.9', '2026-11-28T09:00:00Z', 2]]),
        'POST /queries/device-connections/run': result([]),
    };
}

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/devices');
});

describe('the inventory', () => {
    it('shows devices with their state and alerts, and asks by state and from the first page', async () => {
        window.history.replaceState(null, '', '/portal/devices?after=x');
        const service = await serve('reader', {
            'GET /inventory': { devices: [row()], next: 'pump/1', counts }, 'GET /groups': { groups: [], deviceCounts: { pumps: 5 } },
        });
        const user = userEvent.setup();
        render(<Devices path={[]} />);
        const link = await screen.findByRole('link', { name: 'pump/1' });
        expect(link.getAttribute('href')).toBe('/portal/devices/pump%2F1');
        screen.getByText('7 min behind');
        expect(screen.getByRole('link', { name: 'Open alerts: 1 Medium, 2 Low' }).getAttribute('href')).toBe('/portal/alerts?device=pump%2F1');
        await user.click(within(screen.getByRole('group', { name: 'Devices by state' })).getByRole('button', { name: /Refused 1/ }));
        await waitFor(() => { expect(service.asked.at(-1)?.path).toBe('/inventory?state=refused&limit=50'); });
        await user.click(await screen.findByRole('button', { name: 'Next' }));
        await waitFor(() => { expect(service.asked.at(-1)?.path).toBe('/inventory?state=refused&after=pump%2F1&limit=50'); });
        service.answers['GET /inventory'] = { devices: [row({ deviceId: 'late-1' })], next: null, counts };
        announce('devices');
        await screen.findByRole('link', { name: 'late-1' }, { timeout: 3000 });
    });

    it('says how to make the first one, that nothing matches, and what went wrong', async () => {
        const none = { devices: [], next: null, counts: { ...counts, total: 0 } };
        const service = await serve('reader', { 'GET /inventory': none, 'GET /groups': { groups: [], deviceCounts: {} } });
        const user = userEvent.setup();
        render(<Devices path={[]} />);
        await screen.findByText('vedette device create pump-1');
        await user.type(screen.getByLabelText('Name begins with'), 'zz');
        await screen.findByText('Nothing matches these filters.');
        expect(window.location.search).toBe('?search=zz');
        service.answers['GET /inventory'] = new Fault(503, 'Busy', 'too many requests wait');
        announce('devices');
        await screen.findByText(/more to do than it can at once/, {}, { timeout: 3000 });
    });
});

describe('a device', () => {
    it('says why it is in its state, what is new among its talkers, and what cannot fire', async () => {
        await serve('reader', page());
        render(<Devices path={['pump/1']} />);
        const why = await screen.findByText(/was refused: it came with a token that neither of its keys has signed/);
        expect(why.textContent).not.toContain('Z'); // in the viewer's zone, as all times are
        expect(why.querySelector('time')?.getAttribute('datetime')).toBe('2026-11-28T09:30:00.000Z');
        screen.getByText('Its clock is 420 s behind.');
        screen.getByText(/somebody may pose as it/);
        await screen.findByText(/1 address is new since yesterday/);
        const fresh = screen.getByRole('link', { name: '203.0.113.9' }).closest('tr');
        expect(fresh?.textContent).toContain('new');
        expect(screen.getByRole('link', { name: '192.0.2.1' }).closest('tr')?.textContent).not.toContain('new');
        await screen.findByText('the group has no rules');
        screen.getByText('rule “Allowed addresses”');
        screen.getByText('90%');
        expect(screen.queryByRole('button', { name: 'Disable' })).toBeNull();
        expect(screen.queryByRole('button', { name: 'Change group' })).toBeNull();
    });

    it('that reports is said to, whatever else is wrong with it', async () => {
        const fine = { state: 'reporting', refused: null, openAlerts: { High: 0, Medium: 0, Low: 0 }, coverage: [] };
        const service = await serve('reader', page({ ...fine, reasons: ['Its clock is 420 s ahead.'] }));
        render(<Devices path={['pump/1']} />);
        expect((await screen.findByText('It reports as usual.')).closest('.notice')?.className).toContain('good');
        screen.getByText('Its clock is 420 s ahead.');
        service.answers['GET /inventory/pump%2F1'] = detail({ ...fine, reasons: [] });
        announce('devices');
        await screen.findByText('It reports, and nothing is wrong with it.', {}, { timeout: 3000 });
    });

    it('does not report as well as it could while much of what it saw is in no report', async () => {
        const fine = { state: 'reporting', refused: null, openAlerts: { High: 0, Medium: 0, Low: 0 } };
        await serve('reader', page({ ...fine, reasons: ['710 packets that it saw in the last 24 hours are in no report.'] }));
        render(<Devices path={['pump/1']} />);
        await screen.findByText(/710 packets that it saw/);
        expect(screen.getByText('It reports as usual.').closest('.notice')?.className).toContain('warn');
    });

    it('is never fine while an alert about it is open or something is recommended for it', async () => {
        const reporting = { state: 'reporting', refused: null, reasons: [] };
        const service = await serve('reader', page({ ...reporting, openAlerts: { High: 1, Medium: 0, Low: 0 } }));
        render(<Devices path={['pump/1']} />);
        const said = await screen.findByText('It reports as usual, but an alert about it is open (High).');
        expect(said.closest('.notice')?.className).toContain('bad');
        service.answers['GET /inventory/pump%2F1'] = detail({ ...reporting, openAlerts: { High: 0, Medium: 1, Low: 2 } });
        announce('alerts');
        const more = await screen.findByText('It reports as usual, but 3 alerts about it are open (1 Medium, 2 Low).', {}, { timeout: 3000 });
        expect(more.closest('.notice')?.className).toContain('warn');
        service.answers['GET /inventory/pump%2F1'] = detail({
            ...reporting, openAlerts: { High: 0, Medium: 0, Low: 0 },
            recommendations: [{ type: 'IoT_SharedCredentials', displayName: 'Shared keys', severity: 'High' }],
        });
        announce('recommendations');
        expect((await screen.findByRole('link', { name: 'Shared keys' }, { timeout: 3000 })).getAttribute('href'))
            .toBe('/portal/recommendations/IoT_SharedCredentials');
        expect(screen.queryByText(/nothing is wrong/)).toBeNull();
        service.answers['GET /inventory/pump%2F1'] = detail({ state: 'late', refused: null, reasons: [], openAlerts: { High: 0, Medium: 1, Low: 2 } });
        announce('devices');
        await screen.findByText('3 alerts about it are open (1 Medium, 2 Low).', {}, { timeout: 3000 });
    });

    it('is disabled only after a question, with the reason', async () => {
        const service = await serve('contributor', { ...page(), 'PATCH /devices/pump%2F1': {} });
        const user = userEvent.setup();
        render(<Devices path={['pump/1']} />);
        await user.click(await screen.findByRole('button', { name: 'Disable' }));
        expect(service.asked.some((one) => one.method === 'PATCH')).toBe(false);
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Reason'), 'stolen');
        await user.click(within(dialog).getByRole('button', { name: 'Disable' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.find((one) => one.method === 'PATCH')?.body).toEqual({ status: 'disabled', statusReason: 'stolen' });
    });

    it('is put into another group; what is refused is said', async () => {
        const service = await serve('contributor', { ...page(), 'PUT /devices/pump%2F1/group': new Fault(400, 'InvalidGroup', 'no such name') });
        const user = userEvent.setup();
        render(<Devices path={['pump/1']} />);
        await user.click(await screen.findByRole('button', { name: 'Change group' }));
        const dialog = await screen.findByRole('dialog');
        const input = within(dialog).getByLabelText('Group');
        await user.clear(input);
        await user.click(within(dialog).getByRole('button', { name: 'Change group' }));
        await within(dialog).findByText('no such name');
        expect(service.asked.find((one) => one.method === 'PUT')?.body).toEqual({ group: null });
    });

    it('shows its twin when it is asked to', async () => {
        const service = await serve('reader', { ...page(), 'GET /devices/pump%2F1/twin': { tags: { site: 'A' } } });
        render(<Devices path={['pump/1']} />);
        const summary = await screen.findByText('Its twin');
        expect(service.asked.some((one) => one.path.endsWith('/twin'))).toBe(false);
        const details = summary.closest('details') as HTMLDetailsElement;
        details.open = true;
        details.dispatchEvent(new Event('toggle'));
        expect((await screen.findByRole('region', { name: 'Its twin' })).textContent).toBe('{\n  "tags": {\n    "site": "A"\n  }\n}');
    });

    it('that is not there is said to be so', async () => {
        await serve('reader', { 'GET /inventory/nobody': new Fault(404, 'NotFound', 'nobody is not there') });
        render(<Devices path={['nobody']} />);
        await screen.findByText(/nobody is not there/);
    });
});

describe('talkers', () => {
    it('are one for each address, with all of its ports and the widest time', () => {
        const [one] = talkersOf([
            ['192.0.2.1', '80', 'TCP', 1, 10, '2026-11-02T00:00:00Z', '2026-11-03T00:00:00Z'],
            ['192.0.2.1', '443', 'TCP', 2, null, '2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z'],
        ], new Set());
        expect(one).toEqual({
            remote: '192.0.2.1', ports: ['TCP 80', 'TCP 443'], flows: 3, bytes: 10, first: Date.UTC(2026, 10, 1), last: Date.UTC(2026, 10, 3),
            isNew: false,
        });
    });
});

describe('reasons', () => {
    it('of most alerts stand first', () => {
        const alert = (alertType: string, why: string) => ({ alertType, displayName: alertType, canFire: why === '', why });
        expect(byReason([alert('A', 'x'), alert('B', 'y'), alert('C', 'y'), alert('D', '')])).toEqual([['y', ['B', 'C']], ['x', ['A']]]);
    });
});

describe('the axes of points', () => {
    it('have round steps within the range', () => {
        const hour = 3600e3;
        const found = ticks([0, 10 * hour], 5);
        expect(found.length).toBeLessThanOrEqual(5);
        expect(new Set(found.slice(1).map((at, i) => at - (found[i] ?? 0)))).toEqual(new Set([3 * hour]));
        expect(levels([3, 5 * 1024 ** 2])).toEqual([1, 1024, 1024 ** 2, 1024 ** 3]);
        expect(levels([40000, 500000, 0])).toEqual([32768, 1048576]);
        expect(levels([0])).toEqual([32, 1024]);
    });
});
