/* SPDX-License-Identifier: MIT */
/* One sink's thread: reads the log from the sink's place on, hands lines to the sink, moves the place, tries again. */

#ifndef VEDETTE_HUB_EXPORT_WORKER_H
#define VEDETTE_HUB_EXPORT_WORKER_H

#include "hub/export/places.h"
#include "hub/export/sink.h"

/* Times, in ms; those of vd_export_rhythm but in tests. */
struct vd_export_rhythm {
    int64_t linger_ms;    /* a batch that is not full waits so long for more; 0: it does not */
    int64_t retry_min_ms; /* the first pause after a failure; each further one is twice as long */
    int64_t retry_max_ms;
    int64_t retry_slow_ms; /* the pause after a refusal */
    int64_t check_ms;      /* how often it is looked whether the log grows too large */
};

struct vd_export_worker_config {
    struct vd_export_places *places;
    struct vd_export_sink *sink; /* the worker's from now on, also if it cannot be made */
    struct vd_export_place place;
    struct vd_export_rhythm rhythm;
    size_t count_max; /* records of a batch */
    size_t bytes_max;
    uint64_t backlog_max_bytes; /* of the log, that may wait for the sink */
};

struct vd_export_worker_stats {
    uint64_t offset; /* its place */
    uint64_t skipped;
    uint64_t delivered;                 /* records since the start */
    uint64_t failures;                  /* deliveries that failed, since the start */
    int64_t delivered_ms;               /* UTC, of the last one; 0: none yet */
    bool is_failing;                    /* the last delivery failed */
    char reason[VD_EXPORT_REASON_SIZE]; /* of the last failure, also when it is over */
    int64_t failed_ms;                  /* UTC, when that was; 0: never */
};

struct vd_export_worker;

/* Starts the thread. VD_E_NOMEM. */
VD_NODISCARD int vd_export_worker_start(const struct vd_export_worker_config *config,
    uint32_t categories, struct vd_export_worker **out);

/* For what is exported from now on. Any thread. */
void vd_export_worker_set_categories(struct vd_export_worker *worker, uint32_t categories);

void vd_export_worker_stats_get(
    struct vd_export_worker *worker, struct vd_export_worker_stats *out);

/* Tells the thread to end; it needs no longer than a write to the disk. */
void vd_export_worker_interrupt(struct vd_export_worker *worker);

/* Likewise, waits for the end, frees. NULL is allowed. */
void vd_export_worker_stop(struct vd_export_worker *worker);

#endif
