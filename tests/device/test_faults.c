/* SPDX-License-Identifier: MIT */
/* The faults that were seen in the module of old, one test each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_flow_table.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define LOCAL  0x0a000001u
#define REMOTE 0xc6336400u

static struct device_port port;
static struct asc_module m;
static struct check_message message;

static int start(void **state)
{
    const struct asc_settings settings = device_settings();

    (void)state;
    memset(&port, 0, sizeof port);
    port.utc_s = 1700000000;
    port.answer = ASC_SEND_DONE;
    device_start(&m, &port, &settings);
    return 0;
}

/* Reads attempt `i`, and adds its flows' packets and bytes to the sums, by enum asc_direction. */
static void read_sent(unsigned i, uint64_t packets[2], uint64_t bytes[2])
{
    const struct device_sent *sent = &port.message[i % DEVICE_SENT_MAX];
    const char *wrong = check_message(sent->bytes, sent->length, &message);

    if (wrong != NULL) {
        fail_msg("message %u: %s", i, wrong);
    }
    for (unsigned j = 0; j < message.flows; j++) {
        packets[ASC_IN] += message.flow[j].packets_in;
        packets[ASC_OUT] += message.flow[j].packets_out;
        bytes[ASC_IN] += message.flow[j].bytes_in;
        bytes[ASC_OUT] += message.flow[j].bytes_out;
    }
}

/* Flow `i` of a set that has every protocol, direction and zero field, in both families. */
static struct device_packet shape(unsigned i, enum asc_direction direction)
{
    static const uint8_t protocols[2][3] = {{6, 17, 1}, {6, 17, 58}};
    const bool out = direction == ASC_OUT;
    struct device_packet packet = {.version = i % 2 == 0 ? 4 : 6};
    const uint32_t remote = REMOTE + i;

    packet.protocol = protocols[i % 2][i / 2 % 3];
    packet.source = out ? LOCAL : remote;
    packet.destination = out ? remote : LOCAL;
    packet.source_port = (uint16_t)(i / 6 % 2 == 0 ? 0 : 1000 + i);
    packet.destination_port = (uint16_t)(i / 12 % 2 == 0 ? 0 : 443);
    packet.data_bytes = (uint16_t)(i * 7 % 1400);
    return packet;
}

static void test_faults__a_message_always_fits_or_is_split(void **state)
{
    uint64_t packets[2] = {0, 0};
    uint64_t bytes[2] = {0, 0};
    uint64_t given[2] = {0, 0};

    (void)state;
    for (unsigned i = 0; i < 2 * (ASC_FLOWS4 + ASC_FLOWS6); i++) {
        for (enum asc_direction d = ASC_IN; d <= ASC_OUT; d++) {
            if (i % 3 != d) { /* one way, the other, and both */
                const struct device_packet packet = shape(i, d);

                given[d] += device_give_packet(&m, d, &packet);
            }
        }
    }
    device_pass(&m, &port, 10000);
    assert_true(port.sent > 1);
    for (unsigned i = 0; i < port.sent; i++) {
        read_sent(i, packets, bytes);
    }
    assert_true(packets[ASC_IN] + packets[ASC_OUT] == asc_module_counters(&m).packets_counted);
    for (unsigned d = 0; d < 2; d++) {
        assert_true(bytes[d] + m.bytes_overflowed[d] == given[d]);
    }
}

static void test_faults__the_hook_does_nothing_after_disable_and_suspension(void **state)
{
    const struct device_packet packet = shape(6, ASC_OUT);
    static struct asc_module before;

    (void)state;
    asc_module_connected(&m, false);
    device_pass(&m, &port, ASC_SECURITY_MODULE_PENDING_TIME * 1000u);
    assert_int_equal(asc_module_state(&m), ASC_STATE_SUSPENDED);
    for (unsigned round = 0; round < 2; round++) {
        memcpy(&before, &m, sizeof m);
        for (unsigned i = 0; i < 1000; i++) {
            device_give_packet(&m, ASC_OUT, &packet);
        }
        assert_memory_equal(&before, &m, sizeof m);
        asc_module_disable(&m);
    }
}

static void test_faults__incoming_icmpv6_and_hop_by_hop_are_counted(void **state)
{
    struct device_packet packet = shape(5, ASC_IN);

    (void)state;
    assert_int_equal(packet.protocol, 58);
    device_give_packet(&m, ASC_IN, &packet);
    assert_int_equal(m.network.flows6.count, 1);
    assert_int_equal(m.network.flows6.kind[0] & ASC_KIND_PROTOCOL, ASC_PROTOCOL_ICMP);
    packet = shape(13, ASC_IN);
    packet.extension[0].bytes = 8; /* hop-by-hop: protocol 0 */
    device_give_packet(&m, ASC_IN, &packet);
    assert_int_equal(m.network.flows6.count, 2);
    assert_int_equal(m.network.flows6.packets[1][ASC_IN], 1);
    assert_int_equal(asc_module_counters(&m).packets_counted, 2);
}

static void test_faults__all_fragments_of_a_datagram_are_counted(void **state)
{
    struct device_packet packet = {.version = 4,
        .protocol = 17,
        .source = REMOTE,
        .destination = LOCAL,
        .source_port = 53,
        .destination_port = 4000,
        .data_bytes = 792,
        .identification = 7};
    uint32_t bytes = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        packet.offset = (uint16_t)(i * 800);
        packet.more = i < 3;
        packet.data_bytes = i == 0 ? 792 : 800;
        bytes += device_give_packet(&m, ASC_IN, &packet);
    }
    assert_int_equal(m.network.flows4.count, 1);
    assert_int_equal(m.network.flows4.bytes[0][ASC_IN], bytes);
    assert_int_equal(bytes, 3200);
    assert_int_equal(m.network.flows4.packets[0][ASC_IN], 4);
}

/* From allocations of their very length, so that a step before or behind them is seen. */
static void test_faults__short_and_lying_packets_are_not_read_past_their_bytes(void **state)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    uint32_t given = 0;
    struct asc_counters c;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        const struct device_packet packet = shape(i, ASC_IN);
        const size_t length = device_packet_build(bytes, &packet);

        for (size_t n = 0; n < length; n++) {
            const uint8_t first = bytes[0];

            device_give(&m, ASC_IN, bytes, n);
            bytes[0] = (uint8_t)(first | 15); /* the longest header that IPv4 can claim */
            device_give(&m, ASC_IN, bytes, n);
            bytes[0] = first;
            given += 2;
        }
    }
    c = asc_module_counters(&m);
    assert_int_equal(c.packets_malformed, given);
    assert_int_equal(c.packets_counted, 0);
}

static void test_faults__counters_do_not_wrap(void **state)
{
    const struct device_packet packet = shape(6, ASC_OUT);

    (void)state;
    device_give_packet(&m, ASC_OUT, &packet);
    m.network.flows4.bytes[0][ASC_OUT] = UINT32_MAX - 1;
    m.network.flows4.packets[0][ASC_OUT] = ASC_FLOW_PACKETS_MAX - 1;
    for (unsigned i = 0; i < 3; i++) {
        device_give_packet(&m, ASC_OUT, &packet);
    }
    assert_int_equal(m.network.flows4.bytes[0][ASC_OUT], UINT32_MAX);
    assert_int_equal(m.network.flows4.packets[0][ASC_OUT], ASC_FLOW_PACKETS_MAX);
    /* What its flow cannot hold any more is counted all the same: the sums hold. */
    assert_int_equal(asc_module_counters(&m).packets_counted, ASC_FLOW_PACKETS_MAX);
    assert_int_equal(asc_module_counters(&m).packets_overflowed, 2);
    assert_int_equal(m.network.overflow.packets, 2);
    assert_int_equal(asc_module_counters(&m).bytes_overflowed[ASC_OUT], 0);
    m.since[ASC_MALFORMED] = UINT32_MAX;
    device_give(&m, ASC_IN, (const uint8_t *)"", 0);
    assert_int_equal(asc_module_counters(&m).packets_malformed, UINT32_MAX);
}

static void test_faults__a_clock_set_back_an_hour_silences_nothing(void **state)
{
    const struct device_packet packet = shape(6, ASC_OUT);

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        device_give_packet(&m, ASC_OUT, &packet);
        port.utc_s -= 3600;
        device_pass(&m, &port, 10000);
        assert_int_equal(port.sent, i + 1);
    }
}

static void test_faults__nothing_to_report_is_no_error(void **state)
{
    (void)state;
    device_pass(&m, &port, 10000); /* heartbeat */
    assert_int_equal(port.sent, 1);
    for (unsigned i = 0; i < 100; i++) {
        device_pass(&m, &port, 10000);
    }
    assert_int_equal(port.sent, 1);
    assert_int_equal(asc_module_state(&m), ASC_STATE_ACTIVE);
    assert_int_equal(m.messages.retried, 0);
    assert_false(m.retrying);
}

static void test_faults__event_ids_differ_between_boots(void **state)
{
    uint64_t sums[2] = {0, 0};
    uint8_t ids[8][16];

    for (unsigned boot = 0; boot < 8; boot++) {
        const uint64_t seed = boot + 1;

        start(state);
        port.seed = seed; /* only the port's entropy differs */
        device_pass(&m, &port, 10000);
        read_sent(0, sums, sums);
        memcpy(ids[boot], message.event[0].id, 16);
        assert_int_equal(ids[boot][6] >> 4, 4); /* version and variant of RFC 4122 */
        assert_int_equal(ids[boot][8] >> 6, 2);
        for (unsigned other = 0; other < boot; other++) {
            assert_memory_not_equal(ids[boot], ids[other], 16);
        }
    }
}

/* --- A packet at every moment of a collection --------------------------------------------------- */

static bool preempting;
static uint64_t given;
static uint64_t rounds;

/* An interrupt that comes the moment it may: between any two steps of the module. */
static void preempt(void)
{
    if (preempting) {
        const unsigned i = (unsigned)(rounds++ % 160);
        const struct device_packet packet = shape(i, ASC_OUT);

        preempting = false;
        device_give_packet(&m, ASC_OUT, &packet);
        given++;
        preempting = true;
    }
}

static void lock(void *context)
{
    preempt();
    device_port_functions.lock(context);
}

static void unlock(void *context)
{
    device_port_functions.unlock(context);
    preempt();
}

static void test_faults__packets_may_preempt_a_collection(void **state)
{
    struct asc_port functions = device_port_functions;
    uint64_t packets[2] = {0, 0};
    uint64_t bytes[2] = {0, 0};
    unsigned read = 0;
    struct asc_counters c;

    (void)state;
    functions.lock = lock;
    functions.unlock = unlock;
    m.port = &functions;
    preempting = true;
    for (unsigned i = 0; i < 200; i++) {
        port.now_ms += 10000;
        (void)asc_module_step(&m);
        for (; read < port.sent; read++) {
            read_sent(read, packets, bytes);
        }
    }
    preempting = false;
    asc_module_flush(&m);
    device_pass(&m, &port, 0);
    for (; read < port.sent; read++) {
        read_sent(read, packets, bytes);
    }
    c = asc_module_counters(&m);
    assert_true(given > 5000);
    assert_int_equal(c.packets_counted + c.packets_overflowed, given);
    assert_int_equal(packets[ASC_OUT], c.packets_counted);
    assert_int_equal(m.network.flows4.count + m.network.flows6.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_faults__a_message_always_fits_or_is_split, start),
        cmocka_unit_test_setup(
            test_faults__the_hook_does_nothing_after_disable_and_suspension, start),
        cmocka_unit_test_setup(test_faults__incoming_icmpv6_and_hop_by_hop_are_counted, start),
        cmocka_unit_test_setup(test_faults__all_fragments_of_a_datagram_are_counted, start),
        cmocka_unit_test_setup(
            test_faults__short_and_lying_packets_are_not_read_past_their_bytes, start),
        cmocka_unit_test_setup(test_faults__counters_do_not_wrap, start),
        cmocka_unit_test_setup(test_faults__a_clock_set_back_an_hour_silences_nothing, start),
        cmocka_unit_test_setup(test_faults__nothing_to_report_is_no_error, start),
        cmocka_unit_test_setup(test_faults__event_ids_differ_between_boots, start),
        cmocka_unit_test_setup(test_faults__packets_may_preempt_a_collection, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
