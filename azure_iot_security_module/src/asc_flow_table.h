/* SPDX-License-Identifier: MIT */
/* The tables of both families as one, and how a flow is found in them. */

#ifndef ASC_FLOW_TABLE_H
#define ASC_FLOW_TABLE_H

#include "azure_iot_security_module/inc/asc_network.h"
#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_inline.h"

/* One copy for each family where speed counts, one for both where size does. */
#if defined(__OPTIMIZE_SIZE__)
#define ASC_HOT       ASC_NOINLINE
#define ASC_HOT_TABLE asc_flow_table_of
#else
#define ASC_HOT       ASC_INLINE
#define ASC_HOT_TABLE asc_flow_table_inline
#endif

/* Flows in one bucket's chain; a further one counts as overflow, which bounds what a packet costs
 * whoever chose the flows. */
#define ASC_CHAIN_MAX 8

/* One family's table, where it does not matter which; `words` are those of an address. */
struct asc_flow_table {
    uint32_t *ports;
    uint32_t (*bytes)[2];
    asc_flow_packets (*packets)[2];
    asc_flow_index *next;
    asc_flow_index *head;
    uint8_t *kind;
    uint32_t *remote;
    uint32_t *local;
    uint16_t *count;
    uint16_t *local_count;
    struct asc_progress *progress;
    uint16_t capacity;
    uint16_t words;
};

#define ASC_FLOW_TABLE(flows, capacity, words)                                                   \
    {                                                                                            \
        (flows).ports, (flows).bytes, (flows).packets, (flows).next, (flows).head, (flows).kind, \
            (flows).remote, (flows).local, &(flows).count, &(flows).local_count,                 \
            &(flows).progress, (capacity), (words)                                               \
    }

#if ASC_FLOWS4 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table4(struct asc_network *n)
{
    const struct asc_flow_table t = ASC_FLOW_TABLE(n->flows4, ASC_FLOWS4, 1);

    return t;
}
#endif

#if ASC_FLOWS6 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table6(struct asc_network *n)
{
    const struct asc_flow_table t = ASC_FLOW_TABLE(n->flows6, ASC_FLOWS6, 4);

    return t;
}
#endif

/* The words of an address in the families that are in the image: FIRST, FIRST + 3 ... LAST. */
#define ASC_WORDS_FIRST (ASC_FLOWS4 > 0 ? 1u : 4u)
#define ASC_WORDS_LAST  (ASC_FLOWS6 > 0 ? 4u : 1u)

/* Fills `t` with the family whose addresses have `words` words, which must be in the image. */
void asc_flow_table_of(struct asc_flow_table *t, struct asc_network *n, unsigned words);

static ASC_INLINE void asc_flow_table_inline(
    struct asc_flow_table *t, struct asc_network *n, unsigned words)
{
#if ASC_FLOWS4 > 0 && ASC_FLOWS6 > 0
    *t = words == 1 ? asc_flow_table4(n) : asc_flow_table6(n);
#elif ASC_FLOWS4 > 0
    (void)words;
    *t = asc_flow_table4(n);
#else
    (void)words;
    *t = asc_flow_table6(n);
#endif
}

/* Multilinear hashing of `words` words at `bytes`, begun with `sum`. Strongly universal in its upper
 * half: two inputs collide with the probability of chance whatever they are, as long as the keys are
 * not known. (Lemire and Kaser, "Strongly universal string hashing is fast", 2014.) */
static ASC_INLINE uint64_t asc_hash_words(
    uint64_t sum, const uint64_t *key, const uint8_t *bytes, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        sum += key[i] * asc_raw32(bytes + 4 * i);
    }
    return sum;
}

/* Returns the sum of a flow's remote address and ports, of which the upper half is as good as random. */
static ASC_INLINE uint64_t asc_flow_sum(
    const struct asc_network *n, const uint8_t *remote, uint32_t ports, size_t words)
{
    const uint64_t sum = n->key[0] + n->key[1] * ports;

#if ASC_FLOWS6 > 0
    if (words == 4) {
        return sum + n->key[2] * asc_raw32(remote) + n->key[3] * asc_raw32(remote + 4) +
            n->key[4] * asc_raw32(remote + 8) + n->key[5] * asc_raw32(remote + 12);
    }
#else
    (void)words;
#endif
    return sum + n->key[2] * asc_raw32(remote);
}

/* Returns the hash of a flow from its sum and its protocol and local address (ASC_KIND_KEY). These only
 * move its upper seven bits on: flows that differ in nothing else have buckets of their own, and any
 * others meet as seldom as before. Of a hash the upper 32 bits count; where words are short they are all
 * that there is of it. */
#if UINTPTR_MAX > UINT32_MAX
typedef uint64_t asc_flow_hash;
#define ASC_HASH_UPPER(hash) ((uint32_t)((hash) >> 32))
static ASC_INLINE asc_flow_hash asc_flow_hash_of(uint64_t sum, uint32_t kind)
{
    return sum + ((uint64_t)kind << 57);
}
#else
typedef uint32_t asc_flow_hash;
#define ASC_HASH_UPPER(hash) (hash)
static ASC_INLINE asc_flow_hash asc_flow_hash_of(uint64_t sum, uint32_t kind)
{
    return (uint32_t)(sum >> 32) + (kind << 25);
}
#endif

/* Returns the bucket of a hash in a table of `capacity` flows. */
static ASC_INLINE unsigned asc_flow_bucket(asc_flow_hash hash, uint32_t capacity)
{
    return (unsigned)((uint64_t)ASC_HASH_UPPER(hash) * ASC_BUCKETS(capacity) >> 32);
}

/* Where a packet's local address lies, and its remote one. */
static ASC_INLINE const uint8_t *asc_local_address(
    const uint8_t *addresses, size_t words, enum asc_direction direction)
{
    return addresses + 4u * words * (ASC_OUT - direction);
}

static ASC_INLINE const uint8_t *asc_remote_address(
    const uint8_t *addresses, size_t words, enum asc_direction direction)
{
    return addresses + 4u * words * (direction - ASC_IN);
}

/* The two ports of a packet, source first, as remote and local; no branch, and compilers know it for a
 * rotation. */
static ASC_INLINE uint32_t asc_turn_ports(uint32_t ports, enum asc_direction direction)
{
    const unsigned turn = 16u * direction;

    return ports << turn | ports >> (-turn & 31u);
}

/* Makes flow `i` the newest of its bucket. */
static inline void asc_flow_link(const struct asc_flow_table *t, unsigned i, asc_flow_hash hash)
{
    const unsigned bucket = asc_flow_bucket(hash, t->capacity);

    t->next[i] = t->head[bucket];
    t->head[bucket] = (asc_flow_index)i;
}

/* Whether a bucket's chain may not grow any more. */
static inline bool asc_flow_chain_full(const struct asc_flow_table *t, asc_flow_hash hash)
{
    unsigned length = 0;
    size_t i = t->head[asc_flow_bucket(hash, t->capacity)];

    while (i != ASC_FLOW_NONE && ++length < ASC_CHAIN_MAX) {
        i = t->next[i];
    }
    return length == ASC_CHAIN_MAX;
}

/* Returns the index of a local address, which is entered if need be; ASC_LOCALS if there is no room. */
static inline unsigned asc_flow_local(const struct asc_flow_table *t, const uint8_t *address)
{
    const size_t words = t->words;
    const unsigned count = *t->local_count;
    unsigned i = 0;

    while (i < count && memcmp(t->local + i * words, address, words * 4) != 0) {
        i++;
    }
    if (i == count && i < ASC_LOCALS) {
        memcpy(t->local + i * words, address, words * 4);
        *t->local_count = (uint16_t)(count + 1);
    }
    return i;
}

/* A packet of a flow that is not in its table. */
struct asc_new_flow {
    const uint8_t *local; /* addresses, in a packet */
    const uint8_t *remote;
    uint32_t ports; /* remote, then local */
    uint32_t kind;  /* with the index of the local address as far as that is known */
    uint64_t sum;   /* asc_flow_sum() */
    enum asc_direction direction;
    uint32_t bytes;
};

/* Enters a flow with its first packet. Returns false where the table, that of local addresses or the
 * flow's chain is full. */
static ASC_INLINE bool asc_flow_enter(
    const struct asc_flow_table *t, const struct asc_new_flow *flow)
{
    const unsigned i = *t->count;
    uint32_t kind = flow->kind;
    asc_flow_hash hash;

    if (i >= t->capacity) {
        return false;
    }
    if (kind >> ASC_KIND_LOCAL >= *t->local_count) {
        const unsigned local = asc_flow_local(t, flow->local);

        if (local == ASC_LOCALS) {
            return false;
        }
        kind = (kind & ~(UINT32_MAX << ASC_KIND_LOCAL)) | local << ASC_KIND_LOCAL;
    }
    hash = asc_flow_hash_of(flow->sum, kind & ASC_KIND_KEY);
    if (asc_flow_chain_full(t, hash)) {
        return false;
    }
    for (size_t word = 0; word < t->words; word++) {
        t->remote[i * t->words + word] = asc_raw32(flow->remote + 4 * word);
    }
    t->ports[i] = flow->ports;
    t->bytes[i][ASC_OUT - flow->direction] = 0;
    t->bytes[i][flow->direction] = flow->bytes;
    t->packets[i][ASC_OUT - flow->direction] = 0;
    t->packets[i][flow->direction] = 1;
    t->kind[i] = (uint8_t)kind;
    asc_flow_link(t, i, hash);
    *t->count = (uint16_t)(i + 1);
    return true;
}

/* Whether flow `i` had a packet since its last report. */
static inline bool asc_flow_active(const struct asc_flow_table *t, unsigned i)
{
    return (t->packets[i][ASC_IN] | t->packets[i][ASC_OUT]) != 0;
}

#endif
