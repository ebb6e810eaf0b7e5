// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { hexRows } from '../src/pages/settings/dead_letter';
import { replayAll, type Letter } from '../src/pages/settings/letters';
import { serve, type Asked } from './server';

function letter(more: Partial<Letter> = {}): Letter {
    return {
        offset: 253, time: '2026-11-28T11:00:00Z', deviceId: 'pump-7', moduleId: '', address: '127.0.0.1', kind: 'Security', protocol: 'MQTT',
        reason: 'AgentId: is to be a GUID', bodyBytes: 3, replay: null, ...more,
    };
}

function at(url: string): void {
    window.history.replaceState(null, '', `/portal/settings/dead-letters${url}`);
}

beforeEach(() => {
    forgetAnswers();
    at('');
});

describe('bodies in hexadecimal', () => {
    it('have sixteen bytes a row', () => {
        expect(hexRows('00'.repeat(16) + 'ff')).toBe(`000000  ${Array(16).fill('00').join(' ')}\n000010  ff`);
    });
});

describe('dead letters', () => {
    it('are asked for by the filter of the URL', async () => {
        at('?device=pump-7&reason=GUID');
        const service = await serve('reader', { 'GET /dead-letters': { deadLetters: [letter()] } });
        render(<Settings path={['dead-letters']} />);
        const link = await screen.findByRole('link', { name: 'AgentId: is to be a GUID' });
        expect(link.getAttribute('href')).toBe('/portal/settings/dead-letters/253');
        expect(service.asked[0]?.path).toBe('/dead-letters?device=pump-7&reason=GUID&limit=50');
        expect(screen.queryByRole('button', { name: 'Delete these …' })).toBeNull();
    });

    it('are all replayed, as many requests as that takes', async () => {
        const service = await serve('contributor', {
            'POST /dead-letters/replay': (asked: Asked) => asked.path.includes('from=300')
                ? { queued: 5, isRunning: true, next: null } : { queued: 100, isRunning: true, next: 300 },
        });
        expect(await replayAll({ device: 'pump-7', reason: undefined })).toEqual({ count: 105, isRunning: true });
        expect(service.asked.map((a) => a.path)).toEqual(['/dead-letters/replay?device=pump-7', '/dead-letters/replay?device=pump-7&from=300']);
    });

    it('are replayed after it was said how many, and which', async () => {
        at('?device=pump-7');
        await serve('contributor', { 'GET /dead-letters': { deadLetters: [letter()], count: 7, open: 5 } });
        const user = userEvent.setup();
        render(<Settings path={['dead-letters']} />);
        await user.click(await screen.findByRole('button', { name: 'Replay these …' }));
        const dialog = within(await screen.findByRole('dialog', { name: 'Replay 5 letters?' }));
        dialog.getByText(/2 that a replay has taken are left out/);
        dialog.getByText('pump-7');
    });

    it('are deleted by the filter, and all of them only if that is said', async () => {
        const service = await serve('contributor', {
            'GET /dead-letters': { deadLetters: [letter()], count: 1234, open: 0 }, 'DELETE /dead-letters': { deleted: 1234 },
        });
        const user = userEvent.setup();
        render(<Settings path={['dead-letters']} />);
        await user.click(await screen.findByRole('button', { name: 'Delete these …' }));
        const dialog = await screen.findByRole('dialog');
        within(dialog).getByRole('heading', { name: 'Delete 1,234 letters?' });
        within(dialog).getByText('No filter is set: these are all that there are.');
        await user.click(within(dialog).getByRole('button', { name: 'Delete' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.find((a) => a.method === 'DELETE')?.path).toBe('/dead-letters?all=true');
    });

    it('say what a replay made of them', async () => {
        const one = letter({ properties: { firmware: '1.4' }, propertyBag: 'firmware=1.4', bodyForm: 'json', body: { a: 1 } });
        const service = await serve('contributor', { 'GET /dead-letters/253': one });
        service.answers['POST /dead-letters/253/replay'] = () => {
            service.answers['GET /dead-letters/253'] = { ...one, replay: { status: 'Taken', offset: 260, time: '2026-11-28T11:01:00Z', events: 4, duplicates: 1 } };
            return { queued: 1, isRunning: true, next: null };
        };
        const user = userEvent.setup();
        render(<Settings path={['dead-letters', '253']} />);
        await screen.findByText('1.4');
        await user.click(screen.getByRole('button', { name: 'Replay' }));
        await screen.findByText(/It was read: 4 events, 1 of them were there before/);
        expect(screen.queryByRole('button', { name: 'Replay' })).toBeNull();
    });
});
