/* SPDX-License-Identifier: MIT */
/* The queries under way, and the thread that interrupts those that run too long or that nobody waits for. */

#include <string.h>

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"

#define WATCHDOG_REPEAT_MS 50
/* How often it looks whether somebody still waits. */
#define WATCHDOG_WANTED_MS 100
/* How long the watchdog sleeps while nothing is under way; a new query wakes it. */
#define WATCHDOG_IDLE_MS 3600000

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* VD_OK: it may go on. */
static int reason_to_end(const struct vd_duckdb_running *r, int64_t now)
{
    if (r->is_unwanted != NULL && atomic_load(r->is_unwanted)) {
        return VD_E_CLOSED;
    }
    return r->deadline_ms <= now ? VD_E_TIMEOUT : VD_OK;
}

/* Interrupts queries that are to end; when to look again (monotonic ms). Holds queries_mutex. */
static int64_t interrupt_late(struct vd_duckdb *store, int64_t now)
{
    int64_t next = now + WATCHDOG_IDLE_MS;

    for (size_t i = 0; i < VD_QUERIES_MAX; i++) {
        struct vd_duckdb_running *r = &store->running[i];

        if (r->connection == NULL) {
            continue;
        }
        if (r->ended == VD_OK) {
            r->ended = reason_to_end(r, now);
        }
        if (r->ended != VD_OK) {
            /* Between two steps of a query an interrupt goes unheard: repeat it. */
            duckdb_interrupt(r->connection);
            next = min_of(next, now + WATCHDOG_REPEAT_MS);
        } else {
            next = min_of(next, r->deadline_ms);
            next = r->is_unwanted != NULL ? min_of(next, now + WATCHDOG_WANTED_MS) : next;
        }
    }
    return next;
}

static void *watchdog_main(void *argument)
{
    struct vd_duckdb *store = argument;

    pthread_mutex_lock(&store->queries_mutex);
    while (!store->stopping) {
        int64_t next = interrupt_late(store, vd_clock_monotonic_ms());
        struct timespec until = {
            .tv_sec = (time_t)(next / 1000), .tv_nsec = (long)(next % 1000) * 1000000};

        pthread_cond_timedwait(&store->queries_changed, &store->queries_mutex, &until);
    }
    pthread_mutex_unlock(&store->queries_mutex);
    return NULL;
}

int vd_duckdb_watchdog_start(struct vd_duckdb *store)
{
    pthread_condattr_t attributes;
    int code;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->queries_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    code = pthread_create(&store->watchdog, NULL, watchdog_main, store);
    store->has_watchdog = code == 0;
    return vd_error_from_errno(code);
}

void vd_duckdb_watchdog_stop(struct vd_duckdb *store)
{
    if (!store->has_watchdog) {
        return;
    }
    pthread_mutex_lock(&store->queries_mutex);
    store->stopping = true;
    pthread_cond_signal(&store->queries_changed);
    pthread_mutex_unlock(&store->queries_mutex);
    pthread_join(store->watchdog, NULL);
    store->has_watchdog = false;
}

void vd_duckdb_interrupt_all(struct vd_duckdb *store)
{
    pthread_mutex_lock(&store->queries_mutex);
    for (size_t i = 0; i < VD_QUERIES_MAX; i++) {
        store->running[i].deadline_ms = 0;
    }
    pthread_cond_signal(&store->queries_changed);
    pthread_mutex_unlock(&store->queries_mutex);
}

struct vd_duckdb_running *vd_duckdb_running_add(
    struct vd_duckdb *store, duckdb_connection connection, const struct vd_query_limits *limits)
{
    struct vd_duckdb_running *found = NULL;
    unsigned over_https = 0;
    unsigned of_token = 0;

    pthread_mutex_lock(&store->queries_mutex);
    for (size_t i = 0; i < VD_QUERIES_MAX; i++) {
        struct vd_duckdb_running *r = &store->running[i];

        found = found == NULL && r->connection == NULL ? r : found;
        if (limits->token != NULL && r->connection != NULL && r->token != NULL) {
            over_https++;
            of_token += strcmp(r->token, limits->token) == 0 ? 1 : 0;
        }
    }
    if (over_https >= VD_QUERIES_HTTPS_MAX || of_token >= VD_QUERIES_TOKEN_MAX) {
        found = NULL;
    }
    if (found != NULL) {
        found->connection = connection;
        found->deadline_ms = vd_clock_monotonic_ms() + limits->timeout_ms;
        found->is_unwanted = limits->is_unwanted;
        found->token = limits->token;
        found->ended = VD_OK;
    }
    pthread_cond_signal(&store->queries_changed);
    pthread_mutex_unlock(&store->queries_mutex);
    return found;
}

int vd_duckdb_running_remove(struct vd_duckdb *store, struct vd_duckdb_running *running)
{
    int ended;

    pthread_mutex_lock(&store->queries_mutex);
    ended = running->ended;
    running->connection = NULL;
    pthread_mutex_unlock(&store->queries_mutex);
    return ended;
}

uint32_t vd_duckdb_running_count(struct vd_duckdb *store)
{
    uint32_t count = 0;

    pthread_mutex_lock(&store->queries_mutex);
    for (size_t i = 0; i < VD_QUERIES_MAX; i++) {
        count += store->running[i].connection != NULL ? 1 : 0;
    }
    pthread_mutex_unlock(&store->queries_mutex);
    return count;
}
