/* SPDX-License-Identifier: MIT */
/* The portal over TLS: who gets in, what a session may do, and what every answer says to the browser. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/api/portal_client.h"

#define JSON_TYPE "Content-Type: application/json\r\n"

static void expect_fault(int status, const char *code, int got)
{
    if (got != status || strcmp(portal_fault(), code) != 0) {
        fail_msg("%d %s and not %d %s", got, portal_fault(), status, code);
    }
}

static json_t *session_of(const struct portal_session *session)
{
    json_t *body;

    assert_int_equal(portal_ask_as(session, "GET", "/portal/session", NULL), 200);
    body = json_loads(portal_got.body, 0, NULL);
    assert_non_null(body);
    return body;
}

static void test_portal__sign_in_and_out(void **state)
{
    struct portal_session session;
    json_t *body;
    const char *cookie;

    (void)state;
    expect_fault(401, "AuthenticationFailed", portal_ask("GET", "/portal/session", NULL, NULL));
    portal_sign_in(VD_ROLE_CONTRIBUTOR, &session);
    cookie = portal_header("Set-Cookie");
    assert_int_equal(strncmp(cookie, "__Host-vedette=", 15), 0);
    assert_non_null(strstr(cookie, "; Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict"));
    assert_null(strstr(cookie, tokens[VD_ROLE_CONTRIBUTOR]));
    assert_non_null(strstr(portal_recorded, "\"operationName\":\"Vedette/sessions/write\""));
    assert_non_null(strstr(portal_recorded, "\"caller\":\"token:hand\""));
    assert_non_null(strstr(portal_recorded, "\"callerIpAddress\":\"127.0.0.1\""));

    body = session_of(&session);
    assert_string_equal(json_string_value(json_object_get(body, "name")), "hand");
    assert_string_equal(json_string_value(json_object_get(body, "role")), "contributor");
    assert_string_equal(json_string_value(json_object_get(body, "csrf")), session.csrf);
    assert_string_equal(json_string_value(json_object_get(body, "version")), VD_VERSION);
    assert_int_equal(json_string_length(json_object_get(body, "expires")), 24);
    assert_string_equal(json_string_value(json_object_get(body, "address")), "127.0.0.1");
    assert_int_equal(json_object_size(body), 6);
    json_decref(body);

    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/session", NULL), 204);
    assert_non_null(strstr(portal_header("Set-Cookie"), "__Host-vedette=; Path=/; Max-Age=0;"));
    assert_non_null(strstr(portal_recorded, "Vedette/sessions/delete"));
    expect_fault(405, "MethodNotAllowed", portal_ask_as(&session, "PUT", "/portal/session", "{}"));
}

static void expect_audited(uint64_t sequence, const char *kind, const char *who, int status)
{
    json_t *record = NULL;

    assert_int_equal(vd_audit_get(management_audit, sequence, &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, "kind")), kind);
    assert_string_equal(json_string_value(json_object_get(record, "who")), who);
    assert_string_equal(json_string_value(json_object_get(record, "via")), "portal");
    assert_string_equal(json_string_value(json_object_get(record, "address")), "127.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(record, "status")), status);
    json_decref(record);
}

static void test_portal__audited(void **state)
{
    struct portal_session session;
    struct vd_audit_stats stats;

    (void)state;
    assert_int_equal(portal_ask("POST", "/portal/session", JSON_TYPE, "{\"token\":\"x\"}"), 401);
    expect_audited(1, VD_AUDIT_SIGN_IN, "", 401);
    portal_sign_in(VD_ROLE_OWNER, &session);
    expect_audited(2, VD_AUDIT_SIGN_IN, "token:head", 200);
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/api/tokens/eye", NULL), 204);
    expect_audited(3, VD_AUDIT_CHANGE, "token:head", 204);
    assert_non_null(portal_header(VD_AUDIT_REQUEST_HEADER));
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/tokens", NULL), 200);
    assert_null(portal_header(VD_AUDIT_REQUEST_HEADER));
    session.csrf[0] ^= 1;
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/api/tokens/hand", NULL), 403);
    expect_audited(4, VD_AUDIT_CHANGE, "token:head", 403);
    session.csrf[0] ^= 1;
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/session", NULL), 204);
    expect_audited(5, VD_AUDIT_SIGN_IN, "token:head", 204);
    assert_int_equal(portal_ask("POST", "/portal/session", JSON_TYPE, "{}"), 400);
    expect_audited(6, VD_AUDIT_SIGN_IN, "", 400);
    vd_audit_stats_get(management_audit, &stats);
    assert_int_equal(stats.to, 6);
}

/* A restart signs nobody out; the end of the token does. */
static void test_portal__session_and_token(void **state)
{
    struct portal_session session;

    (void)state;
    portal_sign_in(VD_ROLE_READER, &session);
    portal_restart();
    json_decref(session_of(&session));
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/feeds", NULL), 200);
    assert_int_equal(vd_registry_token_remove(registry, "eye"), VD_OK);
    expect_fault(
        401, "AuthenticationFailed", portal_ask_as(&session, "GET", "/portal/api/feeds", NULL));
    make_token(VD_ROLE_READER, "eye", 0);
    expect_fault(
        401, "AuthenticationFailed", portal_ask_as(&session, "GET", "/portal/api/feeds", NULL));
}

static void test_portal__refused_tokens(void **state)
{
    static const struct {
        const char *headers;
        const char *body;
        int status;
    } cases[] = {
        {JSON_TYPE, "{\"token\":\"\"}", 401},
        {JSON_TYPE, "{\"token\":\"vdt_hand.0123456789012345678901234567890123456789012\"}", 401},
        {JSON_TYPE, "{\"token\":7}", 400},
        {JSON_TYPE, "{}", 400},
        {JSON_TYPE, "nothing", 400},
        {"Content-Type: text/plain\r\n", "{\"token\":\"\"}", 400},
        {"Content-Type: application/x-www-form-urlencoded\r\n", "{\"token\":\"\"}", 400},
        {NULL, "{\"token\":\"\"}", 400},
        {JSON_TYPE "Sec-Fetch-Site: cross-site\r\n", "{\"token\":\"\"}", 400},
        {JSON_TYPE "Sec-Fetch-Site: same-origin\r\n", "{\"token\":\"\"}", 401},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int got = portal_ask("POST", "/portal/session", cases[i].headers, cases[i].body);

        if (got != cases[i].status) {
            fail_msg("%zu: %d", i, got);
        }
        assert_null(portal_header("Set-Cookie"));
    }
}

/* The count is the management API's: who guesses at both has no more tries. */
static void test_portal__too_many_refusals(void **state)
{
    struct portal_session session;
    int status = 0;

    (void)state;
    portal_sign_in(VD_ROLE_READER, &session);
    for (int i = 0; i < 200 && status != 429; i++) {
        (void)portal_ask("GET", HUB "?api-version=2021-07-02", NULL, NULL);
        status = portal_ask("POST", "/portal/session", JSON_TYPE, "{\"token\":\"vdt_x\"}");
        if (i < 10) {
            expect_fault(401, "AuthenticationFailed", status);
        }
    }
    expect_fault(429, "TooManyRequests", status);
    assert_non_null(portal_header("Retry-After"));
    /* Who is signed in already goes on. */
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/feeds", NULL), 200);
}

/* Anybody can send one: it is not read however long it is, and nobody tries without end. */
static void test_portal__malformed_sign_ins(void **state)
{
    static char body[VD_PORTAL_SIGN_IN_MAX_BYTES + 2];
    const int blanks = VD_PORTAL_SIGN_IN_MAX_BYTES - (int)sizeof "{\"token\":\"\"}" + 1 -
        (int)strlen(tokens[VD_ROLE_READER]);
    int status = 400;
    int tries = 0;

    (void)state;
    for (int more = 0; more <= 1; more++) {
        snprintf(
            body, sizeof body, "{\"token\":%*s\"%s\"}", blanks + more, "", tokens[VD_ROLE_READER]);
        assert_int_equal(strlen(body), VD_PORTAL_SIGN_IN_MAX_BYTES + more);
        assert_int_equal(
            portal_ask("POST", "/portal/session", JSON_TYPE, body), more == 0 ? 200 : 400);
    }
    expect_fault(400, "InvalidBody", portal_got.status);
    for (; status == 400 && tries < 200; tries++) {
        status = portal_ask("POST", "/portal/session", JSON_TYPE, "[{},{}]");
    }
    expect_fault(429, "TooManyRequests", status);
    /* Nor does a right token help. */
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", tokens[VD_ROLE_READER]);
    assert_int_equal(portal_ask("POST", "/portal/session", JSON_TYPE, body), 429);
}

static void test_portal__changes_come_from_its_pages(void **state)
{
    static const char *const lines[] = {"", "X-Vedette-Csrf: \r\n",
        "X-Vedette-Csrf: 0123456789012345678901234567890123456789012\r\n"};
    static const char *const sites[] = {"cross-site", "same-site", "none"};
    struct portal_session session;
    struct portal_session other;
    char headers[600];

    (void)state;
    portal_sign_in(VD_ROLE_CONTRIBUTOR, &session);
    portal_sign_in(VD_ROLE_OWNER, &other);
    for (size_t i = 0; i < COUNT(lines); i++) {
        snprintf(headers, sizeof headers, "Cookie: %s\r\n%s", session.cookie, lines[i]);
        expect_fault(403, "NotFromPortal",
            portal_ask("PUT", "/portal/api/feeds/f", headers, "{\"text\":\"192.0.2.1\"}"));
    }
    snprintf(headers, sizeof headers, "Cookie: %s\r\nX-Vedette-Csrf: %s\r\n", session.cookie,
        other.csrf);
    expect_fault(403, "NotFromPortal",
        portal_ask("PUT", "/portal/api/feeds/f", headers, "{\"text\":\"192.0.2.1\"}"));
    for (size_t i = 0; i < COUNT(sites); i++) {
        snprintf(headers, sizeof headers,
            "Cookie: %s\r\nX-Vedette-Csrf: %s\r\nSec-Fetch-Site: %s\r\n", session.cookie,
            session.csrf, sites[i]);
        expect_fault(403, "NotFromPortal",
            portal_ask("PUT", "/portal/api/feeds/f", headers, "{\"text\":\"192.0.2.1\"}"));
        expect_fault(403, "NotFromPortal", portal_ask("DELETE", "/portal/session", headers, NULL));
    }
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/feeds/f", NULL), 404);
    snprintf(headers, sizeof headers,
        "Cookie: %s\r\nX-Vedette-Csrf: %s\r\nSec-Fetch-Site: same-origin\r\n", session.cookie,
        session.csrf);
    assert_int_equal(
        portal_ask("PUT", "/portal/api/feeds/f", headers, "{\"text\":\"192.0.2.1\"}"), 200);
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/api/feeds/f", NULL), 204);
}

static void test_portal__api_in_the_tokens_role(void **state)
{
    struct portal_session reader;
    struct portal_session owner;

    (void)state;
    portal_sign_in(VD_ROLE_READER, &reader);
    portal_sign_in(VD_ROLE_OWNER, &owner);
    expect_fault(401, "AuthenticationFailed", portal_ask("GET", "/portal/api/feeds", NULL, NULL));
    assert_int_equal(portal_ask_as(&reader, "GET", "/portal/api/feeds?x=y", NULL), 200);
    assert_non_null(strstr(portal_got.body, "\"feeds\""));
    expect_fault(403, "Forbidden",
        portal_ask_as(&reader, "PUT", "/portal/api/feeds/f", "{\"text\":\"192.0.2.1\"}"));
    assert_non_null(strstr(portal_recorded, "\"caller\":\"token:eye\""));
    expect_fault(403, "Forbidden", portal_ask_as(&reader, "GET", "/portal/api/tokens", NULL));
    assert_int_equal(portal_ask_as(&owner, "GET", "/portal/api/tokens", NULL), 200);
    expect_fault(404, "NotFound", portal_ask_as(&owner, "GET", "/portal/api/nothing", NULL));
    expect_fault(404, "NotFound", portal_ask_as(&owner, "GET", "/portal/api/", NULL));
    /* The management API by the same way, in the same role. */
    assert_int_equal(portal_ask_as(&reader, "GET", "/portal/api" HUB, NULL), 200);
    expect_fault(403, "AuthorizationFailed",
        portal_ask_as(&reader, "POST", "/portal/api" HUB "/listkeys", NULL));
}

static void assert_guarded(void)
{
    const char *policy = portal_header("Content-Security-Policy");

    assert_non_null(policy);
    assert_int_equal(strncmp(policy, "default-src 'none';", 19), 0);
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "data:"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_string_equal(portal_header("X-Content-Type-Options"), "nosniff");
    assert_string_equal(portal_header("Referrer-Policy"), "no-referrer");
    assert_string_equal(portal_header("Cross-Origin-Opener-Policy"), "same-origin");
    assert_string_equal(portal_header("Cross-Origin-Resource-Policy"), "same-origin");
    assert_string_equal(portal_header("Strict-Transport-Security"), "max-age=31536000");
    assert_non_null(portal_header("Permissions-Policy"));
}

static void test_portal__headers_of_every_answer(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        int status;
        const char *cache;
    } cases[] = {
        {"GET", "/", 302, "no-store"},
        {"GET", "/portal", 302, "no-store"},
        {"GET", "/portal/", 200, "no-cache"},
        {"HEAD", "/portal/", 200, "no-cache"},
        {"GET", "/portal/alerts/7", 200, "no-cache"},
        {"GET", "/portal/assets/no.js", 404, "no-store"},
        {"POST", "/portal/", 405, "no-store"},
        {"GET", "/portal/session", 401, "no-store"},
        {"HEAD", "/portal/session", 401, "no-store"},
        {"GET", "/portal/api/feeds", 401, "no-store"},
    };
    struct portal_session session;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (portal_ask(cases[i].method, cases[i].path, NULL, NULL) != cases[i].status) {
            fail_msg("%s: %d", cases[i].path, portal_got.status);
        }
        assert_guarded();
        assert_string_equal(portal_header("Cache-Control"), cases[i].cache);
        if (cases[i].status == 302) {
            assert_string_equal(portal_header("Location"), "/portal/");
        }
    }
    portal_sign_in(VD_ROLE_READER, &session);
    assert_guarded();
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/feeds", NULL), 200);
    assert_guarded();
    assert_string_equal(portal_header("Cache-Control"), "no-store");
}

static void test_portal__pages(void **state)
{
    char etag[80];
    char headers[128];

    (void)state;
    assert_int_equal(portal_ask("GET", "/portal/", NULL, NULL), 200);
    assert_string_equal(portal_got.body, "<!doctype html>");
    assert_string_equal(portal_header("Content-Type"), "text/html; charset=utf-8");
    assert_int_equal(portal_ask("HEAD", "/portal/", NULL, NULL), 200);
    assert_string_equal(portal_header("Content-Length"), "15");
    snprintf(etag, sizeof etag, "%s", portal_header("ETag"));
    snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", etag);
    assert_int_equal(portal_ask("GET", "/portal/", headers, NULL), 304);
    assert_string_equal(portal_header("ETag"), etag);
    assert_int_equal(portal_ask("GET", "/portal/groups/lamps?tab=rules", NULL, NULL), 200);
    assert_string_equal(portal_got.body, "<!doctype html>");
    /* What is not the portal's is for the faces behind it. */
    assert_int_equal(portal_ask("GET", "/portals", NULL, NULL), 404);
    assert_null(portal_header("Content-Security-Policy"));
}

static void test_portal__without_pages(void **state)
{
    struct portal_session session;

    (void)state;
    assert_int_equal(portal_ask("GET", "/portal/", NULL, NULL), 404);
    assert_string_equal(portal_header("Content-Type"), "text/plain; charset=utf-8");
    assert_non_null(strstr(portal_got.body, "portal.directory"));
    assert_non_null(strstr(portal_got.body, "cmake --build build/release --target portal"));
    portal_sign_in(VD_ROLE_READER, &session);
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/api/feeds", NULL), 200);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_portal__##name, portal_set_up, portal_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sign_in_and_out),
        TEST(audited),
        TEST(session_and_token),
        TEST(refused_tokens),
        TEST(too_many_refusals),
        TEST(malformed_sign_ins),
        TEST(changes_come_from_its_pages),
        TEST(api_in_the_tokens_role),
        TEST(headers_of_every_answer),
        TEST(pages),
        cmocka_unit_test_setup_teardown(
            test_portal__without_pages, portal_set_up_bare, portal_tear_down),
    };

    signal(SIGPIPE, SIG_IGN);
    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name("api_portal", tests, portal_make_scene, portal_remove_scene);
}
