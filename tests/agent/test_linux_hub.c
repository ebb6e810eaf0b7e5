/* SPDX-License-Identifier: MIT */
/* Tests of the connection to the hub, against a real TLS server that behaves well and badly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "azure_iot_security_module/inc/asc_port.h"
#include "tests/agent/hub_client.h"

static int setup(void **state)
{
    struct hub_client *f = calloc(1, sizeof *f);

    assert_non_null(f);
    hub_client_init(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct hub_client *f = *state;

    hub_client_release(f);
    free(f);
    return 0;
}

static bool is_stopped(struct hub_client *f)
{
    return asc_linux_hub_state(f->hub) == ASC_LINUX_HUB_STOPPED;
}

static bool one_delivered(struct hub_client *f)
{
    return f->delivered == 1;
}

static bool one_undelivered(struct hub_client *f)
{
    return f->undelivered == 1;
}

static bool one_message_there(struct hub_client *f)
{
    return hub_server_messages(f->server) == 1;
}

static bool two_connections(struct hub_client *f)
{
    return hub_server_connections(f->server) >= 2 && hub_client_is_online(f);
}

static bool five_accepted(struct hub_client *f)
{
    return hub_server_accepted(f->server) >= 5;
}

static void go_online(struct hub_client *f)
{
    hub_client_serve(f, hub_client_good_context(f));
    hub_client_open(f, "HostName=localhost", NULL);
    assert_true(hub_client_run_until(f, hub_client_is_online));
    assert_int_equal(f->connected, 1);
}

/* The `se` of the token of connection `index`. */
static int64_t expiry(struct hub_client *f, unsigned index)
{
    struct hub_server_connection c = hub_server_connection(f->server, index);
    const char *se = strstr(c.password, "&se=");

    assert_non_null(se);
    return strtoll(se + 4, NULL, 10);
}

static void test_linux_hub__delivers(void **state)
{
    struct hub_client *f = *state;
    struct hub_server_connection c;
    struct hub_server_message m;
    char want[ASC_LINUX_TOKEN_MAX_BYTES];
    static uint8_t payload[ASC_MESSAGE_BYTES + 1];

    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    hub_client_serve(f, hub_client_good_context(f));
    hub_client_open(f, "HostName=localhost", NULL);
    assert_false(asc_linux_hub_send(f->hub, payload, 1)); /* not online yet */
    assert_true(hub_client_run_until(f, hub_client_is_online));
    assert_false(asc_linux_hub_send(f->hub, payload, sizeof payload)); /* too long */
    assert_true(asc_linux_hub_send(f->hub, payload, ASC_MESSAGE_BYTES));
    assert_false(asc_linux_hub_send(f->hub, payload, 1)); /* one at a time */
    assert_true(hub_client_run_until(f, one_delivered));

    c = hub_server_connection(f->server, 0);
    assert_string_equal(c.client_id, "d1");
    assert_string_equal(c.server_name, "localhost");
    assert_int_equal(c.flags, 0xc2); /* user name, password, clean session */
    assert_int_equal(c.keep_alive_s, f->times.keep_alive_s);
    snprintf(want, sizeof want, "localhost:%u/d1/?api-version=2021-04-12&DeviceClientType=",
        (unsigned)hub_server_port(f->server));
    assert_memory_equal(c.user_name, want, strlen(want));
    assert_in_range(
        expiry(f, 0), time(NULL) + f->times.token_life_s - 60, time(NULL) + f->times.token_life_s);
    assert_true(asc_linux_token(&f->connection, expiry(f, 0), want, sizeof want) > 0);
    assert_string_equal(c.password, want);

    m = hub_server_message(f->server, 0);
    assert_string_equal(m.topic,
        "devices/d1/messages/events/%24.ifid=urn%3Aazureiot%3ASecurity"
        "%3ASecurityAgent%3A1&mti=2.3-1-0-0");
    assert_int_equal(m.length, ASC_MESSAGE_BYTES);
    assert_memory_equal(m.payload, payload, ASC_MESSAGE_BYTES);
    assert_int_equal(f->undelivered, 0);
    assert_false(hub_client_logged(f, "SharedAccessSignature"));
    assert_false(hub_client_logged(f, HUB_SERVER_KEY));
    assert_true(hub_client_logged(f, "event=hub_connected"));
}

static void test_linux_hub__renews_its_token(void **state)
{
    struct hub_client *f = *state;
    int64_t start = hub_client_now_ms();

    f->times.token_life_s = 2;
    f->times.retry_min_ms = f->times.retry_max_ms = 60000; /* a renewal does not wait for a retry */
    go_online(f);
    assert_true(hub_client_run_until(f, two_connections));
    assert_in_range(hub_client_now_ms() - start, 1500, 1500 + HUB_CLIENT_WAIT_MS);
    assert_true(expiry(f, 1) > expiry(f, 0));
    assert_true(hub_server_connection(f->server, 0).disconnected);
    assert_int_equal(f->disconnected, 0); /* the module need not notice */
    assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_true(hub_client_run_until(f, one_delivered));
}

static void test_linux_hub__comes_back(void **state)
{
    struct hub_client *f = *state;

    go_online(f);
    hub_server_drop(f->server);
    assert_true(hub_client_run_until(f, two_connections));
    assert_int_equal(f->disconnected, 1);
    assert_int_equal(f->connected, 2);
    assert_true(hub_client_logged(f, "event=hub_lost"));
}

/* Each way to not acknowledge: the message counts as not sent, and goes through the next time. */
static void test_linux_hub__unacknowledged(void **state)
{
    static const enum hub_server_mode modes[] = {
        HUB_SERVER_DROP_PUBLISH, HUB_SERVER_SILENT_PUBACK, HUB_SERVER_GARBAGE, HUB_SERVER_WRONG_ID};
    struct hub_client *f = *state;

    f->times.delivery_ms = 300;
    go_online(f);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        f->delivered = f->undelivered = 0;
        hub_server_set(f->server, modes[i], 0);
        assert_true(hub_client_run_until(f, hub_client_is_online));
        assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"kept", 4));
        assert_true(hub_client_run_until(f, one_undelivered));
        assert_false(hub_client_is_online(f));
        assert_int_equal(f->delivered, 0);
        hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
        assert_true(hub_client_run_until(f, hub_client_is_online));
        assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"kept", 4));
        assert_true(hub_client_run_until(f, one_delivered));
        assert_int_equal(f->undelivered, 1);
    }
    assert_true(hub_client_logged(f, "did not acknowledge"));
    assert_true(hub_client_logged(f, "what MQTT does not allow"));
}

static void test_linux_hub__refused(void **state)
{
    struct hub_client *f = *state;

    hub_client_serve(f, hub_client_good_context(f));
    hub_server_set(f->server, HUB_SERVER_REFUSE, 5);
    hub_client_open(f, "HostName=localhost", NULL);
    assert_true(hub_client_run_until(f, five_accepted)); /* it goes on trying */
    hub_server_set(f->server, HUB_SERVER_REFUSE, 4);
    assert_int_equal(f->connected, 0);
    assert_true(hub_client_logged(f, "event=hub_refused device=d1 code=5"));
    assert_true(hub_client_logged(f, "unknown or disabled device"));
    hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
    assert_true(hub_client_run_until(f, hub_client_is_online));
}

/* Runs against a server that the device must not talk to: no CONNECT with a token goes out. */
static void expect_no_trust(
    struct hub_client *f, SSL_CTX *context, const char *host, const char *says)
{
    hub_client_serve(f, context);
    hub_client_open(f, host, NULL);
    assert_true(hub_client_run_until(f, five_accepted));
    assert_int_equal(hub_server_connections(f->server), 0);
    assert_int_equal(f->connected, 0);
    assert_true(hub_client_logged(f, says));
}

static void test_linux_hub__other_ca(void **state)
{
    struct hub_client *f = *state;
    struct test_ca other = test_ca_new("test CA"); /* the same name, another key */
    SSL_CTX *context = test_server_context(&other, "DNS:localhost", -3600, 3600);

    test_ca_release(&other);
    expect_no_trust(f, context, "HostName=localhost", "server certificate refused");
}

static void test_linux_hub__other_name(void **state)
{
    struct hub_client *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:other.example", -3600, 3600),
        "HostName=localhost", "ostname mismatch");
}

static void test_linux_hub__other_address(void **state)
{
    struct hub_client *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:localhost,IP:127.0.0.2", -3600, 3600),
        "HostName=127.0.0.1", "IP address mismatch");
}

static void test_linux_hub__expired_certificate(void **state)
{
    struct hub_client *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:localhost", -7200, -3600),
        "HostName=localhost", "certificate has expired");
}

static void test_linux_hub__old_tls(void **state)
{
    struct hub_client *f = *state;
    SSL_CTX *context = hub_client_good_context(f);

    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
    expect_no_trust(f, context, "HostName=localhost", "event=hub_lost");
}

static void test_linux_hub__tls_1_2(void **state)
{
    struct hub_client *f = *state;
    SSL_CTX *context = hub_client_good_context(f);

    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
    hub_client_serve(f, context);
    hub_client_open(f, "HostName=127.0.0.1", NULL);
    assert_true(hub_client_run_until(f, hub_client_is_online));
    assert_string_equal(hub_server_connection(f->server, 0).server_name, "");
    assert_true(hub_client_logged(f, "tls=TLSv1.2"));
}

static void test_linux_hub__gateway(void **state)
{
    struct hub_client *f = *state;

    hub_client_serve(f, hub_client_good_context(f));
    hub_client_open(f, "HostName=hub.example;GatewayHostName=localhost", NULL);
    assert_true(hub_client_run_until(f, hub_client_is_online));
    assert_memory_equal(hub_server_connection(f->server, 0).user_name, "hub.example/d1/?", 16);
    assert_non_null(
        strstr(hub_server_connection(f->server, 0).password, "sr=hub.example%2Fdevices%2Fd1&"));
    assert_string_equal(hub_server_connection(f->server, 0).server_name, "localhost");
}

/* Servers that hang at each stage: given up after step_ms, and tried again. */
static void test_linux_hub__hanging_server(void **state)
{
    static const enum hub_server_mode modes[] = {HUB_SERVER_SILENT_TLS, HUB_SERVER_SILENT_CONNACK};
    struct hub_client *f = *state;

    f->times.step_ms = 200;
    hub_client_serve(f, hub_client_good_context(f));
    hub_client_open(f, "HostName=localhost", NULL);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        unsigned before = hub_server_accepted(f->server);

        hub_server_set(f->server, modes[i], 0);
        hub_server_drop(f->server);
        while (hub_server_accepted(f->server) < before + 3) {
            assert_true(
                hub_client_run_until(f, five_accepted) || hub_server_accepted(f->server) > before);
        }
        hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
        assert_true(hub_client_run_until(f, hub_client_is_online));
    }
    assert_true(hub_client_logged(f, "the TLS handshake took too long"));
    assert_true(hub_client_logged(f, "did not answer CONNECT"));
}

static bool three_pings(struct hub_client *f)
{
    return hub_server_connection(f->server, 0).pings >= 3;
}

static bool is_lost(struct hub_client *f)
{
    return f->disconnected > 0;
}

static void test_linux_hub__pings(void **state)
{
    struct hub_client *f = *state;
    int64_t start = hub_client_now_ms();

    f->times.keep_alive_s = 1;
    f->times.step_ms = 2000;
    go_online(f);
    assert_true(hub_client_run_until(f, three_pings));
    assert_in_range(hub_client_now_ms() - start, 3 * 750, HUB_CLIENT_WAIT_MS);
    assert_int_equal(hub_server_connections(f->server), 1);
    hub_server_set(f->server, HUB_SERVER_SILENT_PING, 0);
    assert_true(hub_client_run_until(f, is_lost));
    assert_true(hub_client_logged(f, "did not answer a ping"));
}

static bool never(struct hub_client *f)
{
    (void)f;
    return false;
}

/* Nobody listens, and a name that no server needs be asked for: lost, with waits that grow. */
static void test_linux_hub__nobody_there(void **state)
{
    struct hub_client *f = *state;
    char error[ASC_LINUX_TLS_ERROR_BYTES];
    struct asc_linux_hub_options options;

    hub_client_serve(f, hub_client_good_context(f));
    hub_client_open(f, "HostName=127.0.0.1", NULL);
    hub_server_stop(f->server);
    f->server = NULL;
    (void)hub_client_run_for(f, never, 300);
    assert_true(hub_client_logged(f, "Connection refused"));
    assert_true(hub_client_logged(f, "failures=3"));
    assert_int_equal(f->connected + f->disconnected, 0);

    asc_linux_hub_free(f->hub);
    f->hub = NULL;
    snprintf(f->connection.host, sizeof f->connection.host, "%065d.invalid", 0);
    options = hub_client_options(f, NULL);
    f->hub = asc_linux_hub_new(&options, error);
    assert_non_null(f->hub);
    (void)hub_client_run_for(f, never, 300);
    assert_true(hub_client_logged(f, "while=resolving"));
    options.ca_file = "/nonexistent";
    assert_null(asc_linux_hub_new(&options, error));
    assert_non_null(strstr(error, "CA file"));
}

static void test_linux_hub__stops(void **state)
{
    struct hub_client *f = *state;

    go_online(f);
    hub_server_set(f->server, HUB_SERVER_SILENT_PUBACK, 0);
    assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_true(hub_client_run_until(f, one_message_there));
    asc_linux_hub_stop(f->hub);
    assert_int_equal(f->undelivered, 1);
    assert_true(hub_client_run_until(f, is_stopped));
    assert_false(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_int_equal(f->disconnected, 1);
    asc_linux_hub_stop(f->hub);
    assert_true(is_stopped(f));
    asc_linux_hub_free(f->hub);
    f->hub = NULL;
    while (!hub_server_connection(f->server, 0).disconnected) {
        poll(NULL, 0, 5); /* bounded by the test's time-out */
    }

    hub_client_open(f, "HostName=localhost", NULL); /* one that has not begun stops at once */
    asc_linux_hub_stop(f->hub);
    assert_true(is_stopped(f));
    assert_int_equal(asc_linux_hub_step(f->hub), UINT32_MAX);
}

static void test_linux_hub__transitions(void **state)
{
    enum {
        W = ASC_LINUX_HUB_WAITING,
        R = ASC_LINUX_HUB_RESOLVING,
        O = ASC_LINUX_HUB_OPENING,
        G = ASC_LINUX_HUB_GREETING,
        L = ASC_LINUX_HUB_ONLINE,
        N = ASC_LINUX_HUB_RENEWING,
        S = ASC_LINUX_HUB_STOPPING,
        X = ASC_LINUX_HUB_STOPPED
    };
    static const int events[ASC_LINUX_HUB_EVENTS][ASC_LINUX_HUB_STATES] = {
        [ASC_LINUX_HUB_DONE] = {R, O, G, L, L, W, X, X},
        [ASC_LINUX_HUB_LOST] = {W, W, W, W, W, W, X, X},
        [ASC_LINUX_HUB_RENEW] = {W, R, O, G, N, N, S, X},
        [ASC_LINUX_HUB_STOP] = {X, X, X, X, S, S, S, X},
    };

    (void)state;
    for (int e = 0; e < ASC_LINUX_HUB_EVENTS; e++) {
        for (int s = 0; s < ASC_LINUX_HUB_STATES; s++) {
            assert_int_equal(
                asc_linux_hub_next((enum asc_linux_hub_state)s, (enum asc_linux_hub_event)e),
                events[e][s]);
            assert_non_null(asc_linux_hub_state_name((enum asc_linux_hub_state)s));
        }
    }
}

static void test_linux_hub__retry_waits(void **state)
{
    static const struct {
        uint32_t failures, least, most;
    } cases[] = {{1, 500, 1000}, {2, 1000, 2000}, {3, 2000, 4000}, {6, 16000, 32000},
        {7, 30000, 60000}, {40, 30000, 60000}, {UINT32_MAX, 30000, 60000}};
    struct asc_linux_hub_times times = asc_linux_hub_times_default();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(asc_linux_hub_retry_ms(&times, cases[i].failures, 0), cases[i].least);
        assert_in_range(asc_linux_hub_retry_ms(&times, cases[i].failures, UINT32_MAX),
            cases[i].most - 1, cases[i].most);
        assert_in_range(asc_linux_hub_retry_ms(&times, cases[i].failures, UINT32_MAX / 2),
            (cases[i].least + cases[i].most) / 2 - 1, (cases[i].least + cases[i].most) / 2);
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_linux_hub__delivers),
        WITH_FIXTURE(test_linux_hub__renews_its_token),
        WITH_FIXTURE(test_linux_hub__comes_back),
        WITH_FIXTURE(test_linux_hub__unacknowledged),
        WITH_FIXTURE(test_linux_hub__refused),
        WITH_FIXTURE(test_linux_hub__other_ca),
        WITH_FIXTURE(test_linux_hub__other_name),
        WITH_FIXTURE(test_linux_hub__other_address),
        WITH_FIXTURE(test_linux_hub__expired_certificate),
        WITH_FIXTURE(test_linux_hub__old_tls),
        WITH_FIXTURE(test_linux_hub__tls_1_2),
        WITH_FIXTURE(test_linux_hub__gateway),
        WITH_FIXTURE(test_linux_hub__hanging_server),
        WITH_FIXTURE(test_linux_hub__pings),
        WITH_FIXTURE(test_linux_hub__nobody_there),
        WITH_FIXTURE(test_linux_hub__stops),
        cmocka_unit_test(test_linux_hub__transitions),
        cmocka_unit_test(test_linux_hub__retry_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
