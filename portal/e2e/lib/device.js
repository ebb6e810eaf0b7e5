// SPDX-License-Identifier: MIT
// A device: MQTT 3.1.1 over TLS as far as one that only sends needs it, and SAS tokens.
import { createHmac } from 'node:crypto';
import { connect } from 'node:tls';
import { ca, hubName, mqttHost, mqttPort, now } from './service.js';

const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH_QOS1 = 0x32;
const PUBACK = 0x40;
const TIMEOUT_MS = 30000;
const SECURITY = '%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1';

/** A shared access signature for the device, which ends then (milliseconds since 1970). */
export function sasToken(deviceId, key, expiresMs = now() + 86400000) {
    const resource = encodeURIComponent(`${hubName}/devices/${deviceId}`);
    const expiry = Math.floor(expiresMs / 1000).toString();
    const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
    return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}`;
}

function text(value) {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function packet(type, ...parts) {
    const body = Buffer.concat(parts);
    const length = [];
    let rest = body.length;
    do {
        length.push((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest > 0);
    return Buffer.concat([Buffer.from([type, ...length]), body]);
}

/** The first whole packet of the bytes, and what is behind it; null: there is none yet. */
function split(bytes) {
    let length = 0;
    for (let i = 1; i < bytes.length && i < 5; i++) {
        length |= (bytes[i] & 127) << (7 * (i - 1));
        if (bytes[i] < 128) {
            const end = i + 1 + length;
            return bytes.length < end ? null : { type: bytes[0], body: bytes.subarray(i + 1, end), rest: bytes.subarray(end) };
        }
    }
    return null;
}

export class Device {
    #socket = null;
    #input = Buffer.alloc(0);
    #waiting = [];
    #packetId = 0;

    constructor(id, key) {
        this.id = id;
        this.key = key;
    }

    #fail(error) {
        for (const { reject } of this.#waiting.splice(0)) {
            reject(error);
        }
    }

    #receive(bytes) {
        this.#input = Buffer.concat([this.#input, bytes]);
        for (let one = split(this.#input); one; one = split(this.#input)) {
            this.#input = one.rest;
            const type = one.type;
            const at = this.#waiting.findIndex((w) => w.type === type);
            if (at >= 0) {
                this.#waiting.splice(at, 1)[0].resolve(one.body);
            }
        }
    }

    #answer(type) {
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => { reject(new Error(`${this.id}: the hub does not answer`)); }, TIMEOUT_MS);
            const settle = (call) => (value) => {
                clearTimeout(timer);
                call(value);
            };
            this.#waiting.push({ type, resolve: settle(resolve), reject: settle(reject) });
        });
    }

    /** Connects, from an address of this machine; resolves to the CONNACK code: 0 is in. */
    async connect({ password = sasToken(this.id, this.key), from } = {}) {
        const socket = connect({ host: mqttHost, port: mqttPort, ...(from ? { localAddress: from } : {}), ca, servername: hubName });
        this.#socket = socket;
        socket.on('data', (bytes) => { this.#receive(bytes); });
        socket.on('error', (error) => { this.#fail(error); });
        socket.on('close', () => { this.#fail(new Error(`${this.id}: the hub closed the connection`)); });
        const answer = this.#answer(CONNACK);
        socket.write(packet(CONNECT, text('MQTT'), Buffer.from([4, 0xc2, 0, 240]), text(this.id),
            text(`${hubName}/${this.id}/?api-version=2021-04-12`), text(password)));
        return (await answer)[1];
    }

    /** Sends a message and waits until the hub has it. */
    async send(body, properties = '') {
        const id = (this.#packetId = (this.#packetId % 65535) + 1);
        const answer = this.#answer(PUBACK);
        this.#socket.write(packet(PUBLISH_QOS1, text(`devices/${this.id}/messages/events/${properties}`),
            Buffer.from([id >> 8, id & 255]), Buffer.from(body)));
        await answer;
    }

    /** Sends a security message, as FlatBuffers or JSON. */
    async sendSecurity(body) {
        await this.send(body, SECURITY);
    }

    close() {
        this.#socket?.removeAllListeners('close');
        this.#socket?.destroy();
        this.#socket = null;
    }
}
