/* SPDX-License-Identifier: MIT */
/* What the API records: its form, and its way with a hub and without one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/activity.h"

/* A bus that keeps the last event's body. */
struct keeping_bus {
    struct vd_bus base;
    struct vd_event event;
    struct vd_buf body;
    unsigned count;
    int error;
};

static int keep(struct vd_bus *bus, const struct vd_event *event)
{
    struct keeping_bus *keeping = (struct keeping_bus *)bus;

    keeping->count++;
    keeping->event = *event;
    vd_buf_clear(&keeping->body);
    vd_buf_append(&keeping->body, event->body.data, event->body.length);
    return keeping->error;
}

static const struct vd_bus_ops keeping_ops = {.record = keep};
static const struct vd_bus_ops mute_ops = {.record = NULL};

static json_t *kept(const struct keeping_bus *bus)
{
    json_t *json = json_loadb((const char *)bus->body.data, bus->body.length, 0, NULL);

    assert_non_null(json);
    return json;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

static void test_activity__form(void **state)
{
    struct keeping_bus bus = {.base = {&keeping_ops}};
    const struct vd_recorder recorder = {.bus = &bus.base, .resource_id = "/hub"};
    const struct vd_activity activity = {
        .caller = "ops",
        .address = "192.0.2.77",
        .operation_name = VD_ACTIVITY_CERTIFICATE_WRITE,
        .resource = "certificates/ca1",
        .method = "PUT",
        .details = "isVerified=0",
        .time_ms = 1764000000123,
    };
    json_t *record;

    (void)state;
    vd_activity_record(&recorder, &activity, 201);
    assert_int_equal(bus.event.kind, VD_EVENT_ACTIVITY);
    assert_int_equal(bus.event.enqueued_ms, 1764000000123);
    record = kept(&bus);
    assert_string_equal(text_of(record, "time"), "2025-11-24T16:00:00.123Z");
    assert_string_equal(text_of(record, "resourceId"), "/hub/certificates/ca1");
    assert_string_equal(
        text_of(record, "operationName"), "Microsoft.Devices/IotHubs/certificates/write");
    assert_string_equal(text_of(record, "category"), "Administrative");
    assert_string_equal(text_of(record, "level"), "Information");
    assert_string_equal(text_of(record, "caller"), "ops");
    assert_string_equal(text_of(record, "callerIpAddress"), "192.0.2.77");
    assert_string_equal(text_of(record, "status"), "Succeeded");
    assert_int_equal(json_integer_value(json_object_get(record, "statusCode")), 201);
    assert_string_equal(
        text_of(json_object_get(record, "httpRequest"), "clientIpAddress"), "192.0.2.77");
    assert_string_equal(text_of(json_object_get(record, "httpRequest"), "method"), "PUT");
    assert_string_equal(text_of(record, "properties"), "{\"details\":\"isVerified=0\"}");
    json_decref(record);
    vd_buf_release(&bus.body);
}

/* Callers' text cannot spoil the record, and what is not known is left out. */
static void test_activity__of_little_and_of_bad_text(void **state)
{
    struct keeping_bus bus = {.base = {&keeping_ops}};
    const struct vd_recorder recorder = {.bus = &bus.base, .resource_id = "/hub"};
    json_t *record;

    (void)state;
    vd_activity_record(&recorder,
        &(struct vd_activity){
            .caller = "a\"\n\xff",
            .operation_name = VD_ACTIVITY_HUB_WRITE,
            .reason = "\"quoted\"\\",
        },
        412);
    record = kept(&bus);
    assert_null(json_object_get(record, "caller"));
    assert_null(json_object_get(record, "callerIpAddress"));
    assert_string_equal(text_of(record, "resourceId"), "/hub");
    assert_string_equal(text_of(record, "level"), "Error");
    assert_string_equal(text_of(record, "status"), "Failed");
    assert_string_equal(text_of(record, "properties"), "{\"reason\":\"\\\"quoted\\\"\\\\\"}");
    json_decref(record);
    vd_buf_release(&bus.body);
}

static void record_both(const struct vd_recorder *recorder)
{
    vd_activity_record(recorder, &(struct vd_activity){.operation_name = "x", .caller = "y"}, 200);
    vd_record_operation(recorder,
        &(struct vd_operation){
            .category = VD_OPERATION_IDENTITIES,
            .name = "create",
            .device_id = "dev1",
        });
}

static void test_record__the_bus_comes_first(void **state)
{
    struct keeping_bus bus = {.base = {&keeping_ops}, .error = VD_E_LIMIT};
    struct vd_bus mute = {&mute_ops};
    struct vd_recorder recorder = {.bus = &bus.base, .resource_id = "/hub"};

    (void)state;
    record_both(&recorder);
    assert_int_equal(bus.count, 2);
    assert_int_equal(bus.event.kind, VD_EVENT_OPERATION);
    /* Nowhere to record to, which is nobody's fault. */
    recorder.bus = &mute;
    record_both(&recorder);
    recorder.bus = NULL;
    record_both(&recorder);
    record_both(NULL);
    assert_int_equal(bus.count, 2);
    vd_buf_release(&bus.body);
}

/* A command that works on the stores itself leaves its records too. */
static void test_record__into_the_log_itself(void **state)
{
    char path[] = "/tmp/vd_record_XXXXXX";
    char side[sizeof path + 8];
    const int fd = mkstemp(path);
    struct vd_event_log *log = NULL;
    struct vd_recorder recorder = {.resource_id = "/hub"};
    struct vd_event_batch batch = {0};
    struct vd_reader reader;
    struct vd_event event;
    uint64_t first = 9;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(vd_event_log_sqlite_open(path, &log), VD_OK);
    recorder.log = log;
    record_both(&recorder);
    assert_int_equal(vd_event_log_read(log, 0, 0, 65536, &batch, &first), VD_OK);
    assert_int_equal(first, 0);
    assert_int_equal(batch.count, 2);
    vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
    assert_int_equal(vd_event_next(&reader, &event), VD_OK);
    assert_int_equal(event.kind, VD_EVENT_ACTIVITY);
    assert_int_equal(vd_event_next(&reader, &event), VD_OK);
    assert_int_equal(event.kind, VD_EVENT_OPERATION);
    assert_true(vd_str_equal_text(event.device_id, "dev1"));
    vd_event_batch_release(&batch);
    vd_event_log_close(log);
    unlink(path);
    snprintf(side, sizeof side, "%s-wal", path);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", path);
    unlink(side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activity__form),
        cmocka_unit_test(test_activity__of_little_and_of_bad_text),
        cmocka_unit_test(test_record__the_bus_comes_first),
        cmocka_unit_test(test_record__into_the_log_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
