/* SPDX-License-Identifier: MIT */
/* The flow tables: entering and dropping flows, and the memory of fragmented datagrams. */

#include "azure_iot_security_module/src/asc_flow.h"

#include <string.h>

#if ASC_HAS_NETWORK_ACTIVITY

#include "azure_iot_security_module/src/asc_flow_table.h"
#include "azure_iot_security_module/src/asc_packet.h"

/* What a tag begins with, so that one of IPv4 never equals one of IPv6. */
#define TAG_IPV4 4u
#define TAG_IPV6 6u

/* Ages of a datagram, one bit that moves: it may live through one collection, which its fragments may
 * straddle, and a second one ends it. */
#define DATAGRAM_NEW  1u
#define DATAGRAM_AGES 3u

/* The sum of both kinds of key: numbers, and words. Its upper half is the hash. */
static ASC_NOINLINE uint64_t sum_of(const struct asc_network *n, uint64_t start,
    const uint64_t *key, const uint8_t *bytes, size_t words)
{
    return asc_hash_words(n->key[0] + start, key, bytes, words);
}

/* Returns the datagram of a tag; NULL if it is not remembered. */
static struct asc_datagram *find_datagram(struct asc_network *n, uint32_t tag)
{
    for (unsigned i = 0; i < ASC_DATAGRAMS; i++) {
        if (n->datagram[i].age != 0 && n->datagram[i].tag == tag) {
            return &n->datagram[i];
        }
    }
    return NULL;
}

bool asc_flow_datagram(
    struct asc_network *n, struct asc_packet *packet, bool later, enum asc_direction direction)
{
    /* RFC 791 tells datagrams apart by their protocol too, RFC 8200 does not. */
    const uint32_t family = packet->ipv6 ? TAG_IPV6 : TAG_IPV4 | (uint32_t)packet->header[9] << 16;
    const uint32_t what = family | (uint32_t)direction << 8;
    const uint64_t sum = sum_of(n, n->key[1] * what + n->key[2] * packet->identification,
        n->key + 3, packet->header + (packet->ipv6 ? 8 : 12), packet->ipv6 ? 8 : 2);
    const uint32_t tag = (uint32_t)(sum >> 32);
    struct asc_datagram *datagram = find_datagram(n, tag);

    if (later) {
        if (datagram == NULL) {
            return false;
        }
        packet->ports = datagram->ports;
        packet->protocol = datagram->protocol;
        packet->tcp_flags = 0;
        return true;
    }
    if (datagram == NULL) {
        datagram = &n->datagram[n->datagram_next];
        n->datagram_next = (uint8_t)((n->datagram_next + 1u) % ASC_DATAGRAMS);
    }
    datagram->tag = tag;
    datagram->ports = packet->ports;
    datagram->protocol = packet->protocol;
    datagram->age = DATAGRAM_NEW;
    return true;
}

/* --- Flows -------------------------------------------------------------------------------------- */

static void empty_buckets(const struct asc_flow_table *t)
{
    memset(t->head, 0xff, ASC_BUCKETS((size_t)t->capacity) * sizeof *t->head);
}

static void empty(const struct asc_flow_table *t)
{
    empty_buckets(t);
    *t->count = 0;
    *t->local_count = 0;
    t->progress->done = 0;
    t->progress->due = 0;
}

static void move(const struct asc_flow_table *t, unsigned to, unsigned from)
{
    t->ports[to] = t->ports[from];
    memcpy(t->bytes[to], t->bytes[from], sizeof t->bytes[to]);
    memcpy(t->packets[to], t->packets[from], sizeof t->packets[to]);
    t->kind[to] = t->kind[from];
    for (size_t i = 0; i < t->words; i++) {
        t->remote[(size_t)to * t->words + i] = t->remote[(size_t)from * t->words + i];
    }
}

/* Puts every flow in its bucket, oldest first, and forgets local addresses behind the last in use. */
static void link_all(const struct asc_network *n, const struct asc_flow_table *t)
{
    unsigned locals = 0;

    empty_buckets(t);
    for (unsigned i = 0; i < *t->count; i++) {
        const uint8_t *remote = (const uint8_t *)(t->remote + (size_t)i * t->words);
        const unsigned local = t->kind[i] >> ASC_KIND_LOCAL;
        /* As asc_flow_sum() has it. */
        const uint64_t sum = sum_of(n, n->key[1] * t->ports[i], n->key + 2, remote, t->words);

        asc_flow_link(t, i, asc_flow_hash_of(sum, t->kind[i] & ASC_KIND_KEY));
        if (local >= locals) {
            locals = local + 1u;
        }
    }
    *t->local_count = (uint16_t)locals;
}

void asc_flow_reported(
    const struct asc_network *n, const struct asc_flow_table *t, unsigned written)
{
    const unsigned end = t->progress->done + written;
    const unsigned count = *t->count;
    unsigned active = 0;
    unsigned to = 0;

    for (unsigned i = 0; i < end; i++) {
        active += asc_flow_active(t, i);
    }
    if (active == 0 && end == count) {
        empty(t); /* as it mostly is */
        return;
    }
    if (active < end) {
        for (unsigned i = 0; i < count; i++) {
            if (i >= end || asc_flow_active(t, i)) {
                move(t, to++, i);
            }
        }
        *t->count = (uint16_t)to;
        link_all(n, t);
    }
    t->progress->due = (uint16_t)(t->progress->due - written);
    t->progress->done = (uint16_t)(t->progress->due > 0 ? active : 0);
}

/* --- Both families ------------------------------------------------------------------------------ */

void asc_flow_table_of(struct asc_flow_table *t, struct asc_network *n, unsigned words)
{
    asc_flow_table_inline(t, n, words);
}

static asc_flow_packets_sum sum(const asc_flow_packets (*packets)[2], unsigned count)
{
    asc_flow_packets_sum all = 0;

    for (unsigned i = 0; i < count; i++) {
        all += (asc_flow_packets_sum)packets[i][ASC_IN] + packets[i][ASC_OUT];
    }
    return all;
}

asc_flow_packets_sum asc_flow_packets_held(const struct asc_network *n)
{
    asc_flow_packets_sum packets = 0;

#if ASC_FLOWS4 > 0
    packets += sum((const asc_flow_packets(*)[2])n->flows4.packets, n->flows4.count);
#endif
#if ASC_FLOWS6 > 0
    packets += sum((const asc_flow_packets(*)[2])n->flows6.packets, n->flows6.count);
#endif
    return packets;
}

void asc_flow_reset(struct asc_network *n)
{
    for (unsigned words = ASC_WORDS_FIRST; words <= ASC_WORDS_LAST; words += 3) {
        struct asc_flow_table t;

        asc_flow_table_of(&t, n, words);
        empty(&t);
    }
    memset(n->datagram, 0, sizeof n->datagram);
    memset(&n->overflow, 0, sizeof n->overflow);
}

static void age_datagrams(struct asc_network *n)
{
    for (unsigned i = 0; i < ASC_DATAGRAMS; i++) {
        n->datagram[i].age = (uint8_t)((unsigned)n->datagram[i].age << 1 & DATAGRAM_AGES);
    }
}

/* Returns the bits of the families that have flows due. */
static unsigned due(const struct asc_network *n)
{
    unsigned found = 0;

#if ASC_FLOWS4 > 0
    found |= n->flows4.progress.due > 0 ? ASC_FOUND_FLOWS4 : 0;
#endif
#if ASC_FLOWS6 > 0
    found |= n->flows6.progress.due > 0 ? ASC_FOUND_FLOWS6 : 0;
#endif
    return found;
}

unsigned asc_flow_begin(struct asc_network *n)
{
    const unsigned overflow = n->overflow.packets != 0 ? ASC_FOUND_OVERFLOW : 0;

    if (due(n) == 0) {
        age_datagrams(n);
#if ASC_FLOWS4 > 0
        n->flows4.progress.due = n->flows4.count;
#endif
#if ASC_FLOWS6 > 0
        n->flows6.progress.due = n->flows6.count;
#endif
    }
    return due(n) | overflow;
}

#else
/* An empty translation unit is not C. */
typedef int asc_flow_is_off;
#endif
