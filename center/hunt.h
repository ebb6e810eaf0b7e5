/* SPDX-License-Identifier: MIT */
/* A retro-hunt: stored flows against indicators that came after them. */

#ifndef VEDETTE_CENTER_HUNT_H
#define VEDETTE_CENTER_HUNT_H

#include <stdatomic.h>

#include "center/intel/indicator_set.h"
#include "center/store/alert_store.h"
#include "center/store/analytics.h"

struct vd_hunt {
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    const struct vd_indicator_set *indicators;
    int64_t from_ms; /* UTC, of what the hub got in [from, to) */
    int64_t to_ms;
    int64_t known_ms;               /* when the indicators were there: alerts say so */
    const atomic_bool *is_stopping; /* NULL: it is never stopped */
};

struct vd_hunt_result {
    int64_t covered_ms; /* what came before is done */
    uint64_t addresses; /* that were looked up: of each stretch that was read */
    uint64_t flows;     /* read, for their address is an indicator's */
    uint64_t raised;    /* alerts */
    uint64_t repeated;
};

/*
 * Raises what live detection would have raised, had the indicators been there: the same rule at the flow's own time, the same
 * alerts. What live detection or another hunt has found an indicator for is not counted again; alerts and the marks of that are written
 * together, so a hunt that was cut off is just done again. Everything that was judged by older indicators must be in
 * both stores before it begins.
 * problem  at least 400 bytes, with the errors of the query tables
 * VD_E_CLOSED: it was stopped. VD_E_LIMIT: too many rows of one millisecond. The errors of both stores; *result says how far it came.
 * Any thread but that of an open transaction, one hunt at a time. Blocks; keeps the alert store for some hundred rows at a time.
 */
VD_NODISCARD int vd_hunt_run(
    const struct vd_hunt *hunt, struct vd_hunt_result *result, char problem[400]);

#endif
