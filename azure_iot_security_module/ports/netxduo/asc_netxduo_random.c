/* SPDX-License-Identifier: MIT */
/* Unpredictable bytes: calls the firmware's function, or stirs the pool and hashes it. */

#include "azure_iot_security_module/ports/netxduo/asc_netxduo_random.h"

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"

#if defined(ASC_NETXDUO_RANDOM)

UINT ASC_NETXDUO_RANDOM(UCHAR *out, UINT length);

bool asc_netxduo_random(
    NX_AZURE_IOT *azure, const char *security_module_id, uint8_t *out, size_t length)
{
    (void)azure;
    (void)security_module_id;
    return ASC_NETXDUO_RANDOM(out, (UINT)length) == 0;
}

#else

#include <string.h>

#include "nx_crypto.h"
#include "nx_crypto_huge_number.h"
#include "nx_crypto_sha2.h"

#define POOL_BYTES 32u

static UCHAR random_pool[POOL_BYTES];

/* The block number under which the pool replaces itself: no request has that many blocks. */
#define NEXT_POOL  0xffffffffu

/* pool' = SHA-256(pool, sample, id) */
static bool pool_stir(NX_AZURE_IOT *azure, const char *security_module_id)
{
    const NX_INTERFACE *link = &azure->nx_azure_iot_ip_ptr->nx_ip_interface[0];
    struct {
        UCHAR generated[POOL_BYTES];
        ULONG ticks;
        ULONG clock;
        ULONG address[2];
    } sample;
    NX_CRYPTO_SHA256 sha;

    memset(&sample, 0, sizeof sample);
    if (NX_CRYPTO_RBG(POOL_BYTES * 8u, sample.generated) != NX_CRYPTO_SUCCESS) {
        return false;
    }
    sample.ticks = tx_time_get();
    (void)nx_azure_iot_unix_time_get(azure, &sample.clock);
    sample.address[0] = link->nx_interface_physical_address_msw;
    sample.address[1] = link->nx_interface_physical_address_lsw;
    (void)_nx_crypto_sha256_initialize(&sha, NX_CRYPTO_HASH_SHA256);
    (void)_nx_crypto_sha256_update(&sha, random_pool, POOL_BYTES);
    (void)_nx_crypto_sha256_update(&sha, (UCHAR *)&sample, (UINT)sizeof sample);
    (void)_nx_crypto_sha256_update(
        &sha, (UCHAR *)(size_t)security_module_id, (UINT)strlen(security_module_id));
    (void)_nx_crypto_sha256_digest_calculate(&sha, random_pool, NX_CRYPTO_HASH_SHA256);
    return true;
}

/* out = SHA-256(pool, number) */
static void pool_block(UINT number, UCHAR out[POOL_BYTES])
{
    NX_CRYPTO_SHA256 sha;

    (void)_nx_crypto_sha256_initialize(&sha, NX_CRYPTO_HASH_SHA256);
    (void)_nx_crypto_sha256_update(&sha, random_pool, POOL_BYTES);
    (void)_nx_crypto_sha256_update(&sha, (UCHAR *)&number, (UINT)sizeof number);
    (void)_nx_crypto_sha256_digest_calculate(&sha, out, NX_CRYPTO_HASH_SHA256);
}

bool asc_netxduo_random(
    NX_AZURE_IOT *azure, const char *security_module_id, uint8_t *out, size_t length)
{
    UCHAR block[POOL_BYTES];

    if (!pool_stir(azure, security_module_id)) {
        return false;
    }
    for (UINT number = 0; length > 0; number++) {
        const size_t part = length < sizeof block ? length : sizeof block;

        pool_block(number, block);
        memcpy(out, block, part);
        out += part;
        length -= part;
    }
    /* What was given cannot be worked out from the pool that is left. */
    pool_block(NEXT_POOL, block);
    memcpy(random_pool, block, sizeof random_pool);
    return true;
}

#endif
