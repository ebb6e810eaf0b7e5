/* SPDX-License-Identifier: MIT */
/* A thread that looks for new indicators among the flows that are stored. */

#ifndef VEDETTE_CENTER_HUNTER_H
#define VEDETTE_CENTER_HUNTER_H

#include "center/hunt.h"

struct vd_hunter;

struct vd_hunter_stats {
    uint64_t hunts; /* done, since the start */
    bool is_hunting;
    int64_t began_ms;   /* UTC, of the last one; 0: there was none */
    int64_t took_ms;    /* of the last one that was done */
    uint64_t addresses; /* of the last one that was done, as what follows */
    uint64_t flows;
    uint64_t raised;
    uint64_t repeated;
    uint64_t alerts_raised; /* by all of them, as what follows */
    uint64_t alerts_repeated;
};

/* Starts the thread. Both stores must outlive it. */
VD_NODISCARD int vd_hunter_start(
    struct vd_analytics *analytics, struct vd_alert_store *store, struct vd_hunter **hunter);
/* Gives up the hunt under way: the next start does it again. NULL is allowed. */
void vd_hunter_stop(struct vd_hunter *hunter);

/* Takes a set, with a reference of its own, whose generation no hunt has had. What was judged by older sets must be in both stores.
 * Any thread; does not block. */
void vd_hunter_offer(
    struct vd_hunter *hunter, struct vd_indicator_set *indicators, int64_t generation);

void vd_hunter_stats_get(struct vd_hunter *hunter, struct vd_hunter_stats *out);

#endif
