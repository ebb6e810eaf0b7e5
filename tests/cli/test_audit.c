/* SPDX-License-Identifier: MIT */
/* What the owner's API leaves in the audit trail, and that no route is forgotten. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "api/handlers.h"
#include "tests/cli/api_fixture.h"

/* Over HTTPS, with a token of that role: the status. */
static int ask(
    enum vd_role role, const char *method, const char *path, const char *query, const char *body)
{
    const struct vd_api_request request = {.method = method,
        .path = path,
        .query = query,
        .body = vd_str_from(body != NULL ? body : ""),
        .caller = {.role = role, .token = "page", .address = "192.0.2.7"}};
    struct vd_api_answer answer;

    vd_api_call(&api, &request, &answer);
    json_decref(answer.body);
    return answer.status;
}

static uint64_t records(void)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(api.audit, &stats);
    assert_int_equal(stats.open, 0);
    return stats.to;
}

/* The last record; the caller's. */
static json_t *last(void)
{
    json_t *record = NULL;

    assert_int_equal(vd_audit_get(api.audit, records(), &record), VD_OK);
    return record;
}

static void expect_last(const char *name, const char *value)
{
    json_t *record = last();

    assert_string_equal(json_string_value(json_object_get(record, name)), value);
    json_decref(record);
}

/* Nothing of it may stand anywhere in the trail. */
static void expect_nowhere(const char *secret)
{
    for (uint64_t i = 1; i <= records(); i++) {
        json_t *record = NULL;
        char *text;

        assert_int_equal(vd_audit_get(api.audit, i, &record), VD_OK);
        text = json_dumps(record, JSON_COMPACT);
        assert_non_null(text);
        assert_null(strstr(text, secret));
        free(text);
        json_decref(record);
    }
}

/* Said once more, and otherwise than the program does: what changes something. */
static bool changes(const char *method, const char *pattern)
{
    static const char *const reads[] = {
        "/twins/query", "/groups/{id}/test", "/groups/{id}/propose", "/query", "/queries/{id}/run"};

    for (size_t i = 0; i < COUNT(reads); i++) {
        if (strcmp(reads[i], pattern) == 0) {
            return false;
        }
    }
    return strcmp(method, "GET") != 0 || strcmp(pattern, "/policies/{id}") == 0;
}

/* The pattern with something in the place of each variable. */
static void path_of(const char *pattern, char *out, size_t size)
{
    size_t length = 0;

    for (; *pattern != '\0' && length + 1 < size; pattern++) {
        if (*pattern == '{') {
            pattern += strcspn(pattern, "}");
            out[length++] = '7';
        } else {
            out[length++] = *pattern;
        }
    }
    out[length] = '\0';
}

static void test_audit__each_route_that_changes_something(void **state)
{
    size_t count;
    size_t changing = 0;
    const struct vd_api_route *routes = vd_api_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct vd_api_route *route = &routes[i];
        const bool is_change = changes(route->method, route->pattern);
        const uint64_t before = records();
        char path[128];
        uint64_t after;

        changing += is_change ? 1 : 0;
        path_of(route->pattern, path, sizeof path);
        (void)ask(VD_ROLE_OWNER, route->method, path, NULL, "{\"name\":\"x\"}");
        after = records();
        if (after - before != (is_change ? 1 : 0)) {
            fail_msg(
                "%s %s leaves %d records", route->method, route->pattern, (int)(after - before));
        }
        if (is_change) {
            expect_last("path", route->pattern);
            expect_last("resource", path);
            expect_last("method", route->method);
            expect_last("who", "token:page");
            expect_last("role", "owner");
            expect_last("address", "192.0.2.7");
            expect_last("via", "portal");
        }
    }
    assert_true(changing > 35);
}

static void test_audit__refused_for_the_role(void **state)
{
    (void)state;
    assert_int_equal(ask(VD_ROLE_READER, "DELETE", "/devices/d1", NULL, NULL), 403);
    assert_int_equal(records(), 1);
    expect_last("outcome", "Refused");
    expect_last("role", "reader");
    expect_last("note", "Forbidden");
    assert_int_equal(ask(VD_ROLE_READER, "GET", "/tokens", NULL, NULL), 403);
    assert_int_equal(records(), 1);
}

static void test_audit__what_changed_without_secrets(void **state)
{
    static const char key[] = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";
    char body[400];
    json_t *record;

    (void)state;
    snprintf(body, sizeof body,
        "{\"deviceId\":\"d1\",\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"}", key, key);
    assert_int_equal(ask(VD_ROLE_OWNER, "POST", "/devices", NULL, body), 201);
    expect_last("changed", "deviceId=d1 primaryKey secondaryKey");
    record = last();
    assert_int_equal(
        strlen(json_string_value(json_object_get(record, "digest"))), VD_AUDIT_HASH_TEXT_SIZE - 1);
    assert_int_equal(
        strlen(json_string_value(json_object_get(record, "request"))), VD_UUID_TEXT_SIZE - 1);
    assert_int_equal(json_integer_value(json_object_get(record, "status")), 201);
    json_decref(record);
    assert_int_equal(
        ask(VD_ROLE_OWNER, "POST", "/tokens", NULL, "{\"name\":\"ops\",\"role\":\"owner\"}"), 201);
    expect_last("changed", "name=ops role=owner");
    (void)ask(VD_ROLE_OWNER, "POST", "/notify", NULL,
        "{\"name\":\"s\",\"kind\":\"webhook\",\"settings\":{\"url\":\"https://u:hunter2@h/\"},\"secret\":\"hunter2\"}");
    expect_last("changed", "name=s kind=webhook settings.url secret");
    (void)ask(VD_ROLE_OWNER, "PUT", "/feeds/f", NULL,
        "{\"credential\":{\"password\":\"hunter2\"},\"settings\":{\"name\":\"x\"}}");
    (void)ask(VD_ROLE_OWNER, "DELETE", "/dead-letters", "all=true&token=hunter2", NULL);
    expect_last("query", "all=true");
    expect_last("note", "deleted=0");
    expect_nowhere("hunter2");
    expect_nowhere(key);
}

static void test_audit__digest_is_keyed(void **state)
{
    struct vd_audit_hash hash;
    char text[VD_AUDIT_HASH_TEXT_SIZE];
    json_t *record;

    (void)state;
    (void)ask(VD_ROLE_OWNER, "PUT", "/devices/d/group", NULL, "1234");
    record = last();
    assert_int_equal(vd_audit_hash_of(VD_STR_LITERAL("1234"), &hash), VD_OK);
    vd_audit_hash_format(&hash, text);
    assert_string_not_equal(json_string_value(json_object_get(record, "digest")), text);
    json_decref(record);
}

static void test_audit__local_user(void **state)
{
    const uid_t nobody = 12345678;
    const struct vd_api_request request = {.method = "DELETE",
        .path = "/devices/a%20b",
        .caller = {.role = VD_ROLE_OWNER, .user = &nobody}};
    struct vd_api_answer answer;

    (void)state;
    vd_api_call(&api, &request, &answer);
    json_decref(answer.body);
    expect_last("who", "local:12345678");
    expect_last("via", "local");
    expect_last("address", "");
    expect_last("resource", "/devices/a%20b");
    expect_last("outcome", "Failed");
}

/* Through the management API as the command line reaches it. */
static void test_audit__management_through_the_owners_api(void **state)
{
    char path[256];

    (void)state;
    snprintf(api.scope.subscription, sizeof api.scope.subscription,
        "00000000-0000-0000-0000-000000000000");
    snprintf(path, sizeof path, "/subscriptions/%s/providers/Microsoft.Security/securityContacts/x",
        api.scope.subscription);
    (void)ask(VD_ROLE_OWNER, "PUT", path, NULL, "{\"properties\":{\"email\":\"a@b\"}}");
    assert_int_equal(records(), 1);
    expect_last("via", "management");
    expect_last("who", "token:page");
    expect_last("changed", "properties.email");
}

/* What cannot be recorded is not done. */
static void test_audit__unwritable_refuses(void **state)
{
    const struct folder *folder = *state;
    char path[128];
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/audit.db", folder->data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE intent", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect(503, "AuditUnavailable", "POST", "/devices", NULL, "{\"deviceId\":\"d1\"}");
    assert_int_equal(ask(VD_ROLE_OWNER, "GET", "/devices/d1", NULL, NULL), 404);
}

static void test_audit__listed_and_exported(void **state)
{
    struct vd_audit_check check = {.key = NULL};
    json_t *json;
    const json_t *line;
    size_t i;

    (void)state;
    (void)ask(VD_ROLE_OWNER, "DELETE", "/devices/one", NULL, NULL);
    (void)ask(VD_ROLE_OWNER, "DELETE", "/devices/two", NULL, NULL);
    json_decref(call(400, "GET", "/audit", "kind=change", NULL));
    json_decref(call(400, "GET", "/audit", "outcome=Undone", NULL));
    json = call(200, "GET", "/audit", "what=TWO&who=page&kind=Change&outcome=Failed", NULL);
    assert_int_equal(json_array_size(json_object_get(json, "records")), 1);
    json_decref(json);
    json = call(200, "GET", "/audit/2", NULL, NULL);
    assert_string_equal(text_at(json, NULL, "resource"), "/devices/two");
    json_decref(json);
    expect(404, "NotFound", "GET", "/audit/3", NULL, NULL);
    expect(404, "NotFound", "GET", "/audit/x", NULL, NULL);
    expect(400, "InvalidParameter", "GET", "/audit", "from=yesterday", NULL);
    json = call(200, "GET", "/audit-export", NULL, NULL);
    assert_int_equal(vd_audit_check_line(&check, vd_str_from(text_at(json, NULL, "head"))), VD_OK);
    json_decref(json);
    json = call(200, "GET", "/audit-export", "from=1&to=2", NULL);
    json_array_foreach(json_object_get(json, "lines"), i, line)
    {
        assert_int_equal(vd_audit_check_line(&check, vd_str_from(json_string_value(line))), VD_OK);
    }
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    assert_int_equal(vd_audit_check_end(&check), VD_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_audit__each_route_that_changes_something),
        TEST(test_audit__refused_for_the_role),
        TEST(test_audit__what_changed_without_secrets),
        TEST(test_audit__digest_is_keyed),
        TEST(test_audit__local_user),
        TEST(test_audit__management_through_the_owners_api),
        TEST(test_audit__unwritable_refuses),
        TEST(test_audit__listed_and_exported),
    };

    return cmocka_run_group_tests_name("api_audit", tests, NULL, NULL);
}
