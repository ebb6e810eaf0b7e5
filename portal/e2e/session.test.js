// SPDX-License-Identifier: MIT
// Signing in, and what each role sees and may do.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launch, open, openAs } from './lib/browser.js';
import { makeToken, portal, run } from './lib/service.js';

/** Asks the API as the page would, with the session's second secret. */
function ask(page, method, path, body) {
    return page.evaluate(async ([verb, to, content]) => {
        const session = await (await fetch('/portal/session')).json();
        const answer = await fetch(`/portal/api${to}`, {
            method: verb, headers: { 'Content-Type': 'application/json', 'X-Vedette-Csrf': session.csrf }, ...(content ? { body: JSON.stringify(content) } : {}),
        });
        return answer.status;
    }, [method, path, body]);
}

describe('signing in', () => {
    let browser;
    before(async () => { browser = await launch(); });
    after(async () => { await browser.close(); });

    it('is refused with a wrong token, and says so', async () => {
        const window = await open(browser);
        window.watch.expected.push(/status of 401/);
        await window.page.goto(`${portal}/alerts`);
        await window.page.getByLabel('Access token').fill('vdt_no-such-token');
        await window.page.keyboard.press('Enter');
        await window.page.getByRole('alert').getByText('This token is not known here').waitFor();
        assert.deepEqual(await window.page.context().cookies(), []);
        await window.close();
    });

    it('leads to the page that was asked for, and survives a reload', async () => {
        const window = await open(browser);
        const token = await makeToken('reader');
        window.watch.expected.push(/status of 401/);
        await window.page.goto(`${portal}/alerts?severity=High`);
        await window.page.getByLabel('Access token').fill(token.text);
        await window.page.getByRole('button', { name: 'Sign in' }).click();
        await window.page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
        assert.equal(await window.page.getByLabel('Severity').inputValue(), 'High');
        window.watch.expected.pop();
        await window.page.reload();
        await window.page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
        const [cookie] = await window.page.context().cookies();
        assert.equal(cookie.name, '__Host-vedette');
        assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, 'Strict', '/']);
        assert.equal(await window.page.evaluate((text) => JSON.stringify([localStorage, sessionStorage]).includes(text), token.text), false);
        await window.close();
    });

    it('ends by signing out', async () => {
        const window = await openAs(browser, 'reader');
        window.watch.expected.push(/status of 401/);
        await window.page.getByRole('button', { name: 'Sign out' }).click();
        await window.page.getByLabel('Access token').waitFor();
        await window.page.reload();
        await window.page.getByLabel('Access token').waitFor();
        await window.close();
    });

    it('ends when the token is deleted, at the next question', async () => {
        const window = await openAs(browser, 'reader');
        window.watch.expected.push(/status of 401/);
        await run('token', 'delete', window.token.name);
        // The page asks again by itself: it may have learnt of it before it is asked to.
        await window.page.getByRole('link', { name: 'Alerts', exact: true }).click({ timeout: 5000 }).catch(() => undefined);
        await window.page.getByText('The session has ended').waitFor();
        await window.close();
    });
});

describe('the portal', () => {
    let browser;
    before(async () => { browser = await launch(); });
    after(async () => { await browser.close(); });

    it('sends a policy that allows nothing foreign and nothing inline', async () => {
        const window = await open(browser);
        window.watch.expected.push(/status of 401/);
        const answer = await window.page.goto(`${portal}/`);
        const policy = (await answer.headerValue('content-security-policy')) ?? '';
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /script-src 'self'/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.doesNotMatch(policy, /unsafe|\*|https?:/);
        await window.page.getByLabel('Access token').waitFor();
        await window.close();
    });

    it('is not changed from another site or without the second secret', async () => {
        const window = await openAs(browser, 'owner');
        window.watch.expected.push(/status of 403/);
        const status = await window.page.evaluate(async () =>
            (await fetch('/portal/api/groups/e2e', { method: 'PUT', body: '{}', headers: { 'Content-Type': 'application/json' } })).status);
        assert.equal(status, 403);
        await window.close();
    });
});

describe('roles', () => {
    let browser;
    before(async () => { browser = await launch(); });
    after(async () => { await browser.close(); });
    const device = { deviceId: `roles-${process.pid.toString()}` };

    it('let a reader look only', async () => {
        const window = await openAs(browser, 'reader');
        window.watch.expected.push(/status of 403/);
        assert.equal(await ask(window.page, 'POST', '/devices', device), 403);
        assert.equal(await ask(window.page, 'POST', '/query', { kql: 'SecurityAlert | count' }), 200);
        assert.equal(await ask(window.page, 'POST', '/tokens', { name: 'mine', role: 'owner' }), 403);
        await window.close();
    });

    it('let a contributor change all but keys and tokens', async () => {
        const window = await openAs(browser, 'contributor');
        window.watch.expected.push(/status of 403/);
        assert.equal(await ask(window.page, 'POST', '/devices', device), 201);
        assert.equal(await ask(window.page, 'POST', '/tokens', { name: 'mine', role: 'owner' }), 403);
        await window.close();
    });

    it('let an owner do everything', async () => {
        const window = await openAs(browser, 'owner');
        const name = `made-${process.pid.toString()}`;
        assert.equal(await ask(window.page, 'POST', '/tokens', { name, role: 'reader' }), 201);
        assert.equal(await ask(window.page, 'DELETE', `/tokens/${name}`), 204);
        assert.equal(await ask(window.page, 'DELETE', `/devices/${device.deviceId}`), 204);
        await window.close();
    });
});
