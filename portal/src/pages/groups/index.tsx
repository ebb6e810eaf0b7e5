// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { GroupPage } from './group';
import { GroupList } from './list';

export function Groups({ path }: { path: string[] }): JSX.Element {
    const name = path[0];
    return name === undefined ? <GroupList /> : <GroupPage key={name} name={name} />;
}
