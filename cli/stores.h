/* SPDX-License-Identifier: MIT */
/* The stores of a data directory, opened together. */

#ifndef VEDETTE_CLI_STORES_H
#define VEDETTE_CLI_STORES_H

#include "center/detect/rule.h"
#include "center/store/alert_store.h"
#include "center/store/analytics.h"
#include "hub/registry.h"
#include "hub/state.h"
#include "lib/audit.h"
#include "lib/config.h"
#include "lib/event_log.h"

/* NULL for what was not asked for. */
struct vd_stores {
    struct vd_registry *registry;
    struct vd_state *state;
    struct vd_event_log *log;
    struct vd_analytics *analytics;
    struct vd_alert_store *alerts;
    struct vd_audit *audit;
};

/*
 * Whether the stores are there that are since `vedette init`: registry, log, alerts and state. Made anew in silence they would
 * take twins, alerts and settings with them. VD_E_CORRUPT: one is gone, or empty; error_text says which, and what to do.
 */
VD_NODISCARD int vd_stores_find(const char *dir, char *error_text, size_t error_size);

/*
 * Makes the store `file`, alerts.db or state.db, empty where it is gone, after the audit trail says so. The caller has the lock.
 * VD_E_INVALID: another file; VD_E_EXISTS: it is there, or its -wal. error_text says what is wrong and what to do.
 */
VD_NODISCARD int vd_stores_begin_anew(const char *dir, const struct vd_config *config,
    const char *file, char *error_text, size_t error_size);

/*
 * Opens those of `needs` (VD_NEEDS_*, see api/api.h) in `dir`, whose lock the caller has; makes those that are absent.
 * On failure none is open, and error_text says which file, what is wrong and what to do.
 */
VD_NODISCARD int vd_stores_open(const char *dir, const struct vd_config *config, unsigned needs,
    struct vd_stores *stores, char *error_text, size_t error_size);

/* Says what came of using the store in the file `path`, and what to do: "PATH: stored data is damaged; restore ...". */
void vd_store_error_text(const char *path, int error, char *out, size_t size);

/* All zero is allowed. Nobody may be in a function of the state any more: it is stopped here. */
void vd_stores_close(struct vd_stores *stores);

/* What the configuration says about detections. */
void vd_detect_settings_of(const struct vd_config *config, struct vd_detect_settings *out);

/* Likewise of what is kept of the query tables. */
struct vd_analytics_keep vd_analytics_keep_of(const struct vd_config *config);

#endif
