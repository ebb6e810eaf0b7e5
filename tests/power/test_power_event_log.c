/* SPDX-License-Identifier: MIT */
/* The event log loses its power: every batch that was appended is there, one that was not is there whole or not at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/event_log.h"
#include "tests/power/power.h"

#define BATCHES 60

static uint64_t trimmed; /* records before it need not be there */

static uint32_t random_below(uint32_t limit)
{
    static uint32_t random_state = 9;

    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* The record at an offset says which one it is, and is of a length of its own. */
static void add(struct vd_event_batch *batch, uint64_t offset)
{
    char body[3000];
    struct vd_event event = {.kind = VD_EVENT_TELEMETRY, .device_id = VD_STR_LITERAL("device")};

    memset(body, 'x', sizeof body);
    snprintf(body, sizeof body, "%llu ", (unsigned long long)offset);
    body[strlen(body)] = 'x';
    event.body = (struct vd_str){body, 32 + (size_t)(offset * 7919 % 2900)};
    event.enqueued_ms = (int64_t)offset;
    assert_int_equal(vd_event_batch_add(batch, &event), VD_OK);
}

/* Whether the log holds the records of `from` to `end`, and no more. */
static bool log_holds(struct vd_event_log *log, uint64_t from, uint64_t end)
{
    struct vd_event_batch batch = {0};
    uint64_t found_end = 0;
    uint64_t first = 0;
    bool is_whole = vd_event_log_end(log, 0, &found_end) == VD_OK && found_end == end;

    while (is_whole && from < end) {
        struct vd_reader reader;
        struct vd_event event;

        is_whole = vd_event_log_read(log, 0, from, 1 << 20, &batch, &first) == VD_OK &&
            first == from && batch.count > 0;
        vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
        while (is_whole && vd_event_next(&reader, &event) == VD_OK) {
            is_whole = event.enqueued_ms == (int64_t)from &&
                event.body.length == 32 + (size_t)(from * 7919 % 2900);
            from++;
        }
    }
    vd_event_batch_release(&batch);
    return is_whole;
}

static bool image_holds(size_t index, uint64_t end)
{
    struct vd_event_log *log = NULL;
    bool holds = false;

    power_image_write(index);
    if (vd_event_log_sqlite_open(power_image_path("events.db"), &log) == VD_OK) {
        holds = log_holds(log, trimmed, end);
    }
    vd_event_log_close(log);
    return holds;
}

static void check_images(uint64_t before, uint64_t after)
{
    const size_t count = power_images();

    for (size_t i = 0; i < count; i++) {
        if (!image_holds(i, after) && (i + 1 == count || !image_holds(i, before))) {
            fail_msg("records %llu to %llu, image %zu of %zu", (unsigned long long)before,
                (unsigned long long)after, i, count);
        }
    }
    power_images_drop();
}

static void test_power_event_log__keeps_what_was_appended(void **state)
{
    struct vd_event_log *log = NULL;
    struct vd_event_batch batch = {0};
    uint64_t end = 0;

    (void)state;
    assert_int_equal(vd_event_log_sqlite_open(power_path("events.db"), &log), VD_OK);
    power_images_drop();
    for (unsigned i = 0; i < BATCHES; i++) {
        uint32_t count = 1 + random_below(20);
        uint64_t first = 0;

        vd_event_batch_clear(&batch);
        for (uint32_t k = 0; k < count; k++) {
            add(&batch, end + k);
        }
        assert_int_equal(vd_event_log_append(log, 0, &batch, &first), VD_OK);
        assert_int_equal(first, end);
        power_cut();
        assert_in_range(power_images(), 3, 1000); /* it was synced */
        check_images(end, end + count);
        end += count;
        if (random_below(10) == 0) {
            trimmed += random_below((uint32_t)(end - trimmed));
            assert_int_equal(vd_event_log_trim(log, 0, trimmed), VD_OK);
            power_cut();
            check_images(end, end);
        }
    }
    vd_event_batch_release(&batch);
    vd_event_log_close(log);
    power_cut();
    check_images(end, end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_power_event_log__keeps_what_was_appended, power_set_up, power_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
