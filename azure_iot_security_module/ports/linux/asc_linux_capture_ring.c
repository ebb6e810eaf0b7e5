/* SPDX-License-Identifier: MIT */
/* The way through a ring: TPACKET_V3, blocks of frames in memory that the kernel fills and we empty. */

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture_way.h"

/* A block is ours when it is full or this old: so often at most we wake up, and so late a packet is
 * counted at most. */
#define BLOCK_AGE_MS 50u
/* Some 370 long frames, of which ASC_LINUX_FRAME_SNAP_BYTES and 92 bytes of the kernel's are kept. */
#define BLOCK_BYTES (128u << 10)
/* 4 MiB in all: some 11,900 long frames, or 27,000 short ones. */
#define BLOCKS 32u
/* Only bounds what a frame may take; frames of TPACKET_V3 lie one behind the other. */
#define FRAME_BYTES 2048u
/* Of the frame's struct sockaddr_ll: TPACKET_ALIGN() of what comes before it, without its signs. */
#define ADDRESS_OFFSET \
    ((sizeof(struct tpacket3_hdr) + TPACKET_ALIGNMENT - 1u) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT)

struct ring {
    int fd;
    bool segments;
    uint8_t *memory;
    unsigned next; /* block that the kernel gives us next */
};

static void *ring_open(int fd, bool segments)
{
    struct ring *r = calloc(1, sizeof *r);
    struct tpacket_req3 request = {.tp_block_size = BLOCK_BYTES,
        .tp_block_nr = BLOCKS,
        .tp_frame_size = FRAME_BYTES,
        .tp_frame_nr = BLOCKS * (BLOCK_BYTES / FRAME_BYTES),
        .tp_retire_blk_tov = BLOCK_AGE_MS};
    int version = TPACKET_V3;

    if (r == NULL) {
        return NULL;
    }
    r->fd = fd;
    r->segments = segments;
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0 &&
        setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) == 0) {
        r->memory =
            mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (r->memory != MAP_FAILED) {
            return r;
        }
    }
    free(r);
    return NULL;
}

static void give(const struct ring *r, const uint8_t *at, struct asc_linux_taken *taken)
{
    const struct tpacket3_hdr *header = (const void *)at;
    const struct sockaddr_ll *address = (const void *)(at + ADDRESS_OFFSET);
    struct virtio_net_hdr segments = {.gso_size = 0};
    struct asc_linux_frame frame = {.data = at + header->tp_mac,
        .captured = header->tp_snaplen,
        .length = header->tp_len,
        .network = (uint32_t)header->tp_net - header->tp_mac,
        .protocol = ntohs(address->sll_protocol),
        .hardware = address->sll_hatype,
        .type = address->sll_pkttype};

    if (r->segments) {
        memcpy(&segments, frame.data - sizeof segments, sizeof segments);
        frame.segment_bytes = segments.gso_size;
    }
    asc_linux_frame_give(&frame, &taken->sink);
    taken->frames++;
}

/* A frame that the kernel began and then dropped, a super-packet of a kind that its header has no name
 * for, stays as it was: zero, because we leave a block so. The kernel has counted it as dropped. */
static void take_block(struct ring *r, uint8_t *block, struct asc_linux_taken *taken)
{
    const struct tpacket_hdr_v1 *head =
        &((const struct tpacket_block_desc *)(void *)block)->hdr.bh1;
    const uint32_t first = head->offset_to_first_pkt;
    const uint8_t *at = block + first;

    for (uint32_t i = 0; i < head->num_pkts; i++) {
        const struct tpacket3_hdr *header = (const void *)at;

        if (header->tp_mac != 0) {
            give(r, at, taken);
        }
        at += header->tp_next_offset;
    }
    if (head->blk_len > first) {
        memset(block + first, 0, head->blk_len - first);
    }
}

/* Errors do not come with the frames here; to ask for one takes it off the socket. */
static bool without_error(const struct ring *r)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static bool ring_take(void *state, struct asc_linux_taken *taken)
{
    struct ring *r = state;

    for (unsigned i = 0; i < BLOCKS; i++) {
        uint8_t *block = r->memory + (size_t)r->next * BLOCK_BYTES;
        uint32_t *status = &((struct tpacket_block_desc *)(void *)block)->hdr.bh1.block_status;

        if ((__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) {
            break;
        }
        take_block(r, block, taken);
        __atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        r->next = (r->next + 1) % BLOCKS;
    }
    return without_error(r);
}

static void ring_close(void *state)
{
    struct ring *r = state;

    if (r != NULL) {
        munmap(r->memory, (size_t)BLOCK_BYTES * BLOCKS);
        free(r);
    }
}

const struct asc_linux_way asc_linux_way_ring = {
    .name = "ring", .open = ring_open, .take = ring_take, .close = ring_close};
