/* SPDX-License-Identifier: MIT */
/* The queries under way, and the thread that interrupts those that run too long. */

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"

#define WATCHDOG_REPEAT_MS 50
/* How long the watchdog sleeps while nothing is under way; a new query wakes it. */
#define WATCHDOG_IDLE_MS 3600000

/* Interrupts queries past their deadline; when to look again (monotonic ms). Holds queries_mutex. */
static int64_t interrupt_late(struct vd_duckdb *store, int64_t now)
{
    int64_t next = now + WATCHDOG_IDLE_MS;

    for (size_t i = 0; i < VD_QUERIES_MAX; i++) {
        struct vd_duckdb_running *r = &store->running[i];

        if (r->connection == NULL) {
            continue;
        }
        if (r->deadline_ms <= now) {
            /* Between two steps of a query an interrupt goes unheard: repeat it. */
            r->timed_out = true;
            duckdb_interrupt(r->connection);
            next = now + WATCHDOG_REPEAT_MS;
        } else if (r->deadline_ms < next) {
            next = r->deadline_ms;
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
    struct vd_duckdb *store, duckdb_connection connection, uint32_t timeout_ms)
{
    struct vd_duckdb_running *found = NULL;

    pthread_mutex_lock(&store->queries_mutex);
    for (size_t i = 0; found == NULL && i < VD_QUERIES_MAX; i++) {
        if (store->running[i].connection == NULL) {
            found = &store->running[i];
            *found = (struct vd_duckdb_running){
                .connection = connection, .deadline_ms = vd_clock_monotonic_ms() + timeout_ms};
        }
    }
    pthread_cond_signal(&store->queries_changed);
    pthread_mutex_unlock(&store->queries_mutex);
    return found;
}

bool vd_duckdb_running_remove(struct vd_duckdb *store, struct vd_duckdb_running *running)
{
    bool timed_out;

    pthread_mutex_lock(&store->queries_mutex);
    timed_out = running->timed_out;
    running->connection = NULL;
    pthread_mutex_unlock(&store->queries_mutex);
    return timed_out;
}
