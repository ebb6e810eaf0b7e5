/* SPDX-License-Identifier: MIT */
/* Evaluates recommendations: at its start, when something changed, and every hour. A thread of its own. */

#ifndef VEDETTE_CENTER_RECOMMEND_RECOMMENDER_H
#define VEDETTE_CENTER_RECOMMEND_RECOMMENDER_H

#include "center/recommend/recommend.h"

struct vd_recommender;
struct vd_alert_store;

/* Changes that come within this time are looked at once. */
#define VD_RECOMMENDER_GATHER_MS   500
#define VD_RECOMMENDER_INTERVAL_MS 3600000
/* After a failure; what was not read is no news. */
#define VD_RECOMMENDER_RETRY_MS 10000

/* All must outlive it. VD_E_NOMEM and the errors of pthread_create. */
VD_NODISCARD int vd_recommender_start(struct vd_alert_store *store,
    struct vd_posture_source *source, const struct vd_recommend_settings *settings,
    struct vd_recommender **out);

/* Something changed that may matter. Any thread, does not wait. NULL is allowed. */
void vd_recommender_poke(struct vd_recommender *recommender);

/* Finishes the evaluation under way. NULL is allowed. */
void vd_recommender_stop(struct vd_recommender *recommender);

/* One evaluation, as the thread makes it. *changed: states that are others now; NULL is allowed. */
VD_NODISCARD int vd_recommender_run(struct vd_alert_store *store, struct vd_posture_source *source,
    const struct vd_recommend_settings *settings, uint32_t *changed);

#endif
