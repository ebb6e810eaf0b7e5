/* SPDX-License-Identifier: MIT */
/* What the port uses of NetX Crypto's random numbers; sim_kernel.c plays it. */

#ifndef NX_CRYPTO_H
#define NX_CRYPTO_H

#include "tx_api.h"

#define NX_CRYPTO_SUCCESS     0x0
#define NX_CRYPTO_HASH_SHA256 0x00000003

#define NX_CRYPTO_RBG sim_rbg

UINT sim_rbg(UINT bits, UCHAR *result);

#endif
