/* SPDX-License-Identifier: MIT */
/* SipHash-1-3 (Aumasson, Bernstein): a hash whose collisions nobody finds who does not know the key. */

#ifndef VEDETTE_HUB_SIPHASH_H
#define VEDETTE_HUB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* `key` is random, and the table's own. */
uint64_t vd_siphash(const uint64_t key[2], const void *data, size_t length);

#endif
