/* SPDX-License-Identifier: MIT */
/* Where NetX Crypto declares its default NX_CRYPTO_RBG; the simulation has its own. */

#ifndef NX_CRYPTO_HUGE_NUMBER_H
#define NX_CRYPTO_HUGE_NUMBER_H

#include "nx_crypto.h"

#endif
