/* SPDX-License-Identifier: MIT */
/* The states of an alert, and what leads from one to another. */

#ifndef VEDETTE_CENTER_STORE_ALERT_STATE_H
#define VEDETTE_CENTER_STORE_ALERT_STATE_H

#include <stdbool.h>

/* X(name, text): stored and shown as that text. */
#define VD_ALERT_STATES(X)                                                      \
    X(VD_ALERT_NEW, "New")                /* nobody has taken it up */          \
    X(VD_ALERT_IN_PROGRESS, "InProgress") /* somebody works on it */            \
    X(VD_ALERT_DISMISSED, "Dismissed")    /* of no interest, nor its repeats */ \
    X(VD_ALERT_RESOLVED, "Resolved")      /* dealt with; a repeat reopens it */

/* X(name, text): what happens to an alert. */
#define VD_ALERT_EVENTS(X)                                        \
    X(VD_ALERT_START, "start")                                    \
    X(VD_ALERT_DISMISS, "dismiss")                                \
    X(VD_ALERT_RESOLVE, "resolve")                                \
    X(VD_ALERT_REOPEN, "reopen")                                  \
    X(VD_ALERT_NOTE, "note")                                      \
    X(VD_ALERT_REPEATED, "repeated")     /* it was found again */ \
    X(VD_ALERT_SUPPRESSED, "suppressed") /* likewise, while repeats are dismissed */

/* X(name, text): why an alert was dismissed. */
#define VD_ALERT_REASONS(X)                     \
    X(VD_ALERT_FALSE_POSITIVE, "FalsePositive") \
    X(VD_ALERT_EXPECTED, "Expected")            \
    X(VD_ALERT_DUPLICATE, "Duplicate")          \
    X(VD_ALERT_OTHER, "Other")

#define VD_ALERT_ENUM(name, text) name,
enum vd_alert_state {
    VD_ALERT_STATES(VD_ALERT_ENUM) VD_ALERT_STATE_COUNT
};

enum vd_alert_event {
    VD_ALERT_EVENTS(VD_ALERT_ENUM) VD_ALERT_EVENT_COUNT
};

enum vd_alert_reason {
    VD_ALERT_REASONS(VD_ALERT_ENUM) VD_ALERT_REASON_COUNT
};
#undef VD_ALERT_ENUM

/* The state after the event; false leaves *next untouched: the event is not for an alert in this state. */
bool vd_alert_state_next(
    enum vd_alert_state state, enum vd_alert_event event, enum vd_alert_state *next);

/* Static text; NULL for what is none. */
const char *vd_alert_state_text(int state);
const char *vd_alert_event_text(int event);
const char *vd_alert_reason_text(int reason);

/* By its text, in any case of its letters; -1: there is none. */
int vd_alert_state_parse(const char *text);
int vd_alert_event_parse(const char *text);
int vd_alert_reason_parse(const char *text);

#endif
