/* SPDX-License-Identifier: MIT */
/* VLAN tags, and super-packets taken apart as the network card does or the other end did. */

#include "azure_iot_security_module/ports/linux/asc_linux_capture_frame.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"

#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
/* The hop-by-hop header with the jumbo option that Linux before 6.19 puts into super-packets beyond
 * 64 KiB of IPv6, and takes out of what goes over the wire. */
#define JUMBO_BYTES 8u
/* Headers of IPv4 and TCP with all options that they can have. */
#define HEADERS_MAX_BYTES 120u
/* Packets of one super-packet, at most: the kernel counts them with 16 bits. */
#define PACKETS_MAX 65535u
/* Tags of a frame, at most; 802.1ad has two. */
#define TAGS_MAX 4u

/* What stands for payload that was not copied. Never written, so it takes address space only. */
static uint8_t zeros[1 << 20];

/* The headers of each packet of a super-packet. */
struct headers {
    uint8_t bytes[HEADERS_MAX_BYTES];
    uint32_t length;
    uint32_t transport; /* offset */
    uint32_t skipped;   /* bytes of the super-packet's headers that its packets do not have */
    bool udp;
};

static bool is_ip(uint16_t protocol)
{
    return protocol == ETH_P_IP || protocol == ETH_P_IPV6;
}

static bool is_tag(uint32_t protocol)
{
    return protocol == ETH_P_8021Q || protocol == ETH_P_8021AD;
}

/* Finds the IP header, also behind tags that the kernel left in the frame. UINT32_MAX: none. */
static uint32_t find_ip(const struct asc_linux_frame *f)
{
    uint32_t at = ETH_HLEN;
    uint32_t type;

    if (is_ip(f->protocol)) {
        return f->network;
    }
    if (f->hardware != ARPHRD_ETHER || f->captured < ETH_HLEN) {
        return UINT32_MAX;
    }
    type = asc_be16(f->data + ETH_HLEN - 2);
    for (unsigned i = 0; is_tag(type) && i < TAGS_MAX && f->captured - at >= 4; i++) {
        type = asc_be16(f->data + at + 2);
        at += 4;
    }
    return is_ip((uint16_t)type) ? at : UINT32_MAX;
}

static enum asc_cast cast_of(uint8_t type)
{
    return type == PACKET_BROADCAST ? ASC_BROADCAST
        : type == PACKET_MULTICAST  ? ASC_MULTICAST
                                    : ASC_UNICAST;
}

/* One packet: `captured` bytes at `data` and `length - captured` that are not there. */
static void give(const struct asc_linux_frame *f, struct asc_linux_sink *sink, const uint8_t *data,
    uint32_t captured, uint32_t length)
{
    const uint32_t rest = length > captured ? length - captured : 0;
    const struct asc_segment payload = {
        zeros, rest < sizeof zeros ? rest : (uint32_t)sizeof zeros, NULL};
    const struct asc_segment packet = {data, captured, rest > 0 ? &payload : NULL};

    sink->packet(
        sink->context, f->type == PACKET_OUTGOING ? ASC_OUT : ASC_IN, cast_of(f->type), &packet);
    sink->packets++;
}

/* Copies the IP header that each packet has, and says which protocol follows. -1: cannot tell. */
static int take_ip(const uint8_t *data, uint32_t captured, struct headers *h)
{
    if (captured >= IPV4_HEADER_BYTES && data[0] >> 4 == 4) {
        h->transport = (uint32_t)(data[0] & 15) * 4;
        if (h->transport < IPV4_HEADER_BYTES || captured < h->transport) {
            return -1;
        }
        memcpy(h->bytes, data, h->transport);
        return data[9];
    }
    if (captured >= IPV6_HEADER_BYTES + JUMBO_BYTES && data[0] >> 4 == 6) {
        h->transport = IPV6_HEADER_BYTES;
        memcpy(h->bytes, data, IPV6_HEADER_BYTES);
        if (data[6] == IPPROTO_HOPOPTS && asc_be16(data + 4) == 0) {
            h->skipped = JUMBO_BYTES;
            h->bytes[6] = data[IPV6_HEADER_BYTES];
        }
        return h->bytes[6];
    }
    return -1;
}

/* Copies the headers of a super-packet. False: they are not those of TCP or UDP right behind IP. */
static bool take_headers(const uint8_t *data, uint32_t captured, struct headers *h)
{
    const int protocol = take_ip(data, captured, h);
    const uint32_t from = h->transport + h->skipped;
    const uint32_t least = protocol == IPPROTO_TCP ? 20 : 8;
    uint32_t length = least;

    if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || captured - from < least) {
        return false;
    }
    if (protocol == IPPROTO_TCP) {
        length = (uint32_t)(data[from + 12] >> 4) * 4;
    }
    if (length < least || captured - from < length) {
        return false;
    }
    memcpy(h->bytes + h->transport, data + from, length);
    h->length = h->transport + length;
    h->udp = protocol == IPPROTO_UDP;
    return true;
}

static void put_be16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* Each packet of a super-packet has its headers, with its own lengths, and a part of its payload. */
static void give_apart(const struct asc_linux_frame *f, struct asc_linux_sink *sink,
    struct headers *h, uint32_t payload)
{
    while (payload > 0) {
        const uint32_t part = payload < f->segment_bytes ? payload : f->segment_bytes;
        const uint32_t length = h->length + part;

        if (h->bytes[0] >> 4 == 4) {
            put_be16(h->bytes + 2, length);
        } else {
            put_be16(h->bytes + 4, length - IPV6_HEADER_BYTES);
        }
        if (h->udp) {
            put_be16(h->bytes + h->transport + 4, length - h->transport);
        }
        give(f, sink, h->bytes, h->length, length);
        payload -= part;
    }
}

/* Whether the frame stands for several packets, whose headers are then in `h`. */
static bool is_super_packet(const struct asc_linux_frame *f, const uint8_t *data, uint32_t captured,
    uint32_t length, struct headers *h)
{
    uint32_t payload;

    if (f->segment_bytes == 0 || !take_headers(data, captured, h)) {
        return false;
    }
    payload = length - h->length - h->skipped;
    return payload > f->segment_bytes && (payload - 1) / f->segment_bytes < PACKETS_MAX;
}

void asc_linux_frame_give(const struct asc_linux_frame *f, struct asc_linux_sink *sink)
{
    const uint32_t ip = find_ip(f);
    struct headers h = {.length = 0};
    uint32_t captured;
    uint32_t length;

    if (ip > f->captured || f->captured > f->length) {
        return;
    }
    captured = f->captured - ip;
    length = f->length - ip;
    if (is_super_packet(f, f->data + ip, captured, length, &h)) {
        give_apart(f, sink, &h, length - h.length - h.skipped);
    } else {
        give(f, sink, f->data + ip, captured, length);
    }
}
