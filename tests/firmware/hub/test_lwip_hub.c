/* SPDX-License-Identifier: MIT */
/* The lwIP port's connection, with its lwIP and mbed TLS, against a TLS server that behaves well and badly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "tests/firmware/hub/hub_fixture.h"
#include "tests/firmware/hub/tap.h"

#define STEP_MS  (ASC_LWIP_HUB_STEP_TIME * 1000u)
#define RENEW_MS (ASC_LWIP_HUB_TOKEN_LIFE * 750u)
#define PING_MS  (ASC_LWIP_HUB_KEEP_ALIVE * 750u)

/* ---- What is waited for. ---- */

static bool is_online(void)
{
    return fixture.hub.state == ASC_LWIP_HUB_ONLINE;
}

static bool is_greeting(void)
{
    return fixture.hub.state == ASC_LWIP_HUB_GREETING;
}

static bool one_delivered(void)
{
    return fixture.delivered == 1;
}

static bool one_undelivered(void)
{
    return fixture.undelivered == 1;
}

static bool is_lost(void)
{
    return hub_fixture_logged("hub_lost");
}

static bool message_there(void)
{
    return hub_server_messages(fixture.server) > 0;
}

static bool one_accepted(void)
{
    return hub_server_accepted(fixture.server) > 0;
}

static bool ponged(void)
{
    return hub_server_connection(fixture.server, 0).pings == 1 && !fixture.hub.mqtt.pinging;
}

/* As often as fixture.wanted. */
static bool failed_so_often(void)
{
    return fixture.hub.failures >= fixture.wanted;
}

static bool so_many_messages(void)
{
    return hub_server_messages(fixture.server) >= fixture.wanted;
}

static bool goodbye_said(void)
{
    return hub_server_connection(fixture.server, 0).disconnected;
}

static bool not_pinging(void)
{
    return !fixture.hub.mqtt.pinging;
}

static bool is_online_or_lost(void)
{
    return is_online() || is_lost();
}

static bool renewed(void)
{
    return hub_server_connections(fixture.server) == 2 && is_online();
}

static void go_online(void)
{
    hub_fixture_serve(hub_fixture_good_context());
    hub_fixture_make();
    assert_true(hub_fixture_run_until(is_online));
    assert_int_equal(fixture.connected, 1);
}

static void send_kept(void)
{
    assert_int_equal(asc_lwip_hub_send(&fixture.hub, (const uint8_t *)"kept", 4), ASC_SEND_PENDING);
}

/* ---- The tests. ---- */

static void test_lwip_hub__states(void **state)
{
    enum {
        W = ASC_LWIP_HUB_WAITING,
        R = ASC_LWIP_HUB_RESOLVING,
        O = ASC_LWIP_HUB_OPENING,
        G = ASC_LWIP_HUB_GREETING,
        N = ASC_LWIP_HUB_ONLINE,
        S = ASC_LWIP_HUB_STOPPED
    };
    static const int next[ASC_LWIP_HUB_STATES][ASC_LWIP_HUB_EVENTS] = {
        [W] = {R, W, S},
        [R] = {O, W, S},
        [O] = {G, W, S},
        [G] = {N, W, S},
        [N] = {N, W, S},
        [S] = {S, S, S},
    };

    (void)state;
    for (int s = 0; s < ASC_LWIP_HUB_STATES; s++) {
        assert_true(strlen(asc_lwip_hub_state_name((enum asc_lwip_hub_state)s)) > 0);
        for (int e = 0; e < ASC_LWIP_HUB_EVENTS; e++) {
            assert_int_equal(
                asc_lwip_hub_next((enum asc_lwip_hub_state)s, (enum asc_lwip_hub_event)e),
                next[s][e]);
        }
    }
}

static void test_lwip_hub__waits(void **state)
{
    static const struct {
        uint32_t failures, most_ms;
    } cases[] = {
        {1, 1000}, {2, 2000}, {3, 4000}, {6, 32000}, {7, 60000}, {8, 60000}, {UINT32_MAX, 60000}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t most = cases[i].most_ms;

        assert_int_equal(asc_lwip_hub_retry_ms(cases[i].failures, 0), most / 2);
        assert_int_equal(asc_lwip_hub_retry_ms(cases[i].failures, most / 2), most);
        for (uint32_t random = 1; random > 0; random *= 3) {
            assert_in_range(asc_lwip_hub_retry_ms(cases[i].failures, random), most / 2, most);
            if (random > UINT32_MAX / 3) {
                break;
            }
        }
    }
}

/* The `se` of the token of connection `index`. */
static unsigned long long expiry(unsigned index)
{
    struct hub_server_connection c = hub_server_connection(fixture.server, index);
    const char *se = strstr(c.password, "&se=");

    assert_non_null(se);
    return strtoull(se + 4, NULL, 10);
}

static bool openssl_hmac(const uint8_t *k, size_t k_length, const uint8_t *text, size_t length,
    uint8_t mac[ASC_SAS_MAC_BYTES])
{
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, k, k_length, text, length, mac,
               ASC_SAS_MAC_BYTES, NULL) != NULL;
}

static void test_lwip_hub__delivers(void **state)
{
    static uint8_t payload[ASC_MESSAGE_BYTES];
    const struct asc_identity identity = {HOST, DEVICE, NULL, "test"};
    struct hub_server_connection c;
    struct hub_server_message m;
    char want[HUB_SERVER_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    hub_fixture_serve(hub_fixture_good_context());
    hub_fixture_make();
    assert_int_equal(
        asc_lwip_hub_send(&fixture.hub, payload, 1), ASC_SEND_RETRY); /* not online yet */
    assert_true(hub_fixture_run_until(is_online));
    assert_int_equal(asc_lwip_hub_send(&fixture.hub, payload, sizeof(payload)), ASC_SEND_PENDING);
    assert_int_equal(
        asc_lwip_hub_send(&fixture.hub, payload, 1), ASC_SEND_RETRY); /* one at a time */
    assert_true(hub_fixture_run_until(one_delivered));

    c = hub_server_connection(fixture.server, 0);
    assert_string_equal(c.client_id, DEVICE);
    assert_string_equal(c.server_name, HOST);
    assert_int_equal(c.flags, 0xc2); /* user name, password, clean session */
    assert_int_equal(c.keep_alive_s, ASC_LWIP_HUB_KEEP_ALIVE);
    assert_string_equal(
        c.user_name, HOST "/" DEVICE "/?api-version=2021-04-12&DeviceClientType=test");
    assert_in_range(expiry(0), (unsigned long long)time(NULL) + ASC_LWIP_HUB_TOKEN_LIFE - 60,
        (unsigned long long)time(NULL) + ASC_LWIP_HUB_TOKEN_LIFE);
    assert_true(asc_sas_token(&identity, hub_fixture_key, HUB_FIXTURE_KEY_BYTES, openssl_hmac,
                    expiry(0), want, sizeof(want)) > 0);
    assert_string_equal(c.password, want);

    m = hub_server_message(fixture.server, 0);
    assert_string_equal(m.topic,
        "devices/" DEVICE "/messages/events/%24.ifid=urn%3Aazureiot%3ASecurity"
        "%3ASecurityAgent%3A1&mti=2.3-1-0-0");
    assert_int_equal(m.length, sizeof(payload));
    assert_memory_equal(m.payload, payload, sizeof(payload));
    assert_int_equal(fixture.undelivered, 0);
    assert_false(hub_fixture_logged("SharedAccess"));
}

static void test_lwip_hub__many_messages(void **state)
{
    static uint8_t payload[1400];

    (void)state;
    go_online();
    for (unsigned i = 1; i <= 100; i++) {
        memset(payload, (int)i, sizeof(payload));
        fixture.delivered = 0;
        assert_int_equal(asc_lwip_hub_send(&fixture.hub, payload, 10 * i), ASC_SEND_PENDING);
        assert_true(hub_fixture_run_until(one_delivered));
        assert_int_equal(hub_server_messages(fixture.server), i);
        assert_int_equal(hub_server_message(fixture.server, i - 1).length, 10 * i);
        assert_int_equal(hub_server_message(fixture.server, i - 1).payload[10 * i - 1], i);
    }
    assert_int_equal(hub_server_connections(fixture.server), 1);
}

/* Each way to not acknowledge: the message counts as not sent, and goes through the next time. */
static void test_lwip_hub__unacknowledged(void **state)
{
    static const struct {
        enum hub_server_mode mode;
        const char *reason;
    } cases[] = {
        {HUB_SERVER_DROP_PUBLISH, "the hub closed the connection"},
        {HUB_SERVER_SILENT_PUBACK, "the hub did not answer in time"},
        {HUB_SERVER_GARBAGE, "the hub sent what MQTT does not allow here"},
        {HUB_SERVER_WRONG_ID, "the hub sent what MQTT does not allow here"},
    };

    (void)state;
    go_online();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned messages = hub_server_messages(fixture.server);

        fixture.delivered = fixture.undelivered = 0;
        fixture.log[fixture.log_length = 0] = '\0';
        hub_server_set(fixture.server, cases[i].mode, 0);
        send_kept();
        if (cases[i].mode == HUB_SERVER_SILENT_PUBACK) {
            fixture.wanted = messages + 1;
            assert_true(hub_fixture_run_until(so_many_messages));
            hub_fixture_pass_ms(STEP_MS);
        }
        assert_true(hub_fixture_run_until(one_undelivered));
        assert_true(hub_fixture_logged(cases[i].reason));
        assert_int_equal(fixture.disconnected, i + 1);
        hub_server_set(fixture.server, HUB_SERVER_NORMAL, 0);
        hub_fixture_pass_ms(fixture.hub.wait_ms);
        assert_true(hub_fixture_run_until(is_online));
        send_kept();
        assert_true(hub_fixture_run_until(one_delivered));
        assert_int_equal(fixture.hub.failures, 0);
    }
}

static void test_lwip_hub__silent_server(void **state)
{
    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    hub_server_set(fixture.server, HUB_SERVER_SILENT_TLS, 0);
    hub_fixture_make();
    assert_true(hub_fixture_run_until(one_accepted));
    hub_fixture_pass_ms(STEP_MS);
    assert_true(hub_fixture_run_until(is_lost));
    assert_true(hub_fixture_logged("the TLS handshake took too long"));
    hub_server_set(fixture.server, HUB_SERVER_SILENT_CONNACK, 0);
    hub_fixture_pass_ms(fixture.hub.wait_ms);
    assert_true(hub_fixture_run_until(is_greeting));
    hub_fixture_pass_ms(STEP_MS);
    fixture.log[fixture.log_length = 0] = '\0';
    assert_true(hub_fixture_run_until(is_lost));
    assert_true(hub_fixture_logged("the hub did not answer CONNECT in time"));
    assert_int_equal(fixture.connected, 0);
    hub_server_set(fixture.server, HUB_SERVER_NORMAL, 0);
    hub_fixture_pass_ms(fixture.hub.wait_ms);
    assert_true(hub_fixture_run_until(is_online));
}

static void test_lwip_hub__refused(void **state)
{
    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    hub_server_set(fixture.server, HUB_SERVER_REFUSE, 5);
    hub_fixture_make();
    assert_true(hub_fixture_run_until(is_lost));
    assert_true(hub_fixture_logged("unknown or disabled device"));
    assert_true(hub_fixture_logged("code=5"));
    assert_int_equal(fixture.connected, 0);
    for (fixture.wanted = 2; fixture.wanted < 9;
         fixture.wanted++) { /* it goes on, ever more slowly */
        hub_fixture_pass_ms(fixture.hub.wait_ms);
        assert_true(hub_fixture_run_until(failed_so_often));
    }
    assert_in_range(fixture.hub.wait_ms, 30000, 60000);
    hub_server_set(fixture.server, HUB_SERVER_NORMAL, 0);
    hub_fixture_pass_ms(fixture.hub.wait_ms);
    assert_true(hub_fixture_run_until(is_online));
}

static void test_lwip_hub__stays_alive(void **state)
{
    (void)state;
    go_online();
    hub_fixture_pass_ms(PING_MS - 1000);
    hub_fixture_step(1);
    assert_false(fixture.hub.mqtt.pinging);
    hub_fixture_pass_ms(1000);
    assert_true(hub_fixture_run_until(ponged));
    assert_true(is_online());
    hub_server_set(fixture.server, HUB_SERVER_SILENT_PING, 0);
    hub_fixture_pass_ms(PING_MS);
    hub_fixture_step(1);
    assert_true(fixture.hub.mqtt.pinging);
    hub_fixture_pass_ms(STEP_MS);
    assert_true(hub_fixture_run_until(is_lost));
    assert_true(hub_fixture_logged("the hub did not answer in time"));
}

static void test_lwip_hub__renews_its_token(void **state)
{
    (void)state;
    go_online();
    for (uint32_t at = 0; at < RENEW_MS; at += PING_MS) { /* awake as a device is */
        hub_fixture_pass_ms(PING_MS);
        hub_fixture_step(5);
        assert_false(is_lost());
        assert_true(hub_fixture_run_until(not_pinging));
    }
    assert_true(hub_fixture_run_until(renewed));
    assert_true(hub_server_connection(fixture.server, 0).disconnected);
    assert_true(expiry(1) >= expiry(0) + RENEW_MS / 1000);
    assert_int_equal(fixture.disconnected, 0); /* the module need not notice */
    send_kept();
    assert_true(hub_fixture_run_until(one_delivered));
}

/* A server that the device must not talk to: no CONNECT with a token goes out, however often it tries. */
static void expect_no_trust(SSL_CTX *context, const char *says)
{
    hub_fixture_serve(context);
    hub_fixture_make();
    for (fixture.wanted = 1; fixture.wanted < 4; fixture.wanted++) {
        assert_true(hub_fixture_run_until(failed_so_often));
        hub_fixture_pass_ms(fixture.hub.wait_ms);
    }
    assert_int_equal(hub_server_connections(fixture.server), 0);
    assert_int_equal(fixture.connected, 0);
    assert_true(hub_fixture_logged(says));
}

static void test_lwip_hub__other_ca(void **state)
{
    struct test_ca other = test_ca_new("test CA"); /* the same name, another hub_fixture_key */
    SSL_CTX *context = test_server_context(&other, "DNS:" HOST, -3600, 86400);

    (void)state;
    test_ca_release(&other);
    expect_no_trust(context, "not signed by the CA");
}

static void test_lwip_hub__other_name(void **state)
{
    (void)state;
    expect_no_trust(test_server_context(&fixture.ca, "DNS:other.test,DNS:a." HOST, -3600, 86400),
        "is for another name");
}

static void test_lwip_hub__expired(void **state)
{
    (void)state;
    expect_no_trust(
        test_server_context(&fixture.ca, "DNS:" HOST, -7200, -3600), "not valid at this time");
}

static void test_lwip_hub__not_valid_yet(void **state)
{
    (void)state;
    expect_no_trust(
        test_server_context(&fixture.ca, "DNS:" HOST, 43200, 86400), "not valid at this time");
}

static void test_lwip_hub__other_algorithms(void **state)
{
    SSL_CTX *context = hub_fixture_good_context();

    (void)state;
    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES256-SHA384"), 1);
    expect_no_trust(context, "the TLS handshake failed");
}

static void test_lwip_hub__tls_1_3_only(void **state)
{
    SSL_CTX *context = hub_fixture_good_context();

    (void)state;
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION), 1);
    expect_no_trust(context, "the TLS handshake failed");
}

static void test_lwip_hub__no_time_no_connection(void **state)
{
    (void)state;
    fixture.no_time = true;
    hub_fixture_serve(hub_fixture_good_context());
    hub_fixture_make();
    for (int i = 0; i < 20; i++) {
        hub_fixture_step(0);
        assert_in_range(asc_lwip_hub_step(&fixture.hub), 1, 1000);
        hub_fixture_pass_ms(1000);
    }
    assert_int_equal(hub_server_accepted(fixture.server), 0);
    assert_int_equal(fixture.hub.state, ASC_LWIP_HUB_WAITING);
    fixture.no_time = false;
    assert_true(hub_fixture_run_until(is_online));
}

static void test_lwip_hub__nobody_listens(void **state)
{
    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    hub_fixture_make();
    fixture.hub.options.port = 1;
    assert_true(hub_fixture_run_until(is_lost));
    assert_true(hub_fixture_logged("the hub takes no connection"));
}

static void test_lwip_hub__unknown_name(void **state)
{
    struct asc_lwip_hub_options o;

    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    o = hub_fixture_options();
    o.host = "nowhere.test";
    assert_null(asc_lwip_hub_init(&fixture.hub, &o));
    fixture.made = true;
    for (int i = 0; i < 60 && !is_lost(); i++) {
        hub_fixture_step(0);
        hub_fixture_pass_ms(1000);
    }
    assert_true(hub_fixture_logged("hub_lost reason=\"the host name is not known\"") ||
        hub_fixture_logged("hub_lost reason=\"looking the host name up took too long\""));
}

static void test_lwip_hub__says_what_is_wrong(void **state)
{
    static char longest[400];
    struct asc_lwip_hub_options o;
    const char *problem;

    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    memset(longest, 'h', sizeof(longest) - 1);
    o = hub_fixture_options();
    o.identity.device_id = longest;
    problem = asc_lwip_hub_init(&fixture.hub, &o);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "ASC_LWIP_HUB_TEXT_BYTES"));
    o = hub_fixture_options();
    o.identity.device_id = "";
    assert_non_null(asc_lwip_hub_init(&fixture.hub, &o));
    o = hub_fixture_options();
    o.ca_bytes = 100;
    problem = asc_lwip_hub_init(&fixture.hub, &o);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "CA"));
    assert_int_equal(fixture.allocated, 0);
}

/* With one allocation failing, each in turn, the connection is refused, lost or made, and nothing leaks. */
static void test_lwip_hub__every_allocation_fails_once(void **state)
{
    long n = 0;
    bool whole = false;

    (void)state;
    hub_fixture_serve(hub_fixture_good_context());
    while (!whole) {
        struct asc_lwip_hub_options o = hub_fixture_options();

        fixture.log[fixture.log_length = 0] = '\0';
        fixture.connected = fixture.disconnected = 0;
        fixture.allocations_left = n;
        if (asc_lwip_hub_init(&fixture.hub, &o) == NULL) {
            assert_true(hub_fixture_run_until(is_online_or_lost));
            whole = is_online() && fixture.allocations_left > 0;
            asc_lwip_hub_stop(&fixture.hub);
        }
        assert_int_equal(fixture.allocated, 0);
        hub_fixture_pass_ms(200000);
        /* All of the first, where most is set up, then with growing gaps. */
        n += n < 60 ? 1 : n / 20;
    }
    assert_true(n > 60);
}

static void test_lwip_hub__stops_with_a_goodbye(void **state)
{
    (void)state;
    go_online();
    send_kept();
    assert_true(hub_fixture_run_until(message_there));
    assert_true(hub_fixture_run_until(one_delivered));
    asc_lwip_hub_stop(&fixture.hub);
    assert_true(hub_fixture_run_until(goodbye_said));
    assert_int_equal(fixture.disconnected, 1);
    asc_lwip_hub_stop(&fixture.hub); /* again, which does nothing */
}

static void test_lwip_hub__stops_while_a_message_is_under_way(void **state)
{
    (void)state;
    go_online();
    hub_server_set(fixture.server, HUB_SERVER_SILENT_PUBACK, 0);
    send_kept();
    assert_true(hub_fixture_run_until(message_there));
    asc_lwip_hub_stop(&fixture.hub);
    assert_int_equal(fixture.undelivered, 1);
    assert_int_equal(fixture.disconnected, 1);
}

#define WITH_FIXTURE(test) \
    cmocka_unit_test_setup_teardown(test, hub_fixture_setup, hub_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lwip_hub__states),
        cmocka_unit_test(test_lwip_hub__waits),
        WITH_FIXTURE(test_lwip_hub__delivers),
        WITH_FIXTURE(test_lwip_hub__many_messages),
        WITH_FIXTURE(test_lwip_hub__unacknowledged),
        WITH_FIXTURE(test_lwip_hub__silent_server),
        WITH_FIXTURE(test_lwip_hub__refused),
        WITH_FIXTURE(test_lwip_hub__stays_alive),
        WITH_FIXTURE(test_lwip_hub__renews_its_token),
        WITH_FIXTURE(test_lwip_hub__other_ca),
        WITH_FIXTURE(test_lwip_hub__other_name),
        WITH_FIXTURE(test_lwip_hub__expired),
        WITH_FIXTURE(test_lwip_hub__not_valid_yet),
        WITH_FIXTURE(test_lwip_hub__other_algorithms),
        WITH_FIXTURE(test_lwip_hub__tls_1_3_only),
        WITH_FIXTURE(test_lwip_hub__no_time_no_connection),
        WITH_FIXTURE(test_lwip_hub__nobody_listens),
        WITH_FIXTURE(test_lwip_hub__unknown_name),
        WITH_FIXTURE(test_lwip_hub__says_what_is_wrong),
        WITH_FIXTURE(test_lwip_hub__every_allocation_fails_once),
        WITH_FIXTURE(test_lwip_hub__stops_with_a_goodbye),
        WITH_FIXTURE(test_lwip_hub__stops_while_a_message_is_under_way),
    };
    const char *problem = tap_open();

    if (problem != NULL) {
        printf("skipped: %s\n", problem);
        return 77;
    }
    return cmocka_run_group_tests(tests, hub_fixture_start_lwip, NULL);
}
