// SPDX-License-Identifier: MIT
// A share as a bar. What it shows stands beside it in words.

import type { JSX } from 'preact';

/** 0 to 1. */
export function Bar({ share, color = '--accent' }: { share: number; color?: `--${string}` }): JSX.Element {
    const width = `${(Math.min(1, Math.max(0, share)) * 100).toFixed(2)}%`;
    return (
        <svg class="share" aria-hidden="true">
            <rect class="ground" width="100%" height="100%" rx="3" />
            <rect width={width} height="100%" rx="3" fill={`var(${color})`} />
        </svg>
    );
}
