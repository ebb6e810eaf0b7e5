/* SPDX-License-Identifier: MIT */
/* The round trip of a direct method: a back end's request over HTTPS, over the hub to a device on TLS, and back. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hub/mqtt.h"
#include "hub/sas.h"
#include "lib/clock.h"
#include "lib/secret.h"

#define DEVICE  "bench"
#define CALLS   5000
#define WARM_UP 500
#define PAYLOAD "{\"delay\":5,\"reason\":\"benchmark\"}"

static SSL *device;
static SSL *back_end;

static void die(const char *what)
{
    fprintf(stderr, "bench_hub_methods: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- The device ---- */

static void put_text(struct vd_buf *out, const char *text)
{
    const uint8_t length[2] = {(uint8_t)(strlen(text) >> 8), (uint8_t)strlen(text)};

    vd_buf_append(out, length, 2);
    vd_buf_append_text(out, text);
}

/* Sends a packet whose body is less than 16,384 bytes. */
static void send_packet(uint8_t first, const struct vd_buf *body)
{
    const uint8_t header[3] = {
        first, (uint8_t)(body->length & 0x7f) | 0x80, (uint8_t)(body->length >> 7)};
    struct vd_buf packet = {0};

    vd_buf_append(&packet, header, sizeof header);
    vd_buf_append(&packet, body->data, body->length);
    if (SSL_write(device, packet.data, (int)packet.length) != (int)packet.length) {
        die("SSL_write");
    }
    vd_buf_release(&packet);
}

static void make_token(
    const char *resource, const char *key_base64, const char *policy, char *out, size_t size)
{
    struct vd_key key = {.length = 0};
    size_t length = 0;

    if (vd_base64_decode(vd_str_from(key_base64), key.bytes, sizeof key.bytes, &length) != VD_OK) {
        die("key");
    }
    key.length = (uint8_t)length;
    if (vd_sas_make(resource, &key, vd_clock_utc_ms() / 1000 + 3600, policy, out, size) != VD_OK) {
        die("token");
    }
}

static void send_connect(const char *key_base64)
{
    struct vd_buf body = {0};
    char token[1024];

    make_token("localhost/devices/" DEVICE, key_base64, NULL, token, sizeof token);
    put_text(&body, "MQTT");
    vd_buf_append(&body, "\x04\xc2\x02\x58", 4);
    put_text(&body, DEVICE);
    put_text(&body, "localhost/" DEVICE "/?api-version=2021-04-12");
    put_text(&body, token);
    send_packet(VD_MQTT_CONNECT << 4, &body);
    vd_buf_release(&body);
}

static void send_subscribe(void)
{
    struct vd_buf body = {0};

    vd_buf_append(&body, "\x00\x01", 2);
    put_text(&body, "$iothub/methods/POST/#");
    vd_buf_append(&body, "\x00", 1);
    send_packet(VD_MQTT_SUBSCRIBE << 4 | 2, &body);
    vd_buf_release(&body);
}

static void answer(const struct vd_mqtt_packet *packet)
{
    struct vd_mqtt_publish call;
    struct vd_buf body = {0};
    char topic[256];
    const char *rid;

    if (vd_mqtt_read_publish(packet->flags, packet->body, &call) != VD_OK ||
        (rid = memchr(call.topic.data, '?', call.topic.length)) == NULL) {
        die("a packet that is no call");
    }
    snprintf(topic, sizeof topic, "$iothub/methods/res/200/%.*s",
        (int)(call.topic.data + call.topic.length - rid), rid);
    put_text(&body, topic);
    vd_buf_append(&body, call.payload.data, call.payload.length);
    send_packet(VD_MQTT_PUBLISH << 4, &body);
    vd_buf_release(&body);
}

/* Reads one packet, and leaves what is behind it in `in`. */
static void read_packet(struct vd_buf *in, struct vd_mqtt_packet *packet)
{
    while (in->data == NULL ||
        vd_mqtt_frame(in->data, in->length, SIZE_MAX, packet) != VD_FRAME_WHOLE) {
        uint8_t *room = vd_buf_reserve(in, 4096);
        int n = room != NULL ? SSL_read(device, room, 4096) : 0;

        if (n <= 0) {
            die("SSL_read");
        }
        in->length += (size_t)n;
    }
}

static void forget_packet(struct vd_buf *in, const struct vd_mqtt_packet *packet)
{
    in->length -= packet->total;
    memmove(in->data, in->data + packet->total, in->length);
}

static void *run_device(void *argument)
{
    struct vd_buf *in = argument;
    struct vd_mqtt_packet packet;

    for (;;) {
        read_packet(in, &packet);
        answer(&packet);
        forget_packet(in, &packet);
    }
    return NULL;
}

static void expect_packet(struct vd_buf *in, enum vd_mqtt_type type)
{
    struct vd_mqtt_packet packet;

    read_packet(in, &packet);
    if (packet.type != type) {
        die("an answer of another kind");
    }
    forget_packet(in, &packet);
}

/* A connection to this machine, over TLS. */
static SSL *open_tls(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *made;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    made = context != NULL ? SSL_new(context) : NULL;
    if (made == NULL || SSL_set_fd(made, fd) != 1 || SSL_connect(made) != 1) {
        die("TLS");
    }
    return made;
}

static void open_device(uint16_t port, const char *key_base64, struct vd_buf *in)
{
    device = open_tls(port);
    send_connect(key_base64);
    expect_packet(in, VD_MQTT_CONNACK);
    send_subscribe();
    expect_packet(in, VD_MQTT_SUBACK);
}

/* ---- The back end ---- */

/* Reads one answer whole, by its Content-Length, and checks what it says. */
static void read_answer(void)
{
    char text[4096];
    size_t length = 0;
    size_t wanted = sizeof text;

    while (length < wanted) {
        int n = SSL_read(back_end, text + length, (int)(sizeof text - 1 - length));
        const char *size;
        const char *end;

        if (n <= 0) {
            die("the API closed the connection");
        }
        length += (size_t)n;
        text[length] = '\0';
        end = strstr(text, "\r\n\r\n");
        size = strstr(text, "Content-Length: ");
        if (end != NULL && size != NULL) {
            wanted = (size_t)(end + 4 - text) + strtoul(size + 16, NULL, 10);
        }
    }
    if (strstr(text, "{\"status\":200,\"payload\":" PAYLOAD "}") == NULL) {
        fprintf(stderr, "%s\n", text);
        die("another answer");
    }
}

static double call_us(const struct vd_buf *request)
{
    struct timespec from;
    struct timespec to;

    clock_gettime(CLOCK_MONOTONIC, &from);
    if (SSL_write(back_end, request->data, (int)request->length) != (int)request->length) {
        die("SSL_write");
    }
    read_answer();
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
}

static void make_request(const char *key_base64, struct vd_buf *out)
{
    static const char body[] = "{\"methodName\":\"reboot\",\"payload\":" PAYLOAD "}";
    char token[1024];

    make_token("localhost", key_base64, "service", token, sizeof token);
    vd_buf_printf(out,
        "POST /twins/" DEVICE "/methods?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n"
        "Authorization: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        token, sizeof body - 1, body);
    if (out->error != VD_OK) {
        die("memory");
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Prints the 50th and the 99th percentile in milliseconds. The service key is that of the policy `service`. */
int main(int argc, char **argv)
{
    static double took[CALLS];
    struct vd_buf in = {0};
    struct vd_buf request = {0};
    pthread_t thread;

    if (argc != 5) {
        fputs("usage: bench_hub_methods MQTT_PORT DEVICE_KEY HTTPS_PORT SERVICE_KEY\n", stderr);
        return 2;
    }
    open_device((uint16_t)strtoul(argv[1], NULL, 10), argv[2], &in);
    if (pthread_create(&thread, NULL, run_device, &in) != 0) {
        die("thread");
    }
    back_end = open_tls((uint16_t)strtoul(argv[3], NULL, 10));
    make_request(argv[4], &request);
    for (int i = -WARM_UP; i < CALLS; i++) {
        double us = call_us(&request);

        if (i >= 0) {
            took[i] = us;
        }
    }
    qsort(took, CALLS, sizeof took[0], compare);
    printf("%.3f %.3f\n", took[CALLS / 2] / 1e3, took[CALLS * 99 / 100] / 1e3);
    vd_buf_release(&request);
    return 0;
}
