// SPDX-License-Identifier: MIT
// Who did something, within a sentence: the service puts how they came in front of the name.

const KINDS: Record<string, (name: string) => string> = {
    token: (name) => name,
    local: (name) => `${name} on the server`,
    policy: (name) => `the policy ${name}`,
};

export function actor(who: string): string {
    const at = who.indexOf(':');
    const kind = who.slice(0, Math.max(0, at));
    return Object.hasOwn(KINDS, kind) && at + 1 < who.length ? KINDS[kind]?.(who.slice(at + 1)) ?? who : who;
}
