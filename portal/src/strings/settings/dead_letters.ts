// SPDX-License-Identifier: MIT
export const deadLetters = {};
