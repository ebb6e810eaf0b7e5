/* SPDX-License-Identifier: MIT */
/* The doctor: each reason why an alert cannot fire, and that it can without it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/fleet.h"
#include "center/detect/device_state.h"
#include "center/store/alert_store_internal.h"
#include "center/store/analytics.h"
#include "center/store/device_states.h"
#include "center/store/feeds.h"
#include "center/store/groups.h"
#include "lib/clock.h"
#include "tests/api/service_fixture.h"

static struct vd_alert_store *store;
static struct vd_api_fleet fleet;
static char folder[64];
static json_t *body;
static struct vd_analytics *analytics; /* NULL: there are no query tables */
static int64_t started_ms;             /* 0: as a command that finds no service */

static int set_up_store(void **state)
{
    char path[96];

    started_ms = 1;
    snprintf(folder, sizeof folder, "/tmp/vedette-doctor-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/alerts.db", folder);
    assert_int_equal(vd_alert_store_open(path, &store), VD_OK);
    assert_int_equal(set_up(state), 0);
    vd_api_fleet_init(&fleet, registry, hub_state);
    return 0;
}

static int tear_down_store(void **state)
{
    char command[128];

    json_decref(body);
    body = NULL;
    vd_analytics_close(analytics);
    analytics = NULL;
    vd_alert_store_close(store);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    return tear_down(state);
}

static const json_t *ask(const char *method, const char *path, const char *text, int status)
{
    const struct vd_api api = {
        .registry = registry,
        .state = hub_state,
        .alerts = store,
        .fleet = &fleet.base,
        .analytics = analytics,
        .started_ms = started_ms,
        .detection = {.lateness_ms = 60000, .silent_after_ms = 72 * 3600000LL},
    };
    const struct vd_api_request request = {.method = method,
        .path = path,
        .body = vd_str_from(text),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer answered;

    vd_api_call(&api, &request, &answered);
    assert_int_equal(answered.status, status);
    json_decref(body);
    body = answered.body;
    return body;
}

static void make(const char *id, const char *more)
{
    char text[256];

    snprintf(text, sizeof text, "{\"deviceId\":\"%s\"%s}", id, more);
    (void)ask("POST", "/devices", text, 201);
}

/* As the center stores it. */
static void put_state(const char *id, int64_t heard_ms, int64_t network_ms, bool is_silent)
{
    struct vd_device_state *state = vd_device_state_new(vd_str_from(id));
    struct vd_buf out = {0};

    assert_non_null(state);
    state->heard_ms = heard_ms;
    state->network_ms = network_ms;
    state->is_silent = is_silent;
    state->clock_measured_ms = heard_ms;
    state->clock_error_ms = -4000000;
    vd_device_state_write(state, &out);
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_device_state_put(store,
                         &(struct vd_device_row){.device_id = id,
                             .group = state->group,
                             .heard_ms = heard_ms,
                             .body = {(const char *)out.data, out.length}}),
        VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
    vd_buf_release(&out);
    vd_device_state_free(state);
}

/* Why the alert cannot fire about the device; "" if it can. */
static const char *why(const char *device, const char *type)
{
    char path[160];
    const json_t *alerts;

    snprintf(path, sizeof path, "/doctor/%s", device);
    alerts = json_object_get(ask("GET", path, "", 200), "alerts");
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *one = json_array_get(alerts, i);
        const char *reason = json_string_value(json_object_get(one, "why"));

        if (strcmp(json_string_value(json_object_get(one, "alertType")), type) == 0) {
            assert_int_equal(json_is_true(json_object_get(one, "canFire")), reason[0] == '\0');
            return reason;
        }
    }
    fail_msg("%s is not listed", type);
    return NULL;
}

static void expect_why(const char *device, const char *type, const char *reason)
{
    const char *told = why(device, type);

    if (reason[0] == '\0' ? told[0] != '\0' : strstr(told, reason) == NULL) {
        fail_msg("%s of %s: \"%s\" instead of \"%s\"", type, device, told, reason);
    }
}

static void test_doctor__what_is_heard(void **unused)
{
    const int64_t now_ms = vd_clock_utc_ms();

    (void)unused;
    make("d", "");
    expect_why("d", "IoT_TiConnection", "never been heard of");
    expect_why("d", "IoT_DeviceSilent", "cannot fall silent");
    put_state("d", now_ms, 0, false);
    expect_why("d", "IoT_TiConnection", "no network activity");
    expect_why("d", "IoT_DeviceSilent", "");
    put_state("d", now_ms, now_ms - 30 * 3600000LL, false);
    expect_why("d", "IoT_TiConnection", "for 30 hours");
    put_state("d", now_ms, now_ms, false);
    expect_why("d", "IoT_TiConnection", "no indicators");
    (void)ask("POST", "/indicators", "", 400);
    put_state("d", now_ms - 80 * 3600000LL, 0, true);
    expect_why("d", "IoT_TiConnection", "silent: not heard of for 80 hours");
    expect_why("d", "IoT_DeviceSilent", "silent already");
    (void)ask("GET", "/doctor/none", "", 404);
}

static void test_doctor__credentials(void **unused)
{
    (void)unused;
    make("token", "");
    make("shown", ",\"authenticationType\":\"certificateAuthority\"");
    expect_why("token", "IoT_Expired_SAS_Token", "");
    expect_why("token", "IoT_Cert_Expired", "a token, not a certificate");
    expect_why("shown", "IoT_Expired_SAS_Token", "a certificate, not a token");
    expect_why("shown", "IoT_Cert_Expired", "");
    expect_why("shown", "IoT_Cert_Print_Mismatch", "by its CA");
}

static void test_doctor__groups(void **unused)
{
    static const char type[] = "IoT_CA_ActiveConnectionsNotInAllowedRange";
    static const char rules[] =
        "{\"timeWindowRules\":[{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\","
        "\"isEnabled\":true,\"minThreshold\":0,\"maxThreshold\":5,\"timeWindowSize\":\"PT5M\"}]}";
    static const char too_high[] =
        "{\"timeWindowRules\":[{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\","
        "\"isEnabled\":true,\"minThreshold\":0,\"maxThreshold\":4096,\"timeWindowSize\":\"PT5M\"}]}";
    const int64_t now_ms = vd_clock_utc_ms();

    (void)unused;
    make("d", "");
    put_state("d", now_ms, now_ms, false);
    expect_why("d", type, "no tag SecurityGroup");
    (void)ask("PUT", "/devices/d/group", "{\"group\":\"lab\"}", 200);
    expect_why("d", type, "names the group lab, which has no rules");
    (void)ask("PUT", "/groups/lab", "{}", 201);
    expect_why("d", type, "off in the group lab");
    /* One group, whatever the letters: its name is what tags are to say. */
    assert_string_equal(
        json_string_value(json_object_get(ask("PUT", "/groups/LAB", "{}", 200), "name")), "lab");
    (void)ask("PUT", "/groups/lab", rules, 200);
    expect_why("d", type, "");
    (void)ask("PUT", "/groups/lab", too_high, 200);
    expect_why("d", type, "4096 distinct flows are counted");
    (void)ask("PUT", "/groups/lab", rules, 200);
    expect_why("d", "IoT_CA_MqttD2CMessagesNotInAllowedRange", "off in the group lab");
    (void)ask("GET", "/doctor/d", "", 200);
    assert_non_null(strstr(
        json_string_value(json_array_get(json_object_get(body, "warnings"), 0)), "clock is off"));
    (void)ask("PATCH", "/devices/d", "{\"status\":\"disabled\"}", 200);
    expect_why("d", type, "disabled");
}

static void test_doctor__of_many(void **unused)
{
    const json_t *row;

    (void)unused;
    make("a", "");
    make("b", "");
    make("c", ",\"authenticationType\":\"certificateAuthority\"");
    row = json_object_get(
        json_object_get(ask("GET", "/doctor", "", 200), "alerts"), "IoT_Expired_SAS_Token");
    assert_int_equal(json_integer_value(json_object_get(row, "canFire")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "cannotFire")), 1);
    assert_int_equal(json_object_size(json_object_get(row, "why")), 1);
}

static void expect_warning(const char *path, size_t count, const char *text)
{
    const json_t *warnings = json_object_get(ask("GET", path, "", 200), "warnings");

    assert_int_equal(json_array_size(warnings), count);
    if (count > 0) {
        assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), text));
    }
}

static void test_doctor__without_a_service(void **unused)
{
    (void)unused;
    make("d", "");
    expect_warning("/doctor", 0, "");
    expect_warning("/doctor/d", 0, "");
    started_ms = 0;
    expect_warning("/doctor", 1, "no service runs");
    expect_warning("/doctor/d", 1, "no service runs");
}

/* A day went for want of room: what is looked for in queries may have been in it. */
static void test_doctor__days_that_went(void **unused)
{
    const struct vd_raw_event events[] = {
        {.time_generated_ms = 1764000000000, .name = VD_STR_LITERAL("Heartbeat")},
        {.time_generated_ms = 1764086400000, .name = VD_STR_LITERAL("Heartbeat")},
    };
    struct vd_duckdb_options options = {.resource_id = "/hub", .keep = {.max_bytes = 1}};
    char data[96];
    char text[256] = "";

    (void)unused;
    make("d", "");
    snprintf(data, sizeof data, "%s/data", folder);
    options.folder = data;
    assert_int_equal(vd_analytics_duckdb_open(&options, &analytics, text, sizeof text), VD_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            vd_analytics_append(analytics,
                &(struct vd_table_rows){.raw_events = &events[i], .raw_event_count = 1}, i + 1),
            VD_OK);
        expect_warning("/doctor", 0, "");
    }
    assert_int_equal(vd_analytics_maintain(analytics, 0), VD_OK);
    expect_warning("/doctor", 1, "1 day of the query tables went for want of room");
    expect_warning("/doctor/d", 1, "the latest of them 2025-11-24");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DOCTOR_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_store, tear_down_store)
        DOCTOR_TEST(test_doctor__what_is_heard),
        DOCTOR_TEST(test_doctor__credentials),
        DOCTOR_TEST(test_doctor__groups),
        DOCTOR_TEST(test_doctor__of_many),
        DOCTOR_TEST(test_doctor__without_a_service),
        DOCTOR_TEST(test_doctor__days_that_went),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
