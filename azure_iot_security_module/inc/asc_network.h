/* SPDX-License-Identifier: MIT */
/* What the network activity collector holds in memory: flow tables of fixed size, and what overflowed. */

#ifndef ASC_NETWORK_H
#define ASC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/asc_port.h"

#define ASC_FLOWS4    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE)
#define ASC_FLOWS6    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE)
#define ASC_LOCALS    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES)
#define ASC_DATAGRAMS (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS)

/* Values as on the wire of the message. */
enum asc_protocol {
    ASC_PROTOCOL_TCP,
    ASC_PROTOCOL_UDP,
    ASC_PROTOCOL_ICMP
};

enum asc_direction {
    ASC_IN,
    ASC_OUT
};

/* Who opened a TCP connection, as its SYN told. */
enum asc_opener {
    ASC_OPENER_UNKNOWN,
    ASC_OPENER_DEVICE,
    ASC_OPENER_REMOTE
};

#if ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS
typedef uint32_t asc_flow_packets;
#define ASC_FLOW_PACKETS_MAX UINT32_MAX
#define ASC_FLOW_PACKETS_END 0u /* what MAX + 1 is in 32 bits */
#else
typedef uint16_t asc_flow_packets;
#define ASC_FLOW_PACKETS_MAX UINT16_MAX
#define ASC_FLOW_PACKETS_END 0x10000u
#endif

/* The index of a flow in its table, or none. With indices of one byte there are two buckets a flow, with
 * those of two bytes one. */
#if ASC_FLOWS4 > 254 || ASC_FLOWS6 > 254
typedef uint16_t asc_flow_index;
#define ASC_FLOW_NONE      UINT16_MAX
#define ASC_BUCKETS(flows) (flows)
#else
typedef uint8_t asc_flow_index;
#define ASC_FLOW_NONE      UINT8_MAX
#define ASC_BUCKETS(flows) (2 * (flows))
#endif

/* What a flow's `kind` holds: enum asc_protocol, enum asc_opener, index of the local address. */
#define ASC_KIND_PROTOCOL 0x03u
#define ASC_KIND_OPENER   2u
#define ASC_KIND_LOCAL    4u
#define ASC_KIND_KEY      0xf3u /* what makes the flow: protocol and local address */

/* Flows of a collection under way: the first `done` were reported and have had packets since; the next
 * `due` no message holds yet. */
struct asc_progress {
    uint16_t done;
    uint16_t due;
};

/* One family's flows, oldest first, an array a field: so none is padded, and a field is found without a
 * multiplication. Counters are those since the flow's last report; they saturate. Addresses are four
 * (IPv4) or sixteen (IPv6) bytes as they lie in a packet, held as words. */
#define ASC_FLOWS(flows, words)                                                                   \
    uint32_t ports[flows];    /* remote, then local port, each in network order as in a packet */ \
    uint32_t bytes[flows][2]; /* IP payload by enum asc_direction */                              \
    asc_flow_packets packets[flows][2];                                                           \
    asc_flow_index next[flows]; /* in the flow's bucket: always an older flow */                  \
    uint8_t kind[flows];                                                                          \
    asc_flow_index head[ASC_BUCKETS(flows)]; /* the newest flow of a bucket */                    \
    uint32_t remote[(flows) * (words)];                                                           \
    uint32_t local[ASC_LOCALS * (words)];                                                         \
    uint16_t count;                                                                               \
    uint16_t local_count;                                                                         \
    struct asc_progress progress;

#if ASC_FLOWS4 > 0
struct asc_flows4 {
    ASC_FLOWS(ASC_FLOWS4, 1)
};
#endif
#if ASC_FLOWS6 > 0
struct asc_flows6 {
    ASC_FLOWS(ASC_FLOWS6, 4)
};
#endif

/* A fragmented datagram whose first fragment has been seen. */
struct asc_datagram {
    uint32_t tag; /* keyed hash of addresses, direction and identification */
    uint32_t ports;
    uint8_t protocol;
    uint8_t age; /* 0 where the slot is free */
};

/* Registers of four bits of the estimate of distinct flows. */
#define ASC_SKETCH_BYTES 64

/* Packets since the last report that found no room in a table, or whose ports are not known. The
 * counters saturate. */
struct asc_overflow {
    uint32_t packets;
    uint32_t bytes[2]; /* IP payload by enum asc_direction */
    uint8_t sketch[ASC_SKETCH_BYTES];
};

/* Words that one hash takes at most: two addresses, an identification, and what it is. */
#if ASC_FLOWS6 > 0
#define ASC_HASH_WORDS 10
#else
#define ASC_HASH_WORDS 4
#endif

struct asc_network {
    uint64_t key[1 + ASC_HASH_WORDS]; /* random since enable */
#if ASC_FLOWS4 > 0
    struct asc_flows4 flows4;
#endif
#if ASC_FLOWS6 > 0
    struct asc_flows6 flows6;
#endif
    struct asc_datagram datagram[ASC_DATAGRAMS];
    uint8_t datagram_next; /* the slot that the next datagram takes */
    struct asc_overflow overflow;
};

#endif
