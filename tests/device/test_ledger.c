/* SPDX-License-Identifier: MIT */
/* Tests of the ledger: whatever happens to a device, what it saw is in its messages or counted as lost. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_flow_table.h"
#include "azure_iot_security_module/src/asc_sketch.h"
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

static struct device_packet packet_to(uint32_t host)
{
    const struct device_packet packet = {.version = 4,
        .protocol = 6,
        .source = LOCAL,
        .destination = REMOTE + host,
        .source_port = 40000,
        .destination_port = 443,
        .data_bytes = 10};

    return packet;
}

static void traffic(uint32_t host)
{
    const struct device_packet packet = packet_to(host);

    device_give_packet(&m, ASC_OUT, &packet);
}

static void read_sent(unsigned i)
{
    const struct device_sent *sent = &port.message[i % DEVICE_SENT_MAX];
    const char *wrong = check_message(sent->bytes, sent->length, &message);

    if (wrong != NULL) {
        fail_msg("message %u: %s", i, wrong);
    }
}

/* --- Who opened a connection -------------------------------------------------------------------- */

static void give_tcp(enum asc_direction direction, uint8_t flags)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    struct device_packet packet = packet_to(1);
    size_t length;

    if (direction == ASC_IN) {
        packet.source = REMOTE + 1;
        packet.destination = LOCAL;
        packet.source_port = 443;
        packet.destination_port = 40000;
    }
    length = device_packet_build(bytes, &packet);
    bytes[33] = flags;
    device_give(&m, direction, bytes, length);
}

static unsigned opener(void)
{
    assert_int_equal(m.network.flows4.count, 1);
    return m.network.flows4.kind[0] >> ASC_KIND_OPENER & 3u;
}

static void test_ledger__a_syn_tells_who_opened(void **state)
{
    static const struct {
        enum asc_direction direction;
        uint8_t flags;
        enum asc_opener opener;
    } rows[] = {
        {ASC_OUT, 0x02, ASC_OPENER_DEVICE}, {ASC_IN, 0x02, ASC_OPENER_REMOTE},
        {ASC_IN, 0x12, ASC_OPENER_DEVICE}, /* the answer to the device's SYN */
        {ASC_OUT, 0x12, ASC_OPENER_REMOTE}, {ASC_OUT, 0x10, ASC_OPENER_UNKNOWN},
        {ASC_IN, 0xc2, ASC_OPENER_REMOTE}, /* with ECN: RFC 3168 */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(state);
        give_tcp(rows[i].direction, rows[i].flags);
        assert_int_equal(opener(), rows[i].opener);
        device_pass(&m, &port, 10000);
        read_sent(0);
        assert_int_equal(message.flow[0].opened_by, rows[i].opener);
    }
}

static void test_ledger__the_first_syn_counts_whenever_it_comes(void **state)
{
    (void)state;
    give_tcp(ASC_IN, 0x10);
    assert_int_equal(opener(), ASC_OPENER_UNKNOWN);
    give_tcp(ASC_IN, 0x02);
    assert_int_equal(opener(), ASC_OPENER_REMOTE);
    give_tcp(ASC_OUT, 0x02);
    assert_int_equal(opener(), ASC_OPENER_REMOTE);
}

static void test_ledger__no_opener_without_tcp(void **state)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    struct device_packet packet = packet_to(1);
    size_t length;

    (void)state;
    packet.protocol = 17;
    length = device_packet_build(bytes, &packet);
    bytes[33] = 0x02; /* of the data, where TCP has its flags */
    device_give(&m, ASC_OUT, bytes, length);
    device_give(&m, ASC_OUT, bytes, length);
    assert_int_equal(opener(), ASC_OPENER_UNKNOWN);
    assert_int_equal(m.network.flows4.packets[0][ASC_OUT], 2);
}

/* --- Overflow ----------------------------------------------------------------------------------- */

static void test_ledger__overflow_is_reported(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ASC_FLOWS4 + 100; i++) {
        traffic(i);
        traffic(i);
    }
    device_pass(&m, &port, 10000);
    read_sent(0);
    /* Chains may be full before the table is. */
    assert_in_range(message.event[1].overflow[0], 200, 210);
    assert_int_equal(message.event[1].overflow[1], 0);
    assert_int_equal(message.event[1].overflow[2], message.event[1].overflow[0] * 30);
    assert_in_range(message.event[1].overflow[3], 70, 135);
    assert_int_equal(message.ledger[CHECK_PACKETS_OVERFLOWED], message.event[1].overflow[0]);
    port.sent = 0;
    traffic(1);
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.event[0].overflow[0], 0);
}

/* Fragments whose datagram is not known are all that there is to report. */
static void test_ledger__overflow_alone_is_reported(void **state)
{
    struct device_packet packet = packet_to(1);

    (void)state;
    device_pass(&m, &port, 10000);
    port.sent = 0;
    packet.offset = 800;
    device_give_packet(&m, ASC_OUT, &packet);
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.flows, 0);
    assert_int_equal(message.event[0].overflow[0], 1);
    assert_int_equal(message.event[0].overflow[3], 0);
}

static void test_ledger__the_estimate_of_flows(void **state)
{
    static const uint32_t truths[] = {0, 1, 2, 10, 100, 300, 1000, 10000, 100000, 1000000};
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        for (unsigned round = 0; round < 20; round++) {
            uint8_t sketch[ASC_SKETCH_BYTES] = {0};
            const uint32_t slack = truths[i] * 36u / 100u + (truths[i] > 1 ? 3 : 0);
            uint32_t estimate;

            for (uint32_t j = 0; j < truths[i] && (j < 20000 || round == 0); j++) {
                const uint32_t hash = device_random(&seed);

                asc_sketch_add(sketch, hash);
                asc_sketch_add(sketch, hash); /* the same flow again */
            }
            estimate = asc_sketch_estimate(sketch);
            if (truths[i] <= 20000 || round == 0) { /* four standard errors */
                assert_in_range(estimate, truths[i] - (slack < truths[i] ? slack : truths[i]),
                    truths[i] + slack);
            }
        }
    }
}

static void test_ledger__the_estimate_has_an_end(void **state)
{
    uint8_t sketch[ASC_SKETCH_BYTES];

    (void)state;
    memset(sketch, 0xff, sizeof sketch);
    assert_in_range(asc_sketch_estimate(sketch), 2900000, 3100000);
}

/* --- Losses ------------------------------------------------------------------------------------- */

static void test_ledger__what_was_seen_offline_is_in_the_first_message(void **state)
{
    (void)state;
    asc_module_connected(&m, false);
    for (uint32_t i = 0; i < 20; i++) {
        traffic(i % 5);
        device_pass(&m, &port, 10000);
    }
    asc_module_connected(&m, true);
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.flows, 5);
    assert_int_equal(message.event[1].interval, 200);
    assert_int_equal(message.ledger[CHECK_SEQUENCE], 1);
    assert_int_equal(message.ledger[CHECK_PACKETS_SEEN], 20);
    assert_int_equal(message.ledger[CHECK_PACKETS_COUNTED], 20);
    assert_int_equal(message.ledger[CHECK_PACKETS_GIVEN_UP], 0);
}

/* A message that was held, and what was in the tables, are in the ledger after a suspension. */
static void test_ledger__what_suspension_drops_is_given_up(void **state)
{
    uint32_t boot_id;

    (void)state;
    port.answer = ASC_SEND_RETRY;
    traffic(1);
    traffic(1);
    device_pass(&m, &port, 10000);
    read_sent(0);
    boot_id = message.ledger[CHECK_BOOT_ID];
    asc_module_connected(&m, false);
    traffic(2);
    device_pass(&m, &port, ASC_SECURITY_MODULE_PENDING_TIME * 1000u);
    assert_int_equal(asc_module_state(&m), ASC_STATE_SUSPENDED);
    port.answer = ASC_SEND_DONE;
    port.sent = 0;
    asc_module_connected(&m, true);
    traffic(3);
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.ledger[CHECK_BOOT_ID], boot_id);
    assert_int_equal(message.ledger[CHECK_SEQUENCE], 2);
    assert_int_equal(message.ledger[CHECK_PACKETS_COUNTED], 4);
    assert_int_equal(message.ledger[CHECK_PACKETS_GIVEN_UP], 3);
    assert_int_equal(message.ledger[CHECK_MESSAGES_KEPT], 1);
    assert_int_equal(message.ledger[CHECK_MESSAGES_SENT], 0);
    assert_int_equal(message.ledger[CHECK_MESSAGES_GIVEN_UP], 1);
}

static void test_ledger__a_message_sent_again_is_the_same(void **state)
{
    (void)state;
    port.answer = ASC_SEND_RETRY;
    traffic(1);
    device_pass(&m, &port, 10000);
    traffic(2);
    port.answer = ASC_SEND_DONE;
    device_pass(&m, &port, 3000);
    assert_int_equal(port.sent, 2);
    assert_int_equal(port.message[0].length, port.message[1].length);
    assert_memory_equal(port.message[0].bytes, port.message[1].bytes, port.message[0].length);
}

static void test_ledger__what_the_port_missed(void **state)
{
    (void)state;
    asc_module_missed(&m, 7);
    traffic(1);
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.ledger[CHECK_PACKETS_SEEN], 8);
    assert_int_equal(message.ledger[CHECK_PACKETS_OVERFLOWED], 7);
    asc_module_missed(&m, UINT32_MAX);
    asc_module_missed(&m, UINT32_MAX);
    assert_int_equal(asc_module_counters(&m).packets_overflowed, UINT32_MAX);
}

/* --- Changes at run time ------------------------------------------------------------------------ */

static void test_ledger__flush_reports_at_once(void **state)
{
    (void)state;
    device_pass(&m, &port, 10000);
    port.sent = 0;
    traffic(1);
    device_pass(&m, &port, 1000);
    assert_int_equal(port.sent, 0);
    asc_module_flush(&m);
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.events, 2); /* heartbeat too */
    assert_int_equal(message.event[1].interval, 1);
    traffic(2);
    device_pass(&m, &port, 9999);
    assert_int_equal(port.sent, 1);
    device_pass(&m, &port, 1);
    assert_int_equal(port.sent, 2);
}

static void test_ledger__the_first_collection_has_its_own_interval(void **state)
{
    struct asc_settings settings = asc_settings_default();

    (void)state;
    assert_int_equal(settings.first_interval_s, 30);
    memset(&port, 0, sizeof port);
    settings.security_module_id = "first";
    device_start(&m, &port, &settings);
    device_pass(&m, &port, 29999);
    assert_int_equal(port.sent, 0);
    device_pass(&m, &port, 1);
    assert_int_equal(port.sent, 1);
}

/* --- Everything --------------------------------------------------------------------------------- */

/* Sums over delivered messages. */
struct sums {
    uint64_t flow_packets;
    uint64_t ledger[CHECK_LEDGER_WORDS];
    uint32_t sequence;
};

static bool allow_even(const struct asc_allow *allow, const struct asc_flow_view *flow)
{
    (void)allow;
    return flow->remote[3] % 2 == 0;
}

static void add_delivered(struct sums *sums)
{
    read_sent(port.sent - 1);
    for (unsigned i = 0; i < message.flows; i++) {
        sums->flow_packets += message.flow[i].packets_in;
        sums->flow_packets += message.flow[i].packets_out;
    }
    for (unsigned i = CHECK_PACKETS_SEEN; i <= CHECK_PACKETS_WITHHELD; i++) {
        sums->ledger[i] += message.ledger[i];
    }
    assert_true(message.ledger[CHECK_SEQUENCE] > sums->sequence);
    sums->sequence = message.ledger[CHECK_SEQUENCE];
}

static void random_traffic(uint64_t *seed)
{
    for (unsigned i = device_random(seed) % 200; i > 0; i--) {
        struct device_packet packet = packet_to(device_random(seed) % 150);
        uint8_t bytes[DEVICE_PACKET_MAX];
        size_t length;

        packet.version = device_random(seed) % 2 == 0 ? 4 : 6;
        packet.protocol = device_random(seed) % 16 == 0 ? 132 : 17;
        length = device_packet_build(bytes, &packet);
        device_give(&m, ASC_OUT, bytes, device_random(seed) % 16 == 0 ? length - 1 : length);
    }
}

/* One random thing that happens to a device. */
static void one_event(uint64_t *seed, struct sums *sums)
{
    static const struct asc_allow even = {allow_even};

    switch (device_random(seed) % 12) {
    case 0:
        asc_module_connected(&m, false);
        break;
    case 1:
    case 2:
        asc_module_connected(&m, true);
        break;
    case 3:
        if (device_random(seed) % 4 == 0) {
            asc_module_disable(&m);
        }
        break;
    case 4:
        assert_int_equal(asc_module_enable(&m), ASC_OK);
        break;
    case 5:
        port.now_ms += device_random(seed) % 400000;
        break;
    case 6:
        asc_module_allow(&m, device_random(seed) % 2 == 0 ? &even : NULL);
        break;
    case 7:
        asc_module_missed(&m, device_random(seed) % 5);
        break;
    default:
        port.now_ms += device_random(seed) % 12000;
    }
    random_traffic(seed);
    port.answer = (enum asc_send_result)(device_random(seed) % 3);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned sent = port.sent;

        (void)asc_module_step(&m);
        if (port.sent != sent && port.answer == ASC_SEND_DONE) {
            add_delivered(sums);
        }
        if (m.in_flight && device_random(seed) % 2 == 0) {
            const bool delivered = device_random(seed) % 2 == 0;

            if (delivered) {
                add_delivered(sums);
            }
            asc_module_sent(&m, delivered);
        }
    }
}

static void test_ledger__nothing_is_lost_without_a_trace(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 40; run++) {
        uint64_t seed = run * 2654435761u;
        struct sums sums = {0, {0}, 0};
        struct asc_counters c;

        start(state);
        for (unsigned i = 0; i < 300; i++) {
            one_event(&seed, &sums);
        }
        /* At rest, connected and with nothing held, the messages tell all that was counted. */
        if (m.in_flight) {
            add_delivered(&sums);
            asc_module_sent(&m, true);
        }
        assert_int_equal(asc_module_enable(&m), ASC_OK);
        asc_module_connected(&m, true);
        port.answer = ASC_SEND_DONE;
        for (unsigned i = 0; i < 8; i++) {
            const unsigned sent = port.sent;

            asc_module_flush(&m);
            port.now_ms += 3000;
            (void)asc_module_step(&m);
            if (port.sent != sent) {
                add_delivered(&sums);
            }
        }
        c = asc_module_counters(&m);
        assert_int_equal(sums.ledger[CHECK_PACKETS_SEEN], asc_counters_packets_seen(&c));
        assert_int_equal(sums.ledger[CHECK_PACKETS_COUNTED], c.packets_counted);
        assert_int_equal(sums.ledger[CHECK_PACKETS_OVERFLOWED], c.packets_overflowed);
        assert_int_equal(sums.ledger[CHECK_PACKETS_MALFORMED], c.packets_malformed);
        assert_int_equal(sums.ledger[CHECK_PACKETS_GIVEN_UP], c.packets_given_up);
        assert_int_equal(sums.ledger[CHECK_PACKETS_WITHHELD], c.packets_withheld);
        assert_int_equal(
            sums.flow_packets + c.packets_given_up + c.packets_withheld, c.packets_counted);
        assert_true(c.packets_counted > 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ledger__a_syn_tells_who_opened, start),
        cmocka_unit_test_setup(test_ledger__the_first_syn_counts_whenever_it_comes, start),
        cmocka_unit_test_setup(test_ledger__no_opener_without_tcp, start),
        cmocka_unit_test_setup(test_ledger__overflow_is_reported, start),
        cmocka_unit_test_setup(test_ledger__overflow_alone_is_reported, start),
        cmocka_unit_test(test_ledger__the_estimate_of_flows),
        cmocka_unit_test(test_ledger__the_estimate_has_an_end),
        cmocka_unit_test_setup(test_ledger__what_was_seen_offline_is_in_the_first_message, start),
        cmocka_unit_test_setup(test_ledger__what_suspension_drops_is_given_up, start),
        cmocka_unit_test_setup(test_ledger__a_message_sent_again_is_the_same, start),
        cmocka_unit_test_setup(test_ledger__what_the_port_missed, start),
        cmocka_unit_test_setup(test_ledger__flush_reports_at_once, start),
        cmocka_unit_test_setup(test_ledger__the_first_collection_has_its_own_interval, start),
        cmocka_unit_test(test_ledger__nothing_is_lost_without_a_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
