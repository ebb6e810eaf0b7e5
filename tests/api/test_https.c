/* SPDX-License-Identifier: MIT */
/* The HTTP server over TLS: what comes through to a face, and clients that are slow, greedy, wrong or gone. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/http_tls.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/api/https_fixture.h"

#define BODY_MAX (4u << 20)

static atomic_uint calls;

/* Says what it was given; "/hold" waits until it is let go. */
static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static void echo(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const char *header = vd_http_header(request, "X-Given");

    atomic_fetch_add(&calls, 1);
    if (strcmp(request->path, "/hold") == 0) {
        pthread_mutex_lock(&hold);
        pthread_mutex_unlock(&hold);
    }
    vd_http_answer_header(answer, "x-context", context);
    vd_http_answer_header(answer, "x-bad", "a\r\nb: c");
    answer->status = 200;
    answer->body = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:i}", "method", request->method, "path",
        request->path, "query", request->query, "given", header, "peer", request->peer, "body",
        (int)request->body.length);
}

static void start_limited(int request_deadline_ms, uint32_t address_connects_per_s)
{
    const struct vd_http_face faces[] = {
        {"/one", NULL, 1000, echo, refuse, "one", NULL, 0, false},
        {"/", NULL, BODY_MAX, echo, refuse, "rest", NULL, 0, false},
    };
    struct vd_http_config config = config_of(faces, COUNT(faces));

    config.request_deadline_ms = request_deadline_ms;
    config.address_connects_per_s = address_connects_per_s;
    start_server(&config);
}

static void start(int request_deadline_ms)
{
    start_limited(request_deadline_ms, 0);
}

/* ---- The log ---- */

static FILE *log_file; /* NULL: it is not caught */
static int log_before;

/* Before the server starts. */
static void log_catch(void)
{
    log_file = tmpfile();
    log_before = dup(STDERR_FILENO);
    vd_log_set_level(VD_LOG_INFO);
    assert_non_null(log_file);
    assert_true(log_before >= 0 && dup2(fileno(log_file), STDERR_FILENO) >= 0);
}

static void log_let_go(void)
{
    vd_log_set_level(VD_LOG_ERROR);
    assert_true(dup2(log_before, STDERR_FILENO) >= 0);
    close(log_before);
    fclose(log_file);
    log_file = NULL;
}

static int tear_down(void **state)
{
    const int stopped = stop_server(state);

    if (log_file != NULL) {
        log_let_go();
    }
    return stopped;
}

static void assert_text(json_t *json, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(json, name)), expected);
}

static void test_https__request(void **state)
{
    struct tls_client client;
    char headers[1024];
    json_t *json;

    (void)state;
    start(0);
    open_client(&client);
    for (int i = 0; i < 3; i++) { /* one connection serves many */
        send_text(&client,
            "PATCH /a%2Fb?c=d%20e HTTP/1.1\r\nHost: h\r\nx-given: v\r\nContent-Length: 3\r\n\r\nxyz");
        assert_int_equal(read_answer(&client, headers, sizeof headers, &json), 200);
        assert_text(json, "method", "PATCH");
        assert_text(json, "path", "/a%2Fb");
        assert_text(json, "query", "c=d%20e");
        assert_text(json, "given", "v");
        assert_text(json, "peer", "127.0.0.1");
        assert_int_equal(json_integer_value(json_object_get(json, "body")), 3);
        assert_non_null(strstr(headers, "x-context: rest\r\n"));
        assert_non_null(strstr(headers, "Content-Type: application/json"));
        assert_null(strstr(headers, "x-bad"));
        json_decref(json);
    }
    tls_client_close(&client);
}

static void test_https__versions(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_client client;

    (void)state;
    start(0);
    for (size_t i = 0; i < COUNT(versions); i++) {
        assert_true(tls_client_open(&client, vd_http_port(http), certificate, versions[i]));
        send_text(&client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(read_status(&client), 200);
        tls_client_close(&client);
    }
    assert_false(tls_client_open(&client, vd_http_port(http), certificate, TLS1_1_VERSION));
}

/* The bound is the face's, and said in its form. */
static void test_https__too_large(void **state)
{
    static char body[2000];
    struct tls_client client;
    char headers[1024];
    char request[128];
    json_t *json;

    (void)state;
    start(0);
    memset(body, 'b', sizeof body);
    open_client(&client);
    for (size_t length = 1000; length <= 1001; length++) {
        snprintf(request, sizeof request,
            "POST /one HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", length);
        send_text(&client, request);
        assert_true(tls_client_write(&client, body, length));
        assert_int_equal(
            read_answer(&client, headers, sizeof headers, &json), length == 1000 ? 200 : 413);
        assert_int_equal(
            json_integer_value(json_object_get(json, "refused")), length == 1000 ? 0 : 413);
        json_decref(json);
    }
    tls_client_close(&client);
    open_client(&client);
    send_text(&client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n");
    assert_false(tls_client_is_silent(&client, PATIENCE_MS)); /* refused before it is sent */
    tls_client_close(&client);
    assert_int_equal(atomic_load(&calls), 1);
}

/* Until it is there; how often it is then. */
static unsigned log_await(const char *text)
{
    const int64_t deadline_ms = vd_clock_monotonic_ms() + PATIENCE_MS;
    char lines[4096];
    unsigned count = 0;
    ssize_t length;

    do {
        length = pread(fileno(log_file), lines, sizeof lines - 1, 0);
        assert_true(length >= 0 && vd_clock_monotonic_ms() < deadline_ms);
        lines[length] = '\0';
    } while (strstr(lines, text) == NULL);
    for (const char *at = strstr(lines, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

/* Whatever is refused leaves a line, also where no face was asked. */
static void test_https__refusals_are_logged(void **state)
{
    static const struct {
        const char *head;
        size_t body_length;
        const char *logged;
    } cases[] = {
        {"POST /one/more?secret=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 1001,
            "event=api.refused status=413 method=POST address=127.0.0.1 held_back=0 "
            "path=\"/one/more\"\n"},
        {"POST /one HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n", 0,
            "event=api.request_broken address=127.0.0.1 pending_bytes=56 held_back=0\n"},
        {"no request\r\n\r\n", 0,
            "event=api.request_broken address=127.0.0.1 pending_bytes=14 held_back=0\n"},
    };
    static char body[1001];

    (void)state;
    log_catch();
    start(0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client client;

        open_client(&client);
        send_text(&client, cases[i].head);
        assert_true(tls_client_write(&client, body, cases[i].body_length));
        assert_false(tls_client_is_silent(&client, PATIENCE_MS)); /* answered */
        tls_client_close(&client);
        (void)log_await(cases[i].logged);
    }
}

static void expect_cut(struct tls_client *client, int64_t since_ms, int64_t at_least_ms)
{
    size_t length = 0;

    assert_true(tls_client_read_end(client, &length));
    assert_true(vd_clock_monotonic_ms() - since_ms >= at_least_ms);
    tls_client_close(client);
}

/* Whether it says nothing or a byte now and then: a request is whole in time, or the connection ends. */
static void test_https__slow_clients(void **state)
{
    struct tls_client silent;
    struct tls_client dripping;
    struct tls_client again;
    int64_t began = vd_clock_monotonic_ms();
    int tcp;
    char byte;
    bool alive = true;

    (void)state;
    start(600);
    tcp = tls_client_tcp(vd_http_port(http)); /* never even shakes hands */
    assert_true(tcp >= 0);
    open_client(&silent);
    open_client(&dripping);
    open_client(&again);
    send_text(&again, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&again), 200);
    send_text(&dripping, "GET / HTTP/1.1\r\nX-Given: ");
    while (alive && vd_clock_monotonic_ms() - began < PATIENCE_MS) {
        alive = tls_client_write(&dripping, "a", 1);
        usleep(PATIENCE_MS);
    }
    assert_false(alive);
    tls_client_close(&dripping);
    expect_cut(&silent, began, 600);
    expect_cut(&again, began, 600);
    assert_int_equal(recv(tcp, &byte, 1, 0), 0);
    close(tcp);
}

/* Time that a face takes is not the client's. */
static void test_https__slow_face(void **state)
{
    struct tls_client client;

    (void)state;
    start(300);
    pthread_mutex_lock(&hold);
    open_client(&client);
    send_text(&client, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(tls_client_is_silent(&client, 1200));
    pthread_mutex_unlock(&hold);
    assert_int_equal(read_status(&client), 200);
    tls_client_close(&client);
}

static void test_https__not_tls(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    char answer[64] = "";
    int tcp;

    (void)state;
    log_catch();
    start(0);
    tcp = tls_client_tcp(vd_http_port(http));
    assert_true(tcp >= 0);
    assert_int_equal(send(tcp, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    recv(tcp, answer, sizeof answer - 1, MSG_WAITALL);
    assert_null(strstr(answer, "HTTP"));
    assert_int_equal(atomic_load(&calls), 0);
    close(tcp);
    assert_int_equal(log_await("event=api.tls_failed "), 1);
}

/* Many clients go without a word in TLS: that is no handshake that failed. */
static void test_https__ends_without_a_word(void **state)
{
    struct tls_client client;
    int tcp;
    char byte;

    (void)state;
    log_catch();
    start(0);
    open_client(&client);
    send_text(&client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&client), 200);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    while (recv(client.fd, &byte, 1, 0) > 0) { /* until the server has seen it */
    }
    tls_client_close(&client);
    tcp = tls_client_tcp(vd_http_port(http));
    assert_true(tcp >= 0);
    close(tcp);
    assert_int_equal(log_await("event=api.tls_failed "), 1);
}

/* Clients that hold large requests unfinished: one of them goes, and others are served. */
static void test_https__greedy_clients(void **state)
{
    enum {
        CLIENTS = VD_HTTP_TLS_PENDING_MAX_BYTES / (3u << 20) + 2,
        PIECE = 3u << 20
    };
    static struct tls_client clients[CLIENTS];
    char *piece = calloc(1, PIECE);
    int64_t until = vd_clock_monotonic_ms() + PATIENCE_MS;
    struct tls_client client;
    int cut = 0;

    (void)state;
    start(0);
    assert_non_null(piece);
    for (int i = 0; i < CLIENTS; i++) {
        open_client(&clients[i]);
        send_text(&clients[i], "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3145729\r\n\r\n");
        tls_client_write(&clients[i], piece, PIECE); /* may end early: it is one that is cut */
    }
    free(piece);
    for (int i = 0; tls_client_is_silent(&clients[i], 2); i = (i + 1) % CLIENTS) {
        assert_true(vd_clock_monotonic_ms() < until);
    }
    open_client(&client);
    send_text(&client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&client), 200);
    tls_client_close(&client);
    for (int i = 0; i < CLIENTS; i++) {
        char first = 0;

        cut += !tls_client_write(&clients[i], "x", 1) || !tls_client_read(&clients[i], &first, 1);
        tls_client_close(&clients[i]);
    }
    assert_in_range(cut, 1, 3);
}

/* Stopping under open connections and a request that waits: nothing leaks (the sanitizer looks). */
static void test_https__stop_under_load(void **state)
{
    struct tls_client clients[8];

    (void)state;
    start(0);
    for (size_t i = 0; i < COUNT(clients); i++) {
        open_client(&clients[i]);
        send_text(
            &clients[i], i % 2 == 0 ? "GET / HTTP/1.1\r\n" : "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    assert_int_equal(stop_server(NULL), 0);
    for (size_t i = 0; i < COUNT(clients); i++) {
        tls_client_close(&clients[i]);
    }
}

/* Handshakes of one address beyond its rate fail; who is in stays in. */
static void test_https__handshake_rate(void **state)
{
    struct tls_client first;
    struct tls_client client;
    int opened = 1;

    (void)state;
    start_limited(0, 1);
    open_client(&first);
    while (opened < 100 && tls_client_open(&client, vd_http_port(http), certificate, 0)) {
        tls_client_close(&client);
        opened++;
    }
    assert_in_range(opened, 10, 10 + 20);
    send_text(&first, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&first), 200);
    tls_client_close(&first);
}

static void test_https__cannot_start(void **state)
{
    const struct vd_http_face face = {"", NULL, 1, echo, refuse, NULL, NULL, 0, false};
    struct vd_http_config config = config_of(&face, 1);
    struct vd_http *other = NULL;
    char reason[256] = "";

    (void)state;
    start(0);
    config.port = vd_http_port(http);
    assert_int_equal(vd_http_start(&config, &other, reason, sizeof reason), VD_E_BUSY);
    assert_true(reason[0] != '\0');
    config.port = 0;
    config.address = "hub.test";
    assert_int_equal(vd_http_start(&config, &other, reason, sizeof reason), VD_E_INVALID);
    assert_non_null(strstr(reason, "hub.test"));
    config.address = "127.0.0.1";
    config.certificate_file = key;
    assert_int_equal(vd_http_start(&config, &other, reason, sizeof reason), VD_E_INVALID);
    assert_non_null(strstr(reason, key));
    config.certificate_file = certificate;
    config.workers = 0;
    assert_int_equal(vd_http_start(&config, &other, reason, sizeof reason), VD_E_INVALID);
    assert_null(other);
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&calls, 0);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_https__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request),
        TEST(versions),
        TEST(too_large),
        TEST(refusals_are_logged),
        TEST(slow_clients),
        TEST(slow_face),
        TEST(not_tls),
        TEST(ends_without_a_word),
        TEST(greedy_clients),
        TEST(stop_under_load),
        TEST(handshake_rate),
        TEST(cannot_start),
    };

    return cmocka_run_group_tests(tests, make_scene, remove_scene);
}
