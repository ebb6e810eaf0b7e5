// SPDX-License-Identifier: MIT
// Tokens as the service gives them (api/tokens.c).

export interface Token {
    name: string;
    role: string;
    createdBy: string;
    created: string;
    expires: string | null;
    lastUsed: string | null;
    isExpired: boolean;
}

/** One that was just made: its text comes this once. */
export interface MadeToken extends Token {
    token: string;
    endpoint: string | null;
    subscription: string;
    resourceGroup: string;
    hub: string;
}
