/* SPDX-License-Identifier: MIT */
/* The packet hook: the plain packet is counted where it lies, any other is made plain by the parser first. */

#include "azure_iot_security_module/inc/security_module.h"

#if ASC_HAS_NETWORK_ACTIVITY

#include "azure_iot_security_module/src/asc_flow.h"
#include "azure_iot_security_module/src/asc_flow_table.h"
#include "azure_iot_security_module/src/asc_packet.h"
#include "azure_iot_security_module/src/asc_sketch.h"

#define IPV4_BYTES 20u
#define IPV6_BYTES 40u

/* Bytes behind the IP header that are there wherever a plain packet is looked at. */
#define TRANSPORT_BYTES 14u

static void count(uint32_t *counter)
{
    const uint32_t next = *counter + 1u;

    *counter = next != 0 ? next : UINT32_MAX;
}

static void add_bytes(uint32_t *counter, uint32_t bytes)
{
    const uint32_t sum = *counter + bytes;

    *counter = sum < bytes ? UINT32_MAX : sum;
}

static void count_overflow(struct asc_module *m, enum asc_direction direction, uint32_t bytes)
{
    struct asc_overflow *overflow = &m->network.overflow;

    count(&m->since[ASC_OVERFLOWED]);
    add_bytes(&m->bytes_overflowed[direction], bytes);
    count(&overflow->packets);
    add_bytes(&overflow->bytes[direction], bytes);
}

/* --- In a flow ---------------------------------------------------------------------------------- */

/* What is known of a packet: its IP payload's length, and from this bit on its flow's kind as far as that
 * is known, which begins with the enum asc_protocol. */
#define WHAT_BYTES    0xffffu
#define WHAT_PROTOCOL 16u

/* A packet that the hot way counted in flow `i`, by its IP header: its SYN, if the flow had other packets
 * before, tells who opened it. */
static ASC_NOINLINE void learn_opener(
    struct asc_module *m, enum asc_direction direction, const uint8_t *header, size_t i)
{
    const bool ipv6 = header[0] >> 4 == 6;
    const uint8_t flags = header[(ipv6 ? IPV6_BYTES : IPV4_BYTES) + 13u];
    struct asc_flow_table t;

    asc_flow_table_of(&t, &m->network, ipv6 ? 4 : 1);
    if ((t.kind[i] & ASC_KIND_PROTOCOL) == ASC_PROTOCOL_TCP &&
        (t.kind[i] >> ASC_KIND_OPENER & 3u) == 0) {
        t.kind[i] =
            (uint8_t)(t.kind[i] | (uint32_t)asc_packet_opener(flags, direction) << ASC_KIND_OPENER);
    }
}

/* The flow's counter has no room for the packet; its bytes are counted already. */
static ASC_NOINLINE void count_saturated(
    struct asc_module *m, enum asc_direction direction, const uint8_t *header, size_t i)
{
    learn_opener(m, direction, header, i);
    count_overflow(m, direction, 0);
}

/* Counts a packet in flow `i`, of that kind and whose counters of its direction these are. */
static ASC_INLINE void count_known(struct asc_module *m, enum asc_direction direction,
    const uint8_t *header, const uint8_t *transport, size_t i, const uint8_t *kind, uint32_t bytes,
    uint32_t *bytes_of, asc_flow_packets *packets)
{
    const uint32_t next = *packets + 1u;

    *bytes_of = asc_add(*bytes_of, bytes);
    if (ASC_RARELY(next == ASC_FLOW_PACKETS_END)) {
        count_saturated(m, direction, header, i);
        return;
    }
    *packets = (asc_flow_packets)next;
    /* In other protocols the bit may be anything, and an opener is learnt once. The kind is read anew, which
     * is rare, rather than kept for it at every packet. */
    if (ASC_RARELY((transport[13] & ASC_TCP_SYN) != 0 &&
            (*(const volatile uint8_t *)kind & (ASC_KIND_PROTOCOL | 3u << ASC_KIND_OPENER)) ==
                ASC_PROTOCOL_TCP)) {
        learn_opener(m, direction, header, i);
    }
}

/* The first packet of a flow; `words` tells the family. */
static ASC_HOT void enter(struct asc_module *m, enum asc_direction direction, const uint8_t *header,
    uint32_t what, uint32_t ports, uint64_t sum, unsigned words)
{
    struct asc_flow_table t;
    const uint8_t *addresses = header + (words == 1 ? 12 : 8);
    const uint8_t *transport = header + (words == 1 ? IPV4_BYTES : IPV6_BYTES);
    const uint32_t bytes = what & WHAT_BYTES;
    struct asc_new_flow flow = {asc_local_address(addresses, words, direction),
        asc_remote_address(addresses, words, direction), ports, what >> WHAT_PROTOCOL, sum,
        direction, bytes};

    ASC_HOT_TABLE(&t, &m->network, words);
    if ((flow.kind & ASC_KIND_PROTOCOL) == ASC_PROTOCOL_TCP) {
        flow.kind |= (uint32_t)asc_packet_opener(transport[13], direction) << ASC_KIND_OPENER;
    }
    if (!asc_flow_enter(&t, &flow)) {
        count_overflow(m, direction, bytes);
        asc_sketch_add(m->network.overflow.sketch,
            ASC_HASH_UPPER(asc_flow_hash_of(sum, what >> WHAT_PROTOCOL)));
    }
}

#if ASC_FLOWS4 > 0
static ASC_NOINLINE void enter4(struct asc_module *m, enum asc_direction direction,
    const uint8_t *header, uint32_t what, uint32_t ports, uint64_t sum)
{
    enter(m, direction, header, what, ports, sum, 1);
}

/* A packet of any flow: addresses in an IP header at `header`, ports and TCP flags behind it, as they
 * lie in a plain packet. */
static ASC_NOINLINE void count4(
    struct asc_module *m, enum asc_direction direction, const uint8_t *header, uint32_t what)
{
    struct asc_flows4 *f = &m->network.flows4;
    const uint32_t ports = asc_turn_ports(asc_raw32(header + IPV4_BYTES), direction);
    const uint8_t *remote_at = asc_remote_address(header + 12, 1, direction);
    const uint32_t remote = asc_raw32(remote_at);
    const uint32_t local = asc_raw32(asc_local_address(header + 12, 1, direction));
    const uint64_t sum = asc_flow_sum(&m->network, remote_at, ports, 1);
    uint32_t kind = what >> WHAT_PROTOCOL;

    if (ASC_RARELY(f->local[0] != local)) {
        uint32_t l = 1;

        while (l < ASC_LOCALS && f->local[l] != local) {
            l++;
        }
        kind += l << ASC_KIND_LOCAL;
    }
    for (size_t i = f->head[asc_flow_bucket(asc_flow_hash_of(sum, kind), ASC_FLOWS4)];
         i != ASC_FLOW_NONE; i = f->next[i]) {
        if (f->remote[i] == remote && f->ports[i] == ports && (f->kind[i] & ASC_KIND_KEY) == kind) {
            count_known(m, direction, header, header + IPV4_BYTES, i, &f->kind[i],
                what & WHAT_BYTES, &f->bytes[i][direction], &f->packets[i][direction]);
            return;
        }
    }
    enter4(m, direction, header, (what & WHAT_BYTES) | kind << WHAT_PROTOCOL, ports, sum);
}
#endif

#if ASC_FLOWS6 > 0
/* Compares an address of the table with one in a packet. */
static ASC_INLINE bool same_address6(const uint32_t *held, const uint8_t *bytes)
{
#if UINTPTR_MAX > UINT32_MAX
    uint64_t a[2];
    uint64_t b[2];

    memcpy(a, held, sizeof a);
    memcpy(b, bytes, sizeof b);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
#else
    return held[3] == asc_raw32(bytes + 12) && held[2] == asc_raw32(bytes + 8) &&
        held[1] == asc_raw32(bytes + 4) && held[0] == asc_raw32(bytes);
#endif
}

/* Returns the index of a local address that is not the first; ASC_LOCALS if it is none. */
static ASC_HOT uint32_t other_local6(const uint32_t *locals, const uint8_t *address)
{
    uint32_t l = 1;

    while (l < ASC_LOCALS && !same_address6(locals + (size_t)l * 4, address)) {
        l++;
    }
    return l;
}

static ASC_NOINLINE void enter6(struct asc_module *m, enum asc_direction direction,
    const uint8_t *header, uint32_t what, uint32_t ports, uint64_t sum)
{
    enter(m, direction, header, what, ports, sum, 4);
}

static ASC_NOINLINE void count6(
    struct asc_module *m, enum asc_direction direction, const uint8_t *header, uint32_t what)
{
    struct asc_flows6 *f = &m->network.flows6;
    const uint32_t ports = asc_turn_ports(asc_raw32(header + IPV6_BYTES), direction);
    const uint8_t *remote = asc_remote_address(header + 8, 4, direction);
    const uint8_t *local = asc_local_address(header + 8, 4, direction);
    const uint64_t sum = asc_flow_sum(&m->network, remote, ports, 4);
    uint32_t kind = what >> WHAT_PROTOCOL;

    if (ASC_RARELY(!same_address6(f->local, local))) {
        kind += other_local6(f->local, local) << ASC_KIND_LOCAL;
    }
    for (size_t i = f->head[asc_flow_bucket(asc_flow_hash_of(sum, kind), ASC_FLOWS6)];
         i != ASC_FLOW_NONE; i = f->next[i]) {
        if (f->ports[i] == ports && same_address6(f->remote + i * 4, remote) &&
            (f->kind[i] & ASC_KIND_KEY) == kind) {
            count_known(m, direction, header, header + IPV6_BYTES, i, &f->kind[i],
                what & WHAT_BYTES, &f->bytes[i][direction], &f->packets[i][direction]);
            return;
        }
    }
    enter6(m, direction, header, (what & WHAT_BYTES) | kind << WHAT_PROTOCOL, ports, sum);
}
#endif

/* --- Any packet --------------------------------------------------------------------------------- */

/* Room for a packet's headers as they lie in a plain one. */
struct plain {
    uint8_t bytes[IPV6_BYTES + TRANSPORT_BYTES];
};

/* Counts a parsed packet, whose IP header lies in `plain`, in its flow. */
static void count_parsed_flow(struct asc_module *m, enum asc_direction direction,
    const struct asc_packet *packet, struct plain *plain)
{
    uint8_t *transport = plain->bytes + (packet->ipv6 ? IPV6_BYTES : IPV4_BYTES);
    const uint32_t what = packet->bytes | (uint32_t)packet->protocol << WHAT_PROTOCOL;

    memcpy(transport, &packet->ports, sizeof packet->ports);
    transport[13] = packet->protocol == ASC_PROTOCOL_TCP ? packet->tcp_flags : 0;
#if ASC_FLOWS6 > 0
    if (packet->ipv6) {
        count6(m, direction, plain->bytes, what);
        return;
    }
#endif
#if ASC_FLOWS4 > 0
    count4(m, direction, plain->bytes, what);
#endif
}

/* A family that is left out counts as not collected, not as lost. */
static bool family_collected(const struct asc_packet *packet)
{
    return (packet->ipv6 && ASC_FLOWS6 > 0) || (!packet->ipv6 && ASC_FLOWS4 > 0);
}

/* As asc_packet_parse(), and copies the IP header to `plain`, where the packet's `header` then is. */
static enum asc_verdict parse(const uint8_t *data, uint32_t length, uint32_t present,
    struct asc_packet *packet, struct plain *plain)
{
    const enum asc_verdict verdict = asc_packet_parse(data, length, present, packet);

    memcpy(plain->bytes, data, length < IPV6_BYTES ? length : IPV6_BYTES);
    packet->header = plain->bytes;
    return verdict;
}

/* Of a packet whose headers are spread over segments. Its buffer is not on the stack any more when the
 * packet is counted. */
static ASC_NOINLINE enum asc_verdict parse_split(
    const struct asc_segment *segments, struct asc_packet *packet, struct plain *plain)
{
    uint8_t headers[ASC_HEADER_BYTES];
    const uint32_t length = asc_packet_pull(segments, headers, sizeof headers);

    return parse(headers, length, asc_packet_present(segments), packet, plain);
}

static enum asc_verdict parse_any(
    const struct asc_segment *segments, struct asc_packet *packet, struct plain *plain)
{
    const uint32_t length =
        segments->length < ASC_HEADER_BYTES ? segments->length : ASC_HEADER_BYTES;

    if (!asc_packet_in_one(segments)) {
        return parse_split(segments, packet, plain);
    }
    return length == 0 ? ASC_PACKET_MALFORMED
                       : parse(segments->data, length, asc_packet_present(segments), packet, plain);
}

static ASC_NOINLINE void count_any(
    struct asc_module *m, enum asc_direction direction, const struct asc_segment *segments)
{
    struct asc_packet packet;
    struct plain plain;
    const enum asc_verdict verdict = parse_any(segments, &packet, &plain);
    const bool later = verdict == ASC_PACKET_FRAGMENT;

    if (verdict == ASC_PACKET_MALFORMED) {
        count(&m->since[ASC_MALFORMED]);
    } else if (verdict == ASC_PACKET_IGNORED || !family_collected(&packet)) {
        count(&m->since[ASC_IGNORED]);
    } else if (verdict == ASC_PACKET_UNKNOWN ||
        ((later || packet.first_fragment) &&
            !asc_flow_datagram(&m->network, &packet, later, direction))) {
        count_overflow(m, direction, packet.bytes);
    } else {
        count_parsed_flow(m, direction, &packet, &plain);
    }
}

/* --- The plain packet --------------------------------------------------------------------------- */

/* What is no plain packet. */
#define NOT_PLAIN UINT32_MAX

/* Returns what is known of a packet of `bytes` bytes of IP payload at `transport`, if the parser would
 * find nothing wrong with it; NOT_PLAIN if the parser must look. */
static ASC_INLINE uint32_t plain(uint32_t ip_protocol, const uint8_t *transport, uint32_t bytes)
{
    if (ip_protocol == 17 && !ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED) {
        const uint32_t length = asc_be16(transport + 4);

        return length >= 8u && length <= bytes ? bytes | (uint32_t)ASC_PROTOCOL_UDP << WHAT_PROTOCOL
                                               : NOT_PLAIN;
    }
    if (ip_protocol == 6 && !ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED) {
        const uint32_t words = transport[12] >> 4;

        return words >= 5u && words * 4u <= bytes
            ? bytes | (uint32_t)ASC_PROTOCOL_TCP << WHAT_PROTOCOL
            : NOT_PLAIN;
    }
    return NOT_PLAIN;
}

/* IPv4 without options, IPv6 without extension headers, TCP or UDP, all of it in one segment that has
 * `length` bytes. */
#if ASC_FLOWS4 > 0
static ASC_INLINE uint32_t plain4(const uint8_t *data, uint32_t length)
{
    /* More fragments, and the offset: RFC 791 section 3.1. */
    static const uint8_t fragment[4] = {0, 0, 0x3f, 0xff};
    const uint32_t bytes = asc_be16(data + 2) - IPV4_BYTES;

    if (bytes > length - IPV4_BYTES || (asc_raw32(data + 4) & asc_raw32(fragment)) != 0) {
        return NOT_PLAIN;
    }
    return plain(data[9], data + IPV4_BYTES, bytes);
}
#endif

#if ASC_FLOWS6 > 0
static ASC_INLINE uint32_t plain6(const uint8_t *data, uint32_t length)
{
    const uint32_t bytes = asc_be16(data + 4);

    return bytes > length - IPV6_BYTES ? NOT_PLAIN : plain(data[6], data + IPV6_BYTES, bytes);
}
#endif

static ASC_HOT void count_packet(struct asc_module *m, enum asc_direction direction,
    enum asc_cast cast, const struct asc_segment *packet)
{
    const uint8_t *data = packet->data;
    const uint32_t length = packet->length;
    uint32_t what;

    if (ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY && cast != ASC_UNICAST &&
        direction == ASC_IN) {
        count(&m->since[ASC_IGNORED]);
        return;
    }
#if ASC_FLOWS4 > 0
    if (length >= IPV4_BYTES + TRANSPORT_BYTES && data[0] == 0x45) {
        what = plain4(data, length);
        if (what != NOT_PLAIN) {
            count4(m, direction, data, what);
            return;
        }
    }
#endif
#if ASC_FLOWS6 > 0
    if (length >= IPV6_BYTES + TRANSPORT_BYTES && data[0] >> 4 == 6) {
        what = plain6(data, length);
        if (what != NOT_PLAIN) {
            count6(m, direction, data, what);
            return;
        }
    }
#endif
    count_any(m, direction, packet);
}

static ASC_NOINLINE void count_locked(struct asc_module *m, enum asc_direction direction,
    enum asc_cast cast, const struct asc_segment *packet)
{
    if (m->port->lock == NULL) {
        return;
    }
    m->port->lock(m->context);
    if (m->counting) {
        count_packet(m, direction, cast, packet);
    }
    m->port->unlock(m->context);
}

void asc_module_packet(struct asc_module *m, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    if (m->counting_unlocked) {
        count_packet(m, direction, cast, packet);
    } else {
        count_locked(m, direction, cast, packet);
    }
}

#else

void asc_module_packet(struct asc_module *m, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    (void)m;
    (void)direction;
    (void)cast;
    (void)packet;
}

#endif
