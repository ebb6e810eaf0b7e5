// SPDX-License-Identifier: MIT
import { render, screen } from '@testing-library/preact';
import { afterEach, expect, it, vi } from 'vitest';
import { Scroll } from '../src/ui/scroll';

afterEach(() => { vi.restoreAllMocks(); });

/** As wide as they say, and measured at once. */
function layOut(content: number, room: number): void {
    vi.spyOn(Element.prototype, 'scrollWidth', 'get').mockReturnValue(content);
    vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(room);
    vi.spyOn(window, 'ResizeObserver').mockImplementation((call) => ({
        observe: () => { call([], undefined as unknown as ResizeObserver); }, unobserve: () => undefined, disconnect: () => undefined,
    }));
}

it('what is wider than its place says so, and can be scrolled by keyboard', async () => {
    layOut(700, 300);
    render(<Scroll label="Results"><p>{'wide'}</p></Scroll>);
    await screen.findByText('There is more at the right: scroll sideways.');
    expect(screen.getByRole('group', { name: 'Results' }).tabIndex).toBe(0);
});

it('what has its place is no stop for the keyboard and says nothing', () => {
    layOut(300, 300);
    render(<Scroll label="Results"><p>{'narrow'}</p></Scroll>);
    expect(screen.queryByText(/scroll sideways/)).toBeNull();
    expect(screen.queryByRole('group')).toBeNull();
});
