/* SPDX-License-Identifier: MIT */
/* The event log that tests can hold and fail. */

#include "tests/hub/fault_log.h"

#define AWAIT_S 20

/* Sorts the batch's records by whose they are; false without memory. */
static bool sort(
    const struct vd_event_batch *batch, struct vd_event_batch *messages, struct vd_event_batch *own)
{
    struct vd_reader reader;
    struct vd_event event;

    vd_reader_init(&reader, batch->bytes.data, batch->bytes.length);
    while (vd_event_next(&reader, &event) == VD_OK) {
        if (vd_event_batch_add(event.kind == VD_EVENT_OPERATION ? own : messages, &event) !=
            VD_OK) {
            return false;
        }
    }
    return true;
}

static void add_all(struct vd_event_batch *to, const struct vd_event_batch *from)
{
    vd_buf_append(&to->bytes, from->bytes.data, from->bytes.length);
    to->count += from->count;
}

static int fault_append(struct vd_event_log *base, uint32_t partition,
    const struct vd_event_batch *batch, uint64_t *first_offset)
{
    struct fault_log *log = (struct fault_log *)base;
    struct vd_event_batch messages = {0};
    struct vd_event_batch own = {0};
    int error = sort(batch, &messages, &own) ? VD_OK : VD_E_NOMEM;

    (void)partition;
    pthread_mutex_lock(&log->lock);
    if (messages.count > 0) {
        log->waiting++;
        pthread_cond_broadcast(&log->changed);
        while (log->is_held) {
            pthread_cond_wait(&log->changed, &log->lock);
        }
        log->waiting--;
        error = error != VD_OK ? error : log->fail_with;
    }
    if (error == VD_OK) {
        *first_offset = log->records.count + log->operations.count;
        add_all(&log->records, &messages);
        add_all(&log->operations, &own);
        error = log->records.bytes.error;
    } else {
        log->failed++;
    }
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    vd_event_batch_release(&messages);
    vd_event_batch_release(&own);
    return error;
}

void fault_log_init(struct fault_log *log)
{
    static const struct vd_event_log_ops ops = {.append = fault_append};

    memset(log, 0, sizeof *log);
    log->base.ops = &ops;
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
}

void fault_log_release(struct fault_log *log)
{
    vd_event_batch_release(&log->records);
    vd_event_batch_release(&log->operations);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
}

void fault_log_hold(struct fault_log *log, bool is_held)
{
    pthread_mutex_lock(&log->lock);
    log->is_held = is_held;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

void fault_log_fail(struct fault_log *log, int error)
{
    pthread_mutex_lock(&log->lock);
    log->fail_with = error;
    pthread_mutex_unlock(&log->lock);
}

/* Waits until one of the three has come. */
static bool await(struct fault_log *log, uint32_t records, unsigned waiting, unsigned failed)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AWAIT_S;
    pthread_mutex_lock(&log->lock);
    while (rc == 0 &&
        (log->records.count < records || log->waiting < waiting || log->failed < failed)) {
        rc = pthread_cond_timedwait(&log->changed, &log->lock, &until);
    }
    pthread_mutex_unlock(&log->lock);
    return rc == 0;
}

bool fault_log_await_records(struct fault_log *log, uint32_t count)
{
    return await(log, count, 0, 0);
}

bool fault_log_await_waiting(struct fault_log *log)
{
    return await(log, 0, 1, 0);
}

bool fault_log_await_failed(struct fault_log *log, unsigned count)
{
    return await(log, 0, 0, count);
}

uint32_t fault_log_count(struct fault_log *log)
{
    uint32_t count;

    pthread_mutex_lock(&log->lock);
    count = log->records.count;
    pthread_mutex_unlock(&log->lock);
    return count;
}

bool fault_log_get(struct fault_log *log, uint32_t index, struct vd_event *event)
{
    struct vd_reader reader;
    bool found = true;

    pthread_mutex_lock(&log->lock);
    vd_reader_init(&reader, log->records.bytes.data, log->records.bytes.length);
    for (uint32_t i = 0; found && i <= index; i++) {
        found = vd_event_next(&reader, event) == VD_OK;
    }
    pthread_mutex_unlock(&log->lock);
    return found;
}

json_t *fault_log_operation(struct fault_log *log, uint32_t index)
{
    struct vd_reader reader;
    struct vd_event event;
    json_t *json = NULL;

    pthread_mutex_lock(&log->lock);
    vd_reader_init(&reader, log->operations.bytes.data, log->operations.bytes.length);
    for (uint32_t i = 0; i <= index && vd_event_next(&reader, &event) == VD_OK; i++) {
        if (i == index) {
            json = json_loadb(event.body.data, event.body.length, 0, NULL);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return json;
}
