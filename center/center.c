/* SPDX-License-Identifier: MIT */
/* The center's thread: batch after batch while there are records, waiting and retrying otherwise. */

#include "center/center.h"

#include <pthread.h>

#include "center/feed_fetch.h"
#include "center/ingest.h"
#include "center/limits.h"
#include "center/scheduler.h"
#include "center/store/alert_act.h"
#include "center/store/indicator_marks.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/pulse.h"

#define RATE_MS 10000

struct vd_center {
    struct vd_ingest ingest; /* the thread's own */
    struct vd_indicator_loader *loader;
    struct vd_feed_fetcher *fetcher;
    struct vd_hunter *hunter;
    struct vd_scheduler *scheduler;
    struct vd_alert_store *store;
    _Atomic int64_t alerts_keep_ms;
    int64_t pruned_ms; /* monotonic */
    int64_t maintained_ms;
    pthread_t thread;
    struct vd_pulse pulse;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool stopping;
    bool has_ended; /* nothing is called any more */
    struct {
        void (*function)(void *context); /* NULL: nothing is to be called */
        void *context;
    } call;
    uint32_t callers; /* who wait for it */
    struct vd_center_stats stats;
    int64_t time_ms; /* what the clock said after the last turn, UTC */
    bool trusts_time;
    /* What the rate is measured from: the number of security messages at two times, of the monotonic clock. */
    struct {
        int64_t ms;
        uint64_t messages;
    } paces[2];
};

static bool center_is_stopping(struct vd_center *center)
{
    bool stopping;

    pthread_mutex_lock(&center->mutex);
    stopping = center->stopping;
    pthread_mutex_unlock(&center->mutex);
    return stopping;
}

/* Waits for the time or until the center is to stop. */
static void pause_for(struct vd_center *center, int64_t ms)
{
    int64_t until_ms = vd_clock_monotonic_ms() + ms;
    struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;

    pthread_mutex_lock(&center->mutex);
    while (!center->stopping && code == 0) {
        code = pthread_cond_timedwait(&center->changed, &center->mutex, &until);
    }
    pthread_mutex_unlock(&center->mutex);
}

/* Within the mutex. */
static void measure_rate(struct vd_center *center)
{
    const int64_t now_ms = vd_clock_monotonic_ms();

    if (center->paces[1].ms == 0 || now_ms - center->paces[1].ms >= RATE_MS) {
        const bool is_first = center->paces[1].ms == 0;

        center->paces[0] = center->paces[1];
        center->paces[1].ms = now_ms;
        center->paces[1].messages = center->stats.messages;
        center->paces[0] = is_first ? center->paces[1] : center->paces[0];
    }
    if (now_ms > center->paces[0].ms) {
        center->stats.messages_per_second =
            (double)(center->stats.messages - center->paces[0].messages) * 1000 /
            (double)(now_ms - center->paces[0].ms);
    }
}

/* Makes the counters public; tells of the start and end of a stall. */
static void publish(struct vd_center *center, int error)
{
    bool stalled = error != VD_OK && error != VD_E_NOT_FOUND;
    bool was_stalled;

    pthread_mutex_lock(&center->mutex);
    was_stalled = center->stats.stalled != 0;
    center->stats = center->ingest.stats;
    center->stats.stalled = stalled ? 1 : 0;
    if (!stalled) {
        center->time_ms = vd_clock_utc_ms();
        center->trusts_time = vd_engine_trusts_time(center->ingest.engine, center->time_ms);
    }
    measure_rate(center);
    pthread_mutex_unlock(&center->mutex);
    if (stalled && !was_stalled) {
        vd_log(VD_LOG_ERROR, "center.stalled", "offset=%llu problem=\"%s\"",
            (unsigned long long)center->ingest.stats.next_offset, vd_error_text(error));
    } else if (!stalled && was_stalled) {
        vd_log(VD_LOG_INFO, "center.resumed", "offset=%llu",
            (unsigned long long)center->ingest.stats.next_offset);
    }
}

/* Waits for the next record. */
static int wait_for_more(struct vd_center *center)
{
    int error = vd_event_log_wait(
        center->ingest.log, 0, center->ingest.stats.next_offset, VD_INGEST_WAIT_MS);

    if (error == VD_E_CLOSED) {
        pause_for(center, VD_INGEST_WAIT_MS); /* interrupted: vd_center_stop is about to follow */
    }
    return error == VD_E_TIMEOUT || error == VD_E_CLOSED ? VD_OK : error;
}

/* VD_E_NOT_FOUND: nothing is left to take, and the time has been told. */
static int step(struct vd_ingest *ingest)
{
    /* Before the step: what comes after it may be older. */
    const int64_t now_ms = vd_clock_utc_ms();
    int error = vd_ingest_set_back(ingest, now_ms);

    if (error == VD_OK) {
        error = vd_ingest_step(ingest);
    }
    if (error == VD_E_NOT_FOUND) {
        int ticked = vd_ingest_tick(ingest, now_ms);

        error = ticked != VD_OK ? ticked : error;
    }
    return error;
}

/* Lets old alerts go, so many a minute, and marks of what was found; not by a clock that may be wrong. */
static int prune_alerts(struct vd_center *center)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t keep_ms = center->alerts_keep_ms;
    const int64_t before_ms = keep_ms > 0 ? now_ms - keep_ms : 0;
    const int64_t monotonic_ms = vd_clock_monotonic_ms();
    uint64_t removed = VD_ALERT_BULK_STEP;
    uint64_t total = 0;
    int error = VD_OK;

    if (!vd_engine_trusts_time(center->ingest.engine, now_ms)) {
        return VD_OK;
    }
    if (center->pruned_ms != 0 && monotonic_ms - center->pruned_ms < VD_ALERT_PRUNE_INTERVAL_MS) {
        return VD_OK;
    }
    for (int i = 0; i < VD_ALERT_PRUNE_STEPS && removed == VD_ALERT_BULK_STEP && error == VD_OK;
         i++) {
        error = vd_alert_store_prune(center->store, before_ms, VD_ALERTS_MAX, now_ms, &removed);
        total += removed;
    }
    if (total > 0) {
        vd_log(VD_LOG_INFO, "center.alerts_removed", "count=%llu", (unsigned long long)total);
    }
    if (error == VD_OK) {
        error = vd_indicator_marks_prune(center->store, vd_time_day(now_ms) - VD_HUNT_DAYS);
    }
    center->pruned_ms = error == VD_OK ? monotonic_ms : center->pruned_ms;
    return error;
}

/* What becomes of it is told by the store; rows go on, or it is opened anew with them. */
static void maintain_tables(struct vd_center *center)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t monotonic_ms = vd_clock_monotonic_ms();

    if (center->maintained_ms == 0 ||
        monotonic_ms - center->maintained_ms >= VD_ANALYTICS_MAINTAIN_MS) {
        (void)!vd_analytics_maintain(center->ingest.analytics,
            vd_engine_trusts_time(center->ingest.engine, now_ms) ? now_ms : 0);
        center->maintained_ms = monotonic_ms;
    }
}

static void answer_call(struct vd_center *center)
{
    void (*function)(void *context);
    void *context;

    pthread_mutex_lock(&center->mutex);
    function = center->call.function;
    context = center->call.context;
    pthread_mutex_unlock(&center->mutex);
    if (function == NULL) {
        return;
    }
    function(context);
    pthread_mutex_lock(&center->mutex);
    center->call.function = NULL;
    pthread_cond_broadcast(&center->changed);
    pthread_mutex_unlock(&center->mutex);
}

static void end_calls(struct vd_center *center)
{
    pthread_mutex_lock(&center->mutex);
    center->has_ended = true;
    pthread_cond_broadcast(&center->changed);
    while (center->callers > 0) {
        pthread_cond_wait(&center->changed, &center->mutex);
    }
    pthread_mutex_unlock(&center->mutex);
}

static int center_turn(struct vd_center *center)
{
    int error = vd_ingest_refresh(&center->ingest);

    if (error == VD_OK) {
        error = step(&center->ingest);
    }
    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        int settled = vd_ingest_settle(&center->ingest);

        settled = settled == VD_OK ? prune_alerts(center) : settled;
        maintain_tables(center);
        error = settled != VD_OK ? settled : error;
    }
    return error;
}

/* Lets records gather behind a step that took few. */
static void rest(struct vd_center *center, int64_t began_ms, uint64_t from)
{
    const int64_t rest_ms = began_ms + VD_INGEST_STEP_MS - vd_clock_monotonic_ms();

    if (rest_ms > 0 && center->ingest.stats.next_offset - from < VD_INGEST_STEP_RECORDS) {
        pause_for(center, rest_ms);
    }
}

static void *center_main(void *argument)
{
    struct vd_center *center = argument;
    int64_t retry_ms = VD_INGEST_RETRY_MIN_MS;

    while (!center_is_stopping(center)) {
        const int64_t began_ms = vd_clock_monotonic_ms();
        const uint64_t from = center->ingest.stats.next_offset;
        int error;

        vd_pulse_beat(&center->pulse);
        answer_call(center);
        error = center_turn(center);
        publish(center, error);
        if (error == VD_E_NOT_FOUND) {
            error = wait_for_more(center);
        } else if (error == VD_OK) {
            rest(center, began_ms, from);
        }
        if (error == VD_OK) {
            retry_ms = VD_INGEST_RETRY_MIN_MS;
            continue;
        }
        pause_for(center, retry_ms);
        retry_ms = retry_ms * 2 < VD_INGEST_RETRY_MAX_MS ? retry_ms * 2 : VD_INGEST_RETRY_MAX_MS;
    }
    end_calls(center);
    return NULL;
}

static void center_free(struct vd_center *center)
{
    vd_scheduler_stop(center->scheduler);
    vd_hunter_stop(center->hunter);
    vd_feed_fetcher_stop(center->fetcher);
    vd_indicator_loader_stop(center->loader);
    vd_ingest_release(&center->ingest);
    pthread_mutex_destroy(&center->mutex);
    pthread_cond_destroy(&center->changed);
    free(center);
}

int vd_center_start(const struct vd_center_config *config, struct vd_center **out)
{
    struct vd_center *center = calloc(1, sizeof *center);
    pthread_condattr_t attributes;
    int error;

    if (center == NULL) {
        return VD_E_NOMEM;
    }
    center->store = config->store;
    center->alerts_keep_ms = config->alerts_keep_ms;
    pthread_mutex_init(&center->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&center->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = vd_ingest_init(&center->ingest, config);
    if (error == VD_OK) {
        error = vd_indicator_loader_start(config->store, &center->loader);
    }
    if (error == VD_OK) {
        error = vd_feed_fetcher_start(config->store, &vd_feed_rhythm_default, &center->fetcher);
    }
    if (error == VD_OK) {
        error = vd_hunter_start(config->analytics, config->store, &center->hunter);
    }
    if (error == VD_OK) {
        error = vd_scheduler_start(config->analytics, config->store, &center->scheduler);
    }
    if (error == VD_OK) {
        center->ingest.loader = center->loader;
        center->ingest.hunter = center->hunter;
        center->stats = center->ingest.stats;
        vd_pulse_beat(&center->pulse);
        error = vd_error_from_errno(pthread_create(&center->thread, NULL, center_main, center));
    }
    if (error != VD_OK) {
        center_free(center);
        return error;
    }
    *out = center;
    return VD_OK;
}

void vd_center_set_alerts_keep(struct vd_center *center, int64_t keep_ms)
{
    center->alerts_keep_ms = keep_ms;
}

bool vd_center_trusts_time(struct vd_center *center)
{
    bool trusts_time;

    pthread_mutex_lock(&center->mutex);
    /* It may have jumped since. */
    trusts_time = center->trusts_time && vd_clock_utc_ms() - center->time_ms <= VD_DAY_MS;
    pthread_mutex_unlock(&center->mutex);
    return trusts_time;
}

void vd_center_stats_get(struct vd_center *center, struct vd_center_stats *out)
{
    pthread_mutex_lock(&center->mutex);
    *out = center->stats;
    pthread_mutex_unlock(&center->mutex);
}

int64_t vd_center_beat_ms(const struct vd_center *center)
{
    return vd_pulse_last_ms(&center->pulse);
}

int vd_center_call(struct vd_center *center, void (*call)(void *context), void *context)
{
    bool was_called = false;

    pthread_mutex_lock(&center->mutex);
    if (!center->has_ended) {
        center->callers++;
        center->call.function = call;
        center->call.context = context;
        while (!center->has_ended && center->call.function != NULL) {
            pthread_cond_wait(&center->changed, &center->mutex);
        }
        was_called = center->call.function == NULL;
        center->call.function = NULL;
        center->callers--;
        pthread_cond_broadcast(&center->changed);
    }
    pthread_mutex_unlock(&center->mutex);
    return was_called ? VD_OK : VD_E_CLOSED;
}

void vd_center_hunts_get(struct vd_center *center, struct vd_hunter_stats *out)
{
    vd_hunter_stats_get(center->hunter, out);
}

void vd_center_stop(struct vd_center *center)
{
    if (center == NULL) {
        return;
    }
    pthread_mutex_lock(&center->mutex);
    center->stopping = true;
    pthread_cond_broadcast(&center->changed);
    pthread_mutex_unlock(&center->mutex);
    pthread_join(center->thread, NULL);
    center_free(center);
}
