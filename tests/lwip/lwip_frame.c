/* SPDX-License-Identifier: MIT */
/* The frame builder of the lwIP port's tests. */

#include "tests/lwip/lwip_frame.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/opt.h"
#include "lwip/prot/ethernet.h"

#define PIECES_MAX 2048

static uint8_t *blocks[PIECES_MAX];
static size_t block_count;

static size_t put16(uint8_t *out, unsigned value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return 2;
}

size_t frame_link(uint8_t *out, enum frame_link link, enum frame_to to, int version)
{
    static const uint8_t address[][6] = {[FRAME_TO_HOST] = {2, 0, 0, 0, 0, 1},
        [FRAME_TO_ALL] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        [FRAME_TO_GROUP] = {1, 0, 0x5e, 0, 0, 1}};
    static const uint8_t from[6] = {2, 0, 0, 0, 0, 9};
    const unsigned type = link == FRAME_ARP || link == FRAME_VLAN_ARP ? 0x0806
        : version == 4                                                ? 0x0800
                                                                      : 0x86dd;
    size_t n = ETH_PAD_SIZE;

    if (link == FRAME_BARE) {
        return 0;
    }
    memset(out, 0xff, n); /* filling that would make a broadcast of any address */
    memcpy(out + n, address[to], 6);
    memcpy(out + n + 6, from, 6);
    n += 12;
    if (link == FRAME_QINQ) {
        n += put16(out + n, 0x88a8);
        n += put16(out + n, 0x0007);
    }
    if (link == FRAME_VLAN || link == FRAME_QINQ || link == FRAME_VLAN_ARP) {
        n += put16(out + n, 0x8100);
        n += put16(out + n, 0x2005);
    }
    return n + put16(out + n, type);
}

struct pbuf *frame_chain(const uint8_t *bytes, const size_t *piece, size_t count)
{
    struct pbuf *first = NULL;

    for (size_t i = 0; i < count; i++) {
        uint8_t *block = malloc(piece[i] > 0 ? piece[i] : 1);
        struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)piece[i], PBUF_REF);

        if (block == NULL || p == NULL || block_count == PIECES_MAX) {
            abort();
        }
        blocks[block_count++] = block;
        memcpy(block, bytes, piece[i]);
        bytes += piece[i];
        p->payload = block;
        if (first == NULL) {
            first = p;
        } else {
            pbuf_cat(first, p);
        }
    }
    return first;
}

void frame_release(void)
{
    while (block_count > 0) {
        free(blocks[--block_count]);
    }
}
