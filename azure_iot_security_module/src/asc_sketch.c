/* SPDX-License-Identifier: MIT */
/* The estimate of distinct flows, in integers only. */

#include "azure_iot_security_module/src/asc_sketch.h"

#if ASC_HAS_NETWORK_ACTIVITY

/* Below this the empty registers tell more than the ranks do: 2.5 a register. Source of both: Flajolet,
 * Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation
 * algorithm", 2007. */
#define SMALL (ASC_SKETCH_REGISTERS * 5u / 2u)

/* 0.7213 / (1 + 1.079 / 128) times the square of the registers. */
#define SCALE 11719u

static unsigned rank_of(const uint8_t *sketch, unsigned i)
{
    return (unsigned)sketch[i / 2] >> (i % 2 * 4) & 15u;
}

void asc_sketch_add(uint8_t *sketch, uint32_t hash)
{
    unsigned rank = 1;
    unsigned shift;
    unsigned i;

    /* Flows that someone counts up give hashes in even steps, which would leave too few registers
     * empty: so mix once more. */
    hash = (hash ^ hash >> 16) * 0x9e3779b1u;
    i = hash >> 25;
    while ((hash & 1u) == 0 && rank < ASC_SKETCH_RANK_MAX) {
        hash >>= 1;
        rank++;
    }
    shift = i % 2 * 4;
    if (rank > rank_of(sketch, i)) {
        sketch[i / 2] = (uint8_t)((sketch[i / 2] & ~(15u << shift)) | rank << shift);
    }
}

uint32_t asc_sketch_estimate(const uint8_t *sketch)
{
    uint32_t sum = 0; /* of 2 to the power of minus rank, times 2^15 */
    uint32_t empty = 0;
    uint32_t estimate;

    for (unsigned i = 0; i < ASC_SKETCH_REGISTERS; i++) {
        const unsigned rank = rank_of(sketch, i);

        sum += 1u << (ASC_SKETCH_RANK_MAX - rank);
        empty += rank == 0;
    }
    estimate = (SCALE << ASC_SKETCH_RANK_MAX) / sum;
    if (estimate > SMALL || empty == 0) {
        return estimate;
    }
    /* How many it takes on average until only so many registers are empty. */
    estimate = 0;
    for (uint32_t i = empty + 1; i <= ASC_SKETCH_REGISTERS; i++) {
        estimate += (ASC_SKETCH_REGISTERS << 8) / i;
    }
    return (estimate + 128u) >> 8;
}

#else
/* An empty translation unit is not C. */
typedef int asc_sketch_is_off;
#endif
