/* SPDX-License-Identifier: MIT */
/* The network chip of the board MPS2, SMSC LAN9118, as a netif of lwIP; polled. */

#ifndef VEDETTE_TESTS_FIRMWARE_MPS2_LAN9118_H
#define VEDETTE_TESTS_FIRMWARE_MPS2_LAN9118_H

#include <stdint.h>

#include "lwip/err.h"
#include "lwip/netif.h"

/* Resets and starts the chip and fills the netif: for netif_add(). ERR_IF if the chip is not there. */
err_t lan9118_init(struct netif *netif);

/* Gives at most one received frame to netif->input; false: there was none. */
bool lan9118_poll(struct netif *netif);

/* Frames that the chip, or a want of memory, lost since start. */
uint32_t lan9118_lost(void);

#endif
