// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/app';
import { forgetAnswers } from '../src/lib/api';
import * as router from '../src/lib/router';
import { Fault, serve } from './server';

vi.mock('../src/pages/query', () => { throw new Error('Unable to preload CSS for /portal/assets/index-X.css'); });
vi.mock('../src/lib/router', async (original) => ({ ...await original<typeof router>(), loadAnew: vi.fn() }));

/** The stream of events, of which a test says how it fares. */
class Stream {
    static all: Stream[] = [];
    readyState = 0;
    onopen: (() => void) | null = null;
    onerror: (() => void) | null = null;
    constructor() { Stream.all.push(this); }
    addEventListener(): void { /* nothing changes here */ }
    close(): void { this.readyState = 2; }
}

const stream = (): Stream => {
    const last = Stream.all[Stream.all.length - 1];
    if (!last) {
        throw new Error('nobody listens');
    }
    return last;
};

const alert = {
    id: 'a1', number: 7, change: 12, alertType: 'X', displayName: 'Port scan', severity: 'High', status: 'New', deviceId: '', moduleId: '',
    subject: '', startTime: '2026-11-28T10:00:00Z', endTime: '2026-11-28T10:05:00Z', timeGenerated: '2026-11-28T10:00:01Z', count: 1,
    description: 'It scanned.', remediationSteps: [], techniques: [], indicator: null, cause: '', assessment: null, suppressedBy: null,
    evidence: [], evidenceTotal: 0, history: [],
};

const answers = { 'GET /overview': { alerts: { open: { High: 3 } } }, 'GET /alerts/a1': alert, 'GET /alerts': { alerts: [alert], next: 0 } };

beforeEach(() => {
    forgetAnswers();
    Stream.all = [];
    vi.stubGlobal('EventSource', Stream);
    window.history.replaceState(null, '', '/portal/alerts');
});

describe('a service that does not answer', () => {
    it('is told on every page with how old that is, and not told when it is back', async () => {
        await serve('reader', { ...answers });
        render(<App />);
        await screen.findByRole('link', { name: 'Port scan' });
        stream().onopen?.();
        expect(screen.queryByText(/does not answer/)).toBeNull();
        const before = new Date();
        stream().onerror?.();
        const told = (await screen.findByText(/does not answer/)).closest('.notice');
        const minutes = [before, new Date()].map((at) => at.toTimeString().slice(0, 5)).join('|');
        expect(told?.textContent).toMatch(new RegExp(`What stands here is as of (${minutes})\\.`));
        stream().onopen?.();
        await waitFor(() => { expect(screen.queryByText(/does not answer/)).toBeNull(); });
    });

    it('is asked again when it is back', async () => {
        const service = await serve('reader', { ...answers, 'GET /alerts': new Fault(503, 'Busy', 'too many requests wait, try again') });
        render(<App />);
        await screen.findByText(/has more to do than it can at once/);
        stream().onopen?.();
        service.answers['GET /alerts'] = answers['GET /alerts'];
        const asked = service.asked.length;
        await waitFor(() => {
            stream().onerror?.();
            stream().onopen?.();
            expect(service.asked.length).toBeGreaterThan(asked);
        }, { timeout: 5000 }); // well before it would be by itself
        await screen.findByRole('link', { name: 'Port scan' });
        expect(screen.queryByText(/has more to do/)).toBeNull();
    });

    it('gives no page, which is said plainly; it is loaded anew when the service is back', async () => {
        vi.spyOn(console, 'error').mockImplementation(() => undefined);
        window.history.replaceState(null, '', '/portal/query');
        await serve('reader', { ...answers });
        render(<App />);
        await screen.findByText(/This page could not be loaded from the service/);
        expect(screen.queryByText(/preload CSS/)).toBeNull();
        stream().onopen?.();
        expect(router.loadAnew).not.toHaveBeenCalled();
        await waitFor(() => {
            stream().onerror?.();
            stream().onopen?.();
            expect(router.loadAnew).toHaveBeenCalled();
        });
    });
});

it('open alerts of high severity are counted where the menu is closed, too', async () => {
    await serve('reader', { ...answers });
    render(<App />);
    const top = await screen.findByRole('banner');
    const count = await within(top).findByRole('link', { name: '3 open alerts of high severity' });
    expect(count.getAttribute('href')).toBe('/portal/alerts?severity=High');
});

describe('a session that ends', () => {
    async function write(): Promise<{ user: ReturnType<typeof userEvent.setup>; service: Awaited<ReturnType<typeof serve>> }> {
        window.history.replaceState(null, '', '/portal/alerts/a1');
        const service = await serve('contributor', {
            ...answers, 'POST /query': { columns: [], rows: [], truncated: false, render: null, seconds: 0 },
            'POST /alerts/a1/notes': new Fault(401, 'Unauthorized', 'no session'),
        });
        const user = userEvent.setup();
        render(<App />);
        await user.click(await screen.findByRole('button', { name: 'Add note' }));
        await user.type(await screen.findByLabelText('Note'), 'half a thought');
        await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Add note' }));
        await screen.findByText('The session has ended. Sign in again.');
        return { user, service };
    }

    it('while something is written leaves it there for who signs in again', async () => {
        const { user, service } = await write();
        await user.type(screen.getByLabelText('Access token'), 'secret');
        await user.click(screen.getByRole('button', { name: 'Sign in' }));
        await waitFor(() => { expect(screen.queryByLabelText('Access token')).toBeNull(); });
        expect(screen.getByLabelText<HTMLTextAreaElement>('Note').value).toBe('half a thought');
        service.answers['POST /alerts/a1/notes'] = alert;
        await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Add note' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.filter((one) => one.path === '/alerts/a1/notes').pop()?.body).toMatchObject({ text: 'half a thought' });
    });

    it('leaves nothing for somebody else', async () => {
        const { user } = await write();
        const as = globalThis.fetch;
        vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => url === '/portal/session'
            ? Response.json({ name: 'another', role: 'contributor', expires: null, csrf: 'x', version: '0' }) : as(url, init));
        await user.type(screen.getByLabelText('Access token'), 'secret');
        await user.click(screen.getByRole('button', { name: 'Sign in' }));
        await screen.findByText('another (contributor)');
        expect(screen.queryByLabelText('Note')).toBeNull();
    });
});
