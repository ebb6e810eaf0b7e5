/* SPDX-License-Identifier: MIT */
/* A device that keeps sending security messages in a thread, and knows which of them were acknowledged. */

#ifndef VEDETTE_TESTS_E2E_SENDER_H
#define VEDETTE_TESTS_E2E_SENDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/message.h"

/* A packet id a message: no more than these. */
#define E2E_SENDER_MAX 60000

/* Message n has the event id (series, n). It is sent again, with DUP, on each new connection until acknowledged. */
struct e2e_sender {
    const char *device_id;
    const char *ca;
    uint32_t series;
    unsigned window; /* messages under way at most */
    int pace_ms;     /* between two new messages; 0: as fast as the window allows */
    struct e2e_message message;

    pthread_t thread;
    atomic_uint port; /* changes when the hub is started again */
    atomic_uint limit;
    atomic_bool stop;
    atomic_uint sent;
    atomic_uint acknowledged;
    atomic_uint connections;
    atomic_uint faults; /* acknowledgements of what was never sent, refused connects */
    bool is_acknowledged[E2E_SENDER_MAX];
};

/* Allocated with the message to send; fields above `thread` but for `message` are as given. */
struct e2e_sender *e2e_sender_start(const struct e2e_hub *hub, const char *device_id,
    uint32_t series, unsigned window, int pace_ms, const struct e2e_message *message);

/* Tells it where the hub listens now. */
void e2e_sender_port(struct e2e_sender *sender, uint16_t port);

/* No new messages from here on; waits until all that were sent are acknowledged. False after the deadline. */
bool e2e_sender_drain(struct e2e_sender *sender, int64_t timeout_ms);

/* Waits until `more` messages more than now are acknowledged. */
bool e2e_sender_progress(struct e2e_sender *sender, unsigned more, int64_t timeout_ms);

/* Ends the thread and frees. NULL is allowed. */
void e2e_sender_free(struct e2e_sender *sender);

/* One message on a connection of its own, its event's id that of (7, 1); fails the test unless it is acknowledged. */
void e2e_send_once(
    const struct e2e_hub *hub, const char *device_id, const struct e2e_flow *flows, size_t count);

#endif
