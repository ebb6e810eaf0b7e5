/* SPDX-License-Identifier: MIT */
/* The codec of event log records: round trips, bounds, damage at every place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/event.h"
#include "proto/protocol.h"

static struct vd_event sample(void)
{
    return (struct vd_event){
        .kind = VD_EVENT_SECURITY,
        .enqueued_ms = 1795507200123,
        .device_id = VD_STR_LITERAL("device"),
        .module_id = VD_STR_LITERAL("module"),
        .address = VD_STR_LITERAL("2001:db8::1"),
        .properties = VD_STR_LITERAL("%24.ct=x&a=b"),
        .body = {"body\0with a NUL", 15},
    };
}

static void assert_same(const struct vd_event *a, const struct vd_event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->over_https, b->over_https);
    assert_int_equal(a->enqueued_ms, b->enqueued_ms);
    assert_true(vd_str_equal(a->device_id, b->device_id));
    assert_true(vd_str_equal(a->module_id, b->module_id));
    assert_true(vd_str_equal(a->address, b->address));
    assert_true(vd_str_equal(a->properties, b->properties));
    assert_true(vd_str_equal(a->body, b->body));
}

static void test_event__round_trip(void **state)
{
    struct vd_event_batch batch = {0};
    struct vd_event first = sample();
    struct vd_event second = {.kind = VD_EVENT_TELEMETRY, .over_https = true, .enqueued_ms = -1};
    struct vd_event third = {.kind = VD_EVENT_OPERATION, .enqueued_ms = INT64_MAX};
    struct vd_event got;
    struct vd_reader reader;

    (void)state;
    assert_int_equal(vd_event_batch_add(&batch, &first), VD_OK);
    assert_int_equal(vd_event_batch_add(&batch, &second), VD_OK);
    assert_int_equal(vd_event_batch_add(&batch, &third), VD_OK);
    assert_int_equal(batch.count, 3);
    vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
    assert_int_equal(vd_event_next(&reader, &got), VD_OK);
    assert_same(&got, &first);
    assert_int_equal(vd_event_next(&reader, &got), VD_OK);
    assert_same(&got, &second);
    assert_int_equal(vd_event_next(&reader, &got), VD_OK);
    assert_same(&got, &third);
    assert_int_equal(vd_event_next(&reader, &got), VD_E_NOT_FOUND);
    vd_event_batch_clear(&batch);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.bytes.length, 0);
    vd_event_batch_release(&batch);
}

static void test_event__bounds(void **state)
{
    static char large[VD_MESSAGE_BODY_MAX_BYTES + 1];
    struct vd_event_batch batch = {0};
    struct vd_event event = sample();
    struct {
        struct vd_str *field;
        size_t max;
    } const fields[] = {{&event.device_id, VD_ID_MAX}, {&event.module_id, VD_ID_MAX},
        {&event.address, 64}, {&event.properties, VD_MESSAGE_PROPERTIES_MAX},
        {&event.body, VD_MESSAGE_BODY_MAX_BYTES}};

    (void)state;
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct vd_event got;
        struct vd_reader reader;

        event = sample();
        *fields[i].field = (struct vd_str){large, fields[i].max + 1};
        assert_int_equal(vd_event_batch_add(&batch, &event), VD_E_LIMIT);
        assert_int_equal(batch.count, 0);
        assert_int_equal(batch.bytes.length, 0);
        fields[i].field->length = fields[i].max;
        assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
        vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
        assert_int_equal(vd_event_next(&reader, &got), VD_OK);
        assert_same(&got, &event);
        vd_event_batch_clear(&batch);
    }
    vd_event_batch_release(&batch);
}

static void test_event__full_buffer_leaves_the_batch(void **state)
{
    struct vd_event_batch batch = {.bytes = {.max = 100}};
    struct vd_event event = sample();
    size_t length;

    (void)state;
    assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
    length = batch.bytes.length;
    assert_int_equal(vd_event_batch_add(&batch, &event), VD_E_LIMIT);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.bytes.length, length);
    assert_int_equal(batch.bytes.error, VD_OK);
    vd_event_batch_release(&batch);
}

static void test_event__cut_anywhere(void **state)
{
    struct vd_event_batch batch = {0};
    struct vd_event event = sample();

    (void)state;
    assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
    for (size_t length = 1; length < batch.bytes.length; length++) {
        /* A copy of just that length, so that reading past it is seen. */
        uint8_t *piece = malloc(length);
        struct vd_reader reader;
        struct vd_event got = {.kind = VD_EVENT_OPERATION};

        assert_non_null(piece);
        memcpy(piece, batch.bytes.data, length);
        vd_reader_init(&reader, piece, length);
        assert_int_equal(vd_event_next(&reader, &got), VD_E_CORRUPT);
        assert_int_equal(got.kind, VD_EVENT_OPERATION);
        assert_int_equal(vd_event_next(&reader, &got), VD_E_CORRUPT);
        free(piece);
    }
    vd_event_batch_release(&batch);
}

/* Any single byte of the head changed: an error or a record of the same bounds, never a read outside. */
static void test_event__changed_anywhere(void **state)
{
    struct vd_event_batch batch = {0};
    struct vd_event event = sample();
    unsigned refused = 0;

    (void)state;
    assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
    for (size_t at = 0; at < 26; at++) {
        for (int value = 0; value < 256; value++) {
            uint8_t before = batch.bytes.data[at];
            struct vd_reader reader;
            struct vd_event got;
            int error;

            batch.bytes.data[at] = (uint8_t)value;
            vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
            error = vd_event_next(&reader, &got);
            assert_true(error == VD_OK || error == VD_E_CORRUPT);
            refused += error == VD_E_CORRUPT;
            if (error == VD_OK) {
                assert_int_equal(got.device_id.length + got.module_id.length + got.address.length +
                        got.properties.length + got.body.length,
                    6 + 6 + 11 + 12 + 15);
            }
            batch.bytes.data[at] = before;
        }
    }
    /* All but the eight bytes of the time, and the kinds that there are, are refused. */
    /* ... over either way: nine of the kind's values beside its own. */
    assert_int_equal(refused, 26 * 256 - 8 * 256 - (26 - 8) - 9);
    vd_event_batch_release(&batch);
}

/* A replay of the largest record goes through a batch and comes back as it was, whatever its kind. */
static void test_event__replay(void **state)
{
    static char large[VD_MESSAGE_BODY_MAX_BYTES];
    struct vd_event_batch batch = {0};

    (void)state;
    for (int kind = VD_EVENT_TELEMETRY; kind <= VD_EVENT_ACTIVITY; kind++) {
        struct vd_event event = sample();
        struct vd_event replay;
        struct vd_event got;
        struct vd_reader reader;
        struct vd_buf body = {0};
        uint64_t offset = 0;

        event.kind = (enum vd_event_kind)kind;
        event.over_https = kind % 2 == 0;
        event.body = (struct vd_str){large, sizeof large - (size_t)(kind - 1)};
        assert_int_equal(vd_replay_write(&event, UINT64_MAX - 7, &body, &replay), VD_OK);
        assert_int_equal(replay.kind, VD_EVENT_REPLAY);
        assert_int_equal(vd_event_batch_add(&batch, &replay), VD_OK);
        vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
        assert_int_equal(vd_event_next(&reader, &got), VD_OK);
        assert_int_equal(vd_replay_read(&got, &offset, &got), VD_OK);
        assert_int_equal(offset, UINT64_MAX - 7);
        assert_same(&got, &event);
        vd_event_batch_clear(&batch);
        vd_buf_release(&body);
    }
    vd_event_batch_release(&batch);
}

static void test_event__no_replay(void **state)
{
    static const struct vd_str bodies[] = {
        {"", 0}, {"12345678", 8}, {"12345678\0", 9}, {"12345678\5", 9}, {"12345678\x85", 9}};
    struct vd_event event = sample();
    uint64_t offset = 1;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        event = sample();
        event.kind = VD_EVENT_REPLAY;
        event.body = bodies[i];
        assert_int_equal(vd_replay_read(&event, &offset, &event), VD_E_INVALID);
        assert_int_equal(offset, 1);
        assert_int_equal(event.kind, VD_EVENT_REPLAY);
    }
    event.kind = VD_EVENT_SECURITY;
    event.body = (struct vd_str){"12345678\1", 9};
    assert_int_equal(vd_replay_read(&event, &offset, &event), VD_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event__round_trip),
        cmocka_unit_test(test_event__bounds),
        cmocka_unit_test(test_event__full_buffer_leaves_the_batch),
        cmocka_unit_test(test_event__cut_anywhere),
        cmocka_unit_test(test_event__changed_anywhere),
        cmocka_unit_test(test_event__replay),
        cmocka_unit_test(test_event__no_replay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
