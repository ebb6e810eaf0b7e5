/* SPDX-License-Identifier: MIT */
/* The hooks in a netif: which frames count and how, however they are cut, and whatever the driver does. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "tests/device/message_check.h"
#include "tests/lwip/lwip_card.h"

#define UNICAST_ONLY ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY
#define GROUP        (UNICAST_ONLY ? IGNORED : COUNTED)

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
    {"to another host in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST,
        {V4_TO(0x0a000009, 17), FLOW(16), .option_words = 1}, false, OTHERS4, COUNTED},
    {"to another host in a frame to all", FRAME_VLAN, FRAME_TO_ALL,
        {V4_TO(0x0a000009, 6), FLOW(17)}, false, IP_FORWARD ? GROUP : PASSED_BY, COUNTED},
    {"to another host of ipv6 in a frame to the host", FRAME_PLAIN, FRAME_TO_HOST,
        {V6_TO(9, 17), FLOW(18), .extension = {{0, 8}}}, false, OTHERS6, COUNTED},
};

#define CASES (sizeof cases / sizeof cases[0])

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
        card_pass(card, direction, cases[i].packet.version, bytes, piece, count);

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
    assert_true(card_port.sent <= DEVICE_SENT_MAX);
    for (unsigned i = 0; i < card_port.sent; i++) {
        assert_null(
            check_message(card_port.message[i].bytes, card_port.message[i].length, &message));
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
    device_pass(&card_module, &card_port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_true(card_port.sent > 0);
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

        if (card_version_in_build(cases[i].packet.version) && (ethernet || !has_link(&cases[i]))) {
            const size_t length = card_build(bytes, &cases[i], link, &packet);

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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    for (size_t i = 0; i < CASES; i++) {
        size_t packet;
        const size_t whole = card_build(bytes, &cases[i], cases[i].link, &packet);

        if (cases[i].in != COUNTED || !card_version_in_build(cases[i].packet.version)) {
            continue;
        }
        for (size_t length = 0; length <= whole; length++) {
            for (size_t cut = 0; cut <= length; cut += 1 + length / 8) {
                const size_t piece[2] = {cut, length - cut};

                for (enum asc_direction d = ASC_IN; d <= ASC_OUT; d++) {
                    assert_int_equal(card_pass(&card, d, cases[i].packet.version, bytes, piece, 2),
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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_true(card_build(bytes, &small, FRAME_PLAIN, &packet) < 60);
    assert_int_equal(card_pass_whole(&card, ASC_IN, 4, bytes, 60 + ETH_PAD_SIZE), COUNTED);
    device_pass(&card_module, &card_port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_null(check_message(card_port.message[0].bytes, card_port.message[0].length, &message));
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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    for (size_t i = 0; i < sizeof fragments / sizeof fragments[0]; i++) {
        const size_t length = card_build(bytes, &fragments[i], fragments[i].link, &packet);

        assert_int_equal(card_pass_whole(&card, ASC_IN, 4, bytes, length), fragments[i].in);
    }
    device_pass(&card_module, &card_port, 1000 * ASC_LOW_PRIORITY_INTERVAL);
    assert_null(check_message(card_port.message[0].bytes, card_port.message[0].length, &message));
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].bytes_in, 16 + 24 + 3);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

/* --- Drivers ------------------------------------------------------------------------------------ */

/* A pbuf behind the end of a frame, as in a queue of frames, is none of its bytes. */
static void test_capture__a_frame_ends_with_its_length(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;
    const size_t length = card_build(bytes, card_plain(), FRAME_PLAIN, &packet);
    const size_t piece[] = {length - 1, 1};
    struct asc_counters before;
    struct pbuf *p;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    p = frame_chain(bytes, piece, 2);
    before = asc_module_counters(&card_module);
    assert_int_equal(card.netif.linkoutput(&card.netif, p), ERR_OK);
    assert_int_equal(card_outcome_since(&before), COUNTED);
    p->tot_len = p->len;
    before = asc_module_counters(&card_module);
    assert_int_equal(card.netif.linkoutput(&card.netif, p), ERR_OK);
    assert_int_equal(card_outcome_since(&before), MALFORMED);
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
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    card.answer = ERR_MEM;
    assert_int_equal(card_pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED); /* it did come */
    card.answer = ERR_OK;
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_capture__a_driver_may_move_its_pbuf(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    card.moves = true;
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_capture__ethernet_frames_in_any_pieces, card_setup),
        cmocka_unit_test_setup(test_capture__bare_packets_in_any_pieces, card_setup),
        cmocka_unit_test_setup(test_capture__short_frames, card_setup),
        cmocka_unit_test_setup(test_capture__filling_is_not_payload, card_setup),
        cmocka_unit_test_setup(test_capture__fragments_join_their_flow, card_setup),
        cmocka_unit_test_setup(test_capture__a_frame_ends_with_its_length, card_setup),
        cmocka_unit_test_setup(test_capture__a_refused_frame_did_not_leave, card_setup),
        cmocka_unit_test_setup(test_capture__a_driver_may_move_its_pbuf, card_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
