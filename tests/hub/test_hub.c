/* SPDX-License-Identifier: MIT */
/* The hub over real TLS on loopback: messages, refusals, takeover, and when a connection ends. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/live_hub.h"

static void test_hub__telemetry(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct live_hub *f = *state;
    struct vd_key key = memory_key('b');

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < 2; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};
        struct vd_event event;
        uint32_t base = fault_log_count(&f->log);

        assert_true(tls_client_open(&client, vd_hub_port(f->hub), f->certificate, versions[i]));
        packet_connect_device(&packet, "dev1", i == 0 ? NULL : "mod", &key, live_in_s(60), 0);
        live_send(&client, &packet);
        live_expect(&client, "\x20\x02\x00\x00", 4);
        assert_true(vd_hub_is_connected(f->hub, "dev1", i == 0 ? NULL : "mod"));
        live_publish(
            &client, i == 0 ? LIVE_TOPIC : "devices/dev1/modules/mod/messages/events/a=b/", 7);
        live_expect_puback(&client, 7);
        assert_int_equal(fault_log_count(&f->log), base + 1);
        assert_true(fault_log_get(&f->log, base, &event));
        assert_true(vd_str_equal_text(event.device_id, "dev1"));
        assert_true(vd_str_equal_text(event.module_id, i == 0 ? "" : "mod"));
        assert_true(vd_str_equal_text(event.address, "127.0.0.1"));
        assert_true(vd_str_equal_text(event.body, "body"));
        assert_int_equal(event.kind, VD_EVENT_TELEMETRY);
        live_publish(&client, i == 0 ? LIVE_TOPIC : "devices/dev1/modules/mod/messages/events/", 0);
        assert_true(fault_log_await_records(&f->log, base + 2));
        live_ping(&client);
        assert_true(tls_client_write(&client, "\xe0\x00", 2));
        live_expect_end(&client);
        LIVE_AWAIT(!vd_hub_is_connected(f->hub, "dev1", i == 0 ? NULL : "mod"));
    }
    assert_int_equal(live_stats(f).messages_telemetry, 4);
    LIVE_AWAIT(live_stats(f).connections == 0);
}

static void test_hub__old_tls(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    assert_false(tls_client_open(&client, vd_hub_port(f->hub), f->certificate, TLS1_1_VERSION));
    LIVE_AWAIT(live_stats(f).connections == 0);
}

/* The hub forgets the keys of the exchange; what it needs to change keys later it still has. */
static void test_hub__key_update(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    for (uint16_t id = 1; id <= 3; id++) {
        assert_int_equal(SSL_version(client.ssl), TLS1_3_VERSION);
        assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        live_publish(&client, LIVE_TOPIC, id);
        live_expect_puback(&client, id);
    }
    tls_client_close(&client);
}

/* Every code reaches the client before the connection ends. */
static void test_hub__refusals(void **state)
{
    static const struct {
        struct packet_connect connect;
        const char *answer;
    } cases[] = {
        {{"", "x", "y", 0}, "\x20\x02\x00\x02"},
        {{"dev1", "hub.example/dev1", "y", 0}, "\x20\x02\x00\x04"},
        {{"dev1", "hub.example/dev1/?api-version=2021-04-12", "y", 0}, "\x20\x02\x00\x04"},
        {{"dev1", "hub.example/dev1/?api-version=2021-04-12",
             "SharedAccessSignature sr=hub.example&sig=b&se=9999999999", 0},
            "\x20\x02\x00\x05"},
    };
    struct live_hub *f = *state;

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};

        live_open(f, &client);
        packet_connect(&packet, &cases[i].connect);
        /* What a client sends on top must not let a reset overtake the answer. */
        packet_publish(&packet, 2, LIVE_TOPIC, 1, "body", 4);
        live_send(&client, &packet);
        live_expect(&client, cases[i].answer, 4);
        live_expect_end(&client);
    }
    LIVE_AWAIT(live_stats(f).connections == 0);
    assert_int_equal(live_stats(f).connects_refused, 4);
    assert_int_equal(live_stats(f).connects_accepted, 0);
    assert_int_equal(fault_log_count(&f->log), 0);
}

static void test_hub__violations(void **state)
{
    static const struct {
        uint8_t flags;
        const char *topic;
    } cases[] = {
        {4, LIVE_TOPIC},
        {2, "devices/dev2/messages/events/"},
        {2, "home/light"},
        {2, "$iothub/twin/GET/"},
        {2, "devices/dev1/messages/events/malformed"},
    };
    struct live_hub *f = *state;

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};

        live_log_in(f, &client, "dev1");
        packet_publish(&packet, cases[i].flags, cases[i].topic, 1, "body", 4);
        live_send(&client, &packet);
        live_expect_end(&client);
        assert_int_equal(live_stats(f).protocol_errors, i + 1);
    }
    assert_int_equal(fault_log_count(&f->log), 0);
    LIVE_AWAIT(live_stats(f).authenticated == 0);
}

static void test_hub__takeover(void **state)
{
    struct live_hub *f = *state;
    struct tls_client first;
    struct tls_client second;
    struct tls_client other;

    live_start(f, &live_patient, 0);
    live_log_in(f, &first, "dev1");
    live_log_in(f, &other, "dev2");
    live_log_in(f, &second, "dev1");
    live_expect_end(&first);
    assert_int_equal(live_stats(f).takeovers, 1);
    live_publish(&second, LIVE_TOPIC, 1);
    live_expect_puback(&second, 1);
    live_ping(&other);
    assert_true(vd_hub_is_connected(f->hub, "dev1", NULL));
    assert_int_equal(live_stats(f).authenticated, 2);
    tls_client_close(&second);
    tls_client_close(&other);
}

static void test_hub__disconnect(void **state)
{
    struct live_hub *f = *state;
    struct tls_client first;
    struct tls_client other;

    live_start(f, &live_patient, 0);
    live_log_in(f, &first, "dev1");
    live_log_in(f, &other, "dev2");
    vd_hub_disconnect(f->hub, "nobody", NULL);
    vd_hub_disconnect(f->hub, "dev1", "mod");
    live_ping(&first);
    vd_hub_disconnect(f->hub, "dev1", NULL);
    live_expect_end(&first);
    assert_false(vd_hub_is_connected(f->hub, "dev1", NULL));
    live_ping(&other);
    tls_client_close(&other);
}

static void test_hub__keep_alive(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    int64_t start_ms;

    live_start(f, &live_patient, 0);
    live_log_in_until(f, &client, "dev1", live_in_s(3600), 1);
    start_ms = vd_clock_monotonic_ms();
    live_expect_end(&client);
    assert_true(vd_clock_monotonic_ms() - start_ms >= 1400);
    assert_true(vd_clock_monotonic_ms() - start_ms < 10000);
}

static void test_hub__token_expiry(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    live_log_in_until(f, &client, "dev1", live_in_s(2), 0);
    live_expect_end(&client);
    assert_true(vd_clock_utc_ms() / 1000 >= live_in_s(0));
    LIVE_AWAIT(live_stats(f).connections == 0);
    assert_int_equal(live_stats(f).protocol_errors, 0);
}

static void test_hub__large_messages(void **state)
{
    static uint8_t body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_event event;
    struct vd_buf packet = {0};

    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 7 + i / 251);
    }
    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    packet_publish(&packet, 2, LIVE_TOPIC, 1, body, sizeof body - 1);
    packet_publish(&packet, 2, LIVE_TOPIC, 2, body, 1);
    live_send(&client, &packet);
    live_expect_puback(&client, 1);
    live_expect_puback(&client, 2);
    assert_true(fault_log_get(&f->log, 0, &event));
    assert_int_equal(event.body.length, sizeof body - 1);
    assert_memory_equal(event.body.data, body, sizeof body - 1);
    packet_publish(&packet, 2, LIVE_TOPIC, 3, body, sizeof body);
    /* The hub may end before it has read all: a failing write is no fault then. */
    tls_client_write(&client, packet.data, packet.length);
    vd_buf_release(&packet);
    live_expect_end(&client);
    assert_int_equal(fault_log_count(&f->log), 2);
}

static void test_hub__start_errors(void **state)
{
    struct live_hub *f = *state;
    struct vd_hub_config good = {.host_name = PACKET_HUB_NAME,
        .listen_address = "127.0.0.1",
        .certificate_file = f->certificate,
        .private_key_file = f->key};
    struct vd_hub_config config = good;
    struct vd_hub *hub = NULL;
    char text[256];

    live_start(f, &live_patient, 0);
    config.port = vd_hub_port(f->hub);
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text), VD_E_BUSY);
    config = good;
    config.listen_address = "localhost";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_non_null(strstr(text, "localhost"));
    config = good;
    config.certificate_file = "/nonexistent.pem";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_non_null(strstr(text, "/nonexistent.pem"));
    config = good;
    config.private_key_file = f->certificate;
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_null(hub);
    vd_hub_stop(NULL);
    config = good;
    config.listen_address = "::1";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text), VD_OK);
    assert_string_equal(text, "");
    vd_hub_stop(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_hub__telemetry),
        LIVE_TEST(test_hub__old_tls),
        LIVE_TEST(test_hub__key_update),
        LIVE_TEST(test_hub__refusals),
        LIVE_TEST(test_hub__violations),
        LIVE_TEST(test_hub__takeover),
        LIVE_TEST(test_hub__disconnect),
        LIVE_TEST(test_hub__keep_alive),
        LIVE_TEST(test_hub__token_expiry),
        LIVE_TEST(test_hub__large_messages),
        LIVE_TEST(test_hub__start_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
