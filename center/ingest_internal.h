/* SPDX-License-Identifier: MIT */
/* What the files of the ingest share: one batch under way. */

#ifndef VEDETTE_CENTER_INGEST_INTERNAL_H
#define VEDETTE_CENTER_INGEST_INTERNAL_H

#include "center/ingest.h"
#include "center/store/coverage.h"

/* One batch under way. */
struct vd_ingest_batch {
    uint64_t alerts_from; /* the sinks' offsets before the batch */
    uint64_t rows_from;
    uint64_t next;    /* the offset behind the last record taken */
    int32_t seen_day; /* of the table that new events go to */
    int32_t day;      /* of the records: a batch holds one day's */
    bool started;
    struct vd_coverage coverage[24]; /* by the hour of the day */
    struct vd_center_stats counted;  /* what the batch adds once it is committed */
};

/*
 * Takes one record, which has this offset: to the engine, the rows and the dead letters, each as far as its sink has not had it.
 * Within the alert store's transaction. VD_E_NOMEM, and what the store answered.
 */
VD_NODISCARD int vd_ingest_take(struct vd_ingest *ingest, struct vd_ingest_batch *batch,
    uint64_t offset, const struct vd_event *record);

#endif
