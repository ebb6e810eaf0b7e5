/* SPDX-License-Identifier: MIT */
/* Captures the IP packets of one interface, both directions, in a thread of its own. */

#ifndef ASC_LINUX_CAPTURE_H
#define ASC_LINUX_CAPTURE_H

#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"

#define ASC_LINUX_CAPTURE_ERROR_BYTES 512u

typedef struct asc_linux_capture asc_linux_capture;

/* How packets come out of the kernel (docs/adr/0014-linux-capture.md). */
enum asc_linux_capture_way {
    ASC_LINUX_CAPTURE_RING,  /* through memory that is shared with it; wakes a block at a time */
    ASC_LINUX_CAPTURE_SOCKET /* by system calls that each copy a batch */
};

/* Gets each packet, from its IP header on, in the capture's thread; it is valid in the call. Of a
 * long packet only the headers are the packet's own, at least ASC_HEADER_BYTES, and zeros stand for
 * the rest of its bytes. */
typedef void asc_linux_packet_fn(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet);

struct asc_linux_capture_counters {
    uint64_t packets; /* given to the function */
    uint64_t dropped; /* by the kernel, because the thread was behind; super-packets count as one */
    uint32_t
        attached; /* times that the interface was found: 1, and 1 more each time it came anew */
    enum asc_linux_capture_way way; /* the one in use */
};

/*
 * Starts capturing on `interface`, which must exist. Needs CAP_NET_RAW. Packets of other hosts
 * (promiscuous mode) are not taken; on a loopback interface, where each packet passes twice, the
 * incoming copy is. VLAN tags are stepped over. Where the interface segments or merges itself (TSO,
 * GRO), what the kernel hands over as one is given as the packets that it is on the wire; before
 * Linux 6.2 it is one packet, up to 64 KiB with one header. A ring that cannot be made becomes a
 * socket. When the interface goes down, or is deleted and made anew under its name, the capture says
 * so in the log and goes on when it is back.
 * Returns NULL with what to do about it in `error`. Stop with asc_linux_capture_stop.
 */
asc_linux_capture *asc_linux_capture_start(const char *interface, enum asc_linux_capture_way way,
    asc_linux_packet_fn *packet, void *context, char error[ASC_LINUX_CAPTURE_ERROR_BYTES]);

/* From any thread. */
struct asc_linux_capture_counters asc_linux_capture_counters(asc_linux_capture *c);

/* Takes what the kernel holds already, ends the thread and releases everything; NULL is allowed.
 * Afterwards the packet function is not called again. Blocks, 1 s at most beside the function.
 * Returns the counters as they ended. */
struct asc_linux_capture_counters asc_linux_capture_stop(asc_linux_capture *c);

#endif
