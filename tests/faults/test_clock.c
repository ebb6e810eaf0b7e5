/* SPDX-License-Identifier: MIT */
/* A clock that jumps by days and years, forth and back, under a running service and over its restarts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/mqtt.h"
#include "tests/faults/scene.h"

#define PACE_MS 20
#define DAY_MS  86400000LL
#define YEARS   (3650 * DAY_MS)
/* Days of the clock with messages: today, one on, one back, ten years on, ten years back. */
#define DAYS 5

/* What is older than two days goes. */
static const char configuration[] = "analytics.raw_events_days = 1\nalerts.keep_days = 1\n";

/* Any device that sends has one message a minute at least. */
static const char rules[] =
    "{\"timeWindowRules\":[{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,"
    "\"minThreshold\":1,\"maxThreshold\":100000,\"timeWindowSize\":\"PT1M\"}]}";

static struct scene scene;

static void set_clock(int64_t ms)
{
    atomic_store(&scene.faults->clock_ms, ms);
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], 5, SCENE_WAIT_MS));
    }
}

/* What is kept is looked at once at every start. */
static void start_anew(void)
{
    e2e_hub_stop(&scene.hub);
    scene_restart(&scene);
    scene_check(&scene);
}

static void test_clock__loses_nothing_and_counts_nothing_twice(void **state)
{
    static const int64_t jumps[] = {DAY_MS, -DAY_MS, YEARS, -YEARS};

    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        set_clock(jumps[i]);
        scene_check(&scene);
        start_anew();
        set_clock(0);
        scene_check(&scene);
    }
    start_anew();
}

/* One alert a device and day of the clock; windows that nobody saw say nothing; silence is none. */
static void test_clock__makes_no_storm(void **state)
{
    json_t *alerts = e2e_alerts(&scene.hub);
    unsigned listed = 0;
    size_t i;
    const json_t *alert;

    (void)state;
    json_array_foreach(alerts, i, alert)
    {
        const char *subject = json_string_value(json_object_get(alert, "subject"));

        if (subject != NULL && strcmp(subject, SCENE_LISTED) == 0) {
            listed++;
        } else {
            fail_msg("%s", json_dumps(alert, JSON_COMPACT));
        }
    }
    assert_in_range(listed, SCENE_DEVICES, SCENE_DEVICES * (DAYS + 1)); /* or over midnight */
    json_decref(alerts);
}

static void test_clock__is_told(void **state)
{
    (void)state;
    assert_true(e2e_wait_text(scene.hub.log, "event=center.clock_ahead", SCENE_WAIT_MS));
    assert_true(e2e_wait_text(scene.hub.log, "event=center.clock_set_back", SCENE_WAIT_MS));
    e2e_cli_ok(&scene.hub, E2E_ARGS("audit", "verify"));
}

/* The code of CONNACK for a token that is good for an hour by a clock that is right. */
static int login(void)
{
    struct e2e_mqtt mqtt;
    int code;

    assert_true(e2e_mqtt_open(&mqtt, scene.hub.port, scene.hub.ca));
    code = e2e_mqtt_login(&mqtt, "device-2", E2E_PRIMARY_KEY, 3600);
    e2e_mqtt_close(&mqtt);
    return code;
}

static void test_clock__tokens_are_judged_by_it(void **state)
{
    (void)state;
    e2e_device_create(&scene.hub, "device-2");
    assert_int_equal(login(), 0);
    set_clock(DAY_MS);
    assert_true(login() > 0);
    set_clock(0);
    assert_int_equal(login(), 0);
    set_clock(-DAY_MS);
    assert_int_equal(login(), 0);
    set_clock(0);
    scene_check(&scene);
}

static int make_scene(void **state)
{
    char path[128];

    (void)state;
    scene_make(&scene, "hub", configuration, PACE_MS);
    snprintf(path, sizeof path, "%s/rules.json", e2e_folder());
    e2e_write_file(path, rules, strlen(rules));
    e2e_cli_ok(&scene.hub, E2E_ARGS("group", "set", "default", path));
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_clock__loses_nothing_and_counts_nothing_twice),
    cmocka_unit_test(test_clock__makes_no_storm),
    cmocka_unit_test(test_clock__is_told),
    cmocka_unit_test(test_clock__tokens_are_judged_by_it),
};

SCENE_MAIN(0, "clock", tests, make_scene, end_scene)
