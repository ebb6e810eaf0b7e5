// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { draftOf, propertiesOf, type DiagnosticSetting } from '../src/pages/settings/diagnostic_settings';
import { troubles } from '../src/pages/settings/service';
import type { Status } from '../src/pages/settings/status';
import { Fault, serve } from './server';

const HUB = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h';
const SETTINGS = `${HUB}/providers/microsoft.insights/diagnosticSettings`;
const status: Status = { version: '1.2.3', host: 'h', resourceId: HUB, running: true, uptimeSeconds: 90061, logEnd: 1, indicators: 7,
    exports: [{ setting: 'all', sink: 'file', state: 'failing', behind: 12, delivered: 3, skipped: 0, failures: 2, lastError: 'disk full' }] };
const all: DiagnosticSetting = {
    name: 'all',
    properties: { storageAccountId: '/subscriptions/x/storage', workspaceId: null, logs: [{ categoryGroup: 'allLogs', enabled: true }], metrics: [{ category: 'AllMetrics', enabled: true }] },
};

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/settings/diagnostics');
});

describe('a diagnostic setting', () => {
    it('is changed and keeps what the form does not show', () => {
        const draft = draftOf(all);
        expect(draft).toMatchObject({ sinks: ['storageAccountId'], what: 'allLogs' });
        const properties = propertiesOf({ ...draft, sinks: ['storageAccountId', 'workspaceId'], what: 'some', categories: ['Connections'] }, all);
        expect(properties).toMatchObject({
            storageAccountId: '/subscriptions/x/storage', workspaceId: '/vedette/workspaceId', eventHubAuthorizationRuleId: null,
            logs: [{ category: 'Connections', enabled: true }], metrics: [{ category: 'AllMetrics', enabled: true }],
        });
    });

    it('counts only what is enabled', () => {
        const off = { ...all, properties: { ...all.properties, logs: [{ category: 'Connections', enabled: false }, { category: 'Routes', enabled: true }] } };
        expect(draftOf(off)).toMatchObject({ what: 'some', categories: ['Routes'] });
    });
});

describe('the tab', () => {
    it('shows how a setting does, and deletes it after a question', async () => {
        const service = await serve('contributor', { 'GET /status': status, [`GET ${SETTINGS}`]: { value: [all] }, [`DELETE ${SETTINGS}/all`]: null });
        const user = userEvent.setup();
        render(<Settings path={['diagnostics']} />);
        await screen.findByText('disk full');
        await user.click(screen.getByRole('button', { name: 'Delete all' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }));
        await waitFor(() => { expect(service.asked.some((a) => a.method === 'DELETE')).toBe(true); });
    });

    it('adds one, and shows what the service says against it', async () => {
        await serve('contributor', { 'GET /status': { ...status, exports: [] }, [`GET ${SETTINGS}`]: { value: [] }, [`PUT ${SETTINGS}/x`]: new Fault(400, 'BadRequest', 'no') });
        const user = userEvent.setup();
        render(<Settings path={['diagnostics']} />);
        await screen.findByText('No diagnostic settings');
        await user.click(screen.getByRole('button', { name: 'Add …' }));
        const dialog = await screen.findByRole('dialog');
        const add = within(dialog).getByRole<HTMLButtonElement>('button', { name: 'Add' });
        await user.type(within(dialog).getByLabelText('Name'), 'x');
        await user.click(within(dialog).getByLabelText(/File of JSON lines/));
        expect(add.disabled).toBe(true);
        within(dialog).getByText('Choose where to.');
        await user.click(within(dialog).getByLabelText(/^Webhook/));
        await user.click(add);
        await within(dialog).findByText('no');
    });
});

describe('the service', () => {
    it('says what is wrong, the worst first', () => {
        const bad: Status = { ...status, hub: { logUnwritable: true, operationsLost: 2 }, center: { behind: 20000, deadLetters: 1, stalled: false } };
        expect(troubles(bad).map((one) => [one.bad, one.to])).toEqual([
            [true, undefined], [false, undefined], [false, undefined], [false, 'diagnostics'], [false, 'dead-letters'],
        ]);
        expect(troubles({ ...status, exports: [] })).toEqual([]);
        expect(troubles({ ...status, exports: [], sinks: [
            { name: 'desk', waiting: 104, dead: 0, state: 'failing' }, { name: 'soc', waiting: 99, dead: 0, state: 'working' },
            { name: 'slow', waiting: 100, dead: 1, state: 'working' },
        ] }).map((one) => one.text)).toEqual([
            'Notifications to desk fail; 104 wait.', '100 notifications to slow wait.', '1 notification to slow was given up.',
        ]);
    });

    it('shows versions and how long it has been running', async () => {
        await serve('reader', { 'GET /status': { ...status, exports: [] } });
        render(<Settings path={['service']} />);
        await screen.findByText('The service runs, and takes what comes.');
        screen.getByText('1.2.3');
        screen.getByText('1 d 1 h');
    });
});
