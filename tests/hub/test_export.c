/* SPDX-License-Identifier: MIT */
/* Exports to files, whole: from settings in the registry and records in the log to lines. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/hub/export_fixture.h"

#define FILE_SINK "storageAccountId"
#define ONE       SETTING("one", FILE_SINK, LOG("Connections"))

static const struct vd_export_config usual;

/* The devices of the lines, in their order, joined by blanks. */
static void expect_devices(const struct export_fixture *f, const char *name, const char *expected)
{
    char *text = export_read(f, name);
    struct vd_buf devices = {0};

    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        json_t *record;
        json_t *properties;

        assert_non_null(end);
        *end = '\0';
        record = json_loads(line, 0, NULL);
        properties = json_loads(json_string_value(json_object_get(record, "properties")), 0, NULL);
        vd_buf_printf(&devices, "%s%s", devices.length > 0 ? " " : "",
            json_string_value(json_object_get(properties, "deviceId")));
        json_decref(properties);
        json_decref(record);
        line = end + 1;
    }
    vd_buf_append(&devices, "", 1);
    assert_string_equal((const char *)devices.data, expected);
    vd_buf_release(&devices);
    free(text);
}

static bool has_caught_up(const struct vd_export_stats *stats)
{
    return stats->behind == 0;
}

static bool is_failing(const struct vd_export_stats *stats)
{
    return stats->state == VD_EXPORT_FAILING;
}

static bool is_working(const struct vd_export_stats *stats)
{
    return stats->state == VD_EXPORT_WORKING && stats->behind == 0;
}

static void connect(struct export_fixture *f, const char *device)
{
    (void)export_append(f, VD_OPERATION_CONNECTIONS, device);
}

/* A setting begins where it is made, its categories decide, and a start goes on where the last one ended. */
static void test_export__to_a_file(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_stats stats;

    connect(f, "before");
    export_start(f, usual);
    connect(f, "also-before");
    export_settings(f, ONE);
    connect(f, "a");
    (void)export_append(f, VD_OPERATION_METHODS, "not-asked-for");
    for (int i = 0; i < 10; i++) {
        export_append_telemetry(f, 250000); /* more than is read at a time */
    }
    connect(f, "b");
    export_await(f, has_caught_up);
    stats = export_stats(f);
    assert_string_equal(stats.setting, "one");
    assert_int_equal(stats.state, VD_EXPORT_WORKING);
    assert_int_equal(stats.worker.delivered, 2);
    assert_int_equal(stats.worker.skipped, 0);
    expect_devices(f, "one.jsonl", "a b");
    export_stop(f);
    connect(f, "c");
    export_start(f, usual);
    export_await(f, has_caught_up);
    expect_devices(f, "one.jsonl", "a b c");
}

static void test_export__a_change_of_categories_holds_at_once(void **state)
{
    struct export_fixture *f = *state;

    export_start(f, usual);
    export_settings(f, ONE);
    connect(f, "a");
    export_await(f, has_caught_up);
    export_settings(f, SETTING("One", FILE_SINK, LOG("DirectMethods")));
    connect(f, "not-any-more");
    (void)export_append(f, VD_OPERATION_METHODS, "b");
    export_await_lines(f, "one.jsonl", 2);
    expect_devices(f, "one.jsonl", "a b");
}

/* A deleted setting leaves no place: made anew, it begins anew, and meanwhile nothing is held. */
static void test_export__a_deleted_setting(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_stats stats[VD_EXPORT_SINKS_MAX];
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    export_start(f, usual);
    export_settings(f, ONE "," SETTING("two", FILE_SINK, LOG("Connections")));
    connect(f, "a");
    export_await_lines(f, "one.jsonl", 1);
    export_await_lines(f, "two.jsonl", 1);
    export_settings(f, SETTING("two", FILE_SINK, LOG("Connections")));
    assert_int_equal(vd_export_stats_get(f->exporter, stats), 1);
    connect(f, "b");
    export_await_lines(f, "two.jsonl", 2);
    export_settings(f, ONE "," SETTING("two", FILE_SINK, LOG("Connections")));
    connect(f, "c");
    export_await_lines(f, "one.jsonl", 2);
    expect_devices(f, "one.jsonl", "a c");
    export_settings(f, "");
    assert_int_equal(vd_export_stats_get(f->exporter, stats), 0);
    connect(f, "d");
    assert_int_equal(vd_event_log_trim(f->log, 0, 3), VD_OK);
    assert_int_equal(vd_event_log_read(f->log, 0, 0, 1, &batch, &first), VD_OK);
    assert_int_equal(first, 3);
    vd_event_batch_release(&batch);
}

static void block_files(const struct export_fixture *f)
{
    FILE *file = fopen(f->files, "we"); /* a file where the folder would be */

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* A sink that cannot write says so, the log is kept for it, and once it can nothing is missing. */
static void test_export__failing_and_back(void **state)
{
    struct export_fixture *f = *state;
    struct vd_event_batch batch = {0};
    uint64_t first = 9;

    block_files(f);
    export_start(f, usual);
    export_settings(f, ONE);
    connect(f, "a");
    connect(f, "b");
    export_await(f, is_failing);
    assert_true(export_stats(f).worker.reason[0] != '\0');
    assert_int_equal(export_stats(f).behind, 2);
    assert_int_equal(vd_event_log_trim(f->log, 0, 2), VD_OK);
    assert_int_equal(vd_event_log_read(f->log, 0, 0, 1, &batch, &first), VD_OK);
    assert_int_equal(first, 0);
    vd_event_batch_release(&batch);
    assert_int_equal(unlink(f->files), 0);
    export_await(f, is_working);
    expect_devices(f, "one.jsonl", "a b");
    assert_true(export_stats(f).worker.failures > 0);
}

static bool is_full(const struct vd_export_stats *stats)
{
    return stats->state == VD_EXPORT_FAILING &&
        strcmp(stats->worker.reason, vd_error_text(VD_E_FULL)) == 0;
}

/* On a full disk a sink waits and says why; with room again every record is there once, and whole. */
static void test_export__full_disk(void **state)
{
    static char block[200 << 10];
    struct export_fixture *f = *state;
    struct vd_buf expected = {0};
    char ballast[128];
    FILE *file;
    int count = 0;

    assert_int_equal(mkdir(f->files, 0700), 0);
    if (mount("tmpfs", f->files, "tmpfs", 0, "size=256k,mode=700") != 0) {
        skip();
    }
    snprintf(ballast, sizeof ballast, "%s/ballast", f->files);
    file = fopen(ballast, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(block, 1, sizeof block, file), sizeof block);
    assert_int_equal(fclose(file), 0);
    export_start(f, usual);
    export_settings(f, ONE);
    for (struct vd_export_stats stats = export_stats(f); !is_full(&stats);
         stats = export_stats(f)) {
        char device[16];

        snprintf(device, sizeof device, "d%d", count);
        connect(f, device);
        vd_buf_printf(&expected, "%s%s", count > 0 ? " " : "", device);
        assert_true(++count < 2000);
    }
    vd_buf_append(&expected, "", 1);
    assert_int_equal(unlink(ballast), 0);
    export_await(f, is_working);
    expect_devices(f, "one.jsonl", (const char *)expected.data);
    vd_buf_release(&expected);
    export_stop(f);
    assert_int_equal(umount(f->files), 0);
}

/* Where the place cannot be stored, the log is kept, and what was written is not written again. */
static void test_export__place_that_cannot_be_stored(void **state)
{
    struct export_fixture *f = *state;
    char beside[128];

    export_start(f, usual);
    export_settings(f, ONE);
    snprintf(beside, sizeof beside, "%s.new", f->places_file);
    assert_int_equal(mkdir(beside, 0700), 0); /* where it is written first */
    connect(f, "a");
    export_await(f, is_failing);
    connect(f, "b");
    export_await_lines(f, "one.jsonl", 2);
    assert_int_equal(rmdir(beside), 0);
    export_await(f, is_working);
    expect_devices(f, "one.jsonl", "a b");
    export_stop(f);
    export_start(f, usual);
    export_await(f, has_caught_up);
    expect_devices(f, "one.jsonl", "a b");
}

static bool has_skipped(const struct vd_export_stats *stats)
{
    return stats->worker.skipped > 0;
}

/* More than may wait: the oldest is given up, and counted over restarts; the newest comes. */
static void test_export__too_far_behind(void **state)
{
    struct export_fixture *f = *state;
    const struct vd_export_config small = {.backlog_max_bytes = 1 << 20};
    uint64_t skipped;

    block_files(f);
    export_start(f, small);
    export_settings(f, ONE);
    connect(f, "lost");
    export_await(f, is_failing);
    for (int i = 0; i < 12; i++) {
        export_append_telemetry(f, 250000);
    }
    connect(f, "kept");
    export_await(f, has_skipped);
    skipped = export_stats(f).worker.skipped;
    export_stop(f);
    assert_int_equal(unlink(f->files), 0);
    export_start(f, small);
    export_await(f, is_working);
    /* Telemetry behind what was given up may have been read, and is none of it then. */
    assert_in_range(export_stats(f).worker.skipped, skipped, 12);
    expect_devices(f, "one.jsonl", "kept");
}

/* Sinks that are not configured are said, and hold nothing. */
static void test_export__off(void **state)
{
    struct export_fixture *f = *state;
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    export_start(f, usual);
    export_settings(f, SETTING("one", "eventHubAuthorizationRuleId", LOG("Connections")));
    connect(f, "a");
    connect(f, "b");
    assert_int_equal(export_stats(f).state, VD_EXPORT_OFF);
    assert_int_equal(export_stats(f).kind, VD_EXPORT_WEBHOOK);
    assert_int_equal(vd_event_log_trim(f->log, 0, 1), VD_OK);
    assert_int_equal(vd_event_log_read(f->log, 0, 0, 1, &batch, &first), VD_OK);
    assert_int_equal(first, 1);
    vd_event_batch_release(&batch);
}

/* Places that were stored before the lines' would be lost: a stop right after a delivery repeats nothing and loses nothing. */
static void test_export__stops_and_starts(void **state)
{
    struct export_fixture *f = *state;
    struct vd_buf expected = {0};

    export_start(f, usual);
    export_settings(f, ONE);
    for (int i = 0; i < 30; i++) {
        char device[16];

        snprintf(device, sizeof device, "d%d", i);
        connect(f, device);
        vd_buf_printf(&expected, "%s%s", i > 0 ? " " : "", device);
        export_stop(f);
        export_start(f, usual);
    }
    export_await(f, has_caught_up);
    vd_buf_append(&expected, "", 1);
    expect_devices(f, "one.jsonl", (const char *)expected.data);
    vd_buf_release(&expected);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_export__##name, export_set_up, export_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(to_a_file),
        TEST(a_change_of_categories_holds_at_once),
        TEST(a_deleted_setting),
        TEST(failing_and_back),
        TEST(full_disk),
        TEST(place_that_cannot_be_stored),
        TEST(too_far_behind),
        TEST(off),
        TEST(stops_and_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
