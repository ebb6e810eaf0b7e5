/* SPDX-License-Identifier: MIT */
/* Mixes a flow's addresses, ports and protocol. */

#include "center/detect/flow_digest.h"

/* The finisher of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint64_t vd_flow_digest(const struct vd_flow *flow, uint64_t seed)
{
    uint64_t digest =
        (uint64_t)flow->local_port << 32 | (uint64_t)flow->remote_port << 8 | flow->protocol;

    digest = mix(mix(digest ^ seed) ^ word(flow->local.bytes));
    digest = mix(digest ^ word(flow->local.bytes + 8));
    digest = mix(digest ^ word(flow->remote.bytes));
    return mix(digest ^ word(flow->remote.bytes + 8));
}
