/* SPDX-License-Identifier: MIT */
/* Alerts, dead letters, feeds and the alert sink's offset, in one SQLite file. */

#ifndef VEDETTE_CENTER_STORE_ALERT_STORE_H
#define VEDETTE_CENTER_STORE_ALERT_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/sqlite.h"
#include "lib/str.h"
#include "lib/uuid.h"

struct vd_alert_store;

/* Opens `path` (made, mode 0600, if absent). VD_E_NEWER, VD_E_CORRUPT, VD_E_IO, VD_E_FULL. */
VD_NODISCARD int vd_alert_store_open(const char *path, struct vd_alert_store **out);
/* NULL is allowed. */
void vd_alert_store_close(struct vd_alert_store *store);

/* ---- Reading: any thread. ---- */

/* Which alerts; all zero: all of them. Texts are compared as they stand. */
struct vd_alert_filter {
    int64_t changed_after; /* only alerts whose change number is greater; 0: all */
    const char *device_id; /* NULL: any; so with all texts */
    uint32_t limit;        /* 0: 1,000; the newest first, or by change number with changed_after */
    int64_t before;        /* only alerts whose number is smaller, for the next page; 0: all */
    const char *type;
    const char *cause;
    const char *severity;
    const char *state; /* of center/store/alert_state.h, or VD_ALERT_OPEN */
    int64_t from_ms;   /* raised at this time of UTC or later; 0: ever */
    int64_t to_ms;     /* raised before it; 0: no end */
    const char *text;  /* letters of its name, device, subject or description, in any case */
    int32_t day;       /* of its key, since 1970; 0: any */
    const char *group; /* of devices that are in this security group now */
    uint32_t among;    /* groups are made of the newest so many of the filter; 0: of all */
    /* A list has the most severe first, and of these the newest; `before` is the last one's number all the same. Not for groups,
     * nor with changed_after. */
    bool by_severity;
};

/* The states New and InProgress. */
#define VD_ALERT_OPEN "Open"

/*
 * *alerts: JSON array of objects, the caller's to free:
 * {"id","number","change","alertType","displayName","severity","status","deviceId","moduleId","subject","startTime","endTime",
 *  "timeGenerated","count","description","remediationSteps":[],"techniques":[],"indicator":{"value","source"},
 *  "cause","assessment","suppressedBy","evidence":[{"rawEventId","time","collectionIntervalSeconds","protocol","direction","localAddress","localPort",
 *  "remoteAddress","remotePort","bytesIn","bytesOut","indicator","source"}...],"evidenceTotal"}
 * "number" grows with every alert that is raised: the last one's is `before` of the next page. "cause" is what alerts of
 * many devices have in common. "suppressedBy" is the id of the dismissed alert on whose account this one was raised as
 * dismissed, or null.
 * "change" grows by one with every change of any alert (a repeat is a change too). "techniques" are of MITRE ATT&CK: {"id","name","matrix","version"}; of alerts of version 1 of the file, ids.
 * "indicator" is null for an alert without one. "evidence" holds the first 16 and the latest 16 findings; one whose
 * device has a wrong clock also has "deviceTime", and its "time" is the hub's.
 */
VD_NODISCARD int vd_alert_store_list(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **alerts);

/* *change: the highest change number there is; 0: there are no alerts. */
VD_NODISCARD int vd_alert_store_newest_change(struct vd_alert_store *store, int64_t *change);

/* One alert by its id, or by a prefix of at least 4 characters that only it has. VD_E_NOT_FOUND, VD_E_INVALID (ambiguous).
 * It also has "history":[{"time","actor","event","from","to","reason","text","until"}], the oldest entry first; the last
 * three are null where there is nothing to say. */
VD_NODISCARD int vd_alert_store_get(struct vd_alert_store *store, const char *id, json_t **alert);

/*
 * Alerts of the filter by what caused them, the latest first, `limit` of them. *groups: JSON array of {"alertType","cause",
 * "displayName","severity" (the highest),"alerts","open","devices","count","startTime","endTime","lastId","description" (of
 * the last),"deviceIds" (three of them at most, the last one's first)}. Reads every alert of the filter: for open ones, a
 * stretch of time, or with `among`.
 */
VD_NODISCARD int vd_alert_store_groups(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **groups);

/* How many alerts of the filter are in each state. *counts: JSON array of {"state","alerts"}, the caller's; VD_ALERT_COUNT_MAX of
 * them together: no more are looked at. */
VD_NODISCARD int vd_alert_store_count(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **counts);

/* Of its file. */
extern const struct vd_sqlite_format vd_alert_store_format;

#endif
