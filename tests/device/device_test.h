/* SPDX-License-Identifier: MIT */
/* What the device's tests share: a port that is played, and packets built from a description. */

#ifndef VEDETTE_TESTS_DEVICE_TEST_H
#define VEDETTE_TESTS_DEVICE_TEST_H

#include <stddef.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"

/* Messages that a played port keeps. */
#define DEVICE_SENT_MAX 64

struct device_sent {
    uint32_t length;
    uint8_t bytes[ASC_MESSAGE_BYTES];
};

/* A port whose clock, entropy and transport the test sets. Give it to the module as the context. */
struct device_port {
    uint32_t now_ms;
    uint32_t utc_s;
    uint64_t seed; /* of `random`; any value */
    bool no_entropy;
    enum asc_send_result answer;
    struct asc_system_information information;
    int locked; /* 0 or 1; anything else fails the program */
    unsigned sent;
    struct device_sent message[DEVICE_SENT_MAX]; /* every attempt, oldest first */
};

extern const struct asc_port device_port_functions;

/* Prepares a port and a module on it, enabled and connected; ends the program if it cannot. */
void device_start(
    struct asc_module *m, struct device_port *port, const struct asc_settings *settings);

/* Returns default settings with an id. */
struct asc_settings device_settings(void);

/* Moves the clock by `ms` in one leap, then steps until a step sends nothing. */
void device_pass(struct asc_module *m, struct device_port *port, uint32_t ms);

/* Returns the next number of a reproducible sequence (xorshift). `*seed` must not be 0. */
uint32_t device_random(uint64_t *seed);

#define DEVICE_EXTENSIONS_MAX 10
#define DEVICE_PACKET_MAX     4096

struct device_extension {
    uint8_t protocol;
    uint16_t bytes; /* 0: as short as it may be */
};

/* An IP packet; zeros mean a plain one. */
struct device_packet {
    int version;          /* 4 or 6 */
    uint8_t protocol;     /* of the transport header: 6, 17, 1, 58 or another */
    uint32_t source;      /* IPv4 in host order; IPv6: 2001:db8::source */
    uint32_t destination; /* likewise */
    uint16_t source_port;
    uint16_t destination_port;
    uint16_t data_bytes;  /* after the transport header */
    uint8_t option_words; /* IPv4 */
    uint32_t identification;
    uint16_t offset; /* bytes; a later fragment has no transport header */
    bool more;
    bool fragment_header; /* IPv6: have one although whole */
    struct device_extension
        extension[DEVICE_EXTENSIONS_MAX]; /* IPv6: until protocol and bytes are 0 */
};

/* Writes the packet to `out`, DEVICE_PACKET_MAX bytes; returns its length. */
size_t device_packet_build(uint8_t *out, const struct device_packet *packet);

/* Gives one packet in one segment to the module, from an allocation of its very length. */
void device_give(
    struct asc_module *m, enum asc_direction direction, const uint8_t *data, size_t length);

/* Builds and gives a packet; returns its IP payload. */
uint32_t device_give_packet(
    struct asc_module *m, enum asc_direction direction, const struct device_packet *packet);

#endif
