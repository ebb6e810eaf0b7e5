// SPDX-License-Identifier: MIT
import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetAnswers, type Role } from '../src/lib/api';
import { Query } from '../src/pages/query';
import type { EditorOptions } from '../src/pages/query/codemirror';
import { serve, type Asked, type Service } from './server';

interface Marked { from: number; to: number; message: string }

const editor = vi.hoisted(() => ({ options: undefined as EditorOptions | undefined, text: '', sets: 0, marked: undefined as Marked | undefined }));

// jsdom lays nothing out, which the real editor needs; the end-to-end tests have that one.
vi.mock('../src/pages/query/codemirror', () => ({
    openEditor: (_: ShadowRoot, options: EditorOptions) => {
        editor.options = options;
        return {
            set: (text: string) => {
                editor.text = text;
                editor.sets++;
            }, insert: () => undefined, focus: () => undefined, close: () => undefined,
            mark: (problem: Marked | undefined) => { editor.marked = problem; },
        };
    },
}));

const names = { tables: [], operators: [], keywords: [], functions: [], aggregates: [] };
const queries = [
    { name: 'device-talkers', isDelivered: true, title: 'Whom a device talks to', category: 'Device', query: 'declare it; talkers' },
    {
        name: 'night', isDelivered: false, title: 'Night', query: 'print night',
        schedule: { every: 'PT1H', over: 'PT1H', rowsAbove: 0, severity: 'High', enabled: true },
        state: { coveredTo: '', next: '2099-01-01T00:00:00Z', lastRun: null, rows: 0, raised: 0, repeated: 0, error: 'it broke' },
    },
];
const answer = {
    columns: [{ name: 'n', type: 'long' }, { name: 'd', type: 'dynamic' }], rows: [[2, '{"a":1}'], [10, null]], truncated: true, render: null, seconds: 0.01,
};
const declared = [{ name: 'device', type: 'string', hasDefault: false, default: null }, { name: 'span', type: 'timespan', hasDefault: true, default: '7d' }];

function query(asked: Asked): unknown {
    const body = asked.body as { kql: string; check?: boolean };
    const problem = body.kql.includes('wrong') ? { message: 'line 1, column 1: it is wrong', place: { line: 1, column: 1, offset: 0, length: 5 } } : undefined;
    return body.check ? (problem ? { problem } : { parameters: body.kql.includes('declare') ? declared : [] }) : answer;
}

async function open(url: string, role: Role = 'contributor'): Promise<Service> {
    window.history.replaceState(null, '', url);
    const service = await serve(role, {
        'GET /query/names': names, 'GET /queries': { queries }, 'POST /query': query, 'PUT /queries/mine': { name: 'mine' },
        'PUT /queries/night': { name: 'night' }, 'DELETE /queries/night': null,
    });
    render(<Query />);
    await waitFor(() => { expect(editor.options).toBeDefined(); });
    return service;
}

const runs = (service: Service): unknown[] => service.asked.filter((one) => one.path === '/query' && !(one.body as { check?: boolean }).check).map((one) => one.body);

beforeEach(() => {
    forgetAnswers();
    localStorage.clear();
    editor.options = undefined;
    editor.marked = undefined;
});

describe('the query page', () => {
    it('runs what its URL asks, and says that it was cut off', async () => {
        const service = await open('/portal/query?q=print+1&timespan=P1D');
        await screen.findByText(/cut off after 2 rows/);
        await waitFor(() => { expect(editor.text).toBe('print 1'); });
        expect(runs(service)).toEqual([{ kql: 'print 1', parameters: {}, timespan: 'P1D' }]);
    });

    it('runs what is typed, and its URL says so', async () => {
        const service = await open('/portal/query');
        expect(runs(service)).toEqual([]);
        editor.options?.onChange('print 2');
        await waitFor(() => { expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Run' }).disabled).toBe(false); });
        editor.options?.onRun('print 2');
        await screen.findByText('1 to 2 of 2 rows');
        expect(window.location.search).toBe('?timespan=P1D&q=print+2');
        expect(runs(service).length).toBe(1);
    });

    it('tells the editor nothing of what was typed in it: it is ahead', async () => {
        await open('/portal/query?q=print+1');
        await screen.findByText('1 to 2 of 2 rows');
        await waitFor(() => { expect(editor.text).toBe('print 1'); });
        const before = editor.sets;
        editor.options?.onChange('print 12');
        editor.options?.onChange('print 123');
        editor.options?.onRun('print 123');
        await waitFor(() => { expect(window.location.search).toBe('?q=print+123'); });
        await screen.findByText('1 to 2 of 2 rows');
        expect(editor.sets).toBe(before);
    });

    it('marks what is wrong, and does not run it', async () => {
        const service = await open('/portal/query?q=wrong');
        await screen.findByRole('alert');
        await waitFor(() => { expect(editor.marked).toMatchObject({ from: 0, to: 5, message: 'line 1, column 1: it is wrong' }); });
        expect(runs(service)).toEqual([]);
    });

    it('asks for a parameter of a saved query before it runs', async () => {
        const service = await open('/portal/query?saved=device-talkers');
        const user = userEvent.setup();
        await screen.findByText(/needs a value for device/);
        expect(runs(service)).toEqual([]);
        await user.type(screen.getByLabelText('device'), 'pump-7');
        await user.click(screen.getByRole('button', { name: 'Run' }));
        await screen.findByText('1 to 2 of 2 rows');
        expect(runs(service)).toEqual([{ kql: 'declare it; talkers', parameters: { device: 'pump-7' } }]);
        expect(window.location.search).toBe('?saved=device-talkers&device=pump-7');
    });

    it('sorts in the page and opens a cell of JSON', async () => {
        await open('/portal/query?q=print+1');
        const user = userEvent.setup();
        await screen.findByText('1 to 2 of 2 rows');
        const numbers = () => screen.getAllByRole('row').slice(1).map((row) => within(row).getAllByRole('cell')[0]?.textContent);
        await user.click(screen.getByRole('button', { name: 'n' }));
        await user.click(screen.getByRole('button', { name: /^n/ }));
        expect(numbers()).toEqual(['10', '2']);
        await user.click(screen.getByRole('button', { name: '{"a":1}' }));
        expect((await screen.findByRole('dialog')).textContent).toContain('"a": 1');
    });

    it('is cancelled', async () => {
        const service = await open('/portal/query');
        service.answers['POST /query'] = (asked: Asked) => ((asked.body as { check?: boolean }).check ? { parameters: [] } : new Promise(() => undefined));
        editor.options?.onChange('print 3');
        const user = userEvent.setup();
        await waitFor(() => { expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Run' }).disabled).toBe(false); });
        await user.click(screen.getByRole('button', { name: 'Run' }));
        await user.click(await screen.findByRole('button', { name: 'Cancel' }));
        await screen.findByText('Cancelled.');
    });
});

describe('saved queries', () => {
    it('are made with a schedule', async () => {
        const service = await open('/portal/query?q=print+1');
        const user = userEvent.setup();
        await user.click(await screen.findByRole('button', { name: 'Save as …' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Name'), 'night');
        await within(dialog).findByText(/There is a query of this name/);
        await user.clear(within(dialog).getByLabelText('Name'));
        await user.type(within(dialog).getByLabelText('Name'), 'mine');
        await user.click(within(dialog).getByLabelText(/Run it by itself/));
        await user.selectOptions(within(dialog).getByLabelText('Severity of its alerts'), 'High');
        await user.click(within(dialog).getByRole('button', { name: 'Save' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.find((one) => one.method === 'PUT')?.body).toEqual({
            query: 'print 1', schedule: { every: 'PT1H', severity: 'High', enabled: true },
        });
    });

    it('keep what is not changed, and say what went wrong when they ran', async () => {
        const service = await open('/portal/query?saved=night');
        const user = userEvent.setup();
        expect((await screen.findAllByText('it broke')).length).toBe(2);
        await user.click(screen.getByRole('button', { name: 'Edit' }));
        const dialog = await screen.findByRole('dialog');
        await user.type(within(dialog).getByLabelText('Category'), 'Hunts');
        await user.click(within(dialog).getByRole('button', { name: 'Save' }));
        await waitFor(() => { expect(screen.queryByRole('dialog')).toBeNull(); });
        expect(service.asked.find((one) => one.method === 'PUT')?.body).toEqual({
            query: 'print night', title: 'Night', category: 'Hunts', schedule: { every: 'PT1H', rowsAbove: undefined, severity: 'High', enabled: true },
        });
    });

    it('are deleted after a question, and not by a reader', async () => {
        const service = await open('/portal/query?saved=night');
        const user = userEvent.setup();
        await user.click(await screen.findByRole('button', { name: 'Delete' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }));
        await waitFor(() => { expect(service.asked.some((one) => one.method === 'DELETE' && one.path === '/queries/night')).toBe(true); });
    });

    it('are only looked at by a reader', async () => {
        await open('/portal/query?saved=night', 'reader');
        await screen.findByText('1 to 2 of 2 rows');
        expect(screen.queryByRole('button', { name: /Save as|Edit|Delete/ })).toBeNull();
    });
});
