/* SPDX-License-Identifier: MIT */
/* Watches over the audit trail of a running service: verifies it, cuts what is too old, raises the alert. */

#ifndef VEDETTE_API_AUDIT_WATCH_H
#define VEDETTE_API_AUDIT_WATCH_H

#include "center/store/alert_store.h"
#include "hub/registry.h"
#include "lib/audit.h"

/* From the end of a pass to the next one's beginning. */
#define VD_AUDIT_WATCH_MS 3600000
/* Records of a step, and the rest behind it: a trail of a million is gone through in a minute, on a tenth of a processor. */
#define VD_AUDIT_WATCH_STEP    1000
#define VD_AUDIT_WATCH_REST_MS 50

struct vd_audit_watch_config {
    struct vd_audit *audit;
    struct vd_alert_store *alerts;
    struct vd_registry *registry; /* keeps the anchor */
    int64_t keep_ms;              /* 0: for ever */
    uint64_t keep_min;            /* VD_AUDIT_KEEP_MIN but in tests */
    int64_t interval_ms;          /* VD_AUDIT_WATCH_MS but in tests */
    /* Whether the clock is right, as far as is known: while it is not, no record is removed for its age. Called by the thread. */
    bool (*trusts_time)(void *context);
    void *trusts_time_context;
};

struct vd_audit_watch;

/* Puts the trail's head, signed, into the registry, and into `line`. Errors of the registry; VD_E_NOMEM. */
VD_NODISCARD int vd_audit_anchor_keep(
    struct vd_audit *audit, struct vd_registry *registry, struct vd_buf *line);

/*
 * For who wrote to the trail without a service: keeps an anchor of what is there now, if the trail holds what the one of before
 * names. If not, or without one, that stays as it is, and the service finds it when it starts.
 */
VD_NODISCARD int vd_audit_anchor_follow(struct vd_audit *audit, struct vd_registry *registry);

/* What the registry keeps of the trail, appended to `line`; and the same of its file. VD_E_NOT_FOUND and other errors of the registry. */
VD_NODISCARD int vd_audit_anchor_get(struct vd_registry *registry, struct vd_buf *line);
VD_NODISCARD int vd_audit_anchor_read(struct sqlite3 *db, struct vd_buf *line);

/* Compares the trail with the registry's anchor, of which the absence is reported too, and starts a thread. What it works on must
 * outlive it. VD_E_NOMEM. */
VD_NODISCARD int vd_audit_watch_start(
    const struct vd_audit_watch_config *config, struct vd_audit_watch **out);

/* Keeps records so long from now on; 0: for ever. Any thread. */
void vd_audit_watch_set_keep(struct vd_audit_watch *watch, int64_t keep_ms);

/* Ends the thread, and keeps an anchor of what is there now. NULL is allowed. */
void vd_audit_watch_stop(struct vd_audit_watch *watch);

#endif
