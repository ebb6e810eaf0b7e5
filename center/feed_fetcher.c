/* SPDX-License-Identifier: MIT */
/* The thread that fetches feeds, one after the other, when they are due. */

#include <pthread.h>
#include <stdlib.h>

#include "center/feed_fetch.h"
#include "lib/clock.h"
#include "lib/log.h"

struct vd_feed_fetcher {
    struct vd_alert_store *store;
    struct vd_http_get *get;
    struct vd_feed_rhythm rhythm;
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_stopping;
};

/* Waits; true if it is to stop. */
static bool pause_for(struct vd_feed_fetcher *fetcher, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool is_stopping;
    int code = 0;

    pthread_mutex_lock(&fetcher->mutex);
    while (!fetcher->is_stopping && code == 0) {
        code = pthread_cond_timedwait(&fetcher->changed, &fetcher->mutex, &until);
    }
    is_stopping = fetcher->is_stopping;
    pthread_mutex_unlock(&fetcher->mutex);
    return is_stopping;
}

static void *fetcher_main(void *argument)
{
    struct vd_feed_fetcher *fetcher = argument;
    int64_t pause_ms = 0;

    while (!pause_for(fetcher, pause_ms)) {
        int error = vd_feed_fetch_now(fetcher->store, fetcher->get, &fetcher->rhythm, NULL);

        pause_ms = error == VD_OK                             ? 0
            : error == VD_E_NOT_FOUND || error == VD_E_CLOSED ? VD_FEED_DUE_CHECK_MS
                                                              : VD_FEED_RETRY_MS;
        if (pause_ms == VD_FEED_RETRY_MS) {
            vd_log(VD_LOG_ERROR, "intel.not_stored", "problem=\"%s\"", vd_error_text(error));
        }
    }
    return NULL;
}

static void fetcher_free(struct vd_feed_fetcher *fetcher)
{
    vd_http_get_free(fetcher->get);
    pthread_mutex_destroy(&fetcher->mutex);
    pthread_cond_destroy(&fetcher->changed);
    free(fetcher);
}

int vd_feed_fetcher_start(
    struct vd_alert_store *store, const struct vd_feed_rhythm *rhythm, struct vd_feed_fetcher **out)
{
    struct vd_feed_fetcher *fetcher = calloc(1, sizeof *fetcher);
    pthread_condattr_t attributes;
    int error;

    if (fetcher == NULL) {
        return VD_E_NOMEM;
    }
    fetcher->store = store;
    fetcher->rhythm = *rhythm;
    pthread_mutex_init(&fetcher->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fetcher->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = vd_http_get_new(&fetcher->get);
    if (error == VD_OK) {
        error = vd_error_from_errno(pthread_create(&fetcher->thread, NULL, fetcher_main, fetcher));
    }
    if (error != VD_OK) {
        fetcher_free(fetcher);
        return error;
    }
    *out = fetcher;
    return VD_OK;
}

void vd_feed_fetcher_stop(struct vd_feed_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    pthread_mutex_lock(&fetcher->mutex);
    fetcher->is_stopping = true;
    pthread_cond_signal(&fetcher->changed);
    pthread_mutex_unlock(&fetcher->mutex);
    vd_http_get_interrupt(fetcher->get);
    pthread_join(fetcher->thread, NULL);
    fetcher_free(fetcher);
}
