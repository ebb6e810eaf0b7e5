/* SPDX-License-Identifier: MIT */
/* Rules proposed from flows that are stored: of the group's devices, outbound, summed up, and never set by themselves. */

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
#include "center/store/feeds.h"
#include "center/store/groups.h"
#include "lib/clock.h"
#include "tests/api/service_fixture.h"

static struct vd_alert_store *store;
static struct vd_analytics *analytics;
static struct vd_api_fleet fleet;
static char folder[64];
static json_t *body;

static int set_up_stores(void **state)
{
    struct vd_duckdb_options options = {.resource_id = "/hub"};
    char path[96];
    char reason[512];

    snprintf(folder, sizeof folder, "/tmp/vedette-propose-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/alerts.db", folder);
    assert_int_equal(vd_alert_store_open(path, &store), VD_OK);
    snprintf(path, sizeof path, "%s/analytics", folder);
    options.folder = path;
    assert_int_equal(vd_analytics_duckdb_open(&options, &analytics, reason, sizeof reason), VD_OK);
    assert_int_equal(set_up(state), 0);
    vd_api_fleet_init(&fleet, registry, hub_state);
    return 0;
}

static int tear_down_stores(void **state)
{
    char command[128];

    json_decref(body);
    body = NULL;
    vd_analytics_close(analytics);
    vd_alert_store_close(store);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    return tear_down(state);
}

static void ask(
    const char *method, const char *path, const char *query, const char *text, int status)
{
    const struct vd_api api = {
        .registry = registry,
        .state = hub_state,
        .alerts = store,
        .analytics = analytics,
        .fleet = &fleet.base,
    };
    const struct vd_api_request request = {.method = method,
        .path = path,
        .query = query,
        .body = vd_str_from(text),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer made;

    vd_api_call(&api, &request, &made);
    assert_int_equal(made.status, status);
    json_decref(body);
    body = made.body;
}

static void make_device(const char *id, const char *group)
{
    struct vd_identity identity = {.enabled = true};
    char path[64];
    char text[64];

    snprintf(identity.device_id, sizeof identity.device_id, "%s", id);
    identity.primary_key.length = identity.secondary_key.length = 32;
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    snprintf(path, sizeof path, "/devices/%s/group", id);
    snprintf(text, sizeof text, "{\"group\":\"%s\"}", group);
    ask("PUT", path, NULL, text, 200);
}

static void append_flow(const char *device, const char *remote, uint8_t opened_by, int64_t age_ms)
{
    static uint64_t offset;
    const int64_t time_ms = vd_clock_utc_ms() - age_ms;
    const struct vd_flow_row flow = {
        .time_generated_ms = time_ms,
        .timestamp_ms = time_ms,
        .device_id = vd_str_from(device),
        .agent_version = VD_STR_LITERAL("1"),
        .local_address = VD_STR_LITERAL("10.0.0.1"),
        .remote_address = vd_str_from(remote),
        .protocol = VD_STR_LITERAL("TCP"),
        .bytes_out = 10,
        .process_id = VD_FLOW_NONE,
        .user_id = VD_FLOW_NONE,
        .opened_by = opened_by,
    };
    const struct vd_table_rows rows = {.flows = &flow, .flow_count = 1};

    assert_int_equal(vd_analytics_append(analytics, &rows, ++offset), VD_OK);
}

/* What is proposed to be added, with blanks between. */
static const char *added(void)
{
    static char text[1024];
    const json_t *list =
        json_object_get(json_array_get(json_object_get(body, "changes"), 0), "added");
    const json_t *value;
    size_t i;

    text[0] = '\0';
    json_array_foreach(list, i, value)
    {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
            json_string_value(value));
    }
    return text;
}

static void test_propose__what_the_group_did(void **state)
{
    char address[40];
    char *text;

    (void)state;
    make_device("pump-1", "pumps");
    make_device("tap-1", "taps");
    append_flow("pump-1", "198.51.100.7", 1, 1000);
    append_flow("pump-1", "198.51.100.7", 1, 2000);
    append_flow("pump-1", "2001:db8::5", 0, 1000);
    append_flow("pump-1", "198.51.100.99", 2, 1000); /* from outside */
    append_flow("tap-1", "198.51.100.98", 1, 1000);  /* another group's */
    append_flow("pump-1", "198.51.100.97", 1, 9 * VD_DAY_MS);
    for (int i = 1; i <= 8; i++) {
        snprintf(address, sizeof address, "203.0.113.%d", i * 9);
        append_flow("pump-1", address, 1, 1000);
        snprintf(address, sizeof address, "2001:db8:7::%d", i);
        append_flow("pump-1", address, 1, 1000);
    }
    ask("POST", "/groups/pumps/propose", NULL, "", 200);
    assert_string_equal(added(), "198.51.100.7 203.0.113.0/24 2001:db8::5 2001:db8:7::/64");
    assert_int_equal(json_integer_value(json_object_get(body, "devices")), 1);
    assert_int_equal(json_integer_value(json_object_get(body, "flows")), 19);
    ask("POST", "/groups/pumps/propose", "days=30", "", 200);
    assert_string_equal(
        added(), "198.51.100.7 198.51.100.97 203.0.113.0/24 2001:db8::5 2001:db8:7::/64");
    text = json_dumps(json_object_get(body, "properties"), 0);
    ask("GET", "/groups/pumps", NULL, "", 404); /* nothing was set */
    ask("PUT", "/groups/pumps", NULL, text, 201);
    free(text);
    ask("POST", "/groups/pumps/propose", "days=30", "", 200);
    assert_int_equal(json_array_size(json_object_get(body, "changes")), 0);
    /* What comes later is added to what is there. */
    append_flow("pump-1", "192.0.2.1", 1, 1000);
    ask("POST", "/groups/pumps/propose", "days=30", "", 200);
    assert_string_equal(added(), "192.0.2.1");
    text = json_dumps(json_object_get(body, "properties"), 0);
    assert_non_null(strstr(text, "203.0.113.0/24"));
    assert_non_null(strstr(text, "192.0.2.1"));
    free(text);
}

static void put_feed(const char *lines)
{
    const struct vd_str text = vd_str_from(lines);
    const struct vd_feed_put put = {.name = "abuse", .text = &text, .now_ms = vd_clock_utc_ms()};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE];

    assert_int_equal(vd_feeds_put(store, &put, &report, problem), VD_OK);
}

/* What a feed names is not proposed: neither by itself nor in a network, whether it was met or not. */
static void test_propose__nothing_that_a_feed_names(void **state)
{
    const json_t *suspicious;
    char address[40];
    char *text;

    (void)state;
    make_device("pump-1", "pumps");
    for (int i = 1; i <= 8; i++) {
        snprintf(address, sizeof address, "203.0.113.%d", i);
        append_flow("pump-1", address, 1, 1000);
        snprintf(address, sizeof address, "198.51.100.%d", i);
        append_flow("pump-1", address, 1, 1000);
        snprintf(address, sizeof address, "192.0.2.%d", i);
        append_flow("pump-1", address, 1, 1000);
    }
    put_feed("203.0.113.7\n198.51.100.200\n");
    ask("POST", "/groups/pumps/propose", NULL, "", 200);
    assert_string_equal(added(),
        "192.0.2.0/24 198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4 198.51.100.5 "
        "198.51.100.6 198.51.100.7 198.51.100.8 203.0.113.1 203.0.113.2 203.0.113.3 203.0.113.4 "
        "203.0.113.5 203.0.113.6 203.0.113.8");
    suspicious = json_object_get(body, "suspicious");
    assert_int_equal(json_array_size(suspicious), 1);
    text = json_dumps(json_array_get(suspicious, 0), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"address\":\"203.0.113.7\",\"feed\":\"abuse\",\"indicator\":\"203.0.113.7\"}");
    free(text);
    text = json_dumps(json_object_get(body, "properties"), 0);
    assert_null(strstr(text, "203.0.113.7"));
    free(text);
}

static void test_propose__nobody_and_faults(void **state)
{
    (void)state;
    ask("POST", "/groups/none/propose", NULL, "", 200);
    assert_int_equal(json_array_size(json_object_get(body, "changes")), 0);
    assert_int_equal(json_integer_value(json_object_get(body, "devices")), 0);
    ask("POST", "/groups/none/propose", "days=31", "", 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define PROPOSE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_stores, tear_down_stores)
        PROPOSE_TEST(test_propose__what_the_group_did),
        PROPOSE_TEST(test_propose__nothing_that_a_feed_names),
        PROPOSE_TEST(test_propose__nobody_and_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
