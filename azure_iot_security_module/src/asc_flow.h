/* SPDX-License-Identifier: MIT */
/* Flow tables of fixed size: what a device said to whom since the last collection. */

#ifndef ASC_FLOW_H
#define ASC_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/asc_port.h"

#define ASC_FLOWS4    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE
#define ASC_FLOWS6    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE
#define ASC_LOCALS    ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES
#define ASC_DATAGRAMS ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS

/* Flows in one bucket's chain; a further one counts as overflow, which bounds what a packet costs
 * whoever chose the flows. With a seeded hash and as many buckets as flows, one full table of 64 in
 * about 14,000 has a bucket of nine. */
#define ASC_CHAIN_MAX 8

/* The scalar id of a flow in its table. */
#if ASC_FLOWS4 > 254 || ASC_FLOWS6 > 254
typedef uint16_t asc_flow_index;
#define ASC_FLOW_NONE UINT16_MAX
#else
typedef uint8_t asc_flow_index;
#define ASC_FLOW_NONE UINT8_MAX
#endif

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

/* A flow without its remote address, which lies in the table's own array. */
struct asc_flow {
    uint32_t ports;      /* remote, then local port, each in network order as in a packet */
    uint32_t bytes[2];   /* IP payload by enum asc_direction; saturates */
    uint8_t local;       /* index of the local address */
    uint8_t protocol;    /* enum asc_protocol */
    asc_flow_index next; /* in this flow's bucket: always an older flow */
    asc_flow_index head; /* of the bucket with this flow's index: the newest flow there */
};

/* Addresses are four (IPv4) or sixteen (IPv6) bytes as they lie in a packet, held as words. */
#if ASC_FLOWS4 > 0
struct asc_flows4 {
    struct asc_flow flow[ASC_FLOWS4]; /* oldest first */
    uint32_t remote[ASC_FLOWS4];
    uint32_t local[ASC_LOCALS];
    uint16_t count;
    uint16_t local_count;
};
#endif
#if ASC_FLOWS6 > 0
struct asc_flows6 {
    struct asc_flow flow[ASC_FLOWS6];
    uint32_t remote[ASC_FLOWS6 * 4];
    uint32_t local[ASC_LOCALS * 4];
    uint16_t count;
    uint16_t local_count;
};
#endif

/* A fragmented datagram whose first fragment has been seen. */
struct asc_datagram {
    uint32_t tag; /* keyed hash of addresses, direction and identification */
    uint32_t ports;
    uint8_t protocol;
    uint8_t age; /* 0 where the slot is free */
};

/* Words that one hash takes at most: two addresses of four, an identification, and what it is. */
#define ASC_HASH_WORDS 10

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
    uint16_t due4;         /* flows of the collection under way that no message holds yet */
    uint16_t due6;
};

struct asc_packet;

/* Empties the tables. The caller has set `key`, or sets it before the first packet. */
void asc_flow_reset(struct asc_network *n);

/* For a fragment: the first of a datagram tells its ports and protocol, which a later one (`later`) is
 * given in `packet`. Returns false where they are not known. */
bool asc_flow_datagram(
    struct asc_network *n, struct asc_packet *packet, bool later, enum asc_direction direction);

/* Forgets the `count` oldest flows of a family; the others keep their order. Cost: one pass. */
void asc_flow_drop4(struct asc_network *n, unsigned count);
void asc_flow_drop6(struct asc_network *n, unsigned count);

/* Tells that a collection began: datagrams whose fragments have had a whole interval are forgotten. */
void asc_flow_age_datagrams(struct asc_network *n);

#endif
