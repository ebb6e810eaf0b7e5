/* SPDX-License-Identifier: MIT */
/* The detection engine while rules, devices and clocks change: nothing is judged that was not so. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "center/detect/custom_rules.h"
#include "center/detect/engine_internal.h"
#include "center/store/alert_store_internal.h"
#include "center/store/device_states.h"
#include "lib/log.h"
#include "tests/center/engine_fixture.h"

#define MINUTE_MS ENGINE_MINUTE_MS
#define HOUR_MS   (60 * MINUTE_MS)
#define START_MS  (ENGINE_T0_MS / HOUR_MS * HOUR_MS + HOUR_MS)
#define D2C_TYPE  VD_CUSTOM_ALERT_PREFIX "MqttD2CMessagesNotInAllowedRange"
#define FLOW_TYPE VD_CUSTOM_ALERT_PREFIX "ActiveConnectionsNotInAllowedRange"

static const char *const at_least_one[] =
    ENGINE_WINDOW_RULES("MqttD2CMessagesNotInAllowedRange", "1", "100", "PT5M");
static const char *const nothing[] = {"default", "{}", NULL};

static void change_identity(
    struct engine_fixture *f, const char *device, const char *operation, int64_t ms)
{
    struct vd_observation seen = {
        .device_id = vd_str_from(device), .enqueued_ms = ms, .time = engine_at(ms)};

    engine_observe_operation(f, &seen, "DeviceIdentityOperations", operation, 0);
}

/* Telemetry over MQTT. */
static void send(struct engine_fixture *f, const char *device, int64_t ms)
{
    struct vd_observation seen = {.what = VD_OBSERVED_MESSAGE,
        .device_id = vd_str_from(device),
        .offset = (uint64_t)ms,
        .enqueued_ms = ms,
        .time = engine_at(ms),
        .over_mqtt = true};

    assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
}

/* Deleted and made again under its id within one batch. */
static void test_engine_changes__a_device_made_again_stays(void **state)
{
    struct engine_fixture *f = *state;

    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS);
    snprintf(f->fleet.devices[5].group, sizeof f->fleet.devices[5].group, "default");
    change_identity(f, "d5", "update", START_MS);
    f->fleet.count = 5;
    change_identity(f, "d5", "delete", START_MS + 1000);
    f->fleet.count = 6;
    change_identity(f, "d5", "create", START_MS + 2000);
    engine_end_batch(f, true);
    assert_non_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    engine_pass_time(f, START_MS + 2000, START_MS + 20 * MINUTE_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    assert_non_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
}

/* Deleted while no service ran: it is in no group when its state goes. */
static void test_engine_changes__a_device_that_went_meanwhile(void **state)
{
    struct engine_fixture *f = *state;

    engine_set_rules(f, at_least_one);
    snprintf(f->fleet.devices[5].group, sizeof f->fleet.devices[5].group, "default");
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS);
    change_identity(f, "d5", "update", START_MS);
    engine_end_batch(f, true);
    f->fleet.count = 5;
    engine_restart(f);
    engine_pass_time(f, START_MS, START_MS + MINUTE_MS);
    engine_end_batch(f, true);
    assert_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    engine_pass_time(f, START_MS + MINUTE_MS, START_MS + 10 * MINUTE_MS + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 3 * 2); /* d0, d1 and d2 in two windows */
    f->fleet.count = 4;
    assert_int_equal(vd_engine_load(f->engine, f->store), VD_OK); /* as after a rollback */
    engine_pass_time(f, START_MS + 11 * MINUTE_MS, START_MS + 21 * MINUTE_MS);
    engine_end_batch(f, true);
}

/* One row that cannot be read does not end detection: that device begins anew. */
static void test_engine_changes__a_row_that_is_damaged(void **state)
{
    struct engine_fixture *f = *state;
    const struct vd_device_state *device;

    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS);
    send(f, "d0", START_MS + 1000);
    send(f, "d1", START_MS + 1000);
    engine_end_batch(f, true);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(
        vd_device_state_put(f->store,
            &(struct vd_device_row){
                .device_id = "d0", .group = "default", .body = VD_STR_LITERAL("\1\1\1")}),
        VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    engine_restart(f);
    device = vd_engine_device(f->engine, VD_STR_LITERAL("d0"));
    assert_int_equal(device->window_count, 0);
    assert_true(device->is_known);
    assert_int_equal(vd_engine_device(f->engine, VD_STR_LITERAL("d1"))->window_count, 1);
    engine_pass_time(f, START_MS + 1000, START_MS + 5 * MINUTE_MS + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 1); /* d2: of d0 it is not known */
}

/* A rule that was switched off and on again begins anew: what was between is not judged. */
static void test_engine_changes__a_rule_set_again_begins_anew(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t later = START_MS + 3 * HOUR_MS;

    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS + MINUTE_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    engine_set_rules(f, nothing);
    engine_pass_time(f, START_MS + MINUTE_MS, later);
    engine_end_batch(f, true);
    engine_set_rules(f, at_least_one);
    engine_pass_time(f, later, later + 2 * MINUTE_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 0);
    engine_pass_time(f, later + 2 * MINUTE_MS, later + 5 * MINUTE_MS + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 3); /* d0, d1, d2 */
}

/* The same with the identity that the fleet has already when the log tells of the deletion. */
static void test_engine_changes__a_device_made_again_is_another(void **state)
{
    struct engine_fixture *f = *state;
    const struct vd_device_state *device;

    snprintf(f->fleet.devices[1].generation_id, VD_FLEET_GENERATION_SIZE, "1");
    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS + MINUTE_MS);
    change_identity(f, "d1", "update", START_MS + MINUTE_MS);
    engine_hear(f, "d1", "203.0.113.1", START_MS + MINUTE_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    snprintf(f->fleet.devices[1].generation_id, VD_FLEET_GENERATION_SIZE, "2");
    change_identity(f, "d1", "delete", START_MS + MINUTE_MS + 1000);
    change_identity(f, "d1", "create", START_MS + MINUTE_MS + 2000);
    engine_end_batch(f, true);
    device = vd_engine_device(f->engine, VD_STR_LITERAL("d1"));
    assert_non_null(device);
    assert_int_equal(device->heard_ms, 0);
    assert_int_equal(device->window_count, 0);
    engine_pass_time(f, START_MS + 2 * MINUTE_MS, START_MS + 5 * MINUTE_MS + ENGINE_LATENESS_MS);
    assert_int_equal(
        engine_findings_of(f, D2C_TYPE), 2); /* d0 and d2: d1 was not there from its beginning */
}

/* Windows of the old length would stand for times that never come. */
static void test_engine_changes__windows_of_another_length_go(void **state)
{
    static const char *const shorter[] =
        ENGINE_WINDOW_RULES("MqttD2CMessagesNotInAllowedRange", "0", "100", "PT1M");
    static const bool saves[] = {true, false};
    struct engine_fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        const int64_t start = START_MS + (int64_t)i * HOUR_MS;

        engine_set_rules(f, shorter);
        engine_pass_time(f, start - MINUTE_MS, start);
        send(f, "d1", start + 1000);
        engine_end_batch(f, true);
        assert_int_equal(vd_engine_device(f->engine, VD_STR_LITERAL("d1"))->window_count, 1);
        engine_set_rules(f, at_least_one);
        assert_int_equal(vd_engine_device(f->engine, VD_STR_LITERAL("d1"))->window_count, 0);
        if (saves[i]) {
            engine_end_batch(f, true);
        } /* else the service ends before it has saved anything */
        engine_restart(f);
        assert_int_equal(vd_engine_device(f->engine, VD_STR_LITERAL("d1"))->window_count, 0);
    }
}

/* It could not be heard while it was disabled, so it does not fall silent the moment that it may come back. */
static void test_engine_changes__an_enabled_device_is_not_silent_yet(void **state)
{
    struct engine_fixture *f = *state;

    f->fleet.count = 1;
    f->settings.silent_after_ms = HOUR_MS;
    engine_restart(f);
    engine_hear(f, "d0", "203.0.113.1", START_MS);
    f->fleet.devices[0].is_enabled = false;
    change_identity(f, "d0", "update", START_MS + MINUTE_MS);
    engine_pass_time(f, START_MS + MINUTE_MS, START_MS + 3 * HOUR_MS);
    f->fleet.devices[0].is_enabled = true;
    change_identity(f, "d0", "update", START_MS + 3 * HOUR_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    engine_pass_time(f, START_MS + 3 * HOUR_MS, START_MS + 4 * HOUR_MS - MINUTE_MS);
    assert_int_equal(f->findings.count, 0);
    engine_pass_time(f, START_MS + 4 * HOUR_MS - MINUTE_MS, START_MS + 4 * HOUR_MS + MINUTE_MS);
    assert_int_equal(engine_findings_of(f, "IoT_DeviceSilent"), 1);
}

/* The twin of a device does not say its group: a job that writes a hundred thousand of them asks nobody. */
static void test_engine_changes__only_modules_twins_are_asked_for(void **state)
{
    struct engine_fixture *f = *state;
    struct vd_observation seen = {
        .device_id = VD_STR_LITERAL("d0"), .enqueued_ms = START_MS, .time = engine_at(START_MS)};

    engine_observe_operation(f, &seen, "C2DTwinOperations", "update", 0);
    assert_int_equal(f->fleet.questions, 0);
    seen.module_id = VD_STR_LITERAL("azureiotsecurity");
    engine_observe_operation(f, &seen, "C2DTwinOperations", "read", 0);
    assert_int_equal(f->fleet.questions, 0);
    engine_observe_operation(f, &seen, "C2DTwinOperations", "update", 0);
    assert_int_equal(f->fleet.questions, 1);
}

/* ---- Clocks ---- */

/* Four minutes ahead: its reports would open windows that push those out that are yet to be judged. */
static void test_engine_changes__a_clock_ahead_costs_no_minimum(void **state)
{
    static const char *const rules[] =
        ENGINE_WINDOW_RULES("ActiveConnectionsNotInAllowedRange", "1", "3", "PT1M");
    struct engine_fixture *f = *state;
    struct vd_flow flow = engine_flow_to("198.51.100.1", 1, 1);

    f->fleet.count = 1;
    f->settings.lateness_ms = 5 * MINUTE_MS;
    engine_restart(f);
    engine_set_rules(f, rules);
    for (int64_t t = START_MS; t < START_MS + 30 * MINUTE_MS; t += 20000) {
        struct vd_observation seen = {.device_id = VD_STR_LITERAL("d0"),
            .offset = (uint64_t)t,
            .enqueued_ms = t,
            .time = engine_at(t + 4 * MINUTE_MS)};

        engine_observe_flows(f, &seen, &flow, 1);
    }
    assert_int_equal(engine_findings_of(f, FLOW_TYPE), 0);
}

/* Nothing goes for its age by a clock that jumped, until the service has run for a day since. */
static void test_engine_changes__a_jump_is_believed_after_a_day(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t day = 24 * HOUR_MS;
    const int64_t ahead = START_MS + 365 * day;

    engine_pass_time(f, START_MS, START_MS + MINUTE_MS);
    assert_true(vd_engine_trusts_time(f->engine, START_MS + MINUTE_MS));
    assert_false(vd_engine_trusts_time(f->engine, ahead));
    engine_pass_time(f, ahead, ahead + day - MINUTE_MS);
    assert_false(vd_engine_trusts_time(f->engine, ahead + day - MINUTE_MS));
    engine_pass_time(f, ahead + day - MINUTE_MS, ahead + day + MINUTE_MS);
    assert_true(vd_engine_trusts_time(f->engine, ahead + day + MINUTE_MS));
}

/* The hub was a year ahead, and is not any more: it goes on. */
static void test_engine_changes__a_clock_that_is_set_back(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t wrong = START_MS + 365 * 24 * HOUR_MS;
    const int64_t now = START_MS + MINUTE_MS;

    f->settings.silent_after_ms = 30 * MINUTE_MS;
    engine_restart(f);
    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS);
    engine_pass_time(f, wrong, wrong + 2 * MINUTE_MS);
    engine_hear(f, "d0", "203.0.113.1", wrong + 2 * MINUTE_MS);
    engine_hear(f, "d1", "203.0.113.2", wrong + 2 * MINUTE_MS);
    engine_set_rules(f, nothing);
    engine_set_rules(f, at_least_one); /* since then: in a year */
    engine_end_batch(f, true);
    assert_int_equal(vd_engine_set_back(f->engine, wrong + 90000), VD_OK); /* a step like any */
    engine_restart(f);
    assert_int_equal(vd_engine_set_back(f->engine, now), VD_OK);
    engine_end_batch(f, true);
    engine_restart(f);
    for (int64_t t = now; t < now + 45 * MINUTE_MS; t += 15000) {
        engine_advance(f, t);
        send(f, "d0", t);
    }
    assert_int_equal(engine_findings_of(f, "IoT_DeviceSilent"), 1); /* d1 */
    /* d1 and d2 in the whole windows from then on; d0 sends more than the rule allows in none of them. */
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 2 * 7);
}

/* A hub that was away for less than a minute: devices may need as long to come back. */
static void test_engine_changes__no_minimum_over_a_start(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t window = 5 * MINUTE_MS;

    engine_set_rules(f, at_least_one);
    engine_pass_time(f, START_MS - MINUTE_MS, START_MS + 4 * MINUTE_MS);
    engine_end_batch(f, true);
    f->settings.hub_started_ms = START_MS + 4 * MINUTE_MS + 30000;
    engine_restart(f);
    engine_pass_time(f, f->settings.hub_started_ms, START_MS + 2 * window + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 0);
    engine_pass_time(
        f, START_MS + 2 * window + ENGINE_LATENESS_MS, START_MS + 3 * window + ENGINE_LATENESS_MS);
    assert_int_equal(engine_findings_of(f, D2C_TYPE), 3);
}

/* ---- Anything ---- */

static uint64_t random_of(uint64_t *seed, uint64_t n)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (*seed >> 33) % n;
}

static struct vd_fleet_device *device_of(struct engine_fixture *f, const char *id)
{
    for (size_t i = 0; i < f->fleet.count; i++) {
        if (strcmp(f->fleet.devices[i].device_id, id) == 0) {
            return &f->fleet.devices[i];
        }
    }
    return NULL;
}

/* A device comes, goes, is another, is moved or switched off; the log tells of it or does not yet. */
static void change_fleet(struct engine_fixture *f, uint64_t *seed, int64_t now)
{
    static const char *const groups[] = {"default", "lab", "none"};
    char id[8];
    struct vd_fleet_device *device;
    uint64_t what = random_of(seed, 4);

    snprintf(id, sizeof id, "d%d", (int)random_of(seed, ENGINE_DEVICES));
    device = device_of(f, id);
    if (device == NULL) {
        device = &f->fleet.devices[f->fleet.count++];
        *device = (struct vd_fleet_device){.is_enabled = true, .created_ms = now};
        snprintf(device->device_id, sizeof device->device_id, "%s", id);
        what = 3;
    } else if (what == 0) {
        *device = f->fleet.devices[--f->fleet.count];
    }
    if (what == 1) {
        device->is_enabled = !device->is_enabled;
    } else if (what >= 2) {
        snprintf(device->group, sizeof device->group, "%s", groups[random_of(seed, 3)]);
        snprintf(device->generation_id, sizeof device->generation_id, "%d",
            (int)random_of(seed, what == 3 ? 3 : 1));
    }
    if (random_of(seed, 3) != 0) {
        change_identity(f, id, what == 0 ? "delete" : "update", now);
    }
}

static void change_rules(struct engine_fixture *f, uint64_t *seed)
{
    static const char *const sets[][5] = {
        {"default",
            "{\"timeWindowRules\":[{\"ruleType\":"
            "\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,"
            "\"minThreshold\":1,\"maxThreshold\":3,"
            "\"timeWindowSize\":\"PT1M\"}]}",
            "lab", "{}", NULL},
        {"lab",
            "{\"timeWindowRules\":[{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\","
            "\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"PT2M\"},"
            "{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\",\"isEnabled\":true,"
            "\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"PT1M\"}]}",
            NULL},
        {"default",
            "{\"timeWindowRules\":[{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\","
            "\"isEnabled\":true,\"minThreshold\":0,\"maxThreshold\":1,\"timeWindowSize\":\"PT3M\"}]}",
            NULL},
        {NULL}};

    engine_set_rules(f, sets[random_of(seed, 4)]);
}

/* Each device is a member of the group that it names, once, and counts for rules that there are. */
static void check_engine(const struct vd_engine *engine)
{
    size_t members = 0;
    size_t joined = 0;

    for (size_t i = 0; i < engine->group_count; i++) {
        const struct vd_engine_group *group = &engine->groups[i];

        members += group->count;
        for (uint32_t k = 0; k < group->count; k++) {
            assert_ptr_equal(group->members[k]->rules, group->rules);
            assert_string_equal(group->members[k]->group, group->rules->name);
            assert_int_equal(group->members[k]->group_place, k);
            assert_true(k < group->busy || group->members[k]->window_count == 0);
            assert_false(group->members[k]->is_gone);
        }
    }
    for (size_t i = 0; i < engine->states.size; i++) {
        const struct vd_device_state *device = engine->states.slots[i];
        const bool has_rules = device != NULL && device->rules != NULL;

        joined += has_rules ? 1 : 0;
        assert_true(has_rules || device == NULL || device->is_gone || device->window_count == 0);
        for (uint32_t k = 0; has_rules && !device->is_gone && k < device->window_count; k++) {
            const struct vd_window_rule *rule = &device->rules->windows[device->windows[k].counter];

            assert_true(rule->is_enabled);
            assert_true(device->windows[k].index * rule->window_ms <= engine->now_ms);
        }
    }
    assert_int_equal(members, joined);
}

static void do_anything(struct engine_fixture *f, uint64_t *seed, int64_t *now)
{
    char id[8];

    snprintf(id, sizeof id, "d%d", (int)random_of(seed, ENGINE_DEVICES + 1));
    switch (random_of(seed, 40)) {
    case 0:
        change_rules(f, seed);
        break;
    case 1:
        engine_restart(f);
        break;
    case 2:
        engine_end_batch(f, false);
        break;
    case 3:
        *now += (int64_t)random_of(seed, 5) * MINUTE_MS; /* the service was away */
        break;
    case 4:
        *now -= (int64_t)random_of(seed, 5) * MINUTE_MS;
        assert_int_equal(vd_engine_set_back(f->engine, *now), VD_OK);
        break;
    case 5:
    case 6:
    case 7:
        engine_end_batch(f, true);
        break;
    case 8:
    case 9:
    case 10:
        change_fleet(f, seed, *now);
        break;
    case 11:
    case 12: {
        struct vd_flow flow = engine_flow_to("198.51.100.1", (uint16_t)random_of(seed, 5), 1);
        struct vd_observation seen = {.device_id = vd_str_from(id),
            .offset = *seed,
            .enqueued_ms = *now,
            .time = engine_at(*now + (int64_t)random_of(seed, 20) * MINUTE_MS - 15 * MINUTE_MS)};

        engine_observe_flows(f, &seen, &flow, 1);
        break;
    }
    default:
        send(f, id, *now);
        break;
    }
    *now += (int64_t)random_of(seed, 5000);
}

/* Whatever comes in whatever order leaves an engine that is whole; ASan sees the rest. */
static void test_engine_changes__anything(void **state)
{
    struct engine_fixture *f = *state;
    uint64_t seed = 1;
    int64_t now = START_MS;

    vd_log_set_level(VD_LOG_ERROR);
    f->settings.silent_after_ms = 10 * MINUTE_MS;
    engine_restart(f);
    for (int i = 0; i < 20000; i++) {
        do_anything(f, &seed, &now);
        check_engine(f->engine);
    }
    assert_true(engine_count_alerts(f, D2C_TYPE, "d0") > 0);
    assert_true(engine_count_alerts(f, FLOW_TYPE, "d0") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(test_engine_changes__a_device_made_again_stays),
        ENGINE_TEST(test_engine_changes__a_device_made_again_is_another),
        ENGINE_TEST(test_engine_changes__a_device_that_went_meanwhile),
        ENGINE_TEST(test_engine_changes__a_row_that_is_damaged),
        ENGINE_TEST(test_engine_changes__a_rule_set_again_begins_anew),
        ENGINE_TEST(test_engine_changes__windows_of_another_length_go),
        ENGINE_TEST(test_engine_changes__an_enabled_device_is_not_silent_yet),
        ENGINE_TEST(test_engine_changes__only_modules_twins_are_asked_for),
        ENGINE_TEST(test_engine_changes__a_clock_ahead_costs_no_minimum),
        ENGINE_TEST(test_engine_changes__a_jump_is_believed_after_a_day),
        ENGINE_TEST(test_engine_changes__a_clock_that_is_set_back),
        ENGINE_TEST(test_engine_changes__no_minimum_over_a_start),
        ENGINE_TEST(test_engine_changes__anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
