/* SPDX-License-Identifier: MIT */
/* Raw events are stored while a solution says so: from which record on, across a stop, and who says what was not stored. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/backtest.h"
#include "center/store/raw_pauses.h"
#include "tests/center/ingest_fixture.h"

/* What the registry would say. */
static bool is_on;

static bool read_switches(
    void *context, struct vd_detect_settings *detection, bool *stores_raw_events)
{
    (void)context;
    (void)detection;
    *stores_raw_events = is_on;
    return true;
}

static void watch(struct ingest_fixture *f)
{
    f->ingest.read_switches = read_switches;
}

/* The record of a change of a solution. */
static void add_change(struct ingest_fixture *f, uint32_t time_s)
{
    ingest_add_body(f, VD_EVENT_ACTIVITY, "", "", (int64_t)time_s * 1000,
        VD_STR_LITERAL(
            "{\"operationName\":\"Microsoft.Security/iotSecuritySolutions/write\",\"status\":"
            "\"Succeeded\",\"resourceId\":\"/hub\",\"category\":\"Administrative\","
            "\"properties\":\"{}\"}"));
}

static void assert_stored(struct ingest_fixture *f, const char *expected)
{
    json_t *rows = ingest_rows(f,
        "SELECT string_agg(json_extract_string(EventDetails, '$.RemoteAddress'), ' '"
        " ORDER BY TimeGenerated) FROM SecurityIoTRawEvent");
    const char *text = json_string_value(json_array_get(json_array_get(rows, 0), 0));

    assert_string_equal(text != NULL ? text : "", expected);
    json_decref(rows);
}

static void assert_pauses(struct ingest_fixture *f, int64_t from_ms, const char *expected)
{
    json_t *pauses = NULL;
    char *text;

    assert_int_equal(vd_raw_pauses_list(f->store, from_ms, INGEST_T0_MS + 3600000, &pauses), VD_OK);
    text = json_dumps(pauses, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(pauses);
}

static size_t alert_count(struct ingest_fixture *f)
{
    json_t *alerts = ingest_alerts(f);
    const size_t count = json_array_size(alerts);

    json_decref(alerts);
    return count;
}

/* All of it in one read of the log: the record of the change is where it changes. */
static void test_switch__from_the_record_on(void **state)
{
    struct ingest_fixture *f = *state;

    is_on = true;
    watch(f);
    assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
    is_on = false;
    ingest_add_flow(f, "dev-1", 1, INGEST_T0_S, "198.51.100.1");
    add_change(f, INGEST_T0_S + 10);
    ingest_add_flow(f, "dev-1", 2, INGEST_T0_S + 20, "192.0.2.1");
    ingest_run_all(f);
    assert_stored(f, "198.51.100.1");
    assert_int_equal(alert_count(f), 1); /* detection goes on */
    assert_int_equal(f->ingest.stats.raw_events_passed_over, 1);
    assert_pauses(f, 0, "[{\"from\":\"2025-11-24T16:00:10.000Z\",\"to\":null}]");
    is_on = true;
    add_change(f, INGEST_T0_S + 30);
    ingest_add_flow(f, "dev-1", 3, INGEST_T0_S + 40, "198.51.100.3");
    ingest_run_all(f);
    assert_stored(f, "198.51.100.1 198.51.100.3");
    assert_pauses(
        f, 0, "[{\"from\":\"2025-11-24T16:00:10.000Z\",\"to\":\"2025-11-24T16:00:30.000Z\"}]");
    assert_pauses(f, INGEST_T0_MS + 30000, "[]");
}

/* It is one pause whatever happens within it. */
static void test_switch__across_a_stop(void **state)
{
    struct ingest_fixture *f = *state;

    is_on = false;
    watch(f);
    add_change(f, INGEST_T0_S);
    ingest_add_flow(f, "dev-1", 1, INGEST_T0_S + 10, "198.51.100.1");
    f->ingest.switched_ms = INGEST_T0_MS;
    ingest_run_all(f);
    ingest_close_stores(f);
    ingest_open_stores(f);
    watch(f);
    add_change(f, INGEST_T0_S + 15);
    ingest_add_flow(f, "dev-1", 2, INGEST_T0_S + 20, "198.51.100.2");
    ingest_run_all(f);
    assert_stored(f, "");
    assert_pauses(f, 0, "[{\"from\":\"2025-11-24T16:00:00.000Z\",\"to\":null}]");
}

/* A backtest over such a stretch says so. */
static void test_switch__backtest_says_so(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *rules = json_pack("{}");
    struct vd_backtest backtest = {
        .analytics = f->duckdb,
        .store = f->store,
        .group = "default",
        .properties = rules,
        .from_ms = INGEST_T0_MS,
        .to_ms = INGEST_T0_MS + 60000,
    };
    char problem[400] = "";
    json_t *result = NULL;

    assert_int_equal(vd_raw_pauses_set(f->store, false, INGEST_T0_MS + 5000), VD_OK);
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_int_equal(json_array_size(json_object_get(result, "notStored")), 1);
    json_decref(result);
    assert_int_equal(vd_raw_pauses_set(f->store, true, INGEST_T0_MS + 6000), VD_OK);
    backtest.from_ms = INGEST_T0_MS + 6000;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_int_equal(json_array_size(json_object_get(result, "notStored")), 0);
    json_decref(result);
    json_decref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_switch__from_the_record_on),
        INGEST_TEST(test_switch__across_a_stop),
        INGEST_TEST(test_switch__backtest_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
