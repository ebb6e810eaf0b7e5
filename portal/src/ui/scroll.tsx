// SPDX-License-Identifier: MIT
// A part that scrolls where there is no room for it, by keyboard too.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../strings';

export function Scroll(props: { label: string; class?: string; children: ComponentChildren }): JSX.Element {
    const { label, children } = props;
    const ref = useRef<HTMLDivElement>(null);
    const [isWide, setWide] = useState(false);
    useEffect(() => {
        const element = ref.current;
        if (!element) {
            return undefined;
        }
        // It is a stop for the keyboard only while there is something to scroll.
        const measure = () => {
            setWide(element.scrollWidth > element.clientWidth + 1);
            if (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight + 1) {
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
    return (
        <>
            {isWide ? <p class="scroll-hint small muted">{t.scrollHint}</p> : null}
            <div class={`${props.class ?? 'table-wrap'}${isWide ? ' is-wide' : ''}`} ref={ref}>{children}</div>
        </>
    );
}
