/* SPDX-License-Identifier: MIT */
/* As much MQTT 3.1.1 as a test device needs. */

#include "cli/prove/link.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "proto/protocol.h"

#define WAIT_MS      10000
#define KEEP_ALIVE_S 600

#define PACKET_CONNECT   0x10
#define PACKET_CONNACK   0x20
#define PACKET_PUBLISH   0x30
#define PACKET_PUBACK    0x40
#define PACKET_SUBSCRIBE 0x82
#define PACKET_SUBACK    0x90
#define PACKET_LEAVE     0xe0
#define FLAGS_QOS_1      0x02
#define TYPE_MASK        0xf0

#define METHOD_TOPIC "$iothub/methods/POST/"

/* ---- TLS ---- */

static int connect_tcp(const struct vd_link_hub *hub)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    const struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    struct addrinfo *found = NULL;
    char port[8];
    int fd = -1;

    snprintf(port, sizeof port, "%u", hub->port);
    if (getaddrinfo(hub->address, port, &hints, &found) == 0) {
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 &&
            (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
                connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
            close(fd);
            fd = -1;
        }
        freeaddrinfo(found);
    }
    return fd;
}

static bool shake_hands(struct vd_link *link, const struct vd_link_hub *hub,
    const struct vd_link_credential *credential)
{
    link->context = SSL_CTX_new(TLS_client_method());
    if (link->context == NULL ||
        SSL_CTX_load_verify_locations(link->context, hub->ca_file, NULL) != 1) {
        return false;
    }
    SSL_CTX_set_verify(link->context, SSL_VERIFY_PEER, NULL);
    if (credential->certificate != NULL &&
        (SSL_CTX_use_certificate(link->context, credential->certificate) != 1 ||
            SSL_CTX_use_PrivateKey(link->context, credential->key) != 1)) {
        return false;
    }
    link->ssl = SSL_new(link->context);
    return link->ssl != NULL && SSL_set1_host(link->ssl, hub->host_name) == 1 &&
        SSL_set_tlsext_host_name(link->ssl, hub->host_name) == 1 &&
        SSL_set_fd(link->ssl, link->fd) == 1 && SSL_connect(link->ssl) == 1;
}

static int write_all(struct vd_link *link, const struct vd_buf *packet)
{
    size_t written = 0;
    const bool good = packet->error == VD_OK && link->ssl != NULL &&
        SSL_write_ex(link->ssl, packet->data, packet->length, &written) == 1;

    ERR_clear_error();
    return good ? VD_OK : VD_E_IO;
}

/* ---- Packets ---- */

static void put_text(struct vd_buf *out, const char *text)
{
    const size_t length = strlen(text);
    const uint8_t bytes[] = {(uint8_t)(length >> 8), (uint8_t)length};

    vd_buf_append(out, bytes, 2);
    vd_buf_append(out, text, length);
}

static void put_id(struct vd_buf *out, uint16_t id)
{
    const uint8_t bytes[] = {(uint8_t)(id >> 8), (uint8_t)id};

    vd_buf_append(out, bytes, 2);
}

/* Sends the packet of the type around its body. */
static int send_packet(struct vd_link *link, uint8_t type, const struct vd_buf *body)
{
    struct vd_buf packet = {0};
    size_t length = body->length;
    int error;

    vd_buf_append(&packet, &type, 1);
    do {
        const uint8_t byte = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));

        vd_buf_append(&packet, &byte, 1);
        length >>= 7;
    } while (length > 0);
    vd_buf_append(&packet, body->data, body->length);
    error = body->error != VD_OK ? VD_E_IO : write_all(link, &packet);
    vd_buf_release(&packet);
    return error;
}

/* The whole packet at the front of the input; its length with the header, 0: not all of it is there. */
static size_t whole_packet(const struct vd_link *link, struct vd_str *body)
{
    size_t length = 0;
    size_t at = 1;

    for (unsigned shift = 0; shift <= 21; shift += 7) {
        if (at >= link->held) {
            return 0;
        }
        length |= (size_t)(link->input[at] & 0x7f) << shift;
        if ((link->input[at++] & 0x80) == 0) {
            *body = (struct vd_str){(const char *)link->input + at, length};
            return link->held - at >= length ? at + length : 0;
        }
    }
    return 0;
}

static int answer_method(struct vd_link *link, struct vd_str topic)
{
    static const char rid_name[] = "$rid=";
    const char *rid = NULL;
    struct vd_buf body = {0};
    char reply[160];
    int error = VD_OK;

    for (size_t i = 0; i + sizeof rid_name - 1 < topic.length; i++) {
        if (memcmp(topic.data + i, rid_name, sizeof rid_name - 1) == 0) {
            rid = topic.data + i + sizeof rid_name - 1;
        }
    }
    if (rid != NULL) {
        snprintf(reply, sizeof reply, "$iothub/methods/res/200/?$rid=%.*s",
            (int)(topic.data + topic.length - rid), rid);
        put_text(&body, reply);
        vd_buf_append_text(&body, "{}");
        error = send_packet(link, PACKET_PUBLISH, &body);
    }
    vd_buf_release(&body);
    return error;
}

/* A message from the cloud, or a call. */
static int take_publish(struct vd_link *link, uint8_t type, struct vd_str packet)
{
    struct vd_reader reader;
    struct vd_str topic;
    struct vd_buf body = {0};
    int error = VD_OK;

    vd_reader_init(&reader, packet.data, packet.length);
    topic = vd_reader_bytes(&reader, vd_reader_u16_be(&reader));
    if (topic.length >= strlen(METHOD_TOPIC) &&
        memcmp(topic.data, METHOD_TOPIC, strlen(METHOD_TOPIC)) == 0) {
        error = answer_method(link, topic);
    } else {
        link->messages++;
    }
    if (error == VD_OK && (type & FLAGS_QOS_1) != 0) {
        put_id(&body, vd_reader_u16_be(&reader));
        error = send_packet(link, PACKET_PUBACK, &body);
    }
    vd_buf_release(&body);
    return error;
}

/* Takes what is there, or comes within the time; *type is the packet's, 0: none came. Publishes are dealt with here. */
static int take_packet(struct vd_link *link, int64_t until_ms, uint8_t *type, uint8_t *code)
{
    struct vd_str body;
    size_t length;
    int error = VD_OK;

    *type = 0;
    while ((length = whole_packet(link, &body)) == 0) {
        const int64_t left_ms = until_ms - vd_clock_monotonic_ms();
        struct pollfd wait = {.fd = link->fd, .events = POLLIN};
        size_t got = 0;

        if (SSL_pending(link->ssl) == 0 && poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0) == 0) {
            return VD_OK;
        }
        if (link->held == sizeof link->input ||
            SSL_read_ex(
                link->ssl, link->input + link->held, sizeof link->input - link->held, &got) != 1) {
            ERR_clear_error();
            return VD_E_IO;
        }
        link->held += got;
    }
    *type = link->input[0];
    *code = body.length >= 2 ? (uint8_t)body.data[1] : 0;
    if ((*type & TYPE_MASK) == PACKET_PUBLISH) {
        error = take_publish(link, *type, body);
    }
    link->held -= length;
    memmove(link->input, link->input + length, link->held);
    return error;
}

/* Waits for a packet of the type. */
static int await(struct vd_link *link, uint8_t wanted, uint8_t *code)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;
    uint8_t type;
    int error;

    do {
        error = take_packet(link, until_ms, &type, code);
    } while (error == VD_OK && type != 0 && type != wanted);
    return error == VD_OK && type == wanted ? VD_OK : VD_E_IO;
}

/* ---- The interface ---- */

static int send_connect(struct vd_link *link, const struct vd_link_hub *hub, const char *token)
{
    static const uint8_t start[] = {0, 4, 'M', 'Q', 'T', 'T', 4};
    const uint8_t flags = token != NULL ? 0xc2 : 0x82;
    struct vd_buf body = {0};
    char user_name[512];
    int error;

    snprintf(user_name, sizeof user_name, "%s/%s/?api-version=" VD_API_VERSION, hub->host_name,
        link->device_id);
    vd_buf_append(&body, start, sizeof start);
    vd_buf_append(&body, &flags, 1);
    put_id(&body, KEEP_ALIVE_S);
    put_text(&body, link->device_id);
    put_text(&body, user_name);
    if (token != NULL) {
        put_text(&body, token);
    }
    error = send_packet(link, PACKET_CONNECT, &body);
    vd_buf_release(&body);
    return error;
}

int vd_link_open(struct vd_link *link, const struct vd_link_hub *hub, const char *device_id,
    const struct vd_link_credential *credential, int *connack)
{
    uint8_t code = 0;
    int error;

    *link = (struct vd_link){.fd = connect_tcp(hub)};
    snprintf(link->device_id, sizeof link->device_id, "%s", device_id);
    if (link->fd < 0 || !shake_hands(link, hub, credential)) {
        ERR_clear_error();
        return VD_E_IO;
    }
    error = send_connect(link, hub, credential->token);
    if (error == VD_OK) {
        error = await(link, PACKET_CONNACK, &code);
    }
    if (error == VD_OK) {
        *connack = code;
    }
    return error;
}

void vd_link_close(struct vd_link *link)
{
    const struct vd_buf nothing = {0};

    if (link->ssl != NULL) {
        (void)!send_packet(link, PACKET_LEAVE, &nothing);
    }
    SSL_free(link->ssl);
    SSL_CTX_free(link->context);
    if (link->fd > 0) {
        close(link->fd);
    }
    *link = (struct vd_link){0};
}

int vd_link_send(struct vd_link *link, const char *properties, struct vd_str message)
{
    struct vd_buf body = {0};
    char topic[512];
    uint8_t code;
    int error;

    snprintf(topic, sizeof topic, "devices/%s/messages/events/%s", link->device_id, properties);
    put_text(&body, topic);
    put_id(&body, ++link->packet_id);
    vd_buf_append(&body, message.data, message.length);
    error = send_packet(link, PACKET_PUBLISH | FLAGS_QOS_1, &body);
    vd_buf_release(&body);
    return error == VD_OK ? await(link, PACKET_PUBACK, &code) : error;
}

int vd_link_subscribe(struct vd_link *link)
{
    static const uint8_t one = 1;
    static const uint8_t none = 0;
    struct vd_buf body = {0};
    char topic[256];
    uint8_t code;
    int error;

    snprintf(topic, sizeof topic, "devices/%s/messages/devicebound/#", link->device_id);
    put_id(&body, ++link->packet_id);
    put_text(&body, topic);
    vd_buf_append(&body, &one, 1);
    put_text(&body, METHOD_TOPIC "#");
    vd_buf_append(&body, &none, 1);
    error = send_packet(link, PACKET_SUBSCRIBE, &body);
    vd_buf_release(&body);
    return error == VD_OK ? await(link, PACKET_SUBACK, &code) : error;
}

int vd_link_serve(struct vd_link *link, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    uint8_t type;
    uint8_t code;
    int error;

    do {
        error = take_packet(link, until_ms, &type, &code);
    } while (error == VD_OK && (type != 0 || vd_clock_monotonic_ms() < until_ms));
    return error;
}
