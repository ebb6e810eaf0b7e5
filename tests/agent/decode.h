/* SPDX-License-Identifier: MIT */
/* Decodes security messages with flatc and adds up their flows. */

#ifndef VEDETTE_TESTS_AGENT_DECODE_H
#define VEDETTE_TESTS_AGENT_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#define DECODE_FLOWS_MAX  256u
#define DECODE_EVENTS_MAX 512u

enum decode_protocol {
    DECODE_TCP,
    DECODE_UDP,
    DECODE_ICMP
};

/* Addresses as in the packet; an IPv4 address lies in the first four bytes. */
struct decode_flow {
    bool ipv6;
    enum decode_protocol protocol;
    uint8_t local[16], remote[16];
    uint16_t local_port, remote_port;
    uint64_t bytes_in, bytes_out;
    uint64_t packets_in, packets_out;
};

/* The sums of the ledgers, each once. */
struct decode_ledger {
    uint64_t sequence; /* the last */
    uint64_t seen, counted, overflowed;
};

/* What a number of messages hold together; zeroed by the caller. */
struct decode_sum {
    char module_id[160];
    unsigned events, network, heartbeat, system;
    unsigned repeated; /* events that came more than once, and counted once */
    char os[256], kernel[256], hw[256];
    struct decode_ledger ledger;
    unsigned flow_count;
    struct decode_flow flows[DECODE_FLOWS_MAX];
    uint8_t ids[DECODE_EVENTS_MAX][16];
};

/* Adds one message. A message that flatc does not decode ends the test program. */
void decode_add(struct decode_sum *sum, const uint8_t *message, uint32_t length);

/* The flow of these ends, or NULL. */
const struct decode_flow *decode_find(const struct decode_sum *sum, const struct decode_flow *like);

#endif
