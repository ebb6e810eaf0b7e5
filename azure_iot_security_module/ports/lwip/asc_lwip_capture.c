/* SPDX-License-Identifier: MIT */
/* The functions that stand in a netif's place, and the way from a pbuf to the module's packet. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"

#include <string.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_address.h"
#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_packet.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ieee.h"
#include "lwip/sys.h"

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

/* A packet in so many pbufs is passed on as it lies; of one in more, the headers are copied. A full
 * frame takes three of lwIP's usual pool pbufs. */
#define SEGMENTS 6u

#define ETHERNET_BYTES (ETH_PAD_SIZE + 14u)
#define VLAN_BYTES     4u
#define LINK_BYTES_MAX (ETHERNET_BYTES + VLAN_BYTES)

/* As far as the destination address of either family. */
#define IP_BYTES_MAX 40u

/* Changed and read within SYS_ARCH_PROTECT. `gone` is what was detached last, without its module: a driver's
 * thread that was on its way into the hook goes on to what was there before. */
static struct asc_lwip_netif *hooks;
static struct asc_lwip_netif gone;

/* A frame as it was handed over: a driver may move its pbuf's payload, and need not move it back. */
struct frame {
    const struct pbuf *first;
    const uint8_t *data; /* of the first pbuf */
    uint32_t length;
    uint32_t total;
};

static struct frame frame_of(const struct pbuf *p)
{
    const struct frame frame = {p, p->payload, p->len, p->tot_len};

    return frame;
}

/* --- From pbufs to segments ----------------------------------------------------------------------- */

/* Makes segments of the frame's pbufs, empty ones left out. Returns how many; SEGMENTS + 1 if they do
 * not fit, and 0 for an empty frame. */
static uint32_t segments_of(const struct frame *frame, struct asc_segment segment[SEGMENTS])
{
    const struct pbuf *p = frame->first;
    const uint8_t *data = frame->data;
    uint32_t length = frame->length;
    uint32_t left = frame->total;
    uint32_t n = 0;

    for (;;) {
        length = length < left ? length : left;
        if (length > 0) {
            if (n == SEGMENTS) {
                return SEGMENTS + 1;
            }
            segment[n] = (struct asc_segment){data, length, NULL};
            if (n > 0) {
                segment[n - 1].next = &segment[n];
            }
            n++;
        }
        left -= length;
        p = p->next;
        if (left == 0 || p == NULL) {
            return n;
        }
        data = p->payload;
        length = p->len;
    }
}

/* Copies the frame's first bytes, `size` at most; returns how many. */
static uint32_t copy_start(const struct frame *frame, uint8_t *out, uint32_t size)
{
    const struct pbuf *p = frame->first;
    const uint8_t *data = frame->data;
    uint32_t length = frame->length;
    uint32_t done = 0;

    size = size < frame->total ? size : frame->total;
    while (done < size) {
        const uint32_t n = length < size - done ? length : size - done;

        memcpy(out + done, data, n);
        done += n;
        p = p->next;
        if (p == NULL) {
            break;
        }
        data = p->payload;
        length = p->len;
    }
    return done;
}

/* Returns the first `bytes` bytes of a chain: where they lie, or in `copy`; NULL if there are fewer. */
static const uint8_t *start_of(const struct asc_segment *segment, uint32_t bytes, uint8_t *copy)
{
    if (segment->length >= bytes) {
        return segment->data;
    }
    return asc_packet_pull(segment, copy, bytes) == bytes ? copy : NULL;
}

/* Takes `bytes` bytes, which are there, off the front; returns the segment that is then the first. */
static struct asc_segment *skip(struct asc_segment *segment, uint32_t count, uint32_t bytes)
{
    uint32_t i = 0;

    while (bytes >= segment[i].length && i + 1 < count) {
        bytes -= segment[i].length;
        i++;
    }
    segment[i].data += bytes;
    segment[i].length -= bytes;
    return &segment[i];
}

/* --- What a frame is ------------------------------------------------------------------------------- */

static bool is_ip(uint32_t type)
{
    return type == ETHTYPE_IP || type == ETHTYPE_IPV6;
}

static enum asc_cast ethernet_cast(const uint8_t *to)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return (to[0] & 1) == 0                            ? ASC_UNICAST
        : memcmp(to, broadcast, sizeof broadcast) == 0 ? ASC_BROADCAST
                                                       : ASC_MULTICAST;
}

/* Returns the bytes before the IP header, and how the frame is addressed; 0: it holds no IP packet. */
static uint32_t read_link(const struct asc_segment *segment, enum asc_cast *cast)
{
    uint8_t copy[LINK_BYTES_MAX];
    const uint8_t *link = start_of(segment, ETHERNET_BYTES, copy);
    uint32_t type;

    if (link == NULL) {
        return 0;
    }
    *cast = ethernet_cast(link + ETH_PAD_SIZE);
    type = asc_be16(link + ETHERNET_BYTES - 2);
    if (is_ip(type)) {
        return ETHERNET_BYTES;
    }
    if (type != ETHTYPE_VLAN) {
        return 0;
    }
    link = start_of(segment, LINK_BYTES_MAX, copy);
    return link != NULL && is_ip(asc_be16(link + LINK_BYTES_MAX - 2)) ? LINK_BYTES_MAX : 0;
}

/* --- Whom it is for -------------------------------------------------------------------------------- */

/* Whether a unicast packet is for this device. As for lwIP, any of its netifs may have the address: of
 * those that have a hook, since others may go away meanwhile. */
static bool is_own(struct netif *netif, const uint8_t *header)
{
    bool own = asc_lwip_takes(netif, header);

#if !LWIP_SINGLE_NETIF
    if (!own) {
        SYS_ARCH_DECL_PROTECT(level);

        SYS_ARCH_PROTECT(level);
        for (const struct asc_lwip_netif *hook = hooks; hook != NULL && !own; hook = hook->next) {
            own = asc_lwip_has_address(hook->netif, header);
        }
        SYS_ARCH_UNPROTECT(level);
    }
#endif
    return own;
}

/* Returns whether an incoming packet is for this device; `cast` is how its frame is addressed, and becomes
 * how it is. What is cut off is left to the module. */
static bool is_for_us(struct netif *netif, const struct asc_segment *packet, enum asc_cast *cast)
{
    uint8_t copy[IP_BYTES_MAX];
    const uint8_t *header = start_of(packet, 20u, copy);
    enum asc_cast to;

    if (header != NULL && header[0] >> 4 == 6) {
        header = start_of(packet, IP_BYTES_MAX, copy);
    }
    if (header == NULL) {
        return true;
    }
    to = asc_lwip_cast(netif, header);
    if (to == ASC_UNICAST && !is_own(netif, header)) {
        return false;
    }
    *cast = *cast == ASC_UNICAST ? to : *cast;
    return true;
}

/* --- Counting -------------------------------------------------------------------------------------- */

static void count_segments(const struct asc_lwip_netif *hook, enum asc_direction direction,
    struct asc_segment *segment, uint32_t count)
{
    enum asc_cast cast = ASC_UNICAST;
    const struct asc_segment *packet = segment;

    if (hook->ethernet) {
        const uint32_t bytes = read_link(segment, &cast);

        if (bytes == 0) {
            return;
        }
        packet = skip(segment, count, bytes);
    }
    if (direction == ASC_IN && !is_for_us(hook->netif, packet, &cast)) {
        return;
    }
    asc_module_packet(hook->module, direction, cast, packet);
}

/* The module reads the first ASC_HEADER_BYTES of a packet at most; of the rest its length counts. */
static NOINLINE void count_long(
    const struct asc_lwip_netif *hook, enum asc_direction direction, const struct frame *frame)
{
    uint8_t start[LINK_BYTES_MAX + ASC_HEADER_BYTES];
    const uint32_t length = copy_start(frame, start, sizeof start);
    struct asc_segment segment = {start, length < sizeof start ? length : frame->total, NULL};

    count_segments(hook, direction, &segment, 1);
}

static void count_frame(
    const struct asc_lwip_netif *hook, enum asc_direction direction, const struct frame *frame)
{
    struct asc_segment segment[SEGMENTS];
    uint32_t count = 1;

    if (frame->length == frame->total) {
        segment[0] = (struct asc_segment){frame->data, frame->length, NULL};
    } else {
        count = segments_of(frame, segment);
    }
    if (count > SEGMENTS) {
        count_long(hook, direction, frame);
    } else if (count > 0) {
        count_segments(hook, direction, segment, count);
    }
}

/* --- In the netif's place -------------------------------------------------------------------------- */

/* Copies the netif's hook; all NULL if there is none. A copy, because a driver's thread may be here while
 * the hook is detached. */
static void find(const struct netif *netif, struct asc_lwip_netif *copy)
{
    const struct asc_lwip_netif *hook;
    SYS_ARCH_DECL_PROTECT(level);

    SYS_ARCH_PROTECT(level);
    for (hook = hooks; hook != NULL && hook->netif != netif; hook = hook->next) {
    }
    if (hook == NULL && gone.netif == netif) {
        hook = &gone;
    }
    if (hook != NULL) {
        *copy = *hook;
    } else {
        memset(copy, 0, sizeof *copy);
    }
    SYS_ARCH_UNPROTECT(level);
}

static void count_sent(const struct asc_lwip_netif *hook, err_t result, const struct frame *frame)
{
    if (result == ERR_OK && hook->module != NULL) {
        count_frame(hook, ASC_OUT, frame);
    }
}

static err_t hook_input(struct pbuf *p, struct netif *netif)
{
    struct asc_lwip_netif hook;
    const struct frame frame = frame_of(p);

    find(netif, &hook);
    if (hook.input == NULL) {
        return ERR_IF;
    }
    if (hook.module != NULL) {
        count_frame(&hook, ASC_IN, &frame);
    }
    return hook.input(p, netif);
}

int asc_lwip_ip_input(struct pbuf *p, struct netif *netif)
{
    struct asc_lwip_netif hook;
    const struct frame frame = frame_of(p);

    find(netif, &hook);
    if (hook.input == NULL && hook.module != NULL) {
        count_frame(&hook, ASC_IN, &frame);
    }
    return 0;
}

static err_t hook_linkoutput(struct netif *netif, struct pbuf *p)
{
    struct asc_lwip_netif hook;
    const struct frame frame = frame_of(p);
    err_t result;

    find(netif, &hook);
    if (hook.linkoutput == NULL) {
        return ERR_IF;
    }
    result = hook.linkoutput(netif, p);
    count_sent(&hook, result, &frame);
    return result;
}

#if LWIP_IPV4
static err_t hook_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    struct asc_lwip_netif hook;
    const struct frame frame = frame_of(p);
    err_t result;

    find(netif, &hook);
    if (hook.output == NULL) {
        return ERR_IF;
    }
    result = hook.output(netif, p, to);
    count_sent(&hook, result, &frame);
    return result;
}
#endif

#if LWIP_IPV6
static err_t hook_output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    struct asc_lwip_netif hook;
    const struct frame frame = frame_of(p);
    err_t result;

    find(netif, &hook);
    if (hook.output_ip6 == NULL) {
        return ERR_IF;
    }
    result = hook.output_ip6(netif, p, to);
    count_sent(&hook, result, &frame);
    return result;
}
#endif

/* --- Attaching ------------------------------------------------------------------------------------- */

/* Returns the place of the hook in the list, or of its end. */
static struct asc_lwip_netif **place_of(const struct asc_lwip_netif *hook)
{
    struct asc_lwip_netif **place = &hooks;

    while (*place != NULL && *place != hook) {
        place = &(*place)->next;
    }
    return place;
}

/* Notes what is in place of the functions that the hook wraps. */
static void take_functions(struct asc_lwip_netif *hook, struct netif *netif)
{
    hook->ethernet = (netif->flags & (NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET)) != 0;
    hook->input = netif->input;
    hook->linkoutput = hook->ethernet ? netif->linkoutput : NULL;
#if LWIP_IPV4
    hook->output = hook->ethernet ? NULL : netif->output;
#endif
#if LWIP_IPV6
    hook->output_ip6 = hook->ethernet ? NULL : netif->output_ip6;
#endif
}

static void put_functions(const struct asc_lwip_netif *hook, struct netif *netif)
{
    if (hook->input != NULL) {
        netif->input = hook_input;
    }
    if (hook->linkoutput != NULL) {
        netif->linkoutput = hook_linkoutput;
    }
#if LWIP_IPV4
    if (hook->output != NULL) {
        netif->output = hook_output;
    }
#endif
#if LWIP_IPV6
    if (hook->output_ip6 != NULL) {
        netif->output_ip6 = hook_output_ip6;
    }
#endif
}

static bool functions_in_place(const struct asc_lwip_netif *hook)
{
    const struct netif *netif = hook->netif;
    bool all = (hook->input == NULL || netif->input == hook_input) &&
        (hook->linkoutput == NULL || netif->linkoutput == hook_linkoutput);

#if LWIP_IPV4
    all = all && (hook->output == NULL || netif->output == hook_output);
#endif
#if LWIP_IPV6
    all = all && (hook->output_ip6 == NULL || netif->output_ip6 == hook_output_ip6);
#endif
    return all;
}

static void restore_functions(const struct asc_lwip_netif *hook)
{
    struct netif *netif = hook->netif;

    netif->input = hook->input;
    if (hook->linkoutput != NULL) {
        netif->linkoutput = hook->linkoutput;
    }
#if LWIP_IPV4
    if (hook->output != NULL) {
        netif->output = hook->output;
    }
#endif
#if LWIP_IPV6
    if (hook->output_ip6 != NULL) {
        netif->output_ip6 = hook->output_ip6;
    }
#endif
}

static bool is_added(const struct netif *netif)
{
    const struct netif *each;

    NETIF_FOREACH(each)
    {
        if (each == netif) {
            return true;
        }
    }
    return false;
}

err_t asc_lwip_attach(struct asc_lwip_netif *hook, struct netif *netif, struct asc_module *module)
{
    err_t result = ERR_OK;
    SYS_ARCH_DECL_PROTECT(level);

    if (hook == NULL || netif == NULL || module == NULL) {
        return ERR_ARG;
    }
    SYS_ARCH_PROTECT(level);
    if (*place_of(hook) != NULL) {
        if (hook->netif == netif) {
            hook->module = module;
        } else {
            result = ERR_USE;
        }
    } else {
        for (const struct asc_lwip_netif *each = hooks; each != NULL; each = each->next) {
            if (each->netif == netif) {
                result = ERR_USE;
            }
        }
        if (result == ERR_OK) {
            hook->netif = netif;
            hook->module = module;
            hook->next = hooks;
            take_functions(hook, netif);
            hooks = hook;
            put_functions(hook, netif);
        }
    }
    SYS_ARCH_UNPROTECT(level);
    return result;
}

bool asc_lwip_detach(struct asc_lwip_netif *hook)
{
    struct asc_lwip_netif **place;
    bool out = true;
    SYS_ARCH_DECL_PROTECT(level);

    SYS_ARCH_PROTECT(level);
    place = place_of(hook);
    if (*place != NULL) {
        hook->module = NULL;
        if (functions_in_place(hook)) {
            restore_functions(hook);
        } else {
            out = !is_added(hook->netif);
        }
        if (out) {
            *place = hook->next;
            gone = *hook;
        }
    }
    SYS_ARCH_UNPROTECT(level);
    return out;
}
