/* SPDX-License-Identifier: MIT */
/* What an identity may publish to and subscribe to. */

#ifndef VEDETTE_HUB_TOPIC_H
#define VEDETTE_HUB_TOPIC_H

#include "lib/str.h"

enum vd_topic {
    VD_TOPIC_TELEMETRY,     /* the identity's own events; the bag is what follows */
    VD_TOPIC_METHOD_ANSWER, /* vd_topic_read_method_answer reads what follows */
    VD_TOPIC_FOREIGN,       /* events of another identity */
    VD_TOPIC_NOT_SERVED,    /* of the protocol, but this hub does not serve it: twins */
    VD_TOPIC_UNKNOWN,
};

/*
 * What the topic is to the identity (module_id empty for a device). Ids stand in it as they are or URL-encoded.
 * *rest is set for VD_TOPIC_TELEMETRY and VD_TOPIC_METHOD_ANSWER.
 */
enum vd_topic vd_topic_classify(
    struct vd_str topic, const char *device_id, const char *module_id, struct vd_str *rest);

/* Appends the topic on which a device is asked for a method: `$iothub/methods/POST/{name}/?$rid={rid}`. */
void vd_topic_write_method(struct vd_buf *out, const char *name, uint64_t rid);

/* Appends `$iothub/twin/PATCH/properties/desired/?$version={version}`. */
void vd_topic_write_desired(struct vd_buf *out, int64_t version);

/*
 * Reads `{status}/?$rid={rid}`; more may follow after a '&'. VD_E_INVALID: it is not of that form, or the status is no
 * whole number of at most nine digits. *rid is 0 for a request id that vd_topic_write_method never wrote.
 */
VD_NODISCARD int vd_topic_read_method_answer(struct vd_str rest, int *status, uint64_t *rid);

/* Subscriptions of a session, as bits. */
enum vd_filter {
    VD_FILTER_UNKNOWN = 0,
    VD_FILTER_DEVICEBOUND = 1,
    VD_FILTER_METHODS = 2,
    VD_FILTER_INPUTS = 4, /* of a module */
    VD_FILTER_TWIN_ANSWERS = 8,
    VD_FILTER_TWIN_DESIRED = 16,
};

enum vd_filter vd_filter_classify(
    struct vd_str filter, const char *device_id, const char *module_id);

#endif
