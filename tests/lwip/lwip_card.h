/* SPDX-License-Identifier: MIT */
/* A netif whose driver and stack are played, and frames through it, for the unit tests of the lwIP port. */

#ifndef VEDETTE_TESTS_LWIP_CARD_H
#define VEDETTE_TESTS_LWIP_CARD_H

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "tests/device/device_test.h"
#include "tests/lwip/lwip_frame.h"

struct card {
    struct netif netif;
    unsigned received;
    unsigned sent;
    err_t answer; /* of the driver and of the stack */
    bool moves;   /* the driver takes the link header off its pbuf and leaves it so */
};

/* The module that all tests attach, and its port. */
extern struct asc_module card_module;
extern struct device_port card_port;

/* Starts the module afresh; a setup function of cmocka. */
int card_setup(void **state);

/* Adds a netif with the addresses 10.0.0.1/24 and 2001:db8::1: one of Ethernet, or one of bare IP packets. */
void card_add(struct card *card, netif_init_fn init);
err_t card_init_ethernet(struct netif *netif);
err_t card_init_bare(struct netif *netif);

#if LWIP_IPV6
/* Sets an IPv6 address, 2001:db8:: and its last word, and its state. */
void card_address6(struct card *card, s8_t i, uint32_t last_word, u8_t state);
#endif

/* What such a netif has before anything is attached. */
err_t card_input(struct pbuf *p, struct netif *netif);
err_t card_linkoutput(struct netif *netif, struct pbuf *p);

/* What became of one frame in the module. */
enum outcome {
    PASSED_BY, /* not given to the module */
    COUNTED,
    IGNORED,
    MALFORMED,
    OVERFLOWED
};

/* Returns what the counters say of the one frame, or none, since `before`. */
enum outcome card_outcome_since(const struct asc_counters *before);

/* What becomes of one that comes in and is for another host. */
#define OTHERS4 (IP_FORWARD ? COUNTED : PASSED_BY)
#define OTHERS6 (LWIP_IPV6_FORWARD ? COUNTED : PASSED_BY)

/* Passes a frame, cut in pieces, through the netif, which passes it on once; returns what the module made of it.
 * `version` is that of the packet in it. */
enum outcome card_pass(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, const size_t *piece, size_t count);
enum outcome card_pass_whole(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, size_t length);

/* Passes a frame that counts. */
enum outcome card_pass_plain(struct card *card, enum asc_direction direction);

/* A frame, and what must become of it. */
struct frame_case {
    const char *name;
    enum frame_link link;
    enum frame_to to;
    struct device_packet packet;
    bool group6; /* an IPv6 destination that is a group */
    enum outcome in;
    enum outcome out;
};

#define V4_TO(destination_, protocol_) \
    4, .protocol = (protocol_), .source = 0x0a000002, .destination = (destination_)
#define V4(protocol_) V4_TO(0x0a000001, protocol_)
#define V6_BETWEEN(source_, destination_, protocol_) \
    6, .protocol = (protocol_), .source = (source_), .destination = (destination_)
#define V6_FROM(source_, protocol_)    V6_BETWEEN(source_, 1, protocol_)
#define V6_TO(destination_, protocol_) V6_BETWEEN(2, destination_, protocol_)
#define V6(protocol_)                  V6_FROM(2, protocol_)
/* Ports make each case its own flow. */
#define FLOW(port_) .source_port = (port_), .destination_port = 80

/* Writes the frame to `out`, under that link header; returns its length, and where the packet begins. */
size_t card_build(uint8_t *out, const struct frame_case *c, enum frame_link link, size_t *packet);

/* Whether lwIP has the family. */
bool card_version_in_build(int version);

/* The frame that card_pass_plain() passes, of the family that lwIP has. */
const struct frame_case *card_plain(void);

#endif
