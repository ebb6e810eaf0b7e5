/* SPDX-License-Identifier: MIT */
/* Traffic between two lwIP stacks: echo servers, and clients of every protocol that use them. */

#ifndef VEDETTE_TESTS_LWIP_TRAFFIC_H
#define VEDETTE_TESTS_LWIP_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_PORT 7

/* Starts a TCP and a UDP echo server, both families, in threads that stay. Ends the program if it cannot. */
void traffic_serve(void);

/* Pings the host over IPv4 and IPv6 until answers come; returns whether they do. */
bool traffic_ping(uint8_t host);

/* Pings the host until an answer comes; then, over IPv4 and IPv6, TCP with `bytes` bytes there and back, UDP in
 * one frame and in fragments, and datagrams to all and to groups. Returns NULL, or what failed. */
const char *traffic_to(uint8_t host, uint32_t bytes);

#endif
