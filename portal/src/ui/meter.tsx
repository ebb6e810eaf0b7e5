// SPDX-License-Identifier: MIT
// How much of something is taken. Its width is set by script: the page's policy allows no style in markup.

import type { JSX } from 'preact';
import { percent } from '../lib/format';

export function Meter({ label, share }: { label: string; share: number }): JSX.Element {
    const bounded = Math.min(1, Math.max(0, share));
    return (
        <div class="progress" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100}
            aria-valuenow={Math.round(bounded * 100)} aria-valuetext={percent(share)}>
            <span ref={(element) => { element?.style.setProperty('width', `${(bounded * 100).toString()}%`); }} />
        </div>
    );
}
