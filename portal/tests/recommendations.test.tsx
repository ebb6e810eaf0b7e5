// SPDX-License-Identifier: MIT
import { render, screen, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAnswers } from '../src/lib/api';
import { Recommendations } from '../src/pages/recommendations';
import { chosen } from '../src/pages/recommendations/list';
import type { Recommendation } from '../src/pages/recommendations/types';
import { Fault, serve } from './server';

const TYPE = 'IoT_IPFilter_DenyAll';

function one(more: Partial<Recommendation> = {}): Recommendation {
    return {
        type: TYPE, displayName: 'Default policy should be deny', severity: 'Medium', state: 'Active', description: 'It is open to all.',
        remediationSteps: ['List the networks.', 'Refuse the rest.'], since: '2026-11-28T10:00:00Z', firstActive: '2026-11-28T10:00:00Z',
        lastEvaluated: '2026-11-28T10:01:00Z', resourceCount: 1, resources: [{ property: 'ipFilterRules' }], unhealthyDeviceCount: 0,
        history: [{ type: TYPE, time: '2026-11-28T10:00:00Z', state: 'Active' }], fix: null, ...more,
    };
}

const fix = {
    description: 'Adds a last rule that refuses the rest.',
    request: { method: 'PUT' as const, path: '/ip-filter?etag=3', body: { ipFilterRules: [{ filterName: 'rest', action: 'Reject', ipMask: '0.0.0.0/0' }] } },
    then: null,
};

beforeEach(() => {
    forgetAnswers();
    window.history.replaceState(null, '', '/portal/recommendations');
});

describe('the list of recommendations', () => {
    it('shows what is to do, and names what is healthy on demand', () => {
        const all = [one(), one({ type: 'b', state: 'NotActive', severity: 'High' })];
        expect(chosen(all, '', '').map((r) => r.type)).toEqual([TYPE]);
        expect(chosen(all, 'NotActive', '').map((r) => r.type)).toEqual(['b']);
        expect(chosen(all, 'any', 'High').map((r) => r.type)).toEqual(['b']);
    });

    it('says that all is well, or that nothing was looked at yet', async () => {
        await serve('reader', { 'GET /recommendations': { recommendations: [one({ state: 'NotActive' })] } });
        const { unmount } = render(<Recommendations path={[]} />);
        await screen.findByText('Nothing to do');
        unmount();
        forgetAnswers();
        await serve('reader', { 'GET /recommendations': { recommendations: [] } });
        render(<Recommendations path={[]} />);
        await screen.findByText('Not evaluated yet');
    });
});

describe('a recommendation', () => {
    it('names the identities that share a credential, with links to their devices', async () => {
        await serve('reader', {
            [`GET /recommendations/${TYPE}`]: one({ resources: [{ kind: 'SymmetricKey', count: 3, identities: ['pump-1', 'pump-2/camera'] }] }),
        });
        render(<Recommendations path={[TYPE]} />);
        const link = await screen.findByRole('link', { name: 'pump-2/camera' });
        expect(link.getAttribute('href')).toBe('/portal/devices/pump-2');
        screen.getByText('and 1 more');
    });

    it('has no button for a reader', async () => {
        await serve('reader', { [`GET /recommendations/${TYPE}`]: one({ fix }) });
        render(<Recommendations path={[TYPE]} />);
        await screen.findByText(fix.description);
        expect(screen.queryByRole('button', { name: 'Fix …' })).toBeNull();
    });

    it('is fixed by the request that was shown, and becomes healthy', async () => {
        const service = await serve('contributor', { [`GET /recommendations/${TYPE}`]: one({ fix }) });
        service.answers['PUT /ip-filter'] = () => {
            service.answers[`GET /recommendations/${TYPE}`] = one({ state: 'NotActive', description: 'The rest is refused.' });
            return { etag: 4, properties: {} };
        };
        const user = userEvent.setup();
        render(<Recommendations path={[TYPE]} />);
        await user.click(await screen.findByRole('button', { name: 'Fix …' }));
        const dialog = await screen.findByRole('dialog');
        within(dialog).getByText('PUT /ip-filter?etag=3');
        expect(service.asked.some((asked) => asked.method === 'PUT')).toBe(false);
        await user.click(within(dialog).getByRole('button', { name: 'Send this' }));
        await screen.findByText('Healthy now.', {}, { timeout: 4000 });
        expect(screen.queryByText(/Still to be done/)).toBeNull();
        const asked = service.asked.find((a) => a.method === 'PUT');
        expect(asked?.path).toBe('/ip-filter?etag=3');
        expect(asked?.body).toEqual(fix.request.body);
    });

    it('is said to be healthy with what is left to do', async () => {
        const service = await serve('contributor', { [`GET /recommendations/${TYPE}`]: one({ fix: { ...fix, then: 'Ship the file.' } }) });
        service.answers['PUT /ip-filter'] = () => {
            service.answers[`GET /recommendations/${TYPE}`] = one({ state: 'NotActive' });
            return {};
        };
        const user = userEvent.setup();
        render(<Recommendations path={[TYPE]} />);
        await user.click(await screen.findByRole('button', { name: 'Fix …' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Send this' }));
        await screen.findByText('Still to be done: Ship the file.', {}, { timeout: 4000 });
    });

    it('says why a fix was refused', async () => {
        await serve('contributor', {
            [`GET /recommendations/${TYPE}`]: one({ fix }), 'PUT /ip-filter': new Fault(412, 'PreconditionFailed', 'the filter has changed'),
        });
        const user = userEvent.setup();
        render(<Recommendations path={[TYPE]} />);
        await user.click(await screen.findByRole('button', { name: 'Fix …' }));
        await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Send this' }));
        await screen.findByText('the filter has changed');
    });
});
