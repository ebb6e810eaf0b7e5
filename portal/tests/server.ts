// SPDX-License-Identifier: MIT
// A service for tests of pages: answers by method and path, and what was asked of it.
import { vi } from 'vitest';
import { loadSession, type Role } from '../src/lib/api';

export interface Asked { method: string; path: string; body: unknown; csrf: string | null }

type Answer = unknown;

export interface Service {
    asked: Asked[];
    /** `METHOD /path` (without its query) gives this; a function is given what was asked, and may take its time. */
    answers: Record<string, Answer | ((asked: Asked) => Answer)>;
}

/** A fault as an answer. */
export class Fault {
    constructor(readonly status: number, readonly code: string, readonly message: string) {}
}

/** Signs in as that role and answers from then on. */
export async function serve(role: Role, answers: Service['answers']): Promise<Service> {
    const service: Service = { asked: [], answers };
    vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
        const headers = new Headers(init.headers);
        const path = url.replace('/portal/api', '');
        const asked: Asked = {
            method: init.method ?? 'GET',
            path,
            body: typeof init.body === 'string' && headers.get('Content-Type') === 'application/json' ? JSON.parse(init.body) : init.body,
            csrf: headers.get('X-Vedette-Csrf'),
        };
        if (url === '/portal/session') {
            return Response.json({ name: 'tester', role, expires: null, csrf: 'c5rf', version: '0' });
        }
        service.asked.push(asked);
        const found = service.answers[`${asked.method} ${path.split('?')[0] ?? ''}`];
        const answer = await (typeof found === 'function' ? (found as (a: Asked) => Answer)(asked) : found);
        if (answer instanceof Response) {
            return answer;
        }
        if (answer instanceof Fault) {
            return Response.json({ error: { code: answer.code, message: answer.message } }, { status: answer.status });
        }
        return answer === undefined
            ? Response.json({ error: { code: 'NotFound', message: `nothing answers ${asked.method} ${path}` } }, { status: 404 })
            : answer === null ? new Response(null, { status: 204 }) : Response.json(answer);
    });
    await loadSession();
    return service;
}
