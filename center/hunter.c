/* SPDX-License-Identifier: MIT */
/* Hunts once for each generation of the feeds, the newest first, and rests between hunts. */

#include "center/hunter.h"

#include <pthread.h>
#include <stdlib.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "lib/log.h"

#define DAY_MS 86400000LL
/* Of the feeds that were hunted for last, in the store's meta table. */
#define HUNTED "hunted_generation"

struct vd_hunter {
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    pthread_t thread;
    atomic_bool is_stopping;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    struct vd_indicator_set *next; /* to hunt for; NULL: none */
    int64_t next_generation;
    int64_t next_ms; /* UTC: when it was offered */
    struct vd_hunter_stats stats;
};

struct offer {
    struct vd_indicator_set *set;
    int64_t generation;
    int64_t known_ms;
};

/* Waits for so long, or with `for_offer` until there is a set; false: it is to stop. */
static bool wait_for(struct vd_hunter *hunter, int64_t ms, bool for_offer)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;

    pthread_mutex_lock(&hunter->mutex);
    while (
        !atomic_load(&hunter->is_stopping) && !(for_offer && hunter->next != NULL) && code == 0) {
        code = pthread_cond_timedwait(&hunter->changed, &hunter->mutex, &until);
    }
    pthread_mutex_unlock(&hunter->mutex);
    return !atomic_load(&hunter->is_stopping);
}

static struct offer take(struct vd_hunter *hunter)
{
    struct offer offer;

    pthread_mutex_lock(&hunter->mutex);
    offer = (struct offer){hunter->next, hunter->next_generation, hunter->next_ms};
    hunter->next = NULL;
    pthread_mutex_unlock(&hunter->mutex);
    return offer;
}

/* Puts back what could not be done, unless there is a newer one. */
static void put_back(struct vd_hunter *hunter, struct offer *offer)
{
    pthread_mutex_lock(&hunter->mutex);
    if (hunter->next == NULL) {
        hunter->next = offer->set;
        hunter->next_generation = offer->generation;
        hunter->next_ms = offer->known_ms;
        offer->set = NULL;
    }
    pthread_mutex_unlock(&hunter->mutex);
    vd_indicator_set_release(offer->set);
}

static int hunted(struct vd_hunter *hunter, int64_t *generation)
{
    int error = vd_alert_store_begin(hunter->store);

    if (error == VD_OK) {
        error = vd_alert_meta_get(hunter->store, HUNTED, generation);
        vd_alert_store_rollback(hunter->store);
    }
    return error;
}

static int set_hunted(struct vd_hunter *hunter, int64_t generation)
{
    int error = vd_alert_store_begin(hunter->store);

    if (error != VD_OK) {
        return error;
    }
    error = vd_alert_meta_set(hunter->store, HUNTED, generation);
    return vd_alert_store_end(hunter->store, error);
}

static void note(struct vd_hunter *hunter, const struct offer *offer, int error, int64_t took_ms,
    const struct vd_hunt_result *result, const char *problem)
{
    pthread_mutex_lock(&hunter->mutex);
    hunter->stats.is_hunting = false;
    hunter->stats.alerts_raised += result->raised;
    hunter->stats.alerts_repeated += result->repeated;
    if (error == VD_OK) {
        hunter->stats.hunts++;
        hunter->stats.took_ms = took_ms;
        hunter->stats.addresses = result->addresses;
        hunter->stats.flows = result->flows;
        hunter->stats.raised = result->raised;
        hunter->stats.repeated = result->repeated;
    }
    pthread_mutex_unlock(&hunter->mutex);
    if (error == VD_OK) {
        vd_log(VD_LOG_INFO, "intel.hunted",
            "generation=%lld addresses=%llu flows=%llu raised=%llu repeated=%llu took_ms=%lld",
            (long long)offer->generation, (unsigned long long)result->addresses,
            (unsigned long long)result->flows, (unsigned long long)result->raised,
            (unsigned long long)result->repeated, (long long)took_ms);
    } else if (error != VD_E_CLOSED) {
        vd_log(VD_LOG_WARN, "intel.not_hunted", "generation=%lld error=\"%s\" problem=\"%s\"",
            (long long)offer->generation, vd_error_text(error), problem);
    }
}

static int hunt(struct vd_hunter *hunter, const struct offer *offer)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t began_ms = vd_clock_monotonic_ms();
    const struct vd_hunt what = {
        .analytics = hunter->analytics,
        .store = hunter->store,
        .indicators = offer->set,
        .from_ms = (now_ms / DAY_MS - VD_HUNT_DAYS) * DAY_MS,
        .to_ms = now_ms + DAY_MS, /* the hub's clock may have gone back */
        .known_ms = offer->known_ms,
        .is_stopping = &hunter->is_stopping,
    };
    struct vd_hunt_result result = {0};
    char problem[400] = "";
    int error;

    pthread_mutex_lock(&hunter->mutex);
    hunter->stats.is_hunting = true;
    hunter->stats.began_ms = now_ms;
    pthread_mutex_unlock(&hunter->mutex);
    error = vd_hunt_run(&what, &result, problem);
    if (error == VD_OK) {
        error = set_hunted(hunter, offer->generation);
    }
    note(hunter, offer, error, vd_clock_monotonic_ms() - began_ms, &result, problem);
    return error;
}

/* How long to rest. */
static int64_t turn(struct vd_hunter *hunter)
{
    const int64_t began_ms = vd_clock_monotonic_ms();
    struct offer offer = take(hunter);
    int64_t generation = 0;
    int error;

    if (offer.set == NULL) {
        return 0;
    }
    error = hunted(hunter, &generation);
    if (error == VD_OK && generation != offer.generation) {
        error = hunt(hunter, &offer);
    }
    if (error == VD_OK) {
        vd_indicator_set_release(offer.set);
        return VD_HUNT_REST * (vd_clock_monotonic_ms() - began_ms);
    }
    put_back(hunter, &offer);
    return VD_HUNT_RETRY_MS;
}

static void *hunter_main(void *argument)
{
    struct vd_hunter *hunter = argument;

    while (wait_for(hunter, VD_HUNT_SLEEP_MS, true)) {
        if (!wait_for(hunter, turn(hunter), false)) {
            break;
        }
    }
    return NULL;
}

static void hunter_free(struct vd_hunter *hunter)
{
    vd_indicator_set_release(hunter->next);
    pthread_mutex_destroy(&hunter->mutex);
    pthread_cond_destroy(&hunter->changed);
    free(hunter);
}

int vd_hunter_start(
    struct vd_analytics *analytics, struct vd_alert_store *store, struct vd_hunter **out)
{
    struct vd_hunter *hunter = calloc(1, sizeof *hunter);
    pthread_condattr_t attributes;
    int error;

    if (hunter == NULL) {
        return VD_E_NOMEM;
    }
    hunter->analytics = analytics;
    hunter->store = store;
    pthread_mutex_init(&hunter->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hunter->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = vd_error_from_errno(pthread_create(&hunter->thread, NULL, hunter_main, hunter));
    if (error != VD_OK) {
        hunter_free(hunter);
        return error;
    }
    *out = hunter;
    return VD_OK;
}

void vd_hunter_stop(struct vd_hunter *hunter)
{
    if (hunter == NULL) {
        return;
    }
    pthread_mutex_lock(&hunter->mutex);
    atomic_store(&hunter->is_stopping, true);
    pthread_cond_signal(&hunter->changed);
    pthread_mutex_unlock(&hunter->mutex);
    pthread_join(hunter->thread, NULL);
    hunter_free(hunter);
}

void vd_hunter_offer(
    struct vd_hunter *hunter, struct vd_indicator_set *indicators, int64_t generation)
{
    pthread_mutex_lock(&hunter->mutex);
    vd_indicator_set_release(hunter->next);
    hunter->next = vd_indicator_set_retain(indicators);
    hunter->next_generation = generation;
    hunter->next_ms = vd_clock_utc_ms();
    pthread_cond_signal(&hunter->changed);
    pthread_mutex_unlock(&hunter->mutex);
}

void vd_hunter_stats_get(struct vd_hunter *hunter, struct vd_hunter_stats *out)
{
    pthread_mutex_lock(&hunter->mutex);
    *out = hunter->stats;
    pthread_mutex_unlock(&hunter->mutex);
}
