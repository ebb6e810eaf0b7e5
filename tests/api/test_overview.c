/* SPDX-License-Identifier: MIT */
/* The overview's numbers: alerts, coverage, what comes in, notices. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "center/store/coverage.h"
#include "lib/clock.h"
#include "tests/api/inventory_fixture.h"

#define HOUR_MS 3600000LL

static int64_t number(const char *part, const char *inner, const char *name)
{
    const json_t *json = json_object_get(body, part);

    json = inner != NULL ? json_object_get(json, inner) : json;
    assert_true(json_is_integer(json_object_get(json, name)));
    return json_integer_value(json_object_get(json, name));
}

static void test_overview__alerts(void **state)
{
    char since[64] = "since=";
    const json_t *day;

    (void)state;
    raise_alert(1, "pump-1", "High", now_ms - 40 * VD_DAY_MS);
    raise_alert(2, "pump-1", "High", now_ms - 2 * VD_DAY_MS);
    raise_alert(3, "pump-1", "Low", now_ms - 2 * VD_DAY_MS);
    raise_alert(4, "", "Medium", now_ms - HOUR_MS / 1000);
    (void)ask("/overview", NULL, 200);
    assert_int_equal(number("alerts", NULL, "new"), 1);
    assert_int_equal(number("alerts", "open", "High"), 2);
    assert_int_equal(number("alerts", "open", "Medium"), 1);
    assert_int_equal(number("alerts", "open", "Low"), 1);
    day = json_array_get(json_object_get(json_object_get(body, "alerts"), "days"), 0);
    assert_int_equal(json_integer_value(json_object_get(day, "High")), 1);
    assert_int_equal(json_integer_value(json_object_get(day, "Low")), 1);
    assert_int_equal(json_array_size(json_object_get(json_object_get(body, "alerts"), "days")), 2);
    vd_time_format(now_ms - 3 * VD_DAY_MS, since + 6);
    (void)ask("/overview", since, 200);
    assert_int_equal(number("alerts", NULL, "new"), 3);
    vd_time_format(now_ms + 1, since + 6);
    (void)ask("/overview", since, 200);
    assert_int_equal(number("alerts", NULL, "new"), 0);
}

static void test_overview__coverage(void **state)
{
    const struct vd_coverage some = {.devices = 2,
        .counted = 100,
        .overflowed = 20,
        .malformed = 5,
        .given_up = 10,
        .withheld = 15};
    const struct vd_coverage more = {.devices = 3, .counted = 75};
    const int64_t hour = now_ms / VD_HOUR_MS;
    const json_t *hours;

    (void)state;
    (void)ask("/overview", NULL, 200);
    assert_true(json_is_null(json_object_get(json_object_get(body, "coverage"), "share")));
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_coverage_add(store, hour - 30, &some), VD_OK); /* of the day before */
    assert_int_equal(vd_coverage_add(store, hour - 1, &some), VD_OK);
    assert_int_equal(vd_coverage_add(store, hour, &more), VD_OK);
    assert_int_equal(vd_coverage_add(store, hour, &more), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
    (void)ask("/overview", NULL, 200);
    assert_int_equal(number("coverage", NULL, "reportedPackets"), 75 + 150);
    assert_int_equal(number("coverage", NULL, "overflowedPackets"), 20);
    assert_int_equal(number("coverage", NULL, "mostDevices"), 6);
    assert_true(json_real_value(json_object_get(json_object_get(body, "coverage"), "share")) >
        225.0 / 275 - 1e-9);
    hours = json_object_get(json_object_get(body, "coverage"), "hours");
    assert_int_equal(json_array_size(hours), 2);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(hours, 0), "missedPackets")), 50);
}

/* The device's reason with that piece; NULL: it has none. */
static const char *reason_with(const char *piece)
{
    const json_t *reason;
    size_t i;

    json_array_foreach(json_object_get(body, "reasons"), i, reason)
    {
        if (strstr(json_string_value(reason), piece) != NULL) {
            return json_string_value(reason);
        }
    }
    return NULL;
}

static int64_t losses_of(int64_t from_hour, const char *device_id)
{
    json_t *losses = NULL;
    int64_t missed;

    assert_int_equal(vd_coverage_losses(store, from_hour, device_id, 1, &losses), VD_OK);
    missed = json_integer_value(json_object_get(json_array_get(losses, 0), "missedPackets"));
    json_decref(losses);
    return missed;
}

/* Losses of the last day by device: who lost most, and no more devices than that. */
static void test_overview__losses(void **state)
{
    const int64_t hour = now_ms / VD_HOUR_MS;
    const json_t *losses;
    char id[24];

    (void)state;
    make_identity("pump-1");
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(
        vd_coverage_add_loss(store, hour - 30, VD_STR_LITERAL("pump-2"), 100000), VD_OK);
    for (int i = 0; i < VD_COVERAGE_LOSS_DEVICES; i++) {
        snprintf(id, sizeof id, "other-%02d", i);
        assert_int_equal(vd_coverage_add_loss(store, hour, vd_str_from(id), 10 + i), VD_OK);
    }
    assert_int_equal(vd_coverage_add_loss(store, hour - 1, VD_STR_LITERAL("pump-1"), 800), VD_OK);
    assert_int_equal(vd_coverage_add_loss(store, hour, VD_STR_LITERAL("pump-1"), 400), VD_OK);
    assert_int_equal(vd_coverage_add_loss(store, hour, VD_STR_LITERAL("pump-1"), 34), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
    (void)ask("/overview", NULL, 200);
    losses = json_object_get(json_object_get(body, "coverage"), "losses");
    assert_int_equal(json_array_size(losses), 5);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(losses, 0), "deviceId")), "pump-1");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(losses, 0), "missedPackets")), 1234);
    (void)ask("/inventory/pump-1", NULL, 200);
    assert_string_equal(reason_with("1234 packets"),
        "1234 packets that it saw in the last 24 hours are in no report: nobody knows what they "
        "were.");
    assert_int_equal(losses_of(hour, "other-00"), 0); /* who lost least is let go */
    assert_int_equal(losses_of(hour, "other-01"), 11);
    assert_int_equal(losses_of(0, "pump-2"), 0);
}

static void test_overview__ingest_and_notices(void **state)
{
    bool has_indicators_notice = false;
    const json_t *notice;
    size_t i;

    (void)state;
    (void)ask("/overview", NULL, 200);
    assert_int_equal(number("ingest", NULL, "backlog"), 0);
    assert_int_equal(number("ingest", NULL, "deadLetters"), 0);
    assert_true(json_is_true(json_object_get(json_object_get(body, "ingest"), "storesRawEvents")));
    assert_true(json_is_null(json_object_get(json_object_get(body, "ingest"), "lastMessage")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(body, "ingest"), "since")),
        "1970-01-01T00:00:00.001Z");
    json_array_foreach(json_object_get(body, "notices"), i, notice)
    {
        has_indicators_notice = has_indicators_notice ||
            strcmp(json_string_value(json_object_get(notice, "code")), "NoIndicators") == 0;
    }
    assert_true(has_indicators_notice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_overview__alerts),
        STORE_TEST(test_overview__coverage),
        STORE_TEST(test_overview__losses),
        STORE_TEST(test_overview__ingest_and_notices),
    };

    return cmocka_run_group_tests_name("api_overview", tests, NULL, NULL);
}
