/* SPDX-License-Identifier: MIT */
/* The independent counter: whole frames in one buffer, each field read where its RFC draws it. */

#include "tests/lwip/lwip_tally.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a packet while its headers are read; `at` and `end` are offsets in the frame. */
struct reading {
    const uint8_t *frame;
    size_t at;
    size_t end;
    bool out;
    bool ipv6;
    const uint8_t *addresses;
    size_t address_bytes;
    size_t payload;
    unsigned next; /* IP protocol number */
    bool later;    /* a fragment without the transport header */
    bool first;
    uint32_t identification;
};

static unsigned get16(const uint8_t *p)
{
    return p[0] * 256u + p[1];
}

static bool to_group(const struct tally *tally, const struct reading *r, const uint8_t *mac)
{
    const uint8_t *to = r->addresses + r->address_bytes;

    if ((mac[0] & 1) != 0) {
        return true;
    }
    if (r->ipv6) {
        return to[0] == 0xff;
    }
    return (to[0] >= 224 && to[0] <= 239) || memcmp(to, "\xff\xff\xff\xff", 4) == 0 ||
        memcmp(to, tally->subnet_broadcast, 4) == 0;
}

struct tally_flow *tally_find(struct tally *tally, const struct tally_flow *like)
{
    for (unsigned i = 0; i < tally->flows; i++) {
        struct tally_flow *flow = &tally->flow[i];

        if (flow->ipv6 == like->ipv6 && flow->protocol == like->protocol &&
            flow->local_port == like->local_port && flow->remote_port == like->remote_port &&
            memcmp(flow->local, like->local, 16) == 0 &&
            memcmp(flow->remote, like->remote, 16) == 0) {
            return flow;
        }
    }
    return NULL;
}

/* Finds or enters a flow, without its counts. */
static struct tally_flow *enter(struct tally *tally, const struct tally_flow *like)
{
    struct tally_flow *flow = tally_find(tally, like);

    if (flow == NULL) {
        if (tally->flows == TALLY_FLOWS_MAX) {
            abort();
        }
        flow = &tally->flow[tally->flows++];
        *flow = *like;
        memset(flow->packets, 0, sizeof flow->packets);
        memset(flow->bytes, 0, sizeof flow->bytes);
        flow->opened_by = 0;
    }
    return flow;
}

static void add(
    struct tally *tally, const struct reading *r, unsigned protocol, const uint16_t ports[2])
{
    struct tally_flow like = {.ipv6 = r->ipv6, .protocol = (uint8_t)protocol};
    struct tally_flow *flow;

    memcpy(like.local, r->addresses + (r->out ? 0 : r->address_bytes), r->address_bytes);
    memcpy(like.remote, r->addresses + (r->out ? r->address_bytes : 0), r->address_bytes);
    like.local_port = ports[r->out ? 0 : 1];
    like.remote_port = ports[r->out ? 1 : 0];
    flow = enter(tally, &like);
    flow->packets[r->out]++;
    flow->bytes[r->out] += (uint32_t)r->payload;
    if (protocol == 0 && !r->later && !r->first && (r->frame[r->at + 13] & 2) != 0) {
        const bool answer = (r->frame[r->at + 13] & 16) != 0;

        flow->opened_by = r->out == answer ? 2 : 1;
    }
    tally->counted++;
}

/* Finds or enters a datagram; NULL if it is to be found and is not there. */
static struct tally_datagram *datagram(struct tally *tally, const struct reading *r, bool enter)
{
    struct tally_datagram *d;

    for (unsigned i = tally->datagrams; i-- > 0;) {
        d = &tally->datagram[i];
        if (d->identification == r->identification && d->ipv6 == r->ipv6 && d->out == r->out &&
            memcmp(d->addresses, r->addresses, 2 * r->address_bytes) == 0) {
            return d;
        }
    }
    if (!enter) {
        return NULL;
    }
    if (tally->datagrams == TALLY_DATAGRAMS_MAX) {
        abort();
    }
    d = &tally->datagram[tally->datagrams++];
    memset(d, 0, sizeof *d);
    d->identification = r->identification;
    d->ipv6 = r->ipv6;
    d->out = r->out;
    memcpy(d->addresses, r->addresses, 2 * r->address_bytes);
    return d;
}

/* Reads the IPv4 header; false: malformed. RFC 791. */
static bool read_ipv4(struct reading *r, size_t present)
{
    const uint8_t *ip = r->frame + r->at;
    size_t header, total;

    if (present < 20 || ip[0] >> 4 != 4) {
        return false;
    }
    header = (ip[0] & 15u) * 4u;
    total = get16(ip + 2);
    if (header < 20 || total < header || total > present) {
        return false;
    }
    r->addresses = ip + 12;
    r->address_bytes = 4;
    r->payload = total - header;
    r->next = ip[9];
    r->identification = get16(ip + 4);
    r->later = (get16(ip + 6) & 0x1fff) != 0;
    r->first = !r->later && (get16(ip + 6) & 0x2000) != 0;
    r->end = r->at + total;
    r->at += header;
    return true;
}

/* Reads the IPv6 header and those behind it; false: malformed. RFC 8200. */
static bool read_ipv6(struct reading *r, size_t present)
{
    const uint8_t *ip = r->frame + r->at;

    if (present < 40 || ip[0] >> 4 != 6 || 40 + get16(ip + 4) > present) {
        return false;
    }
    r->ipv6 = true;
    r->addresses = ip + 8;
    r->address_bytes = 16;
    r->payload = get16(ip + 4);
    r->next = ip[6];
    r->end = r->at + 40 + r->payload;
    r->at += 40;
    while (!r->later && (r->next == 0 || r->next == 43 || r->next == 44 || r->next == 60)) {
        const uint8_t *header = r->frame + r->at;

        if (r->end - r->at < 8) {
            return false;
        }
        if (r->next == 44) {
            r->later = get16(header + 2) >> 3 != 0;
            r->first = !r->later && (header[3] & 1) != 0;
            r->identification = get16(header + 4) * 65536u + get16(header + 6);
        }
        r->at += r->next == 44 ? 8 : 8 + header[1] * 8u;
        r->next = header[0];
        if (r->at > r->end) {
            return false;
        }
    }
    return true;
}

/* Returns the message's number of the protocol; 3 for one that is not collected. */
static unsigned protocol_of(const struct reading *r)
{
    return r->next == 6 ? 0 : r->next == 17 ? 1 : r->next == (r->ipv6 ? 58u : 1u) ? 2 : 3;
}

static bool transport_is_whole(const struct reading *r, unsigned protocol)
{
    static const size_t least[] = {20, 8, 4};
    const uint8_t *header = r->frame + r->at;
    const size_t left = r->end - r->at;

    if (left < (r->first && protocol == 0 ? 8 : least[protocol])) {
        return false;
    }
    if (protocol == 0 && !r->first) {
        return header[12] >> 4 >= 5 && (header[12] >> 4) * 4u <= left;
    }
    if (protocol == 1) {
        return get16(header + 4) >= 8 && (r->first || get16(header + 4) <= left);
    }
    return true;
}

static void count_packet(struct tally *tally, const struct reading *r)
{
    const unsigned protocol = protocol_of(r);
    uint16_t ports[2] = {0, 0};
    struct tally_datagram *d;

    if (protocol == 3) {
        tally->ignored++;
        return;
    }
    if (r->later && protocol != 2) {
        d = datagram(tally, r, false);
        if (d == NULL) {
            tally->overflowed++;
            return;
        }
        tally->fragments++;
        add(tally, r, protocol, d->ports);
        return;
    }
    if (!r->later && !transport_is_whole(r, protocol)) {
        tally->malformed++;
        return;
    }
    if (protocol != 2) {
        ports[0] = (uint16_t)get16(r->frame + r->at);
        ports[1] = (uint16_t)get16(r->frame + r->at + 2);
    }
    if (r->first) {
        memcpy(datagram(tally, r, true)->ports, ports, sizeof ports);
    }
    add(tally, r, protocol, ports);
}

void tally_frame(struct tally *tally, bool out, const uint8_t *frame, size_t length)
{
    struct reading r = {.frame = frame, .at = 14, .out = out};
    unsigned type;
    bool whole, group;

    tally->frames[out]++;
    if (length < 14) {
        return;
    }
    type = get16(frame + 12);
    if (type == 0x8100 && length >= 18) {
        type = get16(frame + 16);
        r.at = 18;
    }
    if (type != 0x0800 && type != 0x86dd) {
        return;
    }
    whole = type == 0x0800 ? read_ipv4(&r, length - r.at) : read_ipv6(&r, length - r.at);
    group = !out && ((frame[0] & 1) != 0 || (r.addresses != NULL && to_group(tally, &r, frame)));
    tally->groups += group;
    if (group && tally->unicast_only) {
        tally->ignored++;
    } else if (!whole) {
        tally->malformed++;
    } else {
        count_packet(tally, &r);
    }
}

void tally_merge(struct tally *tally, const struct tally *other)
{
    for (unsigned i = 0; i < other->flows; i++) {
        struct tally_flow *flow = enter(tally, &other->flow[i]);

        for (unsigned way = 0; way < 2; way++) {
            flow->packets[way] += other->flow[i].packets[way];
            flow->bytes[way] += other->flow[i].bytes[way];
        }
        if (other->flow[i].opened_by != 0) {
            flow->opened_by = other->flow[i].opened_by;
        }
    }
    tally->frames[0] += other->frames[0];
    tally->frames[1] += other->frames[1];
    tally->fragments += other->fragments;
    tally->groups += other->groups;
    tally->counted += other->counted;
    tally->ignored += other->ignored;
    tally->malformed += other->malformed;
    tally->overflowed += other->overflowed;
}
