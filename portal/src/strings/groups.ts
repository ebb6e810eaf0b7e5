// SPDX-License-Identifier: MIT
// Words of the page.

export const groups = {
    title: 'Groups and rules',
    one: 'Group',
};
