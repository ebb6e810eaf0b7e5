/* SPDX-License-Identifier: MIT */
/* A network of one test: the kernel's stack on one side of a TAP interface, lwIP on the other. */

#ifndef VEDETTE_TESTS_FIRMWARE_HUB_TAP_H
#define VEDETTE_TESTS_FIRMWARE_HUB_TAP_H

#include <stdbool.h>

#include "lwip/netif.h"

#define TAP_KERNEL "10.78.0.1"
#define TAP_LWIP   "10.78.0.2"

/* Moves the process, which has one thread, into a network namespace of its own and makes the interface there.
 * NULL, or why it is not allowed here. */
const char *tap_open(void);

/* For netif_add(): the other side of it. */
err_t tap_init(struct netif *netif);

/* Gives what came to lwIP, after waiting at most `timeout_ms` for it. */
void tap_poll(struct netif *netif, int timeout_ms);

#endif
