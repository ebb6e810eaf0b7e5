/* SPDX-License-Identifier: MIT */
/* Two network namespaces of the test's own, joined by a veth pair; they end with the process. */

#ifndef VEDETTE_TESTS_AGENT_NAMESPACES_H
#define VEDETTE_TESTS_AGENT_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

/* The device has the interface dev0 with .1 and ::1, its peer peer0 with .2 and ::2. */
#define NAMESPACE_DEVICE_V4    "10.9.0.1"
#define NAMESPACE_PEER_V4      "10.9.0.2"
#define NAMESPACE_BROADCAST_V4 "10.9.0.255"
#define NAMESPACE_DEVICE_V6    "fd00:9::1"
#define NAMESPACE_PEER_V6      "fd00:9::2"

struct namespaces {
    int device; /* descriptors of /proc/self/ns/net */
    int peer;
};

/* Moves the process, which has one thread, into a new namespace (as root, or in a user namespace
   of its own), makes a second one and both ends of the pair, with fixed neighbours and without
   segmentation by the interface. False with a word on standard output: not allowed here. */
bool namespaces_enter(struct namespaces *n);

/* Makes the veth pair with its addresses; once namespaces_enter did, after deleting dev0. */
void namespaces_join(const struct namespaces *n);

/* Segmentation by the interface: large packets of TCP and UDP pass it whole. */
void namespaces_offload(const struct namespaces *n, int in, const char *interface, bool on);

/* Runs a shell command in a namespace; a failure ends the test program. */
void namespaces_run(int in, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A socket made in a namespace, with a receive time-out of 10 s. Only the main thread may call. */
int namespaces_socket(const struct namespaces *n, int in, int domain, int type, int protocol);

#endif
