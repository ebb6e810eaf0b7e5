// SPDX-License-Identifier: MIT
// Security solutions: what they switch together, and what has to be sent to switch it (api/solution.h has the rules).

import { call } from '../../lib/api';
import { solutionsPath } from './status';

export interface Solution {
    name: string;
    location: string;
    tags: Record<string, string>;
    properties: {
        displayName: string;
        status?: string;
        iotHubs: string[];
        export?: string[];
        unmaskedIpLoggingStatus?: string;
        [member: string]: unknown;
    };
}

export type Switch = 'rawEvents' | 'wholeAddresses';

/** The name of the one that is made where there is none. */
const OURS = 'vedette';

export const isEnabled = (one: Solution): boolean => one.properties.status !== 'Disabled';

export function says(one: Solution, what: Switch): boolean {
    return what === 'rawEvents' ? (one.properties.export ?? []).includes('RawEvents')
        : one.properties.unmaskedIpLoggingStatus === 'Enabled';
}

/** What all of them come to. Without any, raw events are stored and addresses are masked. */
export function isOn(all: Solution[], what: Switch): boolean {
    return all.length === 0 ? what === 'rawEvents' : all.some((one) => isEnabled(one) && says(one, what));
}

function set(one: Solution, what: Switch, on: boolean): Solution {
    const change = what === 'rawEvents' ? { export: on ? ['RawEvents'] : [] }
        : { unmaskedIpLoggingStatus: on ? 'Enabled' : 'Disabled' };
    return { ...one, properties: { ...one.properties, ...change } };
}

/** The solutions that have to be another for the switch to be so. */
export function changes(all: Solution[], what: Switch, on: boolean, resourceId: string): Solution[] {
    if (isOn(all, what) === on) {
        return [];
    }
    if (!on && all.length > 0) {
        return all.filter((one) => isEnabled(one) && says(one, what)).map((one) => set(one, what, false));
    }
    const enabled = all.find(isEnabled);
    if (enabled) {
        return [set(enabled, what, on)];
    }
    // None, or none that is enabled: one of our own, which leaves the other switch as it is.
    const made: Solution = {
        name: OURS, location: '', tags: {},
        properties: {
            displayName: 'Vedette', status: 'Enabled', iotHubs: [resourceId],
            export: isOn(all, 'rawEvents') ? ['RawEvents'] : [],
            unmaskedIpLoggingStatus: isOn(all, 'wholeAddresses') ? 'Enabled' : 'Disabled',
        },
    };
    return [set(made, what, on)];
}

export async function apply(all: Solution[], what: Switch, on: boolean, resourceId: string): Promise<void> {
    for (const one of changes(all, what, on, resourceId)) {
        const { location, tags, properties } = one;
        await call('PUT', `${solutionsPath(resourceId)}/${encodeURIComponent(one.name)}`, { location, tags, properties });
    }
}
