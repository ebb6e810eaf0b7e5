/* SPDX-License-Identifier: MIT */
/* What detections judge: one fact, whatever it comes from, in the order of the event log. */

#ifndef VEDETTE_CENTER_DETECT_OBSERVATION_H
#define VEDETTE_CENTER_DETECT_OBSERVATION_H

#include <jansson.h>

#include "center/decode/security_message.h"
#include "center/event_time.h"

enum vd_observed {
    VD_OBSERVED_MESSAGE,   /* a message of the device came to the hub, whatever it says */
    VD_OBSERVED_EVENT,     /* an event of a security message, once */
    VD_OBSERVED_OPERATION, /* the hub recorded an operation (docs/diagnostics.md) */
    VD_OBSERVED_ACTIVITY,  /* somebody did something to the hub itself */
};

/* An operation's record. Text that is absent is empty. */
struct vd_operation_seen {
    struct vd_str category; /* Connections ... */
    struct vd_str name;     /* deviceConnect ... */
    uint32_t result;        /* 401003 ...; 0: it went well */
    struct vd_str reason;
    struct vd_str protocol;
    const json_t *properties; /* an object */
};

/* An act on the control plane. */
struct vd_activity_seen {
    struct vd_str caller;
    struct vd_str caller_address; /* empty: on the machine itself */
    struct vd_str operation_name;
    struct vd_str status; /* Succeeded, Failed */
    struct vd_str resource_id;
    const json_t *properties; /* an object */
};

/* Everything that it points to is valid while it is judged only. */
struct vd_observation {
    enum vd_observed what;
    uint64_t offset;         /* of the record in the event log */
    struct vd_str device_id; /* empty: about none */
    struct vd_str module_id;
    struct vd_str address; /* the peer's, as text, not masked; may be empty */
    int64_t enqueued_ms;   /* UTC, the hub's clock */
    struct vd_event_time
        time;       /* of an event by the device's clock where that is believed, else the hub's */
    bool over_mqtt; /* VD_OBSERVED_MESSAGE */
    int64_t hunted_ms; /* not 0: it was stored before, and the indicators came by then */
    const struct vd_security_message *message; /* VD_OBSERVED_EVENT */
    const struct vd_security_event *event;
    const struct vd_operation_seen *operation; /* VD_OBSERVED_OPERATION */
    const struct vd_activity_seen *activity;   /* VD_OBSERVED_ACTIVITY */
};

#endif
