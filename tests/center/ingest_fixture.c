/* SPDX-License-Identifier: MIT */
/* Opens the stores of an ingest, fills its log, and reads what came of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/center/ingest_fixture.h"

static const char indicators[] = "192.0.2.0/24 # a documentation range\n"
                                 "192.0.2.99\n"
                                 "2001:db8:bad::/48\n";

struct vd_center_config ingest_config(struct ingest_fixture *f)
{
    return (struct vd_center_config){
        .log = &f->log.base,
        .analytics = &f->analytics.base,
        .store = f->store,
        .fleet = f->fleet,
        .detection = {.lateness_ms = 60000, .silent_after_ms = 72 * 3600000LL},
    };
}

void ingest_open_stores(struct ingest_fixture *f)
{
    char path[600];
    char center[600];
    char text[256];
    struct vd_duckdb_options options = {
        .folder = path, .resource_id = "/hub", .center_path = center};
    struct vd_center_config config;

    snprintf(center, sizeof center, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(center, &f->store), VD_OK);
    snprintf(path, sizeof path, "%s/raw", f->folder);
    if (vd_analytics_duckdb_open(&options, &f->duckdb, text, sizeof text) != VD_OK) {
        fail_msg("%s", text);
    }
    failing_analytics_init(&f->analytics, f->duckdb);
    config = ingest_config(f);
    assert_int_equal(vd_ingest_init(&f->ingest, &config), VD_OK);
    if (f->read_bytes != 0) {
        f->ingest.read_bytes = f->read_bytes;
    }
}

void ingest_close_stores(struct ingest_fixture *f)
{
    vd_ingest_release(&f->ingest);
    vd_alert_store_close(f->store);
    vd_analytics_close(f->duckdb);
    f->store = NULL;
    f->duckdb = NULL;
}

void ingest_import(struct ingest_fixture *f, const char *feed, const char *list)
{
    const struct vd_str text = vd_str_from(list);
    const struct vd_feed_put put = {.name = feed, .text = &text, .now_ms = INGEST_T0_MS};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";

    if (vd_feeds_put(f->store, &put, &report, problem) != VD_OK) {
        fail_msg("%s", problem);
    }
}

int ingest_setup(void **state)
{
    struct ingest_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    memory_log_init(&f->log);
    ingest_open_stores(f);
    ingest_import(f, "test-feed", indicators);
    *state = f;
    return 0;
}

int ingest_teardown(void **state)
{
    struct ingest_fixture *f = *state;

    ingest_close_stores(f);
    memory_log_release(&f->log);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

void ingest_add_body(struct ingest_fixture *f, enum vd_event_kind kind, const char *device,
    const char *module, int64_t enqueued_ms, struct vd_str body)
{
    struct vd_event record = {
        .kind = kind,
        .enqueued_ms = enqueued_ms,
        .device_id = vd_str_from(device),
        .module_id = vd_str_from(module),
        .address = VD_STR_LITERAL("127.0.0.1"),
        .properties = VD_STR_LITERAL("a=b"),
        .body = body,
    };

    memory_log_add(&f->log, &record);
}

void ingest_add_message(struct ingest_fixture *f, const char *device, int64_t enqueued_ms,
    const struct test_event *events, size_t count)
{
    struct vd_buf body = {0};

    test_message_write(&body, events, count);
    ingest_add_body(f, VD_EVENT_SECURITY, device, "", enqueued_ms,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
}

void ingest_add_replay(struct ingest_fixture *f, uint64_t letter, const char *device,
    int64_t enqueued_ms, const struct test_event *events, size_t count)
{
    struct vd_buf message = {0};
    struct vd_buf body = {0};
    struct vd_event record = {
        .kind = VD_EVENT_SECURITY,
        .enqueued_ms = enqueued_ms,
        .device_id = vd_str_from(device),
        .address = VD_STR_LITERAL("127.0.0.1"),
        .body = VD_STR_LITERAL("garbage"),
    };
    struct vd_event replay;

    if (count > 0) {
        test_message_write(&message, events, count);
        record.body = (struct vd_str){(char *)message.data, message.length};
    }
    assert_int_equal(vd_replay_write(&record, letter, &body, &replay), VD_OK);
    memory_log_add(&f->log, &replay);
    vd_buf_release(&body);
    vd_buf_release(&message);
}

void ingest_add_flow(
    struct ingest_fixture *f, const char *device, uint64_t id, uint32_t time_s, const char *remote)
{
    const struct test_flow flow = {
        strchr(remote, ':') != NULL ? "2001:db8::1" : "10.0.0.2", remote, 40000, 443, 11, 22, 0};
    const struct test_event event = {test_uuid(id), time_s, 10, 1, &flow, 1};

    ingest_add_message(f, device, (int64_t)time_s * 1000 + 700, &event, 1);
}

void ingest_run_all(struct ingest_fixture *f)
{
    int error = vd_ingest_refresh(&f->ingest);

    while (error == VD_OK) {
        error = vd_ingest_step(&f->ingest);
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
}

json_t *ingest_alerts(struct ingest_fixture *f)
{
    json_t *alerts = NULL;
    struct vd_alert_filter filter = {0};

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    return alerts;
}

json_t *ingest_rows(struct ingest_fixture *f, const char *sql)
{
    json_t *result = NULL;
    json_t *rows;
    char text[256];

    if (vd_analytics_query(f->duckdb, sql, NULL, &result, text, sizeof text) != VD_OK) {
        fail_msg("%s: %s", sql, text);
    }
    rows = json_incref(json_object_get(result, "rows"));
    json_decref(result);
    return rows;
}

const char *ingest_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

/* Waits until `done` says so; fails after 30 s. */
static void wait_until(
    struct vd_center *center, bool (*done)(const struct vd_center_stats *, uint64_t), uint64_t n)
{
    int64_t deadline = vd_clock_monotonic_ms() + 30000;
    struct vd_center_stats stats;

    for (;;) {
        vd_center_stats_get(center, &stats);
        if (done(&stats, n)) {
            return;
        }
        if (vd_clock_monotonic_ms() > deadline) {
            fail_msg("next_offset %llu", (unsigned long long)stats.next_offset);
        }
        usleep(2000);
    }
}

static bool is_at(const struct vd_center_stats *stats, uint64_t offset)
{
    return stats->next_offset >= offset && stats->stalled == 0;
}

static bool is_stalled(const struct vd_center_stats *stats, uint64_t unused)
{
    (void)unused;
    return stats->stalled == 1;
}

void ingest_wait_at(struct vd_center *center, uint64_t offset)
{
    wait_until(center, is_at, offset);
}

void ingest_wait_stalled(struct vd_center *center)
{
    wait_until(center, is_stalled, 0);
}
