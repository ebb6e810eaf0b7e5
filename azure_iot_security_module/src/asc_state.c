/* SPDX-License-Identifier: MIT */
/* The state machine of a security module: one table, one pure function. */

#include "azure_iot_security_module/inc/asc_state.h"

#include <stdint.h>

#define N ASC_STATE_NOT_INITIALISED
#define P ASC_STATE_PENDING
#define A ASC_STATE_ACTIVE
#define S ASC_STATE_SUSPENDED

static const uint8_t transitions[ASC_STATE_COUNT][ASC_STATE_EVENT_COUNT] = {
    /*      enable, disable, connected, disconnected, pending expired */
    [N] = {P, N, N, N, N},
    [P] = {P, N, A, P, S},
    [A] = {A, N, A, P, A},
    [S] = {P, N, A, S, S},
};

#define ASC_STATE_TEXT(name, text) text,

enum asc_state asc_state_next(enum asc_state state, enum asc_state_event event)
{
    if ((unsigned)state >= ASC_STATE_COUNT || (unsigned)event >= ASC_STATE_EVENT_COUNT) {
        return state;
    }
    return (enum asc_state)transitions[state][event];
}

const char *asc_state_name(enum asc_state state)
{
    static const char *const names[] = {ASC_STATES(ASC_STATE_TEXT)};

    return (unsigned)state < ASC_STATE_COUNT ? names[state] : "unknown";
}

const char *asc_state_event_name(enum asc_state_event event)
{
    static const char *const names[] = {ASC_STATE_EVENTS(ASC_STATE_TEXT)};

    return (unsigned)event < ASC_STATE_EVENT_COUNT ? names[event] : "unknown";
}
