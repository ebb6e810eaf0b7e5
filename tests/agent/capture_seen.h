/* SPDX-License-Identifier: MIT */
/* What a capture gives its packet function, and UDP packets for it to see. */

#ifndef VEDETTE_TESTS_AGENT_CAPTURE_SEEN_H
#define VEDETTE_TESTS_AGENT_CAPTURE_SEEN_H

#include <pthread.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "tests/agent/namespaces.h"

#define CAPTURE_PORT 7000

/* Those of the test; its main() enters them. */
extern struct namespaces capture_namespaces;

/* UDP packets of IPv4 by direction and cast, TCP packets by direction and the rest in `others`; bytes are
 * those that the IP headers claim. Zeroed by the caller. */
struct capture_seen {
    pthread_mutex_t mutex; /* while a test holds it, the packet function waits */
    unsigned packets[2][3];
    uint64_t bytes[2];
    unsigned tcp_packets[2];
    uint64_t tcp_bytes[2]; /* IP payload */
    unsigned longest;
    unsigned others;
};

/* The packet function; its context is a struct capture_seen. */
void capture_on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet);
struct capture_seen capture_seen_now(struct capture_seen *s);

/* Waits, bounded by the test's time-out, until `count` UDP packets have been seen. */
struct capture_seen capture_await(struct capture_seen *s, unsigned count);

/* A test once by each way of capturing, whose state is the way. */
extern enum asc_linux_capture_way capture_ring, capture_socket;
#define CAPTURE_BY(test, way, name)          \
    {                                        \
#test name, test, NULL, NULL, &(way) \
    }
#define CAPTURE_BOTH_WAYS(test) \
    CAPTURE_BY(test, capture_ring, " (ring)"), CAPTURE_BY(test, capture_socket, " (socket)")

/* Starts the capture by the way that the test's state says, and no other. */
asc_linux_capture *capture_start(void *const *way, const char *interface, struct capture_seen *s);

/* A UDP socket bound in a namespace, and a packet of `length` bytes of data to CAPTURE_PORT. */
int capture_udp(int in, const char *address, uint16_t port);
void capture_send_udp(int fd, const char *address, size_t length);

#endif
