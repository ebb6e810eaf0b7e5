// SPDX-License-Identifier: MIT
// A part that scrolls sideways where there is no room for it, by keyboard too.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Scroll({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const element = ref.current;
        if (!element) {
            return undefined;
        }
        // It is a stop for the keyboard only while there is something to scroll.
        const measure = () => {
            if (element.scrollWidth > element.clientWidth) {
                element.tabIndex = 0;
                element.setAttribute('role', 'group');
                element.setAttribute('aria-label', label);
            } else {
                element.removeAttribute('tabindex');
                element.removeAttribute('role');
                element.removeAttribute('aria-label');
            }
        };
        const observer = new ResizeObserver(measure);
        observer.observe(element);
        for (const child of element.children) {
            observer.observe(child);
        }
        return () => { observer.disconnect(); };
    }, [label]);
    return <div class="table-wrap" ref={ref}>{children}</div>;
}
