/* SPDX-License-Identifier: MIT */
/* Whose the connections of the HTTP server over TLS are: nobody's without a login for long, and no address's all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/http_tls.h"
#include "lib/clock.h"
#include "tests/api/https_fixture.h"

#define DEADLINE_MS 1500
#define PAUSE_US    50000

/* What somebody shows on "/login" is always right; "/later" is answered the long way round. */
static void answer_later(void *context, struct vd_http_answer *answer)
{
    (void)context;
    answer->status = 200;
}

static void answer_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    (void)context;
    answer->status = 200;
    answer->has_login = strncmp(request->path, "/login", 6) == 0;
    if (strcmp(request->path, "/login/later") == 0) {
        vd_http_later(request->later, answer_later, NULL);
        vd_http_resume(request->later);
    }
}

static void start(int request_deadline_ms)
{
    const struct vd_http_face face = {"/", NULL, 1000, answer_call, refuse, NULL, NULL, 0, false};
    struct vd_http_config config = config_of(&face, 1);

    config.request_deadline_ms = request_deadline_ms;
    start_server(&config);
}

/* 127.0.0.N */
static bool open_from(struct tls_client *client, unsigned n)
{
    char address[16];
    const struct tls_client_identity identity = {.address = address};

    snprintf(address, sizeof address, "127.0.0.%u", n);
    return tls_client_open_as(client, vd_http_port(http), certificate, 0, &identity);
}

/* Asks for the path, and reads the answer, which has no body; true if it is the connection's last. */
static bool ask(struct tls_client *client, const char *path)
{
    char text[1024];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    send_text(client, text);
    assert_int_equal(read_headers(client, text, sizeof text), 200);
    return strstr(text, "Connection: close") != NULL;
}

/* However busy it is. */
static void test_https__without_a_login_it_ends(void **state)
{
    const int64_t began_ms = vd_clock_monotonic_ms();
    struct tls_client client;
    size_t length = 0;
    bool is_last = false;

    (void)state;
    start(DEADLINE_MS);
    assert_true(open_from(&client, 1));
    while (!is_last && vd_clock_monotonic_ms() - began_ms < 4 * DEADLINE_MS) {
        usleep(PAUSE_US);
        is_last = ask(&client, "/");
    }
    assert_true(is_last);
    assert_true(vd_clock_monotonic_ms() - began_ms >= DEADLINE_MS);
    assert_true(tls_client_read_end(&client, &length));
    assert_int_equal(length, 0);
    tls_client_close(&client);
}

/* Who logs in stays, also beyond what he asks without a login meanwhile; who did once does not. */
static void test_https__a_login_keeps_it(void **state)
{
    struct tls_client client;
    int64_t until_ms;
    bool is_last = false;

    (void)state;
    start(DEADLINE_MS);
    assert_true(open_from(&client, 1));
    until_ms = vd_clock_monotonic_ms() + 3 * DEADLINE_MS / 2;
    while (vd_clock_monotonic_ms() < until_ms) {
        usleep(PAUSE_US);
        assert_false(ask(&client, "/login"));
        assert_false(ask(&client, "/"));
    }
    until_ms = vd_clock_monotonic_ms() + 3 * DEADLINE_MS / 2;
    while (vd_clock_monotonic_ms() < until_ms) {
        usleep(PAUSE_US);
        assert_false(ask(&client, "/login/later"));
    }
    until_ms = vd_clock_monotonic_ms() + 4 * DEADLINE_MS;
    while (!is_last && vd_clock_monotonic_ms() < until_ms) {
        usleep(PAUSE_US);
        is_last = ask(&client, "/");
    }
    assert_true(is_last);
    tls_client_close(&client);
}

/* Also by connections that say nothing at all. */
static void test_https__no_address_takes_all(void **state)
{
    static struct tls_client clients[VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX / 2];
    static int
        silent[VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX - VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX / 2];
    const int64_t until_ms = vd_clock_monotonic_ms() + PATIENCE_MS;
    struct tls_client other;
    char byte;
    int tcp;

    (void)state;
    start(0);
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        silent[i] = tls_client_tcp(vd_http_port(http));
        assert_true(silent[i] >= 0);
    }
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        assert_true(open_from(&clients[i], 1));
    }
    assert_false(open_from(&other, 1));
    tcp = tls_client_tcp(vd_http_port(http));
    assert_true(tcp >= 0);
    assert_int_equal(recv(tcp, &byte, 1, 0), 0);
    close(tcp);
    assert_true(open_from(&other, 2));
    assert_false(ask(&other, "/"));
    tls_client_close(&other);
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        assert_false(ask(&clients[i], "/")); /* who was in stays in */
    }
    /* A place that is given back is there again, once the server has seen it. */
    close(silent[0]);
    while (!open_from(&other, 1)) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        usleep(PAUSE_US);
    }
    tls_client_close(&other);
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        tls_client_close(&clients[i]);
    }
    for (size_t i = 1; i < sizeof silent / sizeof silent[0]; i++) {
        close(silent[i]);
    }
}

/* More than are served at a time wait for their turn. */
static void test_https__connection_limit(void **state)
{
    static struct tls_client clients[VD_HTTP_TLS_CONNECTIONS_MAX];
    struct tls_client late;
    char byte;

    (void)state;
    start(0);
    for (unsigned i = 0; i < VD_HTTP_TLS_CONNECTIONS_MAX; i++) {
        assert_true(open_from(&clients[i], 2 + i / VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX));
    }
    late.fd = tls_client_tcp(vd_http_port(http)); /* the kernel takes it */
    assert_true(late.fd >= 0);
    assert_int_equal(send(late.fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(late.fd, &byte, 1, MSG_DONTWAIT), -1);
    close(late.fd);
    for (unsigned i = 0; i < VD_HTTP_TLS_CONNECTIONS_MAX; i++) {
        tls_client_close(&clients[i]);
    }
    assert_true(open_from(&late, 1));
    assert_false(ask(&late, "/"));
    tls_client_close(&late);
}

#define TEST(name) cmocka_unit_test_teardown(test_https__##name, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_login_it_ends),
        TEST(a_login_keeps_it),
        TEST(no_address_takes_all),
        TEST(connection_limit),
    };

    return cmocka_run_group_tests(tests, make_scene, remove_scene);
}
