/* SPDX-License-Identifier: MIT */
/* What a set keeps in memory to look addresses up: sorted arrays, made from those of its file. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_INDEX_H
#define VEDETTE_CENTER_INTEL_INDICATOR_INDEX_H

#include "center/decode/security_message.h"

#define VD_NO_PREFIX UINT32_MAX

/* An address as a number; IPv4 is mapped. */
struct vd_number {
    uint64_t high;
    uint64_t low;
};

struct vd_number vd_number_of(const struct vd_address *address);
int vd_number_compare(struct vd_number a, struct vd_number b);
/* The last number with the first `bits` of this one. */
struct vd_number vd_number_last(struct vd_number number, uint32_t bits);
/* False: it is the last one there is. */
bool vd_number_next(struct vd_number *number);

static inline bool vd_number_is_ipv4(struct vd_number number)
{
    return number.high == 0 && number.low >> 32 == 0xffff;
}

/* A prefix of a range: the first `bits` of `from`, 0 to 128, the others 0. IPv4: 96 to 128. */
struct vd_prefix {
    struct vd_number from;
    uint32_t record;
    uint32_t bits;
};

/* 16-bit numbers in 65,536 buckets, in each sorted. */
struct vd_buckets {
    uint32_t *starts; /* of 65,537; NULL: there is nothing in any */
    uint16_t *low;
    size_t bytes; /* of both */
};

/* Stretches without overlap that name the first of the smallest prefixes in which they lie. */
struct vd_prefix_index {
    struct vd_buckets buckets; /* IPv4: where stretches begin */
    struct vd_number *starts;  /* IPv6: likewise */
    struct vd_number *samples; /* every 64th of starts */
    uint32_t *stretches;       /* prefix or VD_NO_PREFIX */
    uint32_t stretch_count;
    uint32_t *parents; /* of each prefix: the next one that holds it; VD_NO_PREFIX: none does */
    size_t bytes;      /* of all but the buckets */
};

/* All zero is empty. Sorted addresses, the same one perhaps many times. VD_E_NOMEM; VD_E_CORRUPT if they are not sorted. */
VD_NODISCARD int vd_buckets_build(
    struct vd_buckets *buckets, const uint32_t *addresses, uint32_t count);
void vd_buckets_release(struct vd_buckets *buckets);
bool vd_buckets_holds(const struct vd_buckets *buckets, uint32_t address);
/* The places of `address`, at most `max` of them, are from *first up to what is returned. */
uint32_t vd_buckets_find(
    const struct vd_buckets *buckets, uint32_t address, uint32_t max, uint32_t *first);

/* All zero is empty. `prefixes` sorted by from and bits, all of IPv4 or none. VD_E_NOMEM; VD_E_CORRUPT if they are not as they must be. */
VD_NODISCARD int vd_prefix_index_build(
    struct vd_prefix_index *index, const struct vd_prefix *prefixes, uint32_t count, bool ipv4);
void vd_prefix_index_release(struct vd_prefix_index *index);
/* The smallest prefix that holds it, or VD_NO_PREFIX; its parents are the others. */
uint32_t vd_prefix_index_find4(const struct vd_prefix_index *index, uint32_t address);
uint32_t vd_prefix_index_find6(const struct vd_prefix_index *index, struct vd_number address);

#endif
