/* SPDX-License-Identifier: MIT */
/* What QEMU's capture holds, counted by the test's own reading of it: nothing of the module takes part. */

#ifndef VEDETTE_TESTS_FIRMWARE_PCAP_H
#define VEDETTE_TESTS_FIRMWARE_PCAP_H

#include <stddef.h>
#include <stdint.h>

#define PCAP_FLOWS_MAX 1024

enum pcap_direction {
    PCAP_IN,
    PCAP_OUT
};

struct pcap_flow {
    char remote[16]; /* IPv4 address as text */
    uint16_t local_port;
    uint16_t remote_port;
    uint8_t protocol; /* of the IP header */
    uint64_t packets[2];
    uint64_t bytes[2]; /* IP payload */
};

struct pcap_tally {
    uint64_t packets; /* of IPv4, both ways */
    size_t count;
    struct pcap_flow flow[PCAP_FLOWS_MAX];
};

/* Counts the IPv4 packets from and to `local`. In each direction counting ends with the first UDP datagram whose
 * payload is last[direction], which is counted. Fails the test if a frame is not what it should be, or an end is not
 * found. */
void pcap_count(
    const char *path, const char *local, const char *const last[2], struct pcap_tally *tally);

#endif
