// SPDX-License-Identifier: MIT
export const service = {};
