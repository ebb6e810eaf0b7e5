/* SPDX-License-Identifier: MIT */
/* The flow tables: entering and dropping flows, and the memory of fragmented datagrams. */

#include "azure_iot_security_module/src/asc_flow.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_flow_count.h"
#include "azure_iot_security_module/src/asc_packet.h"

#if ASC_HAS_NETWORK_ACTIVITY

/* What a tag begins with, so that one of IPv4 never equals one of IPv6. */
#define TAG_IPV4 4u
#define TAG_IPV6 6u

/* Ages of a datagram, one bit that moves: it may live through one collection, which its fragments may
 * straddle, and a second one ends it. */
#define DATAGRAM_NEW  1u
#define DATAGRAM_AGES 3u

static void remember_datagram(
    struct asc_network *n, uint32_t tag, uint32_t ports, uint32_t protocol)
{
    unsigned slot = n->datagram_next;

    for (unsigned i = 0; i < ASC_DATAGRAMS; i++) {
        if (n->datagram[i].age != 0 && n->datagram[i].tag == tag) {
            slot = i;
        }
    }
    if (slot == n->datagram_next) {
        n->datagram_next = (uint8_t)((slot + 1) % ASC_DATAGRAMS);
    }
    n->datagram[slot].tag = tag;
    n->datagram[slot].ports = ports;
    n->datagram[slot].protocol = (uint8_t)protocol;
    n->datagram[slot].age = DATAGRAM_NEW;
}

static const struct asc_datagram *find_datagram(const struct asc_network *n, uint32_t tag)
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
    const uint32_t what = (packet->ipv6 ? TAG_IPV6 : TAG_IPV4) | (uint32_t)direction << 8;
    const uint64_t start = n->key[0] + n->key[1] * what + n->key[2] * packet->identification;
    const uint64_t hash = packet->ipv6 ? asc_hash_words(start, n->key + 3, packet->header + 8, 8)
                                       : asc_hash_words(start, n->key + 3, packet->header + 12, 2);
    const uint32_t tag = (uint32_t)(hash >> 32);
    const struct asc_datagram *datagram;

    if (!later) {
        remember_datagram(n, tag, packet->ports, packet->protocol);
        return true;
    }
    datagram = find_datagram(n, tag);
    if (datagram == NULL) {
        return false;
    }
    packet->ports = datagram->ports;
    packet->protocol = datagram->protocol;
    return true;
}

static void empty(const struct asc_flow_table *t)
{
    const struct asc_flow *end = t->flow + t->capacity;

    for (struct asc_flow *flow = t->flow; flow < end; flow++) {
        flow->head = ASC_FLOW_NONE;
    }
    *t->count = 0;
    *t->local_count = 0;
    t->progress->done = 0;
    t->progress->due = 0;
}

/* Moves flow `from` to the place of flow `to`, but for what belongs to the place: its bucket. */
static void move(const struct asc_flow_table *t, unsigned to, unsigned from)
{
    struct asc_flow flow = t->flow[from];

    flow.head = ASC_FLOW_NONE;
    t->flow[to] = flow;
    memmove(t->remote + to * t->words, t->remote + from * t->words, t->words * sizeof *t->remote);
}

/* Puts every flow in its bucket, oldest first, and forgets local addresses behind the last in use. */
static void link_all(const struct asc_network *n, const struct asc_flow_table *t)
{
    unsigned locals = 0;

    for (unsigned i = 0; i < t->capacity; i++) {
        t->flow[i].head = ASC_FLOW_NONE;
    }
    for (unsigned i = 0; i < *t->count; i++) {
        const uint8_t *remote = (const uint8_t *)(t->remote + i * t->words);
        const uint32_t hash = asc_flow_hash(n, remote, t->flow[i].ports, t->words);

        asc_flow_link(t, i, asc_flow_bucket(t, hash));
        if (t->flow[i].local >= locals) {
            locals = t->flow[i].local + 1u;
        }
    }
    *t->local_count = (uint16_t)locals;
}

static void reported(const struct asc_network *n, const struct asc_flow_table *t, unsigned written)
{
    const unsigned end = t->progress->done + written;
    const unsigned count = *t->count;
    unsigned active = 0;
    unsigned to = 0;

    for (unsigned i = 0; i < end; i++) {
        active += asc_flow_active(t->flow + i);
    }
    if (active == 0 && end == count) {
        empty(t); /* as it mostly is */
        return;
    }
    if (active < end) {
        for (unsigned i = 0; i < count; i++) {
            if (i >= end || asc_flow_active(t->flow + i)) {
                move(t, to++, i);
            }
        }
        *t->count = (uint16_t)to;
        link_all(n, t);
    }
    t->progress->due = (uint16_t)(t->progress->due - written);
    t->progress->done = (uint16_t)(t->progress->due > 0 ? active : 0);
}

#if ASC_FLOWS4 > 0
void asc_flow_reported4(struct asc_network *n, unsigned written)
{
    const struct asc_flow_table t = asc_flow_table4(n);

    reported(n, &t, written);
}
#endif

#if ASC_FLOWS6 > 0
void asc_flow_reported6(struct asc_network *n, unsigned written)
{
    const struct asc_flow_table t = asc_flow_table6(n);

    reported(n, &t, written);
}
#endif

void asc_flow_reset(struct asc_network *n)
{
#if ASC_FLOWS4 > 0
    const struct asc_flow_table t4 = asc_flow_table4(n);

    empty(&t4);
#endif
#if ASC_FLOWS6 > 0
    const struct asc_flow_table t6 = asc_flow_table6(n);

    empty(&t6);
#endif
    memset(n->datagram, 0, sizeof n->datagram);
    memset(&n->overflow, 0, sizeof n->overflow);
}

void asc_flow_age_datagrams(struct asc_network *n)
{
    for (unsigned i = 0; i < ASC_DATAGRAMS; i++) {
        n->datagram[i].age = (uint8_t)((unsigned)n->datagram[i].age << 1 & DATAGRAM_AGES);
    }
}

#else
/* An empty translation unit is not C. */
typedef int asc_flow_is_off;
#endif
