/* SPDX-License-Identifier: MIT */
/* An estimate of how many distinct flows there were, in 64 bytes: HyperLogLog with 128 registers. */

#ifndef ASC_SKETCH_H
#define ASC_SKETCH_H

#include "azure_iot_security_module/inc/asc_network.h"

#define ASC_SKETCH_REGISTERS (2u * ASC_SKETCH_BYTES)
#define ASC_SKETCH_RANK_MAX  15u

/* Adds what `hash` stands for: 32 bits that are as good as random. Cost: bounded. */
void asc_sketch_add(uint8_t *sketch, uint32_t hash);

/* Returns an estimate of the distinct hashes that were added: exact for none, within a few of the truth
 * up to a hundred, then with a standard error of 9 %; at most about three million. */
uint32_t asc_sketch_estimate(const uint8_t *sketch);

#endif
