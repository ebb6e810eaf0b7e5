// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { rightsOf } from '../src/pages/settings/policies';
import { Fault, serve } from './server';

const list = { policies: [{ keyName: 'back-end', rights: 'RegistryRead, ServiceConnect' }, { keyName: 'all', rights: 'RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect' }] };
const keys = { keyName: 'back-end', primaryKey: 'cHJpbWFyeQ==', secondaryKey: 'c2Vjb25k', rights: 'RegistryRead, ServiceConnect', connectionString: 'HostName=h;SharedAccessKeyName=back-end;SharedAccessKey=cHJpbWFyeQ==' };

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/settings/policies');
});

describe('shared access policies', () => {
    it('are listed for a reader, with what they allow and without keys', async () => {
        const service = await serve('reader', { 'GET /policies': list });
        render(<Settings path={['policies']} />);
        const row = (await screen.findByText('all')).closest('tr') as HTMLTableRowElement;
        within(row).getByText('Connect as any device');
        within(row).getByText(/can pose as every device/);
        expect(screen.queryByRole('button', { name: /Keys|Delete|New/ })).toBeNull();
        screen.getByText(/Only an owner makes/);
        expect(service.asked.map((one) => one.path)).toEqual(['/policies']);
    });

    it('show their keys to a contributor who asks for them, and make none', async () => {
        const service = await serve('contributor', { 'GET /policies': list, 'GET /policies/back-end': keys });
        const user = userEvent.setup();
        render(<Settings path={['policies']} />);
        await user.click(await screen.findByRole('button', { name: 'Keys of back-end' }));
        await screen.findByText('c2Vjb25k');
        screen.getByText(keys.connectionString);
        expect(screen.queryByRole('button', { name: /New|Both|Delete/ })).toBeNull();
        await user.click(screen.getByRole('button', { name: 'Done' }));
        expect(screen.queryByText('c2Vjb25k')).toBeNull();
        service.answers['GET /policies/back-end'] = new Fault(404, 'NotFound', 'back-end: not found');
        await user.click(screen.getByRole('button', { name: 'Keys of back-end' }));
        await screen.findByText(/back-end: not found/);
    });

    it('are made with chosen rights, and their keys shown', async () => {
        const service = await serve('owner', { 'GET /policies': list, 'POST /policies': keys });
        const user = userEvent.setup();
        render(<Settings path={['policies']} />);
        await user.click(await screen.findByRole('button', { name: 'New policy …' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'back-end');
        await user.click(within(dialog).getByRole('checkbox', { name: /Talk to devices/ }));
        within(dialog).getByText('Choose one at least.');
        expect((within(dialog).getByRole('button', { name: 'Create' }) as HTMLButtonElement).disabled).toBe(true);
        await user.click(within(dialog).getByRole('checkbox', { name: /Talk to devices/ }));
        await user.click(within(dialog).getByRole('checkbox', { name: /Read identities/ }));
        await user.click(within(dialog).getByRole('button', { name: 'Create' }));
        await screen.findByText('cHJpbWFyeQ==');
        expect(service.asked.find((one) => one.method === 'POST')?.body).toEqual({ keyName: 'back-end', rights: 'RegistryRead, ServiceConnect' });
        await waitFor(() => { expect(service.asked.filter((one) => one.path === '/policies' && one.method === 'GET').length).toBeGreaterThan(1); });
    });

    it('get new keys, and go, only after a question', async () => {
        const service = await serve('owner', {
            'GET /policies': list, 'GET /policies/back-end': keys, 'POST /policies/back-end/rotate': { ...keys, primaryKey: 'bmV3' }, 'DELETE /policies/back-end': null,
        });
        const user = userEvent.setup();
        render(<Settings path={['policies']} />);
        await user.click(await screen.findByRole('button', { name: 'Keys of back-end' }));
        await user.click(await screen.findByRole('button', { name: 'New primary key …' }));
        expect(service.asked.some((one) => one.method === 'POST')).toBe(false);
        const question = await screen.findByRole('dialog', { name: 'Make the primary key of back-end anew?' });
        await user.click(within(question).getByRole('button', { name: 'Make it anew' }));
        await screen.findByText('bmV3');
        expect(screen.queryByText('cHJpbWFyeQ==')).toBeNull();
        expect(service.asked.find((one) => one.method === 'POST')?.body).toEqual({ key: 'primary' });
        await user.click(screen.getByRole('button', { name: 'Done' }));
        await user.click(screen.getByRole('button', { name: 'Delete policy back-end' }));
        expect(service.asked.some((one) => one.method === 'DELETE')).toBe(false);
        service.answers['GET /policies'] = { policies: [] };
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        await screen.findByText('There are no policies');
    });

    it('have rights in one text', () => {
        expect(rightsOf('RegistryRead, ServiceConnect')).toEqual(['RegistryRead', 'ServiceConnect']);
        expect(rightsOf('')).toEqual([]);
    });
});
