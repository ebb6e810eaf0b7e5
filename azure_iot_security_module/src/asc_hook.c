/* SPDX-License-Identifier: MIT */
/* The packet hook: a short way for the plain packet of a flow at hand, the whole one for all others. */

#include "azure_iot_security_module/inc/security_module.h"

#if ASC_HAS_NETWORK_ACTIVITY

#include "azure_iot_security_module/src/asc_flow_count.h"
#include "azure_iot_security_module/src/asc_packet.h"
#include "azure_iot_security_module/src/asc_sketch.h"

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

/* Bytes of IP payload that are there wherever the short way looks. */
#define PLAIN_BYTES_MIN 14u

static ASC_INLINE void count(uint32_t *counter)
{
    const uint32_t next = *counter + 1u;

    *counter = next != 0 ? next : UINT32_MAX;
}

static ASC_INLINE void add_bytes(uint32_t *counter, uint32_t bytes)
{
    const uint32_t sum = *counter + bytes;

    *counter = sum < bytes ? UINT32_MAX : sum;
}

static NOINLINE void count_overflow(
    struct asc_module *m, enum asc_direction direction, uint32_t bytes)
{
    struct asc_overflow *overflow = &m->network.overflow;

    count(&m->since.overflowed);
    add_bytes(&m->bytes_overflowed[direction], bytes);
    count(&overflow->packets);
    add_bytes(&overflow->bytes[direction], bytes);
}

/* Protocol and opener as in struct asc_flow. */
static ASC_INLINE uint32_t kind_of(
    uint32_t protocol, uint32_t tcp_flags, enum asc_direction direction)
{
    if (protocol != ASC_PROTOCOL_TCP) {
        return protocol;
    }
    return ASC_PROTOCOL_TCP | (uint32_t)asc_packet_opener(tcp_flags, direction) << ASC_KIND_OPENER;
}

/* --- In a flow ---------------------------------------------------------------------------------- */

static ASC_INLINE void count_flow(struct asc_module *m, const struct asc_flow_table *t,
    const struct asc_flow_key *key, uint32_t bytes)
{
    if (asc_flow_count(t, key, bytes)) {
        m->packets_counted++;
    } else {
        count_overflow(m, key->direction, bytes);
        /* The hash leaves out the protocol, which also makes a flow. */
        asc_sketch_add(m->network.overflow.sketch, key->hash + (key->kind & ASC_KIND_PROTOCOL));
    }
}

/* A packet of any flow, known or new, whose IP header lies at `header`; `ports` are turned. */
#if ASC_FLOWS4 > 0
static NOINLINE void count_flow4(struct asc_module *m, enum asc_direction direction,
    const uint8_t *header, uint32_t ports, uint32_t kind, uint32_t bytes)
{
    const struct asc_flow_table t = asc_flow_table4(&m->network);
    const struct asc_flow_key key =
        asc_flow_key_of(&m->network, &t, header + 12, ports, kind, direction);

    count_flow(m, &t, &key, bytes);
}
#endif

#if ASC_FLOWS6 > 0
static NOINLINE void count_flow6(struct asc_module *m, enum asc_direction direction,
    const uint8_t *header, uint32_t ports, uint32_t kind, uint32_t bytes)
{
    const struct asc_flow_table t = asc_flow_table6(&m->network);
    const struct asc_flow_key key =
        asc_flow_key_of(&m->network, &t, header + 8, ports, kind, direction);

    count_flow(m, &t, &key, bytes);
}
#endif

/* --- Any packet --------------------------------------------------------------------------------- */

static void count_parsed_flow(
    struct asc_module *m, enum asc_direction direction, const struct asc_packet *packet)
{
    const uint32_t ports = asc_turn_ports(packet->ports, direction);
    const uint32_t kind = kind_of(packet->protocol, packet->tcp_flags, direction);

    if (packet->ipv6) {
#if ASC_FLOWS6 > 0
        count_flow6(m, direction, packet->header, ports, kind, packet->bytes);
#endif
    } else {
#if ASC_FLOWS4 > 0
        count_flow4(m, direction, packet->header, ports, kind, packet->bytes);
#endif
    }
}

/* A family that is left out counts as not collected, not as lost. */
static bool family_collected(const struct asc_packet *packet)
{
    return (packet->ipv6 && ASC_FLOWS6 > 0) || (!packet->ipv6 && ASC_FLOWS4 > 0);
}

static void count_parsed(struct asc_module *m, enum asc_direction direction, const uint8_t *data,
    uint32_t length, uint32_t present)
{
    struct asc_packet packet;
    const enum asc_verdict verdict = asc_packet_parse(data, length, present, &packet);
    const bool later = verdict == ASC_PACKET_FRAGMENT;

    if (verdict == ASC_PACKET_MALFORMED) {
        count(&m->since.malformed);
    } else if (verdict == ASC_PACKET_IGNORED || !family_collected(&packet)) {
        count(&m->since.ignored);
    } else if (verdict == ASC_PACKET_UNKNOWN ||
        ((later || packet.first_fragment) &&
            !asc_flow_datagram(&m->network, &packet, later, direction))) {
        count_overflow(m, direction, packet.bytes);
    } else {
        count_parsed_flow(m, direction, &packet);
    }
}

/* A packet whose headers are spread over segments. */
static NOINLINE void count_split(
    struct asc_module *m, enum asc_direction direction, const struct asc_segment *packet)
{
    uint8_t headers[ASC_HEADER_BYTES];
    const uint32_t length = asc_packet_pull(packet, headers, sizeof headers);

    count_parsed(m, direction, headers, length, asc_packet_present(packet));
}

static NOINLINE void count_any(
    struct asc_module *m, enum asc_direction direction, const struct asc_segment *packet)
{
    const uint32_t length = packet->length;

    if (!asc_packet_in_one(packet)) {
        count_split(m, direction, packet);
        return;
    }
    count_parsed(m, direction, packet->data, length < ASC_HEADER_BYTES ? length : ASC_HEADER_BYTES,
        asc_packet_present(packet));
}

/* --- The plain packet --------------------------------------------------------------------------- */

/* TCP or UDP right behind the IP header, whole and in one segment: `payload` bytes at `data`. Returns
 * the enum asc_protocol if the headers are as the parser demands; -1 if the parser must look. */
static ASC_INLINE int plain_protocol(uint32_t ip_protocol, const uint8_t *data, uint32_t payload)
{
    if (ip_protocol == 6 && !ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED) {
        const uint32_t header = (data[12] >> 2) & 0x3cu;

        return header >= 20u && header <= payload ? ASC_PROTOCOL_TCP : -1;
    }
    if (ip_protocol == 17 && !ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED) {
        const uint32_t length = asc_be16(data + 4);

        return length >= 8u && length <= payload ? ASC_PROTOCOL_UDP : -1;
    }
    return -1;
}

/* Looks at the two newest flows of the bucket only; in a full table nine packets in ten find theirs
 * there. Returns whether one is the packet's, and then counts. */
static ASC_INLINE bool count_newest(struct asc_module *m, const struct asc_flow_table *t,
    const struct asc_flow_key *key, uint32_t bytes)
{
    unsigned i = t->flow[asc_flow_bucket(t, key->hash)].head;

    if (i == ASC_FLOW_NONE) {
        return false;
    }
    if (!asc_flow_like(t, i, key)) {
        i = t->flow[i].next;
        if (i == ASC_FLOW_NONE || !asc_flow_like(t, i, key)) {
            return false;
        }
    }
    if (!asc_same_local(t, i, key)) {
        return false;
    }
    asc_flow_add(t->flow + i, bytes, key->direction);
    m->packets_counted++;
    return true;
}

/* Whether the packet tells who opens the connection. */
static ASC_INLINE bool opens(int protocol, const uint8_t *data)
{
    return protocol == ASC_PROTOCOL_TCP && (data[13] & ASC_TCP_SYN) != 0;
}

/* In these two, `data` and `length` are the packet's one segment. Every call is the last thing that happens on its way, so that the usual packet saves no
 * registers. */
#if ASC_FLOWS4 > 0
/* IPv4 without options. */
static NOINLINE void count_plain4(struct asc_module *m, enum asc_direction direction,
    const uint8_t *data, const struct asc_segment *packet, uint32_t length)
{
    /* More fragments, and the offset: RFC 791 section 3.1. */
    static const uint8_t fragment[4] = {0, 0, 0x3f, 0xff};
    const struct asc_flow_table t = asc_flow_table4(&m->network);
    const uint32_t payload = asc_be16(data + 2) - 20u;
    int protocol = -1;
    struct asc_flow_key key;
    uint32_t ports;

    if (payload <= length - 20u && (asc_raw32(data + 4) & asc_raw32(fragment)) == 0) {
        protocol = plain_protocol(data[9], data + 20, payload);
    }
    if (protocol < 0) {
        count_any(m, direction, packet);
        return;
    }
    ports = asc_turn_ports(asc_raw32(data + 20), direction);
    key = asc_flow_key_of(&m->network, &t, data + 12, ports, (uint32_t)protocol, direction);
    if (opens(protocol, data + 20) || !count_newest(m, &t, &key, payload)) {
        count_flow4(m, direction, data, ports,
            kind_of((uint32_t)protocol, data[20 + 13], direction), payload);
    }
}
#endif

#if ASC_FLOWS6 > 0
static NOINLINE void count_plain6(struct asc_module *m, enum asc_direction direction,
    const uint8_t *data, const struct asc_segment *packet, uint32_t length)
{
    const struct asc_flow_table t = asc_flow_table6(&m->network);
    const uint32_t payload = asc_be16(data + 4);
    int protocol = -1;
    struct asc_flow_key key;
    uint32_t ports;

    if (payload <= length - 40u) {
        protocol = plain_protocol(data[6], data + 40, payload);
    }
    if (protocol < 0) {
        count_any(m, direction, packet);
        return;
    }
    ports = asc_turn_ports(asc_raw32(data + 40), direction);
    key = asc_flow_key_of(&m->network, &t, data + 8, ports, (uint32_t)protocol, direction);
    if (opens(protocol, data + 40) || !count_newest(m, &t, &key, payload)) {
        count_flow6(m, direction, data, ports,
            kind_of((uint32_t)protocol, data[40 + 13], direction), payload);
    }
}
#endif

static ASC_INLINE void count_packet(struct asc_module *m, enum asc_direction direction,
    enum asc_cast cast, const struct asc_segment *packet)
{
    const uint8_t *data = packet->data;
    const uint32_t length = packet->length;

    if (ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY && cast != ASC_UNICAST &&
        direction == ASC_IN) {
        count(&m->since.ignored);
        return;
    }
#if ASC_FLOWS4 > 0
    if (length >= 20u + PLAIN_BYTES_MIN && data[0] == 0x45) {
        count_plain4(m, direction, data, packet, length);
        return;
    }
#endif
#if ASC_FLOWS6 > 0
    if (length >= 40u + PLAIN_BYTES_MIN && data[0] >> 4 == 6) {
        count_plain6(m, direction, data, packet, length);
        return;
    }
#endif
    count_any(m, direction, packet);
}

static NOINLINE void count_locked(struct asc_module *m, enum asc_direction direction,
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
