/* SPDX-License-Identifier: MIT */
/* Alerts over the owner's API: filters, pages, groups, and what is done with them by whom. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "cli/stores.h"
#include "lib/clock.h"
#include "tests/cli/api_fixture.h"

#define ID_1 "00000000-0000-0000-0000-000000000001"
#define ID_2 "00000000-0000-0000-0000-000000000002"

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

/* Alert `number` of device d1 or d2, raised now. */
static void raise_one(uint8_t number, const char *device, const char *severity, const char *subject)
{
    struct vd_alert_update update = {
        .type = "IoT_TiConnection",
        .display_name = "Suspicious address",
        .severity = severity,
        .device_id = vd_str_from(device),
        .module_id = VD_STR_LITERAL(""),
        .subject = subject,
        .generated_ms = vd_clock_utc_ms(),
        .description = "d",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .cause = vd_str_from(subject),
        .count = 1,
        .evidence = evidence,
    };
    bool raised = false;

    update.id.bytes[15] = number;
    update.start_ms = update.generated_ms;
    update.end_ms = update.generated_ms;
    assert_int_equal(vd_alert_store_begin(stores.alerts), VD_OK);
    assert_int_equal(vd_alert_store_apply(stores.alerts, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(stores.alerts), VD_OK);
}

static void raise_three(void)
{
    raise_one(1, "d1", "Medium", "192.0.2.1");
    raise_one(2, "d2", "Low", "192.0.2.1");
    raise_one(3, "d2", "Medium", "192.0.2.9");
}

static size_t count(const char *query)
{
    json_t *answer = call(200, "GET", "/alerts", query, NULL);
    const size_t size = json_array_size(json_object_get(answer, "alerts"));

    json_decref(answer);
    return size;
}

static void test_alerts__filters_and_pages(void **state)
{
    json_t *answer;

    (void)state;
    raise_three();
    assert_int_equal(count(NULL), 3);
    assert_int_equal(count("device=d2&severity=medium"), 1);
    assert_int_equal(count("cause=192.0.2.1"), 2);
    assert_int_equal(count("type=IoT_TiConnection&text=SUSPICIOUS"), 3);
    assert_int_equal(count("state=open"), 3);
    assert_int_equal(count("state=Resolved"), 0);
    assert_int_equal(count("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"), 0);
    assert_int_equal(count("from=2020-01-01T00:00:00Z"), 3);
    answer = call(200, "GET", "/alerts", "limit=2", NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 2);
    assert_int_equal(json_integer_value(json_object_get(answer, "change")), 3);
    json_decref(answer);
    answer = call(200, "GET", "/alerts", "limit=2&before=2", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "alerts")), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 0);
    json_decref(answer);
    expect(400, "InvalidParameter", "GET", "/alerts", "severity=huge", NULL);
    expect(400, "InvalidParameter", "GET", "/alerts", "state=closed", NULL);
    expect(400, "InvalidParameter", "GET", "/alerts", "from=yesterday", NULL);
}

/* "state alerts" of each state there is, in the order of their names, and + if there may be more. */
static void check_counts(const char *query, const char *want)
{
    json_t *answer = call(200, "GET", "/alert-counts", query, NULL);
    char got[128] = "";
    size_t length = 0;
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer, "counts"), i, one)
    {
        length += (size_t)snprintf(got + length, sizeof got - length, "%s %d,",
            text_at(one, NULL, "state"), (int)json_integer_value(json_object_get(one, "alerts")));
    }
    assert_string_equal(got, want);
    assert_true(json_is_false(json_object_get(answer, "isPartial")));
    json_decref(answer);
}

static void test_alerts__counts(void **state)
{
    (void)state;
    check_counts(NULL, "");
    raise_three();
    expect(200, NULL, "POST", "/alerts/" ID_1 "/resolve", NULL, "{}");
    check_counts(NULL, "New 2,Resolved 1,");
    check_counts("state=Open&limit=1", "New 2,");
    check_counts("severity=Medium&text=suspicious", "New 1,Resolved 1,");
    check_counts("device=d3", "");
    expect(400, "InvalidParameter", "GET", "/alert-counts", "state=closed", NULL);
}

static void test_alerts__groups(void **state)
{
    json_t *answer;
    const json_t *groups;

    (void)state;
    raise_three();
    answer = call(200, "GET", "/alert-groups", "state=Open", NULL);
    groups = json_object_get(answer, "groups");
    assert_int_equal(json_array_size(groups), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(groups, 1), "cause")), "192.0.2.1");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(groups, 1), "devices")), 2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(groups, 1), "deviceIds")), 2);
    assert_non_null(json_string_value(json_object_get(json_array_get(groups, 1), "description")));
    json_decref(answer);
    answer = call(200, "GET", "/alert-groups", "among=1", NULL);
    groups = json_object_get(answer, "groups");
    assert_int_equal(json_array_size(groups), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(groups, 0), "alerts")), 1);
    json_decref(answer);
}

static void test_alerts__a_life(void **state)
{
    json_t *answer;
    json_t *entry;

    (void)state;
    raise_three();
    answer = call(200, "POST", "/alerts/" ID_1 "/start", NULL, "{\"ifChange\":1}");
    assert_string_equal(text_at(answer, NULL, "status"), "InProgress");
    entry = json_array_get(json_object_get(answer, "history"), 0);
    assert_string_equal(text_at(entry, NULL, "actor"), "local");
    json_decref(answer);
    expect(400, "InvalidId", "GET", "/alerts/abc", NULL, NULL);
    expect(412, "PreconditionFailed", "POST", "/alerts/" ID_1 "/resolve", NULL, "{\"ifChange\":1}");
    expect(409, "NotInThisState", "POST", "/alerts/" ID_1 "/start", NULL, "{}");
    expect(200, NULL, "POST", "/alerts/" ID_1 "/notes", NULL, "{\"text\":\"asked\"}");
    expect(200, NULL, "POST", "/alerts/" ID_1 "/dismiss", NULL,
        "{\"reason\":\"expected\",\"until\":\"9000-01-01T00:00:00Z\",\"text\":\"ours\"}");
    answer = call(200, "GET", "/alerts/" ID_1, NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "status"), "Dismissed");
    entry = json_array_get(json_object_get(answer, "history"), 2);
    assert_string_equal(text_at(entry, NULL, "reason"), "Expected");
    assert_string_equal(text_at(entry, NULL, "until"), "9000-01-01T00:00:00.000Z");
    json_decref(answer);
    expect(200, NULL, "POST", "/alerts/" ID_1 "/reopen", NULL, "{}");
    expect(200, NULL, "POST", "/alerts/" ID_1 "/resolve", NULL, "{}");
    assert_int_equal(count("state=Resolved"), 1);
}

static void test_alerts__dismissed_once(void **state)
{
    json_t *answer;

    (void)state;
    raise_three();
    expect(
        200, NULL, "POST", "/alerts", "device=d2", "{\"action\":\"dismiss\",\"reason\":\"Other\"}");
    expect(200, NULL, "POST", "/alerts/" ID_2 "/dismiss", NULL,
        "{\"reason\":\"Duplicate\",\"suppress\":false}");
    answer = call(200, "GET", "/alerts/" ID_2, NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "status"), "Dismissed");
    json_decref(answer);
    /* Found again, the same day and on another. */
    raise_one(2, "d2", "Low", "192.0.2.1");
    raise_one(4, "d2", "Low", "192.0.2.1");
    raise_one(3, "d2", "Medium", "192.0.2.9");
    check_counts("device=d2&state=Dismissed", "Dismissed 1,");
    check_counts("device=d2&cause=192.0.2.1", "New 2,");
}

static void test_alerts__what_is_refused(void **state)
{
    (void)state;
    raise_three();
    expect(404, "NotFound", "POST", "/alerts/ffff/start", NULL, "{}");
    expect(400, "AmbiguousId", "POST", "/alerts/0000/start", NULL, "{}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/dismiss", NULL, "{}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/dismiss", NULL,
        "{\"reason\":\"Other\",\"until\":\"2020-01-01T00:00:00Z\"}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/dismiss", NULL,
        "{\"reason\":\"Other\",\"until\":7}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/dismiss", NULL,
        "{\"reason\":\"Other\",\"suppress\":\"no\"}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/dismiss", NULL,
        "{\"reason\":\"Other\",\"suppress\":false,\"until\":\"9000-01-01T00:00:00Z\"}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/notes", NULL, "{}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/notes", NULL, "{\"text\":1}");
    expect(400, "InvalidBody", "POST", "/alerts/" ID_1 "/start", NULL, "{\"ifChange\":\"1\"}");
    assert_int_equal(count("state=New"), 3);
}

static void test_alerts__many_at_once(void **state)
{
    json_t *answer;

    (void)state;
    raise_three();
    expect(400, "InvalidParameter", "POST", "/alerts", NULL, "{\"action\":\"resolve\"}");
    expect(400, "InvalidBody", "POST", "/alerts", "device=d2", "{\"action\":\"repeated\"}");
    expect(400, "InvalidBody", "POST", "/alerts", "device=d2", "{\"action\":\"dismiss\"}");
    expect(400, "InvalidBody", "POST", "/alerts", "device=d2", "{}");
    answer = call(200, "POST", "/alerts", "type=IoT_TiConnection&cause=192.0.2.1",
        "{\"action\":\"resolve\"}");
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), 2);
    json_decref(answer);
    answer = call(200, "GET", "/alerts/" ID_2, NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "status"), "Resolved");
    json_decref(answer);
    assert_int_equal(count("state=Open"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_alerts__filters_and_pages),
        TEST(test_alerts__counts),
        TEST(test_alerts__groups),
        TEST(test_alerts__a_life),
        TEST(test_alerts__dismissed_once),
        TEST(test_alerts__what_is_refused),
        TEST(test_alerts__many_at_once),
    };

    return cmocka_run_group_tests_name("api_alerts", tests, NULL, NULL);
}
