/* SPDX-License-Identifier: MIT */
/* What the network activity collector holds in memory: flow tables of fixed size, and what overflowed. */

#ifndef ASC_NETWORK_H
#define ASC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/asc_port.h"

#define ASC_FLOWS4    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE
#define ASC_FLOWS6    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE
#define ASC_LOCALS    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES
#define ASC_DATAGRAMS ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS

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
#else
typedef uint16_t asc_flow_packets;
#define ASC_FLOW_PACKETS_MAX UINT16_MAX
#endif

/* The index of a flow in its table, or none. The last four fields of struct asc_flow take four bytes
 * however many flows there are. */
#if ASC_FLOWS4 > 254 || ASC_FLOWS6 > 254
#define ASC_FLOW_NONE              0xfffu
#define ASC_FLOW_FIELD(name, bits) uint32_t name : bits;
#else
#define ASC_FLOW_NONE              0xffu
#define ASC_FLOW_FIELD(name, bits) uint8_t name;
#endif

/* A flow without its remote address, which lies in the table's own array. Counters since its last
 * report; they saturate. */
struct asc_flow {
    uint32_t ports;    /* remote, then local port, each in network order as in a packet */
    uint32_t bytes[2]; /* IP payload by enum asc_direction */
    asc_flow_packets packets[2];
    ASC_FLOW_FIELD(next, 12) /* in this flow's bucket: always an older flow */
    ASC_FLOW_FIELD(head, 12) /* of the bucket with this flow's index: the newest flow there */
    ASC_FLOW_FIELD(local, 4) /* index of the local address */
    ASC_FLOW_FIELD(kind, 4)  /* enum asc_protocol | enum asc_opener << ASC_KIND_OPENER */
};

#define ASC_KIND_PROTOCOL 3u
#define ASC_KIND_OPENER   2u

/* Flows of a collection under way: the first `done` were reported and have had packets since; the next
 * `due` no message holds yet. */
struct asc_progress {
    uint16_t done;
    uint16_t due;
};

/* Addresses are four (IPv4) or sixteen (IPv6) bytes as they lie in a packet, held as words. */
#if ASC_FLOWS4 > 0
struct asc_flows4 {
    struct asc_flow flow[ASC_FLOWS4]; /* oldest first */
    uint32_t remote[ASC_FLOWS4];
    uint32_t local[ASC_LOCALS];
    uint16_t count;
    uint16_t local_count;
    struct asc_progress progress;
};
#endif
#if ASC_FLOWS6 > 0
struct asc_flows6 {
    struct asc_flow flow[ASC_FLOWS6];
    uint32_t remote[ASC_FLOWS6 * 4];
    uint32_t local[ASC_LOCALS * 4];
    uint16_t count;
    uint16_t local_count;
    struct asc_progress progress;
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
