/* SPDX-License-Identifier: MIT */
/* Flows in columns of their own: their EventDetails as text, and members of it that need no JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/kql/tables.h"
#include "tests/center/analytics_fixture.h"

static struct vd_flow_row plain(void)
{
    return (struct vd_flow_row){
        .time_generated_ms = ANALYTICS_DAY_0 + 123,
        .timestamp_ms = ANALYTICS_DAY_0 - 1500,
        .id = {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88}},
        .device_id = VD_STR_LITERAL("dev-1"),
        .agent_version = VD_STR_LITERAL("3.5.4"),
        .local_address = VD_STR_LITERAL("10.0.0.2"),
        .remote_address = VD_STR_LITERAL("192.0.2.1"),
        .protocol = VD_STR_LITERAL("TCP"),
        .bytes_in = 4294967295,
        .bytes_out = 0,
        .process_id = VD_FLOW_NONE,
        .user_id = VD_FLOW_NONE,
        .local_port = 65535,
        .remote_port = 443,
        .executable = VD_STR_LITERAL(""),
        .command_line = VD_STR_LITERAL(""),
        .others = VD_STR_LITERAL(""),
    };
}

static void append_flows(struct analytics_fixture *f, const struct vd_flow_row *rows, size_t count)
{
    const struct vd_table_rows all = {.flows = rows, .flow_count = count};

    assert_int_equal(vd_analytics_append(f->analytics, &all, 7), VD_OK);
}

static void check_row(
    struct analytics_fixture *f, const struct vd_flow_row *row, const char *details)
{
    json_t *result;

    append_flows(f, row, 1);
    result =
        analytics_query(f, "SELECT EventDetails FROM SecurityIoTRawEvent WHERE DeviceId = 'dev-2'");
    assert_int_equal(analytics_row_count(result), 1);
    assert_string_equal(json_string_value(analytics_cell(result, 0, 0)), details);
    json_decref(result);
}

static void test_flows__columns(void **state)
{
    static const char *const expected[] = {"2025-11-24T16:00:00.123Z", "2025-11-24T15:59:58.500Z",
        "00000000-0000-0000-ffee-ddccbbaa9988", "dev-1", "/hubs/it's", "", "3.5.4",
        "NetworkActivity", "Security", "Periodic", NULL,
        "{\"LocalAddress\":\"10.0.0.2\",\"LocalPort\":65535,\"RemoteAddress\":\"192.0.2.1\","
        "\"RemotePort\":443,\"Protocol\":\"TCP\",\"BytesIn\":4294967295,\"BytesOut\":0}",
        "SecurityIoTRawEvent"};
    const struct vd_flow_row row = plain();
    struct analytics_fixture *f = *state;
    json_t *result;

    append_flows(f, &row, 1);
    analytics_reopen(f);
    result = analytics_query(f, "SELECT * FROM SecurityIoTRawEvent");
    assert_int_equal(analytics_row_count(result), 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (expected[i] != NULL) {
            assert_string_equal(json_string_value(analytics_cell(result, 0, i)), expected[i]);
        }
    }
    assert_true(json_is_false(analytics_cell(result, 0, 10)));
    json_decref(result);
}

static void test_flows__all_that_may_be_there(void **state)
{
    struct vd_flow_row row = plain();

    row.device_id = VD_STR_LITERAL("dev-2");
    row.protocol = VD_STR_LITERAL("47");
    row.packets_out = 3;
    row.opened_by = 2;
    row.process_id = 0;
    row.user_id = 1000;
    row.executable = VD_STR_LITERAL("\"/bin/a\\\"b\"");
    row.command_line = VD_STR_LITERAL("\"\"");
    row.others = VD_STR_LITERAL("\"ModuleId\":\"m\",\"DeviceTime\":\"1970-01-01T00:00:00.000Z\"");
    check_row(*state, &row,
        "{\"LocalAddress\":\"10.0.0.2\",\"LocalPort\":65535,\"RemoteAddress\":\"192.0.2.1\","
        "\"RemotePort\":443,\"Protocol\":\"47\",\"BytesIn\":4294967295,\"BytesOut\":0,"
        "\"PacketsIn\":0,\"PacketsOut\":3,\"OpenedBy\":\"Remote\",\"ProcessId\":0,\"UserId\":1000,"
        "\"Executable\":\"/bin/a\\\"b\",\"CommandLine\":\"\",\"ModuleId\":\"m\","
        "\"DeviceTime\":\"1970-01-01T00:00:00.000Z\"}");
}

/* Whoever opened it that a later version knows is told by number. */
static void test_flows__openers(void **state)
{
    struct vd_flow_row row = plain();

    row.device_id = VD_STR_LITERAL("dev-2");
    row.bytes_in = 1;
    row.opened_by = 3;
    check_row(*state, &row,
        "{\"LocalAddress\":\"10.0.0.2\",\"LocalPort\":65535,\"RemoteAddress\":\"192.0.2.1\","
        "\"RemotePort\":443,\"Protocol\":\"TCP\",\"BytesIn\":1,\"BytesOut\":0,\"OpenedBy\":3}");
}

/* Rows of each kind, with and without what is optional. */
static void append_kinds(struct analytics_fixture *f)
{
    struct vd_flow_row flows[4] = {plain(), plain(), plain(), plain()};
    const struct vd_raw_event others[] = {
        {.time_generated_ms = ANALYTICS_DAY_0,
            .device_id = VD_STR_LITERAL("dev-3"),
            .name = VD_STR_LITERAL("ConnectionCreate"),
            .details = VD_STR_LITERAL(
                "{\"RemoteAddress\":\"192.0.2.2\",\"RemotePort\":\"80,8000-8080\","
                "\"Direction\":\"Out\",\"Protocol\":\"tcp\",\"ProcessId\":12,\"UserId\":\"root\","
                "\"Executable\":\"/bin/\\u00e9\",\"ModuleId\":\"agent\"}")},
        {.time_generated_ms = ANALYTICS_DAY_0,
            .name = VD_STR_LITERAL("Heartbeat"),
            .details = VD_STR_LITERAL("{}")},
    };
    const struct vd_table_rows rows = {others, 2, flows, 4, NULL, 0, NULL, 0};

    flows[1].packets_in = 9;
    flows[1].opened_by = 1;
    flows[2].process_id = 77;
    flows[2].user_id = 0;
    flows[2].executable = VD_STR_LITERAL("\"/bin/a\\\"b\"");
    flows[2].command_line = VD_STR_LITERAL("\"a \\u0001 -x\"");
    flows[3].opened_by = 4;
    flows[3].others = VD_STR_LITERAL("\"DeviceTime\":\"1970-01-01T00:00:00.000Z\"");
    assert_int_equal(vd_analytics_append(f->analytics, &rows, 7), VD_OK);
}

/* What a member says without JSON is what the JSON says, in every row. */
static void test_flows__members(void **state)
{
    const struct vd_kql_table *table = vd_kql_table_find(VD_STR_LITERAL("SecurityIoTRawEvent"));
    struct analytics_fixture *f = *state;

    append_kinds(f);
    assert_non_null(table);
    assert_true(table->member_count >= 17);
    for (uint32_t i = 0; i < table->member_count; i++) {
        const struct vd_kql_table_member *member = &table->members[i];
        char sql[400];
        json_t *result;

        assert_string_equal(member->column, "EventDetails");
        snprintf(sql, sizeof sql,
            "SELECT count(*), count(\"%s\"), CAST(sum(CASE WHEN CAST(\"%s\" AS VARCHAR) IS DISTINCT FROM"
            " EventDetails->>'$.%s' THEN 1 ELSE 0 END) AS BIGINT), any_value(typeof(\"%s\"))"
            " FROM SecurityIoTRawEvent",
            member->view_column, member->view_column, member->member, member->view_column);
        result = analytics_query(f, sql);
        assert_int_equal(json_integer_value(analytics_cell(result, 0, 0)), 6);
        assert_true(json_integer_value(analytics_cell(result, 0, 1)) > 0);
        assert_int_equal(json_integer_value(analytics_cell(result, 0, 2)), 0);
        assert_string_equal(json_string_value(analytics_cell(result, 0, 3)),
            member->type == VD_KQL_LONG ? "BIGINT" : "VARCHAR");
        json_decref(result);
    }
}

/* Results that are read as they come have the rows of both kinds, whichever there are. */
static void test_flows__among_others(void **state)
{
    struct analytics_fixture *f = *state;
    json_t *result;

    assert_int_equal(analytics_append_rows(f, 0, 10, ANALYTICS_DAY_0), VD_OK);
    result = analytics_query(f, "SELECT DeviceId FROM SecurityIoTRawEvent");
    assert_int_equal(analytics_row_count(result), 10);
    json_decref(result);
    append_kinds(f);
    result = analytics_query(f, "SELECT DeviceId FROM SecurityIoTRawEvent");
    assert_int_equal(analytics_row_count(result), 16);
    json_decref(result);
    result = analytics_query(f,
        "SELECT DeviceId FROM SecurityIoTRawEvent UNION ALL SELECT DeviceId FROM"
        " SecurityIoTRawEvent");
    assert_int_equal(analytics_row_count(result), 32);
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_flows__columns),
        ANALYTICS_TEST(test_flows__all_that_may_be_there),
        ANALYTICS_TEST(test_flows__openers),
        ANALYTICS_TEST(test_flows__members),
        ANALYTICS_TEST(test_flows__among_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
