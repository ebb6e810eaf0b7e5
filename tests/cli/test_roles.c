/* SPDX-License-Identifier: MIT */
/* What each role may do in the owner's API, and what it is shown. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "tests/cli/api_fixture.h"

static char recorded[4096];

static int keep(struct vd_bus *to, const struct vd_event *event)
{
    (void)to;
    return vd_str_copy(event->body, recorded, sizeof recorded);
}

static const struct vd_bus_ops keeping_ops = {.record = keep};
static struct vd_bus keeping = {&keeping_ops};
static const struct vd_recorder recorder = {.bus = &keeping, .resource_id = "/HUB"};

static int set_up_roles(void **state)
{
    const int failed = set_up(state);

    api.recorder = &recorder;
    recorded[0] = '\0';
    return failed;
}

/* Over HTTPS, with a token of that role. The answer's JSON is the caller's to free. */
static json_t *ask(
    enum vd_role role, const char *method, const char *path, const char *body, int *status)
{
    const struct vd_api_request request = {.method = method,
        .path = path,
        .body = vd_str_from(body != NULL ? body : ""),
        .caller = {.role = role, .token = "page", .address = "192.0.2.7"}};
    struct vd_api_answer answer;

    vd_api_call(&api, &request, &answer);
    *status = answer.status;
    return answer.body;
}

static json_t *ask_well(
    enum vd_role role, const char *method, const char *path, const char *body, int wanted)
{
    int status;
    json_t *answer = ask(role, method, path, body, &status);

    if (status != wanted) {
        fail_msg("%s %s as %d: %d and not %d", method, path, role, status, wanted);
    }
    return answer;
}

static void expect_as(
    enum vd_role role, const char *method, const char *path, const char *body, int wanted)
{
    json_decref(ask_well(role, method, path, body, wanted));
}

/* The least role as it should be: who asks and changes nothing reads, all else is a contributor's, but for these. */
static enum vd_role least_role(const char *method, const char *pattern)
{
    static const struct {
        const char *method;
        const char *pattern;
        enum vd_role role;
    } others[] = {
        {"POST", "/twins/query", VD_ROLE_READER},
        {"POST", "/groups/{id}/test", VD_ROLE_READER},
        {"POST", "/groups/{id}/propose", VD_ROLE_READER},
        {"POST", "/query", VD_ROLE_READER},
        {"POST", "/queries/{id}/run", VD_ROLE_READER},
        {"GET", "/policies/{id}", VD_ROLE_CONTRIBUTOR},
        {"POST", "/policies", VD_ROLE_OWNER},
        {"DELETE", "/policies/{id}", VD_ROLE_OWNER},
        {"POST", "/policies/{id}/rotate", VD_ROLE_OWNER},
        {"POST", "/backup", VD_ROLE_OWNER},
        {"POST", "/reload", VD_ROLE_OWNER},
        {"GET", "/tokens", VD_ROLE_OWNER},
        {"GET", "/audit", VD_ROLE_OWNER},
        {"GET", "/audit/{id}", VD_ROLE_OWNER},
        {"GET", "/audit-export", VD_ROLE_OWNER},
        {"POST", "/tokens", VD_ROLE_OWNER},
        {"DELETE", "/tokens/{id}", VD_ROLE_OWNER},
    };

    for (size_t i = 0; i < COUNT(others); i++) {
        if (strcmp(others[i].method, method) == 0 && strcmp(others[i].pattern, pattern) == 0) {
            return others[i].role;
        }
    }
    return strcmp(method, "GET") == 0 ? VD_ROLE_READER : VD_ROLE_CONTRIBUTOR;
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

static void test_roles__sql_on_the_machine_only(void **state)
{
    (void)state;
    expect_as(VD_ROLE_READER, "POST", "/query", "{\"kql\":\"print 1\"}", 200);
    expect_as(VD_ROLE_OWNER, "POST", "/query", "{\"sql\":\"SELECT 1\"}", 403);
    json_decref(call(200, "POST", "/query", NULL, "{\"sql\":\"SELECT 1\"}"));
}

static void test_roles__each_route(void **state)
{
    size_t count;
    const struct vd_api_route *routes = vd_api_routes(&count);

    (void)state;
    assert_true(count > 70);
    for (size_t i = 0; i < count; i++) {
        const enum vd_role least = least_role(routes[i].method, routes[i].pattern);
        char path[128];

        if (routes[i].role != least) {
            fail_msg("%s %s takes role %d and not %d", routes[i].method, routes[i].pattern,
                routes[i].role, least);
        }
        path_of(routes[i].pattern, path, sizeof path);
        /* 0: a caller whom nobody has looked at. */
        for (int role = 0; role <= VD_ROLE_OWNER; role++) {
            int status;
            json_t *answer = ask((enum vd_role)role, routes[i].method, path, "", &status);

            if ((status == 403) != (role < (int)least)) {
                fail_msg("%s %s as %d: %d", routes[i].method, path, role, status);
            }
            json_decref(answer);
        }
    }
}

static int refuse_reload(void *context, json_t **out, char *error_text, size_t error_size)
{
    (void)context;
    (void)out;
    snprintf(error_text, error_size, "nothing was changed");
    return VD_E_INVALID;
}

/* Not for owners elsewhere; of who is here, what came of it is the answer. */
static void test_roles__reload(void **state)
{
    (void)state;
    expect_as(VD_ROLE_OWNER, "POST", "/reload", NULL, 503);
    api.reload = refuse_reload;
    expect_as(VD_ROLE_OWNER, "POST", "/reload", NULL, 403);
    json_decref(call(409, "POST", "/reload", NULL, ""));
}

static void test_roles__management_paths(void **state)
{
    static const char *const hub =
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/"
        "Microsoft.Devices/IotHubs/h";
    char path[256];

    (void)state;
    snprintf(api.scope.subscription, sizeof api.scope.subscription, "%s",
        "00000000-0000-0000-0000-000000000000");
    snprintf(api.scope.resource_group, sizeof api.scope.resource_group, "g");
    snprintf(api.scope.hub, sizeof api.scope.hub, "h");
    expect_as(VD_ROLE_READER, "GET", hub, NULL, 200);
    snprintf(path, sizeof path, "%s/listkeys", hub);
    expect_as(VD_ROLE_READER, "POST", path, NULL, 403);
    expect_as(VD_ROLE_CONTRIBUTOR, "POST", path, NULL, 200);
    assert_non_null(strstr(recorded, "\"token:page\""));
    assert_non_null(strstr(recorded, "192.0.2.7"));
    expect_as(VD_ROLE_CONTRIBUTOR, "DELETE", hub, NULL, 403);
}

static void test_roles__keys(void **state)
{
    static const char *const credentials[] = {"{\"newPrimaryKey\":true}",
        "{\"authenticationType\":\"certificateAuthority\"}",
        "{\"status\":\"enabled\",\"secondaryKey\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}"};
    json_t *device;

    (void)state;
    json_decref(ask_well(VD_ROLE_CONTRIBUTOR, "POST", "/devices", "{\"deviceId\":\"a\"}", 201));
    device = ask_well(VD_ROLE_READER, "GET", "/devices/a", NULL, 200);
    assert_string_equal(text_at(device, "authentication", "type"), "sas");
    assert_int_equal(json_object_size(json_object_get(device, "authentication")), 1);
    assert_null(json_object_get(device, "connectionString"));
    json_decref(device);
    device = ask_well(VD_ROLE_CONTRIBUTOR, "GET", "/devices/a", NULL, 200);
    assert_non_null(text_at(device, NULL, "connectionString"));
    assert_non_null(json_object_get(json_object_get(device, "authentication"), "symmetricKey"));
    json_decref(device);

    expect_as(VD_ROLE_CONTRIBUTOR, "PATCH", "/devices/a", "{\"status\":\"disabled\"}", 200);
    for (size_t i = 0; i < COUNT(credentials); i++) {
        expect_as(VD_ROLE_CONTRIBUTOR, "PATCH", "/devices/a", credentials[i], 403);
    }
    device = ask_well(VD_ROLE_READER, "GET", "/devices/a", NULL, 200);
    assert_string_equal(text_at(device, NULL, "status"), "disabled");
    json_decref(device);
    expect_as(VD_ROLE_OWNER, "PATCH", "/devices/a", credentials[0], 200);
}

static void test_roles__urls_with_keys(void **state)
{
    json_t *feeds;
    json_t *made = call(200, "PUT", "/feeds/f", NULL,
        "{\"settings\":{\"url\":\"https://example.com/list?key=hidden\","
        "\"enabled\":false}}");
    char *text;

    (void)state;
    json_decref(made);
    feeds = ask_well(VD_ROLE_READER, "GET", "/feeds", NULL, 200);
    text = json_dumps(feeds, 0);
    assert_non_null(strstr(text, "https://example.com/..."));
    assert_null(strstr(text, "hidden"));
    free(text);
    json_decref(feeds);
    feeds = ask_well(VD_ROLE_CONTRIBUTOR, "GET", "/feeds/f", NULL, 200);
    assert_non_null(strstr(text_at(feeds, "settings", "url"), "key=hidden"));
    json_decref(feeds);
}

static void test_roles__files_of_this_machine(void **state)
{
    (void)state;
    expect_as(VD_ROLE_OWNER, "PUT", "/feeds/f", "{\"settings\":{\"file\":\"/etc/hosts\"}}", 403);
    expect_as(VD_ROLE_OWNER, "POST", "/notify",
        "{\"name\":\"n\",\"kind\":\"file\",\"settings\":{\"path\":\"/tmp/n\"}}", 403);
    expect_as(VD_ROLE_OWNER, "POST", "/notify",
        "{\"name\":\"n\",\"kind\":\"webhook\",\"settings\":{\"url\":\"https://example.com/\","
        "\"caFile\":\"/etc/hosts\"}}",
        403);
    expect_as(VD_ROLE_CONTRIBUTOR, "PUT", "/feeds/f", "{\"text\":\"192.0.2.1\\n\"}", 200);
    expect(201, NULL, "POST", "/notify", NULL,
        "{\"name\":\"n\",\"kind\":\"file\",\"settings\":{\"path\":\"/tmp/n\"}}");
}

/* Who did it and from where, in both logs. */
static void test_roles__records(void **state)
{
    (void)state;
    expect_as(VD_ROLE_CONTRIBUTOR, "PUT", "/feeds/f", "{\"text\":\"192.0.2.1\\n\"}", 200);
    assert_non_null(strstr(recorded, "\"caller\":\"token:page\""));
    assert_non_null(strstr(recorded, "\"callerIpAddress\":\"192.0.2.7\""));
    expect_as(VD_ROLE_READER, "DELETE", "/feeds/f", NULL, 403);
    assert_non_null(strstr(recorded, "\"status\":\"Failed\""));
    assert_non_null(strstr(recorded, "\\\"reason\\\":\\\"Forbidden\\\""));
    expect_as(VD_ROLE_CONTRIBUTOR, "POST", "/devices", "{\"deviceId\":\"a\"}", 201);
    assert_non_null(strstr(recorded, "\\\"caller\\\":\\\"token:page\\\""));
    assert_non_null(strstr(recorded, "\\\"protocol\\\":\\\"Https\\\""));
    expect_as(VD_ROLE_READER, "DELETE", "/devices/a", NULL, 403);
    assert_non_null(strstr(recorded, "403000"));
}

/* Whoever makes a token from elsewhere is named by his own, whatever he says. */
static void test_roles__maker_of_token(void **state)
{
    json_t *made = ask_well(VD_ROLE_OWNER, "POST", "/tokens",
        "{\"name\":\"n\",\"role\":\"reader\",\"createdBy\":\"local:root\"}", 201);

    (void)state;
    assert_string_equal(text_at(made, NULL, "createdBy"), "token:page");
    json_decref(made);
    made = call(201, "POST", "/tokens", NULL,
        "{\"name\":\"m\",\"role\":\"reader\",\"createdBy\":\"local:root\"}");
    assert_string_equal(text_at(made, NULL, "createdBy"), "local:root");
    json_decref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_roles__sql_on_the_machine_only, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__each_route, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__reload, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__management_paths, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__keys, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__urls_with_keys, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__files_of_this_machine, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__records, set_up_roles, tear_down),
        cmocka_unit_test_setup_teardown(test_roles__maker_of_token, set_up_roles, tear_down),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name("api_roles", tests, NULL, NULL);
}
