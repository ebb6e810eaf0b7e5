/* SPDX-License-Identifier: MIT */
/* The hooks in a netif: which frames count and how, however they are cut, and who else wraps the netif. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"
#include "tests/lwip/lwip_frame.h"

#define UNICAST_ONLY ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY

/* A netif whose driver and stack are played. */
struct card {
    struct netif netif;
    unsigned received;
    unsigned sent;
    err_t answer;
    bool moves; /* the driver takes the link header off its pbuf and leaves it so */
};

static struct asc_module module;
static struct device_port port;

static err_t card_input(struct pbuf *p, struct netif *netif)
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

static err_t card_linkoutput(struct netif *netif, struct pbuf *p)
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

static err_t card_init_ethernet(struct netif *netif)
{
    netif->linkoutput = card_linkoutput;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

static err_t card_init_bare(struct netif *netif)
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

/* Adds a netif with the address 10.0.0.1/24. */
static void card_add(struct card *card, netif_init_fn init)
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
    netif_set_default(&card->netif);
}

static int setup(void **state)
{
    const struct asc_settings settings = device_settings();

    (void)state;
    memset(&port, 0, sizeof port);
    device_start(&module, &port, &settings);
    return 0;
}

/* --- Giving frames ------------------------------------------------------------------------------ */

enum outcome {
    PASSED_BY, /* not given to the module */
    COUNTED,
    IGNORED,
    MALFORMED,
    OVERFLOWED
};

static enum outcome outcome_since(const struct asc_counters *before)
{
    const struct asc_counters now = asc_module_counters(&module);
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

/* Passes a frame, cut in pieces, through the netif; returns what the module made of it. */
static enum outcome pass(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, const size_t *piece, size_t count)
{
    const struct asc_counters before = asc_module_counters(&module);
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
    return outcome_since(&before);
}

static enum outcome pass_whole(struct card *card, enum asc_direction direction, int version,
    const uint8_t *bytes, size_t length)
{
    return pass(card, direction, version, bytes, &length, 1);
}

/* --- The frames --------------------------------------------------------------------------------- */

struct frame_case {
    const char *name;
    enum frame_link link;
    enum frame_to to;
    struct device_packet packet;
    bool group6; /* an IPv6 destination that is a group */
    enum outcome in;
    enum outcome out;
};

#define GROUP (UNICAST_ONLY ? IGNORED : COUNTED)

#define V4_TO(destination_, protocol_) \
    4, .protocol = (protocol_), .source = 0x0a000002, .destination = (destination_)
#define V4(protocol_) V4_TO(0x0a000001, protocol_)
#define V6_FROM(source_, protocol_) \
    6, .protocol = (protocol_), .source = (source_), .destination = 1
#define V6(protocol_) V6_FROM(2, protocol_)
/* Ports make each case its own flow. */
#define FLOW(port_) .source_port = (port_), .destination_port = 80

static const struct frame_case cases[] = {
    {"tcp", FRAME_PLAIN, FRAME_TO_HOST, {V4(6), FLOW(1), .data_bytes = 5}, false, COUNTED, COUNTED},
    {"udp", FRAME_PLAIN, FRAME_TO_HOST, {V4(17), FLOW(2), .data_bytes = 9}, false, COUNTED,
        COUNTED},
    {"icmp", FRAME_PLAIN, FRAME_TO_HOST, {V4(1), .data_bytes = 11}, false, COUNTED, COUNTED},
    {"options", FRAME_PLAIN, FRAME_TO_HOST, {V4(6), FLOW(3), .option_words = 10}, false, COUNTED,
        COUNTED},
    {"igmp", FRAME_PLAIN, FRAME_TO_HOST, {V4(2), .data_bytes = 8}, false, IGNORED, IGNORED},
    {"tcp in a vlan", FRAME_VLAN, FRAME_TO_HOST, {V4(6), FLOW(4), .data_bytes = 3}, false, COUNTED,
        COUNTED},
    {"more than the module reads", FRAME_VLAN, FRAME_TO_HOST, {V4(6), FLOW(15), .data_bytes = 300},
        false, COUNTED, COUNTED},
    {"tcp6", FRAME_PLAIN, FRAME_TO_HOST, {V6(6), FLOW(5), .data_bytes = 5}, false, COUNTED,
        COUNTED},
    {"udp6 in a vlan", FRAME_VLAN, FRAME_TO_HOST, {V6(17), FLOW(6)}, false, COUNTED, COUNTED},
    {"icmp6", FRAME_PLAIN, FRAME_TO_HOST, {V6(58), .data_bytes = 16}, false, COUNTED, COUNTED},
    {"icmp6 behind hop-by-hop", FRAME_PLAIN, FRAME_TO_HOST,
        {V6_FROM(3, 58), .data_bytes = 16, .extension = {{0, 8}}}, false, COUNTED, COUNTED},
    {"whole, with a fragment header", FRAME_PLAIN, FRAME_TO_HOST,
        {V6(6), FLOW(7), .fragment_header = true}, false, COUNTED, COUNTED},
    {"arp", FRAME_ARP, FRAME_TO_ALL, {V4(6), FLOW(8)}, false, PASSED_BY, PASSED_BY},
    {"arp in a vlan", FRAME_VLAN_ARP, FRAME_TO_ALL, {V4(6), FLOW(8)}, false, PASSED_BY, PASSED_BY},
    {"two tags", FRAME_QINQ, FRAME_TO_HOST, {V4(6), FLOW(8)}, false, PASSED_BY, PASSED_BY},
    {"broadcast", FRAME_PLAIN, FRAME_TO_ALL, {V4(17), FLOW(9)}, false, GROUP, COUNTED},
    {"multicast", FRAME_PLAIN, FRAME_TO_GROUP, {V4(17), FLOW(10)}, false, GROUP, COUNTED},
    {"multicast in a vlan", FRAME_VLAN, FRAME_TO_GROUP, {V6(17), FLOW(11)}, false, GROUP, COUNTED},
    {"to all in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST, {V4_TO(0xffffffff, 17), FLOW(12)},
        false, GROUP, COUNTED},
    {"to the subnet in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST,
        {V4_TO(0x0a0000ff, 17), FLOW(13)}, false, GROUP, COUNTED},
    {"to a group in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST,
        {V4_TO(0xe00000fb, 17), FLOW(14)}, false, GROUP, COUNTED},
    {"to a group of ipv6 in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST, {V6(58)}, true, GROUP,
        COUNTED},
};

#define CASES (sizeof cases / sizeof cases[0])

static bool version_in_build(int version)
{
    return version == 4 ? LWIP_IPV4 : LWIP_IPV6;
}

/* Writes the frame to `out`; returns its length, and where the packet begins. */
static size_t build(uint8_t *out, const struct frame_case *c, enum frame_link link, size_t *packet)
{
    *packet = frame_link(out, link, c->to, c->packet.version);
    const size_t length = *packet + device_packet_build(out + *packet, &c->packet);

    if (c->group6) {
        out[*packet + 24] = 0xff;
    }
    return length;
}

static uint32_t ip_payload(const struct frame_case *c)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    const size_t length = device_packet_build(bytes, &c->packet);

    return (uint32_t)length - (c->packet.version == 4 ? 20u + 4u * c->packet.option_words : 40u);
}

/* How often each case has passed, by direction. */
static unsigned passes[CASES][2];

static void expect(struct card *card, size_t i, enum asc_direction direction, const uint8_t *bytes,
    const size_t *piece, size_t count)
{
    const enum outcome want = direction == ASC_IN ? cases[i].in : cases[i].out;
    const enum outcome outcome =
        pass(card, direction, cases[i].packet.version, bytes, piece, count);

    if (outcome != want) {
        print_error("%s, %s, %zu pieces, the first of %zu: outcome %d\n", cases[i].name,
            direction == ASC_IN ? "in" : "out", count, piece[0], (int)outcome);
    }
    assert_int_equal(outcome, want);
    passes[i][direction] += want == COUNTED;
}

static bool same_flow(const struct check_flow *flow, const struct frame_case *c)
{
    const uint8_t protocol = c->packet.protocol == 6 ? 0 : c->packet.protocol == 17 ? 1 : 2;

    return flow->ipv6 == (c->packet.version == 6) && flow->protocol == protocol;
}

/* Sums the bytes of all flows of one family and protocol, in the messages since the start. */
static void sum_messages(const struct frame_case *c, uint64_t bytes[2])
{
    static struct check_message message;

    bytes[ASC_IN] = bytes[ASC_OUT] = 0;
    assert_true(port.sent <= DEVICE_SENT_MAX);
    for (unsigned i = 0; i < port.sent; i++) {
        assert_null(check_message(port.message[i].bytes, port.message[i].length, &message));
        for (unsigned j = 0; j < message.flows; j++) {
            if (same_flow(&message.flow[j], c)) {
                bytes[ASC_IN] += message.flow[j].bytes_in;
                bytes[ASC_OUT] += message.flow[j].bytes_out;
            }
        }
    }
}

/* Compares the messages' bytes with those that passed. */
static void check_bytes(void)
{
    device_pass(&module, &port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_true(port.sent > 0);
    for (size_t i = 0; i < CASES; i++) {
        const struct check_flow like = {.ipv6 = cases[i].packet.version == 6,
            .protocol = cases[i].packet.protocol == 6 ? 0
                : cases[i].packet.protocol == 17      ? 1
                                                      : 2};
        uint64_t want[2] = {0, 0};
        uint64_t bytes[2];

        for (size_t j = 0; j < CASES; j++) {
            if (same_flow(&like, &cases[j])) {
                want[ASC_IN] += (uint64_t)passes[j][ASC_IN] * ip_payload(&cases[j]);
                want[ASC_OUT] += (uint64_t)passes[j][ASC_OUT] * ip_payload(&cases[j]);
            }
        }
        sum_messages(&cases[i], bytes);
        assert_int_equal(bytes[ASC_IN], want[ASC_IN]);
        assert_int_equal(bytes[ASC_OUT], want[ASC_OUT]);
    }
}

/* Passes the frame in one piece, in two cut at every byte, in three, and in pieces of one byte and of a
 * few, with empty ones among them. */
static void pass_in_pieces(
    struct card *card, size_t i, enum asc_direction direction, const uint8_t *bytes, size_t length)
{
    size_t piece[DEVICE_PACKET_MAX];

    piece[0] = length;
    expect(card, i, direction, bytes, piece, 1);
    for (size_t cut = 0; cut <= length; cut++) {
        piece[0] = cut;
        piece[1] = length - cut;
        expect(card, i, direction, bytes, piece, 2);
        piece[1] = (length - cut) / 2;
        piece[2] = length - cut - piece[1];
        expect(card, i, direction, bytes, piece, 3);
    }
    for (size_t size = 1; size <= 40; size += 3) {
        size_t count = 0;

        for (size_t left = length; left > 0; left -= piece[count - 1]) {
            if (count % 6 == 5) {
                piece[count++] = 0;
            }
            piece[count++] = left < size ? left : size;
        }
        expect(card, i, direction, bytes, piece, count);
    }
}

/* Cases whose link header matters are for Ethernet only. */
static bool has_link(const struct frame_case *c)
{
    return c->link != FRAME_PLAIN || c->to != FRAME_TO_HOST;
}

static void pass_all(struct card *card, bool ethernet)
{
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;

    memset(passes, 0, sizeof passes);
    for (size_t i = 0; i < CASES; i++) {
        const enum frame_link link = ethernet ? cases[i].link : FRAME_BARE;

        if (version_in_build(cases[i].packet.version) && (ethernet || !has_link(&cases[i]))) {
            const size_t length = build(bytes, &cases[i], link, &packet);

            pass_in_pieces(card, i, ASC_IN, bytes, length);
            pass_in_pieces(card, i, ASC_OUT, bytes, length);
        }
    }
    check_bytes();
}

static void test_capture__ethernet_frames_in_any_pieces(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    pass_all(&card, true);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__bare_packets_in_any_pieces(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_bare);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    pass_all(&card, false);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* What a frame that was cut to `length` bytes must come to. */
static enum outcome short_outcome(size_t length, size_t packet, size_t whole)
{
    return length < packet ? PASSED_BY : length < whole ? MALFORMED : COUNTED;
}

static void test_capture__short_frames(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    for (size_t i = 0; i < CASES; i++) {
        size_t packet;
        const size_t whole = build(bytes, &cases[i], cases[i].link, &packet);

        if (cases[i].in != COUNTED || !version_in_build(cases[i].packet.version)) {
            continue;
        }
        for (size_t length = 0; length <= whole; length++) {
            for (size_t cut = 0; cut <= length; cut += 1 + length / 8) {
                const size_t piece[2] = {cut, length - cut};

                for (enum asc_direction d = ASC_IN; d <= ASC_OUT; d++) {
                    assert_int_equal(pass(&card, d, cases[i].packet.version, bytes, piece, 2),
                        short_outcome(length, packet, whole));
                }
            }
        }
    }
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* Ethernet fills a frame up to 60 bytes; lwIP gets the filling with it. */
static void test_capture__filling_is_not_payload(void **state)
{
    static const struct frame_case small = {
        "small", FRAME_PLAIN, FRAME_TO_HOST, {V4(17), FLOW(1)}, false, COUNTED, COUNTED};
    static struct check_message message;
    struct card card;
    struct asc_lwip_netif hook;
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_true(build(bytes, &small, FRAME_PLAIN, &packet) < 60);
    assert_int_equal(pass_whole(&card, ASC_IN, 4, bytes, 60 + ETH_PAD_SIZE), COUNTED);
    device_pass(&module, &port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_null(check_message(port.message[0].bytes, port.message[0].length, &message));
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].bytes_in, 8);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__fragments_join_their_flow(void **state)
{
    static const struct frame_case fragments[] = {
        {"first", FRAME_PLAIN, FRAME_TO_HOST,
            {V4(17), FLOW(1), .data_bytes = 8, .identification = 7, .more = true}, false, COUNTED,
            COUNTED},
        {"second", FRAME_VLAN, FRAME_TO_HOST,
            {V4(17), .data_bytes = 24, .identification = 7, .offset = 16, .more = true}, false,
            COUNTED, COUNTED},
        {"last", FRAME_PLAIN, FRAME_TO_HOST,
            {V4(17), .data_bytes = 3, .identification = 7, .offset = 40}, false, COUNTED, COUNTED},
        {"of a datagram that was not seen", FRAME_PLAIN, FRAME_TO_HOST,
            {V4(17), .data_bytes = 3, .identification = 8, .offset = 40}, false, OVERFLOWED,
            OVERFLOWED}};
    static struct check_message message;
    struct card card;
    struct asc_lwip_netif hook;
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    for (size_t i = 0; i < sizeof fragments / sizeof fragments[0]; i++) {
        const size_t length = build(bytes, &fragments[i], fragments[i].link, &packet);

        assert_int_equal(pass_whole(&card, ASC_IN, 4, bytes, length), fragments[i].in);
    }
    device_pass(&module, &port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_null(check_message(port.message[0].bytes, port.message[0].length, &message));
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].bytes_in, 16 + 24 + 3);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* --- Drivers ------------------------------------------------------------------------------------ */

/* Frames that count. */
static const struct frame_case plain = {"plain", FRAME_PLAIN, FRAME_TO_HOST,
    {V4(6), FLOW(1), .data_bytes = 5}, false, COUNTED, COUNTED};
static const struct frame_case plain6 = {"plain6", FRAME_PLAIN, FRAME_TO_HOST,
    {V6(6), FLOW(1), .data_bytes = 5}, false, COUNTED, COUNTED};

static enum outcome pass_plain(struct card *card, enum asc_direction direction)
{
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    const bool ethernet = (card->netif.flags & NETIF_FLAG_ETHERNET) != 0;
    const struct frame_case *frame = LWIP_IPV4 ? &plain : &plain6;
    size_t packet;
    const size_t length = build(bytes, frame, ethernet ? FRAME_PLAIN : FRAME_BARE, &packet);

    return pass_whole(card, direction, frame->packet.version, bytes, length);
}

/* A pbuf behind the end of a frame, as in a queue of frames, is none of its bytes. */
static void test_capture__a_frame_ends_with_its_length(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;
    const size_t length = build(bytes, LWIP_IPV4 ? &plain : &plain6, FRAME_PLAIN, &packet);
    const size_t piece[] = {length - 1, 1};
    struct asc_counters before;
    struct pbuf *p;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    p = frame_chain(bytes, piece, 2);
    before = asc_module_counters(&module);
    assert_int_equal(card.netif.linkoutput(&card.netif, p), ERR_OK);
    assert_int_equal(outcome_since(&before), COUNTED);
    p->tot_len = p->len;
    before = asc_module_counters(&module);
    assert_int_equal(card.netif.linkoutput(&card.netif, p), ERR_OK);
    assert_int_equal(outcome_since(&before), MALFORMED);
    pbuf_free(p);
    frame_release();
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__a_refused_frame_did_not_leave(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    card.answer = ERR_MEM;
    assert_int_equal(pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED); /* it did come */
    card.answer = ERR_OK;
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__a_driver_may_move_its_pbuf(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    card.moves = true;
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* Gives a packet to the hook in IP. */
static enum outcome pass_ip(struct card *card)
{
    const struct asc_counters before = asc_module_counters(&module);
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;
    const size_t length = build(bytes, LWIP_IPV4 ? &plain : &plain6, FRAME_BARE, &packet);
    struct pbuf *p = frame_chain(bytes, &length, 1);

#ifdef LWIP_HOOK_IP4_INPUT
    /* Through lwIP, which then finds nobody who wants the packet. */
#if LWIP_IPV4
    assert_int_equal(ip4_input(p, &card->netif), ERR_OK);
#else
    assert_int_equal(ip6_input(p, &card->netif), ERR_OK);
#endif
#else
    assert_int_equal(asc_lwip_ip_input(p, &card->netif), 0);
    pbuf_free(p);
#endif
    frame_release();
    return outcome_since(&before);
}

/* As lwIP's PPP, which hands packets to IP itself. */
static void test_capture__a_netif_without_input_keeps_none(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_bare);
    card.netif.input = NULL;
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_null(card.netif.input);
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(pass_ip(&card), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    assert_null(card.netif.input);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    netif_remove(&card.netif);
}

static void test_capture__the_hook_in_ip_counts_nothing_twice(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_bare);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* --- Attaching ---------------------------------------------------------------------------------- */

static void test_capture__nulls_are_refused(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(NULL, &card.netif, &module), ERR_ARG);
    assert_int_equal(asc_lwip_attach(&hook, NULL, &module), ERR_ARG);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, NULL), ERR_ARG);
    assert_ptr_equal(card.netif.input, card_input);
    assert_true(asc_lwip_detach(&hook)); /* was never attached, and is not even initialised */
    netif_remove(&card.netif);
}

static void test_capture__attached_twice_counts_once(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    struct asc_lwip_netif other;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(asc_lwip_attach(&other, &card.netif, &module), ERR_USE);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&other));
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    assert_true(asc_lwip_detach(&hook));
    assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY);
    netif_remove(&card.netif);
}

static void test_capture__all_is_as_before_when_detached(void **state)
{
    static const netif_init_fn init[] = {card_init_ethernet, card_init_bare};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct card card;
        struct card before;
        struct asc_lwip_netif hook;

        card_add(&card, init[i]);
        memcpy(&before, &card, sizeof card);
        assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
        assert_memory_not_equal(&before, &card, sizeof card);
        assert_true(asc_lwip_detach(&hook));
        assert_memory_equal(&before, &card, sizeof card);
        memset(&hook, 0xa5, sizeof hook);
        assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY);
        assert_int_equal(pass_plain(&card, ASC_OUT), PASSED_BY);
        netif_remove(&card.netif);
    }
}

#if !LWIP_SINGLE_NETIF
/* Two netifs, detached in either order. */
static void test_capture__two_netifs(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        struct card card[2];
        struct asc_lwip_netif hook[2];

        card_add(&card[0], card_init_ethernet);
        card_add(&card[1], card_init_bare);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(asc_lwip_attach(&hook[i], &card[i].netif, &module), ERR_OK);
        }
        assert_int_equal(asc_lwip_attach(&hook[0], &card[1].netif, &module), ERR_USE);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(pass_plain(&card[i], ASC_IN), COUNTED);
            assert_int_equal(pass_plain(&card[i], ASC_OUT), COUNTED);
        }
        assert_true(asc_lwip_detach(&hook[first]));
        memset(&hook[first], 0xa5, sizeof hook[first]);
        assert_int_equal(pass_plain(&card[first], ASC_IN), PASSED_BY);
        assert_int_equal(pass_plain(&card[1 - first], ASC_IN), COUNTED);
        assert_true(asc_lwip_detach(&hook[1 - first]));
        assert_int_equal(pass_plain(&card[1 - first], ASC_OUT), PASSED_BY);
        netif_remove(&card[0].netif);
        netif_remove(&card[1].netif);
    }
}
#endif

/* Another program part that wraps the netif's functions above the port's. */
static netif_input_fn input_below;
static netif_linkoutput_fn linkoutput_below;
static unsigned wrapped_calls;

static err_t wrapper_input(struct pbuf *p, struct netif *netif)
{
    wrapped_calls++;
    return input_below(p, netif);
}

static err_t wrapper_linkoutput(struct netif *netif, struct pbuf *p)
{
    wrapped_calls++;
    return linkoutput_below(netif, p);
}

static void wrap(struct netif *netif)
{
    input_below = netif->input;
    linkoutput_below = netif->linkoutput;
    netif->input = wrapper_input;
    netif->linkoutput = wrapper_linkoutput;
    wrapped_calls = 0;
}

static void test_capture__someone_wraps_above(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    wrap(&card.netif);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_false(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, wrapper_input);
    assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(wrapped_calls, 5);
    assert_false(asc_lwip_detach(&hook));
    card.netif.input = input_below;
    assert_false(asc_lwip_detach(&hook)); /* linkoutput is still wrapped */
    card.netif.linkoutput = linkoutput_below;
    assert_true(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, card_input);
    assert_ptr_equal(card.netif.linkoutput, card_linkoutput);
    netif_remove(&card.netif);
}

static void test_capture__someone_has_wrapped_below(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    wrap(&card.netif);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(wrapped_calls, 2);
    assert_true(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, wrapper_input);
    netif_remove(&card.netif);
}

/* A driver's thread that was on its way into the hook when it was detached. */
static void test_capture__who_comes_late_passes(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    netif_input_fn late;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    late = card.netif.input;
    assert_true(asc_lwip_detach(&hook));
    memset(&hook, 0xa5, sizeof hook);
    card.netif.input = late;
    assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(card.received, 1);
    netif_remove(&card.netif);
}

static void test_capture__the_netif_was_removed_and_comes_again(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    wrap(&card.netif);
    netif_remove(&card.netif);
    assert_true(asc_lwip_detach(&hook));
    assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY); /* a driver that has not heard of it */
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    assert_int_equal(pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__a_disabled_module_costs_no_frame(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &module), ERR_OK);
    asc_module_disable(&module);
    assert_int_equal(pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(card.received, 1);
    assert_int_equal(card.sent, 1);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_capture__ethernet_frames_in_any_pieces, setup),
        cmocka_unit_test_setup(test_capture__bare_packets_in_any_pieces, setup),
        cmocka_unit_test_setup(test_capture__short_frames, setup),
        cmocka_unit_test_setup(test_capture__filling_is_not_payload, setup),
        cmocka_unit_test_setup(test_capture__fragments_join_their_flow, setup),
        cmocka_unit_test_setup(test_capture__a_frame_ends_with_its_length, setup),
        cmocka_unit_test_setup(test_capture__a_refused_frame_did_not_leave, setup),
        cmocka_unit_test_setup(test_capture__a_driver_may_move_its_pbuf, setup),
        cmocka_unit_test_setup(test_capture__a_netif_without_input_keeps_none, setup),
        cmocka_unit_test_setup(test_capture__the_hook_in_ip_counts_nothing_twice, setup),
        cmocka_unit_test_setup(test_capture__nulls_are_refused, setup),
        cmocka_unit_test_setup(test_capture__attached_twice_counts_once, setup),
        cmocka_unit_test_setup(test_capture__all_is_as_before_when_detached, setup),
#if !LWIP_SINGLE_NETIF
        cmocka_unit_test_setup(test_capture__two_netifs, setup),
#endif
        cmocka_unit_test_setup(test_capture__someone_wraps_above, setup),
        cmocka_unit_test_setup(test_capture__someone_has_wrapped_below, setup),
        cmocka_unit_test_setup(test_capture__who_comes_late_passes, setup),
        cmocka_unit_test_setup(test_capture__the_netif_was_removed_and_comes_again, setup),
        cmocka_unit_test_setup(test_capture__a_disabled_module_costs_no_frame, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
