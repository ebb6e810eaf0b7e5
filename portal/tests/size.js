// SPDX-License-Identifier: MIT
// What a browser loads before the first page shows is at most 350 kB compressed; so is each page that is loaded later.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const FIRST_MAX = 350_000;
const dist = process.argv[2] ?? 'dist';
const page = readFileSync(join(dist, 'index.html'), 'utf8');
let first = gzipSync(page).length;
let failed = false;

if (/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|https?:\/\//.test(page)) {
    console.error('index.html has an inline script or style, or names another origin');
    failed = true;
}
for (const name of readdirSync(join(dist, 'assets')).sort()) {
    const size = gzipSync(readFileSync(join(dist, 'assets', name))).length;
    const isFirst = page.includes(`assets/${name}`);
    first += isFirst ? size : 0;
    failed ||= size > FIRST_MAX;
    console.log(`${size.toString().padStart(8)} ${isFirst ? 'first' : 'later'} ${name}`);
}
console.log(`${first.toString().padStart(8)} bytes compressed on first load, at most ${FIRST_MAX.toString()}`);
process.exit(failed || first > FIRST_MAX ? 1 : 0);
