/* SPDX-License-Identifier: MIT */
/* A group's rules over the stored history: how often they would have fired, on which devices, with examples. */

#ifndef VEDETTE_CENTER_BACKTEST_H
#define VEDETTE_CENTER_BACKTEST_H

#include <stdatomic.h>

#include "center/detect/rule.h"
#include "center/store/analytics.h"

/* Examples that a result holds, devices that it names, and the time that it may take. */
#define VD_BACKTEST_EXAMPLES_MAX   20
#define VD_BACKTEST_DEVICES_MAX    1000
#define VD_BACKTEST_TIME_MAX_MS    60000
#define VD_BACKTEST_HISTORY_MAX_MS (30 * 86400000LL)

struct vd_backtest {
    struct vd_analytics *analytics;
    struct vd_alert_store *store; /* says when raw events were not stored; NULL: nobody does */
    struct vd_fleet
        *fleet; /* membership is that of now; NULL: whoever is seen is in the group "default" */
    struct vd_detect_settings detection;
    const char *group;
    const json_t *properties; /* the rules, as vd_group_rules_read takes them */
    int64_t from_ms;          /* UTC */
    int64_t to_ms;
    const atomic_bool
        *is_unwanted;  /* true: nobody waits for it, and it ends; NULL: somebody does */
    const char *token; /* see struct vd_query_limits */
};

/*
 * Runs the rules over what is stored of [from, to), as if they had been there then: the same engine, in the order in which it
 * came. Messages to the cloud are taken from the records of each minute.
 * *result   {"group","from","to","isPartial","coveredUntil","devicesInGroup","eventsRead","recordsRead","findings",
 *           "rules":[{"alertType","findings","devices"}],"devices":[{"deviceId","findings"}...] (most first),
 *           "examples":[{"alertType","deviceId","time","description","evidence"}],
 *           "notStored":[{"from","to"}] (stretches without raw events, center/store/raw_pauses.h)}; the caller's
 * problem   at least 400 bytes, with VD_E_INVALID (the rules, or a stretch that is none or longer than
 *           VD_BACKTEST_HISTORY_MAX_MS)
 * Any thread; takes up to VD_BACKTEST_TIME_MAX_MS, isPartial says that it was not enough, or ended unwanted. Nothing is stored.
 */
VD_NODISCARD int vd_backtest_run(
    const struct vd_backtest *backtest, json_t **result, char problem[400]);

#endif
