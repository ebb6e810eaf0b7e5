// SPDX-License-Identifier: MIT
// The service under test, as the environment of whoever started it says (tests/e2e/test_portal.c, tools/screenshots), and its CLI.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

function required(name) {
    const value = process.env[name];
    if (!value) {
        throw new Error(`${name} is not set: tests/e2e/test_portal.c runs these tests`);
    }
    return value;
}

export const portal = required('VEDETTE_TEST_PORTAL'); // https://localhost:PORT/portal
export const mqttHost = process.env['VEDETTE_TEST_MQTT_HOST'] ?? '127.0.0.1';
export const mqttPort = Number(required('VEDETTE_TEST_MQTT_PORT'));
export const ca = readFileSync(required('VEDETTE_TEST_CA'), 'utf8');
export const hubName = 'localhost';
const program = required('VEDETTE_TEST_PROGRAM');
const data = required('VEDETTE_TEST_DATA');
/** Milliseconds that are added to the clock: of a service that was made to live in the past. */
export const clockOffsetMs = Number(process.env['VEDETTE_CLOCK_OFFSET_MS'] ?? 0);

export const now = () => Date.now() + clockOffsetMs;

/** What the command prints. */
export function run(...args) {
    return new Promise((resolve, reject) => {
        execFile(program, [...args, '--data-dir', data], { encoding: 'utf8', timeout: 60000, maxBuffer: 64 << 20 },
            (error, stdout, stderr) => {
                if (error) {
                    reject(new Error(`vedette ${args.join(' ')}: ${stderr || error.message}`));
                } else {
                    resolve(stdout);
                }
            });
    });
}

/** Likewise as JSON. */
export async function vedette(...args) {
    return JSON.parse(await run(...args, '--output', 'json'));
}

/** A file for a command to read. */
export function fileWith(name, content) {
    const path = join(process.env['TMPDIR'] ?? tmpdir(), `${process.pid.toString()}-${name}`);
    writeFileSync(path, content);
    return path;
}

let tokens = 0;

/** The text of a new token of that role. */
export async function makeToken(role, name = `${role}-${process.pid.toString()}-${(++tokens).toString()}`) {
    const made = await vedette('token', 'create', '--name', name, '--role', role);
    return { name, text: made.token };
}

/** Asks again until `done`, which may be async, says something true; what it said, or an error after the time. */
export async function until(done, what, timeoutMs = 30000) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
        const answer = await done();
        if (answer) {
            return answer;
        }
        if (Date.now() > deadline) {
            throw new Error(`waited in vain for ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

/** SHA-256 of the public key that the service's certificate has, which browsers may be told to trust. */
export function publicKeyHash() {
    const { hostname, port } = new URL(portal);
    return new Promise((resolve, reject) => {
        const socket = connect({ host: hostname, port: Number(port), ca, servername: hostname }, () => {
            const key = socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' });
            socket.end();
            resolve(createHash('sha256').update(key).digest('base64'));
        });
        socket.on('error', reject);
    });
}
