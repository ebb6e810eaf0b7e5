/* SPDX-License-Identifier: MIT */
/* The states of a security module and the events that change them. */

#ifndef ASC_STATE_H
#define ASC_STATE_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text) */
#define ASC_STATES(X)                                                                   \
    X(ASC_STATE_NOT_INITIALISED, "not initialised") /* before enable, after disable */  \
    X(ASC_STATE_PENDING, "pending")                 /* collecting, no connection yet */ \
    X(ASC_STATE_ACTIVE, "active")                   /* collecting and sending */        \
    X(ASC_STATE_SUSPENDED, "suspended")             /* pending for too long: does nothing */

#define ASC_STATE_EVENTS(X)                   \
    X(ASC_EVENT_ENABLE, "enable")             \
    X(ASC_EVENT_DISABLE, "disable")           \
    X(ASC_EVENT_CONNECTED, "connected")       \
    X(ASC_EVENT_DISCONNECTED, "disconnected") \
    X(ASC_EVENT_PENDING_EXPIRED, "pending expired")

#define ASC_STATE_ENUM(name, text) name,
enum asc_state {
    ASC_STATES(ASC_STATE_ENUM) ASC_STATE_COUNT
};
enum asc_state_event {
    ASC_STATE_EVENTS(ASC_STATE_ENUM) ASC_STATE_EVENT_COUNT
};
#undef ASC_STATE_ENUM

/* Returns the state after `event` in `state`; `state` itself where the event changes nothing. */
enum asc_state asc_state_next(enum asc_state state, enum asc_state_event event);

/* Returns the name of a state or event; "unknown" for a value outside the enum. */
const char *asc_state_name(enum asc_state state);
const char *asc_state_event_name(enum asc_state_event event);

#ifdef __cplusplus
}
#endif

#endif
