/* SPDX-License-Identifier: MIT */
/* Tests of the connection to the hub, against a real TLS server that behaves well and badly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "azure_iot_security_module/inc/asc_port.h"
#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"
#include "tests/agent/certificates.h"
#include "tests/agent/hub_server.h"

#define KEY     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define WAIT_MS 20000

/* What every test has: certificates, a server, a connection, and what its callbacks heard. */
struct fixture {
    char ca_path[64];
    char log_path[64];
    int stderr_before;
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *server;
    struct asc_linux_connection connection;
    struct asc_linux_hub_times times;
    asc_linux_hub *hub;
    unsigned connected, disconnected, delivered, undelivered;
};

static void on_connected(void *context, bool connected)
{
    struct fixture *f = context;

    f->connected += connected;
    f->disconnected += !connected;
}

static void on_sent(void *context, bool delivered)
{
    struct fixture *f = context;

    f->delivered += delivered;
    f->undelivered += !delivered;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs the connection until `holds`; false: not within `limit_ms`. */
static bool run_for(struct fixture *f, bool (*holds)(struct fixture *), int64_t limit_ms)
{
    int64_t end = now_ms() + limit_ms;

    while (now_ms() < end) {
        struct pollfd p = {.fd = -1};
        uint32_t wait = asc_linux_hub_step(f->hub);

        if (holds(f)) {
            return true;
        }
        asc_linux_hub_poll(f->hub, &p.fd, &p.events);
        (void)poll(&p, 1, wait < 10 ? (int)wait : 10);
    }
    return holds(f);
}

static bool run_until(struct fixture *f, bool (*holds)(struct fixture *))
{
    return run_for(f, holds, WAIT_MS);
}

static void setup_server(struct fixture *f, SSL_CTX *context)
{
    f->context = context;
    f->server = hub_server_start(context, "127.0.0.1");
}

static void setup_hub(struct fixture *f, const char *format)
{
    char text[400], error[ASC_LINUX_TLS_ERROR_BYTES];
    char whole[500];
    struct asc_linux_hub_options options = {.connection = &f->connection,
        .ca_file = f->ca_path,
        .times = f->times,
        .context = f,
        .connected = on_connected,
        .sent = on_sent};

    snprintf(text, sizeof text, "%s:%u", format, (unsigned)hub_server_port(f->server));
    snprintf(whole, sizeof whole, "%s;DeviceId=d1;SharedAccessKey=" KEY, text);
    assert_null(asc_linux_connection_parse(&f->connection, whole));
    f->hub = asc_linux_hub_new(&options, error);
    assert_non_null(f->hub);
}

/* Everything as it should be, with times short enough for tests. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fd;

    assert_non_null(f);
    snprintf(f->ca_path, sizeof f->ca_path, "/tmp/vedette-ca-XXXXXX");
    snprintf(f->log_path, sizeof f->log_path, "/tmp/vedette-log-XXXXXX");
    fd = mkstemp(f->ca_path);
    assert_true(fd >= 0);
    close(fd);
    fd = mkstemp(f->log_path);
    assert_true(fd >= 0);
    f->stderr_before = dup(STDERR_FILENO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    f->ca = test_ca_new("test CA");
    test_ca_write(&f->ca, f->ca_path);
    f->times = asc_linux_hub_times_default();
    f->times.retry_min_ms = 20;
    f->times.retry_max_ms = 160;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    asc_linux_hub_free(f->hub);
    if (f->server != NULL) {
        hub_server_stop(f->server);
    }
    SSL_CTX_free(f->context);
    test_ca_release(&f->ca);
    dup2(f->stderr_before, STDERR_FILENO);
    close(f->stderr_before);
    unlink(f->ca_path);
    unlink(f->log_path);
    free(f);
    return 0;
}

static SSL_CTX *good_context(const struct fixture *f)
{
    return test_server_context(&f->ca, "DNS:localhost,IP:127.0.0.1", -3600, 3600);
}

/* True if the log of this test holds `text`. */
static bool logged(const struct fixture *f, const char *text)
{
    static char log[1 << 20];
    int fd = open(f->log_path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, log, sizeof log - 1);
    close(fd);
    log[n > 0 ? n : 0] = '\0';
    return strstr(log, text) != NULL;
}

static bool is_online(struct fixture *f)
{
    return asc_linux_hub_state(f->hub) == ASC_LINUX_HUB_ONLINE;
}

static bool is_stopped(struct fixture *f)
{
    return asc_linux_hub_state(f->hub) == ASC_LINUX_HUB_STOPPED;
}

static bool one_delivered(struct fixture *f)
{
    return f->delivered == 1;
}

static bool one_undelivered(struct fixture *f)
{
    return f->undelivered == 1;
}

static bool one_message_there(struct fixture *f)
{
    return hub_server_messages(f->server) == 1;
}

static bool two_connections(struct fixture *f)
{
    return hub_server_connections(f->server) >= 2 && is_online(f);
}

static bool five_accepted(struct fixture *f)
{
    return hub_server_accepted(f->server) >= 5;
}

static void go_online(struct fixture *f)
{
    setup_server(f, good_context(f));
    setup_hub(f, "HostName=localhost");
    assert_true(run_until(f, is_online));
    assert_int_equal(f->connected, 1);
}

/* The `se` of the token of connection `index`. */
static int64_t expiry(struct fixture *f, unsigned index)
{
    struct hub_server_connection c = hub_server_connection(f->server, index);
    const char *se = strstr(c.password, "&se=");

    assert_non_null(se);
    return strtoll(se + 4, NULL, 10);
}

static void test_linux_hub__delivers(void **state)
{
    struct fixture *f = *state;
    struct hub_server_connection c;
    struct hub_server_message m;
    char want[ASC_LINUX_TOKEN_MAX_BYTES];
    static uint8_t payload[ASC_MESSAGE_BYTES + 1];

    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    setup_server(f, good_context(f));
    setup_hub(f, "HostName=localhost");
    assert_false(asc_linux_hub_send(f->hub, payload, 1)); /* not online yet */
    assert_true(run_until(f, is_online));
    assert_false(asc_linux_hub_send(f->hub, payload, sizeof payload)); /* too long */
    assert_true(asc_linux_hub_send(f->hub, payload, ASC_MESSAGE_BYTES));
    assert_false(asc_linux_hub_send(f->hub, payload, 1)); /* one at a time */
    assert_true(run_until(f, one_delivered));

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
    assert_false(logged(f, "SharedAccessSignature"));
    assert_false(logged(f, KEY));
    assert_true(logged(f, "event=hub_connected"));
}

static void test_linux_hub__renews_its_token(void **state)
{
    struct fixture *f = *state;
    int64_t start = now_ms();

    f->times.token_life_s = 2;
    f->times.retry_min_ms = f->times.retry_max_ms = 60000; /* a renewal does not wait for a retry */
    go_online(f);
    assert_true(run_until(f, two_connections));
    assert_in_range(now_ms() - start, 1500, 1500 + WAIT_MS);
    assert_true(expiry(f, 1) > expiry(f, 0));
    assert_true(hub_server_connection(f->server, 0).disconnected);
    assert_int_equal(f->disconnected, 0); /* the module need not notice */
    assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_true(run_until(f, one_delivered));
}

static void test_linux_hub__comes_back(void **state)
{
    struct fixture *f = *state;

    go_online(f);
    hub_server_drop(f->server);
    assert_true(run_until(f, two_connections));
    assert_int_equal(f->disconnected, 1);
    assert_int_equal(f->connected, 2);
    assert_true(logged(f, "event=hub_lost"));
}

/* Each way to not acknowledge: the message counts as not sent, and goes through the next time. */
static void test_linux_hub__unacknowledged(void **state)
{
    static const enum hub_server_mode modes[] = {
        HUB_SERVER_DROP_PUBLISH, HUB_SERVER_SILENT_PUBACK, HUB_SERVER_GARBAGE, HUB_SERVER_WRONG_ID};
    struct fixture *f = *state;

    f->times.delivery_ms = 300;
    go_online(f);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        f->delivered = f->undelivered = 0;
        hub_server_set(f->server, modes[i], 0);
        assert_true(run_until(f, is_online));
        assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"kept", 4));
        assert_true(run_until(f, one_undelivered));
        assert_false(is_online(f));
        assert_int_equal(f->delivered, 0);
        hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
        assert_true(run_until(f, is_online));
        assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"kept", 4));
        assert_true(run_until(f, one_delivered));
        assert_int_equal(f->undelivered, 1);
    }
    assert_true(logged(f, "did not acknowledge"));
    assert_true(logged(f, "what MQTT does not allow"));
}

static void test_linux_hub__refused(void **state)
{
    struct fixture *f = *state;

    setup_server(f, good_context(f));
    hub_server_set(f->server, HUB_SERVER_REFUSE, 5);
    setup_hub(f, "HostName=localhost");
    assert_true(run_until(f, five_accepted)); /* it goes on trying */
    hub_server_set(f->server, HUB_SERVER_REFUSE, 4);
    assert_int_equal(f->connected, 0);
    assert_true(logged(f, "event=hub_refused device=d1 code=5"));
    assert_true(logged(f, "unknown or disabled device"));
    hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
    assert_true(run_until(f, is_online));
}

/* Runs against a server that the device must not talk to: no CONNECT with a token goes out. */
static void expect_no_trust(struct fixture *f, SSL_CTX *context, const char *host, const char *says)
{
    setup_server(f, context);
    setup_hub(f, host);
    assert_true(run_until(f, five_accepted));
    assert_int_equal(hub_server_connections(f->server), 0);
    assert_int_equal(f->connected, 0);
    assert_true(logged(f, says));
}

static void test_linux_hub__other_ca(void **state)
{
    struct fixture *f = *state;
    struct test_ca other = test_ca_new("test CA"); /* the same name, another key */
    SSL_CTX *context = test_server_context(&other, "DNS:localhost", -3600, 3600);

    test_ca_release(&other);
    expect_no_trust(f, context, "HostName=localhost", "server certificate refused");
}

static void test_linux_hub__other_name(void **state)
{
    struct fixture *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:other.example", -3600, 3600),
        "HostName=localhost", "ostname mismatch");
}

static void test_linux_hub__other_address(void **state)
{
    struct fixture *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:localhost,IP:127.0.0.2", -3600, 3600),
        "HostName=127.0.0.1", "IP address mismatch");
}

static void test_linux_hub__expired_certificate(void **state)
{
    struct fixture *f = *state;

    expect_no_trust(f, test_server_context(&f->ca, "DNS:localhost", -7200, -3600),
        "HostName=localhost", "certificate has expired");
}

static void test_linux_hub__old_tls(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *context = good_context(f);

    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
    expect_no_trust(f, context, "HostName=localhost", "event=hub_lost");
}

static void test_linux_hub__tls_1_2(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *context = good_context(f);

    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
    setup_server(f, context);
    setup_hub(f, "HostName=127.0.0.1");
    assert_true(run_until(f, is_online));
    assert_string_equal(hub_server_connection(f->server, 0).server_name, "");
    assert_true(logged(f, "tls=TLSv1.2"));
}

static void test_linux_hub__gateway(void **state)
{
    struct fixture *f = *state;

    setup_server(f, good_context(f));
    setup_hub(f, "HostName=hub.example;GatewayHostName=localhost");
    assert_true(run_until(f, is_online));
    assert_memory_equal(hub_server_connection(f->server, 0).user_name, "hub.example/d1/?", 16);
    assert_non_null(
        strstr(hub_server_connection(f->server, 0).password, "sr=hub.example%2Fdevices%2Fd1&"));
    assert_string_equal(hub_server_connection(f->server, 0).server_name, "localhost");
}

/* Servers that hang at each stage: given up after step_ms, and tried again. */
static void test_linux_hub__hanging_server(void **state)
{
    static const enum hub_server_mode modes[] = {HUB_SERVER_SILENT_TLS, HUB_SERVER_SILENT_CONNACK};
    struct fixture *f = *state;

    f->times.step_ms = 200;
    setup_server(f, good_context(f));
    setup_hub(f, "HostName=localhost");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        unsigned before = hub_server_accepted(f->server);

        hub_server_set(f->server, modes[i], 0);
        hub_server_drop(f->server);
        while (hub_server_accepted(f->server) < before + 3) {
            assert_true(run_until(f, five_accepted) || hub_server_accepted(f->server) > before);
        }
        hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
        assert_true(run_until(f, is_online));
    }
    assert_true(logged(f, "the TLS handshake took too long"));
    assert_true(logged(f, "did not answer CONNECT"));
}

static bool three_pings(struct fixture *f)
{
    return hub_server_connection(f->server, 0).pings >= 3;
}

static bool is_lost(struct fixture *f)
{
    return f->disconnected > 0;
}

static void test_linux_hub__pings(void **state)
{
    struct fixture *f = *state;
    int64_t start = now_ms();

    f->times.keep_alive_s = 1;
    f->times.step_ms = 2000;
    go_online(f);
    assert_true(run_until(f, three_pings));
    assert_in_range(now_ms() - start, 3 * 750, WAIT_MS);
    assert_int_equal(hub_server_connections(f->server), 1);
    hub_server_set(f->server, HUB_SERVER_SILENT_PING, 0);
    assert_true(run_until(f, is_lost));
    assert_true(logged(f, "did not answer a ping"));
}

static bool never(struct fixture *f)
{
    (void)f;
    return false;
}

/* Nobody listens, and a name that no server needs be asked for: lost, with waits that grow. */
static void test_linux_hub__nobody_there(void **state)
{
    struct fixture *f = *state;
    char error[ASC_LINUX_TLS_ERROR_BYTES];
    struct asc_linux_hub_options options;

    setup_server(f, good_context(f));
    setup_hub(f, "HostName=127.0.0.1");
    hub_server_stop(f->server);
    f->server = NULL;
    (void)run_for(f, never, 300);
    assert_true(logged(f, "Connection refused"));
    assert_true(logged(f, "failures=3"));
    assert_int_equal(f->connected + f->disconnected, 0);

    asc_linux_hub_free(f->hub);
    f->hub = NULL;
    snprintf(f->connection.host, sizeof f->connection.host, "%065d.invalid", 0);
    options = (struct asc_linux_hub_options){.connection = &f->connection,
        .ca_file = f->ca_path,
        .times = f->times,
        .context = f,
        .connected = on_connected,
        .sent = on_sent};
    f->hub = asc_linux_hub_new(&options, error);
    assert_non_null(f->hub);
    (void)run_for(f, never, 300);
    assert_true(logged(f, "while=resolving"));
    options.ca_file = "/nonexistent";
    assert_null(asc_linux_hub_new(&options, error));
    assert_non_null(strstr(error, "CA file"));
}

static void test_linux_hub__stops(void **state)
{
    struct fixture *f = *state;

    go_online(f);
    hub_server_set(f->server, HUB_SERVER_SILENT_PUBACK, 0);
    assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_true(run_until(f, one_message_there));
    asc_linux_hub_stop(f->hub);
    assert_int_equal(f->undelivered, 1);
    assert_true(run_until(f, is_stopped));
    assert_false(asc_linux_hub_send(f->hub, (const uint8_t *)"x", 1));
    assert_int_equal(f->disconnected, 1);
    asc_linux_hub_stop(f->hub);
    assert_true(is_stopped(f));
    asc_linux_hub_free(f->hub);
    f->hub = NULL;
    while (!hub_server_connection(f->server, 0).disconnected) {
        poll(NULL, 0, 5); /* bounded by the test's time-out */
    }

    setup_hub(f, "HostName=localhost"); /* one that has not begun stops at once */
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
