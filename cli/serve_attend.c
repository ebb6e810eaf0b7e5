/* SPDX-License-Identifier: MIT */
/* The main thread of a service while it runs. */

#include "cli/serve_attend.h"

#include <signal.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli/manager.h"
#include "lib/clock.h"

#define TRIM_EVERY_MS (5 * 60 * 1000)

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

void vd_serve_hangup_block(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void vd_serve_signals_block(void)
{
    sigset_t set;

    ending_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* One that ends it once more does so as by default: every store survives that. */
static void release_signals(void)
{
    sigset_t set;

    ending_signals(&set);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/*
 * Gives back to the system what other threads freed: a backup, a burst of connections or the answer to a query leaves it in the
 * arena of its thread, which may not ask for memory again for hours.
 */
static void trim(int64_t now_ms, int64_t *last_ms)
{
    if (now_ms - *last_ms < TRIM_EVERY_MS) {
        return;
    }
    *last_ms = now_ms;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

int vd_serve_attend(struct vd_health *health, void (*reload)(void *context), void *context)
{
    const struct timespec at_once = {0, 0};
    struct vd_manager_watch watch;
    int64_t trimmed_ms = vd_clock_monotonic_ms();
    sigset_t ending;
    sigset_t set;
    int number = -1;

    ending_signals(&ending);
    set = ending;
    sigaddset(&set, SIGHUP);
    vd_manager_watch_begin(&watch);
    vd_manager_ready();
    while (number < 0) {
        /* The watchdog may want its word more often than the facts change. */
        const int64_t step_ms = watch.interval_ms > 0 && watch.interval_ms / 4 < VD_HEALTH_PROBE_MS
            ? watch.interval_ms / 4
            : VD_HEALTH_PROBE_MS;
        const struct timespec step = {step_ms / 1000, step_ms % 1000 * 1000000L};

        vd_health_probe(health);
        vd_manager_watch_tick(&watch, vd_health_now(health), vd_clock_monotonic_ms());
        trim(vd_clock_monotonic_ms(), &trimmed_ms);
        number = sigtimedwait(&set, NULL, &step); /* -1: the time is over, or another signal */
        if (number == SIGHUP) {
            reload(context);
            /* Of several the lowest comes first: many of this one must not keep those that end it waiting. */
            number = sigtimedwait(&ending, NULL, &at_once);
        }
    }
    vd_health_set_stopping(health);
    vd_manager_stopping();
    release_signals();
    return number;
}
