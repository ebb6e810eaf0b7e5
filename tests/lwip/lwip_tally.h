/* SPDX-License-Identifier: MIT */
/* An independent count of the frames on a wire, against which the module's is held. */

#ifndef VEDETTE_TESTS_LWIP_TALLY_H
#define VEDETTE_TESTS_LWIP_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_FLOWS_MAX     256
#define TALLY_DATAGRAMS_MAX 64

struct tally_flow {
    bool ipv6;
    uint8_t protocol;  /* as in a message: 0 TCP, 1 UDP, 2 ICMP */
    uint8_t local[16]; /* IPv4: the first four */
    uint8_t remote[16];
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t packets[2]; /* in, out */
    uint32_t bytes[2];   /* IP payload */
    uint8_t opened_by;   /* as in a message: 0 not seen, 1 this side, 2 the other */
};

/* A fragmented datagram: whose it is, and the ports that its first fragment told. */
struct tally_datagram {
    uint8_t addresses[32];
    uint32_t identification;
    bool ipv6;
    bool out;
    uint16_t ports[2];
};

struct tally {
    bool unicast_only; /* set by the caller: incoming group frames are not collected */
    uint8_t subnet_broadcast[4];
    struct tally_flow flow[TALLY_FLOWS_MAX];
    unsigned flows;
    struct tally_datagram datagram[TALLY_DATAGRAMS_MAX];
    unsigned datagrams;
    uint32_t frames[2];
    uint32_t fragments; /* later ones, that were counted */
    uint32_t groups;    /* to groups and to all, that came in */
    uint32_t counted;
    uint32_t ignored;
    uint32_t malformed;
    uint32_t overflowed; /* fragments of datagrams whose first was not seen */
};

/* Counts one Ethernet frame that came in or went out. */
void tally_frame(struct tally *tally, bool out, const uint8_t *frame, size_t length);

/* Adds the counts of `other`, of other frames, to `tally`; not its fragmented datagrams. */
void tally_merge(struct tally *tally, const struct tally *other);

/* Returns the flow like `like`, by everything but the counts; NULL if there is none. */
struct tally_flow *tally_find(struct tally *tally, const struct tally_flow *like);

#endif
