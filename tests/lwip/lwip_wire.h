/* SPDX-License-Identifier: MIT */
/* A driver for lwIP whose wire is a socket pair, with a count of every frame that crosses it. */

#ifndef VEDETTE_TESTS_LWIP_WIRE_H
#define VEDETTE_TESTS_LWIP_WIRE_H

#include <pthread.h>

#include "lwip/netif.h"
#include "tests/lwip/lwip_tally.h"

struct wire {
    struct netif netif;
    int fd; /* SOCK_SEQPACKET: a frame a message */
    uint8_t host;
    pthread_mutex_t receiving; /* held from the count of a frame until it is with the stack */
    pthread_cond_t marked;
    unsigned marks;   /* frames of wire_mark() that came; under `receiving` */
    struct tally in;  /* under `receiving` */
    struct tally out; /* under lwIP's core lock */
};

/* Starts lwIP in this process and adds the netif, down, with the address 10.9.0.`host`. `unicast_only` as the
 * module is built. Ends the program if it cannot, as all of these. */
void wire_start(struct wire *wire, int fd, uint8_t host, bool unicast_only);

/* Starts the driver's thread, which stays, sets the netif up, and adds fd00::`host` and a link-local address. */
void wire_up(struct wire *wire);

/* Sends a frame past the netif and the count on this side. */
void wire_inject(struct wire *wire, const uint8_t *frame, size_t length);

/* Sends the other side a mark, of a type that no stack knows. */
void wire_mark(struct wire *wire);

/* Waits until `marks` marks have come, at most 20 s; returns whether they have. */
bool wire_await(struct wire *wire, unsigned marks);

/* Stops and resumes everything on the wire: between the two no frame is on its way through the netif. */
void wire_hold(struct wire *wire);
void wire_resume(struct wire *wire);

#endif
