/* SPDX-License-Identifier: MIT */
/* Counts the packets of a capture, each byte of which it reads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/agent/capture_seen.h"

struct namespaces capture_namespaces;

enum asc_linux_capture_way capture_ring = ASC_LINUX_CAPTURE_RING,
                           capture_socket = ASC_LINUX_CAPTURE_SOCKET;

/* The bytes of a packet, each of which is read. */
static uint32_t length_of(const struct asc_segment *packet)
{
    static volatile uint8_t sum;
    uint32_t length = 0;

    for (; packet != NULL; packet = packet->next) {
        for (uint32_t i = 0; i < packet->length; i++) {
            sum = (uint8_t)(sum + packet->data[i]);
        }
        length += packet->length;
    }
    return length;
}

void capture_on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    struct capture_seen *s = context;
    const uint8_t *data = packet->data;
    uint32_t length = length_of(packet), claimed = 0;
    int protocol = -1;

    if (packet->length >= 40) {
        bool ipv6 = data[0] >> 4 == 6;

        protocol = ipv6 ? data[6] : data[9];
        claimed =
            ipv6 ? 40u + (uint32_t)(data[4] << 8 | data[5]) : (uint32_t)(data[2] << 8 | data[3]);
    } else if (packet->length >= 20 && data[0] >> 4 == 4) {
        protocol = data[9];
        claimed = (uint32_t)(data[2] << 8 | data[3]);
    }
    pthread_mutex_lock(&s->mutex);
    s->longest = length > s->longest ? length : s->longest;
    if (protocol == IPPROTO_UDP && data[0] >> 4 == 4 && length >= claimed) {
        s->packets[direction][cast]++;
        s->bytes[direction] += claimed;
    } else if (protocol == IPPROTO_TCP && length >= claimed) {
        s->tcp_packets[direction]++;
        s->tcp_bytes[direction] += claimed - (data[0] >> 4 == 6 ? 40 : 20);
    } else {
        s->others++;
    }
    pthread_mutex_unlock(&s->mutex);
}

struct capture_seen capture_seen_now(struct capture_seen *s)
{
    struct capture_seen copy;

    pthread_mutex_lock(&s->mutex);
    copy = *s;
    pthread_mutex_unlock(&s->mutex);
    return copy;
}

int capture_udp(int in, const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = namespaces_socket(&capture_namespaces, in, AF_INET, SOCK_DGRAM, 0);
    int on = 1;

    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &a.sin_addr, sizeof a.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

void capture_send_udp(int fd, const char *address, size_t length)
{
    static const uint8_t payload[2000];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(CAPTURE_PORT)};

    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    assert_int_equal(
        sendto(fd, payload, length, 0, (struct sockaddr *)&a, sizeof a), (ssize_t)length);
}

struct capture_seen capture_await(struct capture_seen *s, unsigned count)
{
    for (;;) {
        struct capture_seen now = capture_seen_now(s);
        unsigned sum = 0;

        for (int c = 0; c < 3; c++) {
            sum += now.packets[ASC_IN][c] + now.packets[ASC_OUT][c];
        }
        if (sum >= count) {
            return now;
        }
        poll(NULL, 0, 2);
    }
}

asc_linux_capture *capture_start(void *const *way, const char *interface, struct capture_seen *s)
{
    enum asc_linux_capture_way wanted = *(const enum asc_linux_capture_way *)*way;
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES] = "";
    asc_linux_capture *c;

    pthread_mutex_init(&s->mutex, NULL);
    c = asc_linux_capture_start(interface, wanted, capture_on_packet, s, error);
    if (c == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(asc_linux_capture_counters(c).way, wanted);
    return c;
}
