/* SPDX-License-Identifier: MIT */
/* Alerts, aggregated alerts and analytics of the management API, over alerts of a real store. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/api/management_fixture.h"

#define ALERTS    "/subscriptions/" SUB "/providers/Microsoft.Security/alerts"
#define REGION    "/subscriptions/" SUB "/providers/Microsoft.Security/locations/local/alerts"
#define IN_GROUP  GROUP "/providers/microsoft.security/locations/West/alerts"
#define ANALYTICS GROUP "/providers/Microsoft.Security/iotSecuritySolutions/Sol 1/analyticsModels"

#define ID_1 "00000000-0000-0000-0000-000000000001"

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

/* Alert `number`, raised now, of `count` findings. */
static void raise_one(uint32_t number, const char *type, const char *device, uint64_t count)
{
    struct vd_alert_update update = {
        .type = type,
        .display_name = "A name",
        .severity = "Medium",
        .device_id = vd_str_from(device),
        .module_id = VD_STR_LITERAL(""),
        .subject = "192.0.2.1",
        .generated_ms = vd_clock_utc_ms(),
        .description = "What was seen",
        .remediation_json = "[\"Look\",\"Act\"]",
        .techniques_json = "[]",
        .indicator_value = "192.0.2.1",
        .indicator_source = "feed",
        .cause = VD_STR_LITERAL("192.0.2.1"),
        .count = count,
        .evidence = evidence,
    };
    bool raised = false;

    update.id.bytes[14] = (uint8_t)(number >> 8);
    update.id.bytes[15] = (uint8_t)number;
    update.day = vd_time_day(update.generated_ms);
    update.start_ms = update.generated_ms;
    update.end_ms = update.generated_ms;
    assert_int_equal(vd_alert_store_begin(alerts), VD_OK);
    assert_int_equal(vd_alert_store_apply(alerts, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(alerts), VD_OK);
}

static void test_alerts__form(void **state)
{
    (void)state;
    raise_one(1, "IoT_TiConnection", "d1", 3);
    expect(200, NULL, "GET", ALERTS "?api-version=2021-11-01", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 1);
    assert_null(member("nextLink"));
    assert_string_equal(
        text_at("value.0.id"), GROUP "/providers/Microsoft.Security/locations/local/alerts/" ID_1);
    assert_string_equal(text_at("value.0.name"), ID_1);
    assert_string_equal(text_at("value.0.type"), "Microsoft.Security/Locations/alerts");
    expect(200, NULL, "GET", IN_GROUP "/" ID_1, NULL, NULL);
    assert_string_equal(
        text_at("id"), GROUP "/providers/Microsoft.Security/locations/West/alerts/" ID_1);
    assert_string_equal(text_at("properties.alertType"), "IoT_TiConnection");
    assert_string_equal(text_at("properties.intent"), "CommandAndControl");
    assert_string_equal(text_at("properties.status"), "Active");
    assert_string_equal(text_at("properties.severity"), "Medium");
    assert_string_equal(text_at("properties.remediationSteps.1"), "Act");
    assert_string_equal(text_at("properties.resourceIdentifiers.0.azureResourceId"), HUB);
    assert_string_equal(text_at("properties.entities.0.deviceId"), "d1");
    assert_string_equal(text_at("properties.entities.1.address"), "192.0.2.1");
    assert_string_equal(text_at("properties.extendedProperties.Count"), "3");
    assert_string_equal(text_at("properties.compromisedEntity"), "d1");
    assert_string_equal(text_at("properties.correlationKey"), "IoT_TiConnection/192.0.2.1");
    raise_one(2, "IoT_CertificateSuccessfullyAddedToHub", "", 1);
    expect(200, NULL, "GET", REGION, NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 2);
    assert_string_equal(text_at("value.0.properties.compromisedEntity"), "hub");
}

static void test_alerts__pages(void **state)
{
    char target[300] = ALERTS "?api-version=2021-11-01";
    size_t seen = 0;
    int pages = 0;

    (void)state;
    for (uint32_t i = 1; i <= 205; i++) {
        raise_one(i, "IoT_TiConnection", "d1", 1);
    }
    for (;;) {
        expect(200, NULL, "GET", target, NULL, NULL);
        seen += json_array_size(member("value"));
        pages++;
        if (member("nextLink") == NULL) {
            break;
        }
        snprintf(target, sizeof target, "%s", text_at("nextLink"));
        assert_non_null(strstr(target, "api-version=2021-11-01"));
        assert_non_null(strstr(target, "?$skiptoken="));
        assert_true(pages < 10);
    }
    assert_int_equal(seen, 205);
    assert_int_equal(pages, 3);
    expect(400, "InvalidParameter", "GET", ALERTS "?$skiptoken=x", NULL, NULL);
}

static void expect_status(const char *status)
{
    expect(200, NULL, "GET", REGION "/" ID_1, NULL, NULL);
    assert_string_equal(text_at("properties.status"), status);
}

static void test_alerts__acts(void **state)
{
    json_t *alert = NULL;

    (void)state;
    raise_one(1, "IoT_TiConnection", "d1", 1);
    expect(204, NULL, "POST", REGION "/" ID_1 "/dismiss", NULL, NULL);
    assert_non_null(strstr(recorded, "Microsoft.Security/locations/alerts/dismiss/action"));
    assert_non_null(strstr(recorded, ID_1));
    expect_status("Dismissed");
    expect(204, NULL, "POST", IN_GROUP "/" ID_1 "/resolve", NULL, NULL);
    expect(204, NULL, "POST", IN_GROUP "/" ID_1 "/resolve", NULL, NULL);
    expect_status("Resolved");
    expect(204, NULL, "POST", REGION "/" ID_1 "/activate", NULL, NULL);
    expect(204, NULL, "POST", REGION "/" ID_1 "/activate", NULL, NULL);
    expect_status("Active");
    assert_int_equal(vd_alert_store_get(alerts, ID_1, &alert), VD_OK);
    assert_int_equal(json_array_size(json_object_get(alert, "history")), 3);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(alert, "history"), 0), "actor")),
        "token:head");
    json_decref(alert);
    assert_int_equal(call_as(VD_ROLE_READER, "POST", REGION "/" ID_1 "/dismiss", NULL, NULL), 403);
    assert_int_equal(
        call_as(VD_ROLE_CONTRIBUTOR, "POST", REGION "/" ID_1 "/dismiss", NULL, NULL), 204);
    expect(404, "ResourceNotFound", "POST", REGION "/0000/dismiss", NULL, NULL);
    expect(
        404, "ResourceNotFound", "GET", REGION "/00000000-0000-0000-0000-000000000009", NULL, NULL);
    expect(400, "BundleNotSupported", "POST", REGION "/default/simulate", NULL,
        "{\"properties\":{\"kind\":\"Bundles\",\"bundles\":[\"DNS\"]}}");
}

/* A dismissal here holds for the day: tomorrow's alert is new. */
static void test_alerts__dismissed_for_the_day(void **state)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t end_ms = (vd_time_day(now_ms) + 1) * VD_DAY_MS;
    char expected[VD_TIME_TEXT_SIZE];
    json_t *alert = NULL;
    const json_t *entry;

    (void)state;
    raise_one(1, "IoT_TiConnection", "d1", 1);
    expect(204, NULL, "POST", REGION "/" ID_1 "/dismiss", NULL, NULL);
    assert_int_equal(vd_alert_store_get(alerts, ID_1, &alert), VD_OK);
    entry = json_array_get(json_object_get(alert, "history"), 0);
    vd_time_format(end_ms, expected);
    if (vd_time_day(vd_clock_utc_ms()) == vd_time_day(now_ms)) {
        assert_string_equal(json_string_value(json_object_get(entry, "until")), expected);
    }
    json_decref(alert);
}

static void today(char out[VD_TIME_TEXT_SIZE])
{
    json_t *alert = NULL;

    assert_int_equal(vd_alert_store_get(alerts, ID_1, &alert), VD_OK);
    snprintf(
        out, VD_TIME_TEXT_SIZE, "%.10s", json_string_value(json_object_get(alert, "startTime")));
    json_decref(alert);
}

static void test_aggregated__life(void **state)
{
    char day[VD_TIME_TEXT_SIZE];
    char target[400];
    char name[80];

    (void)state;
    raise_one(1, "IoT_TiConnection", "d1", 4);
    raise_one(2, "IoT_TiConnection", "d2", 1);
    raise_one(3, "IoT_Cert_Expired", "d1", 1);
    today(day);
    expect(200, NULL, "GET", ANALYTICS "/default/aggregatedAlerts?$top=10", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 2);
    snprintf(name, sizeof name, "IoT_TiConnection/%s", day);
    assert_string_equal(text_at("value.1.name"), name);
    expect(200, NULL, "GET", ANALYTICS "/default/aggregatedAlerts?$top=1", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 1);
    snprintf(
        target, sizeof target, ANALYTICS "/default/aggregatedAlerts/IoT_TiConnection%%2F%s", day);
    expect(200, NULL, "GET", target, NULL, NULL);
    assert_string_equal(text_at("type"), "Microsoft.Security/IoTSecurityAggregatedAlert");
    assert_string_equal(text_at("properties.aggregatedDateUtc"), day);
    assert_int_equal(json_integer_value(property("count")), 5);
    assert_string_equal(text_at("properties.actionTaken"), "Detected");
    assert_string_equal(text_at("properties.remediationSteps"), "Look\nAct");
    assert_string_equal(text_at("properties.topDevicesList.0.deviceId"), "d1");
    assert_int_equal(json_integer_value(member("properties.topDevicesList.0.alertsCount")), 4);
    snprintf(target, sizeof target,
        ANALYTICS "/default/aggregatedAlerts/IoT_TiConnection%%2F%s/dismiss", day);
    expect(200, NULL, "POST", target, NULL, NULL);
    *strrchr(target, '/') = '\0';
    expect(200, NULL, "GET", target, NULL, NULL);
    assert_string_equal(text_at("properties.actionTaken"), "Dismissed");
    snprintf(
        target, sizeof target, ANALYTICS "/default/aggregatedAlerts/IoT_Cert_Expired%%2F%s", day);
    expect(200, NULL, "GET", target, NULL, NULL);
    assert_string_equal(text_at("properties.actionTaken"), "Detected");
}

static void test_aggregated__names(void **state)
{
    static const char *const none[] = {"IoT_TiConnection", "IoT_TiConnection%2F2020-01-01",
        "%2F2020-01-01", "IoT_TiConnection%2F2020-1-1", "IoT_TiConnection%2F2020-13-01"};
    char target[400];

    (void)state;
    raise_one(1, "IoT_TiConnection", "d1", 1);
    for (size_t i = 0; i < COUNT(none); i++) {
        snprintf(target, sizeof target, ANALYTICS "/default/aggregatedAlerts/%s", none[i]);
        expect(404, "ResourceNotFound", "GET", target, NULL, NULL);
        snprintf(target, sizeof target, ANALYTICS "/default/aggregatedAlerts/%s/dismiss", none[i]);
        expect(404, "ResourceNotFound", "POST", target, NULL, NULL);
    }
    expect(
        400, "InvalidParameter", "GET", ANALYTICS "/default/aggregatedAlerts?$top=0", NULL, NULL);
    expect(400, "InvalidParameter", "GET", ANALYTICS "/default/aggregatedAlerts?$skiptoken=x", NULL,
        NULL);
}

static void test_aggregated__pages(void **state)
{
    char target[400] = ANALYTICS "/default/aggregatedAlerts?api-version=2019-08-01";
    size_t seen = 0;

    (void)state;
    for (uint32_t i = 1; i <= 130; i++) {
        char type[32];

        snprintf(type, sizeof type, "IoT_CA_%03u", (unsigned)i);
        raise_one(i, type, "d1", 1);
    }
    do {
        expect(200, NULL, "GET", target, NULL, NULL);
        seen += json_array_size(member("value"));
        if (member("nextLink") != NULL) {
            snprintf(target, sizeof target, "%s", text_at("nextLink"));
        }
    } while (member("nextLink") != NULL && seen < 1000);
    assert_int_equal(seen, 130);
}

static void test_analytics__numbers(void **state)
{
    (void)state;
    expect(200, NULL, "GET", ANALYTICS, NULL, NULL);
    assert_int_equal(json_integer_value(member("value.0.properties.metrics.medium")), 0);
    raise_one(1, "IoT_TiConnection", "d1", 4);
    raise_one(2, "IoT_TiConnection", "d2", 1);
    raise_one(3, "IoT_Cert_Expired", "d1", 1);
    expect(204, NULL, "POST", REGION "/00000000-0000-0000-0000-000000000002/resolve", NULL, NULL);
    expect(200, NULL, "GET", ANALYTICS "/default", NULL, NULL);
    assert_string_equal(text_at("name"), "default");
    assert_int_equal(json_integer_value(member("properties.metrics.medium")), 2);
    assert_int_equal(json_integer_value(property("unhealthyDeviceCount")), 1);
    assert_int_equal(
        json_integer_value(member("properties.devicesMetrics.0.devicesMetrics.medium")), 2);
    assert_string_equal(text_at("properties.topAlertedDevices.0.deviceId"), "d1");
    assert_int_equal(json_integer_value(member("properties.topAlertedDevices.0.alertsCount")), 2);
    assert_int_equal(json_array_size(property("mostPrevalentDeviceAlerts")), 2);
    assert_true(json_is_array(property("mostPrevalentDeviceRecommendations")));
    expect(404, "ResourceNotFound", "GET", ANALYTICS "/other", NULL, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, management_set_up, management_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_alerts__form),
        TEST(test_alerts__pages),
        TEST(test_alerts__acts),
        TEST(test_alerts__dismissed_for_the_day),
        TEST(test_aggregated__life),
        TEST(test_aggregated__names),
        TEST(test_aggregated__pages),
        TEST(test_analytics__numbers),
    };

    return cmocka_run_group_tests_name("management_alerts", tests, NULL, NULL);
}
