/* SPDX-License-Identifier: MIT */
/* From the log to alerts and rows: what they say of a record. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/coverage.h"
#include "tests/center/ingest_fixture.h"

/* ---- What an alert says ---- */

static void check_evidence(const json_t *evidence)
{
    assert_string_equal(
        ingest_text(evidence, "rawEventId"), "00000000-0000-0000-0000-000000000007");
    assert_string_equal(ingest_text(evidence, "time"), "2025-11-24T16:00:00.000Z");
    assert_string_equal(ingest_text(evidence, "protocol"), "TCP");
    assert_string_equal(ingest_text(evidence, "localAddress"), "10.0.0.2");
    assert_string_equal(ingest_text(evidence, "remoteAddress"), "192.0.2.99");
    assert_int_equal(json_integer_value(json_object_get(evidence, "localPort")), 40000);
    assert_int_equal(json_integer_value(json_object_get(evidence, "remotePort")), 443);
    assert_int_equal(json_integer_value(json_object_get(evidence, "bytesIn")), 11);
    assert_int_equal(json_integer_value(json_object_get(evidence, "bytesOut")), 22);
    assert_int_equal(
        json_integer_value(json_object_get(evidence, "collectionIntervalSeconds")), 10);
}

static void test_alert__facts(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts;
    json_t *alert;
    struct vd_str indicator;

    ingest_add_flow(f, "dev-1", 7, INGEST_T0_S, "192.0.2.99");
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    alert = json_array_get(alerts, 0);
    assert_string_equal(ingest_text(alert, "alertType"), "IoT_TiConnection");
    assert_string_equal(
        ingest_text(alert, "displayName"), "Communication with a suspicious IP address detected");
    assert_string_equal(ingest_text(alert, "severity"), "Medium");
    assert_string_equal(ingest_text(alert, "deviceId"), "dev-1");
    assert_string_equal(ingest_text(alert, "subject"), "192.0.2.99");
    assert_string_equal(ingest_text(alert, "startTime"), "2025-11-24T15:59:50.000Z");
    assert_string_equal(ingest_text(alert, "endTime"), "2025-11-24T16:00:00.000Z");
    assert_string_equal(ingest_text(alert, "description"),
        "Device dev-1 exchanged TCP traffic with 192.0.2.99 port 443 between "
        "2025-11-24T15:59:50.000Z and 2025-11-24T16:00:00.000Z: 22 bytes out, 11 bytes in. The "
        "address is on the list \"test-feed\" as 192.0.2.99.");
    indicator = vd_str_from(ingest_text(json_object_get(alert, "indicator"), "value"));
    assert_true(vd_str_equal_text(indicator, "192.0.2.99"));
    assert_true(json_array_size(json_object_get(alert, "remediationSteps")) >= 3);
    assert_int_equal(json_array_size(json_object_get(alert, "evidence")), 1);
    check_evidence(json_array_get(json_object_get(alert, "evidence"), 0));
    json_decref(alerts);
}

/* Once a device, address and day; repeats are counted and move the end. */
static void test_alert__once_a_device_address_and_day(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts;

    ingest_add_flow(f, "dev-1", 1, INGEST_T0_S, "192.0.2.1");
    ingest_add_flow(f, "dev-1", 2, INGEST_T0_S + 60, "192.0.2.1");
    ingest_add_flow(f, "dev-1", 3, INGEST_T0_S + 120, "192.0.2.2");
    ingest_add_flow(f, "dev-2", 4, INGEST_T0_S + 180, "192.0.2.1");
    ingest_add_flow(f, "dev-1", 5, INGEST_T0_S + 86400, "192.0.2.1");
    ingest_add_flow(f, "dev-1", 6, INGEST_T0_S + 240, "2001:db8:bad::7");
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(alerts, 4), "count")), 2);
    assert_string_equal(
        ingest_text(json_array_get(alerts, 4), "endTime"), "2025-11-24T16:01:00.000Z");
    assert_string_equal(
        ingest_text(json_array_get(alerts, 4), "startTime"), "2025-11-24T15:59:50.000Z");
    json_decref(alerts);
    assert_int_equal(f->ingest.stats.alerts_raised, 5);
    assert_int_equal(f->ingest.stats.alerts_repeated, 1);
}

/* What must not alert: an address beside the list, the local end on the list, telemetry, an empty event. */
static void test_alert__counter_examples(void **state)
{
    static const struct test_flow local_listed = {"192.0.2.1", "203.0.113.5", 1, 2, 3, 4, 0};
    struct ingest_fixture *f = *state;
    const struct test_event inward = {test_uuid(3), INGEST_T0_S, 10, 1, &local_listed, 1};
    const struct test_event empty = {test_uuid(4), INGEST_T0_S, 10, 1, NULL, 0};
    struct vd_buf body = {0};
    const struct test_flow hit = {"10.0.0.2", "192.0.2.1", 1, 2, 3, 4, 0};
    const struct test_event telemetry = {test_uuid(5), INGEST_T0_S, 10, 1, &hit, 1};
    json_t *alerts;

    ingest_add_flow(f, "dev-1", 1, INGEST_T0_S, "192.0.3.1");
    ingest_add_flow(f, "dev-1", 2, INGEST_T0_S, "2001:db8:bae::1");
    ingest_add_message(f, "dev-1", INGEST_T0_MS, &inward, 1);
    ingest_add_message(f, "dev-1", INGEST_T0_MS, &empty, 1);
    test_message_write(&body, &telemetry, 1);
    ingest_add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", INGEST_T0_MS,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 0);
    json_decref(alerts);
    assert_int_equal(f->ingest.stats.records, 5);
    assert_int_equal(f->ingest.stats.messages, 4);
    assert_int_equal(f->ingest.stats.raw_events, 4);
    assert_int_equal(f->ingest.stats.dead_letters, 0);
}

/* Indicators count from the moment that they are imported. */
static void test_alert__new_indicator(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts;

    ingest_add_flow(f, "dev-1", 1, INGEST_T0_S, "203.0.113.9");
    ingest_run_all(f);
    ingest_import(f, "later", "203.0.113.9");
    ingest_add_flow(f, "dev-1", 2, INGEST_T0_S + 10, "203.0.113.9");
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(alerts, 0), "count")), 1);
    json_decref(alerts);
}

/* A clock at zero or a year ahead: the hub's time counts, and the device's is kept as what it was. */
static void test_clock__not_believed(void **state)
{
    struct ingest_fixture *f = *state;
    const struct test_flow hit = {"10.0.0.2", "192.0.2.1", 1, 2, 3, 4, 0};
    const struct test_event events[] = {
        {test_uuid(1), 0, 10, 1, &hit, 1},
        {test_uuid(2), INGEST_T0_S + 400 * 86400, 10, 1, &hit, 1},
    };
    json_t *alerts;
    json_t *rows;

    ingest_add_message(f, "dev-1", INGEST_T0_MS, events, 2);
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(
        ingest_text(json_array_get(alerts, 0), "endTime"), "2025-11-24T16:00:00.000Z");
    assert_non_null(strstr(ingest_text(json_array_get(alerts, 0), "description"), "clock is off"));
    json_decref(alerts);
    rows = ingest_rows(f,
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

static void add_ours(struct ingest_fixture *f, unsigned number)
{
    struct vd_buf body = {0};
    char json[2048];

    snprintf(json, sizeof json, ours_json, number, number, number);
    test_flatc(json, &body);
    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS + number,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
}

static void check_details(struct ingest_fixture *f, const char *where, const char *const *expected)
{
    char sql[256];
    json_t *rows;
    json_t *row;
    size_t i;

    snprintf(sql, sizeof sql,
        "SELECT EventDetails, IsEmpty FROM SecurityIoTRawEvent"
        " WHERE %s ORDER BY IoTRawEventId, EventDetails",
        where);
    rows = ingest_rows(f, sql);
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
    struct ingest_fixture *f = *state;
    json_t *alerts;
    const json_t *evidence;

    add_ours(f, 1);
    ingest_run_all(f);
    check_details(f, "RawEventName = 'NetworkActivity' AND RawEventType = 'Security'", events);
    check_details(f, "RawEventName = 'Ledger' AND RawEventType = 'Diagnostic'", ledgers);
    check_details(f, "RawEventName NOT IN ('NetworkActivity', 'Ledger')", none);
    alerts = ingest_alerts(f);
    evidence = json_array_get(json_object_get(json_array_get(alerts, 0), "evidence"), 0);
    assert_int_equal(json_integer_value(json_object_get(evidence, "packetsIn")), 3);
    assert_int_equal(json_integer_value(json_object_get(evidence, "packetsOut")), 4);
    assert_string_equal(ingest_text(evidence, "openedBy"), "Device");
    json_decref(alerts);
}

/* Results of checks are what queries of the service of old ask for. */
static void test_rows__baseline(void **state)
{
    static const char json[] =
        "{security_module_id: \"m\", security_module_version: 16777216, events: ["
        "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]}, time: 1764000000, payload_type: \"Baseline\","
        " payload: {baseline_checks: ["
        "  {id: \"a\", result: \"PASS\", severity: \"CRITICAL\"},"
        "  {id: \"b\", result: \"FAIL\", severity: \"INFORMATIONAL\", description: \"d\"},"
        "  {id: \"c\", result: \"ERROR\", severity: \"WARNING\", error: \"e\"}]}}]}";
    static const char *const expected[] = {
        "{\"Id\":\"a\",\"Result\":\"PASS\",\"Severity\":\"Critical\"}",
        "{\"Id\":\"b\",\"Result\":\"FAIL\",\"Severity\":\"Informational\",\"Description\":\"d\"}",
        "{\"Id\":\"c\",\"Result\":\"ERROR\",\"Severity\":\"Warning\",\"Error\":\"e\"}",
        NULL,
    };
    struct ingest_fixture *f = *state;
    struct vd_buf body = {0};

    test_flatc(json, &body);
    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS,
        (struct vd_str){(char *)body.data, body.length});
    ingest_run_all(f);
    check_details(f, "RawEventName = 'Baseline'", expected);
    vd_buf_release(&body);
}

/* Each message's ledger is in the sum once, however often it is delivered and whatever stops between. */
static void test_ours__ledger_is_summed_once(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *rows;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned number = 1; number <= 4; number++) {
            add_ours(f, number);
        }
        ingest_run_all(f);
        ingest_close_stores(f);
        ingest_open_stores(f);
    }
    rows = ingest_rows(f,
        "SELECT count(*), CAST(sum(CAST(json_extract(EventDetails, '$.PacketsSeen') AS BIGINT)) AS"
        " BIGINT), count(DISTINCT json_extract(EventDetails, '$.Sequence'))"
        " FROM SecurityIoTRawEvent WHERE RawEventName = 'Ledger'");
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 0)), 4);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 1)), 4 * 30);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 2)), 4);
    json_decref(rows);
}

static void add_coverage(void *context, int64_t hour, const struct vd_coverage *coverage)
{
    assert_int_equal(hour, INGEST_T0_MS / VD_HOUR_MS);
    vd_coverage_sum(context, coverage);
}

/* The fleet's coverage is summed up once likewise, and whether or not raw events are stored. */
static void test_ours__coverage_is_summed_once(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_coverage sum = {0};
    json_t *losses = NULL;

    for (unsigned round = 0; round < 3; round++) {
        f->ingest.stores_raw_events = round != 0;
        for (unsigned number = 1; number <= 4; number++) {
            add_ours(f, number);
        }
        ingest_run_all(f);
        ingest_close_stores(f);
        ingest_open_stores(f);
    }
    assert_int_equal(vd_coverage_each(f->store, 0, add_coverage, &sum), VD_OK);
    assert_int_equal(sum.devices, 1);
    assert_int_equal(sum.counted, 4 * 20);
    assert_int_equal(sum.overflowed, 4 * 5);
    assert_int_equal(vd_coverage_wanted(&sum), 4 * 26);
    assert_int_equal(vd_coverage_reported(&sum), 4 * 15);
    assert_int_equal(vd_coverage_losses(f->store, 0, NULL, 5, &losses), VD_OK);
    assert_int_equal(json_array_size(losses), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(losses, 0), "missedPackets")),
        4 * (26 - 15));
    json_decref(losses);
    memset(&sum, 0, sizeof sum);
    assert_int_equal(
        vd_coverage_each(f->store, INGEST_T0_MS / VD_HOUR_MS + 1, add_coverage, &sum), VD_OK);
    assert_int_equal(sum.devices, 0);
}

/* A ledger that lies outside of its table makes the message a dead letter, and no row. */
static void test_ours__hostile_ledger_is_a_dead_letter(void **state)
{
    struct ingest_fixture *f = *state;
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
    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS,
        (struct vd_str){(char *)body.data, body.length});
    vd_buf_release(&body);
    ingest_run_all(f);
    assert_int_equal(f->ingest.stats.dead_letters, 1);
    assert_int_equal(f->ingest.stats.messages, 0);
    rows = ingest_rows(f, "SELECT count(*) FROM SecurityIoTRawEvent");
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 0)), 0);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_alert__facts),
        INGEST_TEST(test_alert__once_a_device_address_and_day),
        INGEST_TEST(test_alert__counter_examples),
        INGEST_TEST(test_alert__new_indicator),
        INGEST_TEST(test_clock__not_believed),
        INGEST_TEST(test_ours__rows),
        INGEST_TEST(test_rows__baseline),
        INGEST_TEST(test_ours__ledger_is_summed_once),
        INGEST_TEST(test_ours__coverage_is_summed_once),
        INGEST_TEST(test_ours__hostile_ledger_is_a_dead_letter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
