// SPDX-License-Identifier: MIT
// A back end: azure-iothub, and over HTTPS by hand what it sends over AMQP.
'use strict';

const https = require('node:https');

const iothub = require('azure-iothub');
const hub = require('./hub');

const API = 'api-version=2021-04-12';
const policyString = (name) => hub.vedette('policy', 'show', name).connectionString;

const registry = iothub.Registry.fromConnectionString(policyString('iothubowner'));
const service = iothub.Client.fromConnectionString(policyString('service'));

const parts = iothub.ConnectionString.parse(policyString('service'));
const token = iothub.SharedAccessSignature.create(parts.HostName, parts.SharedAccessKeyName, parts.SharedAccessKey,
    Math.floor(Date.now() / 1000) + 3600).toString();

// Answers { status, headers, body }; the body as JSON where it is some.
function call(method, path, { headers = {}, body = '', authorization = token } = {}) {
    return new Promise((resolve, reject) => {
        const request = https.request({ host: 'localhost', port: 443, method, path: `${path}?${API}`,
            headers: { authorization, 'content-length': Buffer.byteLength(body), ...headers } }, (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('end', () => {
                const text = Buffer.concat(chunks).toString();
                const isJson = (response.headers['content-type'] || '').startsWith('application/json');
                resolve({ status: response.statusCode, headers: response.headers,
                    body: isJson && text !== '' ? JSON.parse(text) : text });
            });
        });
        request.on('error', reject);
        request.end(body);
    });
}

async function send(deviceId, body, headers = {}) {
    const answer = await call('POST', `/devices/${encodeURIComponent(deviceId)}/messages/devicebound`,
        { headers, body });
    if (answer.status !== 204) {
        throw new Error(`send: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
}

// The identity, made with these.
const create = async (identity) => (await registry.create(identity)).responseBody;

const waiting = async (deviceId) => (await registry.get(deviceId)).responseBody.cloudToDeviceMessageCount;

module.exports = { registry, service, call, send, create, waiting };
