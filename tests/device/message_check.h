/* SPDX-License-Identifier: MIT */
/* A second opinion on the encoder: verifies a whole message by the rules of FlatBuffers and reads it. */

#ifndef VEDETTE_TESTS_MESSAGE_CHECK_H
#define VEDETTE_TESTS_MESSAGE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#define CHECK_FLOWS_MAX  8192
#define CHECK_EVENTS_MAX 8

struct check_flow {
    uint8_t local[16]; /* IPv4: the first four */
    uint8_t remote[16];
    bool ipv6;
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t bytes_in;
    uint32_t bytes_out;
    uint32_t packets_in;
    uint32_t packets_out;
    uint8_t protocol;
    uint8_t opened_by;
};

struct check_event {
    uint8_t id[16];
    uint32_t time;
    uint32_t interval;
    uint8_t payload;
    const char *information[3]; /* into the message; NULL where absent */
    uint32_t overflow[4];       /* of a network event: packets, bytes in and out, flows */
};

/* The words of the struct Ledger. */
enum check_ledger {
    CHECK_BOOT_ID,
    CHECK_SEQUENCE,
    CHECK_PACKETS_SEEN,
    CHECK_PACKETS_COUNTED,
    CHECK_PACKETS_OVERFLOWED,
    CHECK_PACKETS_MALFORMED,
    CHECK_PACKETS_GIVEN_UP,
    CHECK_PACKETS_WITHHELD,
    CHECK_MESSAGES_KEPT,
    CHECK_MESSAGES_SENT,
    CHECK_MESSAGES_GIVEN_UP,
    CHECK_LEDGER_WORDS
};

struct check_message {
    const char *id; /* into the message */
    uint32_t version;
    int8_t timezone;
    uint32_t ledger[CHECK_LEDGER_WORDS];
    unsigned events;
    struct check_event event[CHECK_EVENTS_MAX];
    unsigned flows;
    struct check_flow flow[CHECK_FLOWS_MAX]; /* of all network events, as they come */
};

/* Reads the message of `length` bytes at `data` into `out`. Returns NULL if it is right in every
 * byte that a reader looks at, else what is wrong. A default value that is written out is wrong, but where the
 * encoder writes fields together: an event's time and interval, a direction's bytes and packets, the two
 * ports, the overflow. */
const char *check_message(const uint8_t *data, uint32_t length, struct check_message *out);

#endif
