// SPDX-License-Identifier: MIT
// Writes the software bill of materials (SPDX 2.3, JSON) of the packages: what stands in the programs and the portal, and what they link.
// usage: node sbom.mjs FILE VERSION DEPS PROGRAM ...   DEPS: the folder of tools/deps. The same input gives the same bytes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [file, version, deps, ...programs] = process.argv.slice(2);
if (programs.length === 0) {
    console.error('usage: node sbom.mjs FILE VERSION DEPS PROGRAM ...');
    process.exit(2);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const id = (name) => `SPDXRef-${name.replace(/[^A-Za-z0-9.]+/g, '-')}`;

function entry(name, fields) {
    return {
        name,
        SPDXID: id(fields.prefix + name),
        versionInfo: fields.version,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: fields.licence ?? 'NOASSERTION',
        copyrightText: 'NOASSERTION',
        ...(fields.checksums ? { checksums: fields.checksums } : {}),
        externalRefs: [
            { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: fields.purl },
        ],
    };
}

/** What a lock file pins for the product itself: what only builds or tests it is left out. */
function fromLock(file, wanted) {
    const { packages } = JSON.parse(readFileSync(file, 'utf8'));
    return Object.entries(packages)
        .filter(([path, p]) => path !== '' && !p.dev && wanted(path))
        .map(([path, p]) => {
            const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
            const [algorithm, digest] = (p.integrity ?? '').split(/-(.*)/);
            return entry(name, {
                prefix: 'npm-',
                version: p.version,
                licence: p.license,
                purl: `pkg:npm/${name.replace('@', '%40')}@${p.version}`,
                checksums: digest && [
                    {
                        algorithm: algorithm.toUpperCase(),
                        checksumValue: Buffer.from(digest, 'base64').toString('hex'),
                    },
                ],
            });
        });
}

/** The Debian packages of the libraries that a program links. */
function fromProgram(program) {
    const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n');
    const paths = lines.map((line) => / => (\/\S+)/.exec(line)?.[1]).filter((path) => path && !path.startsWith(deps));
    return paths.map((path) => {
        const real = realpathSync(path);
        const owner = execFileSync('dpkg-query', ['-S', `*/${basename(real)}`], { encoding: 'utf8' })
            .split('\n')
            .find((line) => line.endsWith(real) || line.endsWith(real.replace(/^\/usr/, '')));
        if (!owner) {
            throw new Error(`${real} belongs to no package`);
        }
        const [name, found] = execFileSync(
            'dpkg-query',
            ['-W', '-f', '${Package} ${Version}', owner.split(': ')[0]],
            { encoding: 'utf8' },
        ).split(' ');
        return entry(name, { prefix: 'deb-', version: found, purl: `pkg:deb/debian/${name}@${found}` });
    });
}

const product = entry('vedette', {
    prefix: '',
    version,
    licence: 'MIT',
    purl: `pkg:deb/debian/vedette@${version}`,
});
const parts = [
    ...fromLock(join(root, 'portal/package-lock.json'), () => true),
    ...fromLock(join(root, 'tools/duckdb/package-lock.json'), (path) => path.includes(`linux-${process.arch}`)),
    ...programs.flatMap(fromProgram),
];
const packages = [...new Map(parts.map((p) => [p.SPDXID, p])).values()].sort((a, b) => (a.SPDXID < b.SPDXID ? -1 : 1));
const digest = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 32);
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(Date.now() / 1000));

writeFileSync(
    file,
    `${JSON.stringify(
        {
            spdxVersion: 'SPDX-2.3',
            dataLicense: 'CC0-1.0',
            SPDXID: 'SPDXRef-DOCUMENT',
            name: `vedette-${version}`,
            documentNamespace: `urn:vedette:sbom:${version}:${digest}`,
            creationInfo: {
                created: new Date(seconds * 1000).toISOString().replace('.000', ''),
                creators: [`Tool: vedette-sbom-${version}`],
            },
            packages: [product, ...packages],
            relationships: [
                { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: product.SPDXID },
                ...packages.map((p) => ({
                    spdxElementId: product.SPDXID,
                    relationshipType: p.SPDXID.startsWith('SPDXRef-npm-') ? 'CONTAINS' : 'DYNAMIC_LINK',
                    relatedSpdxElement: p.SPDXID,
                })),
            ],
        },
        null,
        1,
    )}\n`,
);
