/* SPDX-License-Identifier: MIT */
/* The thread of one sink. The log is the queue: what was not delivered is read again. */

#include "hub/export/worker.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"

/* Of the log, read at a time: most of it is telemetry that is passed over. */
#define READ_BYTES (1u << 20)
/* How long a worker whose setting is deleted waits for the log at most. */
#define WAIT_MS 250
/* A receiver for which batches were too large gets larger ones after so many that it took. */
#define GROW_AFTER 100
/* A place that moved over nothing but what is not exported is stored so often. */
#define SAVE_IDLE_MS 5000

struct vd_export_worker {
    struct vd_export_worker_config config;
    pthread_t thread;
    _Atomic uint32_t categories;
    /* The thread's own. */
    struct vd_event_batch batch;
    struct vd_export_lines lines;
    struct vd_export_place place;
    size_t count_max;    /* less than the configuration's after a batch that was too large */
    unsigned deliveries; /* since then, or since it was last enlarged */
    uint64_t saved;      /* where the stored place is */
    int64_t saved_ms;    /* monotonic, when it was stored; 0: it could not be */
    int64_t checked_ms;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    bool stopping;
    struct vd_export_worker_stats stats;
};

static bool is_stopping(struct vd_export_worker *worker)
{
    bool stopping;

    pthread_mutex_lock(&worker->lock);
    stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

/* ---- Places ---- */

static void publish_place(struct vd_export_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stats.offset = worker->place.offset;
    worker->stats.skipped = worker->place.skipped;
    pthread_mutex_unlock(&worker->lock);
}

static int save_place(struct vd_export_worker *worker)
{
    const int error = vd_export_places_move(worker->config.places, &worker->place);

    worker->saved = error == VD_OK ? worker->place.offset : worker->saved;
    worker->saved_ms = error == VD_OK ? vd_clock_monotonic_ms() : 0;
    return error;
}

/* Records up to `offset` are lost to the sink. */
static void skip_to(struct vd_export_worker *worker, uint64_t offset)
{
    const uint64_t skipped = offset - worker->place.offset;

    vd_log(VD_LOG_ERROR, "export.skipped", "setting=\"%s\" sink=%s records=%" PRIu64,
        worker->place.setting, vd_export_kind_text(worker->place.kind), skipped);
    worker->place.skipped += skipped;
    worker->place.offset = offset;
    publish_place(worker);
}

/* What waits for the sink must not fill the disk: the oldest of it is given up. */
static int check_backlog(struct vd_export_worker *worker)
{
    struct vd_event_log *log = worker->config.places->log;
    const int64_t now = vd_clock_monotonic_ms();
    uint64_t end = 0;
    uint64_t from = 0;
    int error = VD_OK;

    if (now - worker->checked_ms < worker->config.rhythm.check_ms) {
        return VD_OK;
    }
    worker->checked_ms = now;
    error = vd_event_log_end(log, 0, &end);
    if (error == VD_OK && worker->place.offset < end) {
        error = vd_event_log_tail(log, 0, worker->config.backlog_max_bytes, &from);
    }
    if (error == VD_OK && from > worker->place.offset) {
        skip_to(worker, from);
        error = save_place(worker);
    }
    return error;
}

/* Waits for the time or until the worker is to stop, with an eye on the log. */
static void pause_for(struct vd_export_worker *worker, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    int64_t now_ms;

    while (!is_stopping(worker) && (now_ms = vd_clock_monotonic_ms()) < until_ms) {
        const int64_t check_ms = now_ms + worker->config.rhythm.check_ms;
        const int64_t next_ms = check_ms < until_ms ? check_ms : until_ms;
        const struct timespec next = {
            .tv_sec = (time_t)(next_ms / 1000), .tv_nsec = (long)(next_ms % 1000) * 1000000};

        pthread_mutex_lock(&worker->lock);
        if (!worker->stopping) {
            pthread_cond_timedwait(&worker->changed, &worker->lock, &next);
        }
        pthread_mutex_unlock(&worker->lock);
        (void)!check_backlog(worker); /* what fails now is tried again at the next turn */
    }
}

/* ---- A turn ---- */

/* Fills the lines from the place on. VD_E_NOT_FOUND: there is nothing behind it. */
static int collect(struct vd_export_worker *worker)
{
    const struct vd_export_pick pick = {
        .categories = atomic_load(&worker->categories),
        .epoch = worker->config.places->epoch,
        .count_max = worker->count_max,
        .bytes_max = worker->config.bytes_max,
    };
    uint64_t first = 0;
    int error = vd_event_log_read(
        worker->config.places->log, 0, worker->place.offset, READ_BYTES, &worker->batch, &first);

    if (error != VD_OK) {
        return error;
    }
    if (first > worker->place.offset) {
        skip_to(worker, first);
    }
    error = vd_export_lines_make(&worker->lines, &pick, &worker->batch, first);
    if (error == VD_OK && worker->lines.unreadable > 0) {
        vd_log(VD_LOG_ERROR, "export.unreadable", "setting=\"%s\" from=%" PRIu64 " records=%zu",
            worker->place.setting, first, worker->lines.unreadable);
    }
    return error;
}

/* True if more might come into the batch by waiting. */
static bool may_grow(struct vd_export_worker *worker)
{
    uint64_t end = 0;

    return worker->config.rhythm.linger_ms > 0 && worker->lines.count > 0 &&
        worker->lines.count < worker->count_max &&
        worker->lines.text.length < worker->config.bytes_max / 2 &&
        vd_event_log_end(worker->config.places->log, 0, &end) == VD_OK && worker->lines.next >= end;
}

static void note_delivery(struct vd_export_worker *worker)
{
    if (worker->count_max < worker->config.count_max && ++worker->deliveries >= GROW_AFTER) {
        const size_t twice = worker->count_max * 2;

        worker->count_max = twice < worker->config.count_max ? twice : worker->config.count_max;
        worker->deliveries = 0;
    }
    pthread_mutex_lock(&worker->lock);
    worker->stats.delivered += worker->lines.count;
    worker->stats.delivered_ms = vd_clock_utc_ms();
    pthread_mutex_unlock(&worker->lock);
}

static void note_success(struct vd_export_worker *worker)
{
    bool was_failing;

    pthread_mutex_lock(&worker->lock);
    was_failing = worker->stats.is_failing;
    worker->stats.is_failing = false;
    pthread_mutex_unlock(&worker->lock);
    if (was_failing) {
        vd_log(VD_LOG_INFO, "export.resumed", "setting=\"%s\" sink=%s", worker->place.setting,
            vd_export_kind_text(worker->place.kind));
    }
}

static void note_failure(struct vd_export_worker *worker, const char *reason)
{
    bool is_news;

    pthread_mutex_lock(&worker->lock);
    is_news = !worker->stats.is_failing || strcmp(worker->stats.reason, reason) != 0;
    worker->stats.is_failing = true;
    worker->stats.failures++;
    worker->stats.failed_ms = vd_clock_utc_ms();
    snprintf(worker->stats.reason, sizeof worker->stats.reason, "%s", reason);
    pthread_mutex_unlock(&worker->lock);
    if (is_news) {
        vd_log(VD_LOG_ERROR, "export.failed",
            "setting=\"%s\" sink=%s offset=%" PRIu64 " reason=\"%s\"", worker->place.setting,
            vd_export_kind_text(worker->place.kind), worker->place.offset, reason);
    }
}

/* The lines are where they belong, or there were none. */
static int advance(struct vd_export_worker *worker)
{
    worker->place.offset = worker->lines.next;
    publish_place(worker);
    return worker->lines.count > 0 ? save_place(worker) : VD_OK;
}

/* Stores the place now and then where it moves over nothing, and once more where that failed: what is stored holds the log. */
static int save_now_and_then(struct vd_export_worker *worker)
{
    return worker->place.offset != worker->saved &&
            vd_clock_monotonic_ms() - worker->saved_ms >= SAVE_IDLE_MS
        ? save_place(worker)
        : VD_OK;
}

static int turn(struct vd_export_worker *worker, struct vd_export_failure *failure)
{
    int error = collect(worker);

    if (error == VD_OK && may_grow(worker)) {
        pause_for(worker, worker->config.rhythm.linger_ms);
        error = collect(worker);
    }
    if (error == VD_OK && worker->lines.count > 0) {
        error = worker->config.sink->ops->deliver(worker->config.sink, &worker->lines, failure);
        if (error == VD_OK) {
            note_delivery(worker);
        }
    }
    return error == VD_OK ? advance(worker) : error;
}

/* ---- The thread ---- */

/* The pause before the next try: with jitter, so that not all come back at once. */
static int64_t retry_pause(
    const struct vd_export_rhythm *rhythm, unsigned tries, const struct vd_export_failure *failure)
{
    uint16_t random = 0;
    int64_t ms = rhythm->retry_min_ms;

    for (unsigned i = 1; i < tries && ms < rhythm->retry_max_ms; i++) {
        ms *= 2;
    }
    ms = ms < rhythm->retry_max_ms ? ms : rhythm->retry_max_ms;
    if (failure->is_refused) {
        ms = rhythm->retry_slow_ms;
    }
    (void)!vd_secret_random(&random, sizeof random); /* without, there is no jitter */
    ms -= ms * random / (2 * (int64_t)UINT16_MAX);
    return ms > failure->retry_after_s * INT64_C(1000) ? ms
                                                       : failure->retry_after_s * INT64_C(1000);
}

/* After a failure: tells of it, and waits. */
static void recover(
    struct vd_export_worker *worker, int error, struct vd_export_failure *failure, unsigned tries)
{
    if (failure->reason[0] == '\0') {
        snprintf(failure->reason, sizeof failure->reason, "%s", vd_error_text(error));
    }
    note_failure(worker, failure->reason);
    if (failure->is_too_large && worker->lines.count > 1) {
        worker->count_max = worker->lines.count / 2;
        worker->deliveries = 0;
        failure->is_refused = false;
    }
    pause_for(worker, retry_pause(&worker->config.rhythm, tries, failure));
}

static void wait_for_more(struct vd_export_worker *worker)
{
    const int error =
        vd_event_log_wait(worker->config.places->log, 0, worker->place.offset, WAIT_MS);

    if (error == VD_E_CLOSED) {
        pause_for(worker, WAIT_MS); /* interrupted: the end is about to follow */
    }
}

static void *worker_main(void *argument)
{
    struct vd_export_worker *worker = argument;
    unsigned tries = 0;

    while (!is_stopping(worker)) {
        struct vd_export_failure failure = {{0}, false, false, 0};
        int error = check_backlog(worker);
        bool is_at_end;

        if (error == VD_OK) {
            error = turn(worker, &failure);
        }
        is_at_end = error == VD_E_NOT_FOUND;
        if (error == VD_OK || is_at_end) {
            error = save_now_and_then(worker);
        }
        if (error == VD_OK) {
            note_success(worker);
            tries = 0;
        } else if (!is_stopping(worker)) {
            recover(worker, error, &failure, ++tries);
        }
        if (is_at_end) {
            wait_for_more(worker);
        }
    }
    return NULL;
}

static void worker_free(struct vd_export_worker *worker)
{
    worker->config.sink->ops->free(worker->config.sink);
    vd_event_batch_release(&worker->batch);
    vd_buf_release(&worker->lines.text);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int vd_export_worker_start(const struct vd_export_worker_config *config, uint32_t categories,
    struct vd_export_worker **out)
{
    struct vd_export_worker *worker = calloc(1, sizeof *worker);
    pthread_condattr_t attributes;
    int code;

    if (worker == NULL) {
        config->sink->ops->free(config->sink);
        return VD_E_NOMEM;
    }
    worker->config = *config;
    worker->place = config->place;
    worker->count_max = config->count_max;
    worker->saved = config->place.offset;
    worker->stats.offset = config->place.offset;
    worker->stats.skipped = config->place.skipped;
    atomic_init(&worker->categories, categories);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    code = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (code != 0) {
        worker_free(worker);
        return vd_error_from_errno(code);
    }
    *out = worker;
    return VD_OK;
}

void vd_export_worker_set_categories(struct vd_export_worker *worker, uint32_t categories)
{
    atomic_store(&worker->categories, categories);
}

void vd_export_worker_stats_get(struct vd_export_worker *worker, struct vd_export_worker_stats *out)
{
    pthread_mutex_lock(&worker->lock);
    *out = worker->stats;
    pthread_mutex_unlock(&worker->lock);
}

void vd_export_worker_interrupt(struct vd_export_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    worker->config.sink->ops->interrupt(worker->config.sink);
}

void vd_export_worker_stop(struct vd_export_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    vd_export_worker_interrupt(worker);
    pthread_join(worker->thread, NULL);
    worker_free(worker);
}
