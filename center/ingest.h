/* SPDX-License-Identifier: MIT */
/* One batch from the log into both stores, each with its own offset: what makes the center exactly once. */

#ifndef VEDETTE_CENTER_INGEST_H
#define VEDETTE_CENTER_INGEST_H

#include "center/center.h"
#include "center/detect/engine.h"
#include "center/diagnostics.h"
#include "center/hunter.h"
#include "center/indicator_loader.h"
#include "center/intel/indicator_set.h"
#include "center/raw_events.h"

/* Where the center reads from and writes to, and what it keeps between batches. One thread. */
struct vd_ingest {
    struct vd_event_log *log;
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    const char *log_epoch; /* in the ids of its records; may be NULL */
    size_t read_bytes;     /* of one read from the log; more than 0 */

    struct vd_indicator_loader *loader; /* NULL: the set is built in vd_ingest_refresh */
    struct vd_indicator_set *indicators;
    int64_t indicator_generation;
    struct vd_hunter *hunter; /* NULL: new indicators are not looked for among what is stored */
    bool is_hunt_due;
    struct vd_event_batch records;
    struct vd_security_message message;
    struct vd_raw_events rows;
    struct vd_diagnostics operations;
    struct vd_findings findings;
    struct vd_engine *engine;
    int64_t group_generation;
    void (*hub_changed)(void *context); /* as vd_center_config has it */
    void *hub_changed_context;
    bool (*read_switches)(void *context, struct vd_detect_settings *detection,
        bool *stores_raw_events); /* likewise */
    void *read_switches_context;
    struct vd_detect_settings detection;
    bool stores_raw_events;
    int stored_noted;     /* what the alert store was told of it; -1: nothing yet */
    int64_t switched_ms;  /* UTC: when a solution was changed last, 0: before the start */
    bool is_switch_due;   /* one was in the batch under way, which ends with it */
    bool has_hub_changed; /* in the batch under way */
    bool is_engine_stale; /* a transaction with its state was rolled back */
    /* Where the rows go on: records before it gave none, so the query tables need not be told at once. */
    uint64_t rows_next;
    int64_t offset_saved_ms;      /* monotonic: when the query tables last learnt their offset */
    int64_t trimmed_ms;           /* monotonic */
    struct vd_center_stats stats; /* next_offset and counters; `stalled` is the caller's */
};

/* Clears *ingest and starts from the stores' offsets; after a failure it is to be released too. VD_E_CORRUPT: a store is ahead
 * of the log. */
VD_NODISCARD int vd_ingest_init(struct vd_ingest *ingest, const struct vd_center_config *config);
void vd_ingest_release(struct vd_ingest *ingest);

/*
 * Takes one batch from where the sink that is behind goes on: the alert store first (events seen, dead letters, alerts,
 * offset in one transaction), then the query tables (rows, offset in one transaction).
 * VD_OK, VD_E_NOT_FOUND (all is done), or what a store or the log answered: then that store has nothing of the batch
 * and the same call tries again.
 */
VD_NODISCARD int vd_ingest_step(struct vd_ingest *ingest);

/* Looks whether indicators or groups' rules have changed and takes them over. */
VD_NODISCARD int vd_ingest_refresh(struct vd_ingest *ingest);

/* It is now_ms (UTC), and the step before found all done: windows close, devices fall silent. */
VD_NODISCARD int vd_ingest_tick(struct vd_ingest *ingest, int64_t now_ms);

/* The clock says now_ms (UTC). If that is behind what it said, nothing that is known lies in the time to come any more. */
VD_NODISCARD int vd_ingest_set_back(struct vd_ingest *ingest, int64_t now_ms);

/* Writes what may be written later (the query tables' offset) and lets the log go of what both stores have. */
VD_NODISCARD int vd_ingest_settle(struct vd_ingest *ingest);

#endif
