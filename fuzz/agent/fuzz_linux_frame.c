/* SPDX-License-Identifier: MIT */
/* Any bytes as a frame of the kernel's: no step past them, and super-packets lose no byte of payload. */

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <string.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture_frame.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"

/* Bytes before the frame's own: length of the frame and of a segment, protocol, type, IP's offset. */
#define HEAD_BYTES 9u

struct got {
    uint64_t bytes;
    uint32_t packets;
    uint32_t longest;
    uint32_t shortest;
    uint32_t headers; /* of one of several packets */
};

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    static volatile uint8_t read;
    struct got *g = context;
    uint32_t length = 0;

    require(direction == ASC_IN || direction == ASC_OUT, "a direction");
    require(cast <= ASC_MULTICAST, "a cast");
    require(packet != NULL, "a packet");
    for (const struct asc_segment *s = packet; s != NULL; s = s->next) {
        if (s->length > 0) {
            read = (uint8_t)(read + s->data[0] + s->data[s->length - 1]);
        }
        length += s->length;
    }
    g->packets++;
    g->bytes += length;
    g->headers = packet->length;
    g->longest = length > g->longest ? length : g->longest;
    g->shortest = g->packets == 1 || length < g->shortest ? length : g->shortest;
}

static void check(const struct asc_linux_frame *f, const struct got *g)
{
    const uint64_t once = g->bytes - (uint64_t)g->packets * g->headers;

    require(g->longest <= f->length, "a packet is longer than its frame");
    if (g->packets <= 1) {
        return;
    }
    require(f->segment_bytes > 0, "several packets of one that is no super-packet");
    require(g->longest == g->headers + f->segment_bytes, "a segment's payload");
    require(g->shortest > g->headers, "an empty segment");
    require(once / f->segment_bytes + (once % f->segment_bytes != 0) == g->packets,
        "the number of segments");
    /* Beside the payload the frame has one set of headers, a link header and a jumbo option. */
    require(once + g->headers <= f->length && once + g->headers + f->captured >= f->length,
        "payload that was lost or made");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t protocols[] = {ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q, ETH_P_8021AD};
    struct asc_linux_frame frame;
    struct got g;
    struct asc_linux_sink sink = {on_packet, &g, 0};
    uint8_t *copy;

    if (size < HEAD_BYTES || size - HEAD_BYTES > ASC_LINUX_FRAME_SNAP_BYTES) {
        return 0;
    }
    frame = (struct asc_linux_frame){.captured = (uint32_t)(size - HEAD_BYTES),
        .length = (be16(data) << 8 | data[2]) & 0x7ffff, /* BIG TCP has 512 KiB at most */
        .segment_bytes = (uint16_t)be16(data + 3),
        .protocol = protocols[data[5] & 3],
        .hardware = (data[5] & 4) != 0 ? ARPHRD_NONE : ARPHRD_ETHER,
        .type = data[6],
        .network = be16(data + 7)};
    frame.length += frame.captured;
    copy = malloc(frame.captured > 0 ? frame.captured : 1); /* ends where the frame's bytes end */
    require(copy != NULL, "memory");
    memcpy(copy, data + HEAD_BYTES, frame.captured);
    frame.data = copy;
    memset(&g, 0, sizeof g);
    asc_linux_frame_give(&frame, &sink);
    require(sink.packets == g.packets, "the number of packets");
    check(&frame, &g);
    free(copy);
    return 0;
}
