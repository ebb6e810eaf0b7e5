/* SPDX-License-Identifier: MIT */
/* The management API as a face, on a real registry: tokens and roles, paths, faults, diagnostic settings. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/api/management_fixture.h"

#define OPERATIONS "/providers/Microsoft.Devices/operations"

static void test_management__tokens(void **state)
{
    char header[VD_TOKEN_TEXT_SIZE + 16];

    (void)state;
    assert_int_equal(call_with(NULL, "GET", OPERATIONS, NULL, NULL), 401);
    assert_string_equal(header_of("WWW-Authenticate"), "Bearer");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer.body, "error"), "code")),
        "AuthenticationFailed");
    assert_int_equal(call_with("Bearer ", "GET", OPERATIONS, NULL, NULL), 401);
    assert_int_equal(call_with("Basic eA==", "GET", OPERATIONS, NULL, NULL), 401);
    snprintf(header, sizeof header, "bearer  %s", tokens[VD_ROLE_READER]);
    assert_int_equal(call_with(header, "GET", OPERATIONS, NULL, NULL), 200);
    header[strlen(header) - 1] ^= 1;
    assert_int_equal(call_with(header, "GET", OPERATIONS, NULL, NULL), 401);
    /* Without a token nobody learns which paths there are. */
    assert_int_equal(call_with(NULL, "GET", "/subscriptions/none", NULL, NULL), 401);
    assert_false(answer.has_login);
    assert_int_equal(call_as(VD_ROLE_OWNER, "GET", "/subscriptions/none", NULL, NULL), 404);
    assert_true(answer.has_login);
    assert_int_equal(vd_registry_token_remove(registry, "eye"), VD_OK);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", OPERATIONS, NULL, NULL), 401);
    make_token(VD_ROLE_READER, "late", 1);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", OPERATIONS, NULL, NULL), 401);
}

/* Thirty refusals, then nobody at that address is judged for two seconds. */
static void test_management__refusals_are_limited(void **state)
{
    int tries = 0;

    (void)state;
    while (call_with("Bearer vdt_x", "GET", OPERATIONS, NULL, NULL) == 401 && tries < 100) {
        tries++;
    }
    assert_int_equal(tries, 30);
    assert_int_equal(answer.status, 429);
    assert_string_equal(header_of("Retry-After"), "2");
}

static void test_management__refusals_of_a_network_are_limited(void **state)
{
    const char *const own = peer;
    char text[64];
    int status = 401;

    (void)state;
    for (int tries = 0; status == 401 && tries < 100; tries++) {
        snprintf(text, sizeof text, "2001:db8:0:1::%x", (unsigned)tries);
        peer = text;
        status = call_with("Bearer vdt_x", "GET", OPERATIONS, NULL, NULL);
    }
    peer = own;
    assert_int_equal(status, 429);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", OPERATIONS, NULL, NULL), 200);
}

static void test_management__paths(void **state)
{
    (void)state;
    expect(200, NULL, "GET", OPERATIONS, NULL, NULL);
    assert_true(json_array_size(json_object_get(answer.body, "value")) > 0);
    expect(200, NULL, "GET", "//PROVIDERS/microsoft.devices/Operations/?api-version=2023-06-30",
        NULL, NULL);
    expect(404, "ResourceNotFound", "GET", "/providers/Microsoft.Devices", NULL, NULL);
    expect(404, "ResourceNotFound", "GET", "/providers//Microsoft.Devices/operations", NULL, NULL);
    expect(405, "MethodNotAllowed", "PUT", OPERATIONS, NULL, NULL);
    expect(405, "MethodNotAllowed", "OTHER", OPERATIONS, NULL, NULL);
    expect(400, "InvalidRequestUri", "GET", "/providers/%zz", NULL, NULL);
    expect(400, "InvalidRequestUri", "GET", "/providers/a%00", NULL, NULL);
    expect(400, "InvalidRequestUri", "GET", "/providers/%ff", NULL, NULL);
    expect(400, "InvalidParameter", "GET", OPERATIONS "?=", NULL, NULL);
    expect(404, "SubscriptionNotFound", "GET", "/subscriptions/other/x", NULL, NULL);
    expect(404, "ResourceNotFound", "GET", "/subscriptions/" SUB, NULL, NULL);
    expect(404, "ResourceGroupNotFound", "GET",
        "/subscriptions/" SUB "/resourceGroups/other/providers", NULL, NULL);
    expect(404, "ResourceNotFound", "GET",
        GROUP "/providers/Microsoft.Devices/IotHubs/other/IotHubStats", NULL, NULL);
}

static void test_management__faces(void **state)
{
    const struct vd_http_face face = vd_management_face(management);

    (void)state;
    assert_true(face.takes("/subscriptions"));
    assert_true(face.takes("//Subscriptions/x"));
    assert_true(face.takes("/providers/x"));
    assert_false(face.takes("/"));
    assert_false(face.takes("subscriptions"));
    assert_false(face.takes("/subscriptionsx"));
    assert_false(face.takes("/devices/subscriptions"));
    answer = (struct vd_http_answer){0};
    face.refuse(413, &answer);
    assert_int_equal(answer.status, 413);
    assert_non_null(json_object_get(answer.body, "error"));
}

#define SETTINGS   HUB "/providers/Microsoft.Insights/diagnosticSettings"
#define CATEGORIES HUB "/providers/microsoft.insights/diagnosticSettingsCategories"
#define SETTING_ONE                                                                      \
    "{\"properties\":{\"workspaceId\":\"/w\",\"metrics\":[{\"category\":\"AllMetrics\"," \
    "\"enabled\":true,\"retentionPolicy\":{\"enabled\":false,\"days\":0}}],"             \
    "\"logs\":[{\"category\":\"Connections\",\"enabled\":true,\"x\":1}]}}"

static void test_management__diagnostic_settings(void **state)
{
    char target[400];

    (void)state;
    expect(200, NULL, "GET", "/" SETTINGS "?api-version=2021-05-01-preview", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.body, "value")), 0);
    expect(404, "ResourceNotFound", "GET", SETTINGS "/ds1", NULL, NULL);
    expect(200, NULL, "PUT", "/" SETTINGS "/ds1", NULL, SETTING_ONE);
    assert_string_equal(json_string_value(json_object_get(answer.body, "id")),
        HUB "/providers/microsoft.insights/diagnosticSettings/ds1");
    assert_string_equal(json_string_value(json_object_get(answer.body, "type")),
        "Microsoft.Insights/diagnosticSettings");
    expect(200, NULL, "GET", SETTINGS "/DS1", NULL, NULL);
    assert_string_equal(json_string_value(json_object_get(answer.body, "name")), "ds1");
    assert_string_equal(json_string_value(property("workspaceId")), "/w");
    assert_true(json_is_null(property("storageAccountId")));
    assert_int_equal(json_array_size(property("logs")), 1);
    assert_null(json_object_get(json_array_get(property("logs"), 0), "x"));
    assert_int_equal(json_array_size(property("metrics")), 1);
    /* Replaced whole, whatever the letters' case. */
    expect(200, NULL, "PUT", SETTINGS "/DS1", NULL,
        "{\"properties\":{\"storageAccountId\":\"/s\",\"logs\":[{\"categoryGroup\":\"allLogs\","
        "\"enabled\":true}]}}");
    expect(200, NULL, "GET", SETTINGS, NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.body, "value")), 1);
    for (int i = 2; i <= 6; i++) {
        snprintf(target, sizeof target, SETTINGS "/ds%d", i);
        expect(i <= 5 ? 200 : 409, i <= 5 ? NULL : "Conflict", "PUT", target, NULL, SETTING_ONE);
    }
    expect(200, NULL, "PUT", SETTINGS "/ds5", NULL, SETTING_ONE);
    expect(200, NULL, "DELETE", SETTINGS "/dS1", NULL, NULL);
    expect(204, NULL, "DELETE", SETTINGS "/ds1", NULL, NULL);
    expect(404, "ResourceNotFound", "GET", SETTINGS "/ds1", NULL, NULL);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", SETTINGS, NULL, NULL), 200);
    assert_int_equal(call_as(VD_ROLE_READER, "PUT", SETTINGS "/r", NULL, SETTING_ONE), 403);
    assert_int_equal(call_as(VD_ROLE_READER, "DELETE", SETTINGS "/ds2", NULL, NULL), 403);
    assert_int_equal(call_as(VD_ROLE_CONTRIBUTOR, "DELETE", SETTINGS "/ds2", NULL, NULL), 200);
}

/* What is not one changes nothing. */
static void test_management__diagnostic_settings_that_are_none(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"properties\":[]}",
        "{\"properties\":{}}",
        "{\"properties\":{\"workspaceId\":\"\"}}",
        "{\"properties\":{\"workspaceId\":5}}",
        "{\"properties\":{\"eventHubName\":\"only\"}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":{}}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[1]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"category\":\"Connections\"}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"enabled\":true}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"category\":\"None\",\"enabled\":true}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"category\":\"Connections\","
        "\"categoryGroup\":\"allLogs\",\"enabled\":true}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"categoryGroup\":\"x\",\"enabled\":true}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"category\":\"Connections\",\"enabled\":true,"
        "\"retentionPolicy\":{\"enabled\":true,\"days\":-1}}]}}",
        "{\"properties\":{\"workspaceId\":\"/w\",\"metrics\":[{\"category\":\"x\",\"enabled\":true}]}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, "BadRequest", "PUT", SETTINGS "/ds1", NULL, bodies[i]);
    }
    expect(400, "InvalidRequestContent", "PUT", SETTINGS "/ds1", NULL, "{");
    expect(400, "InvalidParameter", "PUT", SETTINGS "/a%2Fb", NULL, SETTING_ONE);
    expect(200, NULL, "GET", SETTINGS, NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.body, "value")), 0);
}

static void test_management__diagnostic_categories(void **state)
{
    (void)state;
    expect(200, NULL, "GET", "/" CATEGORIES, NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.body, "value")), 15);
    expect(200, NULL, "GET", CATEGORIES "/twinqueries", NULL, NULL);
    assert_string_equal(json_string_value(json_object_get(answer.body, "name")), "TwinQueries");
    assert_string_equal(json_string_value(property("categoryType")), "Logs");
    assert_int_equal(json_array_size(property("categoryGroups")), 2); /* allLogs, audit */
    expect(200, NULL, "GET", CATEGORIES "/Connections", NULL, NULL);
    assert_int_equal(json_array_size(property("categoryGroups")), 1);
    expect(200, NULL, "GET", CATEGORIES "/AllMetrics", NULL, NULL);
    assert_string_equal(json_string_value(property("categoryType")), "Metrics");
    expect(404, "ResourceNotFound", "GET", CATEGORIES "/Nothing", NULL, NULL);
}

#define TEST(name)                   \
    cmocka_unit_test_setup_teardown( \
        test_management__##name, management_set_up, management_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens),
        TEST(refusals_are_limited),
        TEST(refusals_of_a_network_are_limited),
        TEST(paths),
        TEST(faces),
        TEST(diagnostic_settings),
        TEST(diagnostic_settings_that_are_none),
        TEST(diagnostic_categories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
