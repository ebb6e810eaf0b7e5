/* SPDX-License-Identifier: MIT */
/* What the headers of one IP packet say, read without a step past the bytes that are there. */

#ifndef ASC_PACKET_H
#define ASC_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"

/* Headers are read from the first bytes of a packet, this many at most: IPv6 with five extension
 * headers of usual size and TCP. What lies deeper is counted without its ports. */
#define ASC_HEADER_BYTES 192

/* IPv6 extension headers of one packet, at most; RFC 8200 section 4.1 names six in its order. */
#define ASC_EXTENSIONS_MAX 8

/* Segments of one packet, at most: 64 KiB in the smallest packets that NetX Duo pools use. */
#define ASC_SEGMENTS_MAX 1024

enum asc_verdict {
    ASC_PACKET_FLOW,     /* belongs to the flow of `ports` and `protocol` */
    ASC_PACKET_FRAGMENT, /* a later fragment: belongs to the datagram of `identification` */
    ASC_PACKET_UNKNOWN,  /* a well-formed packet whose ports cannot be known */
    ASC_PACKET_IGNORED,  /* of a protocol that is not collected */
    ASC_PACKET_MALFORMED
};

struct asc_packet {
    const uint8_t *header;   /* of IP: the bytes that were given */
    uint32_t bytes;          /* IP payload */
    uint32_t ports;          /* source, then destination, as in the packet; 0 for ICMP */
    uint32_t identification; /* of a fragmented datagram */
    uint8_t protocol;        /* enum asc_protocol */
    uint8_t tcp_flags;       /* of TCP, and 0 in a first fragment that may not hold them */
    bool ipv6;
    bool first_fragment; /* later ones will come that know the flow by `identification` only */
};

/* Reads the headers of a packet of `present` bytes, of which the first `length` lie at `data`: all of
 * them, or at least ASC_HEADER_BYTES, or at least the IP header and the 20 bytes after it.
 * Fills `packet` as far as the verdict needs: `header`, `bytes` and `ipv6` in all but the malformed; for
 * a fragment `identification` in the first two. Pure. RFC 791, RFC 8200, RFC 4302. */
enum asc_verdict asc_packet_parse(
    const uint8_t *data, uint32_t length, uint32_t present, struct asc_packet *packet);

/* Flags of TCP, RFC 9293 section 3.1. */
#define ASC_TCP_SYN 0x02u
#define ASC_TCP_ACK 0x10u

/* Returns who opens the connection whose packet with these flags goes this way: SYN alone comes from who
 * opens it, SYN with ACK from the other; unknown without SYN. */
static inline enum asc_opener asc_packet_opener(uint32_t tcp_flags, enum asc_direction direction)
{
    if ((tcp_flags & ASC_TCP_SYN) == 0) {
        return ASC_OPENER_UNKNOWN;
    }
    return ((tcp_flags & ASC_TCP_ACK) == 0) == (direction == ASC_OUT) ? ASC_OPENER_DEVICE
                                                                      : ASC_OPENER_REMOTE;
}

/* Returns whether asc_packet_parse() can read the headers in the first segment alone. */
bool asc_packet_in_one(const struct asc_segment *segment);

/* Copies the first bytes of a chain, `size` at most, to `out`; returns how many. */
uint32_t asc_packet_pull(const struct asc_segment *segment, uint8_t *out, uint32_t size);

/* Returns the bytes of a chain, of its first ASC_SEGMENTS_MAX segments, at most UINT16_MAX + 40: no
 * IP packet claims more. */
uint32_t asc_packet_present(const struct asc_segment *segment);

#endif
