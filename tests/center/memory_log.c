/* SPDX-License-Identifier: MIT */
/* The event log's contract over an array, and query tables with faults. */

#include "tests/center/memory_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"

static struct memory_log *memory_of(struct vd_event_log *log)
{
    return (struct memory_log *)(void *)log;
}

static int log_append(struct vd_event_log *base, uint32_t partition,
    const struct vd_event_batch *batch, uint64_t *first_offset)
{
    struct memory_log *log = memory_of(base);
    struct vd_reader reader;
    struct vd_event event;

    (void)partition;
    vd_reader_init(&reader, batch->bytes.data, batch->bytes.length);
    pthread_mutex_lock(&log->mutex);
    *first_offset = log->end;
    while (vd_event_next(&reader, &event) == VD_OK) {
        if (log->end == MEMORY_LOG_MAX ||
            vd_event_batch_add(&log->records[log->end], &event) != VD_OK) {
            pthread_mutex_unlock(&log->mutex);
            return VD_E_FULL;
        }
        log->end++;
    }
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
    return VD_OK;
}

static int log_read(struct vd_event_log *base, uint32_t partition, uint64_t offset,
    size_t max_bytes, struct vd_event_batch *out, uint64_t *first_offset)
{
    struct memory_log *log = memory_of(base);
    int error = VD_OK;

    (void)partition;
    pthread_mutex_lock(&log->mutex);
    offset = offset < log->first ? log->first : offset;
    vd_event_batch_clear(out);
    if (log->fail_reads > 0) {
        log->fail_reads--;
        error = VD_E_IO;
    } else if (offset >= log->end) {
        error = VD_E_NOT_FOUND;
    }
    for (uint64_t i = offset; error == VD_OK && i < log->end; i++) {
        const struct vd_buf *record = &log->records[i].bytes;

        if (out->count > 0 && out->bytes.length + record->length > max_bytes) {
            break;
        }
        vd_buf_append(&out->bytes, record->data, record->length);
        out->count++;
        error = out->bytes.error;
    }
    if (error == VD_OK) {
        *first_offset = offset;
    }
    pthread_mutex_unlock(&log->mutex);
    return error;
}

static int log_wait(struct vd_event_log *base, uint32_t partition, uint64_t offset, int timeout_ms)
{
    struct memory_log *log = memory_of(base);
    int64_t until_ms = vd_clock_utc_ms() + timeout_ms;
    struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;
    int error = VD_OK;

    (void)partition;
    pthread_mutex_lock(&log->mutex);
    while (code == 0 && !log->interrupted && log->end <= offset) {
        code = pthread_cond_timedwait(&log->changed, &log->mutex, &until);
    }
    if (log->interrupted) {
        error = VD_E_CLOSED;
    } else if (log->end <= offset) {
        error = VD_E_TIMEOUT;
    }
    pthread_mutex_unlock(&log->mutex);
    return error;
}

static int log_trim(struct vd_event_log *base, uint32_t partition, uint64_t offset)
{
    struct memory_log *log = memory_of(base);

    (void)partition;
    pthread_mutex_lock(&log->mutex);
    if (offset > log->first) {
        log->first = offset;
    }
    pthread_mutex_unlock(&log->mutex);
    return VD_OK;
}

static int log_end(struct vd_event_log *base, uint32_t partition, uint64_t *end)
{
    (void)partition;
    *end = memory_of(base)->end;
    return VD_OK;
}

static void log_interrupt(struct vd_event_log *base)
{
    struct memory_log *log = memory_of(base);

    pthread_mutex_lock(&log->mutex);
    log->interrupted = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
}

static void log_close(struct vd_event_log *base)
{
    (void)base;
}

static const struct vd_event_log_ops log_ops = {
    .append = log_append,
    .read = log_read,
    .wait = log_wait,
    .trim = log_trim,
    .end = log_end,
    .interrupt = log_interrupt,
    .close = log_close,
};

void memory_log_init(struct memory_log *log)
{
    memset(log, 0, sizeof *log);
    log->base.ops = &log_ops;
    pthread_mutex_init(&log->mutex, NULL);
    pthread_cond_init(&log->changed, NULL);
}

void memory_log_release(struct memory_log *log)
{
    for (size_t i = 0; i < MEMORY_LOG_MAX; i++) {
        vd_event_batch_release(&log->records[i]);
    }
    pthread_mutex_destroy(&log->mutex);
    pthread_cond_destroy(&log->changed);
}

void memory_log_add(struct memory_log *log, const struct vd_event *event)
{
    struct vd_event_batch batch = {0};
    uint64_t first;

    assert_int_equal(vd_event_batch_add(&batch, event), VD_OK);
    assert_int_equal(vd_event_log_append(&log->base, 0, &batch, &first), VD_OK);
    vd_event_batch_release(&batch);
}

/* ---- Query tables with faults ---- */

static struct failing_analytics *failing_of(struct vd_analytics *analytics)
{
    return (struct failing_analytics *)(void *)analytics;
}

static int failing_append(
    struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset)
{
    struct failing_analytics *f = failing_of(analytics);
    int error;

    if (f->fail_appends > 0 && !f->after) {
        f->fail_appends--;
        return f->error;
    }
    error = vd_analytics_append(f->inner, rows, next_offset);
    f->appends += error == VD_OK ? 1 : 0;
    f->rows += error == VD_OK ? rows->raw_event_count + rows->flow_count : 0;
    if (f->fail_appends > 0) {
        f->fail_appends--;
        return f->error;
    }
    return error;
}

static int failing_offset(struct vd_analytics *analytics, uint64_t *next_offset)
{
    return vd_analytics_offset(failing_of(analytics)->inner, next_offset);
}

static int failing_query(struct vd_analytics *analytics, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size)
{
    return vd_analytics_query(
        failing_of(analytics)->inner, sql, limits, result, error_text, error_size);
}

static int failing_maintain(struct vd_analytics *analytics, int64_t now_ms)
{
    return vd_analytics_maintain(failing_of(analytics)->inner, now_ms);
}

static void failing_stats(struct vd_analytics *analytics, struct vd_analytics_stats *out)
{
    vd_analytics_stats(failing_of(analytics)->inner, out);
}

static uint32_t failing_queries_running(struct vd_analytics *analytics)
{
    return vd_analytics_queries_running(failing_of(analytics)->inner);
}

static void failing_close(struct vd_analytics *analytics)
{
    vd_analytics_close(failing_of(analytics)->inner);
}

void failing_analytics_init(struct failing_analytics *failing, struct vd_analytics *inner)
{
    static const struct vd_analytics_ops ops = {
        .append = failing_append,
        .offset = failing_offset,
        .query = failing_query,
        .queries_running = failing_queries_running,
        .maintain = failing_maintain,
        .stats = failing_stats,
        .close = failing_close,
    };

    *failing = (struct failing_analytics){.base = {&ops}, .inner = inner};
}
