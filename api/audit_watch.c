/* SPDX-License-Identifier: MIT */
/* The thread that goes through the audit trail at the start and every hour. */

#include "api/audit_watch.h"

#include <inttypes.h>
#include <pthread.h>

#include "center/detect/audit_broken.h"
#include "lib/clock.h"
#include "lib/log.h"

#define ANCHOR "audit-anchor"

/* How soon an alert follows on what a write has found, and the anchor on a write. */
#define LOOK_MS 500

struct vd_audit_watch {
    struct vd_audit_watch_config config; /* keep_ms under the lock */
    uint64_t told;                       /* problems that alerts were raised for */
    uint64_t anchored;                   /* records written when the anchor was kept last */
    bool is_unanchored;                  /* the latest try to keep it failed */
    bool is_compared;                    /* with the anchor of before, which is kept until then */
    bool is_late;                        /* what is too old waits for a clock that is right */
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    bool stopping;
};

/* Waits; true: it is to end. */
static bool rest(struct vd_audit_watch *watch, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000L};
    int code = 0;
    bool stopping;

    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping && code == 0) {
        code = pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    }
    stopping = watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    return stopping;
}

/* Raises the alert for what is new. One that cannot be written is tried again. */
static void tell(struct vd_audit_watch *watch)
{
    struct vd_audit_stats stats;
    int error;

    vd_audit_stats_get(watch->config.audit, &stats);
    if (stats.problems == watch->told) {
        return;
    }
    error = vd_audit_broken_raise(watch->config.alerts, stats.problem, vd_clock_utc_ms());
    if (error == VD_OK) {
        watch->told = stats.problems;
    } else {
        vd_log(VD_LOG_ERROR, "audit.alert_failed", "reason=\"%s\"", vd_error_text(error));
    }
}

int vd_audit_anchor_keep(struct vd_audit *audit, struct vd_registry *registry, struct vd_buf *line)
{
    uint64_t etag = 0;

    vd_audit_anchor(audit, line);
    return line->error != VD_OK
        ? line->error
        : vd_registry_setting_put(
              registry, ANCHOR, (struct vd_str){(const char *)line->data, line->length}, 0, &etag);
}

int vd_audit_anchor_get(struct vd_registry *registry, struct vd_buf *line)
{
    uint64_t etag = 0;

    return vd_registry_setting_get(registry, ANCHOR, line, &etag);
}

int vd_audit_anchor_read(struct sqlite3 *db, struct vd_buf *line)
{
    return vd_registry_file_setting(db, ANCHOR, line);
}

int vd_audit_anchor_follow(struct vd_audit *audit, struct vd_registry *registry)
{
    struct vd_buf line = {0};
    int error = vd_audit_anchor_get(registry, &line);

    if (error == VD_OK &&
        vd_audit_anchor_misfit(audit, (struct vd_str){(const char *)line.data, line.length}) ==
            NULL) {
        vd_buf_clear(&line);
        error = vd_audit_anchor_keep(audit, registry, &line);
    }
    vd_buf_release(&line);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* There is one since `vedette init`: with it gone an audit.db made anew, or an older one, would fit. */
static void compare_anchor(struct vd_audit_watch *watch)
{
    struct vd_buf line = {0};
    const int error = vd_audit_anchor_get(watch->config.registry, &line);
    const char *problem;

    if (error == VD_OK) {
        problem = vd_audit_anchor_misfit(watch->config.audit,
            (struct vd_str){line.data != NULL ? (const char *)line.data : "", line.length});
        if (problem != NULL) {
            vd_audit_report(watch->config.audit, problem);
        }
    } else if (error == VD_E_NOT_FOUND) {
        vd_audit_report(watch->config.audit,
            "the registry knows nothing of the trail: its anchor was removed, or the data directory is of a release "
            "that had none");
    } else {
        vd_log(VD_LOG_ERROR, "audit.anchor_unread", "reason=\"%s\"", vd_error_text(error));
    }
    watch->is_compared = error == VD_OK || error == VD_E_NOT_FOUND;
    vd_buf_release(&line);
}

/* aloud: it is logged as well. One that cannot be kept is tried again at the next look, and that it fails is said once. */
static void keep_anchor(struct vd_audit_watch *watch, bool aloud)
{
    struct vd_buf line = {0};
    struct vd_audit_stats stats;
    int error;

    if (!watch->is_compared) {
        compare_anchor(watch);
    }
    if (!watch->is_compared) {
        return;
    }
    vd_audit_stats_get(watch->config.audit, &stats);
    error = vd_audit_anchor_keep(watch->config.audit, watch->config.registry, &line);
    if (error == VD_OK) {
        watch->anchored = stats.written;
    }
    if (error == VD_OK && aloud) {
        /* Where logs go is often another machine: what they say cannot be taken back here. */
        vd_log(VD_LOG_INFO, "audit.head", "to=%" PRIu64 " anchor=%.*s", stats.to, (int)line.length,
            (const char *)line.data);
    } else if (error != VD_OK && (aloud || !watch->is_unanchored)) {
        vd_log(VD_LOG_ERROR, "audit.anchor_failed", "reason=\"%s\"", vd_error_text(error));
    }
    watch->is_unanchored = error != VD_OK;
    vd_buf_release(&line);
}

/* What was written since: an audit.db of before is not to fit the moment after. */
static void follow(struct vd_audit_watch *watch)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(watch->config.audit, &stats);
    if (stats.written != watch->anchored) {
        keep_anchor(watch, false);
    }
}

static bool trusts_time(const struct vd_audit_watch *watch)
{
    return watch->config.trusts_time(watch->config.trusts_time_context);
}

static void cut(struct vd_audit_watch *watch)
{
    const int64_t now_ms = vd_clock_utc_ms();
    int64_t before_ms = 0;
    uint64_t removed = 0;
    int error = VD_OK;

    watch->is_late = !trusts_time(watch);
    pthread_mutex_lock(&watch->lock);
    if (!watch->is_late && watch->config.keep_ms > 0) {
        before_ms = now_ms - watch->config.keep_ms;
    }
    pthread_mutex_unlock(&watch->lock);
    do {
        error = vd_audit_cut(watch->config.audit, before_ms, watch->config.keep_min, &removed);
    } while (error == VD_OK && removed > 0 && !rest(watch, VD_AUDIT_WATCH_REST_MS));
    if (error != VD_OK && error != VD_E_CORRUPT) {
        vd_log(VD_LOG_ERROR, "audit.cut_failed", "reason=\"%s\"", vd_error_text(error));
    }
}

/* One pass; false: it is to end. */
static bool go_through(struct vd_audit_watch *watch)
{
    struct vd_audit_check check = {.key = NULL};
    bool done = false;

    while (!done) {
        const int error =
            vd_audit_verify_step(watch->config.audit, &check, VD_AUDIT_WATCH_STEP, &done);

        if (error != VD_OK) {
            vd_log(VD_LOG_ERROR, "audit.unreadable", "reason=\"%s\"", vd_error_text(error));
            done = true;
        }
        tell(watch);
        follow(watch);
        if (!done && rest(watch, VD_AUDIT_WATCH_REST_MS)) {
            return false;
        }
    }
    watch->is_late = false;
    if (check.problem[0] == '\0') {
        cut(watch);
    }
    return true;
}

static void *watch_main(void *argument)
{
    struct vd_audit_watch *watch = argument;

    while (go_through(watch)) {
        const int64_t next_ms = vd_clock_monotonic_ms() + watch->config.interval_ms;

        keep_anchor(watch, true);
        while (vd_clock_monotonic_ms() < next_ms) {
            if (rest(watch,
                    LOOK_MS < watch->config.interval_ms ? LOOK_MS : watch->config.interval_ms)) {
                return NULL;
            }
            tell(watch);
            follow(watch);
            if (watch->is_late && trusts_time(watch)) {
                cut(watch);
            }
        }
    }
    return NULL;
}

static void watch_free(struct vd_audit_watch *watch)
{
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

int vd_audit_watch_start(const struct vd_audit_watch_config *config, struct vd_audit_watch **out)
{
    struct vd_audit_watch *watch = calloc(1, sizeof *watch);
    pthread_condattr_t monotonic;

    if (watch == NULL) {
        return VD_E_NOMEM;
    }
    watch->config = *config;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    compare_anchor(watch);
    if (pthread_create(&watch->thread, NULL, watch_main, watch) != 0) {
        watch_free(watch);
        return VD_E_NOMEM;
    }
    *out = watch;
    return VD_OK;
}

void vd_audit_watch_set_keep(struct vd_audit_watch *watch, int64_t keep_ms)
{
    pthread_mutex_lock(&watch->lock);
    watch->config.keep_ms = keep_ms;
    pthread_mutex_unlock(&watch->lock);
}

void vd_audit_watch_stop(struct vd_audit_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    keep_anchor(watch, true);
    watch_free(watch);
}
