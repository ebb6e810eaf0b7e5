/* SPDX-License-Identifier: MIT */
/* Network namespaces on one bridge, sockets inside them, and a capture of the test's own that counts what passed. */

#ifndef VEDETTE_TESTS_E2E_NETNS_H
#define VEDETTE_TESTS_E2E_NETNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A test that uses these began with E2E_NAMESPACES: names are its own, and vanish with it. */

/* Makes the bridge that all namespaces are plugged into. */
void e2e_net_init(void);

/* A namespace with an interface eth0; addresses with prefix length. gateway4, gateway6: NULL for none. */
void e2e_net_add(const char *name, const char *ipv4, const char *ipv6, const char *gateway4,
    const char *gateway6);

/* One more address of the namespace. */
void e2e_net_address(const char *name, const char *address_and_prefix);

/* socket(2) inside the namespace; fails the test if it cannot. */
int e2e_net_socket(const char *name, int domain, int type, int protocol);

/* A UDP socket of the namespace on [::]:port, so that what arrives there is taken without an answer. */
int e2e_net_udp_sink(const char *name, uint16_t port);

/* Sends one datagram with `length` bytes from a socket of the namespace to address:port (UDP). */
void e2e_net_udp(const char *name, const char *address, uint16_t port, size_t length);

/* Sends an echo request with `length` bytes of data and waits for the reply; false if none comes. */
bool e2e_net_ping(const char *name, const char *address, size_t length);

#define E2E_CAPTURE_FLOWS 256

struct e2e_captured {
    char local[46];
    char remote[46];
    uint8_t protocol; /* of the IP header */
    uint16_t local_port;
    uint16_t remote_port;
    uint64_t bytes_in; /* IP payload */
    uint64_t bytes_out;
    uint64_t packets_in;
    uint64_t packets_out;
};

/* Counts what passes eth0 of a namespace. */
struct e2e_capture {
    int fd;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t mutex;
    struct e2e_captured flows[E2E_CAPTURE_FLOWS];
    size_t count;
    bool overflow;
};

struct e2e_capture *e2e_capture_start(const char *netns);
/* Adds up all flows with the remote address; remote_port 0: any. Returns how many flows these are. */
size_t e2e_capture_sum(struct e2e_capture *capture, const char *remote, uint16_t remote_port,
    struct e2e_captured *sum);
void e2e_capture_free(struct e2e_capture *capture);

#endif
