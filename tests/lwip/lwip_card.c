/* SPDX-License-Identifier: MIT */
/* The played netif of the lwIP port's unit tests. */

#include "tests/lwip/lwip_card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"

struct asc_module card_module;
struct device_port card_port;

err_t card_input(struct pbuf *p, struct netif *netif)
{
    struct card *card = netif->state;

    card->received++;
    if (card->answer == ERR_OK) {
        pbuf_free(p);
    }
    return card->answer;
}

static err_t card_send(struct card *card, struct pbuf *p)
{
    card->sent++;
    if (card->moves) {
        pbuf_remove_header(p, SIZEOF_ETH_HDR);
    }
    return card->answer;
}

err_t card_linkoutput(struct netif *netif, struct pbuf *p)
{
    return card_send(netif->state, p);
}

#if LWIP_IPV4
static err_t card_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return card_send(netif->state, p);
}
#endif

#if LWIP_IPV6
static err_t card_output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)to;
    return card_send(netif->state, p);
}
#endif

err_t card_init_ethernet(struct netif *netif)
{
    netif->linkoutput = card_linkoutput;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

err_t card_init_bare(struct netif *netif)
{
#if LWIP_IPV4
    netif->output = card_output;
#endif
#if LWIP_IPV6
    netif->output_ip6 = card_output_ip6;
#endif
    netif->flags = NETIF_FLAG_BROADCAST;
    netif->mtu = 1500;
    return ERR_OK;
}

#if LWIP_IPV6
void card_address6(struct card *card, s8_t i, uint32_t last_word, u8_t state)
{
    ip6_addr_t address;

    IP6_ADDR(&address, lwip_htonl(0x20010db8), 0, 0, lwip_htonl(last_word));
    netif_ip6_addr_set(&card->netif, i, &address);
    netif_ip6_addr_set_state(&card->netif, i, state);
}
#endif

void card_add(struct card *card, netif_init_fn init)
{
    memset(card, 0, sizeof *card);
#if LWIP_IPV4
    ip4_addr_t address, mask, router;

    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&router, 10, 0, 0, 254);
    assert_non_null(netif_add(&card->netif, &address, &mask, &router, card, init, card_input));
#else
    assert_non_null(netif_add(&card->netif, card, init, card_input));
#endif
#if LWIP_IPV6
    card_address6(card, 0, 1, IP6_ADDR_PREFERRED);
#endif
    netif_set_default(&card->netif);
}

int card_setup(void **state)
{
    const struct asc_settings settings = device_settings();

    (void)state;
    memset(&card_port, 0, sizeof card_port);
    device_start(&card_module, &card_port, &settings);
    return 0;
}

/* --- Giving frames ------------------------------------------------------------------------------ */

enum outcome card_outcome_since(const struct asc_counters *before)
{
    const struct asc_counters now = asc_module_counters(&card_module);
    const uint32_t seen = asc_counters_packets_seen(&now) - asc_counters_packets_seen(before);

    assert_true(seen <= 1);
    return now.packets_counted != before->packets_counted      ? COUNTED
        : now.packets_ignored != before->packets_ignored       ? IGNORED
        : now.packets_malformed != before->packets_malformed   ? MALFORMED
        : now.packets_overflowed != before->packets_overflowed ? OVERFLOWED
                                                               : PASSED_BY;
}

static err_t send_out(struct card *card, struct pbuf *p, int version)
{
    if (card->netif.linkoutput != NULL) {
        return card->netif.linkoutput(&card->netif, p);
    }
#if LWIP_IPV6
    if (version == 6) {
        static const ip6_addr_t to;

        return card->netif.output_ip6(&card->netif, p, &to);
    }
#endif
#if LWIP_IPV4
    {
        const ip4_addr_t to = {0};

        (void)version;
        return card->netif.output(&card->netif, p, &to);
    }
#else
    return ERR_IF;
#endif
}

enum outcome card_pass(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, const size_t *piece, size_t count)
{
    const struct asc_counters before = asc_module_counters(&card_module);
    struct pbuf *p = frame_chain(bytes, piece, count);
    const unsigned calls = card->received + card->sent;
    err_t answer;

    if (direction == ASC_IN) {
        answer = card->netif.input(p, &card->netif);
    } else {
        answer = send_out(card, p, version);
    }
    assert_int_equal(answer, card->answer);
    assert_int_equal(card->received + card->sent, calls + 1);
    if (direction == ASC_OUT || answer != ERR_OK) {
        pbuf_free(p);
    }
    frame_release();
    return card_outcome_since(&before);
}

enum outcome card_pass_whole(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, size_t length)
{
    return card_pass(card, direction, version, bytes, &length, 1);
}

/* --- The frames --------------------------------------------------------------------------------- */

bool card_version_in_build(int version)
{
    return version == 4 ? LWIP_IPV4 : LWIP_IPV6;
}

size_t card_build(uint8_t *out, const struct frame_case *c, enum frame_link link, size_t *packet)
{
    *packet = frame_link(out, link, c->to, c->packet.version);
    const size_t length = *packet + device_packet_build(out + *packet, &c->packet);

    if (c->group6) {
        out[*packet + 24] = 0xff;
    }
    return length;
}

/* Frames that count. */
static const struct frame_case frame4 = {"plain", FRAME_PLAIN, FRAME_TO_HOST,
    {V4(6), FLOW(1), .data_bytes = 5}, false, COUNTED, COUNTED};
static const struct frame_case frame6 = {"plain6", FRAME_PLAIN, FRAME_TO_HOST,
    {V6(6), FLOW(1), .data_bytes = 5}, false, COUNTED, COUNTED};

const struct frame_case *card_plain(void)
{
    return LWIP_IPV4 ? &frame4 : &frame6;
}

enum outcome card_pass_plain(struct card *card, enum asc_direction direction)
{
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    const bool ethernet = (card->netif.flags & NETIF_FLAG_ETHERNET) != 0;
    const struct frame_case *frame = card_plain();
    size_t packet;
    const size_t length = card_build(bytes, frame, ethernet ? FRAME_PLAIN : FRAME_BARE, &packet);

    return card_pass_whole(card, direction, frame->packet.version, bytes, length);
}
