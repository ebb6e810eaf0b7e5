// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { outcome, type Sink } from '../src/pages/settings/sinks';
import { changes, isOn, type Solution } from '../src/pages/settings/solutions';
import { Fault, serve } from './server';

const HUB = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h';
const SOLUTIONS = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/iotSecuritySolutions';

const status = {
    version: '0', host: 'h', resourceId: HUB, running: true, uptimeSeconds: 1, logEnd: 1, indicators: 0,
    queryStorage: { bytes: 950, maxBytes: 1000, daysToPack: 0, daysForSize: 3, lastForSize: '2026-11-27T00:00:00Z' },
    queryTables: [{ table: 'SecurityIoTRawEvent', rows: 12345, bytes: 2048, keepDays: 30, oldestDay: '2026-11-01T00:00:00.000Z' }],
    hunts: { notStored: [{ from: '2026-11-20T00:00:00Z', to: null }] },
};

function solution(name: string, more: Partial<Solution['properties']> = {}): Solution {
    return { name, location: '', tags: {}, properties: { displayName: name, status: 'Enabled', iotHubs: [HUB], ...more } };
}

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/settings');
});

describe('security solutions', () => {
    it('store raw events where there are none, else where one that is enabled exports them', () => {
        expect(isOn([], 'rawEvents')).toBe(true);
        expect(isOn([], 'wholeAddresses')).toBe(false);
        expect(isOn([solution('a')], 'rawEvents')).toBe(false);
        expect(isOn([solution('a', { export: ['RawEvents'], status: 'Disabled' })], 'rawEvents')).toBe(false);
        expect(isOn([solution('a'), solution('b', { export: ['RawEvents'] })], 'rawEvents')).toBe(true);
    });

    it('are changed where they have to be, and no further', () => {
        const made = changes([], 'rawEvents', false, HUB);
        expect(made.map((one) => [one.name, one.properties.export, one.properties.unmaskedIpLoggingStatus])).toEqual([['vedette', [], 'Disabled']]);
        // Made for the other switch, the first stays as it was.
        expect(changes([], 'wholeAddresses', true, HUB)[0]?.properties.export).toEqual(['RawEvents']);
        const two = [solution('a', { export: ['RawEvents'], workspace: 'w' }), solution('b', { export: ['RawEvents'] }), solution('c')];
        expect(changes(two, 'rawEvents', false, HUB).map((one) => [one.name, one.properties.export])).toEqual([['a', []], ['b', []]]);
        expect(changes(two, 'rawEvents', false, HUB)[0]?.properties['workspace']).toBe('w');
        expect(changes(two, 'rawEvents', true, HUB)).toEqual([]);
    });
});

describe('the tab of data', () => {
    it('says what is kept, what went for want of room, and when nothing was stored', async () => {
        await serve('reader', { 'GET /status': status, [`GET ${SOLUTIONS}`]: { value: [solution('a')] } });
        render(<Settings path={[]} />);
        await screen.findByText('Raw events are not stored');
        screen.getByText('12,345');
        screen.getByText(/3 days went before the time for want of room/);
        screen.getByText('Not stored within the last days');
        expect(screen.queryByRole('button', { name: 'Store raw events' })).toBeNull();
    });

    it('stops storing after a question', async () => {
        const service = await serve('contributor', {
            'GET /status': status, [`GET ${SOLUTIONS}`]: { value: [] }, [`PUT ${SOLUTIONS}/vedette`]: solution('vedette'),
        });
        const user = userEvent.setup();
        render(<Settings path={['data']} />);
        await user.click(await screen.findByRole('button', { name: 'Stop storing' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Stop storing' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        const put = service.asked.find((a) => a.method === 'PUT');
        expect((put?.body as Solution).properties).toMatchObject({ export: [], iotHubs: [HUB], status: 'Enabled' });
    });
});

function sink(more: Partial<Sink> = {}): Sink {
    return {
        name: 'desk', kind: 'webhook', settings: { url: 'https://desk/...' }, minSeverity: 'Low', waiting: 0, delivered: 4, skipped: 0, dead: 0,
        state: 'working', lastError: null, lastErrorTime: null, ...more,
    };
}

describe('a test of a sink', () => {
    it('is delivered when all that waited before it was too', () => {
        expect(outcome(sink({ waiting: 2 }), sink({ delivered: 6, waiting: 1 }))).toBe('waiting');
        expect(outcome(sink({ waiting: 2 }), sink({ delivered: 7 }))).toBe('delivered');
        expect(outcome(sink(), sink({ lastErrorTime: '2026-11-28T10:00:00Z' }))).toBe('failed');
        expect(outcome(sink(), sink({ dead: 1 }))).toBe('failed');
        expect(outcome(sink(), undefined)).toBe('failed');
    });

    it('shows why it failed', async () => {
        const service = await serve('contributor', { 'GET /notify': { sinks: [sink()] }, 'GET /notify-dead': { deadNotifications: [] } });
        service.answers['POST /notify/desk/test'] = () => {
            service.answers['GET /notify'] = { sinks: [sink({ state: 'failing', lastError: 'connection refused', lastErrorTime: '2026-11-28T10:00:00Z', waiting: 1 })] };
            return null;
        };
        const user = userEvent.setup();
        render(<Settings path={['notifications']} />);
        await user.click(await screen.findByRole('button', { name: 'Test desk' }));
        const note = await screen.findByText(/The test was not delivered/, {}, { timeout: 4000 });
        within(note).getByText('connection refused');
    });
});

describe('notifications', () => {
    it('are added, and the secret is shown once', async () => {
        const service = await serve('contributor', {
            'GET /notify': { sinks: [] }, 'GET /notify-dead': { deadNotifications: [] }, 'POST /notify': { name: 'siem', secret: 'whsec_abc' },
        });
        const user = userEvent.setup();
        render(<Settings path={['notifications']} />);
        await screen.findByText('Nobody is told');
        await user.click(screen.getByRole('button', { name: 'Add …' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'siem');
        await user.type(within(dialog).getByLabelText('URL'), 'https://siem.example.com/in');
        await user.selectOptions(within(dialog).getByLabelText('Format'), 'ocsf');
        await user.click(within(dialog).getByRole('button', { name: 'Add' }));
        await screen.findByText('whsec_abc');
        expect(service.asked.find((a) => a.method === 'POST')?.body).toEqual({
            name: 'siem', kind: 'webhook', minSeverity: 'Low', settings: { url: 'https://siem.example.com/in', format: 'ocsf' },
        });
    });

    it('go in the clear only when that was said', async () => {
        const service = await serve('contributor', {
            'GET /notify': { sinks: [] }, 'GET /notify-dead': { deadNotifications: [] }, 'POST /notify': { name: 'siem' },
        });
        const user = userEvent.setup();
        render(<Settings path={['notifications']} />);
        await screen.findByText('Nobody is told');
        await user.click(screen.getByRole('button', { name: 'Add …' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'siem');
        await user.type(within(dialog).getByLabelText('URL'), 'https://siem');
        expect(within(dialog).queryByRole('checkbox')).toBeNull();
        await user.clear(within(dialog).getByLabelText('URL'));
        await user.type(within(dialog).getByLabelText('URL'), 'http://siem/in');
        await user.click(within(dialog).getByRole('checkbox'));
        await user.click(within(dialog).getByRole('button', { name: 'Add' }));
        await waitFor(() => {
            expect(service.asked.find((a) => a.method === 'POST')?.body).toEqual({
                name: 'siem', kind: 'webhook', minSeverity: 'Low', settings: { url: 'http://siem/in', plain: true },
            });
        });
    });

    it('that were given up are discarded after a question', async () => {
        const dead = { number: 12, sink: 'desk', sequence: 1, what: 'raised', time: '2026-11-28T10:00:00Z', failed: '2026-11-28T10:00:00Z',
            reason: 'status 410', alert: { id: 'a1', displayName: 'A bad thing' } };
        const service = await serve('contributor', { 'GET /notify': { sinks: [sink()] }, 'GET /notify-dead': { deadNotifications: [dead] }, 'DELETE /notify-dead/12': null });
        const user = userEvent.setup();
        render(<Settings path={['notifications']} />);
        expect((await screen.findByRole('link', { name: 'A bad thing' })).getAttribute('href')).toBe('/portal/alerts/a1');
        await user.click(screen.getByRole('button', { name: 'Discard notification 12' }));
        expect(service.asked.some((a) => a.method === 'DELETE')).toBe(false);
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Discard' }));
        await waitFor(() => { expect(service.asked.some((a) => a.method === 'DELETE')).toBe(true); });
    });
});

describe('tokens', () => {
    const token = { name: 'tester', role: 'owner', createdBy: 'local:root', created: '2026-11-01T00:00:00Z', expires: null, lastUsed: null, isExpired: false };

    it('are not asked for but by an owner', async () => {
        const service = await serve('contributor', {});
        render(<Settings path={['access']} />);
        await screen.findByText('Only an owner sees and changes tokens.');
        expect(service.asked).toEqual([]);
    });

    it('are made, and their text is shown once', async () => {
        const service = await serve('owner', {
            'GET /tokens': { tokens: [token] },
            'POST /tokens': { ...token, name: 'prom', token: 'vdt_secret', endpoint: 'https://h', subscription: 's', resourceGroup: 'g', hub: 'h' },
        });
        const user = userEvent.setup();
        render(<Settings path={['access']} />);
        await user.click(await screen.findByRole('button', { name: 'New token …' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'prom');
        await user.selectOptions(within(dialog).getByLabelText('Expires in'), '30 days');
        await user.click(within(dialog).getByRole('button', { name: 'Create' }));
        await screen.findByText('vdt_secret');
        expect(service.asked.find((a) => a.method === 'POST')?.body).toEqual({ name: 'prom', role: 'reader', expiresInSeconds: 2592000 });
        await user.click(screen.getByRole('button', { name: 'Done' }));
        expect(screen.queryByText('vdt_secret')).toBeNull();
    });

    it('of one’s own, and the last owner’s, are deleted after a warning', async () => {
        await serve('owner', { 'GET /tokens': { tokens: [token] }, 'DELETE /tokens/tester': new Fault(404, 'NotFound', 'tester: not found') });
        const user = userEvent.setup();
        render(<Settings path={['access']} />);
        await user.click(await screen.findByRole('button', { name: 'Delete token tester' }));
        const dialog = await screen.findByRole('dialog');
        within(dialog).getByText(/You are signed in with it/);
        within(dialog).getByText(/It is the last token of an owner/);
        await user.click(within(dialog).getByRole('button', { name: 'Delete' }));
        await within(dialog).findByText('tester: not found');
    });
});

describe('a CA certificate', () => {
    const one = { name: 'plant', subject: 'CN=plant', thumbprint: 'AB', expiry: '2040-01-01T00:00:00Z', isVerified: false,
        created: '2026-11-01T00:00:00Z', updated: '2026-11-01T00:00:00Z', certificate: 'QUJD' };

    it('is proven by a code and a certificate', async () => {
        const service = await serve('contributor', { 'GET /certificates/plant': one });
        service.answers['POST /certificates/plant/code'] = () => {
            service.answers['GET /certificates/plant'] = { ...one, verificationCode: 'C0DE' };
            return { ...one, verificationCode: 'C0DE' };
        };
        service.answers['POST /certificates/plant/verify'] = () => {
            service.answers['GET /certificates/plant'] = { ...one, isVerified: true };
            return { ...one, isVerified: true };
        };
        const user = userEvent.setup();
        render(<Settings path={['certificates', 'plant']} />);
        await user.click(await screen.findByRole('button', { name: 'Make a code' }));
        await screen.findByText(/CN=C0DE/);
        await user.type(screen.getByLabelText('or its text (PEM)'), 'PEM');
        await user.click(screen.getByRole('button', { name: 'Verify' }));
        await screen.findByText(/It is proven/);
        expect(service.asked.find((a) => a.path === '/certificates/plant/verify')?.body).toEqual({ certificate: 'UEVNCg==' });
    });

    it('that is none is said to be so', async () => {
        await serve('contributor', { 'GET /certificates': { certificates: [] }, 'POST /certificates': new Fault(400, 'InvalidCertificate', 'x: it is no certificate') });
        const user = userEvent.setup();
        render(<Settings path={['certificates']} />);
        await screen.findByText('No CA certificates');
        await user.click(screen.getByRole('button', { name: 'Add …' }));
        const dialog = await screen.findByRole('dialog');
        expect(within(dialog).getByRole<HTMLButtonElement>('button', { name: 'Add' }).disabled).toBe(true);
        await user.type(within(dialog).getByLabelText('Name'), 'x');
        await user.type(within(dialog).getByLabelText('or its text (PEM)'), 'nonsense');
        await user.click(within(dialog).getByRole('button', { name: 'Add' }));
        await within(dialog).findByText('x: it is no certificate');
    });
});
