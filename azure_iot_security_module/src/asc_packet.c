/* SPDX-License-Identifier: MIT */
/* The packet parser: IPv4 and IPv6 headers, extension headers and fragments, down to the ports. */

#include "azure_iot_security_module/src/asc_packet.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"

#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define PACKET_BYTES_MAX  (UINT16_MAX + IPV6_HEADER_BYTES)

/* Flags and offset of RFC 791: more fragments, and the offset in units of eight bytes. */
#define IPV4_FRAGMENT_OFFSET 0x1fffu
#define IPV4_FRAGMENT        0x3fffu

/* The shortest first fragment of a datagram: one unit, which holds the ports. */
#define FRAGMENT_UNIT_BYTES 8u

enum ip_protocol {
    IP_HOP_BY_HOP = 0,
    IP_ICMP = 1,
    IP_TCP = 6,
    IP_UDP = 17,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_AUTHENTICATION = 51,
    IP_ICMPV6 = 58,
    IP_DESTINATION = 60
};

/* Where the parser is: `end` is the packet's length as its IP header claims, all of it present;
 * `length` is how much of it can be read at `data`. */
struct cursor {
    const uint8_t *data;
    uint32_t length;
    uint32_t offset;
    uint32_t end;
};

static bool is_extension(uint32_t protocol)
{
    return protocol == IP_HOP_BY_HOP || protocol == IP_ROUTING || protocol == IP_FRAGMENT ||
        protocol == IP_AUTHENTICATION || protocol == IP_DESTINATION;
}

/* Whether `bytes` more of the packet are claimed and can be read. */
static inline enum asc_verdict available(const struct cursor *at, uint32_t bytes)
{
    if (at->offset > at->end || at->end - at->offset < bytes) {
        return ASC_PACKET_MALFORMED;
    }
    if (at->offset > at->length || at->length - at->offset < bytes) {
        return ASC_PACKET_UNKNOWN;
    }
    return ASC_PACKET_FLOW;
}

static inline enum asc_verdict parse_tcp(const struct cursor *at, struct asc_packet *packet)
{
    const uint32_t need = packet->first_fragment ? FRAGMENT_UNIT_BYTES : 20u;
    const enum asc_verdict verdict = available(at, need);
    const uint8_t *header;
    uint32_t header_bytes;

    if (verdict != ASC_PACKET_FLOW) {
        return verdict;
    }
    header = at->data + at->offset;
    packet->protocol = ASC_PROTOCOL_TCP;
    packet->ports = asc_raw32(header);
    packet->tcp_flags = 0;
    if (packet->first_fragment) {
        return ASC_PACKET_FLOW;
    }
    packet->tcp_flags = header[13];
    header_bytes = (uint32_t)(header[12] >> 4) * 4u;
    return header_bytes >= 20u && header_bytes <= at->end - at->offset ? ASC_PACKET_FLOW
                                                                       : ASC_PACKET_MALFORMED;
}

static inline enum asc_verdict parse_udp(const struct cursor *at, struct asc_packet *packet)
{
    const enum asc_verdict verdict = available(at, 8u);
    const uint8_t *header;
    uint32_t length;

    if (verdict != ASC_PACKET_FLOW) {
        return verdict;
    }
    header = at->data + at->offset;
    packet->protocol = ASC_PROTOCOL_UDP;
    packet->ports = asc_raw32(header);
    length = asc_be16(header + 4);
    /* In a fragment the length is that of the whole datagram. */
    return length >= 8u && (packet->first_fragment || length <= at->end - at->offset)
        ? ASC_PACKET_FLOW
        : ASC_PACKET_MALFORMED;
}

static inline enum asc_verdict parse_icmp(const struct cursor *at, struct asc_packet *packet)
{
    packet->protocol = ASC_PROTOCOL_ICMP;
    packet->ports = 0;
    return available(at, 4u);
}

static inline enum asc_verdict parse_transport(
    const struct cursor *at, uint32_t protocol, struct asc_packet *packet)
{
    if (protocol == IP_TCP && !ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED) {
        return parse_tcp(at, packet);
    }
    if (protocol == IP_UDP && !ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED) {
        return parse_udp(at, packet);
    }
    if (protocol == (packet->ipv6 ? IP_ICMPV6 : IP_ICMP) &&
        !ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED) {
        return parse_icmp(at, packet);
    }
    return ASC_PACKET_IGNORED;
}

/* A fragment that holds no transport header; what its payload says is not looked at. */
static enum asc_verdict parse_later_fragment(uint32_t protocol, struct asc_packet *packet)
{
    if (protocol == (packet->ipv6 ? IP_ICMPV6 : IP_ICMP)) {
        packet->protocol = ASC_PROTOCOL_ICMP;
        packet->ports = 0;
        return ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED ? ASC_PACKET_IGNORED : ASC_PACKET_FLOW;
    }
    if (protocol == IP_TCP || protocol == IP_UDP || (packet->ipv6 && is_extension(protocol))) {
        return ASC_PACKET_FRAGMENT;
    }
    return ASC_PACKET_IGNORED;
}

static inline enum asc_verdict parse_ipv4(
    const uint8_t *data, uint32_t length, uint32_t present, struct asc_packet *packet)
{
    struct cursor at = {data, length, 0, 0};
    uint32_t fragment;

    if (length < IPV4_HEADER_BYTES) {
        return ASC_PACKET_MALFORMED;
    }
    at.offset = (uint32_t)(data[0] & 15) * 4u;
    at.end = asc_be16(data + 2);
    if (at.offset < IPV4_HEADER_BYTES || at.offset > at.end || at.end > present) {
        return ASC_PACKET_MALFORMED;
    }
    packet->header = data;
    packet->bytes = at.end - at.offset;
    packet->ipv6 = false;
    packet->first_fragment = false;
    fragment = asc_be16(data + 6) & IPV4_FRAGMENT;
    if (fragment != 0) {
        packet->identification = asc_be16(data + 4);
        if ((fragment & IPV4_FRAGMENT_OFFSET) != 0) {
            return parse_later_fragment(data[9], packet);
        }
        packet->first_fragment = true;
    }
    return parse_transport(&at, data[9], packet);
}

/* Steps over extension headers. `at` and `*protocol` are then at what follows them; the verdict is
 * ASC_PACKET_FRAGMENT if that is the inside of a datagram, ASC_PACKET_FLOW if it is its start. */
static enum asc_verdict skip_extensions(
    struct cursor *at, uint32_t *protocol, struct asc_packet *packet)
{
    for (unsigned i = 0; is_extension(*protocol); i++) {
        const enum asc_verdict verdict = available(at, 8u);
        const uint8_t *header;
        uint32_t header_bytes = 8u;

        if (verdict != ASC_PACKET_FLOW) {
            return verdict;
        }
        if (i == ASC_EXTENSIONS_MAX) {
            return ASC_PACKET_UNKNOWN;
        }
        header = at->data + at->offset;
        if (*protocol == IP_FRAGMENT) {
            const uint32_t fragment = asc_be16(header + 2);

            packet->identification = asc_be32(header + 4);
            if (fragment >= 8u) {
                *protocol = header[0];
                return ASC_PACKET_FRAGMENT;
            }
            packet->first_fragment = (fragment & 1u) != 0;
        } else if (*protocol == IP_AUTHENTICATION) {
            header_bytes = (header[1] + 2u) * 4u;
        } else {
            header_bytes = (header[1] + 1u) * 8u;
        }
        *protocol = header[0];
        at->offset += header_bytes;
    }
    return at->offset > at->end ? ASC_PACKET_MALFORMED : ASC_PACKET_FLOW;
}

static inline enum asc_verdict parse_ipv6(
    const uint8_t *data, uint32_t length, uint32_t present, struct asc_packet *packet)
{
    struct cursor at = {data, length, IPV6_HEADER_BYTES, 0};
    uint32_t protocol;

    if (length < IPV6_HEADER_BYTES) {
        return ASC_PACKET_MALFORMED;
    }
    packet->bytes = asc_be16(data + 4);
    at.end = IPV6_HEADER_BYTES + packet->bytes;
    if (at.end > present) {
        return ASC_PACKET_MALFORMED;
    }
    packet->header = data;
    packet->ipv6 = true;
    packet->first_fragment = false;
    protocol = data[6];
    if (is_extension(protocol)) {
        const enum asc_verdict verdict = skip_extensions(&at, &protocol, packet);

        if (verdict == ASC_PACKET_FRAGMENT) {
            return parse_later_fragment(protocol, packet);
        }
        if (verdict != ASC_PACKET_FLOW) {
            return verdict;
        }
    }
    return parse_transport(&at, protocol, packet);
}

enum asc_verdict asc_packet_parse(
    const uint8_t *data, uint32_t length, uint32_t present, struct asc_packet *packet)
{
    const unsigned version = length > 0 ? data[0] >> 4 : 0;

    if (version == 4) {
        return parse_ipv4(data, length, present, packet);
    }
    if (version == 6) {
        return parse_ipv6(data, length, present, packet);
    }
    return ASC_PACKET_MALFORMED;
}

bool asc_packet_in_one(const struct asc_segment *segment)
{
    const uint8_t *data = segment->data;

    if (segment->next == NULL || segment->length >= ASC_HEADER_BYTES) {
        return true;
    }
    if (segment->length < IPV4_HEADER_BYTES + 20u) {
        return false;
    }
    if (data[0] >> 4 == 4) {
        return segment->length >= (uint32_t)(data[0] & 15) * 4u + 20u;
    }
    return segment->length >= IPV6_HEADER_BYTES + 20u && !is_extension(data[6]);
}

uint32_t asc_packet_pull(const struct asc_segment *segment, uint8_t *out, uint32_t size)
{
    uint32_t length = 0;

    for (unsigned i = 0; segment != NULL && i < ASC_SEGMENTS_MAX && length < size; i++) {
        const uint32_t room = size - length;
        const uint32_t part = segment->length < room ? segment->length : room;

        if (part > 0) {
            memcpy(out + length, segment->data, part);
        }
        length += part;
        segment = segment->next;
    }
    return length;
}

uint32_t asc_packet_present(const struct asc_segment *segment)
{
    uint32_t present = 0;

    for (unsigned i = 0; segment != NULL && i < ASC_SEGMENTS_MAX; i++) {
        if (segment->length >= PACKET_BYTES_MAX - present) {
            return PACKET_BYTES_MAX;
        }
        present += segment->length;
        segment = segment->next;
    }
    return present;
}
