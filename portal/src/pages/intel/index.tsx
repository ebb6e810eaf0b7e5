// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { FeedDetail } from './detail';
import { FeedList } from './list';

export function Intel({ path }: { path: string[] }): JSX.Element {
    const [name] = path;
    return name === undefined ? <FeedList /> : <FeedDetail key={name} name={name} />;
}
