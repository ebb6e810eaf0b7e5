/* SPDX-License-Identifier: MIT */
/* Rules over the stored history find what they found, or would have found, while it came. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

#include "center/backtest.h"
#include "center/store/groups.h"
#include "lib/clock.h"
#include "tests/center/ingest_fixture.h"
#include "tests/center/json_cases.h"

#define MINUTE_MS 60000LL

static const char rules_text[] =
    "{\"timeWindowRules\":["
    "{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\",\"isEnabled\":true,\"minThreshold\":0,"
    "\"maxThreshold\":2,\"timeWindowSize\":\"PT5M\"},"
    "{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,\"minThreshold\":0,"
    "\"maxThreshold\":3,\"timeWindowSize\":\"PT1M\"},"
    "{\"ruleType\":\"QueuePurgesNotInAllowedRange\",\"isEnabled\":true,\"minThreshold\":0,"
    "\"maxThreshold\":0,\"timeWindowSize\":\"PT1H\"}],"
    "\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true,"
    "\"allowlistValues\":[\"198.51.100.0/30\"]}]}";

static void add_record(struct ingest_fixture *f, const char *device, int64_t ms,
    const char *category, const char *name, const char *more)
{
    char time[VD_TIME_TEXT_SIZE];
    char body[1024];

    vd_time_format(ms, time);
    snprintf(body, sizeof body,
        "{\"time\":\"%s\",\"operationName\":\"%s\",\"category\":\"%s\",\"level\":\"Information\","
        "\"resultType\":\"\",\"properties\":\"{\\\"deviceId\\\":\\\"%s\\\",\\\"protocol\\\":"
        "\\\"Mqtt\\\"%s}\"}",
        time, name, category, device, more);
    ingest_add_body(f, VD_EVENT_OPERATION, device, "", ms, vd_str_from(body));
}

/* What the hub records of the messages of a minute, at `at_ms`: when it hears of the device next. */
static void add_minute_at(
    struct ingest_fixture *f, const char *device, int64_t minute_ms, int count, int64_t at_ms)
{
    char time[VD_TIME_TEXT_SIZE];
    char more[160];

    vd_time_format(minute_ms, time);
    snprintf(more, sizeof more, ",\\\"messageCount\\\":%d,\\\"EventEnqueuedUtcTime\\\":\\\"%s\\\"",
        count, time);
    add_record(f, device, at_ms, "DeviceTelemetry", "ingress", more);
}

static void add_minute(struct ingest_fixture *f, const char *device, int64_t minute_ms, int count)
{
    add_minute_at(f, device, minute_ms, count, minute_ms + MINUTE_MS);
}

/* Some minutes of three devices: flows inside and outside of the list, messages, a purge. */
static void add_history(struct ingest_fixture *f)
{
    const int64_t start = INGEST_T0_MS / MINUTE_MS * MINUTE_MS;
    uint64_t id = 1;

    for (int minute = 0; minute < 12; minute++) {
        for (int device = 0; device < 3; device++) {
            const int count = 1 + (minute * 7 + device * 3) % 5;
            char name[16];
            char remote[32];

            snprintf(name, sizeof name, "d%d", device);
            for (int i = 0; i < count; i++) {
                const int64_t ms = start + minute * MINUTE_MS + i * 2000 + device * 100;

                snprintf(remote, sizeof remote, "198.51.100.%d", (minute + i + device) % 6);
                ingest_add_flow(f, name, id++, (uint32_t)(ms / 1000), remote);
            }
        }
        if (minute == 5) {
            add_record(
                f, "d1", start + minute * MINUTE_MS + 30000, "C2DCommands", "queuePurged", "");
        }
        for (int device = 0; device < 3; device++) {
            char name[16];

            snprintf(name, sizeof name, "d%d", device);
            add_minute(f, name, start + minute * MINUTE_MS, 1 + (minute * 7 + device * 3) % 5);
        }
    }
}

/* Connections that a program reports as JSON: made outside of the list, and taken from there. */
static void add_json_history(struct ingest_fixture *f)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    const int64_t start = INGEST_T0_MS / MINUTE_MS * MINUTE_MS;

    for (unsigned i = 0; i < 24; i++) {
        const int64_t ms = start + i / 2 * MINUTE_MS + i % 2 * 5000;
        json_t *item = json_item_new(kind, i % 3 == 0);
        json_t *event = json_event_new(kind, 1000 + i, json_pack("[o]", item));
        char text[VD_TIME_TEXT_SIZE];
        json_t *message;
        char *body;

        vd_time_format(ms, text);
        json_object_set_new(event, "TimestampUTC", json_string(text));
        json_object_set_new(item, "Direction", json_string(i % 2 == 0 ? "Out" : "In"));
        snprintf(text, sizeof text, "203.0.113.%u", i);
        json_object_set_new(item, "RemoteAddress", json_string(text));
        message = json_message_new(json_pack("[o]", event));
        body = json_dumps(message, JSON_COMPACT);
        assert_non_null(body);
        ingest_add_body(f, VD_EVENT_SECURITY, "d3", "", ms, vd_str_from(body));
        free(body);
        json_decref(message);
    }
}

static struct vd_backtest backtest_of(struct ingest_fixture *f, const json_t *rules)
{
    return (struct vd_backtest){
        .analytics = f->duckdb,
        .detection = {.lateness_ms = MINUTE_MS},
        .group = "default",
        .properties = rules,
        .from_ms = INGEST_T0_MS / MINUTE_MS * MINUTE_MS - MINUTE_MS,
        .to_ms = INGEST_T0_MS + 30 * MINUTE_MS,
    };
}

static json_int_t findings_of(const json_t *result, const char *type)
{
    const json_t *rules = json_object_get(result, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);

        if (strcmp(json_string_value(json_object_get(rule, "alertType")), type) == 0) {
            return json_integer_value(json_object_get(rule, "findings"));
        }
    }
    return 0;
}

/* What the alerts of a type count, over all devices. */
static json_int_t counted(const json_t *alerts, const char *type)
{
    json_int_t count = 0;

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        if (strcmp(json_string_value(json_object_get(alert, "alertType")), type) == 0) {
            count += json_integer_value(json_object_get(alert, "count"));
        }
    }
    return count;
}

/* An example is one finding: its time, its text and its evidence are of the same flow, told as live alerts tell it. */
static void check_examples(const json_t *examples)
{
    size_t single = 0;

    for (size_t i = 0; i < json_array_size(examples); i++) {
        const json_t *example = json_array_get(examples, i);
        const char *time = json_string_value(json_object_get(example, "time"));
        const char *description = json_string_value(json_object_get(example, "description"));
        const json_t *evidence = json_object_get(example, "evidence");

        if (json_object_get(evidence, "rawEventId") == NULL) {
            continue;
        }
        assert_string_equal(json_string_value(json_object_get(evidence, "time")), time);
        assert_non_null(strstr(description, time));
        if (strcmp(json_string_value(json_object_get(example, "deviceId")), "d3") == 0) {
            assert_non_null(strstr(description, " opened a "));
            single++;
        } else {
            assert_non_null(strstr(description, " until "));
        }
    }
    assert_true(single > 0);
}

static void test_backtest__finds_what_was_found(void **state)
{
    static const char *const types[] = {"IoT_CA_ActiveConnectionsNotInAllowedRange",
        "IoT_CA_MqttD2CMessagesNotInAllowedRange", "IoT_CA_QueuePurgesNotInAllowedRange",
        "IoT_CA_ConnectionToIpNotAllowed"};
    struct ingest_fixture *f = *state;
    json_t *rules = json_loads(rules_text, 0, NULL);
    struct vd_backtest backtest = backtest_of(f, rules);
    json_t *result = NULL;
    json_t *alerts;
    json_int_t total = 0;
    char problem[400] = "";
    bool is_new;

    assert_int_equal(vd_groups_put(f->store, "default", rules, 0, &is_new, problem), VD_OK);
    add_history(f);
    add_json_history(f);
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(findings_of(result, types[i]), counted(alerts, types[i]));
        assert_true(findings_of(result, types[i]) > 0);
        total += counted(alerts, types[i]);
    }
    assert_int_equal(json_integer_value(json_object_get(result, "findings")), total);
    assert_int_equal(json_array_size(json_object_get(result, "devices")), 4);
    assert_true(json_array_size(json_object_get(result, "examples")) > 3);
    check_examples(json_object_get(result, "examples"));
    assert_true(json_is_false(json_object_get(result, "isPartial")));
    /* Nothing was stored by it. */
    json_decref(result);
    json_decref(alerts);
    alerts = ingest_alerts(f);
    assert_int_equal(counted(alerts, types[0]) + counted(alerts, types[1]) +
            counted(alerts, types[2]) + counted(alerts, types[3]),
        total);
    json_decref(alerts);
    json_decref(rules);
}

/* Rules that were never set, and a stretch before all that happened. */
static void test_backtest__of_what_was_never_set(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *rules = json_loads(rules_text, 0, NULL);
    struct vd_backtest backtest = backtest_of(f, rules);
    json_t *result = NULL;
    char problem[400] = "";

    add_history(f);
    ingest_run_all(f);
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_true(json_integer_value(json_object_get(result, "findings")) > 10);
    json_decref(result);
    backtest.to_ms = backtest.from_ms;
    backtest.from_ms -= 60 * MINUTE_MS;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_int_equal(json_integer_value(json_object_get(result, "findings")), 0);
    assert_int_equal(json_integer_value(json_object_get(result, "eventsRead")), 0);
    json_decref(result);
    json_decref(rules);
}

static int get_device(struct vd_fleet *fleet, const char *id, struct vd_fleet_device *device)
{
    (void)fleet;
    *device = (struct vd_fleet_device){
        .group = VD_FLEET_GROUP_DEFAULT, .is_enabled = true, .device_id = "d0"};
    return strcmp(id, "d0") == 0 ? VD_OK : VD_E_NOT_FOUND;
}

static int each_device(struct vd_fleet *fleet,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    struct vd_fleet_device device;

    (void)!get_device(fleet, "d0", &device);
    (void)each(context, &device);
    return VD_OK;
}

/*
 * A device that sends late in each window is recorded in the next one, when it sends again. The minute that the record is about
 * counts, so that a minimum alerts where it would have: in the two windows in which nothing was sent.
 */
static void test_backtest__minutes_that_are_recorded_late(void **state)
{
    static const struct vd_fleet_ops ops = {.get = get_device, .each = each_device};
    struct vd_fleet fleet = {&ops};
    struct ingest_fixture *f = *state;
    const int64_t window = 5 * MINUTE_MS;
    const int64_t start = INGEST_T0_MS / window * window;
    json_t *rules = json_loads(
        "{\"timeWindowRules\":[{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,"
        "\"minThreshold\":1,\"maxThreshold\":9,\"timeWindowSize\":\"PT5M\"}]}",
        0, NULL);
    struct vd_backtest backtest = backtest_of(f, rules);
    json_t *result = NULL;
    char problem[400] = "";

    for (int i = 0; i < 20; i++) {
        if (i != 7 && i != 8) {
            add_minute_at(f, "d0", start + i * window + 4 * MINUTE_MS, 1,
                start + (i < 6 || i > 8 ? i + 1 : 9) * window + 4 * MINUTE_MS + 30000);
        }
    }
    ingest_run_all(f);
    backtest.fleet = &fleet;
    backtest.from_ms = start - MINUTE_MS;
    backtest.to_ms = start + 20 * window;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_int_equal(findings_of(result, "IoT_CA_MqttD2CMessagesNotInAllowedRange"), 2);
    assert_int_equal(json_integer_value(json_object_get(result, "recordsRead")), 18);
    json_decref(result);
    json_decref(rules);
}

/* Whoever edits rules asks again before the answer is there. */
static void test_backtest__ends_when_nobody_waits(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *rules = json_loads(rules_text, 0, NULL);
    struct vd_backtest backtest = backtest_of(f, rules);
    atomic_bool is_unwanted = true;
    json_t *result = NULL;
    char problem[400] = "";

    add_history(f);
    ingest_run_all(f);
    backtest.is_unwanted = &is_unwanted;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_true(json_is_true(json_object_get(result, "isPartial")));
    assert_string_equal(json_string_value(json_object_get(result, "coveredUntil")),
        json_string_value(json_object_get(result, "from")));
    assert_int_equal(json_integer_value(json_object_get(result, "eventsRead")), 0);
    json_decref(result);
    atomic_store(&is_unwanted, false);
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_OK);
    assert_true(json_is_false(json_object_get(result, "isPartial")));
    assert_true(json_integer_value(json_object_get(result, "eventsRead")) > 0);
    json_decref(result);
    json_decref(rules);
}

static void test_backtest__refuses(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *rules = json_loads("{\"timeWindowRules\":[{\"ruleType\":\"None\"}]}", 0, NULL);
    struct vd_backtest backtest = backtest_of(f, rules);
    json_t *result = NULL;
    char problem[400] = "";

    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_E_INVALID);
    assert_string_equal(problem, "timeWindowRules[0].ruleType: is not a known rule type");
    json_decref(rules);
    rules = json_object();
    backtest.properties = rules;
    backtest.to_ms = backtest.from_ms;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_E_INVALID);
    backtest.to_ms = backtest.from_ms + VD_BACKTEST_HISTORY_MAX_MS + 1;
    assert_int_equal(vd_backtest_run(&backtest, &result, problem), VD_E_INVALID);
    json_decref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_backtest__finds_what_was_found),
        INGEST_TEST(test_backtest__of_what_was_never_set),
        INGEST_TEST(test_backtest__minutes_that_are_recorded_late),
        INGEST_TEST(test_backtest__ends_when_nobody_waits),
        INGEST_TEST(test_backtest__refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
