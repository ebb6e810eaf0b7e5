/* SPDX-License-Identifier: MIT */
/* Unpredictable bytes: from the firmware's own function, or from a pool. */

#ifndef ASC_NETXDUO_RANDOM_H
#define ASC_NETXDUO_RANDOM_H

#include "nx_azure_iot.h"

#include "azure_iot_security_module/inc/security_module.h"

/* Fills `length` bytes at `out`; false where there are none.
 *
 * With ASC_NETXDUO_RANDOM they are what that function gives. Without, they are SHA-256 over a pool of 32
 * bytes that before every use takes in, by SHA-256 too: 32 bytes of NX_CRYPTO_RBG, the clock, the tick
 * count, the interface's hardware address and the module's id. They can be predicted by who can predict
 * NX_CRYPTO_RBG, whose default is NX_RAND, whose default is rand(): a firmware whose TLS keys are
 * good has set one of these. Clock and hardware address keep event ids from repeating on the next boot
 * and on the next device where it has not.
 *
 * From the module's thread. */
bool asc_netxduo_random(
    NX_AZURE_IOT *azure, const char *security_module_id, uint8_t *out, size_t length);

#endif
