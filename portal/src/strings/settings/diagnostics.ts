// SPDX-License-Identifier: MIT
export const diagnostics = {};
