/* SPDX-License-Identifier: MIT */
/* Plays ThreadX: interrupts as one lock, ticks that the test moves, mutexes; and NetX Crypto. */

#include <openssl/sha.h>
#include <stdatomic.h>

#include "nx_crypto_sha2.h"
#include "tests/netxduo/sim.h"
#include "tests/netxduo/sim_internal.h"

static pthread_mutex_t interrupts = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local UINT posture = TX_INT_ENABLE;
static atomic_uint ticks;
static atomic_uint clock_s;
static atomic_uint clock_rest;
static bool rbg_fails;
static uint32_t rbg_state = 1;

void sim_fail(const char *what)
{
    fprintf(stderr, "simulated stack: %s\n", what);
    abort();
}

UINT tx_interrupt_control(UINT new_posture)
{
    const UINT old = posture;

    if (old != new_posture) {
        if (new_posture == TX_INT_DISABLE) {
            pthread_mutex_lock(&interrupts);
        } else {
            pthread_mutex_unlock(&interrupts);
        }
        posture = new_posture;
    }
    return old;
}

bool sim_masked(void)
{
    return posture != TX_INT_ENABLE;
}

ULONG tx_time_get(VOID)
{
    return atomic_load(&ticks);
}

VOID tx_time_set(ULONG new_time)
{
    atomic_store(&ticks, new_time);
}

void sim_clock_set(uint32_t utc_s)
{
    atomic_store(&clock_s, utc_s);
    atomic_store(&clock_rest, 0);
}

void sim_ticks_add(uint32_t count)
{
    const uint32_t rest = atomic_load(&clock_rest) + count;

    atomic_fetch_add(&ticks, count);
    if (atomic_load(&clock_s) != 0) {
        atomic_fetch_add(&clock_s, rest / TX_TIMER_TICKS_PER_SECOND);
        atomic_store(&clock_rest, rest % TX_TIMER_TICKS_PER_SECOND);
    }
}

UINT nx_azure_iot_unix_time_get(NX_AZURE_IOT *nx_azure_iot_ptr, ULONG *unix_time)
{
    const uint32_t now = atomic_load(&clock_s);

    sim_require(nx_azure_iot_ptr != NX_NULL, "the time is asked of no instance");
    if (now == 0) {
        return NX_AZURE_IOT_FAILURE;
    }
    *unix_time = now;
    return NX_AZURE_IOT_SUCCESS;
}

UINT tx_mutex_create(TX_MUTEX *mutex_ptr, CHAR *name_ptr, UINT inherit)
{
    pthread_mutexattr_t attributes;

    (void)name_ptr;
    (void)inherit;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&mutex_ptr->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    mutex_ptr->tx_mutex_id = 0x4D555445;
    return TX_SUCCESS;
}

UINT tx_mutex_get(TX_MUTEX *mutex_ptr, ULONG wait_option)
{
    sim_require(!sim_masked(), "a mutex is taken with interrupts masked");
    sim_require(wait_option == TX_WAIT_FOREVER, "a mutex is taken with a time limit");
    pthread_mutex_lock(&mutex_ptr->lock);
    return TX_SUCCESS;
}

UINT tx_mutex_put(TX_MUTEX *mutex_ptr)
{
    sim_require(pthread_mutex_unlock(&mutex_ptr->lock) == 0, "a mutex is given back that is free");
    return TX_SUCCESS;
}

/* --- NetX Crypto -------------------------------------------------------------------------------- */

void sim_rbg_fail(bool fail)
{
    rbg_fails = fail;
}

void sim_rbg_restart(void)
{
    rbg_state = 1;
}

UINT sim_rbg(UINT bits, UCHAR *result)
{
    sim_require(bits % 8 == 0, "random bits that are no bytes");
    if (rbg_fails) {
        return 1;
    }
    for (UINT i = 0; i < bits / 8; i++) {
        rbg_state = rbg_state * 1103515245u + 12345u;
        result[i] = (UCHAR)(rbg_state >> 16);
    }
    return NX_CRYPTO_SUCCESS;
}

UINT _nx_crypto_sha256_initialize(NX_CRYPTO_SHA256 *context, UINT algorithm)
{
    sim_require(algorithm == NX_CRYPTO_HASH_SHA256, "another hash than SHA-256");
    context->length = 0;
    return NX_CRYPTO_SUCCESS;
}

UINT _nx_crypto_sha256_update(NX_CRYPTO_SHA256 *context, UCHAR *input_ptr, UINT input_length)
{
    sim_require(input_length <= sizeof context->input - context->length, "too much to hash");
    memcpy(context->input + context->length, input_ptr, input_length);
    context->length += input_length;
    return NX_CRYPTO_SUCCESS;
}

UINT _nx_crypto_sha256_digest_calculate(NX_CRYPTO_SHA256 *context, UCHAR *digest, UINT algorithm)
{
    sim_require(algorithm == NX_CRYPTO_HASH_SHA256, "another hash than SHA-256");
    SHA256(context->input, context->length, digest);
    return NX_CRYPTO_SUCCESS;
}
