/* SPDX-License-Identifier: MIT */
/* One test for every way to build the core: what is left out is not reported, the rest is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define PACKETS 4000u

static struct device_port port;
static struct asc_module m;
static struct check_message message;

/* Packets that came in and were not addressed to the device alone. */
static uint32_t not_unicast;

/* Gives a packet in one segment; one in eight of those that come in was sent to all or to many. */
static void give(enum asc_direction direction, const struct device_packet *packet, uint64_t *seed)
{
    static const enum asc_cast casts[] = {ASC_BROADCAST, ASC_MULTICAST};
    const uint32_t number = device_random(seed) % 16;
    const enum asc_cast cast = direction == ASC_IN && number < 2 ? casts[number] : ASC_UNICAST;
    uint8_t bytes[DEVICE_PACKET_MAX];
    const struct asc_segment segment = {bytes, (uint32_t)device_packet_build(bytes, packet), NULL};

    not_unicast += cast != ASC_UNICAST;
    asc_module_packet(&m, direction, cast, &segment);
}

static void give_random(uint64_t *seed)
{
    static const uint8_t protocols[] = {6, 17, 1, 58, 2};
    struct device_packet packet = {.version = device_random(seed) % 2 == 0 ? 4 : 6};
    const enum asc_direction direction = (enum asc_direction)(device_random(seed) % 2);
    const uint32_t remote = 0xc6336400 + device_random(seed) % 40;

    packet.protocol = protocols[device_random(seed) % 5];
    packet.source = direction == ASC_OUT ? 0x0a000001 : remote;
    packet.destination = direction == ASC_OUT ? remote : 0x0a000001;
    packet.source_port = (uint16_t)(device_random(seed) % 3);
    packet.destination_port = 443;
    packet.data_bytes = (uint16_t)(device_random(seed) % 100);
    give(direction, &packet, seed);
}

static void assert_flow(const struct check_flow *flow)
{
    static const bool disabled[] = {ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED,
        ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED, ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED};

    assert_true(flow->ipv6 ? ASC_FLOWS6 > 0 : ASC_FLOWS4 > 0);
    assert_false(disabled[flow->protocol]);
}

static void assert_message(unsigned i, unsigned *events)
{
    assert_null(check_message(port.message[i].bytes, port.message[i].length, &message));
    for (unsigned e = 0; e < message.events; e++) {
        events[message.event[e].payload]++;
    }
    for (unsigned f = 0; f < message.flows; f++) {
        assert_flow(&message.flow[f]);
    }
}

static bool any_flow(void)
{
    return ASC_HAS_NETWORK_ACTIVITY &&
        !(ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED &&
            ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED &&
            ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED);
}

static bool sends_empty(void)
{
    return ASC_HAS_NETWORK_ACTIVITY && ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS;
}

/* Lets an interval pass and looks at what was sent in it; `events` by payload are added up. */
static void pass_interval(unsigned *events)
{
    port.sent = 0;
    device_pass(&m, &port, 10000);
    assert_in_range(port.sent, 0, DEVICE_SENT_MAX);
    for (unsigned i = 0; i < port.sent; i++) {
        assert_message(i, events);
    }
}

static void test_variants__report_what_is_built_in(void **state)
{
    const struct asc_settings settings = device_settings();
    unsigned events[8] = {0};
    uint64_t seed = 521288629;
    struct asc_counters counters;

    (void)state;
    port.information.os = "os";
    not_unicast = 0;
    device_start(&m, &port, &settings);
    for (unsigned i = 1; i <= PACKETS; i++) {
        give_random(&seed);
        if (i % 1000 == 0) {
            pass_interval(events);
        }
    }
    counters = asc_module_counters(&m);
    assert_int_equal(asc_counters_packets_seen(&counters), ASC_HAS_NETWORK_ACTIVITY ? PACKETS : 0);
    assert_int_equal(counters.packets_counted > 0, any_flow());
    assert_int_equal(events[1] > 0, any_flow() || sends_empty());
    assert_int_equal(events[2] > 0, ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED);
    assert_int_equal(events[4] > 0, ASC_COLLECTOR_HEARTBEAT_ENABLED);
}

/* All else that is ignored is of protocols, families and headers that do not depend on the cast. */
static void test_variants__count_the_casts_that_are_built_in(void **state)
{
    const struct asc_settings settings = device_settings();
    const struct device_packet packet = {.version = ASC_FLOWS4 > 0 ? 4 : 6,
        .protocol = 17,
        .source = 0xc6336401,
        .destination = 0x0a0000ff,
        .source_port = 68,
        .destination_port = 67};
    const bool collected = ASC_HAS_NETWORK_ACTIVITY &&
        !ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED &&
        !ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY;
    uint64_t seed = 88675123;
    struct asc_counters counters;

    (void)state;
    not_unicast = 0;
    device_start(&m, &port, &settings);
    while (not_unicast < 100) {
        const uint32_t before = not_unicast;
        struct asc_counters then = asc_module_counters(&m);

        give(ASC_IN, &packet, &seed);
        counters = asc_module_counters(&m);
        if (not_unicast > before) {
            assert_int_equal(counters.packets_counted - then.packets_counted, collected);
        }
    }
}

static void test_variants__report_nothing_where_nothing_was(void **state)
{
    const struct asc_settings settings = device_settings();
    unsigned events[8] = {0};

    (void)state;
    device_start(&m, &port, &settings);
    pass_interval(events);
    for (unsigned i = 0; i < 5; i++) {
        events[1] = 0;
        pass_interval(events);
        assert_int_equal(events[1], sends_empty());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants__report_what_is_built_in),
        cmocka_unit_test(test_variants__count_the_casts_that_are_built_in),
        cmocka_unit_test(test_variants__report_nothing_where_nothing_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
