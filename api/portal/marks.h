/* SPDX-License-Identifier: MIT */
/* What pages want to hear of: a name for each, and a number that is another one after a change. */

#ifndef VEDETTE_API_PORTAL_MARKS_H
#define VEDETTE_API_PORTAL_MARKS_H

#include "api/api.h"

/* X(NAME, "name", at least so many ms from one change that is told to the next). What changes with every message rests longer. */
#define VD_PORTAL_TOPICS(X)                  \
    X(ALERTS, "alerts", 0)                   \
    X(RECOMMENDATIONS, "recommendations", 0) \
    X(DEVICES, "devices", 1000)              \
    X(FEEDS, "feeds", 0)                     \
    X(GROUPS, "groups", 0)                   \
    X(NOTIFY, "notify", 1000)                \
    X(DEAD_LETTERS, "dead-letters", 0)       \
    X(QUERIES, "queries", 0)                 \
    X(INGEST, "ingest", 5000)

enum vd_portal_topic {
#define VD_PORTAL_TOPIC_ENUM(name, text, rest_ms) VD_PORTAL_##name,
    VD_PORTAL_TOPICS(VD_PORTAL_TOPIC_ENUM)
#undef VD_PORTAL_TOPIC_ENUM
    VD_PORTAL_TOPIC_COUNT
};

const char *vd_portal_topic_name(enum vd_portal_topic topic);

/* What the numbers are made of. */
struct vd_portal_marks {
    int64_t
        sources[VD_PORTAL_TOPIC_COUNT]; /* as the stores have them; equal: nothing has changed */
    int64_t numbers
        [VD_PORTAL_TOPIC_COUNT]; /* as pages are told: of alerts the change number, else a count that only grows */
    int64_t states;                         /* part of what is said of devices */
    int64_t next_ms[VD_PORTAL_TOPIC_COUNT]; /* monotonic: until then a change is not told */
};

/* utc_ms: where the counts begin, so that they are others than those of a service that ran before. */
void vd_portal_marks_init(struct vd_portal_marks *marks, int64_t utc_ms);

/* Looks at the stores again; what cannot be read stays. Blocks for the disk. */
void vd_portal_marks_update(
    struct vd_portal_marks *marks, const struct vd_api *api, int64_t monotonic_ms);

#endif
