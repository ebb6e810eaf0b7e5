/* SPDX-License-Identifier: MIT */
/* When raw events were not stored, so that who looks at what is stored can say so. */

#ifndef VEDETTE_CENTER_STORE_RAW_PAUSES_H
#define VEDETTE_CENTER_STORE_RAW_PAUSES_H

#include "center/store/alert_store.h"

/*
 * From time_ms (UTC, when the hub got an event) on raw events are stored, or are not; nothing if it was so already. The
 * latest VD_RAW_PAUSES_MAX pauses are remembered. In a transaction of its own; any thread.
 */
VD_NODISCARD int vd_raw_pauses_set(struct vd_alert_store *store, bool is_stored, int64_t time_ms);

/* *pauses: [{"from","to" (null: it goes on)}] that overlap [from_ms, to_ms), the oldest first, the caller's. Any thread. */
VD_NODISCARD int vd_raw_pauses_list(
    struct vd_alert_store *store, int64_t from_ms, int64_t to_ms, json_t **pauses);

#endif
