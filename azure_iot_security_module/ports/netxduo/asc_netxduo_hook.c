/* SPDX-License-Identifier: MIT */
/* The packet filter: chains itself in, tells what a packet is to whom, and gives it to the module. */

#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hook.h"

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"

#if ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_packet.h"

#ifndef NX_ENABLE_IP_PACKET_FILTER
#error "the security module needs NetX Duo built with NX_ENABLE_IP_PACKET_FILTER"
#endif

typedef UINT (*packet_filter)(NX_IP *ip_ptr, NX_PACKET *packet_ptr, UINT direction);

/* An IP instance that has, or had, our filter. What was before it stays known after it is taken out: a
 * packet that is in the filter at that moment still has to pass it. */
struct watched {
    NX_IP *ip; /* NULL: free */
    packet_filter previous;
    bool hooked;
};

static struct watched watched[ASC_NETXDUO_IP_INSTANCES_MAX];
static struct asc_module *watcher;

/* --- In and out --------------------------------------------------------------------------------- */

static struct watched *find_watched(const NX_IP *ip)
{
    for (UINT i = 0; i < ASC_NETXDUO_IP_INSTANCES_MAX; i++) {
        if (watched[i].ip == ip) {
            return &watched[i];
        }
    }
    return NX_NULL;
}

/* The list of created instances is a ring. */
static bool is_created(const NX_IP *any, const NX_IP *wanted)
{
    const NX_IP *ip = any;

    do {
        if (ip == wanted) {
            return true;
        }
        ip = ip->nx_ip_created_next;
    } while (ip != any);
    return false;
}

/* Interrupts are masked. */
static void drop_deleted(const NX_IP *any)
{
    for (UINT i = 0; i < ASC_NETXDUO_IP_INSTANCES_MAX; i++) {
        if (watched[i].ip != NX_NULL && !is_created(any, watched[i].ip)) {
            watched[i].ip = NX_NULL;
            watched[i].hooked = false;
        }
    }
}

/* Interrupts are masked. */
static bool put_in(NX_IP *ip)
{
    struct watched *w = find_watched(ip);

    if (w == NX_NULL) {
        w = find_watched(NX_NULL);
    }
    if (w == NX_NULL) {
        return false;
    }
    if (ip->nx_ip_packet_filter_extended == asc_netxduo_filter) {
        w->hooked = true;
    } else if (!w->hooked || ip->nx_ip_packet_filter_extended == NX_NULL) {
        w->ip = ip;
        w->previous = ip->nx_ip_packet_filter_extended;
        w->hooked = true;
        ip->nx_ip_packet_filter_extended = asc_netxduo_filter;
    }
    return true;
}

bool asc_netxduo_hook_all(struct asc_module *m, NX_IP *any)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);
    NX_IP *ip = any;
    bool all = true;

    if (watcher != m) {
        watcher = m;
    }
    drop_deleted(any);
    do {
        all = put_in(ip) && all;
        ip = ip->nx_ip_created_next;
    } while (ip != any);
    (void)tx_interrupt_control(posture);
    return all;
}

void asc_netxduo_unhook_all(NX_IP *any)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);
    NX_IP *ip = any;

    drop_deleted(any);
    do {
        struct watched *w = find_watched(ip);

        if (w != NX_NULL && ip->nx_ip_packet_filter_extended == asc_netxduo_filter) {
            ip->nx_ip_packet_filter_extended = w->previous;
            w->hooked = false;
        }
        ip = ip->nx_ip_created_next;
    } while (ip != any);
    (void)tx_interrupt_control(posture);
}

static packet_filter previous_of(const NX_IP *ip)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);
    const struct watched *w = find_watched(ip);
    const packet_filter previous = w != NX_NULL ? w->previous : NX_NULL;

    (void)tx_interrupt_control(posture);
    return previous;
}

/* --- A packet's bytes --------------------------------------------------------------------------- */

static uint32_t bytes_of(const NX_PACKET *packet)
{
    return packet->nx_packet_append_ptr > packet->nx_packet_prepend_ptr
        ? (uint32_t)(packet->nx_packet_append_ptr - packet->nx_packet_prepend_ptr)
        : 0;
}

static const NX_PACKET *next_of(const NX_PACKET *packet)
{
#ifndef NX_DISABLE_PACKET_CHAIN
    return packet->nx_packet_next;
#else
    (void)packet;
    return NX_NULL;
#endif
}

/* Copies the first bytes of a chain, `size` at most; returns how many. */
static uint32_t copy_first(const NX_PACKET *packet, UCHAR *out, uint32_t size)
{
    uint32_t length = 0;

    for (UINT i = 0; packet != NX_NULL && i < ASC_SEGMENTS_MAX && length < size; i++) {
        const uint32_t bytes = bytes_of(packet);
        const uint32_t part = bytes < size - length ? bytes : size - length;

        memcpy(out + length, packet->nx_packet_prepend_ptr, part);
        length += part;
        packet = next_of(packet);
    }
    return length;
}

/* --- Whose it is -------------------------------------------------------------------------------- */

/* Bytes that tell a packet's destination. */
#define ADDRESSED_BYTES 40u

enum addressee {
    TO_US,
    TO_ALL,
    TO_GROUP,
    TO_OTHERS
};

#ifndef NX_DISABLE_IPV4
/* As NetX Duo's IPv4 judges it: an interface without an address takes any (DHCP needs that). */
static enum addressee addressee4(const NX_INTERFACE *link, uint32_t destination)
{
    const uint32_t address = (uint32_t)link->nx_interface_ip_address;
    const uint32_t hosts = ~(uint32_t)link->nx_interface_ip_network_mask;

    if (destination == 0xffffffffu) {
        return TO_ALL;
    }
    if (destination >> 28 == 0xe) {
        return TO_GROUP;
    }
    if (destination == address || address == 0 || destination == 0 || destination >> 24 == 127) {
        return TO_US;
    }
    return ((destination ^ address) & ~hosts) == 0 && (destination & hosts) == hosts ? TO_ALL
                                                                                     : TO_OTHERS;
}
#endif

#ifdef FEATURE_NX_IPV6
static enum addressee addressee6(const NX_INTERFACE *link, const UCHAR *destination)
{
    const NXD_IPV6_ADDRESS *own = link->nxd_interface_ipv6_address_list_head;

    if (destination[0] == 0xff) {
        return TO_GROUP;
    }
    for (; own != NX_NULL; own = own->nxd_ipv6_address_next) {
        UINT word = 0;

        while (
            word < 4 && asc_be32(destination + 4 * word) == (uint32_t)own->nxd_ipv6_address[word]) {
            word++;
        }
        if (word == 4) {
            return TO_US;
        }
    }
    return TO_OTHERS;
}
#endif

/* Who an incoming packet is for. What is no IP packet counts as ours: the module tells it malformed. */
static enum addressee addressee_of(const NX_IP *ip, const NX_PACKET *packet)
{
    const NX_INTERFACE *link = packet->nx_packet_address.nx_packet_interface_ptr;
    const UCHAR *header = packet->nx_packet_prepend_ptr;
    uint32_t length = bytes_of(packet);
    UCHAR copy[ADDRESSED_BYTES];

    if (link == NX_NULL) {
        link = &ip->nx_ip_interface[0];
    }
    if (length < ADDRESSED_BYTES && next_of(packet) != NX_NULL) {
        length = copy_first(packet, copy, sizeof copy);
        header = copy;
    }
#ifndef NX_DISABLE_IPV4
    if (length >= 20 && header[0] >> 4 == 4) {
        return addressee4(link, asc_be32(header + 16));
    }
#endif
#ifdef FEATURE_NX_IPV6
    if (length >= 40 && header[0] >> 4 == 6) {
        return addressee6(link, header + 24);
    }
#endif
    return TO_US;
}

/* --- Counting ----------------------------------------------------------------------------------- */

#if defined(__GNUC__)
#define NETXDUO_NOINLINE __attribute__((noinline))
#else
#define NETXDUO_NOINLINE
#endif

/* A chain of more than ASC_NETXDUO_SEGMENTS_MAX packets: a copy of all bytes that the module can look
 * at, and, without data, how many follow. */
static NETXDUO_NOINLINE void give_long(
    enum asc_direction direction, enum asc_cast cast, const NX_PACKET *packet)
{
    UCHAR headers[ASC_HEADER_BYTES];
    struct asc_segment rest = {NX_NULL, 0, NX_NULL};
    struct asc_segment first = {headers, copy_first(packet, headers, sizeof headers), NX_NULL};
    uint32_t total = 0;

    for (UINT i = 0; packet != NX_NULL && i < ASC_SEGMENTS_MAX; i++) {
        total += bytes_of(packet);
        packet = next_of(packet);
    }
    if (total > first.length) {
        rest.length = total - first.length;
        first.next = &rest;
    }
    asc_module_packet(watcher, direction, cast, &first);
}

static NETXDUO_NOINLINE void give_chain(
    enum asc_direction direction, enum asc_cast cast, const NX_PACKET *packet)
{
    struct asc_segment segment[ASC_NETXDUO_SEGMENTS_MAX];

    for (UINT n = 0; n < ASC_NETXDUO_SEGMENTS_MAX && packet != NX_NULL; n++) {
        segment[n].data = packet->nx_packet_prepend_ptr;
        segment[n].length = bytes_of(packet);
        packet = next_of(packet);
        segment[n].next = packet != NX_NULL ? &segment[n + 1] : NX_NULL;
    }
    asc_module_packet(watcher, direction, cast, segment);
}

static bool is_long(const NX_PACKET *packet)
{
    UINT n = 0;

    for (; packet != NX_NULL && n <= ASC_NETXDUO_SEGMENTS_MAX; packet = next_of(packet)) {
        n++;
    }
    return n > ASC_NETXDUO_SEGMENTS_MAX;
}

static void give(enum asc_direction direction, enum asc_cast cast, const NX_PACKET *packet)
{
    const struct asc_segment whole = {packet->nx_packet_prepend_ptr, bytes_of(packet), NX_NULL};

    if (next_of(packet) == NX_NULL) {
        asc_module_packet(watcher, direction, cast, &whole);
    } else if (is_long(packet)) {
        give_long(direction, cast, packet);
    } else {
        give_chain(direction, cast, packet);
    }
}

/* What this host only forwards is no conversation of its own. */
static void give_incoming(const NX_IP *ip, const NX_PACKET *packet)
{
    static const enum asc_cast casts[] = {
        [TO_US] = ASC_UNICAST, [TO_ALL] = ASC_BROADCAST, [TO_GROUP] = ASC_MULTICAST};
    const enum addressee addressee = addressee_of(ip, packet);

    if (addressee != TO_OTHERS) {
        give(ASC_IN, casts[addressee], packet);
    }
}

/* What comes in was on the wire whatever a filter says; what a filter stops from going out was not. */
UINT asc_netxduo_filter(NX_IP *ip_ptr, NX_PACKET *packet_ptr, UINT direction)
{
    const packet_filter previous = previous_of(ip_ptr);
    UINT status = NX_SUCCESS;

    if (direction == NX_IP_PACKET_IN) {
        give_incoming(ip_ptr, packet_ptr);
    }
    if (previous != NX_NULL) {
        status = previous(ip_ptr, packet_ptr, direction);
    }
    if (direction == NX_IP_PACKET_OUT && status == NX_SUCCESS) {
        give(ASC_OUT, ASC_UNICAST, packet_ptr);
    }
    return status;
}

#else

bool asc_netxduo_hook_all(struct asc_module *m, NX_IP *any)
{
    (void)m;
    (void)any;
    return true;
}

void asc_netxduo_unhook_all(NX_IP *any)
{
    (void)any;
}

#endif
