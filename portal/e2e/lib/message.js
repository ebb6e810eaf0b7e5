// SPDX-License-Identifier: MIT
// Security messages as the device module makes them, built by flatc from the project's schema.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from './service.js';

const SCHEMA = fileURLToPath(new URL('../../../proto/security_message.fbs', import.meta.url));
const VERSION = (5 << 24) | (1 << 16);
const INTERVAL_S = 60;

/** Four bytes of an address as they lie in the packet, as the number that the schema has for them. */
const word = (bytes) => Buffer.from(bytes).readUInt32LE();

function ipv4(address) {
    return word(address.split('.').map(Number));
}

/** The four numbers of an IPv6 address. */
function ipv6(address) {
    const [head, tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
    const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
    const bytes = groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
    return [0, 4, 8, 12].map((at) => word(bytes.slice(at, at + 4)));
}

/** flow: {local, remote, localPort, remotePort, bytesIn, bytesOut, protocol, opener} */
function flowJson(flow) {
    const numbers = isIPv6(flow.remote) ? ipv6 : ipv4;
    return {
        addresses: { local_address: numbers(flow.local), remote_address: numbers(flow.remote) },
        common: {
            local_port: flow.localPort, remote_port: flow.remotePort, bytes_in: flow.bytesIn, bytes_out: flow.bytesOut,
            packets_in: Math.ceil(flow.bytesIn / 900), packets_out: Math.ceil(flow.bytesOut / 900),
            protocol: flow.protocol ?? 'TCP', opened_by: flow.opener ?? 'DEVICE',
        },
    };
}

function event(type, payload, time) {
    return { id: { bytes: [...randomBytes(16)] }, time, collection_interval: INTERVAL_S, payload_type: type, payload };
}

/** message: {flows, system: {os, kernel, hardware}, ledger: {overflowed, malformed, givenUp, withheld}, atMs} */
function messageJson(message) {
    const time = Math.floor((message.atMs ?? now()) / 1000);
    const flows = (message.flows ?? []).map(flowJson);
    const events = [];
    if (message.flows) {
        events.push(event('NetworkActivity', {
            ipv4_activity: flows.filter((_, i) => !isIPv6(message.flows[i].remote)),
            ipv6_activity: flows.filter((_, i) => isIPv6(message.flows[i].remote)),
        }, time));
    }
    if (message.system) {
        const { os, kernel, hardware } = message.system;
        events.push(event('SystemInformation', { os_info: os, kernel_info: kernel, hw_info: hardware }, time));
    }
    const counted = flows.reduce((sum, { common }) => sum + common.packets_in + common.packets_out, 0);
    const { overflowed = 0, malformed = 0, givenUp = 0, withheld = 0 } = message.ledger ?? {};
    return {
        security_module_id: 'defender-iot-micro-agent', security_module_version: VERSION, events,
        ledger: {
            boot_id: message.bootId ?? 1, sequence: message.sequence ?? 1, packets_seen: counted + givenUp + withheld + overflowed + malformed,
            packets_counted: counted + givenUp + withheld, packets_overflowed: overflowed, packets_malformed: malformed,
            packets_given_up: givenUp, packets_withheld: withheld, messages_kept: 0, messages_sent: message.sequence ?? 1, messages_given_up: 0,
        },
    };
}

/** The bytes of many messages, by one run of flatc. */
export function messages(all) {
    const folder = mkdtempSync(join(tmpdir(), 'vedette-messages-'));
    try {
        const names = all.map((message, i) => {
            const path = join(folder, `m${i.toString()}.json`);
            writeFileSync(path, JSON.stringify(messageJson(message)));
            return path;
        });
        execFileSync('flatc', ['--binary', '-o', folder, SCHEMA, ...names]);
        return all.map((_, i) => readFileSync(join(folder, `m${i.toString()}.bin`)));
    } finally {
        rmSync(folder, { recursive: true });
    }
}
