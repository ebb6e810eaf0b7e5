// SPDX-License-Identifier: MIT
import { render, screen, waitFor } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Settings } from '../src/pages/settings';
import { Sentence } from '../src/pages/settings/audit_sentence';
import { exportTrail, type AuditRecord } from '../src/pages/settings/audit_trail';
import { serve, type Asked } from './server';

function record(more: Partial<AuditRecord> = {}): AuditRecord {
    return {
        sequence: 7, time: '2026-11-28T11:00:00Z', kind: 'Change', who: 'token:ops', role: 'owner', address: '192.0.2.7', via: 'portal',
        method: 'DELETE', path: '/devices/{id}', resource: '/devices/pump-7', query: '', status: 204, outcome: 'Done', request: 'r1',
        changed: '', digest: '', note: '', previous: '00', hash: 'ab', ...more,
    };
}

const WHOLE = { audit: { from: 1, to: 7, writeFailures: 0, problems: 0, lastVerified: '2026-11-28T11:00:00Z' } };

function at(url: string): void {
    window.history.replaceState(null, '', `/portal/settings/audit${url}`);
}

beforeEach(() => {
    forgetAnswers();
    at('');
});

describe('the audit trail', () => {
    it('is asked for by the filter of the URL', async () => {
        at('?who=ops&what=devices&kind=Change&outcome=Done');
        const service = await serve('owner', { 'GET /audit': { records: [record()], next: 0 }, 'GET /status': WHOLE });
        render(<Settings path={['audit']} />);
        const link = await screen.findByRole('link', { name: 'pump-7' });
        expect(link.getAttribute('href')).toBe('/portal/devices/pump-7');
        expect(link.closest('tr')?.textContent).toContain('ops deleted the device pump-7');
        expect(link.closest('tr')?.querySelector('td a')?.getAttribute('href')).toBe('/portal/settings/audit/7');
        screen.getByText('192.0.2.7');
        expect(service.asked.some((a) => a.path === '/audit?who=ops&what=devices&kind=Change&outcome=Done&limit=50')).toBe(true);
        expect(screen.queryByRole('alert')).toBeNull();
    });

    it.each<[string, Partial<AuditRecord>, string | undefined]>([
        ['ops resolved 17 alerts', {
            method: 'POST', path: '/alerts', resource: '/alerts', query: 'state=Open&severity=High', changed: 'action=resolve', note: 'changed=17',
        }, '/portal/alerts?state=any&severity=High'],
        ['ops tried to dismiss the alert 0123abcd', {
            method: 'POST', path: '/alerts/{id}/dismiss', resource: '/alerts/0123abcd-9/dismiss', outcome: 'Refused',
        }, undefined],
        ['ops dismissed the alert 0123abcd', {
            method: 'POST', path: '/alerts/{id}/dismiss', resource: '/alerts/0123abcd-9/dismiss',
        }, '/portal/alerts/0123abcd-9'],
        ['ops changed the rules of the group a b', {
            method: 'PUT', path: 'subscriptions/{s}/providers/Microsoft.Security/deviceSecurityGroups/{n}',
            resource: '/subscriptions/1/providers/Microsoft.Security/deviceSecurityGroups/a%20b',
        }, '/portal/groups/a%20b'],
        ['the policy service may have changed the twin of the device pump-1', {
            who: 'policy:service', method: 'PATCH', path: 'twins/{d}/modules/{m}', resource: '/twins/pump-1/modules/m', outcome: 'Unknown',
        }, '/portal/devices/pump-1'],
        ['ops made the token alice', { method: 'POST', path: '/tokens', resource: '/tokens', changed: 'name=alice role=reader' }, '/portal/settings/access'],
        ['ops deleted dead letters (1,234)', { path: '/dead-letters', resource: '/dead-letters', note: 'deleted=1234' }, undefined],
        ['root on the server asked for PUT /new/thing', { who: 'local:root', method: 'PUT', path: '/new/{id}', resource: '/new/thing' }, undefined],
        ['Somebody tried to sign in', { kind: 'SignIn', who: '', method: 'POST', path: '/session', outcome: 'Refused' }, undefined],
    ])('says: %s', (sentence, more, to) => {
        const { container } = render(<Sentence of={record(more)} />);
        expect(container.textContent).toBe(sentence);
        if (to !== undefined) {
            expect(container.querySelector('a')?.getAttribute('href')).toBe(to);
        }
    });

    it('is for owners', async () => {
        const service = await serve('contributor', {});
        render(<Settings path={['audit']} />);
        screen.getByText(/for owners/);
        expect(service.asked).toEqual([]);
    });

    it('says that it does not verify', async () => {
        await serve('owner', {
            'GET /audit': { records: [record({ kind: 'Program', path: 'audit.broken', who: 'vedette', status: 0 })], next: 0 },
            'GET /status': { audit: { ...WHOLE.audit, problems: 1, notice: 'record 3 was changed' } },
        });
        render(<Settings path={['audit']} />);
        expect((await screen.findByRole('alert')).textContent).toContain('record 3 was changed');
        await screen.findByRole('rowheader', { name: 'Audit trail found broken' });
    });

    it('goes on to older records, also where none was found yet', async () => {
        const service = await serve('owner', {
            'GET /audit': (asked: Asked) => asked.path.includes('before=') ? { records: [record()], next: 0 } : { records: [], next: 900 },
            'GET /status': WHOLE,
        });
        const user = userEvent.setup();
        at('?who=nobody');
        render(<Settings path={['audit']} />);
        await user.click(await screen.findByRole('button', { name: 'Look further back' }));
        await screen.findByRole('link', { name: 'pump-7' });
        expect(service.asked.some((a) => a.path === '/audit?who=nobody&before=900&limit=50')).toBe(true);
    });

    it('shows a record whole', async () => {
        await serve('owner', { 'GET /audit/7': record({ outcome: 'Unknown', status: 0, changed: 'name=ops role=owner' }) });
        render(<Settings path={['audit', '7']} />);
        await screen.findByText('name=ops role=owner');
        screen.getByText(/it may have happened/);
    });

    it('is exported with its head, as many requests as that takes', async () => {
        const service = await serve('owner', {
            'GET /audit-export': (asked: Asked) => asked.path.includes('from=4') ? { lines: ['d'], next: null }
                : asked.path.includes('from=1') ? { lines: ['a', 'b', 'c'], next: 4 } : { head: 'h', from: 1, to: 4 },
        });
        expect(await exportTrail()).toEqual({ text: 'h\na\nb\nc\nd\n', count: 4 });
        expect(service.asked.map((a) => a.path)).toEqual(['/audit-export', '/audit-export?from=1&to=4', '/audit-export?from=4&to=4']);
    });

    it('is kept as a file', async () => {
        await serve('owner', {
            'GET /audit': { records: [record()], next: 0 }, 'GET /status': WHOLE,
            'GET /audit-export': (asked: Asked) => asked.path.includes('from=') ? { lines: ['a'], next: null } : { head: 'h', from: 7, to: 7 },
        });
        const made = vi.fn((blob: Blob) => `blob:${blob.size.toString()}`);
        vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: made, revokeObjectURL: vi.fn() }));
        const clicked = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined);
        const user = userEvent.setup();
        render(<Settings path={['audit']} />);
        await user.click(await screen.findByRole('button', { name: 'Export' }));
        await waitFor(() => { expect(clicked).toHaveBeenCalled(); });
        expect(made.mock.calls[0]?.[0].size).toBe(4);
    });
});
