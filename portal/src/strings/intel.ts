// SPDX-License-Identifier: MIT
// Words of the page.

export const intel = {
    title: 'Intel',
};
