/* SPDX-License-Identifier: MIT */
/* An event log in memory whose appends of messages can be held, failed and looked at; those of operations succeed. */

#ifndef VEDETTE_TESTS_HUB_FAULT_LOG_H
#define VEDETTE_TESTS_HUB_FAULT_LOG_H

#include <jansson.h>
#include <pthread.h>

#include "lib/event_log.h"

struct fault_log {
    struct vd_event_log base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vd_event_batch records;    /* messages */
    struct vd_event_batch operations; /* what the hub records about itself */
    bool is_held;                     /* appends wait until it is false */
    int fail_with;                    /* what appends answer, if not 0 */
    unsigned waiting;                 /* appends that wait now */
    unsigned failed;                  /* appends that were failed */
};

void fault_log_init(struct fault_log *log);
void fault_log_release(struct fault_log *log);
void fault_log_hold(struct fault_log *log, bool is_held);
void fault_log_fail(struct fault_log *log, int error);

/* Wait (at most 20 s) until so many records are there, appends wait, or appends failed; false when time is over. */
bool fault_log_await_records(struct fault_log *log, uint32_t count);
bool fault_log_await_waiting(struct fault_log *log);
bool fault_log_await_failed(struct fault_log *log, unsigned count);

uint32_t fault_log_count(struct fault_log *log);

/* The operation at `index` as JSON, the caller's; NULL if there is none yet. */
json_t *fault_log_operation(struct fault_log *log, uint32_t index);

/* The record at `index`; valid until the next append. */
bool fault_log_get(struct fault_log *log, uint32_t index, struct vd_event *event);

#endif
