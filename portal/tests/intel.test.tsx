// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { announce } from '../src/lib/events';
import { Intel } from '../src/pages/intel';
import { bodyOf, draftOf, isWhole } from '../src/pages/intel/draft';
import { inOrder, stateOf, whyNot, type Feed, type Indicator } from '../src/pages/intel/feeds';
import { Fault, serve } from './server';

function feed(more: Partial<Feed> = {}): Feed {
    return {
        name: 'drop', settings: {}, lastSuccess: '2026-11-28T10:00:00Z', lastAttempt: '2026-11-28T10:00:00Z', error: null,
        report: { format: 'list', read: 5, used: 4, expired: 0, ignored: 1, refused: 0, problems: [] }, source: null, alerts: 3,
        lastAlert: '2026-11-28T10:30:00Z', ...more,
    };
}

const fetched = feed({
    name: 'bot net', settings: { url: 'https://feeds.example/x.csv', intervalMinutes: 30, delimiter: ';' }, error: 'Couldn’t connect',
    source: { credential: 'basic', next: '2099-01-01T00:00:00Z', failures: 3 },
});

const indicator: Indicator = {
    indicator: '198.51.100.0/24', feed: 'drop', isException: false, severity: 'High', confidence: 90, tlp: 'amber', description: 'scanner',
    validFrom: null, validUntil: null, line: 7,
};

const noRows = { columns: [], rows: [], truncated: false, render: null, seconds: 0 };

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/intel');
});

describe('feeds', () => {
    it('stand by how much they need somebody', () => {
        const all = [
            feed({ name: 'z' }), feed({ name: 'a' }), fetched, feed({ name: 'o', settings: { enabled: false }, error: 'x' }),
            feed({ name: 'e', report: { ...feed().report, used: 0 } }), feed({ name: 'u', lastSuccess: null }),
            feed({ name: 'd', report: { ...feed().report, refused: 2 } }),
        ];
        expect(inOrder(all).map((one) => [one.name, stateOf(one)])).toEqual([
            ['bot net', 'failing'], ['u', 'unread'], ['e', 'empty'], ['d', 'damaged'], ['a', 'good'], ['z', 'good'], ['o', 'off'],
        ]);
    });

    it('that fail are told first, with what to do', async () => {
        const service = await serve('contributor', { 'GET /feeds': { feeds: [feed(), fetched] }, 'POST /query': noRows, 'POST /feeds/bot%20net/refresh': fetched });
        render(<Intel path={[]} />);
        expect((await screen.findByRole('alert')).textContent).toMatch(/bot net: Couldn’t connect.*keeps the 4 entries.*can reach the URL/);
        const user = userEvent.setup();
        await user.click(screen.getByRole('button', { name: 'Refresh bot net' }));
        await waitFor(() => { expect(service.asked.some((one) => one.path === '/feeds/bot%20net/refresh')).toBe(true); });
        expect(screen.queryByRole('button', { name: 'Refresh drop' })).toBeNull();
        expect(screen.getByRole('columnheader', { name: 'Act' })).not.toBeNull();
    });

    it('are shown anew when they change; none is said to be so', async () => {
        const service = await serve('reader', { 'GET /feeds': { feeds: [] }, 'POST /query': noRows });
        render(<Intel path={[]} />);
        await screen.findByText('No feeds yet');
        expect(screen.queryByRole('button', { name: /Add feed/ })).toBeNull();
        service.answers['GET /feeds'] = { feeds: [feed()] };
        announce('feeds');
        await screen.findByText('4 entries in use', {}, { timeout: 3000 });
        expect(screen.queryByRole('columnheader', { name: 'Act' })).toBeNull(); // a reader acts on none
    });

    it('have their open alerts counted', async () => {
        await serve('reader', { 'GET /feeds': { feeds: [] }, 'POST /query': { ...noRows, rows: [['c2', 12, 5, 3, '2026-11-28T10:00:00Z']] } });
        render(<Intel path={[]} />);
        const row = (await screen.findByRole('link', { name: 'c2' })).closest('tr');
        expect(within(row ?? document.body).getAllByRole('cell').slice(0, 3).map((cell) => cell.textContent)).toEqual(['12', '5', '3']);
    });
});

describe('an address', () => {
    const now = Date.UTC(2026, 10, 28);
    const tested = (...indicators: Indicator[]) => ({ address: '198.51.100.1', matches: null, indicators });

    it('is listed, excepted, over or to come', () => {
        const exception = { ...indicator, isException: true };
        expect(whyNot({ ...tested(indicator), matches: indicator }, now)).toBe('matches');
        expect(whyNot(tested(), now)).toBe('unlisted');
        expect(whyNot(tested(indicator, exception), now)).toBe('excepted');
        expect(whyNot(tested({ ...indicator, validUntil: '2026-11-27T00:00:00Z' }), now)).toBe('expired');
        expect(whyNot(tested({ ...indicator, validFrom: '2026-11-29T00:00:00Z' }), now)).toBe('early');
        expect(whyNot(tested({ ...exception, validUntil: '2026-11-27T00:00:00Z' }), now)).toBe('unlisted');
    });

    it('of the URL is tested, and said in words', async () => {
        window.history.replaceState(null, '', '/portal/intel?address=198.51.100.1');
        const service = await serve('reader', {
            'GET /feeds': { feeds: [feed()] }, 'POST /query': noRows,
            'GET /indicators': { address: '198.51.100.1', matches: indicator, indicators: [indicator] },
        });
        render(<Intel path={[]} />);
        expect((await screen.findByText('A flow to it raises an alert now.')).closest('.notice')?.textContent).toContain('"drop" lists it as 198.51.100.0/24: scanner.');
        expect(service.asked.some((one) => one.path === '/indicators?address=198.51.100.1')).toBe(true);
        expect(screen.getByRole('link', { name: 'Which devices talked to it?' }).getAttribute('href')).toContain('198.51.100.1');
    });

    it('that is typed over takes the verdict on the last one with it', async () => {
        window.history.replaceState(null, '', '/portal/intel?address=198.51.100.1');
        await serve('reader', {
            'GET /feeds': { feeds: [feed()] }, 'POST /query': noRows,
            'GET /indicators': { address: '198.51.100.1', matches: indicator, indicators: [indicator] },
        });
        const user = userEvent.setup();
        render(<Intel path={[]} />);
        await screen.findByText('A flow to it raises an alert now.');
        await user.clear(screen.getByLabelText('Address'));
        await user.type(screen.getByLabelText('Address'), 'nope');
        await user.click(screen.getByRole('button', { name: 'Test' }));
        await screen.findByText('This is no IPv4 or IPv6 address.');
        expect(screen.queryByText('A flow to it raises an alert now.')).toBeNull();
    });

    it('that is none is not asked for', async () => {
        const service = await serve('reader', { 'GET /feeds': { feeds: [] }, 'POST /query': noRows });
        const user = userEvent.setup();
        render(<Intel path={[]} />);
        await user.type(screen.getByLabelText('Address'), 'example.com');
        await user.click(screen.getByRole('button', { name: 'Test' }));
        await screen.findByText('This is no IPv4 or IPv6 address.');
        expect(service.asked.some((one) => one.path.startsWith('/indicators'))).toBe(false);
    });
});

describe('the form of a feed', () => {
    it('keeps what it does not show, and the credential unless told otherwise', () => {
        const draft = draftOf(fetched);
        expect(bodyOf(draft, fetched)).toEqual({ settings: { url: 'https://feeds.example/x.csv', intervalMinutes: 30, delimiter: ';' } });
        expect(bodyOf({ ...draft, credential: 'none' }, fetched)).toMatchObject({ credential: null });
        expect(bodyOf({ ...draft, credential: 'bearer', secret: 's' }, fetched)).toMatchObject({ credential: { kind: 'bearer', secret: 's' } });
        expect(isWhole({ ...draft, credential: 'bearer' }, false)).toBe(false);
    });

    it('sends only what is of its source, kind and format', () => {
        const draft = { ...draftOf(undefined), name: 'x', source: 'text' as const, text: '1.2.3.4', url: 'https://left.over', column: 'ip', severity: 'High', minimumConfidence: '50' };
        expect(bodyOf(draft, undefined)).toEqual({ settings: { column: 'ip', severity: 'High', minimumConfidence: 50 }, text: '1.2.3.4' });
        expect(bodyOf({ ...draft, kind: 'exceptions', format: 'zeek', text: '' }, feed())).toEqual({ settings: { kind: 'exceptions', format: 'zeek', minimumConfidence: 50 } });
        expect(bodyOf({ ...draft, source: 'taxii', format: 'zeek' }, undefined)).toEqual({ settings: { taxii: 'https://left.over', severity: 'High', minimumConfidence: 50 } });
        expect(isWhole({ ...draft, text: ' ' }, true)).toBe(false);
        expect(isWhole({ ...draft, name: 'a/b' }, true)).toBe(false);
    });

    it('adds a feed and shows it', async () => {
        const service = await serve('contributor', { 'GET /feeds': { feeds: [feed()] }, 'POST /query': noRows, 'PUT /feeds/ours': feed({ name: 'ours' }) });
        const user = userEvent.setup();
        render(<Intel path={[]} />);
        await screen.findByText('4 entries in use');
        await user.click(screen.getByRole('button', { name: 'Add feed' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'drop');
        await within(dialog).findByText(/There is a feed of this name/);
        await user.clear(within(dialog).getByLabelText('Name'));
        await user.type(within(dialog).getByLabelText('Name'), 'ours');
        await user.selectOptions(within(dialog).getByLabelText('Comes from'), 'text');
        await user.type(within(dialog).getByLabelText('Text'), '192.0.2.0/24');
        await user.selectOptions(within(dialog).getByLabelText('Holds'), 'exceptions');
        await user.click(within(dialog).getByRole('button', { name: 'Add' }));
        await waitFor(() => { expect(window.location.pathname).toBe('/portal/intel/ours'); });
        expect(service.asked.find((one) => one.method === 'PUT')?.body).toEqual({ settings: { kind: 'exceptions' }, text: '192.0.2.0/24' });
    });

    it('says why the service does not take it', async () => {
        await serve('contributor', { 'GET /feeds/drop': feed(), 'PUT /feeds/drop': new Fault(400, 'InvalidFeed', 'line 2: not an address; nothing was changed') });
        const user = userEvent.setup();
        render(<Intel path={['drop']} />);
        await user.click(await screen.findByRole('button', { name: 'Edit' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Text'), 'x');
        await user.click(within(dialog).getByRole('button', { name: 'Save' }));
        await within(dialog).findByText(/line 2: not an address/);
    });
});

describe('a feed', () => {
    it('shows what was refused, and never its login', async () => {
        await serve('contributor', { 'GET /feeds/bot%20net': { ...fetched, report: { ...fetched.report, refused: 30, problems: [{ line: 4, place: '', reason: 'no address' }] } } });
        render(<Intel path={['bot net']} />);
        await screen.findByText('no address');
        await screen.findByText('the first 1 of 30');
        await screen.findByText('user and password, not shown');
    });

    it('of a file is changed on the server', async () => {
        await serve('contributor', { 'GET /feeds/c2': feed({ name: 'c2', settings: { file: '/var/c2.csv' } }) });
        render(<Intel path={['c2']} />);
        await screen.findByText(/its settings are changed there/);
        expect(screen.queryByRole('button', { name: 'Edit' })).toBeNull();
        expect(screen.queryByRole('button', { name: 'Switch off' })).toBeNull();
        screen.getByRole('button', { name: 'Refresh c2' });
    });

    it('is switched off and removed after a question', async () => {
        const service = await serve('contributor', { 'GET /feeds/drop': feed({ settings: { severity: 'Low' } }), 'PUT /feeds/drop': feed(), 'DELETE /feeds/drop': null });
        const user = userEvent.setup();
        render(<Intel path={['drop']} />);
        await user.click(await screen.findByRole('button', { name: 'Switch off' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Switch off' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.find((one) => one.method === 'PUT')?.body).toEqual({ settings: { severity: 'Low', enabled: false } });
        await user.click(screen.getByRole('button', { name: 'Remove' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Remove' }));
        await waitFor(() => { expect(window.location.pathname).toBe('/portal/intel'); });
    });

    it('tells what the search of stored flows for it found', async () => {
        const hunts = { isHunting: true, lastBegan: '2026-11-28T10:00:00Z', lastFlows: 12, lastRaised: 2, lastRepeated: 7 };
        const service = await serve('reader', { 'GET /feeds/drop': feed(), 'GET /status': { hunts } });
        render(<Intel path={['drop']} />);
        await screen.findByText(/are being searched/);
        service.answers['GET /status'] = { hunts: { ...hunts, isHunting: false } };
        announce('alerts');
        await screen.findByText(/12 earlier contacts with listed addresses, 2 alerts raised, 7 contacts counted in alerts that were there\./, {}, { timeout: 3000 });
        service.answers['GET /status'] = { hunts: { ...hunts, isHunting: false, lastFlows: 0 } };
        announce('alerts');
        await screen.findByText(/no earlier contact with what feeds listed/, {}, { timeout: 3000 });
    });

    it('is only looked at by a reader', async () => {
        await serve('reader', { 'GET /feeds/drop': feed() });
        render(<Intel path={['drop']} />);
        await screen.findByText('Your role can look and not change.');
        expect(screen.queryByRole('button', { name: /Refresh|Edit|Switch|Remove/ })).toBeNull();
    });
});
