// SPDX-License-Identifier: MIT
// The service counts bytes, a page counts UTF-16.

import type { Place } from '../../lib/api';

/** Index of the character that begins at that byte; the end of the text behind it. */
export function indexOfByte(text: string, byte: number): number {
    let bytes = 0;
    let index = 0;
    for (const character of text) {
        if (bytes >= byte) {
            return index;
        }
        const point = character.codePointAt(0) ?? 0;
        bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        index += character.length;
    }
    return index;
}

/** What a place covers; at least one character where there is one, for what is missing at the end of the text. */
export function rangeOfPlace(text: string, place: Place): [number, number] {
    const from = indexOfByte(text, place.offset);
    const to = indexOfByte(text, place.offset + place.length);
    if (to > from) {
        return [from, to];
    }
    return from < text.length ? [from, from + 1] : [Math.max(0, from - 1), from];
}
