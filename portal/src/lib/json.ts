// SPDX-License-Identifier: MIT
// JSON whose whole numbers are kept exactly: those that a number cannot hold are texts of their digits.

/** Where the string that began before `from` ends: behind its closing quote. */
function endOfString(text: string, from: number): number {
    for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
        let slashes = 0;
        while (text[at - 1 - slashes] === '\\') {
            slashes++;
        }
        if (slashes % 2 === 0) {
            return at + 1;
        }
    }
    return text.length;
}

/** Digits, of which there are so many that they may be too many. */
const LONG = /\d{16}/;
const WHOLE = /^-?\d+$/;

/** Puts quotes around whole numbers that a number would round; what is within strings stays as it is. */
function quoteLong(text: string): string {
    const token = /"|-?\d[\d.eE+-]*/g;
    let out = '';
    let kept = 0;
    for (let found = token.exec(text); found !== null; found = token.exec(text)) {
        const [word] = found;
        if (word === '"') {
            token.lastIndex = endOfString(text, token.lastIndex);
        } else if (WHOLE.test(word) && !Number.isSafeInteger(Number(word))) {
            out += `${text.slice(kept, found.index)}"${word}"`;
            kept = token.lastIndex;
        }
    }
    return out + text.slice(kept);
}

/** As JSON.parse, but 9007199254740993 is "9007199254740993". */
export function parseExact(text: string): unknown {
    return JSON.parse(LONG.test(text) ? quoteLong(text) : text) as unknown;
}

/** Whether it is a whole number as `parseExact` keeps those that are too long. */
export function isLong(value: unknown): value is string {
    return typeof value === 'string' && WHOLE.test(value) && !Number.isSafeInteger(Number(value));
}
