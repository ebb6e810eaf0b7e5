/* SPDX-License-Identifier: MIT */
/* The query that an alert carries, of windows whose count has no rows to show. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/alert_query.h"
#include "center/query.h"
#include "tests/center/ingest_fixture.h"

#define DAY_S 86400u

/* The rows of the alert's query over its timespan; the caller's. */
static json_t *rows_of(struct ingest_fixture *f, json_t *alert)
{
    struct vd_query query = {.now_ms = INGEST_T0_MS};
    struct vd_query_problem problem;
    json_t *result = NULL;
    json_t *rows;

    vd_alert_add_query(alert);
    query.text = vd_str_from(ingest_text(alert, "query"));
    assert_int_equal(vd_query_timespan_parse(vd_str_from(ingest_text(alert, "queryTimespan")),
                         INGEST_T0_MS, &query.from_ms, &query.to_ms),
        VD_OK);
    if (vd_query_run(f->duckdb, &query, &result, &problem) != VD_OK) {
        fail_msg("%s%s: %s", problem.text, problem.place.text, ingest_text(alert, "query"));
    }
    rows = json_incref(json_object_get(result, "rows"));
    json_decref(result);
    return rows;
}

/* An alert as the store gives it, of the hour from INGEST_T0_MS on. */
static json_t *alert_of(
    const char *type, const char *device, const char *end, int count, int minimum)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:i, s:i, s:i, s:[s]}]}", "alertType",
        type, "deviceId", device, "startTime", "2025-11-24T16:00:00.000Z", "endTime",
        "2025-11-24T16:59:59.999Z", "evidence", "windowStart", "2025-11-24T16:00:00.000Z",
        "windowEnd", end, "count", count, "minimum", minimum, "maximum", 5, "recordIds", "r1");
}

static void expect_row(const json_t *rows, size_t i, const char *start, const char *what, int count)
{
    const json_t *row = json_array_get(rows, i);

    assert_string_equal(json_string_value(json_array_get(row, 0)), start);
    assert_string_equal(json_string_value(json_array_get(row, 1)), what);
    assert_int_equal(json_integer_value(json_array_get(row, 2)), count);
}

/* What there was in the window, and in the same hour of each day before: also where there was nothing. */
static void test_alert_query__beside_the_days_before(void **state)
{
    static const char hour[] = "2025-11-24T17:00:00.000Z";
    static const char flows[] = "SecurityIoTRawEvent NetworkActivity";
    static const struct {
        const char *type;
        int count;
        int minimum;
    } cases[] = {
        {"IoT_CA_MqttC2DMessagesNotInAllowedRange", 0, 1},
        {"IoT_CA_ActiveConnectionsNotInAllowedRange", 1, 2},
        {"IoT_CA_MqttD2CMessagesNotInAllowedRange", 9, 0},
    };
    struct ingest_fixture *f = *state;

    ingest_add_flow(f, "pu'mp", 1, INGEST_T0_S - 3 * DAY_S, "198.51.100.1");
    ingest_add_flow(f, "pu'mp", 2, INGEST_T0_S - 3 * DAY_S + 3598, "198.51.100.1");
    ingest_add_flow(f, "pu'mp", 3, INGEST_T0_S - 3 * DAY_S + 3601, "198.51.100.1"); /* after it */
    ingest_add_flow(f, "pu'mp", 4, INGEST_T0_S - 2 * DAY_S - 10, "198.51.100.1");   /* before it */
    ingest_add_flow(f, "pu'mp", 5, INGEST_T0_S + 60, "198.51.100.1");
    ingest_add_flow(f, "lamp", 6, INGEST_T0_S + 60, "198.51.100.1");
    ingest_run_all(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *alert = alert_of(cases[i].type, "pu'mp", hour, cases[i].count, cases[i].minimum);
        json_t *rows = rows_of(f, alert);

        assert_int_equal(json_array_size(rows), 8);
        expect_row(rows, 0, "2025-11-24T16:00:00.000Z", flows, 1);
        expect_row(rows, 1, "2025-11-23T16:00:00.000Z", "nothing", 0);
        expect_row(rows, 3, "2025-11-21T16:00:00.000Z", flows, 2);
        expect_row(rows, 7, "2025-11-17T16:00:00.000Z", "nothing", 0);
        json_decref(rows);
        json_decref(alert);
    }
}

/* A window of more than a day is set beside others of as many days. */
static void test_alert_query__windows_of_days(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alert = alert_of("IoT_CA_MqttC2DMessagesNotInAllowedRange", "pump",
        "2025-11-26T04:00:00.000Z", 0, 1); /* 36 hours */
    json_t *rows;

    ingest_add_flow(f, "pump", 1, INGEST_T0_S - DAY_S, "198.51.100.1");
    ingest_add_flow(f, "pump", 2, INGEST_T0_S + DAY_S, "198.51.100.1");
    ingest_run_all(f);
    rows = rows_of(f, alert);
    assert_int_equal(json_array_size(rows), 8);
    expect_row(rows, 0, "2025-11-24T16:00:00.000Z", "SecurityIoTRawEvent NetworkActivity", 1);
    expect_row(rows, 1, "2025-11-22T16:00:00.000Z", "SecurityIoTRawEvent NetworkActivity", 1);
    expect_row(rows, 2, "2025-11-20T16:00:00.000Z", "nothing", 0);
    json_decref(rows);
    json_decref(alert);
}

/* Too much of what the tables keep is shown by its rows. */
static void test_alert_query__by_ids(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alert = alert_of(
        "IoT_CA_MqttC2DMessagesNotInAllowedRange", "pump", "2025-11-24T17:00:00.000Z", 9, 1);
    json_t *rows = rows_of(f, alert);

    assert_non_null(strstr(ingest_text(alert, "query"), "CorrelationId in (\"r1\")"));
    assert_string_equal(
        ingest_text(alert, "queryTimespan"), "2025-11-23T16:00:00.000Z/2025-11-25T16:59:59.999Z");
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    json_decref(alert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_alert_query__beside_the_days_before),
        INGEST_TEST(test_alert_query__windows_of_days),
        INGEST_TEST(test_alert_query__by_ids),
    };

    return cmocka_run_group_tests_name("alert query", tests, NULL, NULL);
}
