/* SPDX-License-Identifier: MIT */
/* Looks at the feeds' generation, builds when it has grown, hands over by a pointer. */

#include "center/indicator_loader.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"

struct vd_indicator_loader {
    struct vd_alert_store *store;
    pthread_t thread;
    int64_t generation; /* of the last set; the thread's own */
    int64_t refreshed_ms;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_stopping;
    struct vd_indicator_set *next; /* not taken yet */
    int64_t next_generation;
};

static int load(struct vd_indicator_loader *loader)
{
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_set *missed;
    const int64_t start_ms = vd_clock_monotonic_ms();
    int error = vd_feeds_load(loader->store, true, vd_clock_utc_ms(), &loader->generation, &set);

    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "intel.not_built", "problem=\"%s\"", vd_error_text(error));
        return error;
    }
    vd_log(VD_LOG_INFO, "center.indicators", "count=%u exceptions=%u generation=%lld took_ms=%lld",
        vd_indicator_set_count(set), vd_indicator_set_exception_count(set),
        (long long)loader->generation, (long long)(vd_clock_monotonic_ms() - start_ms));
    pthread_mutex_lock(&loader->mutex);
    missed = loader->next;
    loader->next = set;
    loader->next_generation = loader->generation;
    pthread_mutex_unlock(&loader->mutex);
    vd_indicator_set_release(missed);
    return VD_OK;
}

/* Waits; true if it is to stop. */
static bool pause_for(struct vd_indicator_loader *loader, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool is_stopping;
    int code = 0;

    pthread_mutex_lock(&loader->mutex);
    while (!loader->is_stopping && code == 0) {
        code = pthread_cond_timedwait(&loader->changed, &loader->mutex, &until);
    }
    is_stopping = loader->is_stopping;
    pthread_mutex_unlock(&loader->mutex);
    return is_stopping;
}

static int look(struct vd_indicator_loader *loader)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    int64_t generation = 0;
    int error = VD_OK;

    if (now_ms - loader->refreshed_ms >= VD_FEED_FILE_CHECK_MS) {
        loader->refreshed_ms = now_ms;
        error = vd_feeds_refresh(loader->store, NULL, vd_clock_utc_ms());
    }
    if (error == VD_OK) {
        error = vd_feeds_generation(loader->store, &generation);
    }
    return error == VD_OK && generation != loader->generation ? load(loader) : error;
}

static void *loader_main(void *argument)
{
    struct vd_indicator_loader *loader = argument;
    int64_t pause_ms = VD_FEED_CHECK_MS;

    while (!pause_for(loader, pause_ms)) {
        pause_ms = look(loader) == VD_OK ? VD_FEED_CHECK_MS : VD_FEED_RETRY_MS;
    }
    return NULL;
}

static void loader_free(struct vd_indicator_loader *loader)
{
    vd_indicator_set_release(loader->next);
    pthread_mutex_destroy(&loader->mutex);
    pthread_cond_destroy(&loader->changed);
    free(loader);
}

int vd_indicator_loader_start(struct vd_alert_store *store, struct vd_indicator_loader **out)
{
    struct vd_indicator_loader *loader = calloc(1, sizeof *loader);
    pthread_condattr_t attributes;
    int error;

    if (loader == NULL) {
        return VD_E_NOMEM;
    }
    loader->store = store;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&loader->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = load(loader);
    if (error == VD_OK) {
        error = vd_error_from_errno(pthread_create(&loader->thread, NULL, loader_main, loader));
    }
    if (error != VD_OK) {
        loader_free(loader);
        return error;
    }
    *out = loader;
    return VD_OK;
}

void vd_indicator_loader_stop(struct vd_indicator_loader *loader)
{
    if (loader == NULL) {
        return;
    }
    pthread_mutex_lock(&loader->mutex);
    loader->is_stopping = true;
    pthread_cond_signal(&loader->changed);
    pthread_mutex_unlock(&loader->mutex);
    pthread_join(loader->thread, NULL);
    loader_free(loader);
}

struct vd_indicator_set *vd_indicator_loader_take(
    struct vd_indicator_loader *loader, int64_t *generation)
{
    struct vd_indicator_set *set;

    pthread_mutex_lock(&loader->mutex);
    set = loader->next;
    loader->next = NULL;
    *generation = loader->next_generation;
    pthread_mutex_unlock(&loader->mutex);
    return set;
}
