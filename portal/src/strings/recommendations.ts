// SPDX-License-Identifier: MIT
// Words of the page.

export const recommendations = {
    title: 'Recommendations',
};
