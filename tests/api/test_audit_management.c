/* SPDX-License-Identifier: MIT */
/* What the management API leaves in the audit trail, by each route that there is; and the watch over the trail. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "api/audit_watch.h"
#include "api/management/internal.h"
#include "center/detect/audit_broken.h"
#include "lib/clock.h"
#include "tests/api/management_fixture.h"

static uint64_t records(void)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(management_audit, &stats);
    assert_int_equal(stats.open, 0);
    return stats.to;
}

static void expect_last(const char *name, const char *value)
{
    json_t *record = NULL;

    assert_int_equal(vd_audit_get(management_audit, records(), &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, name)), value);
    json_decref(record);
}

/* Said once more, and otherwise than the program does. */
static bool changes(const char *method, const char *pattern)
{
    static const char *const reads[] = {"/checkNameAvailability", "/query", "$batch"};

    for (size_t i = 0; i < COUNT(reads); i++) {
        const size_t length = strlen(reads[i]);

        if (strlen(pattern) >= length &&
            strcmp(pattern + strlen(pattern) - length, reads[i]) == 0) {
            return false;
        }
    }
    return strcmp(method, "GET") != 0;
}

static void target_of(const char *pattern, char *out, size_t size)
{
    size_t length = 0;

    out[length++] = '/';
    for (; *pattern != '\0' && length + 64 < size; pattern++) {
        if (*pattern == '{') {
            const char *value = pattern[1] == 's' ? SUB
                : pattern[1] == 'g'               ? "fleet"
                : pattern[1] == 'h'               ? "hub"
                                                  : "x";

            length += (size_t)snprintf(out + length, size - length, "%s", value);
            pattern += strcspn(pattern, "}");
        } else {
            out[length++] = *pattern;
        }
    }
    out[length] = '\0';
}

static void test_audit__each_route_of_management(void **state)
{
    size_t count;
    size_t changing = 0;
    const struct vd_management_route *routes = vd_management_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const bool is_change = changes(routes[i].method, routes[i].pattern);
        const uint64_t before = records();
        char target[400];
        int added;

        changing += is_change ? 1 : 0;
        target_of(routes[i].pattern, target, sizeof target);
        (void)call_as(VD_ROLE_OWNER, routes[i].method, target, NULL, "{\"location\":\"x\"}");
        added = (int)(records() - before);
        if (added != (is_change ? 1 : 0)) {
            fail_msg("%s %s leaves %d records", routes[i].method, routes[i].pattern, added);
        }
        if (is_change) {
            expect_last("path", routes[i].pattern);
            expect_last("who", "token:head");
            expect_last("role", "owner");
            expect_last("via", "management");
        }
    }
    assert_true(changing > 20);
}

static void test_audit__refused_bearers(void **state)
{
    (void)state;
    assert_int_equal(call_with("Bearer nothing", "GET", HUB, NULL, NULL), 401);
    assert_int_equal(records(), 1);
    expect_last("kind", VD_AUDIT_SIGN_IN);
    expect_last("outcome", VD_AUDIT_REFUSED);
    expect_last("address", "192.0.2.1");
    assert_int_equal(call_as(VD_ROLE_READER, "DELETE", HUB, NULL, NULL), 403);
    assert_int_equal(records(), 2);
    expect_last("who", "token:eye");
    expect_last("note", "AuthorizationFailed");
}

/* ---- The watch ---- */

/* Waits for the alert; NULL: it did not come in ten seconds. The caller's. */
static json_t *await_alert(void)
{
    const struct vd_alert_filter filter = {.type = vd_rule_audit_broken.alert_type};
    const struct timespec step = {0, 10 * 1000000L};
    const int64_t until = vd_clock_monotonic_ms() + 10000;
    json_t *found = NULL;

    while (json_array_size(found) == 0 && vd_clock_monotonic_ms() < until) {
        json_decref(found);
        assert_int_equal(vd_alert_store_list(alerts, &filter, &found), VD_OK);
        nanosleep(&step, NULL);
    }
    return found;
}

static void await_passes(uint64_t passes)
{
    const struct timespec step = {0, 10 * 1000000L};
    struct vd_audit_stats stats;

    do {
        nanosleep(&step, NULL);
        vd_audit_stats_get(management_audit, &stats);
    } while (stats.passes < passes);
}

static bool is_set(void *flag)
{
    return atomic_load((atomic_bool *)flag);
}

/* keep_ms, and whether the clock is right. */
static struct vd_audit_watch *watch_start(int64_t keep_ms, atomic_bool *clock_is_right)
{
    const struct vd_audit_watch_config config = {.audit = management_audit,
        .alerts = alerts,
        .registry = registry,
        .keep_ms = keep_ms,
        .keep_min = 2,
        .interval_ms = 20,
        .trusts_time = is_set,
        .trusts_time_context = clock_is_right};
    struct vd_audit_watch *watch = NULL;

    assert_int_equal(vd_audit_watch_start(&config, &watch), VD_OK);
    return watch;
}

static void keep_anchor(void)
{
    struct vd_buf anchor = {0};

    assert_int_equal(vd_audit_anchor_keep(management_audit, registry, &anchor), VD_OK);
    vd_buf_release(&anchor);
}

static void test_audit__watch_is_calm_over_a_whole_trail(void **state)
{
    const struct vd_alert_filter all = {0};
    atomic_bool is_right = true;
    struct vd_audit_watch *watch;
    json_t *list = NULL;
    struct vd_buf anchor = {0};
    uint64_t etag = 0;

    (void)state;
    assert_int_equal(vd_audit_add_program(management_audit, "service.start", ""), VD_OK);
    keep_anchor();
    watch = watch_start(0, &is_right);
    await_passes(3);
    vd_audit_watch_stop(watch);
    assert_int_equal(vd_alert_store_list(alerts, &all, &list), VD_OK);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    assert_int_equal(vd_registry_setting_get(registry, "audit-anchor", &anchor, &etag), VD_OK);
    vd_buf_release(&anchor);
    /* And once more, with the anchor there. */
    watch = watch_start(0, &is_right);
    await_passes(6);
    vd_audit_watch_stop(watch);
    assert_int_equal(records(), 1);
}

/* All records are too old by a clock that is wrong: they go when it is right. */
static void test_audit__watch_cuts_by_a_clock_that_is_right(void **state)
{
    const int64_t deadline = vd_clock_monotonic_ms() + 10000;
    atomic_bool is_right = false;
    struct vd_audit_stats stats;
    struct vd_audit_watch *watch;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vd_audit_add_program(management_audit, "service.start", ""), VD_OK);
    }
    keep_anchor();
    watch = watch_start(1, &is_right);
    await_passes(5);
    vd_audit_stats_get(management_audit, &stats);
    assert_int_equal(stats.from, 1);
    assert_int_equal(stats.to, 5);
    atomic_store(&is_right, true);
    while (stats.from == 1 && vd_clock_monotonic_ms() < deadline) {
        await_passes(stats.passes + 1);
        vd_audit_stats_get(management_audit, &stats);
    }
    vd_audit_watch_stop(watch);
    assert_true(stats.from > 1);
    expect_last("path", "audit.cut");
}

/* The one alert of a start, which says `what`. */
static void expect_alert_of_start(const char *what)
{
    atomic_bool is_right = true;
    struct vd_audit_watch *watch = watch_start(0, &is_right);
    json_t *found = await_alert();
    const json_t *alert = json_array_get(found, 0);

    vd_audit_watch_stop(watch);
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(json_string_value(json_object_get(alert, "severity")), "High");
    assert_non_null(strstr(json_string_value(json_object_get(alert, "description")), what));
    assert_int_equal(json_array_size(json_object_get(alert, "techniques")), 2);
    json_decref(found);
    expect_last("path", VD_AUDIT_PATH_BROKEN);
}

static void test_audit__watch_finds_a_forged_anchor(void **state)
{
    uint64_t etag = 0;

    (void)state;
    assert_int_equal(vd_registry_setting_put(
                         registry, "audit-anchor", VD_STR_LITERAL("{\"forged\":true}"), 0, &etag),
        VD_OK);
    expect_alert_of_start("the anchor in the registry");
}

/* As when audit.db and the anchor were removed together: the new trail is whole. */
static void test_audit__watch_misses_the_anchor(void **state)
{
    (void)state;
    expect_alert_of_start("its anchor was removed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, management_set_up, management_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_audit__each_route_of_management),
        TEST(test_audit__refused_bearers),
        TEST(test_audit__watch_is_calm_over_a_whole_trail),
        TEST(test_audit__watch_cuts_by_a_clock_that_is_right),
        TEST(test_audit__watch_finds_a_forged_anchor),
        TEST(test_audit__watch_misses_the_anchor),
    };

    return cmocka_run_group_tests_name("api_audit_management", tests, NULL, NULL);
}
