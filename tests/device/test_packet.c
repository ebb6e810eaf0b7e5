/* SPDX-License-Identifier: MIT */
/* Tests of the packet parser: what is read, what is malformed, and never a byte too far. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_packet.h"
#include "tests/device/device_test.h"

#define A 0x0a000001u
#define B 0xc0000202u

struct packet_case {
    const char *name;
    struct device_packet packet;
    enum asc_verdict verdict;
    enum asc_protocol protocol; /* of a flow */
};

#define V4(p) .version = 4, .protocol = (p), .source = A, .destination = B
#define V6(p) .version = 6, .protocol = (p), .source = A, .destination = B
#define PORTS .source_port = 49152, .destination_port = 443

static const struct packet_case cases[] = {
    {"tcp", {V4(6), PORTS, .data_bytes = 100}, ASC_PACKET_FLOW, ASC_PROTOCOL_TCP},
    {"tcp, no data", {V4(6), PORTS}, ASC_PACKET_FLOW, ASC_PROTOCOL_TCP},
    {"udp", {V4(17), PORTS, .data_bytes = 9}, ASC_PACKET_FLOW, ASC_PROTOCOL_UDP},
    {"icmp", {V4(1), .data_bytes = 56}, ASC_PACKET_FLOW, ASC_PROTOCOL_ICMP},
    {"longest options", {V4(6), PORTS, .option_words = 10}, ASC_PACKET_FLOW, ASC_PROTOCOL_TCP},
    {"igmp", {V4(2), .data_bytes = 8}, ASC_PACKET_IGNORED, 0},
    {"icmpv6 in ipv4", {V4(58)}, ASC_PACKET_IGNORED, 0},
    {"first fragment", {V4(17), PORTS, .data_bytes = 1472, .identification = 7, .more = true},
        ASC_PACKET_FLOW, ASC_PROTOCOL_UDP},
    {"middle fragment",
        {V4(17), .data_bytes = 1480, .identification = 7, .offset = 1480, .more = true},
        ASC_PACKET_FRAGMENT, 0},
    {"last fragment", {V4(6), .data_bytes = 3, .identification = 7, .offset = 2960},
        ASC_PACKET_FRAGMENT, 0},
    {"empty last fragment", {V4(6), .identification = 7, .offset = 2960}, ASC_PACKET_FRAGMENT, 0},
    {"fragment of icmp", {V4(1), .data_bytes = 30, .identification = 7, .offset = 1480},
        ASC_PACKET_FLOW, ASC_PROTOCOL_ICMP},
    {"fragment of igmp", {V4(2), .data_bytes = 30, .offset = 1480}, ASC_PACKET_IGNORED, 0},
    {"tcp over ipv6", {V6(6), PORTS, .data_bytes = 50}, ASC_PACKET_FLOW, ASC_PROTOCOL_TCP},
    {"udp over ipv6", {V6(17), PORTS}, ASC_PACKET_FLOW, ASC_PROTOCOL_UDP},
    {"icmpv6", {V6(58), .data_bytes = 24}, ASC_PACKET_FLOW, ASC_PROTOCOL_ICMP},
    {"icmp in ipv6", {V6(1)}, ASC_PACKET_IGNORED, 0},
    {"no next header", {V6(59), .data_bytes = 4}, ASC_PACKET_IGNORED, 0},
    {"esp", {V6(50), .data_bytes = 40}, ASC_PACKET_IGNORED, 0},
    {"hop by hop", {V6(58), .data_bytes = 20, .extension = {{0, 8}}}, ASC_PACKET_FLOW,
        ASC_PROTOCOL_ICMP},
    {"every extension",
        {V6(6), PORTS, .data_bytes = 5,
            .extension = {{0, 8}, {60, 16}, {43, 24}, {51, 24}, {60, 8}}, .fragment_header = true},
        ASC_PACKET_FLOW, ASC_PROTOCOL_TCP},
    {"as many extensions as allowed",
        {V6(17), PORTS,
            .extension = {{0, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}}},
        ASC_PACKET_FLOW, ASC_PROTOCOL_UDP},
    {"one extension too many",
        {V6(17), PORTS,
            .extension = {{0, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8}, {60, 8},
                {60, 8}}},
        ASC_PACKET_UNKNOWN, 0},
    {"headers deeper than read", {V6(17), PORTS, .extension = {{60, 248}}}, ASC_PACKET_UNKNOWN, 0},
    {"ipv6 first fragment",
        {V6(17), PORTS, .data_bytes = 1000, .identification = 0xdeadbeef, .more = true},
        ASC_PACKET_FLOW, ASC_PROTOCOL_UDP},
    {"ipv6 last fragment", {V6(17), .data_bytes = 10, .identification = 0xdeadbeef, .offset = 1008},
        ASC_PACKET_FRAGMENT, 0},
    {"ipv6 fragment of an extension", {V6(60), .data_bytes = 16, .offset = 1008},
        ASC_PACKET_FRAGMENT, 0},
    {"ipv6 fragment of icmpv6", {V6(58), .data_bytes = 16, .offset = 1008}, ASC_PACKET_FLOW,
        ASC_PROTOCOL_ICMP},
    {"ipv6 fragment of esp", {V6(50), .data_bytes = 16, .offset = 1008}, ASC_PACKET_IGNORED, 0},
    {"whole, with a fragment header", {V6(6), PORTS, .fragment_header = true}, ASC_PACKET_FLOW,
        ASC_PROTOCOL_TCP},
};

#define CASES (sizeof cases / sizeof cases[0])

/* Parses bytes from an allocation of their very length, which AddressSanitizer guards. */
static enum asc_verdict parse(
    const uint8_t *data, size_t length, uint32_t present, struct asc_packet *packet)
{
    const size_t view = length < ASC_HEADER_BYTES ? length : ASC_HEADER_BYTES;
    uint8_t *copy = malloc(view > 0 ? view : 1);
    enum asc_verdict verdict;

    assert_non_null(copy);
    memcpy(copy, data, view);
    memset(packet, 0, sizeof *packet);
    verdict = asc_packet_parse(copy, (uint32_t)view, present, packet);
    free(copy);
    packet->header = NULL;
    return verdict;
}

static bool has_ports(const struct device_packet *packet)
{
    return (packet->protocol == 6 || packet->protocol == 17) && packet->offset == 0;
}

static void test_packet__verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct device_packet *built = &cases[i].packet;
        const size_t header = built->version == 4 ? 20u + 4u * built->option_words : 40u;
        uint8_t bytes[DEVICE_PACKET_MAX];
        struct asc_packet packet;
        const size_t length = device_packet_build(bytes, built);
        const enum asc_verdict verdict = parse(bytes, length, (uint32_t)length, &packet);
        uint8_t ports[4];

        if (verdict != cases[i].verdict) {
            fail_msg("%s: verdict %d, not %d", cases[i].name, verdict, cases[i].verdict);
        }
        assert_int_equal(packet.bytes, length - header);
        assert_int_equal(packet.ipv6, built->version == 6);
        if (verdict == ASC_PACKET_FLOW) {
            memcpy(ports, &packet.ports, sizeof ports);
            assert_int_equal(packet.protocol, cases[i].protocol);
            assert_int_equal(asc_be16(ports), has_ports(built) ? built->source_port : 0);
            assert_int_equal(asc_be16(ports + 2), has_ports(built) ? built->destination_port : 0);
            assert_int_equal(packet.first_fragment, built->more && built->offset == 0);
        }
        if (verdict == ASC_PACKET_FRAGMENT || packet.first_fragment) {
            assert_int_equal(packet.identification, built->identification);
        }
    }
}

/* A packet of which the end is missing: at every length, with a guard right behind it. */
static void test_packet__truncated_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        uint8_t bytes[DEVICE_PACKET_MAX];
        struct asc_packet packet;
        const size_t length = device_packet_build(bytes, &cases[i].packet);

        for (size_t n = 0; n < length; n++) {
            if (parse(bytes, n, (uint32_t)n, &packet) != ASC_PACKET_MALFORMED) {
                fail_msg("%s: %zu of %zu bytes are taken for whole", cases[i].name, n, length);
            }
        }
        assert_int_equal(parse(bytes, length, (uint32_t)length, &packet), cases[i].verdict);
        assert_int_equal(parse(bytes, length, (uint32_t)length + 6, &packet), cases[i].verdict);
    }
}

static void set_length(uint8_t *bytes, size_t length)
{
    const size_t value = bytes[0] >> 4 == 4 ? length : length - 40;
    uint8_t *field = bytes + (bytes[0] >> 4 == 4 ? 2 : 4);

    field[0] = (uint8_t)(value >> 8);
    field[1] = (uint8_t)value;
}

/* A packet that claims to be shorter than its headers are, and is. */
static void test_packet__claims_less_than_its_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct device_packet *built = &cases[i].packet;
        const size_t fixed = built->version == 4 ? 20u + 4u * built->option_words : 40u;
        uint8_t bytes[DEVICE_PACKET_MAX];
        struct asc_packet packet;
        const size_t whole = device_packet_build(bytes, built);
        const size_t headers = whole - (built->offset == 0 ? built->data_bytes : 0);

        if (cases[i].verdict != ASC_PACKET_FLOW || built->offset != 0 || built->protocol == 58 ||
            built->protocol == 1 || built->more) {
            continue;
        }
        for (size_t n = fixed; n < headers; n++) {
            set_length(bytes, n);
            if (parse(bytes, n, (uint32_t)n, &packet) != ASC_PACKET_MALFORMED) {
                fail_msg("%s: claims %zu bytes, needs %zu", cases[i].name, n, headers);
            }
        }
    }
}

static void test_packet__lying_fields(void **state)
{
    static const struct {
        const char *name;
        struct device_packet packet;
        size_t at;
        uint8_t value;
    } lies[] = {
        {"version 0", {V4(6), PORTS}, 0, 0x05},
        {"version 5", {V4(6), PORTS}, 0, 0x55},
        {"version 15", {V4(6), PORTS}, 0, 0xf5},
        {"header length 0", {V4(6), PORTS}, 0, 0x40},
        {"header length 16", {V4(6), PORTS}, 0, 0x44},
        {"header longer than the packet", {V4(1)}, 0, 0x4f},
        {"total length 0", {V4(6), PORTS}, 3, 0},
        {"total length below the header", {V4(6), PORTS}, 3, 19},
        {"total length above what is there", {V4(6), PORTS}, 2, 0xff},
        {"tcp header of 16 bytes", {V4(6), PORTS}, 32, 0x40},
        {"tcp header longer than the packet", {V4(6), PORTS}, 32, 0x60},
        {"udp length 7", {V4(17), PORTS}, 25, 7},
        {"udp length above the payload", {V4(17), PORTS}, 25, 9},
        {"ipv6 payload above what is there", {V6(6), PORTS}, 4, 1},
        {"extension longer than the packet", {V6(17), PORTS, .extension = {{0, 8}}}, 41, 3},
        {"authentication header longer than the packet", {V6(17), PORTS, .extension = {{51, 12}}},
            41, 255},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t bytes[DEVICE_PACKET_MAX];
        struct asc_packet packet;
        const size_t length = device_packet_build(bytes, &lies[i].packet);

        bytes[lies[i].at] = lies[i].value;
        if (parse(bytes, length, (uint32_t)length, &packet) != ASC_PACKET_MALFORMED) {
            fail_msg("%s is not malformed", lies[i].name);
        }
    }
}

/* Gives a packet as a chain: segments of the lengths in `cut`, repeated, each in its own allocation. */
static void give_chain(
    struct asc_module *m, const uint8_t *data, size_t length, const size_t *cut, size_t cuts)
{
    static struct asc_segment segments[2 * DEVICE_PACKET_MAX];
    static uint8_t *copies[2 * DEVICE_PACKET_MAX];
    size_t count = 0;

    for (size_t at = 0; at < length || count == 0; count++) {
        const size_t wanted = cut[count % cuts];
        const size_t part = wanted < length - at ? wanted : length - at;
        uint8_t *copy = malloc(part > 0 ? part : 1);

        assert_non_null(copy);
        memcpy(copy, data + at, part);
        copies[count] = copy;
        segments[count] = (struct asc_segment){copy, (uint32_t)part, NULL};
        if (count > 0) {
            segments[count - 1].next = &segments[count];
        }
        at += part;
    }
    asc_module_packet(m, ASC_IN, ASC_UNICAST, segments);
    for (size_t i = 0; i < count; i++) {
        free(copies[i]);
    }
}

/* Whatever the segments, a packet is counted as in one piece. */
static void test_packet__split_anywhere(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port_a;
    static struct device_port port_b;
    static struct asc_module whole;
    static struct asc_module split;

    (void)state;
    device_start(&whole, &port_a, &settings);
    device_start(&split, &port_b, &settings);
    for (size_t i = 0; i < CASES; i++) {
        uint8_t bytes[DEVICE_PACKET_MAX];
        const size_t length = device_packet_build(bytes, &cases[i].packet);
        const size_t last = length < 300 ? length : 300;

        for (size_t n = 0; n <= last; n++) {
            const size_t cut[] = {n, length};

            device_give(&whole, ASC_IN, bytes, length);
            give_chain(&split, bytes, length, cut, 2);
        }
        if (length < ASC_SEGMENTS_MAX) {
            const size_t cut[] = {1, 0};

            device_give(&whole, ASC_IN, bytes, length);
            give_chain(&split, bytes, length, cut, length < ASC_SEGMENTS_MAX / 2 ? 2 : 1);
        }
        assert_memory_equal(&whole.network, &split.network, sizeof whole.network);
        assert_memory_equal(whole.since, split.since, sizeof whole.since);
        assert_true(asc_module_counters(&whole).packets_counted ==
            asc_module_counters(&split).packets_counted);
    }
    assert_true(asc_module_counters(&whole).packets_counted > 1000);
    assert_true(whole.since[ASC_MALFORMED] == 0);
}

/* A packet in more segments than any stack makes is malformed, and the walk along them ends. */
static void test_packet__endless_chain(void **state)
{
    const struct asc_settings settings = device_settings();
    const uint8_t byte = 0x45;
    struct asc_segment circle = {&byte, 0, NULL};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    circle.next = &circle;
    asc_module_packet(&m, ASC_IN, ASC_UNICAST, &circle);
    assert_int_equal(asc_module_counters(&m).packets_malformed, 1);
}

static void test_packet__casts(void **state)
{
    static const struct {
        enum asc_direction direction;
        enum asc_cast cast;
        bool counted;
    } rows[] = {
        {ASC_IN, ASC_UNICAST, true},
        {ASC_IN, ASC_BROADCAST, false},
        {ASC_IN, ASC_MULTICAST, false},
        {ASC_OUT, ASC_UNICAST, true},
        {ASC_OUT, ASC_BROADCAST, true},
        {ASC_OUT, ASC_MULTICAST, true},
    };
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;
    uint8_t bytes[DEVICE_PACKET_MAX];
    const size_t length = device_packet_build(bytes, &cases[0].packet);
    const struct asc_segment segment = {bytes, (uint32_t)length, NULL};

    (void)state;
    device_start(&m, &port, &settings);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint32_t before = asc_module_counters(&m).packets_counted;

        asc_module_packet(&m, rows[i].direction, rows[i].cast, &segment);
        assert_int_equal(asc_module_counters(&m).packets_counted - before, rows[i].counted);
    }
    assert_int_equal(asc_module_counters(&m).packets_ignored, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packet__verdicts),
        cmocka_unit_test(test_packet__truncated_at_every_length),
        cmocka_unit_test(test_packet__claims_less_than_its_headers),
        cmocka_unit_test(test_packet__lying_fields),
        cmocka_unit_test(test_packet__split_anywhere),
        cmocka_unit_test(test_packet__endless_chain),
        cmocka_unit_test(test_packet__casts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
