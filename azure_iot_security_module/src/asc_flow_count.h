/* SPDX-License-Identifier: MIT */
/* Finding a packet's flow: inline, because it runs for every packet and is made for each family. */

#ifndef ASC_FLOW_COUNT_H
#define ASC_FLOW_COUNT_H

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_flow.h"

#if defined(__GNUC__)
#define ASC_INLINE inline __attribute__((always_inline))
#else
#define ASC_INLINE inline
#endif

/* One family's table; `words` (1 or 4 in an address) and `capacity` are constants where the compiler
 * knows the family. */
struct asc_flow_table {
    struct asc_flow *flow;
    uint32_t *remote;
    uint32_t *local;
    uint16_t *count;
    uint16_t *local_count;
    struct asc_progress *progress;
    size_t capacity;
    size_t words;
};

#if ASC_FLOWS4 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table4(struct asc_network *n)
{
    const struct asc_flow_table t = {n->flows4.flow, n->flows4.remote, n->flows4.local,
        &n->flows4.count, &n->flows4.local_count, &n->flows4.progress, ASC_FLOWS4, 1};

    return t;
}
#endif

#if ASC_FLOWS6 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table6(struct asc_network *n)
{
    const struct asc_flow_table t = {n->flows6.flow, n->flows6.remote, n->flows6.local,
        &n->flows6.count, &n->flows6.local_count, &n->flows6.progress, ASC_FLOWS6, 4};

    return t;
}
#endif

/* What makes a flow, and its bucket. */
struct asc_flow_key {
    const uint8_t *addresses; /* source, then destination, in the packet */
    uint32_t ports;           /* remote, then local, as in struct asc_flow */
    uint32_t kind;            /* as in struct asc_flow */
    uint32_t hash;
    enum asc_direction direction; /* of the packet */
};

/* Multilinear hashing of `words` words at `bytes`, begun with `sum`. Strongly universal in its upper
 * half: two inputs collide with the probability of chance whatever they are, as long as the keys are
 * not known. (Lemire and Kaser, "Strongly universal string hashing is fast", 2014.) */
static ASC_INLINE uint64_t asc_hash_words(
    uint64_t sum, const uint64_t *key, const uint8_t *bytes, size_t words)
{
    if (words == 4) {
        return sum + key[0] * asc_raw32(bytes) + key[1] * asc_raw32(bytes + 4) +
            key[2] * asc_raw32(bytes + 8) + key[3] * asc_raw32(bytes + 12);
    }
    for (size_t i = 0; i < words; i++) {
        sum += key[i] * asc_raw32(bytes + 4 * i);
    }
    return sum;
}

/* Compares an address of the table with one in a packet. */
static ASC_INLINE bool asc_same_address(const uint32_t *held, const uint8_t *bytes, size_t words)
{
#if UINTPTR_MAX > UINT32_MAX
    uint64_t a[2];
    uint64_t b[2];

    if (words == 4) {
        memcpy(a, held, sizeof a);
        memcpy(b, bytes, sizeof b);
        return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
    }
#endif
    for (size_t i = 0; i < words; i++) {
        if (held[i] != asc_raw32(bytes + 4 * i)) {
            return false;
        }
    }
    return true;
}

static ASC_INLINE void asc_put_address(uint32_t *held, const uint8_t *bytes, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        held[i] = asc_raw32(bytes + 4 * i);
    }
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

/* Returns the hash of a flow; `ports` are turned, `remote` is its remote address. It leaves out the
 * protocol and the local address, which one remote host can vary in a few ways only: the flows that he
 * can put in one chain so are his own, and a chain is bounded. */
static ASC_INLINE uint32_t asc_flow_hash(
    const struct asc_network *n, const uint8_t *remote, uint32_t ports, size_t words)
{
    return (
        uint32_t)(asc_hash_words(n->key[0] + n->key[1] * ports, n->key + 2, remote, words) >> 32);
}

static ASC_INLINE unsigned asc_flow_bucket(const struct asc_flow_table *t, uint32_t hash)
{
    return (unsigned)((uint64_t)hash * t->capacity >> 32);
}

/* Returns the key of a packet's flow; `ports` are already turned. */
static ASC_INLINE struct asc_flow_key asc_flow_key_of(const struct asc_network *n,
    const struct asc_flow_table *t, const uint8_t *addresses, uint32_t ports, uint32_t kind,
    enum asc_direction direction)
{
    const uint8_t *remote = asc_remote_address(addresses, t->words, direction);
    const struct asc_flow_key key = {
        addresses, ports, kind, asc_flow_hash(n, remote, ports, t->words), direction};

    return key;
}

/* Whether the local address of flow `i` is that of a packet. */
static ASC_INLINE bool asc_same_local(
    const struct asc_flow_table *t, unsigned i, const struct asc_flow_key *key)
{
    const size_t local = t->flow[i].local;

    if (t->words == 1) {
        /* What remains of both addresses without the remote one, with no address to be computed. */
        return t->local[local] ==
            (asc_raw32(key->addresses) ^ asc_raw32(key->addresses + 4) ^
                asc_raw32(asc_remote_address(key->addresses, 1, key->direction)));
    }
    return asc_same_address(t->local + local * t->words,
        asc_local_address(key->addresses, t->words, key->direction), t->words);
}

/* Whether flow `i` is that of a packet, but for the local address. What differs most often comes first. */
static ASC_INLINE bool asc_flow_like(
    const struct asc_flow_table *t, unsigned i, const struct asc_flow_key *key)
{
    const uint8_t *remote = asc_remote_address(key->addresses, t->words, key->direction);

    return asc_same_address(t->remote + i * t->words, remote, t->words) &&
        t->flow[i].ports == key->ports && ((t->flow[i].kind ^ key->kind) & ASC_KIND_PROTOCOL) == 0;
}

static ASC_INLINE void asc_flow_add(
    struct asc_flow *flow, uint32_t bytes, enum asc_direction direction)
{
    const uint32_t sum = flow->bytes[direction] + bytes;

    flow->bytes[direction] = sum < bytes ? UINT32_MAX : sum;
    if (flow->packets[direction] != ASC_FLOW_PACKETS_MAX) {
        flow->packets[direction]++;
    }
}

/* Whether a flow had a packet since its last report. */
static ASC_INLINE bool asc_flow_active(const struct asc_flow *flow)
{
    return (flow->packets[ASC_IN] | flow->packets[ASC_OUT]) != 0;
}

/* Returns the index of a local address, which is entered if need be; ASC_LOCALS if there is no room. */
static ASC_INLINE unsigned asc_enter_local(const struct asc_flow_table *t, const uint8_t *address)
{
    const unsigned count = *t->local_count;
    unsigned i = 0;

    while (i < count && !asc_same_address(t->local + i * t->words, address, t->words)) {
        i++;
    }
    if (i == count && i < ASC_LOCALS) {
        asc_put_address(t->local + i * t->words, address, t->words);
        *t->local_count = (uint16_t)(count + 1);
    }
    return i;
}

/* Makes flow `i` the newest of its bucket. */
static ASC_INLINE void asc_flow_link(const struct asc_flow_table *t, unsigned i, unsigned bucket)
{
    t->flow[i].next = t->flow[bucket].head;
    t->flow[bucket].head = i & ASC_FLOW_NONE;
}

/* Enters a flow that is not in the table, with `bytes` bytes of its first packet. Returns false where
 * the table or that of local addresses is full. */
static ASC_INLINE bool asc_flow_enter(
    const struct asc_flow_table *t, const struct asc_flow_key *key, uint32_t bytes)
{
    const unsigned i = *t->count;
    struct asc_flow *flow = t->flow + i;
    unsigned local;

    if (i >= t->capacity) {
        return false;
    }
    local = asc_enter_local(t, asc_local_address(key->addresses, t->words, key->direction));
    if (local == ASC_LOCALS) {
        return false;
    }
    asc_put_address(t->remote + i * t->words,
        asc_remote_address(key->addresses, t->words, key->direction), t->words);
    flow->ports = key->ports;
    flow->bytes[ASC_IN] = 0;
    flow->bytes[ASC_OUT] = 0;
    flow->bytes[key->direction] = bytes;
    flow->packets[ASC_IN] = 0;
    flow->packets[ASC_OUT] = 0;
    flow->packets[key->direction] = 1;
    flow->local = local & 15u;
    flow->kind = key->kind & 15u;
    asc_flow_link(t, i, asc_flow_bucket(t, key->hash));
    *t->count = (uint16_t)(i + 1);
    return true;
}

/* Counts a packet in its flow, which is looked for in the whole chain and entered if it is not there.
 * Returns false where there is no room for it. */
static ASC_INLINE bool asc_flow_count(
    const struct asc_flow_table *t, const struct asc_flow_key *key, uint32_t bytes)
{
    unsigned length = 0;

    for (unsigned i = t->flow[asc_flow_bucket(t, key->hash)].head; i != ASC_FLOW_NONE;
         i = t->flow[i].next) {
        struct asc_flow *flow = t->flow + i;

        if (asc_flow_like(t, i, key) && asc_same_local(t, i, key)) {
            asc_flow_add(flow, bytes, key->direction);
            if (flow->kind <= ASC_KIND_PROTOCOL) {
                flow->kind = key->kind & 15u; /* the SYN came after another packet */
            }
            return true;
        }
        length++;
    }
    return length < ASC_CHAIN_MAX && asc_flow_enter(t, key, bytes);
}

#endif
