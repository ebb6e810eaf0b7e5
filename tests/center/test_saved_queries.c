/* SPDX-License-Identifier: MIT */
/* Documents of saved queries, those that are delivered, and scheduled ones: each stretch of time once, whatever happens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/alert_query.h"
#include "center/limits.h"
#include "center/query.h"
#include "center/scheduler.h"
#include "center/store/saved_queries.h"
#include "tests/center/ingest_fixture.h"

#define MINUTE_MS 60000LL
#define HOUR_MS   3600000LL
#define DAY_MS    86400000LL

#define FLOWS "SecurityIoTRawEvent | where RawEventName == 'NetworkActivity'"

static int put(struct ingest_fixture *f, const char *name, const char *json, int64_t now_ms,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    json_t *document = json_loads(json, 0, NULL);
    bool is_new = false;
    int error;

    assert_non_null(document);
    problem[0] = '\0';
    error = vd_saved_queries_put(f->store, name, document, now_ms, &is_new, problem);
    json_decref(document);
    return error;
}

static void put_good(struct ingest_fixture *f, const char *name, const char *json, int64_t now_ms)
{
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE];

    if (put(f, name, json, now_ms, problem) != VD_OK) {
        fail_msg("%s", problem);
    }
}

/* The caller's. */
static json_t *saved(struct ingest_fixture *f, const char *name)
{
    json_t *list = NULL;
    json_t *one;

    assert_int_equal(vd_saved_queries_list(f->store, name, &list), VD_OK);
    assert_int_equal(json_array_size(list), 1);
    one = json_incref(json_array_get(list, 0));
    json_decref(list);
    return one;
}

static json_int_t state_number(struct ingest_fixture *f, const char *name, const char *member)
{
    json_t *one = saved(f, name);
    const json_int_t value =
        json_integer_value(json_object_get(json_object_get(one, "state"), member));

    json_decref(one);
    return value;
}

static int turn(struct ingest_fixture *f, int64_t now_ms)
{
    return vd_scheduler_turn(f->duckdb, f->store, now_ms, NULL);
}

static size_t alerts_of(struct ingest_fixture *f, json_t **alerts)
{
    assert_int_equal(vd_alert_store_list(f->store,
                         &(struct vd_alert_filter){.type = VD_SCHEDULED_ALERT_TYPE}, alerts),
        VD_OK);
    return json_array_size(*alerts);
}

static size_t alert_count(struct ingest_fixture *f)
{
    json_t *alerts = NULL;
    const size_t count = alerts_of(f, &alerts);

    json_decref(alerts);
    return count;
}

/* ---- Documents ---- */

static void test_saved__documents(void **state)
{
    static const struct {
        const char *json;
        const char *problem; /* NULL: it is good */
    } cases[] = {
        {"{\"query\":\"print 1\"}", NULL},
        {"{\"query\":\"print 1\",\"title\":\"T\",\"description\":\"D\",\"category\":\"C\"}", NULL},
        {"{\"query\":\"declare query_parameters(d:string); print d\"}", NULL},
        {"{\"query\":\"print 1\",\"schedule\":null}", NULL},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT1M\"}}", NULL},
        {"{\"query\":\"print DeviceId='x'\",\"schedule\":{\"every\":\"P1D\",\"over\":\"P14D\","
         "\"severity\":\"High\",\"rowsAbove\":9999,\"enabled\":false}}",
            NULL},
        {"{\"query\":\"print d='x'\",\"schedule\":{\"every\":\"PT1M\",\"deviceColumn\":\"d\"}}",
            NULL},
        {"{}", "query is missing"},
        {"[]", "a saved query is to be an object"},
        {"{\"query\":5}", "query is to be text"},
        {"{\"query\":\"print 1\",\"titel\":\"x\"}", "titel is not known"},
        {"{\"query\":\"print 1\",\"title\":5}", "title is to be text"},
        {"{\"query\":\"print\\n1 +\"}", "query: line 2, column 4"},
        {"{\"query\":\"print x\"}", "query: line 1, column 7"},
        {"{\"query\":\"print 1\",\"schedule\":5}", "schedule is to be an object"},
        {"{\"query\":\"print 1\",\"schedule\":{}}", "every is missing"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT59S\"}}", "every is to be a duration"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"P1DT1S\"}}", "every is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"1h\"}}", "every is to be a duration"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"over\":\"PT1M\"}}",
            "over is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"over\":\"P15D\"}}",
            "over is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"severity\":\"Huge\"}}",
            "severity is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"rowsAbove\":-1}}",
            "rowsAbove is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"rowsAbove\":10000}}",
            "rowsAbove is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"enabled\":1}}",
            "enabled is to be"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT2M\",\"evry\":1}}",
            "evry is not known"},
        {"{\"query\":\"print d=1\",\"schedule\":{\"every\":\"PT1M\",\"deviceColumn\":\"d\"}}",
            "deviceColumn is to be a column of strings"},
        {"{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT1M\",\"deviceColumn\":\"d\"}}",
            "deviceColumn is not among"},
        {"{\"query\":\"declare query_parameters(d:string); print d\","
         "\"schedule\":{\"every\":\"PT1M\"}}",
            "the parameter 'd' has no value"},
    };
    struct ingest_fixture *f = *state;
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int error = put(f, "q", cases[i].json, INGEST_T0_MS, problem);

        if (error != (cases[i].problem != NULL ? VD_E_INVALID : VD_OK) ||
            (cases[i].problem != NULL && strstr(problem, cases[i].problem) == NULL)) {
            fail_msg("%s: %d %s", cases[i].json, error, problem);
        }
    }
    assert_int_equal(put(f, "", "{\"query\":\"print 1\"}", 1, problem), VD_E_INVALID);
    assert_int_equal(put(f, "a b", "{\"query\":\"print 1\"}", 1, problem), VD_E_INVALID);
    assert_int_equal(put(f, "Device-Alerts", "{\"query\":\"print 1\"}", 1, problem), VD_E_EXISTS);
    assert_int_equal(vd_saved_queries_remove(f->store, "device-alerts"), VD_E_EXISTS);
    assert_int_equal(vd_saved_queries_remove(f->store, "Q"), VD_OK);
    assert_int_equal(vd_saved_queries_remove(f->store, "q"), VD_E_NOT_FOUND);
}

/* ---- Those that are delivered ---- */

static void run_delivered(struct ingest_fixture *f, const struct vd_delivered_query *one)
{
    const struct vd_kql_parameter device = {VD_STR_LITERAL("device"), VD_STR_LITERAL("o'dev:1")};
    const bool takes_device = vd_query_declares(vd_str_from(one->query), "device");
    struct vd_query query = {
        .text = vd_str_from(one->query),
        .now_ms = INGEST_T0_MS + HOUR_MS,
        .parameters = &device,
        .parameter_count = takes_device ? 1 : 0,
    };
    struct vd_query_problem problem;
    json_t *result = NULL;

    if (vd_query_run(f->duckdb, &query, &result, &problem) != VD_OK) {
        fail_msg("%s: %s %s", one->name, problem.place.text, problem.text);
    }
    assert_int_equal(takes_device, strncmp(one->name, "device-", 7) == 0);
    if (strcmp(one->name, "device-talkers") == 0 || strcmp(one->name, "device-first-seen") == 0) {
        assert_int_equal(json_array_size(json_object_get(result, "rows")), 2);
    }
    if (strcmp(one->name, "device-unlike-its-group") == 0) {
        /* 198.51.100.1 it has in common; .2 is its own; .3 is what both others have. */
        assert_int_equal(json_array_size(json_object_get(result, "rows")), 2);
    }
    json_decref(result);
}

static void test_saved__delivered(void **state)
{
    struct ingest_fixture *f = *state;
    size_t i;

    ingest_add_flow(f, "o'dev:1", 1, INGEST_T0_S, "198.51.100.1");
    ingest_add_flow(f, "o'dev:1", 2, INGEST_T0_S, "198.51.100.2");
    for (unsigned device = 0; device < 2; device++) {
        const char *name = device == 0 ? "two" : "three";

        ingest_add_flow(f, name, 10 + device, INGEST_T0_S, "198.51.100.1");
        ingest_add_flow(f, name, 20 + device, INGEST_T0_S, "198.51.100.3");
    }
    ingest_run_all(f);
    for (i = 0; vd_delivered_query_at(i) != NULL; i++) {
        const struct vd_delivered_query *one = vd_delivered_query_at(i);
        json_t *document = json_pack("{s:s}", "query", one->query);
        struct vd_saved_query read;
        char problem[VD_SAVED_QUERY_PROBLEM_SIZE] = "";

        if (vd_saved_query_read(document, &read, problem) != VD_OK) {
            fail_msg("%s: %s", one->name, problem);
        }
        json_decref(document);
        assert_ptr_equal(vd_delivered_query_of(one->name), one);
        assert_true(vd_saved_query_name_is_valid(one->name));
        run_delivered(f, one);
    }
    assert_true(i >= 8);
    assert_null(vd_delivered_query_of("none"));
}

/* ---- Parameters ---- */

/* The error, or VD_OK with the row as JSON. */
static int run_with(struct ingest_fixture *f, const char *name, const char *value, char row[400])
{
    static const char text[] =
        "declare query_parameters(a:long=1, b:timespan=1h, c:datetime=datetime(2024-01-01),"
        " d:dynamic=dynamic([]), e:real=0.5, f:bool=false, s:string='x'); print a, b, c, d, e, f, s";
    const struct vd_kql_parameter given = {vd_str_from(name), vd_str_from(value)};
    const struct vd_query query = {.text = vd_str_from(text),
        .now_ms = INGEST_T0_MS,
        .parameters = &given,
        .parameter_count = 1};
    struct vd_query_problem problem;
    json_t *result = NULL;
    char *dumped;
    const int error = vd_query_run(f->duckdb, &query, &result, &problem);

    snprintf(row, 400, "%s", problem.place.text);
    if (error == VD_OK) {
        dumped = json_dumps(
            json_array_get(json_object_get(result, "rows"), 0), JSON_ENCODE_ANY | JSON_COMPACT);
        snprintf(row, 400, "%s", dumped);
        free(dumped);
    }
    json_decref(result);
    return error;
}

static void test_parameters__are_values_only(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        const char *contains; /* of the row; NULL: it is refused */
    } cases[] = {
        {"a", "5", "[5,"},
        {"a", "0x10", "[16,"},
        {"a", "5)", NULL},
        {"a", "1) + (1", NULL},
        {"a", "x", NULL},
        {"a", "1.5", NULL},
        {"b", "2d", "\"2.00:00:00\""},
        {"b", "abc", NULL},
        {"c", "2025-02-03T04:05:06Z", "\"2025-02-03T04:05:06.000Z\""},
        {"c", "ago(1d)", NULL},
        {"d", "[1,\"y)\"]", "\"[1,\\\"y)\\\"]\""},
        {"d", "[1", NULL},
        {"e", "2", ",2.0,"},
        {"f", "true", ",true,"},
        {"s", "'); print ('", "\"'); print ('\"]"},
        {"s", "", ",\"\"]"},
        {"t", "1", NULL},
    };
    struct ingest_fixture *f = *state;
    char row[400];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int error = run_with(f, cases[i].name, cases[i].value, row);

        if (cases[i].contains != NULL ? error != VD_OK || strstr(row, cases[i].contains) == NULL
                                      : error != VD_E_INVALID) {
            fail_msg("%s=%s: %d %s", cases[i].name, cases[i].value, error, row);
        }
    }
}

/* ---- Schedules ---- */

/* From INGEST_T0_MS, a full hour, on: a flow of `device` so many minutes later. */
static void add_flow(struct ingest_fixture *f, const char *device, uint64_t id, int64_t minutes)
{
    ingest_add_flow(f, device, id, (uint32_t)(INGEST_T0_S + minutes * 60), "198.51.100.1");
}

static void test_schedule__rows_become_alerts(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts = NULL;
    const json_t *evidence;

    put_good(f, "flows",
        "{\"title\":\"Flows\",\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT1H\","
        "\"severity\":\"High\"}}",
        INGEST_T0_MS + 5 * MINUTE_MS);
    add_flow(f, "lamp", 1, 10);
    add_flow(f, "lamp", 2, 20);
    add_flow(f, "pump", 3, 30);
    add_flow(f, "pump", 4, 61); /* of the next hour */
    ingest_run_all(f);
    assert_int_equal(turn(f, INGEST_T0_MS + HOUR_MS), VD_E_NOT_FOUND);
    assert_int_equal(turn(f, INGEST_T0_MS + HOUR_MS + VD_SCHEDULE_DELAY_MS), VD_OK);
    assert_int_equal(turn(f, INGEST_T0_MS + HOUR_MS + VD_SCHEDULE_DELAY_MS), VD_E_NOT_FOUND);
    assert_int_equal(state_number(f, "flows", "rows"), 3);
    assert_int_equal(state_number(f, "flows", "raised"), 2);
    assert_int_equal(alerts_of(f, &alerts), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *alert = json_array_get(alerts, i);
        const bool is_lamp =
            strcmp(json_string_value(json_object_get(alert, "deviceId")), "lamp") == 0;

        assert_string_equal(json_string_value(json_object_get(alert, "displayName")), "Flows");
        assert_string_equal(json_string_value(json_object_get(alert, "severity")), "High");
        assert_string_equal(json_string_value(json_object_get(alert, "subject")), "flows");
        assert_string_equal(json_string_value(json_object_get(alert, "cause")), "flows");
        evidence = json_array_get(json_object_get(alert, "evidence"), 0);
        assert_int_equal(json_integer_value(json_object_get(evidence, "rows")), is_lamp ? 2 : 1);
        assert_int_equal(json_array_size(json_object_get(evidence, "examples")), is_lamp ? 2 : 1);
        vd_alert_add_query(alert);
        assert_string_equal(json_string_value(json_object_get(alert, "query")), FLOWS);
        assert_string_equal(json_string_value(json_object_get(alert, "queryTimespan")),
            "2025-11-24T16:00:00.000Z/2025-11-24T17:00:00.000Z");
    }
    json_decref(alerts);
    /* The next hour repeats the pump's. */
    assert_int_equal(turn(f, INGEST_T0_MS + 2 * HOUR_MS + VD_SCHEDULE_DELAY_MS), VD_OK);
    assert_int_equal(state_number(f, "flows", "repeated"), 1);
    assert_int_equal(alert_count(f), 2);
}

static void test_schedule__thresholds_and_rest(void **state)
{
    struct ingest_fixture *f = *state;
    const int64_t due_ms = INGEST_T0_MS + HOUR_MS + VD_SCHEDULE_DELAY_MS;

    add_flow(f, "lamp", 1, 10);
    add_flow(f, "lamp", 2, 20);
    ingest_run_all(f);
    put_good(f, "two",
        "{\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT1H\",\"rowsAbove\":2}}",
        INGEST_T0_MS);
    put_good(f, "resting",
        "{\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT1H\",\"enabled\":false}}",
        INGEST_T0_MS);
    put_good(f, "hub",
        "{\"query\":\"" FLOWS " | summarize n = count()\",\"schedule\":{\"every\":\"PT1H\"}}",
        INGEST_T0_MS);
    assert_int_equal(turn(f, due_ms), VD_OK);
    assert_int_equal(turn(f, due_ms), VD_OK);
    assert_int_equal(turn(f, due_ms), VD_E_NOT_FOUND);
    assert_int_equal(state_number(f, "two", "rows"), 2);
    assert_int_equal(state_number(f, "two", "raised"), 0);
    assert_int_equal(state_number(f, "hub", "raised"), 1);
    assert_int_equal(alert_count(f), 1);
}

/* A run that was given up, a service that was down, a clock that was set back: nothing is left out or looked at twice. */
static void test_schedule__interruptions(void **state)
{
    struct ingest_fixture *f = *state;
    const atomic_bool stop = true;

    put_good(
        f, "flows", "{\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT5M\"}}", INGEST_T0_MS);
    for (unsigned i = 0; i < 60; i++) {
        add_flow(f, "lamp", 1 + i, i);
    }
    ingest_run_all(f);
    assert_int_equal(
        vd_scheduler_turn(f->duckdb, f->store, INGEST_T0_MS + 6 * MINUTE_MS, &stop), VD_E_CLOSED);
    assert_int_equal(alert_count(f), 0);
    assert_int_equal(turn(f, INGEST_T0_MS + 6 * MINUTE_MS), VD_OK);
    assert_int_equal(state_number(f, "flows", "rows"), 5);
    /* Down for 40 minutes. */
    ingest_close_stores(f);
    ingest_open_stores(f);
    assert_int_equal(turn(f, INGEST_T0_MS + 46 * MINUTE_MS), VD_OK);
    assert_int_equal(state_number(f, "flows", "rows"), 40);
    assert_int_equal(turn(f, INGEST_T0_MS + 46 * MINUTE_MS), VD_E_NOT_FOUND);
    /* Back by 20 minutes, and on from there. */
    assert_int_equal(turn(f, INGEST_T0_MS + 26 * MINUTE_MS), VD_OK);
    assert_int_equal(turn(f, INGEST_T0_MS + 26 * MINUTE_MS), VD_E_NOT_FOUND);
    assert_int_equal(turn(f, INGEST_T0_MS + 31 * MINUTE_MS), VD_OK);
    assert_int_equal(state_number(f, "flows", "rows"), 5);
}

/* Deterministic. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Whenever it gets to run: the rows of all runs are the flows that came, each once. */
static void test_schedule__any_times_cover_all_once(void **state)
{
    struct ingest_fixture *f = *state;
    uint32_t random = 7;
    int64_t now_ms = INGEST_T0_MS;
    json_int_t rows = 0;

    put_good(f, "flows", "{\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT7M\"}}",
        INGEST_T0_MS - HOUR_MS);
    for (unsigned i = 0; i < 300; i++) {
        ingest_add_flow(
            f, i % 3 == 0 ? "lamp" : "pump", 1 + i, INGEST_T0_S + i * 97, "198.51.100.1");
    }
    ingest_run_all(f);
    while (now_ms < INGEST_T0_MS + DAY_MS) {
        now_ms += 1 + next(&random) % (20 * MINUTE_MS);
        for (;;) {
            const int error = turn(f, now_ms);

            if (error == VD_E_NOT_FOUND) {
                break;
            }
            assert_int_equal(error, VD_OK);
            rows += state_number(f, "flows", "rows");
        }
    }
    assert_int_equal(rows, 300);
}

static int too_much(struct vd_analytics *analytics, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size)
{
    (void)analytics;
    (void)sql;
    (void)limits;
    (void)result;
    snprintf(error_text, error_size, "too much");
    return VD_E_LIMIT;
}

static void test_schedule__failures_are_tried_again(void **state)
{
    static const struct vd_analytics_ops ops = {.query = too_much};
    struct vd_analytics full = {&ops};
    struct ingest_fixture *f = *state;
    const int64_t due_ms = INGEST_T0_MS + HOUR_MS + VD_SCHEDULE_DELAY_MS;
    json_t *one;

    put_good(
        f, "greedy", "{\"query\":\"" FLOWS "\",\"schedule\":{\"every\":\"PT1H\"}}", INGEST_T0_MS);
    assert_int_equal(vd_scheduler_turn(&full, f->store, due_ms, NULL), VD_OK);
    one = saved(f, "greedy");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(one, "state"), "error")), "too much");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(one, "state"), "coveredTo")),
        "2025-11-24T16:00:00.000Z");
    json_decref(one);
    assert_int_equal(turn(f, due_ms + VD_SCHEDULE_RETRY_MS - 1), VD_E_NOT_FOUND);
    /* Changed to one that can be run, it begins with the present. */
    put_good(f, "greedy", "{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT1H\"}}", due_ms);
    assert_int_equal(turn(f, due_ms + VD_SCHEDULE_RETRY_MS), VD_E_NOT_FOUND);
    assert_int_equal(turn(f, due_ms + HOUR_MS), VD_OK);
    assert_int_equal(state_number(f, "greedy", "raised"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_saved__documents),
        INGEST_TEST(test_saved__delivered),
        INGEST_TEST(test_parameters__are_values_only),
        INGEST_TEST(test_schedule__rows_become_alerts),
        INGEST_TEST(test_schedule__thresholds_and_rest),
        INGEST_TEST(test_schedule__interruptions),
        INGEST_TEST(test_schedule__any_times_cover_all_once),
        INGEST_TEST(test_schedule__failures_are_tried_again),
    };

    return cmocka_run_group_tests_name("saved queries", tests, NULL, NULL);
}
