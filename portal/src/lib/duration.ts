// SPDX-License-Identifier: MIT
// Lengths of time as the service has them: ISO 8601, without years and months.

const FORM = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const UNITS_MS = [7 * 86400e3, 86400e3, 3600e3, 60e3, 1e3];

/** Milliseconds; undefined: it is none. */
export function isoDuration(text: string): number | undefined {
    const parts = FORM.exec(text);
    const given = parts?.slice(1) ?? [];
    if (!parts || given.every((part) => part === undefined) || text.endsWith('T')) {
        return undefined;
    }
    return given.reduce((all, part, i) => all + Number(part ?? 0) * (UNITS_MS[i] ?? 0), 0);
}
