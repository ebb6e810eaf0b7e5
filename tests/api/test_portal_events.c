/* SPDX-License-Identifier: MIT */
/* The portal's events over TLS: what a page hears of, how often, and when it hears no more. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/portal/events.h"
#include "api/portal/marks.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/api/portal_client.h"

static struct tls_client page; /* that is read */

/* Reads a line of the stream without its end; chunks are no matter of a page's. */
static void read_line(char *line, size_t size)
{
    static char chunk[4096];
    static size_t left;
    static const char *at;
    size_t n = 0;

    if (line == NULL) { /* a new stream */
        left = 0;
        return;
    }
    for (;;) {
        if (left == 0) {
            char length[16];
            size_t digits = 0;

            do {
                assert_true(digits + 1 < sizeof length);
                if (!tls_client_read(&page, length + digits, 1)) {
                    fail_msg("the stream ended");
                }
            } while (length[digits++] != '\n');
            left = strtoul(length, NULL, 16);
            assert_true(left > 0 && left + 2 <= sizeof chunk);
            assert_true(tls_client_read(&page, chunk, left + 2));
            at = chunk;
        }
        left--;
        if (*at == '\n') {
            at++;
            line[n] = '\0';
            return;
        }
        assert_true(n + 1 < size);
        line[n++] = *at++;
    }
}

/* The next event: its name and number. "": a comment. */
static int64_t read_event(char name[64])
{
    char line[128];

    read_line(line, sizeof line);
    if (line[0] == ':' || strncmp(line, "retry: ", 7) == 0) {
        name[0] = '\0';
        read_line(line, sizeof line);
        assert_string_equal(line, "");
        return 0;
    }
    assert_int_equal(strncmp(line, "event: ", 7), 0);
    snprintf(name, 64, "%.63s", line + 7);
    read_line(line, sizeof line);
    assert_int_equal(strncmp(line, "data: ", 6), 0);
    const int64_t number = strtoll(line + 6, NULL, 10);
    read_line(line, sizeof line);
    assert_string_equal(line, "");
    return number;
}

/* Reads on until something is said of that topic. */
static int64_t await_event(const char *topic)
{
    char name[64];
    int64_t number;

    do {
        number = read_event(name);
    } while (strcmp(name, topic) != 0);
    return number;
}

/* Asks for a stream, which the answer becomes whose headers they are. */
static void open_stream(
    struct tls_client *client, const struct portal_session *session, char headers[2048])
{
    char request[512];
    size_t n = 0;

    assert_true(tls_client_open(client, vd_http_port(portal_http), portal_certificate, 0));
    snprintf(request, sizeof request,
        "GET /portal/events HTTP/1.1\r\nHost: h\r\nCookie: %s\r\n\r\n", session->cookie);
    assert_true(tls_client_write(client, request, strlen(request)));
    for (; n < 4 || memcmp(headers + n - 4, "\r\n\r\n", 4) != 0; n++) {
        assert_true(n + 1 < 2048);
        assert_true(tls_client_read(client, headers + n, 1));
    }
    headers[n] = '\0';
}

static void listen_as(const struct portal_session *session)
{
    char headers[2048];

    open_stream(&page, session, headers);
    assert_int_equal(strncmp(headers, "HTTP/1.1 200", 12), 0);
    assert_non_null(strstr(headers, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(headers, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(headers, "Content-Security-Policy: "));
    read_line(NULL, 0);
}

/* All numbers, as they come first. */
static void read_first(int64_t numbers[VD_PORTAL_TOPIC_COUNT])
{
    char name[64];

    (void)read_event(name);
    assert_string_equal(name, "");
    for (size_t i = 0; i < VD_PORTAL_TOPIC_COUNT; i++) {
        numbers[i] = read_event(name);
        assert_string_equal(name, vd_portal_topic_name((enum vd_portal_topic)i));
    }
}

static void test_events__changes(void **state)
{
    struct portal_session session;
    int64_t numbers[VD_PORTAL_TOPIC_COUNT];

    (void)state;
    portal_sign_in(VD_ROLE_CONTRIBUTOR, &session);
    listen_as(&session);
    read_first(numbers);
    assert_int_equal(numbers[VD_PORTAL_ALERTS], 0);
    /* A count begins where no earlier service's can be. */
    assert_true(numbers[VD_PORTAL_FEEDS] > vd_clock_utc_ms() - 3600000);

    assert_int_equal(
        portal_ask_as(&session, "PUT", "/portal/api/feeds/f", "{\"text\":\"192.0.2.1\"}"), 200);
    assert_true(await_event("feeds") > numbers[VD_PORTAL_FEEDS]);
    make_token(VD_ROLE_READER, "more", 0);
    assert_true(await_event("devices") > numbers[VD_PORTAL_DEVICES]);
    assert_int_equal(
        portal_ask_as(&session, "PUT", "/portal/api/queries/q", "{\"query\":\"SecurityAlert\"}"),
        201);
    assert_true(await_event("queries") > numbers[VD_PORTAL_QUERIES]);
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/api/feeds/f", NULL), 204);
    assert_true(await_event("feeds") > numbers[VD_PORTAL_FEEDS] + 1);
    tls_client_close(&page);

    /* Who comes back is told that something has changed. */
    listen_as(&session);
    assert_true(await_event("feeds") > numbers[VD_PORTAL_FEEDS] + 1);
    tls_client_close(&page);
}

/* However much changes, a stream has an event in 250 ms. */
static void test_events__not_too_many(void **state)
{
    struct portal_session session;
    int64_t numbers[VD_PORTAL_TOPIC_COUNT];
    int64_t began_ms;
    char name[64];

    (void)state;
    portal_sign_in(VD_ROLE_CONTRIBUTOR, &session);
    listen_as(&session);
    read_first(numbers);
    make_token(VD_ROLE_READER, "a", 0);
    assert_int_equal(
        portal_ask_as(&session, "PUT", "/portal/api/feeds/f", "{\"text\":\"192.0.2.1\"}"), 200);
    assert_int_equal(
        portal_ask_as(&session, "PUT", "/portal/api/queries/q", "{\"query\":\"SecurityAlert\"}"),
        201);
    assert_int_equal(portal_ask_as(&session, "DELETE", "/portal/api/feeds/f", NULL), 204);
    do {
        read_event(name);
    } while (name[0] == '\0');
    began_ms = vd_clock_monotonic_ms();
    for (int i = 0; i < 2;) {
        read_event(name);
        i += name[0] != '\0' ? 1 : 0;
    }
    assert_true(vd_clock_monotonic_ms() - began_ms >= VD_PORTAL_TICK_MS);
    tls_client_close(&page);
}

/* The streams of one token leave some to the others; those that end make room. */
static void test_events__share(void **state)
{
    static struct tls_client pages[VD_PORTAL_TOKEN_STREAMS_MAX];
    struct portal_session session;
    struct portal_session other;
    char headers[2048];

    (void)state;
    portal_sign_in(VD_ROLE_READER, &session);
    portal_sign_in(VD_ROLE_OWNER, &other);
    for (size_t i = 0; i < VD_PORTAL_TOKEN_STREAMS_MAX; i++) {
        open_stream(&pages[i], &session, headers);
        assert_int_equal(strncmp(headers, "HTTP/1.1 200", 12), 0);
    }
    portal_sign_in(VD_ROLE_READER, &session); /* of the same token */
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/events", NULL), 503);
    assert_string_equal(portal_header("Retry-After"), "10");
    listen_as(&other);
    tls_client_close(&page);
    for (size_t i = 0; i < VD_PORTAL_TOKEN_STREAMS_MAX; i++) {
        tls_client_close(&pages[i]);
    }
    do {
        open_stream(&page, &session, headers);
        tls_client_close(&page);
    } while (strncmp(headers, "HTTP/1.1 503", 12) == 0);
    assert_int_equal(strncmp(headers, "HTTP/1.1 200", 12), 0);
}

/* Comments come while the session holds; the fixture's beat is short. */
static void test_events__end_with_the_session(void **state)
{
    struct portal_session session;
    int64_t numbers[VD_PORTAL_TOPIC_COUNT];
    char name[64];
    size_t more = 0;

    (void)state;
    portal_sign_in(VD_ROLE_READER, &session);
    listen_as(&session);
    read_first(numbers);
    for (int comments = 0; comments < 2;) {
        read_event(name);
        comments += name[0] == '\0' ? 1 : 0;
    }
    assert_int_equal(vd_registry_token_remove(registry, "eye"), VD_OK);
    /* The end of the stream, which is the last chunk; the connection is open for more. */
    for (char last[5] = ""; memcmp(last, "0\r\n\r\n", 5) != 0; more++) {
        memmove(last, last + 1, 4);
        assert_true(more < 10000 && tls_client_read(&page, last + 4, 1));
    }
    tls_client_close(&page);
    assert_int_equal(portal_ask_as(&session, "GET", "/portal/events", NULL), 401);
}

static void test_events__who_may_not(void **state)
{
    struct portal_session session;

    (void)state;
    assert_int_equal(portal_ask("GET", "/portal/events", NULL, NULL), 401);
    assert_int_equal(
        portal_ask("GET", "/portal/events", "Cookie: __Host-vedette=1.2.3\r\n", NULL), 401);
    portal_sign_in(VD_ROLE_READER, &session);
    assert_int_equal(portal_ask_as(&session, "POST", "/portal/events", NULL), 405);
}

/* Pages that listen do not hold up the end of the service, and come back after it. */
static void test_events__restart(void **state)
{
    struct portal_session session;
    int64_t before[VD_PORTAL_TOPIC_COUNT];
    int64_t after[VD_PORTAL_TOPIC_COUNT];

    (void)state;
    portal_sign_in(VD_ROLE_READER, &session);
    listen_as(&session);
    read_first(before);
    portal_restart();
    tls_client_close(&page);
    listen_as(&session);
    read_first(after);
    assert_int_equal(after[VD_PORTAL_ALERTS], before[VD_PORTAL_ALERTS]);
    assert_true(after[VD_PORTAL_FEEDS] > before[VD_PORTAL_FEEDS]);
    tls_client_close(&page);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_events__##name, portal_set_up, portal_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes),
        TEST(not_too_many),
        TEST(share),
        TEST(end_with_the_session),
        TEST(who_may_not),
        TEST(restart),
    };

    signal(SIGPIPE, SIG_IGN);
    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name(
        "api_portal_events", tests, portal_make_scene, portal_remove_scene);
}
