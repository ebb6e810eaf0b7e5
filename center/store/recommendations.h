/* SPDX-License-Identifier: MIT */
/* Recommendations in the alert store: their state, since when, and what it was before. Any thread. */

#ifndef VEDETTE_CENTER_STORE_RECOMMENDATIONS_H
#define VEDETTE_CENTER_STORE_RECOMMENDATIONS_H

#include "center/recommend/recommend.h"

struct vd_alert_store;

/* Writes what is so at now_ms, all in one transaction. A state that changes is noted; *changed (NULL is allowed) counts those. */
VD_NODISCARD int vd_recommendations_put(struct vd_alert_store *store,
    const struct vd_recommendation_state state[VD_RECOMMENDATIONS], int64_t now_ms,
    uint32_t *changed);

/*
 * *list: [{"type","displayName","severity","state":"Active"|"NotActive","description","remediationSteps":[],"since",
 * "firstActive" (null: never), "lastEvaluated","resourceCount","resources":[],"unhealthyDeviceCount"}], by severity and type,
 * the caller's. Before the first evaluation it is empty.
 */
VD_NODISCARD int vd_recommendations_list(struct vd_alert_store *store, json_t **list);

/* *history: [{"type","time","state"}], newest first, the caller's. */
VD_NODISCARD int vd_recommendations_history(
    struct vd_alert_store *store, const char *type, json_t **history);

#endif
