/* SPDX-License-Identifier: MIT */
/* Traffic between the device and its peer, each with what the agent must have counted of it. */

#ifndef VEDETTE_TESTS_AGENT_TRAFFIC_H
#define VEDETTE_TESTS_AGENT_TRAFFIC_H

#include <sys/socket.h>

#include "tests/agent/agent_fixture.h"
#include "tests/agent/namespaces.h"

/* Those of the test; its main() enters them. */
extern struct namespaces traffic_namespaces;

/* The address of the device or of its peer. */
struct sockaddr_storage traffic_address(bool ipv6, bool device, uint16_t port, socklen_t *size);

/* A socket bound to it, in its namespace. */
int traffic_socket(bool ipv6, bool device, int type, int protocol, uint16_t port);

/* Datagrams of many sizes both ways, between `port` of the device and the next one of the peer; those over
 * 1,472 and 1,452 bytes go in fragments. */
void traffic_udp(struct agent_fixture *f, bool ipv6, uint16_t port);

/* Echo requests, answered by the peer's kernel. */
void traffic_icmp(struct agent_fixture *f, bool ipv6);

/* A connection to the peer's `port` from the next one, with `out` and `in` bytes. It stays open, so that
 * nothing moves after it was counted; `ends` are the device's and the peer's, the caller's. */
void traffic_tcp(
    struct agent_fixture *f, bool ipv6, uint16_t port, size_t out, size_t in, int ends[2]);

/* Incoming broadcast, which is not the device's own traffic. */
void traffic_broadcast(void);

#endif
