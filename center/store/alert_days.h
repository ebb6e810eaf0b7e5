/* SPDX-License-Identifier: MIT */
/* Alerts by type and day, and all of them in numbers. */

#ifndef VEDETTE_CENTER_STORE_ALERT_DAYS_H
#define VEDETTE_CENTER_STORE_ALERT_DAYS_H

#include "center/store/alert_store.h"

/* Which days; all zero but the limit: all. Days are since 1970, of UTC. */
struct vd_alert_days {
    int32_t from_day;
    const char *type;       /* this type on from_day alone; NULL: all types, from then on */
    int32_t after_day;      /* what comes behind the row of this day, */
    const char *after_type; /* and type; NULL: from the first row */
    uint32_t limit;
};

/*
 * *days: JSON array, the caller's, the latest day first, then by type: {"alertType","day","displayName","severity" (the
 * highest),"description","remediationSteps":[],"alerts","open","count","topDevices":[{"deviceId","count","endTime"}], at most
 * 10}; "count" is of findings. Any thread; reads every alert of those days.
 */
VD_NODISCARD int vd_alert_store_days(
    struct vd_alert_store *store, const struct vd_alert_days *which, json_t **days);

/*
 * *summary, the caller's: {"open":{"High","Medium","Low"},"devices" (with open alerts),"days":[{"day","High","Medium","Low"}]
 * (devices with alerts of that day, by severity),"topDevices":[{"deviceId","alerts"}],"topAlerts":[{"displayName","severity",
 * "alerts"}]}; tops: of open alerts, at most 10. Days: from `from_day` on, the earliest first. Any thread.
 */
VD_NODISCARD int vd_alert_store_summary(
    struct vd_alert_store *store, int32_t from_day, json_t **summary);

#endif
