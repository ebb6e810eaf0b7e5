/* SPDX-License-Identifier: MIT */
/* The inventory in pages: orders, filters, counts, open alerts; and one device. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/detect/presence.h"
#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "center/store/inventory.h"
#include "center/store/recommendations.h"
#include "lib/clock.h"
#include "tests/api/inventory_fixture.h"
#include "tests/api/service_fixture.h"

#define HOUR_MS 3600000LL

/* As the engine would have written it. */
static void put(const char *id, const char *group, enum vd_presence presence, int64_t heard_ms)
{
    struct vd_device_state *state = vd_device_state_new(vd_str_from(id));
    struct vd_buf out = {0};
    struct vd_device_row row = {
        .device_id = id, .group = group, .presence = presence, .heard_ms = heard_ms};

    assert_non_null(state);
    state->heard_ms = heard_ms;
    state->heard_address = vd_address_from_ipv4((const uint8_t[]){192, 0, 2, 7});
    state->pace_ms = 59001;
    vd_device_state_write(state, &out);
    row.body = (struct vd_str){(const char *)out.data, out.length};
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_device_state_put(store, &row), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
    vd_buf_release(&out);
    vd_device_state_free(state);
}

static void put_fleet(void)
{
    put("", "", VD_PRESENCE_REPORTING, 0); /* the engine's own row is no device */
    put("pump-1", "default", VD_PRESENCE_REPORTING, now_ms);
    put("pump-2", "lab", VD_PRESENCE_SILENT, now_ms - 100 * HOUR_MS);
    put("pump-3", "lab", VD_PRESENCE_LATE, now_ms - 3 * HOUR_MS);
    put("pump-4", "default", VD_PRESENCE_NEVER, 0);
    put("tap-1", "lab", VD_PRESENCE_SILENT, now_ms - 200 * HOUR_MS);
    put("tap-2", "default", VD_PRESENCE_DISABLED, now_ms - 200 * HOUR_MS);
    put("tap-3", "default", VD_PRESENCE_REFUSED, now_ms - HOUR_MS);
}

/* That two identities share a credential, each under the name that it is listed by. */
static void recommend_about(const char *one, const char *other)
{
    struct vd_recommendation_state states[VD_RECOMMENDATIONS];

    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        states[i] = (struct vd_recommendation_state){.resources = json_array()};
        if (strcmp(vd_recommendation_at(i)->type, "IoT_SharedCredentials") == 0) {
            states[i].is_active = one != NULL;
            json_array_append_new(
                states[i].resources, json_pack("{s:[s*, s*]}", "identities", one, other));
        }
    }
    assert_int_equal(vd_recommendations_put(store, states, now_ms, NULL), VD_OK);
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        json_decref(states[i].resources);
    }
}

static size_t recommended_for(const char *path)
{
    return json_array_size(json_object_get(ask(path, NULL, 200), "recommendations"));
}

static bool add_count(void *context, const char *group, int64_t devices)
{
    (void)json_object_set_new(context, group, json_integer(devices));
    return true;
}

static void test_inventory__groups_are_counted(void **state)
{
    json_t *counts = json_object();
    json_t *expected = json_pack("{s:i, s:i}", "default", 4, "lab", 3);

    (void)state;
    put_fleet();
    assert_int_equal(vd_inventory_groups(store, add_count, counts), VD_OK);
    assert_true(json_equal(counts, expected));
    json_decref(counts);
    json_decref(expected);
}

/* The ids of all pages of so many, with blanks between. */
static const char *ids(const char *query, int limit)
{
    static char text[256];
    char asked[256];
    char next[64] = "";
    size_t pages = 0;

    text[0] = '\0';
    do {
        const json_t *devices;
        const json_t *device;
        size_t i;

        snprintf(asked, sizeof asked, "limit=%d&after=%s%s%s", limit, next,
            query[0] != '\0' ? "&" : "", query);
        devices = json_object_get(ask("/inventory", asked, 200), "devices");
        json_array_foreach(devices, i, device)
        {
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                text[0] != '\0' ? " " : "", json_string_value(json_object_get(device, "deviceId")));
        }
        snprintf(next, sizeof next, "%s",
            json_is_string(json_object_get(body, "next"))
                ? json_string_value(json_object_get(body, "next"))
                : "");
        assert_true(++pages < 20);
    } while (next[0] != '\0');
    return text;
}

static void test_inventory__orders_and_filters(void **state)
{
    static const struct {
        const char *query;
        const char *expected;
    } cases[] = {
        {"", "pump-1 pump-2 pump-3 pump-4 tap-1 tap-2 tap-3"},
        {"search=pump", "pump-1 pump-2 pump-3 pump-4"},
        {"search=pump-3", "pump-3"},
        {"search=PUMP", ""},
        {"search=%25", ""},
        {"search=p%C3%BC", ""},
        {"state=silent", "pump-2 tap-1"},
        {"group=lab", "pump-2 pump-3 tap-1"},
        {"group=lab&state=silent&search=t", "tap-1"},
        {"group=Lab", ""},
        {"sort=lastHeard", "pump-4 tap-1 tap-2 pump-2 pump-3 tap-3 pump-1"},
        {"sort=-lastHeard", "pump-1 tap-3 pump-3 pump-2 tap-2 tap-1 pump-4"},
        {"sort=lastHeard&state=silent", "tap-1 pump-2"},
        {"sort=openAlerts", "tap-1 pump-3 pump-2 pump-1"},
        {"sort=openAlerts&group=lab", "tap-1 pump-3 pump-2"},
    };

    (void)state;
    put_fleet();
    raise_alert(1, "pump-2", "Low", now_ms);
    raise_alert(2, "pump-1", "Low", now_ms);
    raise_alert(3, "pump-2", "Low", now_ms);
    raise_alert(4, "tap-1", "High", now_ms);
    raise_alert(5, "pump-3", "Medium", now_ms);
    raise_alert(6, "", "High", now_ms);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int limit = 1; limit < 9; limit += 2) {
            const char *got = ids(cases[i].query, limit);

            if (strcmp(got, cases[i].expected) != 0) {
                fail_msg("%s by %d: %s", cases[i].query, limit, got);
            }
        }
    }
}

static void expect_counts(const json_t *counts, const char *expected)
{
    char text[160];

    snprintf(text, sizeof text, "%lld %lld %lld %lld %lld %lld %lld",
        (long long)json_integer_value(json_object_get(counts, "reporting")),
        (long long)json_integer_value(json_object_get(counts, "late")),
        (long long)json_integer_value(json_object_get(counts, "silent")),
        (long long)json_integer_value(json_object_get(counts, "refused")),
        (long long)json_integer_value(json_object_get(counts, "never")),
        (long long)json_integer_value(json_object_get(counts, "disabled")),
        (long long)json_integer_value(json_object_get(counts, "total")));
    assert_string_equal(text, expected);
}

static void test_inventory__counts(void **state)
{
    (void)state;
    expect_counts(json_object_get(ask("/inventory", NULL, 200), "counts"), "0 0 0 0 0 0 0");
    put_fleet();
    expect_counts(
        json_object_get(ask("/inventory", "state=late&limit=1", 200), "counts"), "1 1 2 1 1 1 7");
    expect_counts(json_object_get(ask("/inventory", "group=lab", 200), "counts"), "0 1 2 0 0 0 3");
    expect_counts(
        json_object_get(ask("/inventory", "search=pump", 200), "counts"), "1 1 1 0 1 0 4");
    /* A row that is written again counts as what it is then. */
    put("pump-1", "lab", VD_PRESENCE_LATE, now_ms);
    put("pump-1", "lab", VD_PRESENCE_LATE, now_ms + 1);
    expect_counts(json_object_get(ask("/inventory", "group=lab", 200), "counts"), "0 2 2 0 0 0 4");
    expect_counts(json_object_get(ask("/overview", NULL, 200), "devices"), "0 2 2 1 1 1 7");
}

/* Of a row. */
static void expect_open(const char *device, const char *expected)
{
    char query[64];
    char text[64];
    const json_t *open;

    snprintf(query, sizeof query, "search=%s", device);
    open = json_object_get(
        json_array_get(json_object_get(ask("/inventory", query, 200), "devices"), 0), "openAlerts");
    snprintf(text, sizeof text, "%lld %lld %lld",
        (long long)json_integer_value(json_object_get(open, "High")),
        (long long)json_integer_value(json_object_get(open, "Medium")),
        (long long)json_integer_value(json_object_get(open, "Low")));
    assert_string_equal(text, expected);
}

/* What becomes of alerts is counted along. */
static void test_inventory__open_alerts(void **state)
{
    static const char id_1[] = "00000000-0000-0000-0000-000000000001";
    const struct vd_alert_act resolve = {
        .event = VD_ALERT_RESOLVE, .actor = "me", .now_ms = now_ms};
    const struct vd_alert_act reopen = {.event = VD_ALERT_REOPEN, .actor = "me", .now_ms = now_ms};
    json_t *alert = NULL;
    uint64_t removed = 0;

    (void)state;
    put_fleet();
    raise_alert(1, "pump-1", "High", now_ms - 50 * HOUR_MS);
    raise_alert(2, "pump-1", "Low", now_ms);
    raise_alert(2, "pump-1", "Low", now_ms); /* a repeat is no other alert */
    expect_open("pump-1", "1 0 1");
    expect_open("pump-2", "0 0 0");
    assert_int_equal(vd_alert_act(store, id_1, &resolve, &alert), VD_OK);
    json_decref(alert);
    expect_open("pump-1", "0 0 1");
    assert_int_equal(vd_alert_act(store, id_1, &reopen, &alert), VD_OK);
    json_decref(alert);
    expect_open("pump-1", "1 0 1");
    assert_int_equal(vd_alert_store_prune(store, now_ms - HOUR_MS, 1000, now_ms, &removed), VD_OK);
    assert_int_equal(removed, 1);
    expect_open("pump-1", "0 0 1");
}

/* Alerts of the devices that are in a group now, also of open ones, which come off an index of their own. */
/* So many devices that its alerts are looked for among all. */
static void make_large(const char *group)
{
    char sql[512];

    snprintf(sql, sizeof sql,
        "INSERT INTO device_states(device_id, group_name, presence, heard_slot, body)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
        " SELECT 'more-' || i, '%s', 0, 0, x'' FROM n",
        group);
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_sqlite_run(store->writer, sql), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}

static void expect_alerts_of_a_group(bool is_large)
{
    const json_t *alerts;

    put_fleet();
    if (is_large) {
        make_large("lab");
    }
    raise_alert(1, "pump-1", "High", now_ms);
    raise_alert(2, "pump-2", "Low", now_ms);
    raise_alert(3, "tap-1", "High", now_ms);
    alerts = json_object_get(ask("/alerts", "group=lab", 200), "alerts");
    assert_int_equal(json_array_size(alerts), 2);
    alerts = json_object_get(ask("/alerts", "group=lab&state=Open&severity=High", 200), "alerts");
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(alerts, 0), "deviceId")), "tap-1");
    put("tap-1", "default", VD_PRESENCE_SILENT, now_ms);
    alerts = json_object_get(ask("/alerts", "group=lab", 200), "alerts");
    assert_int_equal(json_array_size(alerts), 1);
    assert_int_equal(
        json_array_size(json_object_get(ask("/alert-groups", "group=nobody", 200), "groups")), 0);
}

static void test_inventory__alerts_of_a_group(void **state)
{
    (void)state;
    expect_alerts_of_a_group(false);
}

static void test_inventory__alerts_of_a_large_group(void **state)
{
    (void)state;
    expect_alerts_of_a_group(true);
}

static void test_inventory__a_row(void **state)
{
    struct vd_identity identity = {.enabled = true, .auth_type = VD_AUTH_CA};
    const json_t *row;

    (void)state;
    put_fleet();
    snprintf(identity.device_id, sizeof identity.device_id, "pump-1");
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    bus.connected = "pump-1";
    row = json_array_get(json_object_get(ask("/inventory", "search=pump-1", 200), "devices"), 0);
    assert_string_equal(
        json_string_value(json_object_get(row, "authenticationType")), "certificateAuthority");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "reporting");
    assert_true(json_is_true(json_object_get(row, "isConnected")));
    assert_true(json_is_null(json_object_get(row, "address"))); /* not where it was before */
    assert_true(json_is_null(json_object_get(row, "clockErrorMs")));
    assert_int_equal(json_integer_value(json_object_get(row, "usualSeconds")), 60);
    row = json_array_get(json_object_get(ask("/inventory", "search=pump-4", 200), "devices"), 0);
    assert_true(json_is_null(json_object_get(row, "lastHeard")));
    assert_true(json_is_null(json_object_get(row, "authenticationType")));
    assert_string_equal(json_string_value(json_object_get(row, "address")), "192.0.2.7");
}

static void test_inventory__faults(void **state)
{
    static const char *const wrong[] = {"state=gone", "sort=name", "limit=1001", "limit=x",
        "after=x", "after=1", "after=1:", "after=:x"};

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        (void)ask("/inventory", wrong[i], 400);
    }
    (void)ask("/overview", "since=yesterday", 400);
}

/* ---- One device ---- */

static bool has_reason(const char *beginning)
{
    const json_t *reason;
    size_t i;

    json_array_foreach(json_object_get(body, "reasons"), i, reason)
    {
        if (strncmp(json_string_value(reason), beginning, strlen(beginning)) == 0) {
            return true;
        }
    }
    return false;
}

static void put_refused(const char *id)
{
    struct vd_device_state *state = vd_device_state_new(vd_str_from(id));
    struct vd_buf out = {0};
    struct vd_device_row row = {
        .device_id = id, .group = "default", .presence = VD_PRESENCE_REFUSED};

    assert_non_null(state);
    state->refused_ms = now_ms;
    state->refused_for = 1;
    state->refused_address = vd_address_from_ipv4((const uint8_t[]){203, 0, 113, 9});
    state->clock_measured_ms = now_ms;
    state->clock_error_ms = -400000;
    vd_device_state_write(state, &out);
    row.body = (struct vd_str){(const char *)out.data, out.length};
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_device_state_put(store, &row), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
    vd_buf_release(&out);
    vd_device_state_free(state);
}

static void test_inventory__a_device(void **state)
{
    char *text;

    (void)state;
    (void)ask("/inventory/pump-1", NULL, 404);
    make_identity("pump-1");
    (void)ask("/inventory/pump-1", NULL, 200); /* before the center knows of it */
    assert_string_equal(json_string_value(json_object_get(body, "state")), "never");
    put_refused("pump-1");
    raise_alert(1, "pump-1", "High", now_ms);
    (void)ask("/inventory/pump-1", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(body, "state")), "refused");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(body, "refused"), "reason")),
        "signature_wrong");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(body, "refused"), "address")),
        "203.0.113.9");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(body, "refused"), "text")),
        "it came with a token that neither of its keys has signed");
    assert_true(has_reason("Its last login, at "));
    assert_true(has_reason("Its clock is 400 s behind."));
    assert_true(has_reason("Its group default has no rules."));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(body, "openAlerts"), "High")), 1);
    assert_true(json_is_null(json_object_get(body, "coverage")));
    assert_int_equal(recommended_for("/inventory/pump-1"), 0);
    recommend_about("other", "pump-1/azureiotsecurity");
    assert_int_equal(recommended_for("/inventory/pump-1"), 1);
    recommend_about("pump-11", "other");
    assert_int_equal(recommended_for("/inventory/pump-1"), 0);
    recommend_about("pump-1", "other");
    assert_int_equal(recommended_for("/inventory/pump-1"), 1);
    recommend_about(NULL, NULL);
    assert_int_equal(recommended_for("/inventory/pump-1"), 0);
    text = json_dumps(body, 0);
    assert_null(strstr(text, "Key"));
    free(text);
}

/* Of this week's rows and of a month ago's, of two devices. */
static void append_rows(void)
{
    static const char ledger[] =
        "{\"PacketsCounted\":100,\"PacketsOverflowed\":10,\"PacketsMalformed\":0,"
        "\"PacketsGivenUp\":5,\"PacketsWithheld\":0}";
    struct vd_raw_event rows[] = {
        {.name = VD_STR_LITERAL("Ledger"), .details = vd_str_from(ledger)},
        {.name = VD_STR_LITERAL("Ledger"), .details = vd_str_from(ledger)},
        {.name = VD_STR_LITERAL("Ledger"), .details = vd_str_from(ledger)},
        {.name = VD_STR_LITERAL("SystemInformation"),
            .details = VD_STR_LITERAL("{\"OSInfo\":\"ThreadX 6\",\"HardwareInfo\":\"STM32\"}")},
    };
    const struct vd_table_rows table = {.raw_events = rows, .raw_event_count = COUNT(rows)};
    const struct vd_duckdb_options options = {.folder = NULL, .resource_id = "/hub"};
    struct vd_duckdb_options opened = options;
    char path[96];
    char reason[512];

    snprintf(path, sizeof path, "%s/analytics", store_folder);
    opened.folder = path;
    assert_int_equal(vd_analytics_duckdb_open(&opened, &analytics, reason, sizeof reason), VD_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        rows[i].time_generated_ms = rows[i].timestamp_ms = now_ms;
        rows[i].id.bytes[15] = (uint8_t)(i + 1);
        rows[i].device_id = vd_str_from(i != 2 ? "pump-1" : "pump-2");
        rows[i].agent_version = VD_STR_LITERAL("2.1");
        rows[i].type = VD_STR_LITERAL("Diagnostic");
        rows[i].category = VD_STR_LITERAL("Periodic");
    }
    assert_int_equal(vd_analytics_append(analytics, &table, 1), VD_OK);
}

static void test_inventory__versions_and_coverage(void **state)
{
    const json_t *versions;
    const json_t *day;

    (void)state;
    make_identity("pump-1");
    make_identity("pump-3");
    append_rows();
    (void)ask("/inventory/pump-1", NULL, 200);
    versions = json_object_get(body, "versions");
    assert_string_equal(json_string_value(json_object_get(versions, "module")), "2.1");
    assert_string_equal(json_string_value(json_object_get(versions, "os")), "ThreadX 6");
    assert_string_equal(json_string_value(json_object_get(versions, "hardware")), "STM32");
    assert_int_equal(json_array_size(json_object_get(body, "coverage")), 1);
    day = json_array_get(json_object_get(body, "coverage"), 0);
    assert_int_equal(json_integer_value(json_object_get(day, "countedPackets")), 200);
    assert_int_equal(json_integer_value(json_object_get(day, "reportedPackets")), 190);
    assert_int_equal(json_integer_value(json_object_get(day, "missedPackets")), 30);
    (void)ask("/inventory/pump-3", NULL, 200);
    assert_true(json_is_null(json_object_get(body, "versions")));
    assert_int_equal(json_array_size(json_object_get(body, "coverage")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_inventory__orders_and_filters),
        STORE_TEST(test_inventory__counts),
        STORE_TEST(test_inventory__groups_are_counted),
        STORE_TEST(test_inventory__open_alerts),
        STORE_TEST(test_inventory__alerts_of_a_group),
        STORE_TEST(test_inventory__alerts_of_a_large_group),
        STORE_TEST(test_inventory__a_row),
        STORE_TEST(test_inventory__faults),
        STORE_TEST(test_inventory__a_device),
        STORE_TEST(test_inventory__versions_and_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
