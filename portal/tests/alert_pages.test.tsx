// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { announce } from '../src/lib/events';
import type { Alert } from '../src/lib/types';
import { Alerts } from '../src/pages/alerts';
import { Fault, serve } from './server';

function alert(more: Partial<Alert> = {}): Alert {
    return {
        id: 'a1', number: 7, change: 12, alertType: 'IoT_TiConnection', displayName: 'Suspicious address', severity: 'Medium',
        status: 'New', deviceId: 'pump/1', moduleId: '', subject: '203.0.113.9', startTime: '2026-11-28T10:00:00Z',
        endTime: '2026-11-28T10:05:00Z', timeGenerated: '2026-11-28T10:00:01Z', count: 3, description: 'It spoke to it.',
        remediationSteps: ['Look.'], techniques: [], indicator: null, cause: '203.0.113.9', assessment: null, suppressedBy: null,
        evidence: [{ rawEventId: 'e1', time: '2026-11-28T10:00:00Z', protocol: 'TCP', direction: 'Out', localAddress: '10.0.0.1',
            localPort: 4000, remoteAddress: '203.0.113.9', remotePort: 443, bytesIn: 2048, bytesOut: 10 }],
        evidenceTotal: 40, history: [], query: 'SecurityIoTRawEvent | count', queryTimespan: 'P1D', ...more,
    };
}

const noRows = { columns: [], rows: [], truncated: false, render: null, seconds: 0 };

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/alerts');
});

describe('the list of alerts', () => {
    it('asks for open ones, names devices by links that are encoded, and asks again when alerts change', async () => {
        const service = await serve('reader', { 'GET /alerts': { alerts: [alert()], next: 0 } });
        render(<Alerts path={[]} />);
        const link = await screen.findByRole('link', { name: 'pump/1' });
        expect(link.getAttribute('href')).toBe('/portal/devices/pump%2F1');
        expect(service.asked[0]?.path).toBe('/alerts?state=Open&sort=severity&limit=50');
        service.answers['GET /alerts'] = { alerts: [alert({ id: 'a2', number: 8, displayName: 'A newer one' }), alert()], next: 0 };
        announce('alerts');
        const fresh = await screen.findByRole('link', { name: 'A newer one' }, { timeout: 3000 });
        expect(fresh.closest('tr')?.className).toBe('fresh');
    });

    it('has the most severe of the open ones first unless the URL says otherwise', async () => {
        const user = userEvent.setup();
        const service = await serve('reader', { 'GET /alerts': { alerts: [alert()], next: 7 } });
        window.history.replaceState(null, '', '/portal/alerts?before=9');
        render(<Alerts path={[]} />);
        await user.selectOptions(await screen.findByRole('combobox', { name: 'Order' }), 'newest');
        await waitFor(() => { expect(service.asked.at(-1)?.path).toBe('/alerts?state=Open&sort=newest&limit=50'); });
        expect(window.location.search).toBe('?sort=newest');
        await screen.findByRole('button', { name: 'Older' });
        await user.selectOptions(screen.getByRole('combobox', { name: 'State' }), 'Resolved');
        await waitFor(() => { expect(service.asked.at(-1)?.path).toBe('/alerts?state=Resolved&sort=newest&limit=50'); });
    });

    it('says that nothing matches, and what went wrong', async () => {
        const service = await serve('reader', { 'GET /alerts': { alerts: [], next: 0 } });
        render(<Alerts path={[]} />);
        await screen.findByText('No alerts');
        service.answers['GET /alerts'] = new Fault(503, 'Busy', 'too many requests wait, try again');
        announce('alerts');
        await screen.findByText(/has more to do than it can at once\. It is tried again by itself/, {}, { timeout: 3000 });
    });
});

describe('all alerts of a filter', () => {
    const counts = [{ state: 'New', alerts: 1500 }, { state: 'Resolved', alerts: 2 }];

    it('are changed after it was said how many, and which', async () => {
        window.history.replaceState(null, '', '/portal/alerts?severity=High&state=any&device=pump/1');
        const service = await serve('contributor', {
            'GET /alerts': { alerts: [alert()], next: 0 }, 'GET /alert-counts': { counts, isPartial: false }, 'POST /alerts': { changed: 1500 },
        });
        const user = userEvent.setup();
        render(<Alerts path={[]} />);
        await screen.findByRole('link', { name: 'Suspicious address' });
        await user.selectOptions(screen.getByLabelText('All of these …'), 'resolve');
        const dialog = within(await screen.findByRole('dialog', { name: 'Resolve' }));
        await dialog.findByText('This is for 1,500 alerts:');
        dialog.getByText('2 more match, and are in a state that this is not for.');
        dialog.getByText('High');
        dialog.getByText('pump/1');
        await user.click(dialog.getByRole('button', { name: 'Resolve: 1,500 alerts' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.filter(({ method }) => method === 'POST')).toMatchObject([
            { path: '/alerts?severity=High&device=pump%2F1', body: { action: 'resolve' } },
        ]);
    });

    it('are said to be more, perhaps, where counting ended', async () => {
        const most = { counts: [{ state: 'New', alerts: 10000 }], isPartial: true };
        await serve('contributor', { 'GET /alerts': { alerts: [alert()], next: 0 }, 'GET /alert-counts': most });
        const user = userEvent.setup();
        render(<Alerts path={[]} />);
        await screen.findByRole('link', { name: 'Suspicious address' });
        await user.selectOptions(screen.getByLabelText('All of these …'), 'resolve');
        const dialog = within(await screen.findByRole('dialog'));
        await dialog.findByText('This is for 10,000 alerts or more:');
    });

    it('are not if there are none that it is for', async () => {
        await serve('contributor', { 'GET /alerts': { alerts: [alert()], next: 0 }, 'GET /alert-counts': { counts: [], isPartial: false } });
        const user = userEvent.setup();
        render(<Alerts path={[]} />);
        await screen.findByRole('link', { name: 'Suspicious address' });
        await user.selectOptions(screen.getByLabelText('All of these …'), 'start');
        const dialog = within(await screen.findByRole('dialog'));
        await dialog.findByText('This is for none of these alerts.');
        expect(dialog.getByRole<HTMLButtonElement>('button', { name: 'Start work' }).disabled).toBe(true);
    });

    it('cannot be chosen where none is shown', async () => {
        await serve('contributor', { 'GET /alerts': { alerts: [], next: 0 } });
        render(<Alerts path={[]} />);
        await screen.findByText('No alerts');
        expect(screen.getByLabelText<HTMLSelectElement>('All of these …').disabled).toBe(true);
    });
});

describe('an alert', () => {
    it('is only looked at by a reader', async () => {
        await serve('reader', { 'GET /alerts/a1': alert(), 'POST /query': noRows });
        render(<Alerts path={['a1']} />);
        await screen.findByText('It spoke to it.');
        await screen.findByText(/203\.0\.113\.9:443/);
        expect(screen.queryByRole('button', { name: 'Dismiss' })).toBeNull();
    });

    it('is dismissed with reason, end, note and the change that was seen', async () => {
        const service = await serve('contributor', {
            'GET /alerts/a1': alert(), 'POST /query': noRows, 'POST /alerts/a1/dismiss': alert({ status: 'Dismissed' }),
        });
        const user = userEvent.setup();
        render(<Alerts path={['a1']} />);
        await user.click(await screen.findByRole('button', { name: 'Dismiss' }));
        const dialog = await screen.findByRole('dialog');
        await user.selectOptions(within(dialog).getByLabelText('Reason'), 'Expected');
        await user.selectOptions(within(dialog).getByLabelText(/Suppress/), 'ever');
        await user.type(within(dialog).getByLabelText('Note'), 'known pump');
        await user.click(within(dialog).getByRole('button', { name: 'Dismiss' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        const asked = service.asked.find((a) => a.path === '/alerts/a1/dismiss');
        expect(asked?.body).toEqual({ text: 'known pump', reason: 'Expected', ifChange: 12 });
        expect(asked?.csrf).toBe('c5rf');
    });

    it('says times and sizes of its sentences as people read them, and keeps UTC beside', async () => {
        const start = '2026-11-28T14:52:02.000Z';
        await serve('reader', {
            'GET /alerts/a1': alert({
                description: `By local:root: Device pump/1 spoke between ${start} and 2026-11-28T14:53:02.000Z: 700000 bytes out, 1 bytes in.`,
                evidence: [{ deviceConnectedSince: start, rawEventIds: ['r1', 'r2'], clockErrorMs: 90000 }], evidenceTotal: 1,
            }),
            'POST /query': noRows,
        });
        const { container } = render(<Alerts path={['a1']} />);
        const sentence = (await screen.findByText(/Device pump\/1 spoke between/));
        expect(sentence.textContent).toMatch(/^By root on the server: Device/);
        expect(sentence.textContent).toMatch(/: 684 KiB out, 1 B in\.$/);
        expect(sentence.textContent).not.toMatch(/T14:52|000Z/);
        const [first, second] = sentence.querySelectorAll('time');
        expect(first?.title).toContain('2026-11-28 14:52:02 UTC');
        expect(second?.textContent).toMatch(/^\d\d:53:02$/); // the day has been said
        expect(within(sentence).getByText('684 KiB').title).toBe('700,000 bytes');
        const facts = container.querySelector('li.evidence');
        expect(facts?.querySelector('time')?.dateTime).toBe(start);
        expect([...facts?.querySelectorAll('li') ?? []].map((item) => item.textContent)).toEqual(['r1', 'r2']);
        expect(facts?.textContent).toContain('Clock error1 min 30 s');
    });

    it('shows a flow with both of its ends and sizes in a cell each', async () => {
        await serve('reader', { 'GET /alerts/a1': alert(), 'POST /query': noRows });
        render(<Alerts path={['a1']} />);
        const row = within((await screen.findByText('10.0.0.1:4000')).closest('tr') as HTMLElement);
        expect(row.getByText(/203\.0\.113\.9:443/).textContent).toBe('→ 203.0.113.9:443');
        expect(row.getByTitle('2,048 bytes').textContent).toBe('2.0 KiB in');
        expect(row.getByTitle('10 bytes').textContent).toBe('10 B out');
        expect(row.getByText('TCP out').tagName).toBe('TD');
    });

    it('that somebody else changed is said to be so', async () => {
        await serve('contributor', {
            'GET /alerts/a1': alert(), 'POST /query': noRows, 'POST /alerts/a1/resolve': new Fault(412, 'PreconditionFailed', 'changed'),
        });
        const user = userEvent.setup();
        render(<Alerts path={['a1']} />);
        await user.click(await screen.findByRole('button', { name: 'Resolve' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Resolve' }));
        await screen.findByText(/Somebody else has changed this alert/);
    });
});
