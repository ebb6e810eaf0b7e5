/* SPDX-License-Identifier: MIT */
/* What the detection engine takes and gives however much comes: time, alerts and memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "center/detect/custom_rules.h"
#include "center/store/device_states.h"
#include "tests/center/engine_fixture.h"

#define MINUTE_MS ENGINE_MINUTE_MS
#define HOUR_MS   (60 * MINUTE_MS)
#define START_MS  (ENGINE_T0_MS / HOUR_MS * HOUR_MS + HOUR_MS)
#define FLOW_TYPE VD_CUSTOM_ALERT_PREFIX "ActiveConnectionsNotInAllowedRange"

/* ---- Many ---- */

/* All of a large fleet at once: by the address where three or more share one, and by device where they do not. */
static void test_engine_bounds__a_fleet_falls_silent(void **state)
{
    enum {
        DEVICES = 20000,
        ALONE = 1000
    };
    struct vd_detect_settings settings = {.silent_after_ms = HOUR_MS};
    struct vd_findings findings = {0};
    struct vd_engine *engine = NULL;
    size_t alone = 0;
    uint64_t together = 0;

    (void)state;
    assert_int_equal(vd_engine_new(&settings, NULL, &engine), VD_OK);
    assert_int_equal(vd_engine_load(engine, NULL), VD_OK);
    for (int i = 0; i < DEVICES; i++) {
        const int place = i < ALONE ? i : ALONE + i % 100;
        struct vd_observation seen = {.what = VD_OBSERVED_MESSAGE,
            .enqueued_ms = START_MS + i,
            .time = engine_at(START_MS + i)};
        char id[16];
        char address[24];

        snprintf(id, sizeof id, "dev%d", i);
        snprintf(address, sizeof address, "203.0.%d.%d", place / 200, place % 200 + 1);
        seen.device_id = vd_str_from(id);
        seen.address = vd_str_from(address);
        assert_int_equal(vd_engine_observe(engine, &seen, &findings), VD_OK);
    }
    for (int64_t t = START_MS + MINUTE_MS; t < START_MS + HOUR_MS + 3 * MINUTE_MS; t += MINUTE_MS) {
        assert_int_equal(vd_engine_advance(engine, t, &findings), VD_OK);
    }
    for (size_t i = 0; i < findings.count; i++) {
        const struct vd_pending_alert *alert = findings.alerts[i];

        alone += alert->first.device_id.length > 0 ? 1 : 0;
        together += alert->first.device_id.length == 0 ? alert->count : 0;
    }
    assert_int_equal(alone, ALONE);
    assert_int_equal(findings.count, ALONE + 100);
    assert_int_equal(together, DEVICES - ALONE);
    vd_findings_release(&findings);
    vd_engine_free(engine);
}

static const char *const allow_none[] = {"default",
    "{\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true,"
    "\"allowlistValues\":[]}]}",
    NULL};

static void flood(struct engine_fixture *f, const char *device, int from, int to)
{
    struct vd_flow flow = engine_flow_to("198.51.100.1", 1, 1);
    struct vd_observation seen = {.device_id = vd_str_from(device),
        .offset = (uint64_t)from,
        .enqueued_ms = START_MS,
        .time = engine_at(START_MS)};

    for (int i = from; i < to; i++) {
        flow.remote.bytes[14] = (uint8_t)(i >> 8);
        flow.remote.bytes[15] = (uint8_t)i;
        engine_observe_flows(f, &seen, &flow, 1);
    }
}

/* *total: findings of all; *others: of those that are gathered. */
static size_t flood_alerts(struct engine_fixture *f, json_int_t *total, json_int_t *others)
{
    json_t *alerts = engine_all_alerts(f);
    const size_t count = json_array_size(alerts);
    size_t i;
    json_t *alert;

    *total = 0;
    *others = 0;
    json_array_foreach(alerts, i, alert)
    {
        const json_int_t n = json_integer_value(json_object_get(alert, "count"));

        *total += n;
        *others +=
            strcmp(json_string_value(json_object_get(alert, "subject")), "other addresses") == 0
            ? n
            : 0;
    }
    json_decref(alerts);
    return count;
}

/* A device that talks to ever new addresses does not fill the store with alerts. */
static void test_engine_bounds__alerts_of_a_flood_are_bounded(void **state)
{
    struct engine_fixture *f = *state;
    json_int_t total;
    json_int_t others;

    engine_set_rules(f, allow_none);
    flood(f, "d0", 0, 250);
    engine_end_batch(f, true);
    assert_int_equal(flood_alerts(f, &total, &others), 250);
    flood(f, "d0", 0, 1000); /* the first ones again, which have their own */
    flood(f, "d1", 0, 10);
    engine_end_batch(f, true);
    assert_int_equal(flood_alerts(f, &total, &others), VD_ALERTS_APART_MAX + 1 + 10);
    assert_int_equal(total, 250 + 1000 + 10);
    assert_int_equal(others, 1000 - VD_ALERTS_APART_MAX);
    for (int i = 0; i < 10; i++) {
        flood(f, "d0", 2000 + 10 * i, 2010 + 10 * i);
        engine_end_batch(f, true);
    }
    flood(f, "d0", 0, 1);
    engine_end_batch(f, true);
    assert_int_equal(flood_alerts(f, &total, &others), VD_ALERTS_APART_MAX + 1 + 10);
    assert_int_equal(total, 250 + 1000 + 10 + 100 + 1);
    assert_int_equal(others, 1000 - VD_ALERTS_APART_MAX + 100);
}

/* Nor does somebody with a token that asks for ever new names. */
static void test_engine_bounds__alerts_of_attempts_are_bounded(void **state)
{
    struct engine_fixture *f = *state;
    json_t *properties = json_object();

    for (int i = 0; i < 2 * VD_ALERTS_APART_MAX; i++) {
        char id[80];
        struct vd_activity_seen activity = {.caller = VD_STR_LITERAL("somebody"),
            .caller_address = VD_STR_LITERAL("203.0.113.1"),
            .operation_name = VD_STR_LITERAL("Microsoft.Devices/IotHubs/certificates/write"),
            .status = VD_STR_LITERAL("Failed"),
            .properties = properties};
        struct vd_observation seen = {.what = VD_OBSERVED_ACTIVITY,
            .offset = (uint64_t)i,
            .enqueued_ms = START_MS,
            .time = engine_at(START_MS),
            .activity = &activity};

        snprintf(id, sizeof id, "/subscriptions/s/IotHubs/h/certificates/c%d", i);
        activity.resource_id = vd_str_from(id);
        assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
    }
    assert_int_equal(f->findings.count, VD_ALERTS_APART_MAX + 1);
    assert_int_equal(
        engine_findings_of(f, "Hub_CertificateFailedToBeAddedToHub"), 2 * VD_ALERTS_APART_MAX);
    json_decref(properties);
}

/* ---- Bounds of a window ---- */

static void report_ports(struct engine_fixture *f, int count, int64_t ms)
{
    struct vd_flow *flows = calloc((size_t)count, sizeof *flows);
    struct vd_observation seen = {.device_id = VD_STR_LITERAL("d0"),
        .offset = (uint64_t)ms,
        .enqueued_ms = ms,
        .time = engine_at(ms)};

    assert_non_null(flows);
    flows[0] = engine_flow_to("198.51.100.1", 0, 1);
    for (int i = 1; i < count; i++) {
        flows[i] = flows[0];
        flows[i].local_port = (uint16_t)i;
    }
    engine_observe_flows(f, &seen, flows, (uint32_t)count);
    free(flows);
}

static const struct vd_window *window_of_flows(struct engine_fixture *f)
{
    const struct vd_device_state *device = vd_engine_device(f->engine, VD_STR_LITERAL("d0"));

    assert_int_equal(device->window_count, 1);
    return &device->windows[0];
}

/* So many are told apart; that there were more is said, and not if there were not. */
static void test_engine_bounds__flows_beyond_the_bound(void **state)
{
    static const char *const rules[] =
        ENGINE_WINDOW_RULES("ActiveConnectionsNotInAllowedRange", "0", "4000", "P1D");
    struct engine_fixture *f = *state;
    struct vd_engine_stats stats;
    json_t *evidence;

    engine_set_rules(f, rules);
    report_ports(f, VD_WINDOW_DISTINCT_MAX, START_MS);
    assert_int_equal(window_of_flows(f)->count, VD_WINDOW_DISTINCT_MAX);
    assert_false(window_of_flows(f)->is_partial);
    engine_end_batch(f, true);
    engine_restart(f);
    report_ports(
        f, VD_WINDOW_DISTINCT_MAX, START_MS + 1000); /* the same ones: the secret is kept */
    assert_false(window_of_flows(f)->is_partial);
    report_ports(f, VD_WINDOW_DISTINCT_MAX + 1, START_MS + 2000);
    assert_int_equal(window_of_flows(f)->count, VD_WINDOW_DISTINCT_MAX);
    assert_true(window_of_flows(f)->is_partial);
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.uncounted, 1);
    assert_int_equal(vd_engine_flush(f->engine, &f->findings), VD_OK);
    assert_int_equal(f->findings.count, 1);
    evidence = json_loads(f->findings.alerts[0]->replacements[0].body, 0, NULL);
    assert_true(json_is_true(json_object_get(evidence, "isAtLeast")));
    json_decref(evidence);
    engine_end_batch(f, true);
    engine_restart(f);
    assert_true(window_of_flows(f)->is_partial);
}

/* Windows stay small while all together take too much, and what they lack is not taken for absence. */
static void test_engine_bounds__windows_when_memory_is_tight(void **state)
{
    static const char *const rules[] =
        ENGINE_WINDOW_RULES("ActiveConnectionsNotInAllowedRange", "70", "500", "PT1M");
    struct engine_fixture *f = *state;

    f->fleet.count = 1;
    f->settings.windows_bytes = 1;
    engine_restart(f);
    engine_set_rules(f, rules);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS);
    report_ports(f, 100, START_MS);
    assert_int_equal(window_of_flows(f)->count, VD_WINDOW_DISTINCT_TIGHT);
    engine_pass_time(f, START_MS, START_MS + MINUTE_MS + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, FLOW_TYPE), 0);
    f->settings.windows_bytes = 0;
    vd_engine_set_settings(f->engine, &f->settings);
    engine_pass_time(f, START_MS + 2 * MINUTE_MS, START_MS + 4 * MINUTE_MS);
    report_ports(f, 100, START_MS + 4 * MINUTE_MS);
    assert_int_equal(window_of_flows(f)->count, 100);
}

/* The hub's time as it was saved last. */
static int64_t saved_ms(struct engine_fixture *f)
{
    struct vd_buf body = {0};
    struct vd_reader reader;
    int64_t ms;

    assert_int_equal(vd_device_state_get(f->store, "", &body), VD_OK);
    vd_reader_init(&reader, body.data, body.length);
    (void)vd_reader_u8(&reader);
    ms = (int64_t)vd_reader_u64_le(&reader);
    vd_buf_release(&body);
    return ms;
}

/* The clocks of a thousand groups are not written with each batch, but with what they are about. */
static void test_engine_bounds__clocks_are_written_when_they_change(void **state)
{
    static const char *const rules[] =
        ENGINE_WINDOW_RULES("MqttD2CMessagesNotInAllowedRange", "1", "9", "PT1M");
    struct engine_fixture *f = *state;

    engine_set_rules(f, rules);
    engine_pass_time(f, START_MS, START_MS + 10000);
    engine_end_batch(f, true);
    assert_int_equal(saved_ms(f), START_MS + 10000);
    engine_hear(f, "d0", "203.0.113.1", START_MS + 11000);
    engine_end_batch(f, true);
    assert_int_equal(saved_ms(f), START_MS + 10000);
    assert_int_equal(vd_engine_device(f->engine, VD_STR_LITERAL("d0"))->heard_ms, START_MS + 11000);
    engine_hear(f, "d0", "203.0.113.1", START_MS + 16000);
    engine_end_batch(f, true);
    assert_int_equal(saved_ms(f), START_MS + 16000);
    engine_pass_time(f, START_MS + 16000, START_MS + 2 * MINUTE_MS + ENGINE_LATENESS_MS);
    engine_end_batch(f, true);
    assert_int_equal(saved_ms(f), START_MS + 2 * MINUTE_MS + ENGINE_LATENESS_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(test_engine_bounds__clocks_are_written_when_they_change),
        cmocka_unit_test(test_engine_bounds__a_fleet_falls_silent),
        ENGINE_TEST(test_engine_bounds__alerts_of_a_flood_are_bounded),
        ENGINE_TEST(test_engine_bounds__alerts_of_attempts_are_bounded),
        ENGINE_TEST(test_engine_bounds__flows_beyond_the_bound),
        ENGINE_TEST(test_engine_bounds__windows_when_memory_is_tight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
