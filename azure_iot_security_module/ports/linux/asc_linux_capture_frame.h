/* SPDX-License-Identifier: MIT */
/* From a frame as the kernel hands it over to the IP packets that it stands for. */

#ifndef ASC_LINUX_CAPTURE_FRAME_H
#define ASC_LINUX_CAPTURE_FRAME_H

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "azure_iot_security_module/src/asc_packet.h"

/* Bytes of a frame that are wanted: every header that the module reads, behind a link header of at
 * most 64 bytes. */
#define ASC_LINUX_FRAME_SNAP_BYTES (ASC_HEADER_BYTES + 64u)

struct asc_linux_frame {
    const uint8_t *data; /* the link header, if the interface has one */
    uint32_t captured;   /* bytes at `data` */
    uint32_t length;     /* of the whole frame */
    uint32_t network;    /* bytes from `data` to what the kernel takes for the IP header */
    uint16_t protocol;   /* EtherType */
    uint16_t hardware;   /* ARPHRD_ETHER and so on */
    uint8_t type;        /* PACKET_HOST and so on */
    uint16_t
        segment_bytes; /* payload of each packet of a super-packet but the last; 0: it is none */
};

/* Where packets go, and how many did. */
struct asc_linux_sink {
    asc_linux_packet_fn *packet;
    void *context;
    uint64_t packets;
};

/* Gives the IP packets of a frame to the sink: one, or those of a super-packet (at most the 65,535
 * that the kernel makes of one), or none if it holds no IP. Reads `captured` bytes at most. */
void asc_linux_frame_give(const struct asc_linux_frame *frame, struct asc_linux_sink *sink);

#endif
