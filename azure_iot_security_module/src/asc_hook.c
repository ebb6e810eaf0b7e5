/* SPDX-License-Identifier: MIT */
/* The packet hook: a short way for the plain packet, the whole parser for all others. */

#include "azure_iot_security_module/inc/security_module.h"

#if ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED

#include "azure_iot_security_module/src/asc_collector.h"
#include "azure_iot_security_module/src/asc_flow_count.h"
#include "azure_iot_security_module/src/asc_packet.h"

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

/* What the short way found. */
enum counted {
    COUNTED,
    OVERFLOWED, /* no flow has room for it */
    NOT_PLAIN   /* the parser must look at it; nothing has been counted */
};

static ASC_INLINE void count(uint32_t *counter)
{
    const uint32_t next = *counter + 1u;

    *counter = next != 0 ? next : UINT32_MAX;
}

static NOINLINE void count_overflow(
    struct asc_module *m, enum asc_direction direction, uint32_t bytes)
{
    uint32_t *overflowed = &m->counters.bytes_overflowed[direction];
    const uint32_t sum = *overflowed + bytes;

    *overflowed = sum < bytes ? UINT32_MAX : sum;
    count(&m->counters.packets_overflowed);
}

/* --- Every packet ------------------------------------------------------------------------------- */

/* A family that is left out counts as not collected, not as lost. */
static bool family_collected(const struct asc_packet *packet)
{
    return packet->ipv6 ? ASC_FLOWS6 > 0 : ASC_FLOWS4 > 0;
}

static void count_parsed(struct asc_module *m, enum asc_direction direction, const uint8_t *data,
    uint32_t length, uint32_t present)
{
    struct asc_packet packet;
    const enum asc_verdict verdict = asc_packet_parse(data, length, present, &packet);

    if (verdict == ASC_PACKET_MALFORMED) {
        count(&m->counters.packets_malformed);
    } else if (verdict == ASC_PACKET_IGNORED || !family_collected(&packet)) {
        count(&m->counters.packets_ignored);
    } else if (verdict != ASC_PACKET_UNKNOWN &&
        asc_flow_count(&m->network, &packet, verdict == ASC_PACKET_FRAGMENT, direction)) {
        count(&m->counters.packets_counted);
    } else {
        count_overflow(m, direction, packet.bytes);
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

/* TCP or UDP right behind the IP header, whole and in one segment: `payload` bytes at `data`, all of
 * them there, as the parser would judge them. */
static ASC_INLINE bool plain_tcp(const uint8_t *data, uint32_t payload)
{
    const uint32_t header = payload >= 20u ? (data[12] >> 2) & 0x3cu : 0;

    return !ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED && header >= 20u && header <= payload;
}

static ASC_INLINE bool plain_udp(const uint8_t *data, uint32_t payload)
{
    const uint32_t length = payload >= 8u ? asc_be16(data + 4) : 0;

    return !ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED && length >= 8u && length <= payload;
}

static ASC_INLINE enum counted count_transport(struct asc_module *m, const struct asc_flow_table *t,
    const uint8_t *addresses, uint32_t protocol, uint32_t payload, enum asc_direction direction)
{
    const uint8_t *data = addresses + 2 * t->words * sizeof *t->remote;

    if (protocol == 6 && plain_tcp(data, payload)) {
        protocol = ASC_PROTOCOL_TCP;
    } else if (protocol == 17 && plain_udp(data, payload)) {
        protocol = ASC_PROTOCOL_UDP;
    } else {
        return NOT_PLAIN;
    }
    if (asc_flow_count_in(
            &m->network, t, addresses, asc_raw32(data), protocol, payload, direction)) {
        return COUNTED;
    }
    count_overflow(m, direction, payload);
    return OVERFLOWED;
}

#if ASC_FLOWS4 > 0
/* IPv4 without options and not a fragment. */
static ASC_INLINE enum counted count_plain4(
    struct asc_module *m, enum asc_direction direction, const uint8_t *data, uint32_t length)
{
    const struct asc_flow_table t = asc_flow_table4(&m->network);
    const uint32_t payload = asc_be16(data + 2) - 20u;

    if (payload > length - 20u || (asc_be16(data + 6) & 0x3fffu) != 0) {
        return NOT_PLAIN;
    }
    return count_transport(m, &t, data + 12, data[9], payload, direction);
}
#endif

#if ASC_FLOWS6 > 0
static ASC_INLINE enum counted count_plain6(
    struct asc_module *m, enum asc_direction direction, const uint8_t *data, uint32_t length)
{
    const struct asc_flow_table t = asc_flow_table6(&m->network);
    const uint32_t payload = asc_be16(data + 4);

    if (length < 40u || payload > length - 40u) {
        return NOT_PLAIN;
    }
    return count_transport(m, &t, data + 8, data[6], payload, direction);
}
#endif

static ASC_INLINE enum counted count_plain(
    struct asc_module *m, enum asc_direction direction, const struct asc_segment *packet)
{
    const uint8_t *data = packet->data;
    const uint32_t length = packet->length;

    if (length < 28u) {
        return NOT_PLAIN;
    }
#if ASC_FLOWS4 > 0
    if (data[0] == 0x45) {
        return count_plain4(m, direction, data, length);
    }
#endif
#if ASC_FLOWS6 > 0
    if ((data[0] & 0xf0) == 0x60) {
        return count_plain6(m, direction, data, length);
    }
#endif
    return NOT_PLAIN;
}

static ASC_INLINE void count_packet(struct asc_module *m, enum asc_direction direction,
    enum asc_cast cast, const struct asc_segment *packet)
{
    enum counted counted;

    if (ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY && cast != ASC_UNICAST &&
        direction == ASC_IN) {
        count(&m->counters.packets_ignored);
        return;
    }
    counted = count_plain(m, direction, packet);
    if (counted == COUNTED) {
        count(&m->counters.packets_counted);
    } else if (counted == NOT_PLAIN) {
        count_any(m, direction, packet);
    }
}

void asc_module_packet(struct asc_module *m, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    asc_lock(m);
    if (m->counting) {
        count_packet(m, direction, cast, packet);
    }
    asc_unlock(m);
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
