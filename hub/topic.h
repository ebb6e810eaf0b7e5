/* SPDX-License-Identifier: MIT */
/* What an identity may publish to and subscribe to. */

#ifndef VEDETTE_HUB_TOPIC_H
#define VEDETTE_HUB_TOPIC_H

#include "lib/str.h"

enum vd_topic {
    VD_TOPIC_TELEMETRY, /* the identity's own events; the bag is what follows */
    VD_TOPIC_FOREIGN,   /* events of another identity */
    VD_TOPIC_NOT_SERVED, /* of the protocol, but this hub does not serve it: twins, answers of methods */
    VD_TOPIC_UNKNOWN,
};

/*
 * What the topic is to the identity (module_id empty for a device). Ids stand in it as they are or URL-encoded.
 * *bag is set for VD_TOPIC_TELEMETRY.
 */
enum vd_topic vd_topic_classify(
    struct vd_str topic, const char *device_id, const char *module_id, struct vd_str *bag);

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
