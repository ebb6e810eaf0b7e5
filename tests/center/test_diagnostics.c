/* SPDX-License-Identifier: MIT */
/* What is read of a record of an operation, and what is refused as none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/diagnostics.h"

#define NEEDED \
    "\"category\":\"Connections\",\"operationName\":\"deviceConnect\",\"level\":\"Error\""

static void check_text(struct vd_str got, const char *want)
{
    assert_int_equal(got.length, strlen(want));
    assert_memory_equal(got.data, want, got.length);
}

static void test_diagnostics__a_whole_record(void **state)
{
    static const char record[] =
        "{" NEEDED
        ",\"time\":\"2025-11-24T16:00:00Z\",\"resourceId\":\"/r\",\"resultType\":\"401003\","
        "\"resultDescription\":\"no\",\"durationMs\":12,\"location\":\"l\",\"properties\":\"{\\\"a\\\":1}\"}";
    struct vd_diagnostics rows = {0};
    char reason[VD_DIAGNOSTIC_REASON_SIZE];

    (void)state;
    assert_int_equal(vd_diagnostics_add(&rows, "e-9", vd_str_from(record), 5000, reason), VD_OK);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].time_generated_ms, 5000);
    assert_int_equal(rows.rows[0].duration_ms, 12);
    check_text(rows.rows[0].resource_id, "/r");
    check_text(rows.rows[0].category, "Connections");
    check_text(rows.rows[0].operation_name, "deviceConnect");
    check_text(rows.rows[0].level, "Error");
    check_text(rows.rows[0].result_type, "401003");
    check_text(rows.rows[0].result_description, "no");
    check_text(rows.rows[0].location, "l");
    check_text(rows.rows[0].properties, "{\"a\":1}");
    check_text(rows.rows[0].correlation_id, "e-9");
    vd_diagnostics_release(&rows);
}

static void test_diagnostics__an_activity(void **state)
{
    static const char record[] =
        "{\"time\":\"2025-11-24T16:00:00Z\",\"resourceId\":\"/r\",\"operationName\":\"o/write\","
        "\"category\":\"Administrative\",\"caller\":\"ops\",\"callerIpAddress\":\"192.0.2.7\","
        "\"status\":\"Failed\",\"statusCode\":412,\"properties\":\"{}\"}";
    struct vd_diagnostics rows = {0};
    char reason[VD_DIAGNOSTIC_REASON_SIZE];

    (void)state;
    assert_int_equal(
        vd_diagnostics_add_activity(&rows, "e-9", vd_str_from(record), 5000, reason), VD_OK);
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.activity_count, 1);
    assert_int_equal(rows.activities[0].time_generated_ms, 5000);
    check_text(rows.activities[0].resource_id, "/r");
    check_text(rows.activities[0].operation_name, "o/write");
    check_text(rows.activities[0].category, "Administrative");
    check_text(rows.activities[0].caller, "ops");
    check_text(rows.activities[0].caller_address, "192.0.2.7");
    check_text(rows.activities[0].status, "Failed");
    check_text(rows.activities[0].correlation_id, "e-9");
    check_text(rows.activities[0].properties, "{}");
    assert_int_equal(
        vd_diagnostics_add_activity(&rows, "e-9", VD_STR_LITERAL("{}"), 1, reason), VD_E_INVALID);
    assert_string_equal(reason, "operationName is no text");
    assert_int_equal(rows.activity_count, 1);
    vd_diagnostics_release(&rows);
}

static void test_diagnostics__many_stay_where_they_are(void **state)
{
    struct vd_diagnostics rows = {0};
    char reason[VD_DIAGNOSTIC_REASON_SIZE];
    char record[200];
    char want[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(record, sizeof record, "{" NEEDED ",\"properties\":\"%d\"}", i);
            assert_int_equal(
                vd_diagnostics_add(&rows, "e-9", vd_str_from(record), i, reason), VD_OK);
        }
        assert_int_equal(rows.count, 1000);
        for (int i = 0; i < 1000; i++) {
            snprintf(want, sizeof want, "%d", i);
            check_text(rows.rows[i].properties, want);
            check_text(rows.rows[i].location, "");
        }
        vd_diagnostics_clear(&rows);
    }
    vd_diagnostics_release(&rows);
}

static void test_diagnostics__what_is_none(void **state)
{
    static const struct {
        const char *record;
        const char *says;
    } cases[] = {
        {"", "no JSON"},
        {"[]", "no JSON object"},
        {"{", "no JSON object"},
        {"{}", "category"},
        {"{" NEEDED "}", "properties"},
        {"{" NEEDED ",\"properties\":{}}", "properties"},
        {"{" NEEDED ",\"properties\":\"{}\",\"location\":5}", "location"},
        {"{" NEEDED ",\"properties\":\"{}\",\"level\":\"Warning\"}", "no JSON object"},
    };
    struct vd_diagnostics rows = {0};
    char reason[VD_DIAGNOSTIC_REASON_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(vd_diagnostics_add(&rows, "e-9", vd_str_from(cases[i].record), 1, reason),
            VD_E_INVALID);
        if (strstr(reason, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].record, reason);
        }
        assert_int_equal(rows.count, 0);
    }
    vd_diagnostics_release(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagnostics__a_whole_record),
        cmocka_unit_test(test_diagnostics__an_activity),
        cmocka_unit_test(test_diagnostics__many_stay_where_they_are),
        cmocka_unit_test(test_diagnostics__what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
