// SPDX-License-Identifier: MIT
// A fault of the API, or of the way to it (status 0).

export interface Place {
    line: number;
    column: number;
    offset: number;
    length: number;
}

export class ApiError extends Error {
    readonly status: number;
    readonly code: string;
    /** Where in a query's text it is; a query's faults have it. */
    readonly place: Place | undefined;

    constructor(status: number, code: string, message: string, place?: Place) {
        super(message);
        this.name = 'ApiError';
        this.status = status;
        this.code = code;
        this.place = place;
    }
}

const AWAY = [0, 502, 504]; // nobody answers, or only what stands before the service does

export const isAway = (error: Error | undefined): boolean => error instanceof ApiError && AWAY.includes(error.status);
export const isBusy = (error: Error | undefined): boolean => error instanceof ApiError && error.status === 503 && error.code === 'Busy';
/** The same may well be answered in a moment. */
export const isPassing = (error: Error | undefined): boolean => isAway(error) || isBusy(error);
