/* SPDX-License-Identifier: MIT */
/* The thread that evaluates recommendations. */

#include "center/recommend/recommender.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "center/store/recommendations.h"
#include "lib/clock.h"
#include "lib/log.h"

struct vd_recommender {
    struct vd_alert_store *store;
    struct vd_posture_source *source;
    struct vd_recommend_settings settings;
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_poked;
    bool is_stopping;
};

int vd_recommender_run(struct vd_alert_store *store, struct vd_posture_source *source,
    const struct vd_recommend_settings *settings, uint32_t *changed)
{
    struct vd_recommendation_state state[VD_RECOMMENDATIONS];
    struct vd_posture posture = {0};
    int error = source->ops->read(source, &posture);

    if (error == VD_OK) {
        error = vd_recommend(&posture, settings, state);
    }
    vd_posture_release(&posture);
    if (error != VD_OK) {
        return error;
    }
    error = vd_recommendations_put(store, state, vd_clock_utc_ms(), changed);
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        json_decref(state[i].resources);
    }
    return error;
}

/* Waits for so long, for the end, or (unless it is only gathering) for a poke. False: it is to end. */
static bool wait_for(struct vd_recommender *r, int64_t ms, bool is_gathering)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;
    bool goes_on;

    pthread_mutex_lock(&r->mutex);
    while (code == 0 && !r->is_stopping && (is_gathering || !r->is_poked)) {
        code = pthread_cond_timedwait(&r->changed, &r->mutex, &until);
    }
    goes_on = !r->is_stopping;
    pthread_mutex_unlock(&r->mutex);
    return goes_on;
}

static void take_poke(struct vd_recommender *r)
{
    pthread_mutex_lock(&r->mutex);
    r->is_poked = false;
    pthread_mutex_unlock(&r->mutex);
}

static void *recommender_main(void *argument)
{
    struct vd_recommender *r = argument;
    bool goes_on = true;

    while (goes_on) {
        uint32_t changed = 0;
        int error;

        take_poke(r);
        error = vd_recommender_run(r->store, r->source, &r->settings, &changed);
        if (error != VD_OK) {
            vd_log(VD_LOG_ERROR, "recommender.failed", "reason=\"%s\"", vd_error_text(error));
        } else if (changed > 0) {
            vd_log(VD_LOG_INFO, "recommender.changed", "count=%u", changed);
        }
        goes_on = wait_for(
            r, error == VD_OK ? VD_RECOMMENDER_INTERVAL_MS : VD_RECOMMENDER_RETRY_MS, false);
        goes_on = goes_on && wait_for(r, VD_RECOMMENDER_GATHER_MS, true);
    }
    return NULL;
}

static void recommender_free(struct vd_recommender *r)
{
    pthread_mutex_destroy(&r->mutex);
    pthread_cond_destroy(&r->changed);
    free(r);
}

int vd_recommender_start(struct vd_alert_store *store, struct vd_posture_source *source,
    const struct vd_recommend_settings *settings, struct vd_recommender **out)
{
    struct vd_recommender *r = calloc(1, sizeof *r);
    pthread_condattr_t attributes;
    int error;

    if (r == NULL) {
        return VD_E_NOMEM;
    }
    r->store = store;
    r->source = source;
    r->settings = *settings;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = vd_error_from_errno(pthread_create(&r->thread, NULL, recommender_main, r));
    if (error != VD_OK) {
        recommender_free(r);
        return error;
    }
    *out = r;
    return VD_OK;
}

void vd_recommender_poke(struct vd_recommender *r)
{
    if (r != NULL) {
        pthread_mutex_lock(&r->mutex);
        r->is_poked = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
    }
}

void vd_recommender_stop(struct vd_recommender *r)
{
    if (r == NULL) {
        return;
    }
    pthread_mutex_lock(&r->mutex);
    r->is_stopping = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL);
    recommender_free(r);
}
