/* SPDX-License-Identifier: MIT */
/* One thread that watches which sinks there are, and one for each of them. */

#include "center/notify/notifier.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "center/notify/sink.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "lib/log.h"

/* How often sinks and the outbox are looked at while nothing happens. */
#define LOOK_MS 200
/* When it is there and its end cannot be stored: how often that is tried. */
#define STORE_RETRY_MS 1000

const struct vd_notify_rhythm vd_notify_rhythm_default = {
    .pause_min_ms = 1000,
    .pause_max_ms = 300000,
    .refusals_max = 8,
    .age_max_ms = 3 * VD_DAY_MS,
};

struct worker {
    struct worker *next;
    struct vd_alert_store *store;
    const struct vd_notify_rhythm *rhythm;
    char name[VD_SINK_NAME_MAX + 1];
    json_int_t born;
    struct vd_notify_sink *sink;
    pthread_t thread;
    bool is_running;       /* false: it could not be started, and only says why */
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_failing;
    int64_t failed_ms;
    char reason[VD_HTTP_POST_REASON_SIZE];
};

struct vd_notifier {
    struct vd_alert_store *store;
    struct vd_notify_rhythm rhythm;
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    bool is_stopping;
    struct worker *workers; /* changed by the thread alone */
};

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Waits for so long, or until it is to stop; false: it is. */
static bool wait_for(
    pthread_mutex_t *mutex, pthread_cond_t *cond, const bool *is_stopping, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;
    bool goes_on;

    pthread_mutex_lock(mutex);
    while (code == 0 && !*is_stopping) {
        code = pthread_cond_timedwait(cond, mutex, &until);
    }
    goes_on = !*is_stopping;
    pthread_mutex_unlock(mutex);
    return goes_on;
}

/* ---- A sink's thread ---- */

static bool worker_waits(struct worker *w, int64_t ms)
{
    return wait_for(&w->mutex, &w->changed, &w->is_stopping, ms);
}

/* Tells of the start and end of a failure. */
static void note(struct worker *w, bool is_failing, const char *reason)
{
    bool was_failing;

    pthread_mutex_lock(&w->mutex);
    was_failing = w->is_failing;
    w->is_failing = is_failing;
    if (is_failing) {
        w->failed_ms = vd_clock_utc_ms();
        snprintf(w->reason, sizeof w->reason, "%s", reason);
    }
    pthread_mutex_unlock(&w->mutex);
    if (is_failing && !was_failing) {
        vd_log(VD_LOG_WARN, "notify.failing", "sink=\"%s\" reason=\"%s\"", w->name, reason);
    } else if (!is_failing && was_failing) {
        vd_log(VD_LOG_INFO, "notify.resumed", "sink=\"%s\"", w->name);
    }
}

/* Tries until it is there, or given up. False: the worker is to stop. */
static bool deliver(struct worker *w, const struct vd_outbox_item *item)
{
    const struct vd_notify_rhythm *rhythm = w->rhythm;
    int64_t pause_ms = rhythm->pause_min_ms;
    unsigned refusals = 0;

    for (;;) {
        struct vd_http_post_failure failure = {0};
        int error = w->sink->ops->deliver(w->sink, item, &failure);
        int64_t rest_ms = pause_ms;
        const char *reason;

        if (error == VD_OK) {
            note(w, false, "");
            error = vd_outbox_done(w->store, w->name, item);
            if (error == VD_OK || error == VD_E_NOT_FOUND) {
                return true;
            }
            /* It is there, and may not go again: only its end has to be stored. */
            while (error != VD_OK && worker_waits(w, STORE_RETRY_MS)) {
                error = vd_outbox_done(w->store, w->name, item);
            }
            return error == VD_OK;
        }
        if (error == VD_E_CLOSED) {
            return false;
        }
        reason = failure.reason[0] != '\0' ? failure.reason : vd_error_text(error);
        note(w, true, reason);
        refusals += failure.is_refused ? 1 : 0;
        if (refusals >= rhythm->refusals_max ||
            vd_clock_utc_ms() - item->since_ms > rhythm->age_max_ms) {
            error = vd_outbox_bury(w->store, w->name, item, reason, vd_clock_utc_ms());
            if (error == VD_OK) {
                vd_log(VD_LOG_ERROR, "notify.given_up", "sink=\"%s\" id=%s reason=\"%s\"", w->name,
                    item->id, reason);
                return true;
            }
        }
        rest_ms = failure.retry_after_s > 0 ? (int64_t)failure.retry_after_s * 1000 : rest_ms;
        if (!worker_waits(w, rest_ms)) {
            return false;
        }
        pause_ms = pause_ms * 2 < rhythm->pause_max_ms ? pause_ms * 2 : rhythm->pause_max_ms;
    }
}

static void *worker_main(void *argument)
{
    struct worker *w = argument;
    bool goes_on = true;

    while (goes_on) {
        struct vd_outbox_item item = {0};
        int error = vd_outbox_begin(w->store, w->name, vd_clock_utc_ms(), &item);

        if (error == VD_OK) {
            goes_on = deliver(w, &item);
            vd_outbox_item_release(&item);
        } else {
            if (error != VD_E_NOT_FOUND) {
                note(w, true, vd_error_text(error));
            }
            goes_on = worker_waits(w, LOOK_MS);
        }
    }
    return NULL;
}

/* ---- Sinks ---- */

static void worker_free(struct worker *w)
{
    if (w->sink != NULL) {
        w->sink->ops->free(w->sink);
    }
    pthread_mutex_destroy(&w->mutex);
    pthread_cond_destroy(&w->changed);
    free(w);
}

static void worker_stop(struct worker *w)
{
    pthread_mutex_lock(&w->mutex);
    w->is_stopping = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    if (w->is_running) {
        w->sink->ops->interrupt(w->sink);
        pthread_join(w->thread, NULL);
    }
    worker_free(w);
}

static json_int_t born_of(const json_t *row)
{
    return json_integer_value(json_object_get(row, "born"));
}

static struct worker *worker_start(const struct vd_notifier *n, const json_t *row)
{
    struct vd_alert_store *store = n->store;
    const char *name = json_string_value(json_object_get(row, "name"));
    struct worker *w = calloc(1, sizeof *w);
    uint8_t secret[VD_SINK_SECRET_MAX];
    size_t length = 0;
    char problem[160] = "out of memory";
    int error;

    if (w == NULL) {
        return NULL;
    }
    w->store = store;
    w->rhythm = &n->rhythm;
    snprintf(w->name, sizeof w->name, "%s", name);
    w->born = born_of(row);
    pthread_mutex_init(&w->mutex, NULL);
    cond_init(&w->changed);
    error = vd_sinks_secret(store, name, secret, &length);
    if (error == VD_OK) {
        error = vd_notify_sink_new(json_string_value(json_object_get(row, "kind")),
            json_object_get(row, "settings"), (struct vd_str){(const char *)secret, length},
            &w->sink, problem);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    if (error == VD_OK) {
        error = vd_error_from_errno(pthread_create(&w->thread, NULL, worker_main, w));
    }
    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "notify.sink_unusable", "sink=\"%s\"", name);
        note(w, true, error == VD_E_INVALID ? problem : vd_error_text(error));
    }
    w->is_running = error == VD_OK;
    return w;
}

static bool is_of(const struct worker *w, const json_t *row)
{
    return w->born == born_of(row) &&
        strcmp(w->name, json_string_value(json_object_get(row, "name"))) == 0;
}

static bool is_listed(const json_t *sinks, const struct worker *w)
{
    for (size_t i = 0; i < json_array_size(sinks); i++) {
        if (is_of(w, json_array_get(sinks, i))) {
            return true;
        }
    }
    return false;
}

static bool has_worker(const struct vd_notifier *n, const json_t *row)
{
    for (const struct worker *w = n->workers; w != NULL; w = w->next) {
        if (is_of(w, row)) {
            return true;
        }
    }
    return false;
}

/* Takes a worker out that has no sink any more; NULL: there is none. */
static struct worker *take_orphan(struct vd_notifier *n, const json_t *sinks)
{
    struct worker **at = &n->workers;
    struct worker *orphan = NULL;

    pthread_mutex_lock(&n->mutex);
    while (*at != NULL && is_listed(sinks, *at)) {
        at = &(*at)->next;
    }
    orphan = *at;
    if (orphan != NULL) {
        *at = orphan->next;
    }
    pthread_mutex_unlock(&n->mutex);
    return orphan;
}

/* Starts and stops threads as there are sinks. */
static int follow(struct vd_notifier *n)
{
    json_t *sinks = NULL;
    struct worker *orphan;
    int error = vd_sinks_list(n->store, &sinks);

    if (error != VD_OK) {
        return error;
    }
    while ((orphan = take_orphan(n, sinks)) != NULL) {
        worker_stop(orphan);
    }
    for (size_t i = 0; i < json_array_size(sinks); i++) {
        const json_t *row = json_array_get(sinks, i);
        struct worker *w = has_worker(n, row) ? NULL : worker_start(n, row);

        if (w != NULL) {
            pthread_mutex_lock(&n->mutex);
            w->next = n->workers;
            n->workers = w;
            pthread_mutex_unlock(&n->mutex);
        }
    }
    json_decref(sinks);
    return VD_OK;
}

static void *notifier_main(void *argument)
{
    struct vd_notifier *n = argument;
    int64_t seen = -1;

    do {
        int64_t generation = 0;

        if (vd_sinks_generation(n->store, &generation) == VD_OK && generation != seen &&
            follow(n) == VD_OK) {
            seen = generation;
        }
    } while (wait_for(&n->mutex, &n->changed, &n->is_stopping, LOOK_MS));
    return NULL;
}

int vd_notifier_start(
    struct vd_alert_store *store, const struct vd_notify_rhythm *rhythm, struct vd_notifier **out)
{
    struct vd_notifier *n = calloc(1, sizeof *n);
    int error;

    if (n == NULL) {
        return VD_E_NOMEM;
    }
    n->store = store;
    n->rhythm = *rhythm;
    pthread_mutex_init(&n->mutex, NULL);
    cond_init(&n->changed);
    error = vd_error_from_errno(pthread_create(&n->thread, NULL, notifier_main, n));
    if (error != VD_OK) {
        pthread_mutex_destroy(&n->mutex);
        pthread_cond_destroy(&n->changed);
        free(n);
        return error;
    }
    *out = n;
    return VD_OK;
}

void vd_notifier_stop(struct vd_notifier *n)
{
    if (n == NULL) {
        return;
    }
    pthread_mutex_lock(&n->mutex);
    n->is_stopping = true;
    pthread_cond_signal(&n->changed);
    pthread_mutex_unlock(&n->mutex);
    pthread_join(n->thread, NULL);
    while (n->workers != NULL) {
        struct worker *w = n->workers;

        n->workers = w->next;
        worker_stop(w);
    }
    pthread_mutex_destroy(&n->mutex);
    pthread_cond_destroy(&n->changed);
    free(n);
}

static json_t *worker_json(struct worker *w)
{
    char time[VD_TIME_TEXT_SIZE];
    json_t *json;

    pthread_mutex_lock(&w->mutex);
    vd_time_format(w->failed_ms, time);
    json = json_pack("{s:s, s:s, s:s?, s:s?}", "name", w->name, "state",
        w->is_failing ? "failing" : "working", "lastError", w->failed_ms != 0 ? w->reason : NULL,
        "lastErrorTime", w->failed_ms != 0 ? time : NULL);
    pthread_mutex_unlock(&w->mutex);
    return json;
}

json_t *vd_notifier_json(struct vd_notifier *n)
{
    json_t *list = json_array();

    if (n != NULL) {
        pthread_mutex_lock(&n->mutex);
        for (struct worker *w = n->workers; w != NULL; w = w->next) {
            json_array_append_new(list, worker_json(w));
        }
        pthread_mutex_unlock(&n->mutex);
    }
    return list;
}
