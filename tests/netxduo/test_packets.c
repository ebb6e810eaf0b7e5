/* SPDX-License-Identifier: MIT */
/* Packets on their way through the stack: each is counted once, whole, and where it belongs. */

#include <setjmp.h>
#include <stdarg.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

#define IN  NX_IP_PACKET_IN
#define OUT NX_IP_PACKET_OUT

static uint8_t bytes[DEVICE_PACKET_MAX];

static const struct check_flow *only_flow(void)
{
    assert_int_equal(fixture_collect(), 1);
    return &fx.flow[0];
}

static void test_netxduo_packets__both_ways_are_one_flow(void **state)
{
    const struct check_flow *flow;
    uint32_t in = 0, out = 0;

    (void)state;
    for (uint16_t i = 0; i < 10; i++) {
        out += fixture_pass_udp(OUT, 443, i);
        in += fixture_pass_udp(IN, 443, (uint16_t)(100 * i));
    }
    assert_int_equal(fixture_counted().packets_counted, 20);
    flow = only_flow();
    assert_int_equal(flow->remote_port, 443);
    assert_int_equal(flow->local_port, 5000);
    assert_int_equal(flow->protocol, 1);
    assert_int_equal(flow->bytes_in, in);
    assert_int_equal(flow->bytes_out, out);
    assert_memory_equal(flow->local, "\x0a\0\0\x01", 4);
    assert_memory_equal(flow->remote, "\xc6\x33\x64\x07", 4);
}

/* A driver may cut a packet anywhere. `build` may lie about nothing: the flow must come out the same. */
static void assert_splits(size_t length, uint32_t payload)
{
    for (size_t first = 1; first <= length; first++) {
        for (size_t piece = 1; piece <= length; piece += piece < 64 ? 9 : length / 3) {
            const struct check_flow *flow;

            fixture_mark();
            assert_true(sim_pass(&fx.ip, IN, bytes, length, first, piece));
            assert_int_equal(fixture_counted().packets_counted, 1);
            if (first % 32 == 1 && piece == 1) {
                flow = only_flow();
                assert_int_equal(flow->remote_port, 5683);
                assert_int_equal(flow->bytes_in % payload, 0);
            }
        }
    }
}

static void test_netxduo_packets__ipv4_in_a_chain_cut_at_every_byte(void **state)
{
    const struct device_packet packet = {.version = 4,
        .protocol = 6,
        .source = REMOTE,
        .destination = OURS,
        .source_port = 5683,
        .destination_port = 80,
        .option_words = 2,
        .data_bytes = 60};
    const size_t length = device_packet_build(bytes, &packet);

    (void)state;
    assert_splits(length, (uint32_t)length - 28);
}

static void test_netxduo_packets__ipv6_in_a_chain_cut_at_every_byte(void **state)
{
    const struct device_packet packet = {.version = 6,
        .protocol = 17,
        .source = REMOTE,
        .destination = OURS,
        .source_port = 5683,
        .destination_port = 80,
        .data_bytes = 60,
        .extension = {{0, 16}, {60, 8}}};
    const size_t length = device_packet_build(bytes, &packet);

    (void)state;
    assert_splits(length, (uint32_t)length - 40);
}

/* More packets in a chain than are given where they lie. */
static void test_netxduo_packets__long_chains_are_counted_whole(void **state)
{
    const struct device_packet packet = {.version = 4,
        .protocol = 17,
        .source = REMOTE,
        .destination = OURS,
        .source_port = 7,
        .destination_port = 8,
        .data_bytes = 3000};
    const size_t length = device_packet_build(bytes, &packet);

    (void)state;
    for (size_t piece = 3; piece < 1600; piece = piece * 3 / 2) {
        fixture_mark();
        assert_true(sim_pass(&fx.ip, IN, bytes, length, 0, piece));
        assert_true(sim_pass(&fx.ip, OUT, bytes, length, 0, piece));
        assert_int_equal(fixture_counted().packets_counted, 2);
        assert_int_equal(fixture_counted().packets_malformed, 0);
        /* A byte less than the header claims. */
        assert_true(sim_pass(&fx.ip, IN, bytes, length - 1, 0, piece));
        assert_int_equal(fixture_counted().packets_malformed, 1);
    }
}

/* Ethernet pads short frames; the driver may leave the padding in. */
static void test_netxduo_packets__padding_is_not_payload(void **state)
{
    const struct device_packet packet = {.version = 4,
        .protocol = 17,
        .source = REMOTE,
        .destination = OURS,
        .source_port = 7,
        .destination_port = 8,
        .data_bytes = 1};
    const size_t length = device_packet_build(bytes, &packet);

    (void)state;
    memset(bytes + length, 0, 46 - length);
    assert_true(sim_pass(&fx.ip, IN, bytes, 46, 0, 0));
    assert_int_equal(only_flow()->bytes_in, 9);
}

/* Whatever is cut short, by how much, in one packet or in a chain: read to its end and no further. */
static void test_netxduo_fault__short_packets_are_malformed(void **state)
{
    const struct device_packet packets[] = {
        {.version = 4, .protocol = 6, .source = REMOTE, .destination = OURS, .option_words = 10},
        {.version = 6, .protocol = 6, .source = REMOTE, .destination = OURS, .extension = {{0, 8}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        const size_t length = device_packet_build(bytes, &packets[i]);

        fixture_mark();
        for (size_t present = 1; present < length; present++) {
            assert_true(sim_pass(&fx.ip, IN, bytes, present, 0, 0));
            assert_true(sim_pass(&fx.ip, IN, bytes, present, 0, 1));
            assert_true(sim_pass(&fx.ip, OUT, bytes, present, 0, 7));
        }
        assert_int_equal(fixture_counted().packets_malformed, 3 * (length - 1));
        assert_int_equal(fixture_counted().packets_counted, 0);
    }
    /* Nothing at all. */
    fixture_mark();
    assert_true(sim_pass(&fx.ip, IN, bytes, 0, 0, 0));
    assert_true(sim_pass(&fx.ip, OUT, bytes, 0, 0, 0));
    assert_int_equal(fixture_counted().packets_malformed, 2);
}

/* The old module did not count these when they came in. */
static void test_netxduo_fault__incoming_icmpv6_and_hop_by_hop_are_counted(void **state)
{
    struct device_packet packet = {
        .version = 6, .protocol = 58, .source = REMOTE, .destination = OURS, .data_bytes = 8};
    uint32_t payload;

    (void)state;
    payload = fixture_pass(IN, &packet);
    packet.extension[0].bytes = 8; /* hop-by-hop */
    payload += fixture_pass(IN, &packet);
    assert_int_equal(fixture_counted().packets_counted, 2);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.flow[0].protocol, 2);
    assert_int_equal(fx.flow[0].bytes_in, payload);
    packet.protocol = 17;
    packet.source_port = 546;
    packet.destination_port = 547;
    payload = fixture_pass(IN, &packet);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.flow[0].remote_port, 546);
    assert_int_equal(fx.flow[0].bytes_in, payload);
}

/* The old module counted a datagram in fragments as its first fragment. */
static void test_netxduo_fault__a_datagram_in_fragments_is_counted_whole(void **state)
{
    (void)state;
    for (int version = 4; version <= 6; version += 2) {
        uint32_t payload = 0;

        for (uint16_t offset = 0; offset < 3000; offset = (uint16_t)(offset + 1000)) {
            const struct device_packet packet = {.version = version,
                .protocol = 17,
                .source = REMOTE,
                .destination = OURS,
                .source_port = 1000,
                .destination_port = 2000,
                .identification = 77,
                .offset = offset,
                .more = offset < 2000,
                .data_bytes = offset == 0 ? 992 : 1000};

            payload += fixture_pass(IN, &packet);
        }
        assert_int_equal(fixture_collect(), 1);
        assert_int_equal(fx.flow[0].ipv6, version == 6);
        assert_int_equal(fx.flow[0].remote_port, 1000);
        assert_int_equal(fx.flow[0].bytes_in, payload);
    }
}

/* --- Whom it is for ----------------------------------------------------------------------------- */

static void put32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

enum whom {
    UNICAST,
    SEVERAL,
    OTHERS
};

static void assert_whom(enum whom whom, size_t length)
{
    const bool all = !ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY;
    const unsigned counted = whom == UNICAST || (whom == SEVERAL && all);

    for (size_t piece = 0; piece <= 41; piece++) {
        fixture_mark();
        assert_true(sim_pass(&fx.ip, IN, bytes, length, 0, piece));
        assert_int_equal(fixture_counted().packets_counted, counted);
        assert_int_equal(fixture_counted().packets_ignored, whom == SEVERAL && !all);
        assert_int_equal(fixture_counted().packets_overflowed, 0);
        assert_int_equal(fixture_counted().packets_malformed, 0);
    }
}

static void test_netxduo_cast__ipv4_is_judged_by_its_destination(void **state)
{
    static const struct {
        uint32_t address;
        uint32_t mask;
        uint32_t destination;
        enum whom whom;
    } cases[] = {
        {OURS, 0xffffff00, OURS, UNICAST},
        {OURS, 0xffffff00, 0x0a0000ff, SEVERAL},
        {OURS, 0xffffff00, 0xffffffff, SEVERAL},
        {OURS, 0xffffff00, 0xe00000fb, SEVERAL},
        {OURS, 0xffffff00, 0xefffffff, SEVERAL},
        {OURS, 0xffffff00, 0x0a000002, OTHERS},
        {OURS, 0xffffff00, 0x0a0001ff, OTHERS}, /* another network's broadcast */
        {OURS, 0xffff0000, 0x0a0001ff, OTHERS},
        {OURS, 0xffff0000, 0x0a00ffff, SEVERAL},
        {OURS, 0xffffff00, 0x7f000001, UNICAST},
        {OURS, 0xffffff00, 0, UNICAST},
        {OURS, 0xffffffff, OURS, UNICAST},
        {OURS, 0xffffffff, 0x0a000002, OTHERS},
        {0, 0, 0x0a000002, UNICAST}, /* DHCP: an offer to the address to come */
        {0, 0, 0xffffffff, SEVERAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct device_packet packet = {.version = 4,
            .protocol = 17,
            .source = REMOTE,
            .destination = cases[i].destination,
            .source_port = 67,
            .destination_port = 68,
            .data_bytes = 30};

        fx.ip.nx_ip_interface[0].nx_interface_ip_address = cases[i].address;
        fx.ip.nx_ip_interface[0].nx_interface_ip_network_mask = cases[i].mask;
        assert_whom(cases[i].whom, device_packet_build(bytes, &packet));
        (void)fixture_collect();
    }
}

static void test_netxduo_cast__ipv6_is_judged_by_its_destination(void **state)
{
    static const struct {
        uint32_t destination[4];
        enum whom whom;
    } cases[] = {
        {{0x20010db8, 0, 0, OURS}, UNICAST},
        {{0xfe800000, 0, 0, 1}, UNICAST},
        {{0xff020000, 0, 0, 1}, SEVERAL},
        {{0xff020000, 0, 1, 0xff000001}, SEVERAL},
        {{0x20010db8, 0, 0, OURS + 1}, OTHERS},
        {{0x20010db8, 1, 0, OURS}, OTHERS},
    };
    static const uint32_t link_local[] = {0xfe800000, 0, 0, 1};
    static NXD_IPV6_ADDRESS second;
    const struct device_packet packet = {.version = 6,
        .protocol = 17,
        .source = REMOTE,
        .destination = OURS,
        .source_port = 67,
        .destination_port = 68,
        .data_bytes = 30};

    (void)state;
    sim_ip_address6(&fx.ip, &second, link_local);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t length = device_packet_build(bytes, &packet);

        for (unsigned word = 0; word < 4; word++) {
            put32(bytes + 24 + 4 * word, cases[i].destination[word]);
        }
        assert_whom(cases[i].whom, length);
        (void)fixture_collect();
    }
}

static void test_netxduo_cast__outgoing_is_counted_whoever_it_is_for(void **state)
{
    static const uint32_t destinations[] = {0xffffffff, 0xe00000fb, 0x0a0000ff, REMOTE};

    (void)state;
    for (size_t i = 0; i < sizeof destinations / sizeof destinations[0]; i++) {
        const struct device_packet packet = {.version = 4,
            .protocol = 17,
            .source = OURS,
            .destination = destinations[i],
            .source_port = 68,
            .destination_port = 67};

        (void)fixture_pass(OUT, &packet);
    }
    assert_int_equal(fixture_counted().packets_counted, 4);
    assert_int_equal(fixture_collect(), 4);
}

/* --- Many ---------------------------------------------------------------------------------------- */

/* With such traffic the old module made a message that did not fit, and its thread never came back. */
static void test_netxduo_fault__traffic_of_every_shape_is_reported_and_the_thread_returns(
    void **state)
{
    static const uint8_t protocols[] = {6, 17, 1, 58};
    uint64_t seed = 88172645463325252u;
    uint32_t in = 0, out = 0, in_told = 0, out_told = 0;
    unsigned passed = 0;

    (void)state;
    for (unsigned i = 0; i < 120; i++) {
        const bool incoming = device_random(&seed) % 2 == 0;
        const uint32_t remote = device_random(&seed) % 4 == 0 ? 0 : REMOTE + i;
        struct device_packet packet = {.version = i % 2 == 0 ? 4 : 6};

        packet.protocol = protocols[device_random(&seed) % 4];
        packet.source = incoming ? remote : OURS;
        packet.destination = incoming ? OURS : remote;
        packet.source_port = (uint16_t)(device_random(&seed) % 2);
        packet.destination_port = (uint16_t)(device_random(&seed) % 2);
        packet.data_bytes = (uint16_t)(device_random(&seed) % 3);
        if ((packet.version == 4) == (packet.protocol == 58)) {
            packet.protocol = packet.version == 4 ? 1 : 58;
        }
        *(incoming ? &in : &out) += fixture_pass(incoming ? IN : OUT, &packet);
        passed++;
    }
    assert_int_equal(fixture_counted().packets_counted, passed);
    assert_in_range(fixture_collect(), 60, 120);
    for (unsigned i = 0; i < fx.flows; i++) {
        in_told += fx.flow[i].bytes_in;
        out_told += fx.flow[i].bytes_out;
    }
    assert_int_equal(in_told, in);
    assert_int_equal(out_told, out);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_netxduo_packets__both_ways_are_one_flow),
        WITH(test_netxduo_packets__ipv4_in_a_chain_cut_at_every_byte),
        WITH(test_netxduo_packets__ipv6_in_a_chain_cut_at_every_byte),
        WITH(test_netxduo_packets__long_chains_are_counted_whole),
        WITH(test_netxduo_packets__padding_is_not_payload),
        WITH(test_netxduo_fault__short_packets_are_malformed),
        WITH(test_netxduo_fault__incoming_icmpv6_and_hop_by_hop_are_counted),
        WITH(test_netxduo_fault__a_datagram_in_fragments_is_counted_whole),
        WITH(test_netxduo_cast__ipv4_is_judged_by_its_destination),
        WITH(test_netxduo_cast__ipv6_is_judged_by_its_destination),
        WITH(test_netxduo_cast__outgoing_is_counted_whoever_it_is_for),
        WITH(test_netxduo_fault__traffic_of_every_shape_is_reported_and_the_thread_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
