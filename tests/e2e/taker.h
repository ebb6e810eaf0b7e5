/* SPDX-License-Identifier: MIT */
/* A device that takes its messages and reports properties in a thread, over every restart of the hub. */

#ifndef VEDETTE_TESTS_E2E_TAKER_H
#define VEDETTE_TESTS_E2E_TAKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/e2e/harness.h"

struct e2e_taker {
    char device_id[64]; /* with the keys of e2e_device_create */
    const char *ca;
    /* Called in the thread for each message before it is acknowledged, with its id; it may come again. NULL is allowed. */
    void (*on_message)(const char *message_id, const void *body, size_t length);
    bool reports; /* {"r":n}, n = 1, 2 ..., one after the other */

    pthread_t thread;
    atomic_uint port; /* changes when the hub is started again */
    atomic_bool stop;
    atomic_uint reported; /* the last n that was sent, */
    atomic_uint answered; /* and the last that was answered with 204 */
    atomic_uint taken;
    atomic_uint faults; /* refused connects, answers that should not be */
};

/* Fields above `thread` are as given; the taker is the caller's. */
void e2e_taker_start(struct e2e_taker *taker, const struct e2e_hub *hub);
/* Ends the thread. One that was not started is allowed. */
void e2e_taker_stop(struct e2e_taker *taker);

#endif
