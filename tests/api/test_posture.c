/* SPDX-License-Identifier: MIT */
/* Recommendations out of a real registry: what makes each active, what does not, and their life. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/posture.h"
#include "api/solution.h"
#include "center/limits.h"
#include "center/recommend/recommender.h"
#include "center/store/alert_store_internal.h"
#include "center/store/recommendations.h"
#include "hub/export/setting.h"
#include "hub/ip_filter.h"
#include "lib/folder.h"
#include "tests/api/service_fixture.h"

#define THUMBPRINT "0123456789ABCDEF0123456789ABCDEF01234567"

static struct vd_api_posture posture;
static struct vd_alert_store *store;
static char folder[64];
static const struct vd_recommend_settings settings = {.large_range_prefix = 16};

static int set_up_store(void **state)
{
    char path[80];

    snprintf(folder, sizeof folder, "/tmp/vedette-posture-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/alerts.db", folder);
    assert_int_equal(vd_alert_store_open(path, &store), VD_OK);
    assert_int_equal(set_up(state), 0);
    vd_api_posture_init(&posture, registry);
    return 0;
}

static int tear_down_store(void **state)
{
    vd_alert_store_close(store);
    assert_int_equal(vd_folder_remove(folder), VD_OK);
    return tear_down(state);
}

/* key 0: one of its own. */
static void make(const char *device, const char *module, uint8_t primary, uint8_t secondary)
{
    static uint8_t own = 100;
    struct vd_identity identity = {.enabled = true};

    snprintf(identity.device_id, sizeof identity.device_id, "%s", device);
    snprintf(identity.module_id, sizeof identity.module_id, "%s", module);
    identity.primary_key.length = identity.secondary_key.length = 32;
    identity.primary_key.bytes[0] = primary != 0 ? primary : own++;
    identity.secondary_key.bytes[0] = secondary != 0 ? secondary : own++;
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
}

static void make_certified(const char *device, const char *first, const char *second)
{
    struct vd_identity identity = {.enabled = true, .auth_type = VD_AUTH_THUMBPRINT};

    snprintf(identity.device_id, sizeof identity.device_id, "%s", device);
    snprintf(identity.thumbprints[0], VD_THUMBPRINT_SIZE, "%s", first);
    snprintf(identity.thumbprints[1], VD_THUMBPRINT_SIZE, "%s", second);
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
}

static void set(const char *name, const char *value)
{
    struct vd_buf old = {0};
    uint64_t etag = 0;

    (void)!vd_registry_setting_get(registry, name, &old, &etag);
    vd_buf_release(&old);
    assert_int_equal(
        vd_registry_setting_put(registry, name, vd_str_from(value), etag, &etag), VD_OK);
}

static json_t *evaluate(const char *type)
{
    json_t *list = NULL;
    json_t *found = NULL;

    assert_int_equal(vd_recommender_run(store, &posture.base, &settings, NULL), VD_OK);
    assert_int_equal(vd_recommendations_list(store, &list), VD_OK);
    assert_int_equal(json_array_size(list), VD_RECOMMENDATIONS);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);

        if (strcmp(json_string_value(json_object_get(one, "type")), type) == 0) {
            found = json_incref(one);
        }
    }
    json_decref(list);
    assert_non_null(found);
    return found;
}

static bool is_active(const char *type)
{
    json_t *one = evaluate(type);
    const bool active = strcmp(json_string_value(json_object_get(one, "state")), "Active") == 0;

    json_decref(one);
    return active;
}

static void test_recommend__shared_credentials(void **unused)
{
    json_t *one;
    const json_t *group;

    (void)unused;
    assert_false(is_active("IoT_SharedCredentials"));
    make("a", "", 0, 0);
    make("b", "", 1, 1); /* its own twice */
    make_certified("c", THUMBPRINT, "");
    make_certified("d", "1123456789ABCDEF0123456789ABCDEF01234567", "");
    assert_false(is_active("IoT_SharedCredentials"));
    make("e", "", 0, 1); /* another's primary as its secondary */
    make("e", "m", 1, 0);
    make_certified("f", "2123456789ABCDEF0123456789ABCDEF01234567", THUMBPRINT);
    one = evaluate("IoT_SharedCredentials");
    assert_string_equal(json_string_value(json_object_get(one, "state")), "Active");
    assert_string_equal(json_string_value(json_object_get(one, "severity")), "High");
    assert_int_equal(json_integer_value(json_object_get(one, "resourceCount")), 2);
    assert_int_equal(json_integer_value(json_object_get(one, "unhealthyDeviceCount")), 4);
    group = json_array_get(json_object_get(one, "resources"), 0);
    assert_int_equal(json_integer_value(json_object_get(group, "count")), 3);
    assert_string_equal(json_string_value(json_object_get(group, "kind")), "SymmetricKey");
    assert_int_equal(json_array_size(json_object_get(group, "identities")), 3);
    json_decref(one);
    assert_int_equal(vd_registry_remove(registry, "e", NULL, 0), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "f", NULL, 0), VD_OK);
    assert_false(is_active("IoT_SharedCredentials"));
}

/* Names that stand between a device and its modules do not make two of it. */
static void test_recommend__devices_with_modules(void **unused)
{
    json_t *one;

    (void)unused;
    make("n", "", 5, 0);
    make("n", "m", 5, 0);
    make("n-1", "", 5, 0);
    one = evaluate("IoT_SharedCredentials");
    assert_int_equal(json_integer_value(json_object_get(one, "unhealthyDeviceCount")), 2);
    json_decref(one);
}

/* What a solution says last of a recommendation counts, and once. */
static void test_recommend__switched_by_solutions(void **unused)
{
#define SOLUTION(entries)                                                                       \
    "{\"settings\":[{\"name\":\"s\",\"properties\":{\"recommendationsConfiguration\":[" entries \
    "]}}]}"
#define ENTRY(status) "{\"recommendationType\":\"IoT_IPFilter_DenyAll\",\"status\":\"" status "\"}"
    (void)unused;
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    set(VD_SOLUTIONS_SETTING, SOLUTION(ENTRY("Disabled")));
    assert_false(is_active("IoT_IPFilter_DenyAll"));
    set(VD_SOLUTIONS_SETTING, SOLUTION(ENTRY("Disabled") "," ENTRY("Enabled")));
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    set(VD_SOLUTIONS_SETTING, SOLUTION(ENTRY("Disabled") "," ENTRY("Disabled")));
    assert_false(is_active("IoT_IPFilter_DenyAll"));
}

static void test_recommend__the_filter(void **unused)
{
    static const struct {
        const char *filter;
        bool deny_all;
        bool permissive;
    } cases[] = {
        {"{\"ipFilterRules\":[]}", true, false},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":"
         "\"192.0.2.0/24\"}]}",
            true, false},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":"
         "\"192.0.2.0/24\"},{\"filterName\":\"z\",\"action\":\"Reject\",\"ipMask\":\"0.0.0.0/0\"}]}",
            true, false}, /* all of IPv6 is let in */
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":"
         "\"10.0.0.0/16\"},{\"filterName\":\"z\",\"action\":\"Reject\",\"ipMask\":\"0.0.0.0/0\"}],"
         "\"networkRuleSets\":{\"defaultAction\":\"Deny\",\"ipRules\":[]}}",
            false, true},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":"
         "\"10.0.0.0/17\"}],\"networkRuleSets\":{\"defaultAction\":\"Deny\",\"ipRules\":[]}}",
            false, false},
        {"{\"networkRuleSets\":{\"defaultAction\":\"Allow\",\"ipRules\":[{\"filterName\":\"a\","
         "\"ipMask\":\"0.0.0.0/1\"}]}}",
            true, true},
        /* What stands behind a rule for everything never counts. */
        {"{\"ipFilterRules\":[{\"filterName\":\"z\",\"action\":\"Reject\",\"ipMask\":"
         "\"0.0.0.0/0\"},{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":\"10.0.0.0/8\"}]}",
            true, false},
    };

    (void)unused;
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    assert_false(is_active("IoT_IPFilter_PermissiveRule"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set(VD_IP_FILTER_SETTING, cases[i].filter);
        if (is_active("IoT_IPFilter_DenyAll") != cases[i].deny_all ||
            is_active("IoT_IPFilter_PermissiveRule") != cases[i].permissive) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_recommend__diagnostic_logs(void **unused)
{
    (void)unused;
    assert_true(is_active("IoT_DiagnosticLogs"));
    set(VD_DIAGNOSTIC_SETTINGS,
        "{\"settings\":[{\"name\":\"a\",\"properties\":{\"storageAccountId\":\"x\",\"logs\":[{"
        "\"category\":\"Connections\",\"enabled\":false}]}}]}");
    assert_true(is_active("IoT_DiagnosticLogs"));
    set(VD_DIAGNOSTIC_SETTINGS,
        "{\"settings\":[{\"name\":\"a\",\"properties\":{\"storageAccountId\":\"x\",\"logs\":[{"
        "\"category\":\"Connections\",\"enabled\":true}]}}]}");
    assert_false(is_active("IoT_DiagnosticLogs"));
}

/* Each change of state is noted once, with its time; evaluations between change nothing. */
static void test_recommend__life(void **unused)
{
    json_t *history = NULL;
    json_t *one;
    uint32_t changed = 9;

    (void)unused;
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    assert_int_equal(vd_recommender_run(store, &posture.base, &settings, &changed), VD_OK);
    assert_int_equal(changed, 0);
    set(VD_IP_FILTER_SETTING, "{\"networkRuleSets\":{\"defaultAction\":\"Deny\",\"ipRules\":[]}}");
    assert_int_equal(vd_recommender_run(store, &posture.base, &settings, &changed), VD_OK);
    assert_int_equal(changed, 1);
    one = evaluate("IoT_IPFilter_DenyAll");
    assert_string_equal(json_string_value(json_object_get(one, "state")), "NotActive");
    assert_true(json_is_string(json_object_get(one, "firstActive")));
    assert_int_equal(json_array_size(json_object_get(one, "resources")), 0);
    json_decref(one);
    assert_int_equal(vd_recommendations_history(store, "IoT_IPFilter_DenyAll", &history), VD_OK);
    assert_int_equal(json_array_size(history), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(history, 0), "state")), "NotActive");
    json_decref(history);
}

/* Of changes that go on, the latest are remembered. */
static void test_recommend__forgets_old_changes(void **unused)
{
    struct vd_recommendation_state states[VD_RECOMMENDATIONS];
    json_t *nothing = json_array();
    sqlite3_stmt *s = NULL;

    (void)unused;
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        states[i] = (struct vd_recommendation_state){.resources = nothing};
    }
    for (int i = 0; i < VD_RECOMMENDATION_CHANGES_MAX + 20; i++) {
        states[0].is_active = i % 2 == 0;
        assert_int_equal(vd_recommendations_put(store, states, 1000 + i, NULL), VD_OK);
    }
    assert_int_equal(
        sqlite3_prepare_v2(store->reader,
            "SELECT count(*), min(time_ms) FROM recommendation_changes WHERE type = ?1", -1, &s,
            NULL),
        SQLITE_OK);
    sqlite3_bind_text(s, 1, vd_recommendation_at(0)->type, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(s, 0), VD_RECOMMENDATION_CHANGES_MAX);
    assert_int_equal(sqlite3_column_int64(s, 1), 1020);
    sqlite3_finalize(s);
    json_decref(nothing);
}

/* ---- What fixes them ---- */

static json_t *ask(const char *method, const char *path, const char *query, const json_t *body)
{
    const struct vd_api api = {.registry = registry,
        .state = hub_state,
        .alerts = store,
        .host_name = HOST,
        .scope = {.subscription = "00000000-0000-0000-0000-000000000000",
            .resource_group = "vedette",
            .hub = "hub"}};
    char *text = body != NULL ? json_dumps(body, 0) : NULL;
    const struct vd_api_request request = {.method = method,
        .path = path,
        .query = query,
        .body = vd_str_from(text != NULL ? text : ""),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer made;

    vd_api_call(&api, &request, &made);
    free(text);
    assert_true(made.status == 200 || made.status == 201);
    return made.body;
}

/* As the button does: what the recommendation says, and nothing else. False: it says nothing. */
static bool fix(const char *type)
{
    char path[512];
    json_t *one;
    const json_t *request;
    char *query;
    bool is_there;

    snprintf(path, sizeof path, "/recommendations/%s", type);
    one = ask("GET", path, NULL, NULL);
    request = json_object_get(json_object_get(one, "fix"), "request");
    is_there = request != NULL;
    if (is_there) {
        snprintf(path, sizeof path, "%s", json_string_value(json_object_get(request, "path")));
        query = strchr(path, '?');
        assert_non_null(query);
        *query = '\0';
        json_decref(ask(json_string_value(json_object_get(request, "method")), path, query + 1,
            json_object_get(request, "body")));
    }
    json_decref(one);
    return is_there;
}

static void test_recommend__fixes_logs(void **unused)
{
    (void)unused;
    assert_true(is_active("IoT_DiagnosticLogs"));
    assert_true(fix("IoT_DiagnosticLogs"));
    assert_false(is_active("IoT_DiagnosticLogs"));
    assert_false(fix("IoT_DiagnosticLogs")); /* nothing is left to fix */
}

static void test_recommend__fixes_the_filter(void **unused)
{
    struct vd_ip_filter filter;
    uint64_t etag;

    (void)unused;
    /* Without anybody who is let in it would shut everyone out. */
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    assert_false(fix("IoT_IPFilter_DenyAll"));
    set(VD_IP_FILTER_SETTING,
        "{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":"
        "\"192.0.2.0/24\"}]}");
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    assert_true(fix("IoT_IPFilter_DenyAll"));
    assert_false(is_active("IoT_IPFilter_DenyAll"));
    assert_int_equal(vd_ip_filter_load(registry, &filter, NULL, &etag), VD_OK);
    assert_true(vd_ip_filter_accepts(&filter, (const uint8_t[]){192, 0, 2, 1}, 4));
    assert_false(vd_ip_filter_accepts(&filter, (const uint8_t[16]){0x20, 0x01}, 16));
    set(VD_IP_FILTER_SETTING,
        "{\"networkRuleSets\":{\"defaultAction\":\"Allow\",\"ipRules\":[{\"filterName\":"
        "\"a\",\"ipMask\":\"192.0.2.0/24\"}]}}");
    assert_true(is_active("IoT_IPFilter_DenyAll"));
    assert_true(fix("IoT_IPFilter_DenyAll"));
    assert_false(is_active("IoT_IPFilter_DenyAll"));
    assert_int_equal(vd_ip_filter_load(registry, &filter, NULL, &etag), VD_OK);
    assert_true(vd_ip_filter_accepts(&filter, (const uint8_t[]){192, 0, 2, 1}, 4));
    assert_false(vd_ip_filter_accepts(&filter, (const uint8_t[]){192, 0, 3, 1}, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define POSTURE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_store, tear_down_store)
        POSTURE_TEST(test_recommend__shared_credentials),
        POSTURE_TEST(test_recommend__forgets_old_changes),
        POSTURE_TEST(test_recommend__devices_with_modules),
        POSTURE_TEST(test_recommend__switched_by_solutions),
        POSTURE_TEST(test_recommend__the_filter),
        POSTURE_TEST(test_recommend__diagnostic_logs),
        POSTURE_TEST(test_recommend__life),
        POSTURE_TEST(test_recommend__fixes_logs),
        POSTURE_TEST(test_recommend__fixes_the_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
