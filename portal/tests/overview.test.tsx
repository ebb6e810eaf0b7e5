// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { announce } from '../src/lib/events';
import type { AlertGroup } from '../src/lib/types';
import { Overview } from '../src/pages/overview';
import { parts } from '../src/pages/overview/fleet';
import { shareText } from '../src/pages/overview/health';
import type { OverviewData } from '../src/pages/overview/types';
import { beginVisit, markSeen } from '../src/pages/overview/visit';
import { rangeOf, timeLabels } from '../src/ui/chart';
import { Fault, serve, type Asked } from './server';

const HOUR = 3600000;

function overview(more: Partial<OverviewData> = {}): OverviewData {
    return {
        alerts: { open: { High: 2, Medium: 1, Low: 0 }, new: 3, days: [{ day: '2026-11-27', High: 1, Medium: 2, Low: 0 }, { day: '2026-11-28', High: 1, Medium: 0, Low: 4 }] },
        devices: { reporting: 30, late: 2, silent: 1, refused: 3, never: 4, disabled: 0, total: 40 },
        recommendations: { open: { High: 1, Medium: 0, Low: 2 } },
        coverage: { reportedPackets: 900, overflowedPackets: 60, malformedPackets: 0, givenUpPackets: 40, withheldPackets: 0, share: 0.9, mostDevices: 31, hours: [], losses: [{ deviceId: 'pump/1', missedPackets: 60 }] },
        ingest: {
            since: '2026-11-28T08:00:00Z', messagesPerSecond: 12.34, backlog: 0, lastMessage: '2026-11-28T10:00:00Z', deadLetters: 2, refusedConnections: 7,
            connections: 31, isStalled: false, storesRawEvents: true,
        },
        notices: [],
        ...more,
    };
}

function group(more: Partial<AlertGroup> = {}): AlertGroup {
    return {
        alertType: 'IoT_TiConnection', cause: '203.0.113.9', displayName: 'Suspicious address', severity: 'High', alerts: 5, open: 5,
        devices: 5, count: 9, startTime: '2026-11-28T09:00:00Z', endTime: '2026-11-28T10:00:00Z', lastId: 'a1',
        description: 'They spoke to a known bad address.', deviceIds: ['pump/1', 'pump-2', 'pump-3'], ...more,
    };
}

const groups = (high: AlertGroup[], medium: AlertGroup[] = []) => (asked: Asked) => ({
    groups: asked.path.includes('severity=High') ? high : asked.path.includes('severity=Medium') ? medium : [],
});

const answers = {
    'GET /overview': overview(),
    'GET /alert-groups': groups([group()], [group({ alertType: 'X', displayName: 'Port scan', severity: 'Medium', alerts: 1, devices: 0, deviceIds: [], lastId: 'a2' })]),
    'GET /alerts': { alerts: [], next: 0 },
};

beforeEach(() => {
    forgetAnswers();
    localStorage.clear();
    window.history.replaceState(null, '', '/portal/');
});

describe('the overview', () => {
    it('names causes, the most severe first, with their devices', async () => {
        await serve('reader', { ...answers });
        render(<Overview />);
        const card = await screen.findByRole('region', { name: 'Needs attention' });
        await within(card).findByText('Port scan');
        const causes = within(card).getAllByRole('listitem').map((item) => item.textContent);
        expect(causes[0]).toContain('They spoke to a known bad address.');
        expect(causes[1]).toContain('about the hub itself');
        expect(within(card).getByRole('link', { name: 'pump/1' }).getAttribute('href')).toBe('/portal/devices/pump%2F1');
        expect(within(card).getByRole('link', { name: 'and 2 more' }).getAttribute('href')).toBe('/portal/alerts?type=IoT_TiConnection&cause=203.0.113.9');
        expect(within(card).getByRole('link', { name: 'Port scan' }).getAttribute('href')).toBe('/portal/alerts/a2');
    });

    it('leads from states and severities to their lists, and says what coverage means', async () => {
        await serve('reader', { ...answers });
        render(<Overview />);
        const refused = await screen.findByRole('link', { name: /Refused 3/ });
        expect(refused.getAttribute('href')).toBe('/portal/devices?state=refused');
        expect(screen.getByRole('link', { name: /High severity/ }).getAttribute('href')).toBe('/portal/alerts?severity=High');
        expect(screen.getByText(/100 packets that devices saw are in no reported flow/)).toBeTruthy();
        const loser = within(screen.getByRole('region', { name: 'Coverage' })).getByRole('link', { name: 'pump/1' });
        expect(loser.getAttribute('href')).toBe('/portal/devices/pump%2F1');
        expect(loser.closest('li')?.textContent).toBe('pump/1: 60 packets');
        expect(screen.getByText(/60 did not fit/)).toBeTruthy();
        expect(screen.queryByText(/malformed/)).toBeNull();
        expect(screen.getByText('3 things to do about the hub')).toBeTruthy();
    });

    it('says since when it counts, and of a hub that nothing was sent to that there is no message', async () => {
        await serve('reader', { ...answers, 'GET /overview': overview({ ingest: { ...overview().ingest, lastMessage: null, refusedConnections: 0 } }) });
        render(<Overview />);
        const card = await screen.findByRole('region', { name: 'Ingest' });
        for (const name of ['Last message', 'Refused connections']) {
            const value = within(card).getByText(name).nextElementSibling;
            expect(value?.textContent).toMatch(/^none since the start, Nov 28, /);
            expect(value?.querySelector('time')?.dateTime).toBe('2026-11-28T08:00:00.000Z');
        }
    });

    it('says that nothing is wrong, and shows notices', async () => {
        await serve('reader', {
            ...answers, 'GET /alert-groups': groups([]),
            'GET /overview': overview({ notices: [{ code: 'Dropped', severity: 'Medium', text: 'A day of raw events was dropped.' }] }),
        });
        render(<Overview />);
        await screen.findByText('Nothing needs attention');
        expect(screen.getByText('No alert is open. 30 of 40 devices report as usual.')).toBeTruthy();
        expect(screen.getByText('A day of raw events was dropped.')).toBeTruthy();
    });

    it('tells a new installation how the first device is connected', async () => {
        await serve('reader', {
            ...answers, 'GET /overview': overview({
                alerts: { open: { High: 0, Medium: 0, Low: 0 }, new: 0, days: [] },
                devices: { reporting: 0, late: 0, silent: 0, refused: 0, never: 0, disabled: 0, total: 0 },
            }),
        });
        render(<Overview />);
        const card = await screen.findByRole('region', { name: 'Connect the first device' });
        expect(within(card).getAllByRole('listitem')).toHaveLength(3);
        expect(within(card).getAllByRole('button', { name: 'Copy' })).toHaveLength(3);
        expect(screen.queryByRole('region', { name: 'Needs attention' })).toBeNull();
    });

    it('asks again when alerts change, and keeps what it has when that fails', async () => {
        const service = await serve('reader', { ...answers });
        render(<Overview />);
        await screen.findByRole('link', { name: /Refused 3/ });
        service.answers['GET /overview'] = overview({ devices: { ...overview().devices, refused: 5 } });
        announce('alerts');
        await screen.findByRole('link', { name: /Refused 5/ }, { timeout: 3000 });
        service.answers['GET /overview'] = new Fault(503, 'Busy', 'too many requests wait, try again');
        announce('devices');
        await screen.findByText(/more to do than it can at once/, {}, { timeout: 3000 });
        expect(screen.getByRole('link', { name: /Refused 5/ })).toBeTruthy();
    });

    it('takes what is there as seen when told so', async () => {
        const service = await serve('reader', { ...answers });
        render(<Overview />);
        const user = userEvent.setup();
        await user.click(await screen.findByRole('button', { name: 'Mark as seen' }));
        await screen.findByRole('region', { name: 'New since your last visit' });
        const since = () => service.asked.filter((a) => a.path.startsWith('/overview'))
            .map((a) => new Date(new URLSearchParams(a.path.split('?')[1]).get('since') ?? '').getTime());
        await waitFor(() => { expect(since()).toHaveLength(2); });
        expect((since()[1] ?? 0) - (since()[0] ?? 0)).toBeGreaterThan(23 * HOUR);
    });
});

describe('a visit', () => {
    const now = Date.UTC(2026, 10, 28, 12);

    it('is the same within half an hour, and begins at the last look after that', () => {
        expect(beginVisit(now)).toEqual({ since: '2026-11-27T12:00:00.000Z', isFirst: true });
        expect(beginVisit(now + HOUR / 4)).toEqual({ since: '2026-11-27T12:00:00.000Z', isFirst: false });
        expect(beginVisit(now + HOUR)).toEqual({ since: '2026-11-28T12:15:00.000Z', isFirst: false });
    });

    it('starts anew when what is there was seen', () => {
        markSeen(now);
        expect(beginVisit(now + 1000).since).toBe('2026-11-28T12:00:00.000Z');
    });
});

describe('the bar of states', () => {
    it('shows one device among many, and nothing of none', () => {
        const bar = parts({ reporting: 99999, late: 0, silent: 1, refused: 0, never: 0, disabled: 0, total: 100000 });
        expect(bar.map((part) => part.state)).toEqual(['silent', 'reporting']);
        expect(bar[0]?.width).toBeGreaterThan(11);
        expect((bar[1]?.x ?? 0) + (bar[1]?.width ?? 0)).toBeCloseTo(1000);
        expect(parts({ reporting: 0, late: 0, silent: 0, refused: 0, never: 0, disabled: 0, total: 0 })).toEqual([]);
    });
});

describe('an axis', () => {
    const series = [{ name: 'share', color: '--chart-1', values: [1] }];

    it('has some room around one place alone', () => {
        expect(rangeOf({ label: '', times: [7200], series })).toEqual([5400, 9000]);
        expect(rangeOf({ label: '', times: [86400], series, days: true })).toEqual([0, 172800]);
        expect(rangeOf({ label: '', times: [3], series, numbers: 'n' })).toEqual([2, 4]);
        expect(rangeOf({ label: '', times: [1, 2], series })).toBeUndefined();
        expect(rangeOf({ label: '', times: [1], series, range: [0, 9] })).toEqual([0, 9]);
    });

    it('says the time of day, and the day where it begins', () => {
        const at = (...time: [number, number, number]) => new Date(2026, 10, ...time).getTime() / 1000;
        expect(timeLabels([at(27, 12, 0), at(27, 18, 0), at(28, 0, 0)], 6 * 3600)).toEqual(['12:00\nNov 27', '18:00', '00:00\nNov 28']);
        expect(timeLabels([at(27, 0, 0), at(28, 0, 0)], 86400)).toEqual(['Nov 27', 'Nov 28']);
    });
});

describe('a share', () => {
    it('is never whole while something is missing', () => {
        expect([1, 0.99999, 0.5].map(shareText)).toEqual(['100%', '> 99.8%', '50%']);
    });
});
