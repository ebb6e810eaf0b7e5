/* SPDX-License-Identifier: MIT */
/* The contract of the event log as tests. */

#include "tests/event_log/contract.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define READ_BYTES 4096

static void add_number(struct vd_event_batch *batch, uint64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRIu64, number);
    struct vd_event event = {
        .kind = VD_EVENT_TELEMETRY,
        .enqueued_ms = (int64_t)number,
        .device_id = VD_STR_LITERAL("dev"),
        .module_id = VD_STR_LITERAL("mod"),
        .address = VD_STR_LITERAL("192.0.2.1"),
        .properties = VD_STR_LITERAL("a=b"),
        .body = {text, (size_t)length},
    };

    assert_int_equal(vd_event_batch_add(batch, &event), VD_OK);
}

uint64_t contract_append(struct vd_event_log *log, uint64_t first, uint32_t count)
{
    struct vd_event_batch batch = {0};
    uint64_t offset = UINT64_MAX;

    for (uint32_t i = 0; i < count; i++) {
        add_number(&batch, first + i);
    }
    assert_int_equal(vd_event_log_append(log, 0, &batch, &offset), VD_OK);
    vd_event_batch_release(&batch);
    return offset;
}

static void check_batch(const struct vd_event_batch *batch, uint64_t first)
{
    struct vd_reader reader;
    struct vd_event event;
    uint32_t count = 0;
    int error;

    vd_reader_init(&reader, batch->bytes.data, batch->bytes.length);
    while ((error = vd_event_next(&reader, &event)) == VD_OK) {
        char text[24];

        snprintf(text, sizeof text, "%" PRIu64, first + count);
        assert_true(vd_str_equal_text(event.body, text));
        assert_true(vd_str_equal_text(event.module_id, "mod"));
        assert_int_equal(event.enqueued_ms, first + count);
        count++;
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
    assert_int_equal(count, batch->count);
}

uint64_t contract_check_from(
    struct vd_event_log *log, uint64_t offset, uint64_t first, size_t max_bytes)
{
    struct vd_event_batch batch = {0};
    uint64_t at = offset;
    uint64_t got = 0;
    int error;

    while ((error = vd_event_log_read(log, 0, at, max_bytes, &batch, &got)) == VD_OK) {
        assert_int_equal(got, at);
        assert_true(batch.count > 0);
        assert_true(batch.count == 1 || batch.bytes.length <= max_bytes);
        check_batch(&batch, first + (at - offset));
        at += batch.count;
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
    vd_event_batch_release(&batch);
    return at - offset;
}

void contract_empty(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    uint64_t value = 77;

    assert_int_equal(vd_event_log_read(log, 0, 0, READ_BYTES, &batch, &value), VD_E_NOT_FOUND);
    assert_int_equal(
        vd_event_log_read(log, 0, UINT64_MAX, READ_BYTES, &batch, &value), VD_E_NOT_FOUND);
    assert_int_equal(vd_event_log_append(log, 0, &batch, &value), VD_E_INVALID);
    assert_int_equal(value, 77);
    assert_int_equal(vd_event_log_end(log, 0, &value), VD_OK);
    assert_int_equal(value, 0);
    assert_int_equal(vd_event_log_trim(log, 0, 100), VD_OK);
    assert_int_equal(vd_event_log_end(log, 0, &value), VD_OK);
    assert_int_equal(value, 0);
    vd_event_batch_release(&batch);
}

void contract_order(struct vd_event_log *log)
{
    uint64_t end = 0;

    assert_int_equal(contract_append(log, 0, 1), 0);
    assert_int_equal(contract_append(log, 1, 100), 1);
    assert_int_equal(contract_append(log, 101, 3), 101);
    assert_int_equal(vd_event_log_end(log, 0, &end), VD_OK);
    assert_int_equal(end, 104);
    for (uint64_t from = 0; from < 104; from++) {
        assert_int_equal(contract_check_from(log, from, from, READ_BYTES), 104 - from);
    }
    assert_int_equal(contract_check_from(log, 104, 104, READ_BYTES), 0);
}

void contract_read_bounds(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    contract_append(log, 0, 10);
    contract_append(log, 10, 10);
    /* Every bound gives all records in order, at least one at a time. */
    for (size_t max = 0; max < 1000; max += 7) {
        assert_int_equal(contract_check_from(log, 0, 0, max), 20);
    }
    assert_int_equal(vd_event_log_read(log, 0, 5, 0, &batch, &first), VD_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(first, 5);
    vd_event_batch_release(&batch);
}

void contract_trim(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;
    uint64_t end = 0;

    for (uint64_t i = 0; i < 200; i++) {
        contract_append(log, 10 * i, 10);
    }
    assert_int_equal(vd_event_log_trim(log, 0, 1995), VD_OK);
    assert_int_equal(vd_event_log_read(log, 0, 0, READ_BYTES, &batch, &first), VD_OK);
    assert_true(first <= 1995);
    assert_int_equal(contract_check_from(log, first, first, READ_BYTES), 2000 - first);
    assert_int_equal(contract_check_from(log, 1995, 1995, READ_BYTES), 5);
    assert_int_equal(vd_event_log_trim(log, 0, UINT64_MAX), VD_OK);
    assert_int_equal(vd_event_log_end(log, 0, &end), VD_OK);
    assert_int_equal(end, 2000);
    assert_int_equal(contract_append(log, 2000, 4), 2000);
    assert_int_equal(contract_check_from(log, 2000, 2000, READ_BYTES), 4);
    vd_event_batch_release(&batch);
}

/* What is held for a second reader outlasts trims, until it is let go. */
void contract_hold(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    for (uint64_t i = 0; i < 20; i++) {
        contract_append(log, 10 * i, 10);
    }
    vd_event_log_hold(log, 0);
    assert_int_equal(vd_event_log_trim(log, 0, 200), VD_OK);
    assert_int_equal(contract_check_from(log, 0, 0, READ_BYTES), 200);
    vd_event_log_hold(log, 100);
    assert_int_equal(vd_event_log_trim(log, 0, 200), VD_OK);
    assert_int_equal(vd_event_log_read(log, 0, 0, READ_BYTES, &batch, &first), VD_OK);
    assert_int_equal(first, 100);
    assert_int_equal(vd_event_log_trim(log, 0, 50), VD_OK); /* less than what is held */
    vd_event_log_hold(log, UINT64_MAX);
    assert_int_equal(vd_event_log_trim(log, 0, 200), VD_OK);
    assert_int_equal(vd_event_log_read(log, 0, 0, READ_BYTES, &batch, &first), VD_OK);
    assert_true(first > 100);
    vd_event_batch_release(&batch);
}

#define TAIL_BYTES (1u << 20)

/* Two MiB in ten batches: the newer half of them is about one. */
void contract_tail(struct vd_event_log *log)
{
    static char body[200000];
    struct vd_event event = {.kind = VD_EVENT_TELEMETRY, .body = {body, sizeof body}};
    uint64_t offset = 7;

    assert_int_equal(vd_event_log_tail(log, 0, TAIL_BYTES, &offset), VD_OK);
    assert_int_equal(offset, 0);
    for (int i = 0; i < 10; i++) {
        struct vd_event_batch batch = {0};
        uint64_t first;

        assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
        assert_int_equal(vd_event_log_append(log, 0, &batch, &first), VD_OK);
        vd_event_batch_release(&batch);
    }
    assert_int_equal(vd_event_log_tail(log, 0, TAIL_BYTES, &offset), VD_OK);
    assert_in_range(offset, 4, 6);
    assert_int_equal(vd_event_log_tail(log, 0, 8 * TAIL_BYTES, &offset), VD_OK);
    assert_int_equal(offset, 0);
    assert_int_equal(vd_event_log_trim(log, 0, 6), VD_OK);
    assert_int_equal(vd_event_log_tail(log, 0, TAIL_BYTES, &offset), VD_OK);
    assert_int_equal(offset, 0);
}

struct waiter {
    struct vd_event_log *log;
    uint64_t offset;
    int result;
};

static void *wait_long(void *argument)
{
    struct waiter *waiter = argument;

    waiter->result = vd_event_log_wait(waiter->log, 0, waiter->offset, 30000);
    return NULL;
}

void contract_wait(struct vd_event_log *log)
{
    struct waiter waiter = {log, 1, -1};
    pthread_t thread;

    assert_int_equal(vd_event_log_wait(log, 0, 0, 0), VD_E_TIMEOUT);
    assert_int_equal(vd_event_log_wait(log, 0, 0, 20), VD_E_TIMEOUT);
    contract_append(log, 0, 1);
    assert_int_equal(vd_event_log_wait(log, 0, 0, 0), VD_OK);
    assert_int_equal(pthread_create(&thread, NULL, wait_long, &waiter), 0);
    contract_append(log, 1, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.result, VD_OK);

    waiter.offset = 2;
    assert_int_equal(pthread_create(&thread, NULL, wait_long, &waiter), 0);
    vd_event_log_interrupt(log);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.result, VD_E_CLOSED);
    assert_int_equal(vd_event_log_wait(log, 0, 2, 30000), VD_E_CLOSED);
}

#define THREAD_BATCHES 200u
#define THREAD_RECORDS 7u
#define THREAD_TOTAL   ((uint64_t)THREAD_BATCHES * THREAD_RECORDS)

static void *append_many(void *argument)
{
    struct vd_event_log *log = argument;

    for (uint64_t i = 0; i < THREAD_BATCHES; i++) {
        contract_append(log, i * THREAD_RECORDS, THREAD_RECORDS);
    }
    return NULL;
}

/* One appends, one reads as it grows, one trims what was read. */
void contract_threads(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    pthread_t thread;
    uint64_t at = 0;
    uint64_t first = 0;

    assert_int_equal(pthread_create(&thread, NULL, append_many, log), 0);
    while (at < THREAD_TOTAL) {
        assert_int_equal(vd_event_log_wait(log, 0, at, 30000), VD_OK);
        assert_int_equal(vd_event_log_read(log, 0, at, 1000, &batch, &first), VD_OK);
        assert_int_equal(first, at);
        check_batch(&batch, at);
        at += batch.count;
        assert_int_equal(vd_event_log_trim(log, 0, at), VD_OK);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    vd_event_batch_release(&batch);
}
