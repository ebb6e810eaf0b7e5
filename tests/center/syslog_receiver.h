/* SPDX-License-Identifier: MIT */
/* A receiver of syslog on loopback: counted octets over TLS or TCP, one connection at a time. */

#ifndef VEDETTE_TESTS_CENTER_SYSLOG_RECEIVER_H
#define VEDETTE_TESTS_CENTER_SYSLOG_RECEIVER_H

#include "tests/center/syslog_reader.h"

#define RECEIVER_MAX 256

/* What it does when it has read `after` messages of a connection; the first two have no use for that. */
enum receiver_end {
    RECEIVER_GOES_ON,  /* until it is stopped, in order */
    RECEIVER_DIES,     /* when it is stopped, without close_notify */
    RECEIVER_CLOSES,   /* in order */
    RECEIVER_RESETS,   /* at once */
    RECEIVER_IS_STUCK, /* reads no more until it is stopped, which resets what it has not read */
};

struct receiver_plan {
    const char *certificate_file; /* PEM; NULL: plain TCP */
    const char *key_file;
    const char *client_ca_file; /* NULL: no certificate is asked for */
    enum receiver_end end;
    unsigned after;
};

struct receiver;

/* Listens on that port, 0: any free one. Fails the test if it cannot. */
struct receiver *receiver_start(const struct receiver_plan *plan, uint16_t port);
uint16_t receiver_port(const struct receiver *receiver);

/* Waits for so many messages since the start, or connections; fails the test after 20 s, or if one was malformed. */
void receiver_await_messages(struct receiver *receiver, size_t count);
void receiver_await_connections(struct receiver *receiver, size_t count);
size_t receiver_message_count(struct receiver *receiver);
size_t receiver_connection_count(struct receiver *receiver);
/* Valid until receiver_free. */
const struct syslog_message *receiver_message(struct receiver *receiver, size_t i);

/* Ends its connection and its listening, keeps what it has. */
void receiver_stop(struct receiver *receiver);
/* NULL is allowed. */
void receiver_free(struct receiver *receiver);

#endif
