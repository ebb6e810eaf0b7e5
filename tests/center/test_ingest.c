/* SPDX-License-Identifier: MIT */
/* From the log to alerts and rows: the same result however the stream is cut, fails, restarts or is killed. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/detect/rule.h"
#include "center/ingest.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/memory_log.h"
#include "tests/center/message.h"

#define T0_MS 1764000000000LL /* 2025-11-24T16:00:00Z */
#define T0_S  1764000000u

static const char indicators[] = "192.0.2.0/24 # a documentation range\n"
                                 "192.0.2.99\n"
                                 "2001:db8:bad::/48\n";

struct fixture {
    char *folder;
    struct memory_log log;
    struct vd_alert_store *store;
    struct vd_analytics *duckdb;
    struct failing_analytics analytics;
    struct vd_ingest ingest;
    size_t read_bytes;
};

static void open_stores(struct fixture *f)
{
    char path[600];
    char text[256];
    struct vd_duckdb_options options = {.folder = path, .resource_id = "/hub"};

    snprintf(path, sizeof path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
    snprintf(path, sizeof path, "%s/raw", f->folder);
    if (vd_analytics_duckdb_open(&options, &f->duckdb, text, sizeof text) != VD_OK) {
        fail_msg("%s", text);
    }
    failing_analytics_init(&f->analytics, f->duckdb);
    assert_int_equal(vd_ingest_init(&f->ingest, &f->log.base, &f->analytics.base, f->store), VD_OK);
    if (f->read_bytes != 0) {
        f->ingest.read_bytes = f->read_bytes;
    }
}

static void close_stores(struct fixture *f)
{
    vd_ingest_release(&f->ingest);
    vd_alert_store_close(f->store);
    vd_analytics_close(f->duckdb);
    f->store = NULL;
    f->duckdb = NULL;
}

static void import_list(struct fixture *f)
{
    struct vd_import_result result;

    assert_int_equal(
        vd_alert_store_import_indicators(f->store, "test-feed", vd_str_from(indicators), &result),
        VD_OK);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    memory_log_init(&f->log);
    open_stores(f);
    import_list(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    close_stores(f);
    memory_log_release(&f->log);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

/* ---- Records ---- */

static void add_body(struct fixture *f, enum vd_event_kind kind, const char *device,
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

static void add_message(struct fixture *f, const char *device, int64_t enqueued_ms,
    const struct test_event *events, size_t count)
{
    struct vd_buf body = {0};

    test_message_write(&body, events, count);
    add_body(f, VD_EVENT_SECURITY, device, "", enqueued_ms,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
}

/* One event with one flow to `remote`. */
static void add_flow(
    struct fixture *f, const char *device, uint64_t id, uint32_t time_s, const char *remote)
{
    const struct test_flow flow = {
        strchr(remote, ':') != NULL ? "2001:db8::1" : "10.0.0.2", remote, 40000, 443, 11, 22, 0};
    const struct test_event event = {test_uuid(id), time_s, 10, 1, &flow, 1};

    add_message(f, device, (int64_t)time_s * 1000 + 700, &event, 1);
}

static void run_all(struct fixture *f)
{
    int error = vd_ingest_refresh_indicators(&f->ingest);

    while (error == VD_OK) {
        error = vd_ingest_step(&f->ingest);
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
}

static json_t *alerts_of(struct fixture *f)
{
    json_t *alerts = NULL;
    struct vd_alert_filter filter = {0};

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    return alerts;
}

static json_t *rows_of(struct fixture *f, const char *sql)
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

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

/* ---- What an alert says ---- */

static void check_evidence(const json_t *evidence)
{
    assert_string_equal(text_at(evidence, "rawEventId"), "00000000-0000-0000-0000-000000000007");
    assert_string_equal(text_at(evidence, "time"), "2025-11-24T16:00:00.000Z");
    assert_string_equal(text_at(evidence, "protocol"), "TCP");
    assert_string_equal(text_at(evidence, "localAddress"), "10.0.0.2");
    assert_string_equal(text_at(evidence, "remoteAddress"), "192.0.2.99");
    assert_int_equal(json_integer_value(json_object_get(evidence, "localPort")), 40000);
    assert_int_equal(json_integer_value(json_object_get(evidence, "remotePort")), 443);
    assert_int_equal(json_integer_value(json_object_get(evidence, "bytesIn")), 11);
    assert_int_equal(json_integer_value(json_object_get(evidence, "bytesOut")), 22);
    assert_int_equal(
        json_integer_value(json_object_get(evidence, "collectionIntervalSeconds")), 10);
}

static void test_alert__facts(void **state)
{
    struct fixture *f = *state;
    json_t *alerts;
    json_t *alert;
    struct vd_str indicator;

    add_flow(f, "dev-1", 7, T0_S, "192.0.2.99");
    run_all(f);
    alerts = alerts_of(f);
    assert_int_equal(json_array_size(alerts), 1);
    alert = json_array_get(alerts, 0);
    assert_string_equal(text_at(alert, "alertType"), "IoT_TiConnection");
    assert_string_equal(
        text_at(alert, "displayName"), "Communication with a suspicious IP address detected");
    assert_string_equal(text_at(alert, "severity"), "Medium");
    assert_string_equal(text_at(alert, "deviceId"), "dev-1");
    assert_string_equal(text_at(alert, "subject"), "192.0.2.99");
    assert_string_equal(text_at(alert, "startTime"), "2025-11-24T15:59:50.000Z");
    assert_string_equal(text_at(alert, "endTime"), "2025-11-24T16:00:00.000Z");
    assert_string_equal(text_at(alert, "description"),
        "Device dev-1 exchanged TCP traffic with 192.0.2.99 port 443 between "
        "2025-11-24T15:59:50.000Z and 2025-11-24T16:00:00.000Z: 22 bytes out, 11 bytes in. The "
        "address is on the list \"test-feed\" as 192.0.2.99.");
    indicator = vd_str_from(text_at(json_object_get(alert, "indicator"), "value"));
    assert_true(vd_str_equal_text(indicator, "192.0.2.99"));
    assert_true(json_array_size(json_object_get(alert, "remediationSteps")) >= 3);
    assert_int_equal(json_array_size(json_object_get(alert, "evidence")), 1);
    check_evidence(json_array_get(json_object_get(alert, "evidence"), 0));
    json_decref(alerts);
}

/* Once a device, address and day; repeats are counted and move the end. */
static void test_alert__once_a_device_address_and_day(void **state)
{
    struct fixture *f = *state;
    json_t *alerts;

    add_flow(f, "dev-1", 1, T0_S, "192.0.2.1");
    add_flow(f, "dev-1", 2, T0_S + 60, "192.0.2.1");
    add_flow(f, "dev-1", 3, T0_S + 120, "192.0.2.2");
    add_flow(f, "dev-2", 4, T0_S + 180, "192.0.2.1");
    add_flow(f, "dev-1", 5, T0_S + 86400, "192.0.2.1");
    add_flow(f, "dev-1", 6, T0_S + 240, "2001:db8:bad::7");
    run_all(f);
    alerts = alerts_of(f);
    assert_int_equal(json_array_size(alerts), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(alerts, 4), "count")), 2);
    assert_string_equal(text_at(json_array_get(alerts, 4), "endTime"), "2025-11-24T16:01:00.000Z");
    assert_string_equal(
        text_at(json_array_get(alerts, 4), "startTime"), "2025-11-24T15:59:50.000Z");
    json_decref(alerts);
    assert_int_equal(f->ingest.stats.alerts_raised, 5);
    assert_int_equal(f->ingest.stats.alerts_repeated, 1);
}

/* What must not alert: an address beside the list, the local end on the list, telemetry, an empty event. */
static void test_alert__counter_examples(void **state)
{
    static const struct test_flow local_listed = {"192.0.2.1", "203.0.113.5", 1, 2, 3, 4, 0};
    struct fixture *f = *state;
    const struct test_event inward = {test_uuid(3), T0_S, 10, 1, &local_listed, 1};
    const struct test_event empty = {test_uuid(4), T0_S, 10, 1, NULL, 0};
    struct vd_buf body = {0};
    const struct test_flow hit = {"10.0.0.2", "192.0.2.1", 1, 2, 3, 4, 0};
    const struct test_event telemetry = {test_uuid(5), T0_S, 10, 1, &hit, 1};
    json_t *alerts;

    add_flow(f, "dev-1", 1, T0_S, "192.0.3.1");
    add_flow(f, "dev-1", 2, T0_S, "2001:db8:bae::1");
    add_message(f, "dev-1", T0_MS, &inward, 1);
    add_message(f, "dev-1", T0_MS, &empty, 1);
    test_message_write(&body, &telemetry, 1);
    add_body(
        f, VD_EVENT_TELEMETRY, "dev-1", "", T0_MS, (struct vd_str){(char *)body.data, body.length});
    add_body(f, VD_EVENT_OPERATION, "dev-1", "", T0_MS, VD_STR_LITERAL("{}"));
    vd_buf_release(&body);
    run_all(f);
    alerts = alerts_of(f);
    assert_int_equal(json_array_size(alerts), 0);
    json_decref(alerts);
    assert_int_equal(f->ingest.stats.records, 6);
    assert_int_equal(f->ingest.stats.messages, 4);
    assert_int_equal(f->ingest.stats.raw_events, 4);
    assert_int_equal(f->ingest.stats.dead_letters, 0);
}

/* Indicators count from the moment that they are imported. */
static void test_alert__new_indicator(void **state)
{
    struct fixture *f = *state;
    struct vd_import_result result;
    json_t *alerts;

    add_flow(f, "dev-1", 1, T0_S, "203.0.113.9");
    run_all(f);
    assert_int_equal(
        vd_alert_store_import_indicators(f->store, "later", VD_STR_LITERAL("203.0.113.9"), &result),
        VD_OK);
    add_flow(f, "dev-1", 2, T0_S + 10, "203.0.113.9");
    run_all(f);
    alerts = alerts_of(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(alerts, 0), "count")), 1);
    json_decref(alerts);
}

/* A clock at zero or a year ahead: the hub's time counts, and the device's is kept as what it was. */
static void test_clock__not_believed(void **state)
{
    struct fixture *f = *state;
    const struct test_flow hit = {"10.0.0.2", "192.0.2.1", 1, 2, 3, 4, 0};
    const struct test_event events[] = {
        {test_uuid(1), 0, 10, 1, &hit, 1},
        {test_uuid(2), T0_S + 400 * 86400, 10, 1, &hit, 1},
    };
    json_t *alerts;
    json_t *rows;

    add_message(f, "dev-1", T0_MS, events, 2);
    run_all(f);
    alerts = alerts_of(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(text_at(json_array_get(alerts, 0), "endTime"), "2025-11-24T16:00:00.000Z");
    assert_non_null(strstr(text_at(json_array_get(alerts, 0), "description"), "clock is off"));
    json_decref(alerts);
    rows = rows_of(f,
        "SELECT \"TimeStamp\", json_extract_string(EventDetails, '$.DeviceTime')"
        " FROM SecurityIoTRawEvent ORDER BY IoTRawEventId");
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 0), 0)), "2025-11-24T16:00:00.000Z");
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 0), 1)), "1970-01-01T00:00:00.000Z");
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 1), 1)), "2026-12-29T16:00:00.000Z");
    json_decref(rows);
}

/* ---- What a module of ours adds ---- */

static const char ours_json[] =
    "{security_module_id: \"ours\", security_module_version: 16777216, events: ["
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,%u]}, time: 1764000000, collection_interval: 10,"
    " payload_type: \"NetworkActivity\", payload: {"
    "  ipv4_activity: [{addresses: {local_address: 33554442, remote_address: 16908480},"
    "    common: {bytes_in: 100, bytes_out: 200, packets_in: 3, packets_out: 4,"
    "     opened_by: \"DEVICE\"}},"
    "   {addresses: {local_address: 33554442, remote_address: 117901322},"
    "    common: {bytes_in: 1, packets_in: 1, opened_by: 7}}],"
    "  overflow_packets: 5, overflow_bytes_in: 6, overflow_bytes_out: 7, overflow_flows: 2}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,%u]}, time: 1764000000, collection_interval: 10,"
    " payload_type: \"NetworkActivity\", payload: {overflow_packets: 8}}],"
    "ledger: {boot_id: 77, sequence: %u, packets_seen: 30, packets_counted: 20,"
    " packets_overflowed: 5, packets_malformed: 1, packets_given_up: 2, packets_withheld: 3,"
    " messages_kept: 1, messages_sent: 9, messages_given_up: 0}}";

static void add_ours(struct fixture *f, unsigned number)
{
    struct vd_buf body = {0};
    char json[2048];

    snprintf(json, sizeof json, ours_json, number, number, number);
    test_flatc(json, &body);
    add_body(f, VD_EVENT_SECURITY, "dev-1", "", T0_MS + number,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
}

static void check_details(struct fixture *f, const char *where, const char *const *expected)
{
    char sql[256];
    json_t *rows;
    json_t *row;
    size_t i;

    snprintf(sql, sizeof sql,
        "SELECT EventDetails, IsEmpty FROM SecurityIoTRawEvent"
        " WHERE %s ORDER BY IoTRawEventId, EventDetails",
        where);
    rows = rows_of(f, sql);
    json_array_foreach(rows, i, row)
    {
        assert_non_null(expected[i]);
        assert_string_equal(json_string_value(json_array_get(row, 0)), expected[i]);
        assert_true(json_is_false(json_array_get(row, 1)));
    }
    assert_null(expected[i]);
    json_decref(rows);
}

static void test_ours__rows(void **state)
{
    static const char *const events[] = {
        "{\"LocalAddress\":\"10.0.0.2\",\"LocalPort\":0,\"RemoteAddress\":\"10.8.7.7\","
        "\"RemotePort\":0,\"Protocol\":\"TCP\",\"BytesIn\":1,\"BytesOut\":0,\"PacketsIn\":1,"
        "\"PacketsOut\":0,\"OpenedBy\":7}",
        "{\"LocalAddress\":\"10.0.0.2\",\"LocalPort\":0,\"RemoteAddress\":\"192.0.2.1\","
        "\"RemotePort\":0,\"Protocol\":\"TCP\",\"BytesIn\":100,\"BytesOut\":200,"
        "\"PacketsIn\":3,\"PacketsOut\":4,\"OpenedBy\":\"Device\"}",
        "{\"OverflowPackets\":5,\"OverflowBytesIn\":6,\"OverflowBytesOut\":7,"
        "\"OverflowFlows\":2}",
        "{\"OverflowPackets\":8,\"OverflowBytesIn\":0,\"OverflowBytesOut\":0,"
        "\"OverflowFlows\":0}",
        NULL,
    };
    static const char *const ledgers[] = {
        "{\"BootId\":77,\"Sequence\":1,\"PacketsSeen\":30,\"PacketsCounted\":20,"
        "\"PacketsOverflowed\":5,\"PacketsMalformed\":1,\"PacketsGivenUp\":2,"
        "\"PacketsWithheld\":3,\"MessagesKept\":1,\"MessagesSent\":9,\"MessagesGivenUp\":0}",
        NULL,
    };
    static const char *const none[] = {NULL};
    struct fixture *f = *state;
    json_t *alerts;
    const json_t *evidence;

    add_ours(f, 1);
    run_all(f);
    check_details(f, "RawEventName = 'NetworkActivity' AND RawEventType = 'Security'", events);
    check_details(f, "RawEventName = 'Ledger' AND RawEventType = 'Diagnostic'", ledgers);
    check_details(f, "RawEventName NOT IN ('NetworkActivity', 'Ledger')", none);
    alerts = alerts_of(f);
    evidence = json_array_get(json_object_get(json_array_get(alerts, 0), "evidence"), 0);
    assert_int_equal(json_integer_value(json_object_get(evidence, "packetsIn")), 3);
    assert_int_equal(json_integer_value(json_object_get(evidence, "packetsOut")), 4);
    assert_string_equal(text_at(evidence, "openedBy"), "Device");
    json_decref(alerts);
}

/* Each message's ledger is in the sum once, however often it is delivered and whatever stops between. */
static void test_ours__ledger_is_summed_once(void **state)
{
    struct fixture *f = *state;
    json_t *rows;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned number = 1; number <= 4; number++) {
            add_ours(f, number);
        }
        run_all(f);
        close_stores(f);
        open_stores(f);
    }
    rows = rows_of(f,
        "SELECT count(*), CAST(sum(CAST(json_extract(EventDetails, '$.PacketsSeen') AS BIGINT)) AS"
        " BIGINT), count(DISTINCT json_extract(EventDetails, '$.Sequence'))"
        " FROM SecurityIoTRawEvent WHERE RawEventName = 'Ledger'");
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 0)), 4);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 1)), 4 * 30);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 2)), 4);
    json_decref(rows);
}

/* A ledger that lies outside of its table makes the message a dead letter, and no row. */
static void test_ours__hostile_ledger_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    struct vd_buf body = {0};
    char json[2048];
    size_t table;
    size_t vtable;
    json_t *rows;

    snprintf(json, sizeof json, ours_json, 1u, 1u, 1u);
    test_flatc(json, &body);
    table = body.data[0] | (size_t)body.data[1] << 8;
    vtable = table - (body.data[table] | (size_t)body.data[table + 1] << 8);
    body.data[vtable + 4 + 2 * 4 + 1] = 0x7f;
    add_body(
        f, VD_EVENT_SECURITY, "dev-1", "", T0_MS, (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
    run_all(f);
    assert_int_equal(f->ingest.stats.dead_letters, 1);
    assert_int_equal(f->ingest.stats.messages, 0);
    rows = rows_of(f, "SELECT count(*) FROM SecurityIoTRawEvent");
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 0)), 0);
    json_decref(rows);
}

/* ---- The same stream, cut and broken in every way ---- */

/* A bit of everything, over two days, with redelivered messages and ones that cannot be read. */
static void add_stream(struct fixture *f)
{
    static const struct test_flow many[] = {
        {"10.0.0.2", "192.0.2.1", 1, 443, 10, 20, 0},
        {"10.0.0.2", "198.51.100.1", 2, 53, 30, 40, 1},
        {"10.0.0.2", "192.0.2.99", 3, 80, 50, 60, 0},
        {"2001:db8::1", "2001:db8:bad::1", 0, 0, 7, 8, 2},
        {"2001:db8::1", "::ffff:192.0.2.1", 4, 443, 9, 9, 0},
    };
    const struct test_event both[] = {
        {test_uuid(100), T0_S, 60, 1, many, 5},
        {test_uuid(101), T0_S, 60, 4, NULL, 0},
        {test_uuid(102), T0_S, 60, 1, NULL, 0},
        {test_uuid(103), T0_S, 60, 77, NULL, 0},
    };
    const struct test_event partly_known[] = {
        {test_uuid(101), T0_S, 60, 4, NULL, 0},
        {test_uuid(104), T0_S + 5, 60, 1, many, 2},
    };

    add_message(f, "dev-1", T0_MS + 10, both, 4);
    add_flow(f, "dev-2", 200, T0_S, "192.0.2.1");
    add_body(f, VD_EVENT_SECURITY, "dev-1", "", T0_MS + 20, VD_STR_LITERAL("garbage"));
    add_message(f, "dev-1", T0_MS + 30, both, 4);
    add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", T0_MS + 40, VD_STR_LITERAL("21.5"));
    add_message(f, "dev-1", T0_MS + 50, partly_known, 2);
    add_message(f, "dev-2", T0_MS + 60, both, 4); /* another device may use the same ids */
    add_body(f, VD_EVENT_SECURITY, "dev-3", "", T0_MS + 70, VD_STR_LITERAL("{\"Events\":[]}"));
    add_flow(f, "dev-2", 201, T0_S + 3, "192.0.2.1");
    add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", T0_MS + 80, VD_STR_LITERAL("21.5"));
    add_flow(f, "dev-2", 202, T0_S + 86400, "192.0.2.1");
    add_message(f, "dev-1", T0_MS + 86400000, both, 4); /* redelivered the next day */
    add_body(f, VD_EVENT_SECURITY, "dev-1", "", T0_MS + 86400100, VD_STR_LITERAL(""));
    for (uint64_t i = 0; i < 40; i++) {
        add_flow(f, "dev-4", 300 + i, T0_S + 86400 + (uint32_t)i, "2001:db8:bad::4");
    }
    add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", T0_MS + 86500000, VD_STR_LITERAL("21.5"));
}

/* All that came of the stream, as text; without what depends on when it was processed. */
static char *snapshot(struct fixture *f)
{
    json_t *alerts = alerts_of(f);
    json_t *letters = NULL;
    json_t *all;
    size_t i;
    json_t *alert;
    char *text;

    json_array_foreach(alerts, i, alert)
    {
        json_object_del(alert, "change");
        json_object_del(alert, "timeGenerated");
    }
    assert_int_equal(vd_alert_store_dead_letters(f->store, 0, &letters), VD_OK);
    all = json_pack("{s:o, s:o, s:o}", "alerts", alerts, "letters", letters, "rows",
        rows_of(f,
            "SELECT * EXCLUDE (AssociatedResourceId, \"Type\") FROM SecurityIoTRawEvent"
            " ORDER BY ALL"));
    assert_non_null(all);
    text = json_dumps(all, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(all);
    assert_non_null(text);
    return text;
}

/* What the stream gives when it is taken at once; made once, freed at the end. */
static char *reference;

static const char *reference_snapshot(void)
{
    void *state = NULL;
    struct fixture *f;

    if (reference != NULL) {
        return reference;
    }
    setup(&state);
    f = state;
    add_stream(f);
    run_all(f);
    assert_int_equal(f->ingest.stats.records, f->log.end);
    assert_int_equal(f->ingest.stats.dead_letters, 3);
    assert_int_equal(f->ingest.stats.duplicates, 9);
    reference = snapshot(f);
    teardown(&state);
    return reference;
}

static int free_reference(void **state)
{
    (void)state;
    free(reference);
    return 0;
}

static void check_snapshot(struct fixture *f, const char *expected)
{
    char *actual = snapshot(f);

    assert_string_equal(actual, expected);
    free(actual);
}

static void test_stream__reference(void **state)
{
    json_t *all = json_loads(reference_snapshot(), 0, NULL);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(all, "letters")), 3);
    /* dev-1 and dev-2: 3 addresses the first day; dev-2's next day; dev-4. */
    assert_int_equal(json_array_size(json_object_get(all, "alerts")), 8);
    /* 8 rows of each first delivery (5 flows, 3 others), 2 of the partly known, 3 single, 40. */
    assert_int_equal(json_array_size(json_object_get(all, "rows")), 61);
    json_decref(all);
}

static void test_stream__cut_anyhow(void **state)
{
    static const size_t sizes[] = {1, 700, 3000};
    const char *expected = reference_snapshot();

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *inner = NULL;
        struct fixture *f;

        setup(&inner);
        f = inner;
        f->ingest.read_bytes = sizes[i];
        add_stream(f);
        run_all(f);
        check_snapshot(f, expected);
        teardown(&inner);
    }
}

static void test_stream__restarts(void **state)
{
    struct fixture *f = *state;
    const char *expected = reference_snapshot();
    int error = VD_OK;

    add_stream(f);
    f->read_bytes = 3000;
    while (error == VD_OK) {
        close_stores(f);
        open_stores(f);
        assert_int_equal(vd_ingest_refresh_indicators(&f->ingest), VD_OK);
        error = vd_ingest_step(&f->ingest);
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
    check_snapshot(f, expected);
}

/* A commit that fails as often as it is told. */
static int failing_commit(void *context)
{
    int *failures = context;

    if (*failures == 0) {
        return 0;
    }
    --*failures;
    return 1;
}

/* Lets every batch fail once at each of its commits, with or without a restart after the failure. */
static void run_with_faults(struct fixture *f, size_t read_bytes, bool restart)
{
    enum {
        FAULT_NONE,
        FAULT_COMMIT,
        FAULT_APPEND,
        FAULT_ANSWER,
        FAULT_READ,
        FAULTS
    };
    int failures = 0;
    int fault = FAULT_COMMIT;
    int error = VD_OK;

    f->read_bytes = read_bytes;
    f->ingest.read_bytes = read_bytes;
    while (error != VD_E_NOT_FOUND) {
        sqlite3_commit_hook(f->store->writer, failing_commit, &failures);
        failures = fault == FAULT_COMMIT ? 1 : 0;
        f->log.fail_reads = fault == FAULT_READ ? 1 : 0;
        f->analytics.fail_appends = fault == FAULT_APPEND || fault == FAULT_ANSWER ? 1 : 0;
        f->analytics.error = fault == FAULT_APPEND ? VD_E_FULL : VD_E_IO;
        f->analytics.after = fault == FAULT_ANSWER;
        assert_int_equal(vd_ingest_refresh_indicators(&f->ingest), VD_OK);
        error = vd_ingest_step(&f->ingest);
        sqlite3_commit_hook(f->store->writer, NULL, NULL);
        fault = (fault + 1) % FAULTS;
        if (error != VD_OK && error != VD_E_NOT_FOUND && restart) {
            close_stores(f);
            open_stores(f);
        }
    }
}

static void test_stream__every_commit_fails_once(void **state)
{
    struct fixture *f = *state;
    const char *expected = reference_snapshot();

    add_stream(f);
    run_with_faults(f, 1, false);
    check_snapshot(f, expected);
}

static void test_stream__every_commit_fails_and_restarts(void **state)
{
    struct fixture *f = *state;
    const char *expected = reference_snapshot();

    add_stream(f);
    run_with_faults(f, 2500, true);
    check_snapshot(f, expected);
}

/* Rows without a word from the query tables for long: the alert store must not run away from them. */
static void test_stream__query_tables_full(void **state)
{
    struct fixture *f = *state;
    const char *expected = reference_snapshot();
    uint64_t alerts = 0;

    add_stream(f);
    f->ingest.read_bytes = 1;
    f->analytics.fail_appends = 20;
    f->analytics.error = VD_E_FULL;
    assert_int_equal(vd_ingest_refresh_indicators(&f->ingest), VD_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(vd_ingest_step(&f->ingest), VD_E_FULL);
    }
    assert_int_equal(vd_alert_store_offset(f->store, &alerts), VD_OK);
    assert_int_equal(alerts, 1);
    assert_int_equal(f->ingest.stats.next_offset, 0);
    run_all(f);
    check_snapshot(f, expected);
}

static void test_stream__trimmed_log(void **state)
{
    struct fixture *f = *state;
    uint64_t offset;

    add_stream(f);
    assert_int_equal(vd_event_log_trim(&f->log.base, 0, 5), VD_OK);
    run_all(f);
    assert_int_equal(vd_alert_store_offset(f->store, &offset), VD_OK);
    assert_int_equal(offset, f->log.end);
    assert_int_equal(f->ingest.stats.records, f->log.end - 5);
}

/* Stores that are ahead of the log belong to another one. */
static void test_start__ahead_of_log(void **state)
{
    struct fixture *f = *state;
    struct vd_center *center = NULL;
    struct memory_log *empty = calloc(1, sizeof *empty);

    add_stream(f);
    run_all(f);
    assert_non_null(empty);
    memory_log_init(empty);
    assert_int_equal(
        vd_center_start(&empty->base, &f->analytics.base, f->store, &center), VD_E_CORRUPT);
    assert_null(center);
    memory_log_release(empty);
    free(empty);
}

/* ---- The thread ---- */

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

static void test_center__runs_stalls_and_resumes(void **state)
{
    struct fixture *f = *state;
    struct vd_center *center = NULL;
    struct vd_center_stats stats;
    const char *expected = reference_snapshot();

    f->analytics.fail_appends = 3;
    f->analytics.error = VD_E_FULL;
    add_stream(f);
    assert_int_equal(vd_center_start(&f->log.base, &f->analytics.base, f->store, &center), VD_OK);
    wait_until(center, is_stalled, 0);
    wait_until(center, is_at, f->log.end);
    check_snapshot(f, expected);
    add_flow(f, "late", 1, T0_S + 90000, "203.0.113.1");
    wait_until(center, is_at, f->log.end);
    vd_center_stats_get(center, &stats);
    assert_int_equal(stats.records, f->log.end);
    assert_int_equal(stats.alerts_raised, 8);
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
    vd_center_stop(NULL);
}

/* A running center takes over indicators within a second. */
static void test_center__takes_new_indicators(void **state)
{
    struct fixture *f = *state;
    struct vd_center *center = NULL;
    struct vd_center_stats stats;
    struct vd_import_result result;
    int64_t deadline;

    assert_int_equal(vd_center_start(&f->log.base, &f->analytics.base, f->store, &center), VD_OK);
    assert_int_equal(
        vd_alert_store_import_indicators(f->store, "later", VD_STR_LITERAL("203.0.113.9"), &result),
        VD_OK);
    deadline = vd_clock_monotonic_ms() + 20000;
    for (uint64_t i = 0;; i++) {
        add_flow(f, "dev", 1000 + i, T0_S, "203.0.113.9");
        wait_until(center, is_at, f->log.end);
        vd_center_stats_get(center, &stats);
        if (stats.alerts_raised == 1) {
            break;
        }
        assert_true(vd_clock_monotonic_ms() < deadline);
    }
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
}

/* ---- kill -9 ---- */

static void open_for_child(const char *folder, struct vd_event_log **log, struct vd_analytics **a,
    struct vd_alert_store **s)
{
    char path[600];
    char text[256] = "";
    struct vd_duckdb_options options = {.folder = path, .resource_id = "/hub"};

    snprintf(path, sizeof path, "%s/center.db", folder);
    if (vd_alert_store_open(path, s) != VD_OK) {
        _exit(20);
    }
    snprintf(path, sizeof path, "%s/raw", folder);
    if (vd_analytics_duckdb_open(&options, a, text, sizeof text) != VD_OK) {
        fprintf(stderr, "%s\n", text);
        _exit(21);
    }
    snprintf(path, sizeof path, "%s/log.db", folder);
    if (vd_event_log_sqlite_open(path, log) != VD_OK) {
        _exit(22);
    }
}

/* Takes small batches and tells of each, until it is killed or all is done. */
static void child_ingests(const char *folder, int report)
{
    struct vd_event_log *log;
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    static struct vd_ingest ingest;
    int error;

    open_for_child(folder, &log, &analytics, &store);
    if (vd_ingest_init(&ingest, log, analytics, store) != VD_OK ||
        vd_ingest_refresh_indicators(&ingest) != VD_OK) {
        _exit(23);
    }
    ingest.read_bytes = 1400;
    while ((error = vd_ingest_step(&ingest)) == VD_OK) {
        if (write(report, "+", 1) != 1) {
            _exit(24);
        }
    }
    _exit(error == VD_E_NOT_FOUND && write(report, "!", 1) == 1 ? 0 : 25);
}

/* Lets a child work for `steps` batches and kills it at once then; true if it came to the end. */
static bool run_and_kill(const char *folder, int steps)
{
    int pipes[2];
    char byte = 0;
    int status;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        child_ingests(folder, pipes[1]);
    }
    close(pipes[1]);
    for (int i = 0; i < steps && byte != '!' && read(pipes[0], &byte, 1) == 1; i++) {
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (read(pipes[0], &byte, 1) == 1 && byte != '!') {
    }
    close(pipes[0]);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    return byte == '!';
}

static void test_stream__kill_9(void **state)
{
    struct fixture *f = *state;
    const char *expected = reference_snapshot();
    struct vd_event_log *log = NULL;
    char path[600];
    uint64_t first;
    int rounds = 0;

    add_stream(f);
    close_stores(f);
    snprintf(path, sizeof path, "%s/log.db", f->folder);
    assert_int_equal(vd_event_log_sqlite_open(path, &log), VD_OK);
    for (uint64_t i = 0; i < f->log.end; i++) {
        assert_int_equal(vd_event_log_append(log, 0, &f->log.records[i], &first), VD_OK);
    }
    vd_event_log_close(log);
    while (!run_and_kill(f->folder, 1 + rounds % 4)) {
        assert_true(++rounds < 100);
    }
    assert_true(rounds >= 3);
    open_stores(f);
    check_snapshot(f, expected);
}

int main(void)
{
#define INGEST_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_alert__facts),
        INGEST_TEST(test_alert__once_a_device_address_and_day),
        INGEST_TEST(test_alert__counter_examples),
        INGEST_TEST(test_alert__new_indicator),
        INGEST_TEST(test_clock__not_believed),
        INGEST_TEST(test_ours__rows),
        INGEST_TEST(test_ours__ledger_is_summed_once),
        INGEST_TEST(test_ours__hostile_ledger_is_a_dead_letter),
        cmocka_unit_test(test_stream__reference),
        cmocka_unit_test(test_stream__cut_anyhow),
        INGEST_TEST(test_stream__restarts),
        INGEST_TEST(test_stream__every_commit_fails_once),
        INGEST_TEST(test_stream__every_commit_fails_and_restarts),
        INGEST_TEST(test_stream__query_tables_full),
        INGEST_TEST(test_stream__trimmed_log),
        INGEST_TEST(test_start__ahead_of_log),
        INGEST_TEST(test_center__runs_stalls_and_resumes),
        INGEST_TEST(test_center__takes_new_indicators),
        INGEST_TEST(test_stream__kill_9),
    };

    return cmocka_run_group_tests(tests, NULL, free_reference);
}
