/* SPDX-License-Identifier: MIT */
/* Alerts over time in numbers that are kept: none of them is read. Any thread. */

#ifndef VEDETTE_CENTER_STORE_ALERT_TREND_H
#define VEDETTE_CENTER_STORE_ALERT_TREND_H

#include "center/store/inventory.h"

/* How many were raised at since_ms (UTC) or later and are still stored. */
VD_NODISCARD int vd_alerts_since(struct vd_alert_store *store, int64_t since_ms, int64_t *count);

/* Open alerts by severity, about devices or not. */
VD_NODISCARD int vd_alerts_open(struct vd_alert_store *store, int64_t open[VD_OPEN_SEVERITIES]);

/* Calls `each` for the days (since 1970, UTC) from `from_day` on in which any was raised, the earliest first; it must not call
 * the store. */
VD_NODISCARD int vd_alert_days_each(struct vd_alert_store *store, int32_t from_day,
    void (*each)(void *context, int32_t day, const int64_t raised[VD_OPEN_SEVERITIES]),
    void *context);

#endif
