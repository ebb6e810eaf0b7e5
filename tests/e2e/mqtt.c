/* SPDX-License-Identifier: MIT */
/* MQTT over TLS, byte by byte. */

#include "tests/e2e/mqtt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNACK      0x20
#define PUBACK       0x40
#define SEND_LIMIT_S 10
#define TOKEN_LIFE_S 630720000 /* twenty years: longer than a clock is wrong */
#define KEEP_ALIVE_S 60

/* From an address of the loopback, 127.0.0.0/8; NULL: from any. */
static int tcp_from(const char *source, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = SEND_LIMIT_S};
    int on = 1;
    if (fd < 0) {
        return -1;
    }
    if ((source != NULL &&
            (inet_pton(AF_INET, source, &from.sin_addr) != 1 ||
                bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int e2e_tcp(uint16_t port)
{
    return tcp_from(NULL, port);
}

bool e2e_mqtt_open(struct e2e_mqtt *m, uint16_t port, const char *ca)
{
    return e2e_mqtt_open_from(m, NULL, port, ca);
}

bool e2e_mqtt_open_from(struct e2e_mqtt *m, const char *source, uint16_t port, const char *ca)
{
    *m = (struct e2e_mqtt){.fd = tcp_from(source, port)};
    if (m->fd < 0) {
        m->fd = 0;
        return false;
    }
    m->context = SSL_CTX_new(TLS_client_method());
    bool good = m->context != NULL && SSL_CTX_load_verify_locations(m->context, ca, NULL) == 1;
    if (good) {
        SSL_CTX_set_verify(m->context, SSL_VERIFY_PEER, NULL);
        m->ssl = SSL_new(m->context);
        good = m->ssl != NULL && SSL_set1_host(m->ssl, "localhost") == 1 &&
            SSL_set_fd(m->ssl, m->fd) == 1 && SSL_connect(m->ssl) == 1;
    }
    if (!good) {
        ERR_clear_error();
        e2e_mqtt_close(m);
    }
    return good;
}

void e2e_mqtt_close(struct e2e_mqtt *m)
{
    SSL_free(m->ssl);
    SSL_CTX_free(m->context);
    if (m->fd > 0) {
        close(m->fd);
    }
    *m = (struct e2e_mqtt){0};
}

bool e2e_mqtt_write(struct e2e_mqtt *m, const void *bytes, size_t length)
{
    size_t written = 0;
    bool good = m->ssl != NULL && SSL_write_ex(m->ssl, bytes, length, &written) == 1;
    ERR_clear_error();
    return good && written == length;
}

/* Takes a whole packet from `input` if there is one; 0 none yet, 1 taken, -1 too long or malformed. */
static int take_packet(struct e2e_mqtt *m, struct e2e_packet *packet)
{
    size_t length = 0;
    size_t at = 1;
    for (unsigned shift = 0;; shift += 7) {
        if (at >= m->held) {
            return 0;
        }
        if (shift > 21) {
            return -1;
        }
        uint8_t byte = m->input[at++];
        length |= (size_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    if (length > sizeof(packet->body)) {
        return -1;
    }
    if (m->held - at < length) {
        return 0;
    }
    packet->type = m->input[0];
    packet->length = length;
    memcpy(packet->body, m->input + at, length);
    m->held -= at + length;
    memmove(m->input, m->input + at + length, m->held);
    return 1;
}

enum e2e_read e2e_mqtt_read(struct e2e_mqtt *m, struct e2e_packet *packet, int timeout_ms)
{
    int64_t deadline = e2e_now_ms() + timeout_ms;
    if (m->ssl == NULL) {
        return E2E_READ_CLOSED;
    }
    for (;;) {
        int taken = take_packet(m, packet);
        if (taken != 0) {
            return taken > 0 ? E2E_READ_PACKET : E2E_READ_CLOSED;
        }
        int64_t left = deadline - e2e_now_ms();
        struct pollfd wait = {.fd = m->fd, .events = POLLIN};
        if (SSL_pending(m->ssl) == 0 && poll(&wait, 1, left > 0 ? (int)left : 0) == 0) {
            return E2E_READ_NOTHING;
        }
        size_t got = 0;
        if (SSL_read_ex(m->ssl, m->input + m->held, sizeof(m->input) - m->held, &got) != 1) {
            ERR_clear_error();
            return E2E_READ_CLOSED;
        }
        m->held += got;
    }
}

bool e2e_mqtt_closed_by_hub(struct e2e_mqtt *m, int timeout_ms)
{
    int64_t deadline = e2e_now_ms() + timeout_ms;
    struct e2e_packet packet;
    enum e2e_read found;
    do {
        int64_t left = deadline - e2e_now_ms();
        found = e2e_mqtt_read(m, &packet, left > 0 ? (int)left : 0);
    } while (found == E2E_READ_PACKET);
    return found == E2E_READ_CLOSED;
}

/* ---- Packets. ---- */

static size_t put_text(uint8_t *out, const char *text)
{
    size_t length = strlen(text);
    out[0] = (uint8_t)(length >> 8);
    out[1] = (uint8_t)length;
    memcpy(out + 2, text, length);
    return length + 2;
}

/* The first byte and the remaining length; returns how many bytes that took (at most 5). */
static size_t put_header(uint8_t *out, uint8_t type, size_t length)
{
    size_t at = 0;
    out[at++] = type;
    do {
        uint8_t byte = length & 0x7f;
        length >>= 7;
        out[at++] = (uint8_t)(byte | (length > 0 ? 0x80 : 0));
    } while (length > 0);
    return at;
}

size_t e2e_mqtt_connect_packet(
    uint8_t *out, size_t size, const char *client_id, const char *user_name, const char *password)
{
    static const uint8_t start[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 0xc2, 0, KEEP_ALIVE_S};
    size_t length = sizeof(start) + 6 + strlen(client_id) + strlen(user_name) + strlen(password);
    if (length + 5 > size) {
        return 0;
    }
    size_t at = put_header(out, 0x10, length);
    memcpy(out + at, start, sizeof(start));
    at += sizeof(start);
    at += put_text(out + at, client_id);
    at += put_text(out + at, user_name);
    at += put_text(out + at, password);
    return at;
}

int e2e_mqtt_login(struct e2e_mqtt *m, const char *device_id, const char *key, int64_t life_s)
{
    uint8_t connect[2048];
    char token[512];
    char user_name[256];
    struct e2e_packet packet;
    e2e_token(token, sizeof(token), device_id, key, (int64_t)time(NULL) + life_s);
    e2e_user_name(user_name, sizeof(user_name), device_id);
    size_t length = e2e_mqtt_connect_packet(connect, sizeof(connect), device_id, user_name, token);
    if (!e2e_mqtt_write(m, connect, length) ||
        e2e_mqtt_read(m, &packet, SEND_LIMIT_S * 1000) != E2E_READ_PACKET ||
        packet.type != CONNACK || packet.length != 2) {
        return -1;
    }
    return packet.body[1];
}

int e2e_mqtt_connect(struct e2e_mqtt *m, const char *device_id)
{
    return e2e_mqtt_login(m, device_id, E2E_PRIMARY_KEY, TOKEN_LIFE_S);
}

bool e2e_mqtt_publish(struct e2e_mqtt *m, const struct e2e_publish *publish)
{
    size_t topic_length = strlen(publish->topic);
    size_t length = 2 + topic_length + (publish->qos > 0 ? 2 : 0) + publish->length;
    uint8_t *packet = malloc(length + 5);
    if (packet == NULL) {
        return false;
    }
    uint8_t type = (uint8_t)(0x30 | publish->qos << 1 | (publish->duplicate ? 8 : 0));
    size_t at = put_header(packet, type, length);
    at += put_text(packet + at, publish->topic);
    if (publish->qos > 0) {
        packet[at++] = (uint8_t)(publish->packet_id >> 8);
        packet[at++] = (uint8_t)publish->packet_id;
    }
    memcpy(packet + at, publish->body, publish->length);
    bool sent = e2e_mqtt_write(m, packet, at + publish->length);
    free(packet);
    return sent;
}

bool e2e_mqtt_send(struct e2e_mqtt *m, const struct e2e_publish *publish, int timeout_ms)
{
    struct e2e_packet packet;
    return e2e_mqtt_publish(m, publish) &&
        e2e_mqtt_read(m, &packet, timeout_ms) == E2E_READ_PACKET && packet.type == PUBACK &&
        packet.length == 2 && packet.body[0] == publish->packet_id >> 8 &&
        packet.body[1] == (publish->packet_id & 0xff);
}
