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
    uint8_t *local_count;
    uint8_t *local_last;
    unsigned capacity;
    unsigned words;
};

#if ASC_FLOWS4 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table4(struct asc_network *n)
{
    const struct asc_flow_table t = {n->flows4.flow, n->flows4.remote, n->flows4.local,
        &n->flows4.count, &n->flows4.local_count, &n->flows4.local_last, ASC_FLOWS4, 1};

    return t;
}
#endif

#if ASC_FLOWS6 > 0
static ASC_INLINE struct asc_flow_table asc_flow_table6(struct asc_network *n)
{
    const struct asc_flow_table t = {n->flows6.flow, n->flows6.remote, n->flows6.local,
        &n->flows6.count, &n->flows6.local_count, &n->flows6.local_last, ASC_FLOWS6, 4};

    return t;
}
#endif

/* Returns the index of a local address, which is entered if need be; ASC_LOCALS if there is no room. */
unsigned asc_flow_local(struct asc_network *n, bool ipv6, const uint8_t *address);

/* Enters a flow, without bytes yet, at the head of a bucket's chain. Returns its index;
 * ASC_FLOW_NONE if the table is full. */
unsigned asc_flow_enter(struct asc_network *n, bool ipv6, unsigned bucket, const uint8_t *remote,
    uint32_t ports, uint32_t endpoint);

/* Multilinear hashing of `words` words at `bytes`, begun with `sum`. Strongly universal in its upper
 * half: two inputs collide with the probability of chance whatever they are, as long as the keys are
 * not known. (Lemire and Kaser, "Strongly universal string hashing is fast", 2014.) */
static ASC_INLINE uint64_t asc_hash_words(
    uint64_t sum, const uint64_t *key, const uint8_t *bytes, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        sum += key[i] * asc_raw32(bytes + 4 * i);
    }
    return sum;
}

static ASC_INLINE bool asc_same_address(const uint32_t *held, const uint8_t *bytes, unsigned words)
{
    uint32_t difference = held[0] ^ asc_raw32(bytes);

    if (words == 4) {
        difference |= held[1] ^ asc_raw32(bytes + 4);
        difference |= held[2] ^ asc_raw32(bytes + 8);
        difference |= held[3] ^ asc_raw32(bytes + 12);
    }
    return difference == 0;
}

/* The two ports of a packet, source first, as local and remote. */
static ASC_INLINE uint32_t asc_turn_ports(uint32_t ports, enum asc_direction direction)
{
    return direction == ASC_OUT ? ports : (ports << 16 | ports >> 16);
}

/* Counts a packet in its flow, as asc_flow_count(). `addresses` and `ports` are as in the packet. */
static ASC_INLINE bool asc_flow_count_in(struct asc_network *n, const struct asc_flow_table *t,
    const uint8_t *addresses, uint32_t ports, uint32_t protocol, uint32_t bytes,
    enum asc_direction direction)
{
    const size_t size = t->words * sizeof *t->local;
    const uint8_t *local = direction == ASC_OUT ? addresses : addresses + size;
    const uint8_t *remote = direction == ASC_OUT ? addresses + size : addresses;
    unsigned index = *t->local_last;
    unsigned room = ASC_CHAIN_MAX;
    struct asc_flow *flow;
    unsigned bucket;
    uint32_t endpoint;
    uint64_t sum;

    if (!asc_same_address(t->local + index * t->words, local, t->words) || *t->local_count == 0) {
        index = asc_flow_local(n, t->words == 4, local);
        if (index == ASC_LOCALS) {
            return false;
        }
    }
    ports = asc_turn_ports(ports, direction);
    endpoint = index | protocol << 8;
    sum = n->key[0] + n->key[1] * ports + n->key[2] * endpoint;
    sum = asc_hash_words(sum, n->key + 3, remote, t->words);
    bucket = (unsigned)((sum >> 32) * t->capacity >> 32);
    index = t->flow[bucket].head;
    for (;;) {
        if (index == ASC_FLOW_NONE) {
            index = asc_flow_enter(n, t->words == 4, bucket, remote, ports, endpoint);
            if (index == ASC_FLOW_NONE) {
                return false;
            }
            flow = t->flow + index;
            break;
        }
        flow = t->flow + index;
        if (flow->ports == ports && flow->endpoint == endpoint &&
            asc_same_address(t->remote + index * t->words, remote, t->words)) {
            break;
        }
        if (--room == 0) {
            return false;
        }
        index = flow->next;
    }
    bytes += flow->bytes[direction];
    flow->bytes[direction] = bytes < flow->bytes[direction] ? UINT32_MAX : bytes;
    return true;
}

#endif
