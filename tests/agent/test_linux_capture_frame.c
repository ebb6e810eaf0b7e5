/* SPDX-License-Identifier: MIT */
/* Tests of frames as the kernel may hand them over: tags, super-packets, and headers that lie. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture_frame.h"

/* What the sink got. */
struct got {
    unsigned packets;
    uint32_t bytes;   /* of all, as they are there */
    uint32_t claimed; /* by their IP headers */
    uint32_t udp;     /* by their UDP headers */
    uint32_t first, last;
    enum asc_direction direction;
    enum asc_cast cast;
};

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)(p[0] << 8 | p[1]);
}

static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    struct got *g = context;
    const uint8_t *data = packet->data;
    uint32_t length = 0;

    for (const struct asc_segment *s = packet; s != NULL; s = s->next) {
        for (uint32_t i = 0; i < s->length; i++) {
            g->udp += s->data[i] & 0u; /* so that each byte is read */
        }
        length += s->length;
    }
    if (packet->length >= 28 && data[0] >> 4 == 4) {
        g->claimed += be16(data + 2);
        g->udp += data[9] == IPPROTO_UDP ? be16(data + 24) : 0;
    } else if (packet->length >= 48 && data[0] >> 4 == 6) {
        g->claimed += 40 + be16(data + 4);
        g->udp += data[6] == IPPROTO_UDP ? be16(data + 44) : 0;
    }
    g->first = g->packets == 0 ? length : g->first;
    g->last = length;
    g->bytes += length;
    g->packets++;
    g->direction = direction;
    g->cast = cast;
}

/* Gives a copy of the frame's bytes that ends where they end. */
static struct got give(struct asc_linux_frame frame)
{
    struct got g = {.packets = 0};
    struct asc_linux_sink sink = {on_packet, &g, 0};
    uint8_t *copy = malloc(frame.captured > 0 ? frame.captured : 1);

    assert_non_null(copy);
    if (frame.captured > 0) {
        memcpy(copy, frame.data, frame.captured);
    }
    frame.data = copy;
    asc_linux_frame_give(&frame, &sink);
    free(copy);
    assert_int_equal(sink.packets, g.packets);
    return g;
}

#define IPV4(protocol) \
    0x45, 0, 0xff, 0xff, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define IPV6(next)                                                                                \
    0x60, 0, 0, 0, 0xff, 0xff, next, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfd, \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define TCP(words) \
    0x13, 0x88, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 1, words << 4, 0x10, 0, 0, 0, 0, 0, 0
#define UDP 0x13, 0x88, 0x13, 0x89, 0xff, 0xff, 0, 0

static void test_linux_capture_frame__directions_and_casts(void **state)
{
    static const uint8_t data[] = {IPV4(IPPROTO_UDP), UDP};
    static const struct {
        uint8_t type;
        enum asc_direction direction;
        enum asc_cast cast;
    } cases[] = {
        {PACKET_HOST, ASC_IN, ASC_UNICAST},
        {PACKET_BROADCAST, ASC_IN, ASC_BROADCAST},
        {PACKET_MULTICAST, ASC_IN, ASC_MULTICAST},
        {PACKET_OUTGOING, ASC_OUT, ASC_UNICAST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct got g = give((struct asc_linux_frame){.data = data,
            .captured = sizeof data,
            .length = 1000,
            .protocol = ETH_P_IP,
            .type = cases[i].type});

        assert_int_equal(g.packets, 1);
        assert_int_equal(g.bytes, 1000);
        assert_int_equal(g.direction, cases[i].direction);
        assert_int_equal(g.cast, cases[i].cast);
    }
}

static void test_linux_capture_frame__finds_ip(void **state)
{
    static const struct {
        const char *what;
        uint16_t protocol, hardware;
        uint32_t network;
        uint8_t bytes[40]; /* of which the IP header follows */
        uint32_t before;
        unsigned packets;
    } cases[] = {
        {"no link header", ETH_P_IP, ARPHRD_NONE, 0, {0}, 0, 1},
        {"Ethernet", ETH_P_IP, ARPHRD_ETHER, 14, {0}, 14, 1},
        {"a tag", ETH_P_8021Q, ARPHRD_ETHER, 14, {[12] = 0x81, 0, 0, 7, 8, 0}, 18, 1},
        {"two tags", ETH_P_8021AD, ARPHRD_ETHER, 14,
            {[12] = 0x88, 0xa8, 0x40, 7, 0x81, 0, 0x60, 7, 8, 0}, 22, 1},
        {"a tag before ARP", ETH_P_8021Q, ARPHRD_ETHER, 14, {[12] = 0x81, 0, 0, 7, 8, 6}, 18, 0},
        {"five tags", ETH_P_8021Q, ARPHRD_ETHER, 14,
            {[12] = 0x81,
                0,
                0,
                1,
                0x81,
                0,
                0,
                1,
                0x81,
                0,
                0,
                1,
                0x81,
                0,
                0,
                1,
                0x81,
                0,
                0,
                1,
                8,
                0},
            34, 0},
        {"a tag on something else", ETH_P_8021Q, ARPHRD_NONE, 0, {0x81, 0, 0, 7, 8, 0}, 6, 0},
        {"another protocol", ETH_P_ARP, ARPHRD_ETHER, 14, {[12] = 8, 6}, 14, 0},
        {"an IP header beyond the frame", ETH_P_IP, ARPHRD_ETHER, 4000, {0}, 14, 0},
    };
    static const uint8_t ip[] = {IPV4(IPPROTO_UDP), UDP};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t data[80];
        uint32_t length = cases[i].before + (uint32_t)sizeof ip;
        struct asc_linux_frame frame = {.data = data,
            .captured = length,
            .length = length,
            .network = cases[i].network,
            .protocol = cases[i].protocol,
            .hardware = cases[i].hardware};
        struct got g;

        print_message("%s\n", cases[i].what);
        memcpy(data, cases[i].bytes, cases[i].before);
        memcpy(data + cases[i].before, ip, sizeof ip);
        g = give(frame);
        assert_int_equal(g.packets, cases[i].packets);
        assert_int_equal(g.bytes, cases[i].packets * sizeof ip);
        for (uint32_t cut = 0; cut < length; cut++) { /* nothing is read past the end */
            frame.captured = cut;
            (void)give(frame);
            frame.length = cut;
            (void)give(frame);
            frame.length = length;
        }
    }
}

static void test_linux_capture_frame__takes_apart(void **state)
{
    static const uint8_t tcp4[] = {IPV4(IPPROTO_TCP), TCP(8), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                         udp4[] = {IPV4(IPPROTO_UDP), UDP}, tcp6[] = {IPV6(IPPROTO_TCP), TCP(5), 0},
                         udp6[] = {IPV6(IPPROTO_UDP), UDP},
                         icmp[] = {IPV4(IPPROTO_ICMP), 8, 0, 0, 0, 0, 0, 0, 0},
                         options[] = {IPV6(IPPROTO_HOPOPTS), IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0,
                             TCP(5)},
                         jumbo[] = {0x60, 0, 0, 0, 0, 0, IPPROTO_HOPOPTS, 64, [40] = IPPROTO_TCP, 0,
                             0xc2, 4, 0, 1, 0x86, 0xa0, TCP(5)},
                         short_tcp[] = {IPV4(IPPROTO_TCP), TCP(4)},
                         short_ip[] = {0x44, 0, 0, 40, 0, 0, 0, 0, 64, IPPROTO_TCP, 0, 0, 10, 0, 0,
                             1, 10, 0, 0, 2, TCP(5)};
    static const struct {
        const char *what;
        const uint8_t *data;
        uint32_t captured, headers, length;
        uint16_t segment;
        unsigned packets;
    } cases[] = {
        {"TCP", tcp4, sizeof tcp4, 52, 52 + 3000, 1448, 3},
        {"TCP, exactly", tcp4, sizeof tcp4, 52, 52 + 2896, 1448, 2},
        {"TCP, one byte more", tcp4, sizeof tcp4, 52, 52 + 2897, 1448, 3},
        {"TCP, one segment only", tcp4, sizeof tcp4, 52, 52 + 1448, 1448, 1},
        {"TCP, no payload", tcp4, sizeof tcp4, 52, 52, 1448, 1},
        {"TCP, smallest segments", tcp4, sizeof tcp4, 52, 52 + 65535, 1, 65535},
        {"TCP, more than the kernel makes", tcp4, sizeof tcp4, 52, 52 + 65536, 1, 1},
        {"no super-packet", tcp4, sizeof tcp4, 52, 52 + 3000, 0, 1},
        {"UDP", udp4, sizeof udp4, 28, 28 + 10017, 1000, 11},
        {"TCP over IPv6", tcp6, sizeof tcp6, 60, 60 + 60000, 1440, 42},
        {"UDP over IPv6", udp6, sizeof udp6, 48, 48 + 5000, 1232, 5},
        {"beyond 64 KiB", jumbo, sizeof jumbo, 60, 68 + 100000, 1440, 70},
        {"ICMP", icmp, sizeof icmp, 28, 28 + 3000, 1448, 1},
        {"other extension headers", options, sizeof options, 68, 68 + 3000, 1448, 1},
        {"a short TCP header", short_tcp, sizeof short_tcp, 40, 40 + 3000, 1448, 1},
        {"a short IP header", short_ip, sizeof short_ip, 40, 40 + 3000, 1448, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_linux_frame frame = {.data = cases[i].data,
            .captured = cases[i].captured,
            .length = cases[i].length,
            .protocol = cases[i].data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP,
            .type = PACKET_OUTGOING,
            .segment_bytes = cases[i].segment};
        struct got g = give(frame);

        print_message("%s\n", cases[i].what);
        assert_int_equal(g.packets, cases[i].packets);
        assert_int_equal(g.direction, ASC_OUT);
        if (g.packets > 1) {
            uint32_t headers = cases[i].headers, all = g.packets * headers;
            uint32_t skipped = cases[i].data == jumbo ? 8 : 0;

            assert_int_equal(g.bytes, cases[i].length - skipped - headers + all);
            assert_int_equal(g.claimed, g.bytes);
            assert_int_equal(g.first, headers + cases[i].segment);
            assert_in_range(g.last, headers + 1, headers + cases[i].segment);
            if (cases[i].data == udp4 || cases[i].data == udp6) {
                assert_int_equal(g.udp, g.bytes - g.packets * (headers - 8));
            }
        } else {
            assert_int_equal(g.bytes, cases[i].length);
        }
        for (uint32_t cut = 0; cut < cases[i].captured; cut++) {
            frame.captured = cut;
            (void)give(frame);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_capture_frame__directions_and_casts),
        cmocka_unit_test(test_linux_capture_frame__finds_ip),
        cmocka_unit_test(test_linux_capture_frame__takes_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
