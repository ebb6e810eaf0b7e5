// SPDX-License-Identifier: MIT
// What the service says in a sentence, with the times, sizes and names in it as the viewer reads them.

import type { JSX } from 'preact';
import { bytes, localTime, number, shortTime, time, utcTime } from '../lib/format';
import { actor } from '../strings/actor';

/** A time of UTC, so many bytes, or who did something. */
const PARTS = /(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z|\b\d{1,15} bytes\b|\b(?:token|local|policy):[\w.@-]*\w)/;
const TIME = /^\d{4}-.*Z$/;

/** A time of the viewer's zone, as short as it can be; hover gives the whole of it and UTC. */
export function ShortTime({ at, beside }: { at: string; beside?: string | undefined }): JSX.Element {
    const date = time(at);
    return date ? (
        <time class="nowrap" dateTime={date.toISOString()} title={`${localTime(date)}\n${utcTime(date)}`}>
            {shortTime(date, Date.now(), time(beside))}
        </time>
    ) : <>{at}</>;
}

function Part({ text, beside }: { text: string; beside: string | undefined }): JSX.Element {
    if (TIME.test(text)) {
        return <ShortTime at={text} beside={beside} />;
    }
    if (text.includes(':')) {
        return <>{actor(text)}</>;
    }
    const count = parseInt(text, 10);
    return <span class="nowrap" title={`${number(count)} ${count === 1 ? 'byte' : 'bytes'}`}>{bytes(count)}</span>;
}

export function Said({ text }: { text: string }): JSX.Element {
    const parts = text.split(PARTS);
    // The day of a time is not said again in the times behind it.
    const beside = (i: number) => parts.slice(0, i).filter((part, at) => at % 2 === 1 && TIME.test(part)).pop();
    return <>{parts.map((part, i) => (i % 2 === 1 ? <Part key={i} text={part} beside={beside(i)} /> : part))}</>;
}
