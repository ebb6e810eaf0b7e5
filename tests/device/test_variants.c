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
    device_give_packet(&m, direction, &packet);
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
    return ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED &&
        !(ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED &&
            ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED &&
            ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED);
}

static void test_variants__report_what_is_built_in(void **state)
{
    const struct asc_settings settings = device_settings();
    unsigned events[8] = {0};
    uint64_t seed = 521288629;
    struct asc_counters counters;

    (void)state;
    port.information.os = "os";
    device_start(&m, &port, &settings);
    for (unsigned i = 1; i <= PACKETS; i++) {
        give_random(&seed);
        if (i % 1000 == 0) {
            port.sent = 0;
            device_pass(&m, &port, 10000);
            assert_in_range(port.sent, 0, DEVICE_SENT_MAX);
            for (unsigned j = 0; j < port.sent; j++) {
                assert_message(j, events);
            }
        }
    }
    counters = asc_module_counters(&m);
    assert_int_equal(
        asc_counters_packets_seen(&counters), ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED ? PACKETS : 0);
    assert_int_equal(events[1] > 0, any_flow());
    assert_int_equal(events[2], ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED);
    assert_int_equal(events[4], ASC_COLLECTOR_HEARTBEAT_ENABLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants__report_what_is_built_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
