// SPDX-License-Identifier: MIT
// Words of the page.

export const query = {
    title: 'Query',
};
