/* SPDX-License-Identifier: MIT */
/* A thread that runs scheduled queries and raises alerts about their rows. ADR 28. */

#ifndef VEDETTE_CENTER_SCHEDULER_H
#define VEDETTE_CENTER_SCHEDULER_H

#include <stdatomic.h>
#include <stdint.h>

#include "center/store/alert_store.h"
#include "center/store/analytics.h"

#define VD_SCHEDULED_ALERT_TYPE "Vedette_ScheduledQuery"

struct vd_scheduler;

/* Both stores must outlive it. VD_E_NOMEM and the errors of pthread_create. */
VD_NODISCARD int vd_scheduler_start(
    struct vd_analytics *analytics, struct vd_alert_store *store, struct vd_scheduler **out);
/* Gives up the query under way: it is run again after the next start. NULL is allowed. */
void vd_scheduler_stop(struct vd_scheduler *scheduler);

/*
 * Runs the query that is late the longest, as the thread does, one at a time. VD_E_NOT_FOUND: none is due. A query that fails is no error: its
 * state says so. VD_E_CLOSED: `is_stopping` became true; the errors of the alert store.
 */
VD_NODISCARD int vd_scheduler_turn(struct vd_analytics *analytics, struct vd_alert_store *store,
    int64_t now_ms, const atomic_bool *is_stopping);

#endif
