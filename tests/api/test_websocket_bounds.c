/* SPDX-License-Identifier: MIT */
/* What holds for devices over WebSocket as for others: certificates, deadlines, rates, filter, and how many may come. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/http_tls.h"
#include "tests/api/websocket_client.h"
#include "tests/hub/certificates.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- Certificates ---- */

static void test_websocket__certificates(void **state)
{
    struct websocket_hub *f = *state;
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate root = test_certificate_ca("root", now_s);
    struct test_certificate good = test_certificate_leaf("ca", &root, now_s);
    struct test_certificate other = test_certificate_leaf("another", &root, now_s);
    const struct {
        const struct test_certificate *leaf;
        char code;
    } cases[] = {{&good, 0}, {&other, 5}, {NULL, 4}};

    memory_registry_add(&f->hub->registry, "ca", "", 'a', 'b')->auth_type = VD_AUTH_CA;
    f->hub->registry.cas[0] = test_certificate_stored("root", &root, true);
    f->hub->registry.ca_count = 1;
    websocket_start_patient(state);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct tls_client_identity identity = {
            .certificate = cases[i].leaf != NULL ? cases[i].leaf->x509 : NULL,
            .key = cases[i].leaf != NULL ? cases[i].leaf->key : NULL,
        };
        const struct packet_connect connect = {
            "ca", PACKET_HUB_NAME "/ca/?api-version=2021-04-12", NULL, 60};
        const char connack[] = {(char)0x82, 4, 0x20, 2, 0, cases[i].code};
        struct tls_client client;
        struct vd_buf packet = {0};
        char head[1024];

        assert_true(
            tls_client_open_as(&client, vd_http_port(f->http), f->hub->certificate, 0, &identity));
        websocket_say(&client, WEBSOCKET_REQUEST("", ""));
        assert_int_equal(websocket_answer(&client, head, sizeof head), 101);
        packet_connect(&packet, &connect);
        websocket_packet(&client, &packet);
        websocket_expect(&client, connack, sizeof connack);
        tls_client_close(&client);
    }
    test_certificate_release(&root);
    test_certificate_release(&good);
    test_certificate_release(&other);
}

/* ---- Whoever is slow, or comes too often ---- */

static void test_websocket__a_slow_request_is_cut_off(void **state)
{
    struct websocket_hub *f = *state;
    struct tls_client client;

    live_start(f->hub, &live_patient, 0);
    websocket_start(f, 300);
    websocket_connect(f, &client);
    websocket_say(&client, "GET /$iothub/websocket HTTP/1.1\r\nUpgrade: websocket\r\n");
    live_expect_end(&client);
}

static void test_websocket__without_a_connect_it_is_cut_off(void **state)
{
    struct websocket_hub *f = *state;
    struct vd_hub_times times = live_patient;
    struct tls_client silent;
    struct tls_client pinging;

    times.connect_ms = 400;
    live_start(f->hub, &times, 0);
    websocket_start(f, 0);
    websocket_open(f, &silent);
    websocket_open(f, &pinging);
    websocket_frame(&pinging, FRAME_PING, "", 0);
    websocket_expect(&pinging, "\x8a\x00", 2);
    live_expect_end(&silent);
    live_expect_end(&pinging);
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
}

/* Pings are no sign of life of MQTT's. */
static void test_websocket__keep_alive(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    const struct vd_key key = memory_key('a');
    struct tls_client client;
    struct vd_buf packet = {0};

    websocket_open(f, &client);
    packet_connect_device(&packet, "dev1", NULL, &key, live_in_s(3600), 1);
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x04\x20\x02\x00\x00", 6);
    websocket_frame(&client, FRAME_PING, "", 0);
    websocket_expect(&client, "\x8a\x00", 2);
    websocket_expect_close(&client, 1008);
    websocket_expect_operation(f, 1, "deviceDisconnect", "408001");
}

static void test_websocket__rate_of_an_address(void **state)
{
    struct websocket_hub *f = *state;
    unsigned let_in = 0;

    f->hub->rates.address_connects_per_s = 1;
    websocket_start_patient(state);
    for (unsigned i = 0; i < 2 * VD_HUB_BURST_S; i++) {
        struct tls_client client;
        char byte;

        websocket_connect(f, &client);
        websocket_say(&client, WEBSOCKET_REQUEST("", ""));
        let_in += tls_client_read(&client, &byte, 1) ? 1 : 0;
        tls_client_close(&client);
    }
    assert_in_range(let_in, VD_HUB_BURST_S, 2 * VD_HUB_BURST_S - 1);
    assert_int_equal(live_stats(f->hub).connects_limited, 2 * VD_HUB_BURST_S - let_in);
}

static void test_websocket__ip_filter(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct vd_ip_filter filter;
    struct tls_client client;
    struct vd_buf packet = {0};

    websocket_log_in(f, &client, "dev1");
    vd_ip_filter_init(&filter);
    filter.accepts_rest = false;
    vd_hub_set_ip_filter(f->hub->hub, &filter);
    websocket_expect_close(&client, 1008);
    websocket_open(f, &client);
    websocket_connect_packet(&packet, "dev1", 'a');
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x04\x20\x02\x00\x05", 6);
    websocket_expect_close(&client, 1008);
}

/* Devices take no back end's place: their connections are not the server's any more. */
static void test_websocket__more_than_the_server_serves(void **state)
{
    static struct tls_client clients[VD_HTTP_TLS_CONNECTIONS_MAX + 20];
    struct websocket_hub *f = *state;
    struct vd_hub_times times = live_patient;

    times.connect_ms = 600000; /* a slow machine takes a while to open them all */
    live_start(f->hub, &times, 0);
    websocket_start(f, 0);
    for (size_t i = 0; i < COUNT(clients); i++) {
        websocket_open(f, &clients[i]);
    }
    assert_int_equal(live_stats(f->hub).connections, COUNT(clients));
    for (size_t i = 0; i < COUNT(clients); i++) {
        websocket_frame(&clients[i], FRAME_PING, "", 0);
        websocket_expect(&clients[i], "\x8a\x00", 2);
        tls_client_close(&clients[i]);
    }
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
}

static void test_websocket__the_hub_is_full(void **state)
{
    struct websocket_hub *f = *state;
    struct tls_client in;
    struct tls_client out;

    live_start(f->hub, &live_patient, 1);
    websocket_start(f, 0);
    websocket_log_in(f, &in, "dev1");
    websocket_connect(f, &out);
    websocket_say(&out, WEBSOCKET_REQUEST("", ""));
    live_expect_end(&out);
    websocket_mqtt_ping(&in);
    tls_client_close(&in);
}

/* ---- Many at once, who leave whenever they like ---- */

#define CHURNERS     4
#define CHURN_ROUNDS 60

struct churner {
    pthread_t thread;
    uint16_t port;
    const char *certificate;
};

/* One connection that ends at its `kind`th station. */
static void come_and_go(struct tls_client *client, unsigned kind)
{
    static const char request[] = WEBSOCKET_REQUEST("", "");
    static const char noise[] = "this is no frame";
    size_t length = 0;
    char byte;

    (void)tls_client_write(client, request, kind == 1 ? 50 : kind == 0 ? 0 : sizeof request - 1);
    if (kind == 3) {
        (void)tls_client_write(client, noise, sizeof noise);
        (void)tls_client_read_end(client, &length);
    } else if (kind >= 4 && tls_client_read(client, &byte, 1)) {
        (void)tls_client_write(client, "\x89\x80\0\0\0\0", 6);
    }
    if (kind == 5) {
        (void)tls_client_write(client, "\x88\x80\0\0\0\0", 6);
        (void)tls_client_read_end(client, &length);
    }
}

static void *churn(void *context)
{
    const struct churner *self = context;

    for (unsigned i = 0; i < CHURN_ROUNDS; i++) {
        struct tls_client client;

        if (!tls_client_open(&client, self->port, self->certificate, 0)) {
            break; /* the server stops */
        }
        come_and_go(&client, i % 6);
        tls_client_close(&client);
    }
    return NULL;
}

static void begin_churn(struct websocket_hub *f, struct churner churners[CHURNERS])
{
    for (size_t i = 0; i < CHURNERS; i++) {
        churners[i].port = vd_http_port(f->http);
        churners[i].certificate = f->hub->certificate;
        assert_int_equal(pthread_create(&churners[i].thread, NULL, churn, &churners[i]), 0);
    }
}

static void end_churn(struct churner churners[CHURNERS])
{
    for (size_t i = 0; i < CHURNERS; i++) {
        pthread_join(churners[i].thread, NULL);
    }
}

static void test_websocket__comings_and_goings(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    static struct churner churners[CHURNERS];
    struct tls_client client;

    begin_churn(f, churners);
    end_churn(churners);
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
    websocket_log_in(f, &client, "dev1");
    tls_client_close(&client);
}

/* Whatever was on its way when the server and then the hub stop is closed. */
static void test_websocket__a_stop_among_comings_and_goings(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    static struct churner churners[CHURNERS];

    begin_churn(f, churners);
    LIVE_AWAIT(live_stats(f->hub).protocol_errors >= 2);
    assert_true(vd_http_stop(f->http, 20000));
    f->http = NULL;
    vd_hub_stop(f->hub->hub);
    f->hub->hub = NULL;
    end_churn(churners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEBSOCKET_TEST(test_websocket__certificates),
        WEBSOCKET_TEST(test_websocket__a_slow_request_is_cut_off),
        WEBSOCKET_TEST(test_websocket__without_a_connect_it_is_cut_off),
        WEBSOCKET_TEST(test_websocket__keep_alive),
        WEBSOCKET_TEST(test_websocket__rate_of_an_address),
        WEBSOCKET_TEST(test_websocket__ip_filter),
        WEBSOCKET_TEST(test_websocket__more_than_the_server_serves),
        WEBSOCKET_TEST(test_websocket__the_hub_is_full),
        WEBSOCKET_TEST(test_websocket__comings_and_goings),
        WEBSOCKET_TEST(test_websocket__a_stop_among_comings_and_goings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
