/* SPDX-License-Identifier: MIT */
/* Frames for the tests of the lwIP port: link headers, and pbuf chains cut at will. */

#ifndef VEDETTE_TESTS_LWIP_FRAME_H
#define VEDETTE_TESTS_LWIP_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "lwip/pbuf.h"

enum frame_link {
    FRAME_PLAIN, /* Ethernet with the type of the packet's version */
    FRAME_VLAN,  /* the same behind one tag */
    FRAME_QINQ,  /* the same behind two */
    FRAME_ARP,   /* the packet's bytes under another type */
    FRAME_VLAN_ARP,
    FRAME_BARE /* no link header */
};

/* Whom a frame's link header addresses. */
enum frame_to {
    FRAME_TO_HOST,
    FRAME_TO_ALL,
    FRAME_TO_GROUP
};

#define FRAME_LINK_MAX 32

/* Writes a link header for an IP packet of version 4 or 6 to `out`, FRAME_LINK_MAX bytes; returns its length,
 * ETH_PAD_SIZE included. */
size_t frame_link(uint8_t *out, enum frame_link link, enum frame_to to, int version);

/* Makes a chain of `count` pbufs, of which each has `piece` bytes in an allocation of that very length.
 * Released by frame_release() after the last reference to it; one chain at a time. */
struct pbuf *frame_chain(const uint8_t *bytes, const size_t *piece, size_t count);

/* Frees what frame_chain() allocated for the bytes, once the pbufs are gone. */
void frame_release(void);

#endif
