// SPDX-License-Identifier: MIT
// The hub under test, as the environment that the launcher sets describes it, and the CLI beside it.
'use strict';

const { execFile, execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');

function required(name) {
    const value = process.env[name];
    if (!value) {
        throw new Error(`${name} is not set: tests/e2e/test_npm.c runs these tests`);
    }
    return value;
}

const host = required('VEDETTE_TEST_HOST'); // host:port, as it stands in a connection string
const ca = readFileSync(required('VEDETTE_TEST_CA'), 'utf8');
const primaryKey = required('VEDETTE_TEST_PRIMARY_KEY');
const secondaryKey = required('VEDETTE_TEST_SECONDARY_KEY');

function vedette(...args) {
    const output = execFileSync(required('VEDETTE_TEST_PROGRAM'),
        [...args, '--output', 'json', '--data-dir', required('VEDETTE_TEST_DATA')],
        { encoding: 'utf8', timeout: 20000 });
    return JSON.parse(output);
}

// Likewise while this process serves what the command waits for. An error has what it wrote to stderr.
function vedetteMeanwhile(...args) {
    return new Promise((resolve, reject) => {
        execFile(required('VEDETTE_TEST_PROGRAM'),
            [...args, '--output', 'json', '--data-dir', required('VEDETTE_TEST_DATA')],
            { encoding: 'utf8', timeout: 20000 },
            (error, stdout, stderr) => {
                if (error) {
                    reject(Object.assign(error, { stderr }));
                } else {
                    resolve(JSON.parse(stdout));
                }
            });
    });
}

function connectionString(parts) {
    const all = { HostName: host, DeviceId: 'device-1', SharedAccessKey: primaryKey, ...parts };
    return Object.entries(all).map(([name, value]) => `${name}=${value}`).join(';');
}

// Asks again until `done`, which may be async, says something true; what it said, or an error after the time.
async function until(done, what, timeoutMs = 15000) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
        const answer = await done();
        if (answer) {
            return answer;
        }
        if (Date.now() > deadline) {
            throw new Error(`waited in vain for ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

// The device SDK does not say when its subscription to desired properties stands, and changes before that pass it by: has
// `update` change them until one has come.
async function subscribed(twin, update) {
    twin.on('properties.desired', () => {});
    for (let probe = 1; ; probe++) {
        await update({ properties: { desired: { probe } } });
        const has = await until(() => twin.properties.desired.probe === probe, 'a probe', 1000).catch(() => false);
        if (has) {
            return;
        }
        if (probe === 20) {
            throw new Error('no desired properties come');
        }
    }
}

module.exports = { host, ca, primaryKey, secondaryKey, vedette, vedetteMeanwhile, connectionString, until,
    subscribed };
