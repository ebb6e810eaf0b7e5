/* SPDX-License-Identifier: MIT */
/* The flow tables: a seeded hash, chains of bounded length, and the memory of fragmented datagrams. */

#include "azure_iot_security_module/src/asc_flow.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_packet.h"

/* What a tag begins with, so that one of IPv4 never equals one of IPv6. */
#define TAG_IPV4 4u
#define TAG_IPV6 6u

/* Collections that a datagram may live through: its fragments may straddle one. */
#define DATAGRAM_AGE_MAX 2u

/* The arrays of one family's table; `words` is a constant where these functions are inlined. */
struct table {
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
#define TABLE4(n)                                                                    \
    {                                                                                \
        (n)->flows4.flow, (n)->flows4.remote, (n)->flows4.local, &(n)->flows4.count, \
            &(n)->flows4.local_count, &(n)->flows4.local_last, ASC_FLOWS4, 1         \
    }
#endif
#if ASC_FLOWS6 > 0
#define TABLE6(n)                                                                    \
    {                                                                                \
        (n)->flows6.flow, (n)->flows6.remote, (n)->flows6.local, &(n)->flows6.count, \
            &(n)->flows6.local_count, &(n)->flows6.local_last, ASC_FLOWS6, 4         \
    }
#endif

/* Multilinear hashing, strongly universal in its upper half: two keys collide with the probability of
 * chance whatever they are, as long as the keys of the hash are not known. (Lemire and Kaser, "Strongly
 * universal string hashing is fast", 2014.) */
static inline uint64_t hash_words(
    uint64_t sum, const uint64_t *key, const uint32_t *word, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        sum += key[i] * word[i];
    }
    return sum;
}

static inline bool same_words(const uint32_t *a, const uint32_t *b, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static inline void add_saturating(uint32_t *counter, uint32_t value)
{
    const uint32_t sum = *counter + value;

    *counter = sum < value ? UINT32_MAX : sum;
}

/* Returns the index of a local address, which is entered if need be; ASC_LOCALS if there is no room. */
static unsigned find_local(const struct table *t, const uint32_t *address)
{
    const unsigned count = *t->local_count;
    unsigned i = 0;

    while (i < count && !same_words(t->local + i * t->words, address, t->words)) {
        i++;
    }
    if (i == ASC_LOCALS) {
        return ASC_LOCALS;
    }
    if (i == count) {
        memcpy(t->local + i * t->words, address, t->words * sizeof *address);
        *t->local_count = (uint8_t)(count + 1);
    }
    *t->local_last = (uint8_t)i;
    return i;
}

static bool enter_flow(
    const struct table *t, unsigned bucket, const uint32_t *remote, const struct asc_flow *values)
{
    const unsigned i = *t->count;
    struct asc_flow *flow = t->flow + i;

    if (i >= t->capacity) {
        return false;
    }
    flow->ports = values->ports;
    flow->endpoint = values->endpoint;
    flow->bytes[0] = values->bytes[0];
    flow->bytes[1] = values->bytes[1];
    memcpy(t->remote + i * t->words, remote, t->words * sizeof *remote);
    flow->next = t->flow[bucket].head;
    t->flow[bucket].head = (asc_flow_index)i;
    *t->count = (uint16_t)(i + 1);
    return true;
}

/* `ports` are local, remote here. */
static inline bool count_in(const struct table *t, const uint64_t *key, const uint32_t *local,
    const uint32_t *remote, uint32_t ports, uint32_t protocol, uint32_t bytes,
    enum asc_direction direction)
{
    struct asc_flow values = {ports, {0, 0}, 0, 0, 0};
    unsigned index = *t->local_last;
    unsigned bucket;
    uint32_t endpoint;
    uint64_t sum;

    if (!same_words(t->local + index * t->words, local, t->words) || *t->local_count == 0) {
        index = find_local(t, local);
        if (index == ASC_LOCALS) {
            return false;
        }
    }
    endpoint = index | protocol << 8;
    sum = hash_words(key[0] + key[1] * ports + key[2] * endpoint, key + 3, remote, t->words);
    bucket = (unsigned)((sum >> 32) * t->capacity >> 32);
    index = t->flow[bucket].head;
    for (unsigned depth = 0; index != ASC_FLOW_NONE; depth++) {
        struct asc_flow *flow = t->flow + index;

        if (flow->ports == ports && flow->endpoint == endpoint &&
            same_words(t->remote + index * t->words, remote, t->words)) {
            add_saturating(&flow->bytes[direction], bytes);
            return true;
        }
        if (depth + 1 == ASC_CHAIN_MAX) {
            return false;
        }
        index = flow->next;
    }
    values.endpoint = (uint16_t)endpoint;
    values.bytes[direction] = bytes;
    return enter_flow(t, bucket, remote, &values);
}

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
    n->datagram[slot].age = 1;
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

/* Fragments: the first tells the ports, later ones ask for them; false if they are not known. */
static bool datagram_ports(struct asc_network *n, const struct asc_packet *packet, bool later,
    const uint32_t *addresses, uint32_t what, uint32_t *ports, uint32_t *protocol)
{
    const unsigned words = packet->ipv6 ? 8 : 2;
    const uint64_t start = n->key[0] + n->key[1] * what + n->key[2] * packet->identification;
    const uint32_t tag = (uint32_t)(hash_words(start, n->key + 3, addresses, words) >> 32);
    const struct asc_datagram *datagram;

    if (!later) {
        remember_datagram(n, tag, *ports, *protocol);
        return true;
    }
    datagram = find_datagram(n, tag);
    if (datagram == NULL) {
        return false;
    }
    *ports = datagram->ports;
    *protocol = datagram->protocol;
    return true;
}

/* The two ports of a packet, source first, as local and remote. */
static inline uint32_t turn_ports(uint32_t ports, enum asc_direction direction)
{
    return direction == ASC_OUT ? ports : (ports << 16 | ports >> 16);
}

static inline bool count_family(struct asc_network *n, const struct table *t,
    const struct asc_packet *packet, bool later, enum asc_direction direction, uint32_t tag_family)
{
    uint32_t address[8];
    uint32_t ports = packet->ports;
    uint32_t protocol = packet->protocol;
    const unsigned local = direction == ASC_OUT ? 0 : t->words;

    for (unsigned i = 0; i < 2 * t->words; i++) {
        address[i] = asc_raw32(packet->addresses + 4 * i);
    }
    if (later || packet->first_fragment) {
        if (!datagram_ports(n, packet, later, address, tag_family | (uint32_t)direction << 8,
                &ports, &protocol)) {
            return false;
        }
    }
    return count_in(t, n->key, address + local, address + (t->words - local),
        turn_ports(ports, direction), protocol, packet->bytes, direction);
}

bool asc_flow_count(struct asc_network *n, const struct asc_packet *packet, bool later,
    enum asc_direction direction)
{
    if (!packet->ipv6) {
#if ASC_FLOWS4 > 0
        const struct table t = TABLE4(n);

        return count_family(n, &t, packet, later, direction, TAG_IPV4);
#endif
    } else {
#if ASC_FLOWS6 > 0
        const struct table t = TABLE6(n);

        return count_family(n, &t, packet, later, direction, TAG_IPV6);
#endif
    }
    return false;
}

static inline asc_flow_index shifted(asc_flow_index index, unsigned dropped)
{
    return index == ASC_FLOW_NONE || index < dropped ? (asc_flow_index)ASC_FLOW_NONE
                                                     : (asc_flow_index)(index - dropped);
}

/* A chain goes from newer to older, so what is dropped of it is its tail. */
static void drop(const struct table *t, unsigned dropped)
{
    const unsigned count = *t->count;

    for (unsigned i = 0; i < t->capacity; i++) {
        t->flow[i].head = shifted(t->flow[i].head, dropped);
    }
    for (unsigned i = dropped; i < count; i++) {
        struct asc_flow *to = t->flow + (i - dropped);
        const asc_flow_index head = to->head;

        *to = t->flow[i];
        to->next = shifted(to->next, dropped);
        to->head = head;
    }
    memmove(t->remote, t->remote + dropped * t->words,
        (count - dropped) * t->words * sizeof *t->remote);
    *t->count = (uint16_t)(count - dropped);
    if (*t->count == 0) {
        *t->local_count = 0;
        *t->local_last = 0;
    }
}

#if ASC_FLOWS4 > 0
void asc_flow_drop4(struct asc_network *n, unsigned count)
{
    const struct table t = TABLE4(n);

    drop(&t, count);
}
#endif

#if ASC_FLOWS6 > 0
void asc_flow_drop6(struct asc_network *n, unsigned count)
{
    const struct table t = TABLE6(n);

    drop(&t, count);
}
#endif

static void empty(const struct table *t)
{
    for (unsigned i = 0; i < t->capacity; i++) {
        t->flow[i].head = ASC_FLOW_NONE;
    }
    *t->count = 0;
    *t->local_count = 0;
    *t->local_last = 0;
}

void asc_flow_reset(struct asc_network *n)
{
#if ASC_FLOWS4 > 0
    const struct table t4 = TABLE4(n);

    empty(&t4);
#endif
#if ASC_FLOWS6 > 0
    const struct table t6 = TABLE6(n);

    empty(&t6);
#endif
    memset(n->datagram, 0, sizeof n->datagram);
    n->due4 = 0;
    n->due6 = 0;
}

void asc_flow_age_datagrams(struct asc_network *n)
{
    for (unsigned i = 0; i < ASC_DATAGRAMS; i++) {
        struct asc_datagram *datagram = &n->datagram[i];

        if (datagram->age == DATAGRAM_AGE_MAX) {
            datagram->age = 0;
        } else if (datagram->age != 0) {
            datagram->age++;
        }
    }
}
