// SPDX-License-Identifier: MIT
import type { JSX } from 'preact';
import { RecommendationDetail } from './detail';
import { RecommendationList } from './list';

export function Recommendations({ path }: { path: string[] }): JSX.Element {
    const type = path[0];
    return type === undefined ? <RecommendationList /> : <RecommendationDetail key={type} type={type} />;
}
