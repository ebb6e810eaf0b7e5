/* SPDX-License-Identifier: MIT */
/* The security center: reads the event log, decodes, stores raw events, detects, raises alerts. */

#ifndef VEDETTE_CENTER_CENTER_H
#define VEDETTE_CENTER_CENTER_H

#include "center/store/alert_store.h"
#include "center/store/analytics.h"
#include "lib/event_log.h"

/* Counters since the start. */
struct vd_center_stats {
    uint64_t records;  /* read from the log */
    uint64_t messages; /* security messages decoded */
    uint64_t dead_letters;
    uint64_t duplicates; /* events that had come before (redelivery) */
    uint64_t raw_events; /* rows stored */
    uint64_t alerts_raised;
    uint64_t alerts_repeated;
    uint64_t next_offset; /* all sinks are behind this one */
    uint32_t stalled;     /* 1 while a store cannot be written */
};

struct vd_center;

/* Starts the center's thread; `log`, `analytics` and `store` must outlive it. */
VD_NODISCARD int vd_center_start(struct vd_event_log *log, struct vd_analytics *analytics,
    struct vd_alert_store *store, struct vd_center **center);
void vd_center_stats_get(struct vd_center *center, struct vd_center_stats *out);
/* Finishes the batch under way, ends the thread, frees. NULL is allowed. Call vd_event_log_interrupt first or it waits
 * for up to a second. */
void vd_center_stop(struct vd_center *center);

#endif
