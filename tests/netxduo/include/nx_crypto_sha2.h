/* SPDX-License-Identifier: MIT */
/* What the port uses of NetX Crypto's SHA-256; sim_kernel.c plays it. */

#ifndef NX_CRYPTO_SHA2_H
#define NX_CRYPTO_SHA2_H

#include "nx_crypto.h"

typedef struct NX_CRYPTO_SHA256_STRUCT {
    UINT length;
    UCHAR input[1024];
} NX_CRYPTO_SHA256;

UINT _nx_crypto_sha256_initialize(NX_CRYPTO_SHA256 *context, UINT algorithm);
UINT _nx_crypto_sha256_update(NX_CRYPTO_SHA256 *context, UCHAR *input_ptr, UINT input_length);
UINT _nx_crypto_sha256_digest_calculate(NX_CRYPTO_SHA256 *context, UCHAR *digest, UINT algorithm);

#endif
