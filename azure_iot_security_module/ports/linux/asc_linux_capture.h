/* SPDX-License-Identifier: MIT */
/* Captures the IP packets of one interface, both directions, in a thread of its own. */

#ifndef ASC_LINUX_CAPTURE_H
#define ASC_LINUX_CAPTURE_H

#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"

#define ASC_LINUX_CAPTURE_ERROR_BYTES 512u

typedef struct asc_linux_capture asc_linux_capture;

/* Gets each packet, from its IP header on, in the capture's thread; `data` is valid in the call. */
typedef void asc_linux_packet_fn(void *context, enum asc_direction direction, enum asc_cast cast,
    const uint8_t *data, uint32_t length);

struct asc_linux_capture_counters {
    uint64_t packets; /* given to the function */
    uint64_t dropped; /* by the kernel, because the thread was behind */
    uint32_t
        attached; /* times that the interface was found: 1, and 1 more each time it came anew */
};

/*
 * Starts capturing on `interface`, which must exist. Needs CAP_NET_RAW. Packets of other hosts
 * (promiscuous mode) are not taken; on a loopback interface, where each packet passes twice, the
 * incoming copy is. Where the interface segments TCP itself (TSO, GRO), a packet is what the kernel
 * handed over or was given, up to 64 KiB with one header: byte counts then lack the headers of the
 * further segments on the wire. When the interface goes down, or is deleted and made anew under its name, the
 * capture says so in the log and goes on when it is back.
 * Returns NULL with what to do about it in `error`. Stop with asc_linux_capture_stop.
 */
asc_linux_capture *asc_linux_capture_start(const char *interface, asc_linux_packet_fn *packet,
    void *context, char error[ASC_LINUX_CAPTURE_ERROR_BYTES]);

/* From any thread. */
struct asc_linux_capture_counters asc_linux_capture_counters(asc_linux_capture *c);

/* Takes what the kernel holds already, ends the thread and releases everything; NULL is allowed.
   Afterwards the packet function is not called again. */
void asc_linux_capture_stop(asc_linux_capture *c);

#endif
