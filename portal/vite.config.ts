// SPDX-License-Identifier: MIT
// Builds the pages. While they are written, `npm run dev` with VEDETTE_SOCKET (api.sock of a data directory) shows them over the
// owner's own API, without signing in.
import { request } from 'node:http';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

function ownerApi(socketPath: string): Plugin {
    return {
        name: 'owner-api',
        configureServer(server) {
            server.middlewares.use('/portal/session', (_, response) => {
                response.setHeader('Content-Type', 'application/json');
                response.end(
                    JSON.stringify({ name: 'owner', role: 'owner', expires: null, csrf: '', version: 'dev' })
                );
            });
            server.middlewares.use('/portal/api', (incoming, response) => {
                const outgoing = request(
                    { socketPath, path: incoming.url ?? '/', method: incoming.method ?? 'GET' },
                    (answer) => {
                        response.writeHead(answer.statusCode ?? 500, answer.headers);
                        answer.pipe(response);
                    }
                );

                outgoing.on('error', (error) => {
                    response.statusCode = 502;
                    response.end(JSON.stringify({ error: { code: 'Unreachable', message: error.message } }));
                });
                incoming.pipe(outgoing);
            });
        },
    };
}

const socket = process.env['VEDETTE_SOCKET'];

export default defineConfig({
    base: '/portal/',
    plugins: socket ? [ownerApi(socket)] : [],
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    build: {
        target: 'es2022',
        assetsInlineLimit: 0, // the page's policy allows no data: URLs
        modulePreload: { polyfill: false },
        outDir: '../build/release/portal/dist', // where the program of that build looks
        emptyOutDir: true,
    },
    cacheDir: '../build/portal-cache',
    test: { environment: 'jsdom', include: ['tests/**/*.test.{ts,tsx}'], setupFiles: ['tests/setup.ts'], testTimeout: 30000 },
});
