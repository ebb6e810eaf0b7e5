/* SPDX-License-Identifier: MIT */
/* Any bytes as frames in any pbufs: through a netif's hook they count as the packet in them does by itself. */

#include <string.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "lwip/ip4_addr.h"
#include "tests/device/device_test.h"
#include "tests/lwip/lwip_frame.h"

#define PIECES_MAX  32
#define FRAMES_MAX  256
#define FRAME_BYTES 2048

/* One module gets what the hook makes of a frame, the other the packet that this file finds in it. */
static struct device_port hooked_port;
static struct device_port direct_port;
static struct asc_module hooked;
static struct asc_module direct;

static err_t take_in(struct pbuf *p, struct netif *netif)
{
    (void)netif;
    pbuf_free(p);
    return ERR_OK;
}

static err_t take_frame(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    (void)p;
    return ERR_OK;
}

static err_t take_packet(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return take_frame(netif, p);
}

static err_t init_ethernet(struct netif *netif)
{
    netif->linkoutput = take_frame;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

static err_t init_bare(struct netif *netif)
{
    netif->output = take_packet;
    netif->flags = NETIF_FLAG_BROADCAST;
    return ERR_OK;
}

static void start(struct asc_module *m, struct device_port *port)
{
    const struct asc_settings settings = device_settings();

    memset(port, 0, sizeof *port);
    memset(m, 0, sizeof *m);
    device_start(m, port, &settings); /* both ports have one seed: both modules have one key */
}

/* The bytes before the packet; the frame's length and more if there is no packet. */
static size_t packet_at(const uint8_t *frame, size_t length)
{
    size_t at = 14;

    if (length >= 18 && frame[12] == 0x81 && frame[13] == 0) {
        at = 18;
    }
    if (length < at) {
        return length + 1;
    }
    return (frame[at - 2] == 8 && frame[at - 1] == 0) ||
            (frame[at - 2] == 0x86 && frame[at - 1] == 0xdd)
        ? at
        : length + 1;
}

/* The netif is 10.0.0.1/24. */
static bool to_group(const uint8_t *packet, size_t length)
{
    if (length >= 40 && packet[0] >> 4 == 6) {
        return packet[24] == 0xff;
    }
    if (length < 20 || packet[0] >> 4 != 4) {
        return false;
    }
    return packet[16] >> 4 == 14 || memcmp(packet + 16, "\xff\xff\xff\xff", 4) == 0 ||
        memcmp(packet + 16, "\0\0\0\0", 4) == 0 || memcmp(packet + 16, "\x0a\0\0\xff", 4) == 0;
}

/* Gives the packet in a frame to the other module. */
static void give_directly(
    bool ethernet, enum asc_direction direction, const uint8_t *frame, size_t length)
{
    const size_t at = ethernet ? packet_at(frame, length) : 0;
    struct asc_segment segment;
    uint8_t *copy;
    bool group;

    if (at > length) {
        return;
    }
    copy = malloc(length - at > 0 ? length - at : 1);
    require(copy != NULL, "out of memory");
    memcpy(copy, frame + at, length - at);
    segment = (struct asc_segment){copy, (uint32_t)(length - at), NULL};
    group = (ethernet && (frame[0] & 1) != 0) || to_group(copy, length - at);
    asc_module_packet(&direct, direction, group ? ASC_MULTICAST : ASC_UNICAST, &segment);
    free(copy);
}

/* Passes a frame through the netif, in pieces whose lengths the input says. */
static void pass(struct netif *netif, enum asc_direction direction, struct input *in, unsigned cuts,
    const uint8_t *frame, size_t length)
{
    size_t piece[PIECES_MAX];
    size_t left = length;
    struct pbuf *p;

    for (unsigned i = 0; i < cuts; i++) {
        const size_t wanted = next_byte(in);

        piece[i] = wanted < left ? wanted : left;
        left -= piece[i];
    }
    piece[cuts] = left;
    p = frame_chain(frame, piece, cuts + 1);
    if (direction == ASC_IN) {
        require(netif->input(p, netif) == ERR_OK, "a frame is refused");
    } else {
        const ip4_addr_t nobody = {0};

        require((netif->linkoutput != NULL ? netif->linkoutput(netif, p)
                                           : netif->output(netif, p, &nobody)) == ERR_OK,
            "a frame is refused");
        pbuf_free(p);
    }
    frame_release();
}

/* Direction and number of cuts, the cuts, the length in two bytes, the frame. False at the input's end. */
static bool pass_next(struct netif *netif, bool ethernet, struct input *in)
{
    const uint8_t flags = next_byte(in);
    const enum asc_direction direction = (flags & 1) != 0 ? ASC_OUT : ASC_IN;
    const unsigned cuts = (flags >> 1) % PIECES_MAX;
    struct input cut_bytes = *in;
    uint8_t frame[FRAME_BYTES];
    size_t length = 0;

    for (unsigned i = 0; i < cuts; i++) {
        (void)next_byte(in);
    }
    length = next_byte(in) % (FRAME_BYTES / 256) * 256u;
    length += next_byte(in);
    if (in->at == in->end) {
        return false;
    }
    length = length < (size_t)(in->end - in->at) ? length : (size_t)(in->end - in->at);
    memcpy(frame, in->at, length);
    in->at += length;
    pass(netif, direction, &cut_bytes, cuts, frame, length);
    give_directly(ethernet, direction, frame, length);
    return true;
}

static void check(void)
{
    const struct asc_counters a = asc_module_counters(&hooked);
    const struct asc_counters b = asc_module_counters(&direct);

    require(a.packets_ignored == b.packets_ignored, "other packets are left out");
    require(a.packets_malformed == b.packets_malformed, "other packets are malformed");
    require(a.packets_overflowed == b.packets_overflowed, "other packets overflow");
    require(a.packets_counted == b.packets_counted, "other packets are counted");
    require(memcmp(&hooked.network, &direct.network, sizeof hooked.network) == 0,
        "the flows are not the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct input in = {data, data + length};
    const bool ethernet = (next_byte(&in) & 1) == 0;
    struct asc_lwip_netif hook;
    struct netif netif;
    ip4_addr_t address, mask, router;

    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&router, 10, 0, 0, 254);
    memset(&netif, 0, sizeof netif);
    start(&hooked, &hooked_port);
    start(&direct, &direct_port);
    require(netif_add(&netif, &address, &mask, &router, NULL, ethernet ? init_ethernet : init_bare,
                take_in) != NULL,
        "no netif");
    require(asc_lwip_attach(&hook, &netif, &hooked) == ERR_OK, "it cannot be attached");
    for (unsigned i = 0; i < FRAMES_MAX && pass_next(&netif, ethernet, &in); i++) {
    }
    check();
    require(asc_lwip_detach(&hook), "it cannot be detached");
    netif_remove(&netif);
    return 0;
}
