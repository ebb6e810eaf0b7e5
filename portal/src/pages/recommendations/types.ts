// SPDX-License-Identifier: MIT
// A recommendation as the service gives it (center/store/recommendations.h, api/api.h).

export interface Resource {
    property?: string;
    kind?: string;
    count?: number;
    identities?: string[];
    filterName?: string;
    ipMask?: string;
    prefix?: number;
}

/** The request that removes the cause. */
export interface Fix {
    description: string;
    request: { method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'; path: string; body?: unknown };
    /** What is left to do after it. */
    then: string | null;
}

export interface Recommendation {
    type: string;
    displayName: string;
    severity: string;
    state: 'Active' | 'NotActive';
    description: string;
    remediationSteps: string[];
    since: string;
    firstActive: string | null;
    lastEvaluated: string;
    resourceCount: number;
    resources: Resource[];
    unhealthyDeviceCount: number;
    history?: { type: string; time: string; state: string }[];
    fix?: Fix | null;
}
