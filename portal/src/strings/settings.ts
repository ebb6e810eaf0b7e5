// SPDX-License-Identifier: MIT
// Words of the page.

export const settings = {
    title: 'Settings',
};
