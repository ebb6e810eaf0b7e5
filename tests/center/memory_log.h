/* SPDX-License-Identifier: MIT */
/* An event log in memory, and a store of query tables that fails when told: faults for the tests of the center. */

#ifndef VEDETTE_TESTS_CENTER_MEMORY_LOG_H
#define VEDETTE_TESTS_CENTER_MEMORY_LOG_H

#include <pthread.h>

#include "center/store/analytics.h"
#include "lib/event_log.h"

#define MEMORY_LOG_MAX 4096

struct memory_log {
    struct vd_event_log base;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct vd_event_batch records[MEMORY_LOG_MAX]; /* one record each */
    uint64_t first;                                /* lower ones are trimmed */
    uint64_t end;
    bool interrupted;
    int fail_reads; /* answered with VD_E_IO before reading works again */
};

void memory_log_init(struct memory_log *log);
void memory_log_release(struct memory_log *log);
void memory_log_add(struct memory_log *log, const struct vd_event *event);

/* Query tables that pass everything on to `inner` but for the next appends, which fail. */
struct failing_analytics {
    struct vd_analytics base;
    struct vd_analytics *inner;
    int fail_appends;
    int error;
    bool after; /* fail after the append was done: the answer was lost, not the rows */
    uint64_t appends;
    uint64_t rows;
};

void failing_analytics_init(struct failing_analytics *failing, struct vd_analytics *inner);

#endif
