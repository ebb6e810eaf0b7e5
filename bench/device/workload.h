/* SPDX-License-Identifier: MIT */
/* What the device's figures are measured with, on the host and on a microcontroller: flows and a port. */

#ifndef VEDETTE_BENCH_WORKLOAD_H
#define VEDETTE_BENCH_WORKLOAD_H

#include "azure_iot_security_module/inc/security_module.h"

/* Flows of a full table; tables, or messages, of one measurement: what a packet costs depends on the
 * random keys, so each table has others. */
#define WORKLOAD_FLOWS  64u
#define WORKLOAD_TABLES 200u

/* Flows in the longest chain of a table. */
#define WORKLOAD_CHAIN 8u

#define WORKLOAD_PACKET_MAX 88u

/* X(name, text): how 64 flows are chosen. Those from hosts to locals are choices of somebody who
 * wants them in one chain, and does not know the keys. */
#define WORKLOAD_SETS(X)                                                                       \
    X(WORKLOAD_MIXED, "mixed")   /* other hosts, other local ports */                          \
    X(WORKLOAD_HOSTS, "hosts")   /* hosts in a row, one pair of ports */                       \
    X(WORKLOAD_STEPS, "steps")   /* hosts whose addresses are 64 apart */                      \
    X(WORKLOAD_PORTS, "ports")   /* one host's ports in a row */                               \
    X(WORKLOAD_FOLDED, "folded") /* address and port change so that their XOR stays */         \
    X(WORKLOAD_LOCALS, "locals") /* a host's 8: to 4 local addresses, over TCP and over UDP */ \
    X(WORKLOAD_UDP, "udp")       /* as mixed, over UDP */                                      \
    X(WORKLOAD_OPTIONS,                                                                        \
        "options")           /* as mixed, with 4 bytes of IP options or an extension header */ \
    X(WORKLOAD_ICMP, "icmp") /* as hosts, echo requests */                                     \
    X(WORKLOAD_SYN, "syn")   /* as mixed, with SYN, whose opener is known */                   \
    X(WORKLOAD_PAYLOAD, "payload") /* as mixed, over UDP, with all bits set in what is sent */

#define WORKLOAD_ENUM(name, text) name,
enum workload_set {
    WORKLOAD_SETS(WORKLOAD_ENUM) WORKLOAD_SET_COUNT
};
#undef WORKLOAD_ENUM

/* Returns the set's name. */
const char *workload_set_name(enum workload_set set);

/* A packet of 60 (IPv4) or 80 (IPv6) bytes, and its options. */
struct workload_packet {
    uint8_t bytes[WORKLOAD_PACKET_MAX];
    struct asc_segment segment;
    enum asc_direction direction;
};

/* Fills `out`, which must stay where it is, with a packet of flow `flow` of the set. */
void workload_packet(struct workload_packet *out, enum workload_set set, bool ipv6,
    enum asc_direction direction, unsigned flow);

/* Prepares `m` on a port of reproducible numbers that delivers each message at once; enabled,
 * connected, with empty tables, other keys than before and nothing due. Returns false if it cannot. */
bool workload_start(struct asc_module *m);

/* Gives the first packets, going out, of the first `flows` flows of a set. */
void workload_fill(struct asc_module *m, enum workload_set set, bool ipv6, unsigned flows);

/* Gives the first packets, going out, of WORKLOAD_CHAIN flows of the mixed set that are in one chain. Returns the number of the first of them, which is the deepest in it. */
unsigned workload_fill_chain(struct asc_module *m, bool ipv6);

/* Moves the port's clock on, so that the next step collects. */
void workload_pass_interval(void);

/* Returns the last message sent and its length; valid until the module's next step. */
const uint8_t *workload_message(uint32_t *length);

#endif
