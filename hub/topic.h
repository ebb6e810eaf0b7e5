/* SPDX-License-Identifier: MIT */
/* What an identity may publish to and subscribe to. */

#ifndef VEDETTE_HUB_TOPIC_H
#define VEDETTE_HUB_TOPIC_H

#include "lib/str.h"

enum vd_topic {
    VD_TOPIC_TELEMETRY,     /* the identity's own events; the bag is what follows */
    VD_TOPIC_METHOD_ANSWER, /* vd_topic_read_method_answer reads what follows */
    VD_TOPIC_FOREIGN,       /* events of another identity */
    VD_TOPIC_TWIN_GET,      /* vd_topic_read_rid reads what follows */
    VD_TOPIC_TWIN_PATCH,    /* likewise */
    VD_TOPIC_UNKNOWN,
};

/*
 * What the topic is to the identity (module_id empty for a device). Ids stand in it as they are or URL-encoded.
 * *rest is set for those of which something is said to follow.
 */
enum vd_topic vd_topic_classify(
    struct vd_str topic, const char *device_id, const char *module_id, struct vd_str *rest);

/* Appends the topic on which a device is asked for a method: `$iothub/methods/POST/{name}/?$rid={rid}`. */
void vd_topic_write_method(struct vd_buf *out, const char *name, uint64_t rid);

/* Appends `$iothub/twin/PATCH/properties/desired/?$version={version}`. */
void vd_topic_write_desired(struct vd_buf *out, int64_t version);

/* Appends `$iothub/twin/res/{status}/?$rid={rid}`, and `&$version={version}` unless that is 0. */
void vd_topic_write_twin_answer(struct vd_buf *out, int status, struct vd_str rid, int64_t version);

/* Appends `devices/{id}/messages/devicebound/{bag}`; an id that would read as wildcards is URL-encoded. */
void vd_topic_write_devicebound(struct vd_buf *out, const char *device_id, struct vd_str bag);

/* A client's request id; the SDKs send a UUID or a number. */
#define VD_TOPIC_RID_MAX 128

/* Reads `?$rid={rid}`; more may follow after a '&'. VD_E_INVALID: it is not of that form, or the id is empty or too long. */
VD_NODISCARD int vd_topic_read_rid(struct vd_str rest, struct vd_str *rid);

/*
 * Reads `{status}/?$rid={rid}`; more may follow after a '&'. VD_E_INVALID: it is not of that form, or the status is no
 * whole number of at most nine digits. *rid is 0 for a request id that vd_topic_write_method never wrote.
 */
VD_NODISCARD int vd_topic_read_method_answer(struct vd_str rest, int *status, uint64_t *rid);

/* Subscriptions of a session, as bits. They are stored: a value keeps its meaning. */
enum vd_filter {
    VD_FILTER_UNKNOWN = 0,
    VD_FILTER_DEVICEBOUND = 1,
    VD_FILTER_METHODS = 2,
    VD_FILTER_INPUTS = 4, /* of a module */
    VD_FILTER_TWIN_ANSWERS = 8,
    VD_FILTER_TWIN_DESIRED = 16,
    VD_FILTER_DEVICEBOUND_QOS_1 = 32, /* beside VD_FILTER_DEVICEBOUND: it was granted so */
};

enum vd_filter vd_filter_classify(
    struct vd_str filter, const char *device_id, const char *module_id);

#endif
