/* SPDX-License-Identifier: MIT */
/* MQTT over WebSocket: from the request on the HTTPS port to a session of the hub, as bytes over real TLS. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/api/websocket_client.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define TOPIC      "devices/dev1/messages/events/"
#define LARGE_BODY 262144

/* ---- The handshake ---- */

static void expect_upgraded(struct websocket_hub *f, const char *request)
{
    struct tls_client client;
    char head[1024];

    websocket_connect(f, &client);
    websocket_say(&client, request);
    assert_int_equal(websocket_answer(&client, head, sizeof head), 101);
    assert_non_null(strstr(head, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(head, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(head, "\r\nSec-WebSocket-Accept: " WEBSOCKET_ACCEPT "\r\n"));
    assert_non_null(strstr(head, "\r\nSec-WebSocket-Protocol: mqtt\r\n"));
    assert_null(strstr(head, "Sec-WebSocket-Extensions"));
    websocket_frame(&client, FRAME_PING, "x", 1);
    websocket_expect(&client, "\x8a\x01x", 3);
    tls_client_close(&client);
}

static void test_websocket__handshake(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);

    expect_upgraded(f, WEBSOCKET_REQUEST("", ""));
    expect_upgraded(f, WEBSOCKET_REQUEST("?iothub-no-client-cert=true", ""));
    expect_upgraded(f, WEBSOCKET_REQUEST("", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    expect_upgraded(f, WEBSOCKET_REQUEST("", "Origin: https://elsewhere.example\r\n"));
    expect_upgraded(f,
        "GET /%24iothub/websocket HTTP/1.1\r\nhost: h\r\nUPGRADE: h2c, WebSocket\r\n"
        "connection: keep-alive,upgrade\r\nsec-websocket-key:  " WEBSOCKET_KEY " \r\n"
        "sec-websocket-version: 13\r\nsec-websocket-protocol: mqttv3.1\r\n"
        "sec-websocket-protocol: other,mqtt\r\n\r\n");
}

/* [MQTT-6.0.0-3], and what else a handshake may lack. */
static void test_websocket__handshakes_that_are_none(void **state)
{
    static const struct {
        const char *lines; /* behind the request's line */
        int status;
    } requests[] = {
        {"", 426},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", 426},
        {"Host: h\r\nConnection: close\r\nUpgrade: websocket\r\n", 426},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: " WEBSOCKET_KEY "\r\nSec-WebSocket-Protocol: mqtt\r\n",
            426},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Protocol: mqtt\r\n",
            400},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: short\r\nSec-WebSocket-Protocol: mqtt\r\n",
            400},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: " WEBSOCKET_KEY "\r\n",
            400},
        {"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: " WEBSOCKET_KEY "\r\nSec-WebSocket-Protocol: AMQPWSB10, MQTT\r\n",
            400},
    };
    struct websocket_hub *f = websocket_start_patient(state);

    for (size_t i = 0; i < COUNT(requests); i++) {
        struct tls_client client;
        struct vd_buf request = {0};
        char head[1024];

        websocket_connect(f, &client);
        vd_buf_printf(&request, "GET /$iothub/websocket HTTP/1.1\r\n%s\r\n", requests[i].lines);
        live_send(&client, &request);
        assert_int_equal(websocket_answer(&client, head, sizeof head), requests[i].status);
        assert_true(
            (strstr(head, "Sec-WebSocket-Version: 13\r\n") != NULL) == (requests[i].status == 426));
        tls_client_close(&client);
    }
    assert_int_equal(live_stats(f->hub).connections, 0);
}

/* A request may come in pieces, and behind others; other paths and methods are the faces'. */
static void test_websocket__a_request_among_others(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    const char *const request = WEBSOCKET_REQUEST("", "");
    struct tls_client client;
    char head[1024];

    websocket_connect(f, &client);
    websocket_say(&client, "GET /$iothub/other HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(websocket_answer(&client, head, sizeof head), 404);
    websocket_say(
        &client, "POST /$iothub/websocket HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(websocket_answer(&client, head, sizeof head), 404);
    for (size_t i = 0; i < strlen(request); i++) {
        assert_true(tls_client_write(&client, request + i, 1));
    }
    assert_int_equal(websocket_answer(&client, head, sizeof head), 101);
    websocket_frame(&client, FRAME_PING, "", 0);
    websocket_expect(&client, "\x8a\x00", 2);
    tls_client_close(&client);
}

/* What comes with the request is not lost, whether TLS has it in the same record or in the next. */
static void test_websocket__an_early_connect(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);

    for (unsigned apart = 0; apart < 2; apart++) {
        struct tls_client client;
        struct vd_buf packet = {0};
        struct vd_buf all = {0};
        char head[1024];

        websocket_connect_packet(&packet, "dev1", 'a');
        vd_buf_append_text(&all, WEBSOCKET_REQUEST("", ""));
        websocket_connect(f, &client);
        if (apart == 1) {
            live_send(&client, &all);
        }
        frame_append(&all, FRAME_BINARY, 1, packet.data, packet.length);
        live_send(&client, &all);
        assert_int_equal(websocket_answer(&client, head, sizeof head), 101);
        websocket_expect(&client, "\x82\x04\x20\x02\x00\x00", 6);
        websocket_mqtt_ping(&client);
        tls_client_close(&client);
        vd_buf_release(&packet);
    }
}

static void test_websocket__too_much_too_early(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    static uint8_t body[2 * VD_HUB_EARLY_MAX_BYTES];
    struct tls_client client;
    struct vd_buf all = {0};
    size_t length = 0;

    vd_buf_append_text(&all, WEBSOCKET_REQUEST("", ""));
    frame_append(&all, FRAME_BINARY, 1, body, sizeof body);
    websocket_connect(f, &client);
    live_send(&client, &all);
    /* Refused by one server or, as far as it came later, by the other. */
    assert_true(tls_client_read_end(&client, &length));
    tls_client_close(&client);
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
    assert_int_equal(live_stats(f->hub).connects_accepted, 0);
}

/* ---- MQTT in frames ---- */

/* [MQTT-6.0.0-1], [MQTT-6.0.0-4] */
static void test_websocket__telemetry(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;
    struct vd_buf packet = {0};
    struct vd_event event;

    websocket_log_in(f, &client, "dev1");
    websocket_expect_operation(f, 0, "deviceConnect", "");
    packet_publish(&packet, 2, TOPIC "a=b", 7, "body", 4);
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x04\x40\x02\x00\x07", 6);
    assert_true(fault_log_get(&f->hub->log, 0, &event));
    assert_true(vd_str_equal_text(event.body, "body"));
    assert_true(vd_str_equal_text(event.properties, "a=b"));
    assert_true(vd_str_equal_text(event.device_id, "dev1"));
    assert_true(vd_str_equal_text(event.address, "127.0.0.1"));
    websocket_frame(&client, FRAME_BINARY, "\xe0\x00", 2);
    websocket_expect_close(&client, 1000);
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
}

static void test_websocket__telemetry_by_both_versions(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct websocket_hub *f = websocket_start_patient(state);

    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_client client;
        struct vd_buf packet = {0};
        char head[1024];

        assert_true(
            tls_client_open(&client, vd_http_port(f->http), f->hub->certificate, versions[i]));
        websocket_say(&client, WEBSOCKET_REQUEST("", ""));
        assert_int_equal(websocket_answer(&client, head, sizeof head), 101);
        websocket_connect_packet(&packet, "dev1", 'a');
        websocket_packet(&client, &packet);
        websocket_expect(&client, "\x82\x04\x20\x02\x00\x00", 6);
        websocket_mqtt_ping(&client);
        tls_client_close(&client);
    }
}

/* [MQTT-6.0.0-2]: several packets in one frame, and packets in many. */
static void test_websocket__packets_that_are_not_aligned(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;
    struct vd_buf packets = {0};

    websocket_open(f, &client);
    websocket_connect_packet(&packets, "dev1", 'a');
    packet_publish(&packets, 2, TOPIC, 1, "one", 3);
    packet_publish(&packets, 2, TOPIC, 2, "two", 3);
    vd_buf_append(&packets, "\xc0", 1);
    websocket_packet(&client, &packets);
    websocket_expect(&client, "\x82\x04\x20\x02\x00\x00", 6);
    websocket_expect(&client, "\x82\x04\x40\x02\x00\x01\x82\x04\x40\x02\x00\x02", 12);
    websocket_frame(&client, FRAME_BINARY, "\x00", 1);
    websocket_expect(&client, "\x82\x02\xd0\x00", 4);
    packet_publish(&packets, 2, TOPIC, 3, "three", 5);
    for (size_t i = 0; i < packets.length;
         i++) { /* one message, of a frame for each byte, and a ping between them */
        websocket_frame(&client,
            (uint8_t)((i == 0 ? 0x02 : 0x00) | (i + 1 == packets.length ? 0x80 : 0)),
            packets.data + i, 1);
        if (i == 4) {
            websocket_frame(&client, FRAME_PING, "p", 1);
        }
    }
    vd_buf_release(&packets);
    websocket_expect(&client, "\x8a\x01p\x82\x04\x40\x02\x00\x03", 9);
    tls_client_close(&client);
}

static void test_websocket__the_largest_message(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    static uint8_t body[LARGE_BODY];
    struct tls_client client;
    struct vd_buf packet = {0};
    struct vd_event event;

    websocket_log_in(f, &client, "dev1");
    for (uint32_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 31 + i / 256);
    }
    packet_publish(&packet, 2, TOPIC, 1, body, sizeof body);
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x04\x40\x02\x00\x01", 6);
    assert_true(fault_log_get(&f->hub->log, 0, &event));
    assert_int_equal(event.body.length, sizeof body);
    assert_memory_equal(event.body.data, body, sizeof body);
    tls_client_close(&client);
}

struct outcome {
    _Atomic bool is_over;
    int error;
    int status;
};

static void note_outcome(void *context, const struct vd_method_answer *answer)
{
    struct outcome *ended = context;

    ended->error = answer->error;
    ended->status = answer->status;
    ended->is_over = true;
}

/* A call whose frame needs its longest header. */
static void test_websocket__a_large_method_call(void **state)
{
    static struct outcome ended;
    static char payload[70000];
    static uint8_t got[sizeof payload + 256];
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;
    struct vd_buf packet = {0};
    const struct vd_method_call call = {.device_id = "dev1",
        .name = "load",
        .payload = {payload, sizeof payload},
        .response_timeout_ms = LIVE_AWAIT_MS,
        .connect_timeout_ms = LIVE_AWAIT_MS};
    char topic[128];
    const char *rid;
    size_t length;

    memset(payload, '1', sizeof payload);
    websocket_log_in(f, &client, "dev1");
    packet_subscribe(&packet, 1, "$iothub/methods/POST/#", 0);
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x05\x90\x03\x00\x01\x00", 7);
    assert_int_equal(vd_hub_call_method(f->hub->hub, &call, note_outcome, &ended), VD_OK);
    websocket_expect(&client, "\x82\x7f\x00\x00\x00\x00\x00\x01", 8);
    assert_true(tls_client_read(&client, got, 2));
    length = 65536U + ((size_t)got[0] << 8 | got[1]);
    assert_true(length > sizeof payload && length < sizeof got);
    assert_true(tls_client_read(&client, got, length));
    assert_memory_equal(got + length - sizeof payload, payload, sizeof payload);
    rid = memmem(got, length, "$rid=", 5);
    assert_non_null(rid);
    snprintf(topic, sizeof topic, "$iothub/methods/res/207/?%.*s",
        (int)(length - sizeof payload - (size_t)((const uint8_t *)rid - got)), rid);
    packet_publish(&packet, 0, topic, 0, "{}", 2);
    websocket_packet(&client, &packet);
    LIVE_AWAIT(ended.is_over);
    assert_int_equal(ended.error, VD_OK);
    assert_int_equal(ended.status, 207);
    tls_client_close(&client);
}

static void test_websocket__a_refused_login(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;
    struct vd_buf packet = {0};

    websocket_open(f, &client);
    websocket_connect_packet(&packet, "dev1", 'x');
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x04\x20\x02\x00\x05", 6);
    websocket_expect_close(&client, 1008);
    websocket_expect_operation(f, 0, "deviceConnect", "401003");
    assert_int_equal(live_stats(f->hub).connects_refused, 1);
}

/* ---- How it ends ---- */

static void test_websocket__the_client_closes(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;

    websocket_log_in(f, &client, "dev1");
    websocket_frame(&client, FRAME_CLOSE, "\x0f\xa1gone", 6);
    websocket_expect_close(&client, 4001);
    websocket_expect_operation(f, 1, "deviceDisconnect", "404104");
    LIVE_AWAIT(live_stats(f->hub).connections == 0);
    assert_int_equal(live_stats(f->hub).protocol_errors, 0);
}

/* What came before the Close frame is taken. */
static void test_websocket__a_close_behind_messages(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client client;
    struct vd_buf frames = {0};
    struct vd_buf packet = {0};

    websocket_log_in(f, &client, "dev1");
    for (unsigned i = 0; i < 100; i++) {
        packet_publish(&packet, 0, TOPIC, 0, "x", 1);
    }
    frame_append(&frames, FRAME_BINARY, 3, packet.data, packet.length);
    frame_append(&frames, FRAME_CLOSE, 3, "", 0);
    live_send(&client, &frames);
    websocket_expect(&client, "\x88\x00", 2);
    live_expect_end(&client);
    assert_true(fault_log_await_records(&f->hub->log, 100));
    vd_buf_release(&packet);
}

/* Also where it has to wait: for the answer to a question about the twin. */
static void test_websocket__a_close_behind_a_question(void **state)
{
    static const char answer[] = "$iothub/twin/res/200/?$rid=1";
    struct websocket_hub *f = *state;
    struct tls_client client;
    struct vd_buf frames = {0};
    struct vd_buf packet = {0};
    uint8_t head[4];
    char rest[256];

    live_open_state(f->hub);
    live_start(f->hub, &live_patient, 0);
    websocket_start(f, 0);
    websocket_log_in(f, &client, "dev1");
    packet_subscribe(&packet, 1, "$iothub/twin/res/#", 0);
    websocket_packet(&client, &packet);
    websocket_expect(&client, "\x82\x05\x90\x03\x00\x01\x00", 7);
    packet_publish(&packet, 0, "$iothub/twin/GET/?$rid=1", 0, "", 0);
    vd_buf_append(&packet, "\xc0\x00", 2);
    frame_append(&frames, FRAME_BINARY, 3, packet.data, packet.length);
    frame_append(&frames, FRAME_CLOSE, 3, "\x03\xe8", 2);
    vd_buf_release(&packet);
    live_send(&client, &frames);
    assert_true(tls_client_read(&client, head, sizeof head)); /* the answer's frame and packet */
    assert_true(head[0] == FRAME_BINARY && head[1] == head[3] + 2 && head[2] == 0x30);
    assert_true(tls_client_read(&client, rest, head[3]));
    assert_memory_equal(rest + 2, answer, sizeof answer - 1);
    websocket_expect(&client, "\x82\x02\xd0\x00", 4);
    websocket_expect_close(&client, 1000);
}

static void test_websocket__violations(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint16_t code;
    } cases[] = {
        {"\x82\x02\xc0\x00", 4, 1002},                    /* no mask */
        {"\xc2\x82\0\0\0\0\xc0\x00", 8, 1002},            /* an extension's bit */
        {"\x80\x82\0\0\0\0\xc0\x00", 8, 1002},            /* continues nothing */
        {"\x83\x80\0\0\0\0", 6, 1002},                    /* no such opcode */
        {"\x89\xfe\x01\x00\0\0\0\0", 8, 1002},            /* a ping of 256 bytes */
        {"\x81\x82\0\0\0\0\xc0\x00", 8, 1003},            /* text */
        {"\x82\xff\0\0\0\x10\0\0\0\0\0\0\0\0", 14, 1009}, /* 64 GiB */
        {"\x82\x84\0\0\0\0\x30\xff\xff\x7f", 10, 1009},   /* a packet of 2 MiB */
        {"\x82\x82\0\0\0\0\xf0\x00", 8, 1008},            /* MQTT's own: a reserved packet */
        {"\x88\x81\0\0\0\0\x03", 7, 1002},                /* half a code */
        {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, 1007},        /* a reason that is not UTF-8 */
    };
    struct websocket_hub *f = websocket_start_patient(state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client client;

        websocket_log_in(f, &client, "dev1");
        assert_true(tls_client_write(&client, cases[i].bytes, cases[i].length));
        websocket_expect_close(&client, cases[i].code);
        LIVE_AWAIT(live_stats(f->hub).protocol_errors == i + 1);
        websocket_expect_operation(f, (uint32_t)(2 * i + 1), "deviceDisconnect", "400000");
    }
}

static void test_websocket__takeover_and_stop(void **state)
{
    struct websocket_hub *f = websocket_start_patient(state);
    struct tls_client first;
    struct tls_client second;
    struct tls_client plain;

    websocket_log_in(f, &first, "dev1");
    websocket_log_in(f, &second, "dev1");
    websocket_expect_close(&first, 1008);
    live_log_in(f->hub, &plain, "dev1"); /* from the other port */
    websocket_expect_close(&second, 1008);
    websocket_log_in(f, &first, "dev1");
    live_expect_end(&plain);
    assert_int_equal(live_stats(f->hub).takeovers, 3);
    assert_true(vd_http_stop(f->http, 20000)); /* as `serve` does; connections of the hub stay */
    f->http = NULL;
    websocket_mqtt_ping(&first);
    vd_hub_stop(f->hub->hub);
    f->hub->hub = NULL;
    websocket_expect_close(&first, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEBSOCKET_TEST(test_websocket__handshake),
        WEBSOCKET_TEST(test_websocket__handshakes_that_are_none),
        WEBSOCKET_TEST(test_websocket__a_request_among_others),
        WEBSOCKET_TEST(test_websocket__an_early_connect),
        WEBSOCKET_TEST(test_websocket__too_much_too_early),
        WEBSOCKET_TEST(test_websocket__telemetry),
        WEBSOCKET_TEST(test_websocket__telemetry_by_both_versions),
        WEBSOCKET_TEST(test_websocket__packets_that_are_not_aligned),
        WEBSOCKET_TEST(test_websocket__the_largest_message),
        WEBSOCKET_TEST(test_websocket__a_large_method_call),
        WEBSOCKET_TEST(test_websocket__a_refused_login),
        WEBSOCKET_TEST(test_websocket__the_client_closes),
        WEBSOCKET_TEST(test_websocket__a_close_behind_messages),
        WEBSOCKET_TEST(test_websocket__a_close_behind_a_question),
        WEBSOCKET_TEST(test_websocket__violations),
        WEBSOCKET_TEST(test_websocket__takeover_and_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
