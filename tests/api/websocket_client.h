/* SPDX-License-Identifier: MIT */
/* A hub with a server of HTTPS in front, and a device that comes to it over WebSocket. Each fails the test if it cannot. */

#ifndef VEDETTE_TESTS_API_WEBSOCKET_CLIENT_H
#define VEDETTE_TESTS_API_WEBSOCKET_CLIENT_H

#include "api/http.h"
#include "tests/hub/frames.h"
#include "tests/hub/live_hub.h"

#define WEBSOCKET_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define WEBSOCKET_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455, section 1.3 */

/* The request of a handshake, with what stands behind the path, and one more header (with its line's end). */
#define WEBSOCKET_REQUEST(query, header)                                                           \
    "GET /$iothub/websocket" query " HTTP/1.1\r\nHost: hub.example\r\nUpgrade: websocket\r\n"      \
    "Connection: Upgrade\r\nSec-WebSocket-Key: " WEBSOCKET_KEY "\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Protocol: mqtt\r\n" header "\r\n"

struct websocket_hub {
    struct live_hub *hub; /* its own port listens too */
    struct vd_http *http;
};

/* The hub is started by the test, then this; deadline of a request in ms, 0: the server's own. */
void websocket_start(struct websocket_hub *f, int request_deadline_ms);

/* Starts both, with times that no test runs into. */
struct websocket_hub *websocket_start_patient(void **state);

/* The operation that the hub recorded as its `index`th, how it went, and that it came over WebSocket. */
void websocket_expect_operation(
    struct websocket_hub *f, uint32_t index, const char *name, const char *result);

/* For cmocka: *state is a struct websocket_hub. */
int websocket_setup(void **state);
int websocket_teardown(void **state);

#define WEBSOCKET_TEST(test) \
    cmocka_unit_test_setup_teardown(test, websocket_setup, websocket_teardown)

/* TLS, and no more. */
void websocket_connect(struct websocket_hub *f, struct tls_client *client);
void websocket_say(struct tls_client *client, const char *text);

/* Reads the head of an answer up to its empty line, and returns its status. */
int websocket_answer(struct tls_client *client, char *head, size_t size);

/* TLS and the handshake. */
void websocket_open(struct websocket_hub *f, struct tls_client *client);

/* A frame with a mask. */
void websocket_frame(struct tls_client *client, uint8_t first, const void *payload, size_t length);

/* The packet in a binary frame; it is released. */
void websocket_packet(struct tls_client *client, struct vd_buf *packet);

/* Reads these bytes, as they come. */
void websocket_expect(struct tls_client *client, const char *bytes, size_t length);

/* Reads a Close frame of that code, and the end; the client is closed. */
void websocket_expect_close(struct tls_client *client, uint16_t code);

/* The CONNECT of a device with the key that the letter makes. */
void websocket_connect_packet(struct vd_buf *packet, const char *device, char letter);

/* All of it, up to CONNACK 0. */
void websocket_log_in(struct websocket_hub *f, struct tls_client *client, const char *device);

/* PINGREQ and PINGRESP. */
void websocket_mqtt_ping(struct tls_client *client);

#endif
