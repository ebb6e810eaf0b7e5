/* SPDX-License-Identifier: MIT */
/* The server of HTTPS, and the client's half of WebSocket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/api/websocket_client.h"

static void no_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    (void)context;
    (void)request;
    answer->status = 404;
}

static void no_refuse(int status, struct vd_http_answer *answer)
{
    (void)status;
    (void)answer;
}

void websocket_start(struct websocket_hub *f, int request_deadline_ms)
{
    const struct vd_http_face face = {"", NULL, 1000, no_call, no_refuse, NULL, NULL, 0, false};
    const struct vd_http_config config = {
        .address = "127.0.0.1",
        .certificate_file = f->hub->certificate,
        .private_key_file = f->hub->key,
        .request_deadline_ms = request_deadline_ms,
        .workers = 1,
        .faces = &face,
        .face_count = 1,
        .upgrade = {VD_HUB_WEBSOCKET_PATH, VD_HUB_WEBSOCKET_PROTOCOL, f->hub->hub},
    };
    char reason[256] = "";

    if (vd_http_start(&config, &f->http, reason, sizeof reason) != VD_OK) {
        fail_msg("%s", reason);
    }
}

int websocket_setup(void **state)
{
    struct websocket_hub *f = calloc(1, sizeof *f);
    void *hub = NULL;

    assert_non_null(f);
    assert_int_equal(live_setup(&hub), 0);
    f->hub = hub;
    *state = f;
    return 0;
}

int websocket_teardown(void **state)
{
    struct websocket_hub *f = *state;
    void *hub = f->hub;
    const bool has_ended = vd_http_stop(f->http, 20000);

    live_teardown(&hub);
    free(f);
    return has_ended ? 0 : -1;
}

struct websocket_hub *websocket_start_patient(void **state)
{
    struct websocket_hub *f = *state;

    live_start(f->hub, &live_patient, 0);
    websocket_start(f, 0);
    return f;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

void websocket_expect_operation(
    struct websocket_hub *f, uint32_t index, const char *name, const char *result)
{
    json_t *record = NULL;
    json_t *properties;

    LIVE_AWAIT(record != NULL || (record = fault_log_operation(&f->hub->log, index)) != NULL);
    properties = json_loads(text_of(record, "properties"), 0, NULL);
    assert_string_equal(text_of(record, "operationName"), name);
    assert_string_equal(text_of(record, "resultType"), result);
    assert_string_equal(text_of(properties, "protocol"), "MqttWs");
    assert_string_equal(text_of(properties, "maskedIpAddress"), "127.0.0.XXX");
    json_decref(properties);
    json_decref(record);
}

void websocket_connect(struct websocket_hub *f, struct tls_client *client)
{
    assert_true(tls_client_open(client, vd_http_port(f->http), f->hub->certificate, 0));
}

void websocket_say(struct tls_client *client, const char *text)
{
    assert_true(tls_client_write(client, text, strlen(text)));
}

int websocket_answer(struct tls_client *client, char *head, size_t size)
{
    size_t n = 0;

    for (; n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0; n++) {
        assert_true(n + 1 < size);
        if (!tls_client_read(client, head + n, 1)) {
            fail_msg("the connection ended after %zu bytes", n);
        }
    }
    head[n] = '\0';
    assert_memory_equal(head, "HTTP/1.1 ", 9);
    return (int)strtol(head + 9, NULL, 10);
}

void websocket_open(struct websocket_hub *f, struct tls_client *client)
{
    char head[1024];

    websocket_connect(f, client);
    websocket_say(client, WEBSOCKET_REQUEST("", ""));
    assert_int_equal(websocket_answer(client, head, sizeof head), 101);
}

void websocket_frame(struct tls_client *client, uint8_t first, const void *payload, size_t length)
{
    struct vd_buf frame = {0};

    frame_append(&frame, first, 0x5a17c0deU, payload, length);
    live_send(client, &frame);
}

void websocket_packet(struct tls_client *client, struct vd_buf *packet)
{
    websocket_frame(client, FRAME_BINARY, packet->data, packet->length);
    vd_buf_release(packet);
}

void websocket_expect(struct tls_client *client, const char *bytes, size_t length)
{
    char got[64];

    assert_true(length <= sizeof got);
    assert_true(tls_client_read(client, got, length));
    assert_memory_equal(got, bytes, length);
}

void websocket_expect_close(struct tls_client *client, uint16_t code)
{
    const char frame[4] = {(char)FRAME_CLOSE, 2, (char)(code >> 8), (char)code};

    websocket_expect(client, frame, sizeof frame);
    live_expect_end(client);
}

void websocket_connect_packet(struct vd_buf *packet, const char *device, char letter)
{
    const struct vd_key key = memory_key(letter);

    packet_connect_device(packet, device, NULL, &key, live_in_s(3600), 60);
}

void websocket_log_in(struct websocket_hub *f, struct tls_client *client, const char *device)
{
    struct vd_buf packet = {0};

    websocket_open(f, client);
    websocket_connect_packet(&packet, device, 'a');
    websocket_packet(client, &packet);
    websocket_expect(client, "\x82\x04\x20\x02\x00\x00", 6);
}

void websocket_mqtt_ping(struct tls_client *client)
{
    websocket_frame(client, FRAME_BINARY, "\xc0\x00", 2);
    websocket_expect(client, "\x82\x02\xd0\x00", 4);
}
