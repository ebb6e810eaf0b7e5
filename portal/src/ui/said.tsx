// SPDX-License-Identifier: MIT
// What the service says in a sentence, with the times in it as the viewer reads them.

import type { JSX } from 'preact';
import { Time } from './ui';

const TIMES = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

export function Said({ text }: { text: string }): JSX.Element {
    return <>{text.split(TIMES).map((part, i) => (i % 2 === 1 ? <Time key={i} at={part} full /> : part))}</>;
}
