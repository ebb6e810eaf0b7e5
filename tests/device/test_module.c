/* SPDX-License-Identifier: MIT */
/* Tests of the module as a whole: its schedule, its clock, and the message it keeps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define HEARTBEAT   4
#define INFORMATION 2
#define NETWORK     1

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
    port.information = (struct asc_system_information){"Debian 12", "6.1.0", "x86_64"};
    device_start(&m, &port, &settings);
    return 0;
}

/* One packet of 30 bytes of payload to a remote host of its own. */
static void traffic(uint32_t host)
{
    const struct device_packet packet = {.version = 4,
        .protocol = 6,
        .source = 0x0a000001,
        .destination = 0xc6336400 + host,
        .source_port = 40000,
        .destination_port = 443,
        .data_bytes = 10};

    device_give_packet(&m, ASC_OUT, &packet);
}

static uint32_t seen(void)
{
    const struct asc_counters counters = asc_module_counters(&m);

    return asc_counters_packets_seen(&counters);
}

/* Reads the attempt `i`; it must be right in every byte. */
static void read_sent(unsigned i)
{
    const char *wrong;

    assert_true(i < port.sent);
    wrong = check_message(port.message[i].bytes, port.message[i].length, &message);
    if (wrong != NULL) {
        fail_msg("message %u: %s", i, wrong);
    }
}

static void assert_same_bytes(unsigned a, unsigned b)
{
    assert_int_equal(port.message[a].length, port.message[b].length);
    assert_memory_equal(port.message[a].bytes, port.message[b].bytes, port.message[a].length);
}

static void test_module__first_message_has_every_collector(void **state)
{
    (void)state;
    traffic(1);
    device_pass(&m, &port, 9999);
    assert_int_equal(port.sent, 0);
    device_pass(&m, &port, 1);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.events, 3);
    assert_int_equal(message.event[0].payload, INFORMATION);
    assert_string_equal(message.event[0].information[0], "Debian 12");
    assert_string_equal(message.event[0].information[1], "6.1.0");
    assert_string_equal(message.event[0].information[2], "x86_64");
    assert_int_equal(message.event[1].payload, HEARTBEAT);
    assert_int_equal(message.event[2].payload, NETWORK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(message.event[i].time, 1700000000);
        assert_int_equal(message.event[i].interval, 10);
        assert_int_equal(message.event[i].id[6] >> 4, 4);
        assert_int_equal(message.event[i].id[8] >> 6, 2);
    }
    assert_memory_not_equal(message.event[0].id, message.event[1].id, 16);
    assert_string_equal(message.id, "test-device");
    assert_int_equal(message.version, 1 << 16);
    assert_int_equal(message.timezone, 0);
    assert_int_equal(message.flows, 1);
}

static void test_module__intervals_by_priority(void **state)
{
    (void)state;
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 1);
    for (int i = 0; i < 20; i++) { /* quiet: nothing is sent, and no error path runs */
        device_pass(&m, &port, 10000);
    }
    assert_int_equal(port.sent, 1);
    traffic(1);
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 2);
    read_sent(1);
    assert_int_equal(message.events, 1);
    assert_int_equal(message.event[0].payload, NETWORK);
    device_pass(&m, &port, ASC_LOW_PRIORITY_INTERVAL * 1000u - 210000 - 1);
    assert_int_equal(port.sent, 2);
    device_pass(&m, &port, 1);
    assert_int_equal(port.sent, 3);
    read_sent(2);
    assert_int_equal(message.events, 2);
    assert_int_equal(message.event[0].interval, ASC_LOW_PRIORITY_INTERVAL);
}

static void test_module__asks_to_be_called_when_something_is_due(void **state)
{
    (void)state;
    assert_int_equal(asc_module_step(&m), 10000);
    port.now_ms += 4000;
    assert_int_equal(asc_module_step(&m), 6000);
    asc_module_connected(&m, false);
    assert_int_equal(asc_module_step(&m), 300000);
    port.now_ms += 299000;
    assert_int_equal(asc_module_step(&m), 1000);
    asc_module_disable(&m);
    assert_int_equal(asc_module_step(&m), 3600000);
}

static void test_module__sends_again_until_delivered(void **state)
{
    (void)state;
    port.answer = ASC_SEND_RETRY;
    traffic(1);
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 1);
    assert_int_equal(asc_module_step(&m), 3000);
    traffic(2); /* meanwhile the table keeps counting */
    device_pass(&m, &port, 2999);
    assert_int_equal(port.sent, 1);
    device_pass(&m, &port, 1);
    assert_int_equal(port.sent, 2);
    port.answer = ASC_SEND_DONE;
    device_pass(&m, &port, 3000);
    assert_int_equal(port.sent, 3);
    assert_same_bytes(0, 1);
    assert_same_bytes(0, 2);
    device_pass(&m, &port, 4000);
    assert_int_equal(port.sent, 4);
    read_sent(3);
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].remote[3], 2);
    assert_int_equal(m.messages.built, 2);
    assert_int_equal(m.messages.sent, 2);
    assert_int_equal(m.messages.retried, 2);
    assert_int_equal(m.messages.given_up, 0);
}

static void test_module__pending_until_told(void **state)
{
    (void)state;
    port.answer = ASC_SEND_PENDING;
    traffic(1);
    device_pass(&m, &port, 10000);
    traffic(2);
    device_pass(&m, &port, 60000);
    assert_int_equal(port.sent, 1); /* one at a time */
    asc_module_sent(&m, false);
    device_pass(&m, &port, 3000);
    assert_int_equal(port.sent, 2);
    assert_same_bytes(0, 1);
    asc_module_sent(&m, true);
    asc_module_sent(&m, true); /* a second answer means nothing */
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 3);
    read_sent(2);
    assert_int_equal(message.flow[0].remote[3], 2);
    assert_int_equal(message.event[0].interval, 63);
    assert_int_equal(m.messages.sent, 1);
}

static void test_module__offline_then_connected(void **state)
{
    (void)state;
    port.answer = ASC_SEND_PENDING;
    traffic(1);
    device_pass(&m, &port, 10000);
    asc_module_connected(&m, false); /* with the message under way */
    asc_module_sent(&m, true);       /* too late: nothing is under way any more */
    traffic(2);
    device_pass(&m, &port, 200000);
    assert_int_equal(port.sent, 1);
    assert_int_equal(asc_module_state(&m), ASC_STATE_PENDING);
    port.answer = ASC_SEND_DONE;
    asc_module_connected(&m, true);
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 3);
    assert_same_bytes(0, 1);
    read_sent(2);
    assert_int_equal(message.flow[0].remote[3], 2);
    assert_int_equal(message.event[0].interval, 200);
}

static void test_module__first_message_waits_for_the_connection(void **state)
{
    (void)state;
    asc_module_connected(&m, false);
    for (uint32_t i = 0; i < 5; i++) {
        traffic(i);
        device_pass(&m, &port, 20000);
    }
    assert_int_equal(port.sent, 0);
    asc_module_connected(&m, true);
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.events, 3);
    assert_int_equal(message.flows, 5);
    assert_int_equal(message.event[2].interval, 100);
}

static void test_module__suspends_and_starts_clean(void **state)
{
    (void)state;
    traffic(1);
    device_pass(&m, &port, 10000);
    port.answer = ASC_SEND_RETRY;
    traffic(2);
    device_pass(&m, &port, 10000);
    asc_module_connected(&m, false);
    traffic(3);
    device_pass(&m, &port, 299999);
    assert_int_equal(asc_module_state(&m), ASC_STATE_PENDING);
    device_pass(&m, &port, 1);
    assert_int_equal(asc_module_state(&m), ASC_STATE_SUSPENDED);
    assert_int_equal(m.messages.given_up, 1);
    traffic(4);
    assert_int_equal(seen(), 3);
    port.answer = ASC_SEND_DONE;
    port.sent = 0;
    asc_module_connected(&m, true);
    device_pass(&m, &port, 0);
    assert_int_equal(port.sent, 0);
    traffic(5);
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.events, 3);
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].remote[3], 5);
}

static void test_module__disable_and_enable_start_clean(void **state)
{
    (void)state;
    traffic(1);
    asc_module_disable(&m);
    traffic(2);
    device_pass(&m, &port, 50000);
    assert_int_equal(port.sent, 0);
    assert_int_equal(seen(), 1);
    assert_int_equal(asc_module_enable(&m), ASC_OK);
    asc_module_connected(&m, true);
    traffic(3);
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].remote[3], 3);
    assert_int_equal(message.event[2].interval, 10);
}

static void test_module__enable_twice_changes_nothing(void **state)
{
    uint64_t key;

    (void)state;
    traffic(1);
    key = m.network.key[0];
    assert_int_equal(asc_module_enable(&m), ASC_OK);
    assert_int_equal(asc_module_state(&m), ASC_STATE_ACTIVE);
    assert_true(m.network.key[0] == key);
    assert_int_equal(m.network.flows4.count, 1);
}

/* The clock on the wall may jump as it likes: it is only written down. */
static void test_module__wall_clock_jumps(void **state)
{
    static const uint32_t times[] = {
        1700000000, 1699996400, 4102444800u, 0, UINT32_MAX, 1, 1700000000};

    (void)state;
    for (uint32_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        port.utc_s = times[i];
        traffic(i);
        device_pass(&m, &port, 10000);
        assert_int_equal(port.sent, i + 1);
        read_sent(i);
        assert_int_equal(message.event[0].time, times[i]);
        assert_int_equal(message.event[0].interval, 10);
    }
}

static void test_module__uptime_wraps(void **state)
{
    const struct asc_settings settings = device_settings();

    (void)state;
    for (uint32_t before = 0; before < 30000; before += 2500) {
        port.now_ms = UINT32_MAX - before;
        port.sent = 0;
        device_start(&m, &port, &settings);
        for (unsigned i = 0; i < 4; i++) {
            traffic(i);
            device_pass(&m, &port, 9999);
            assert_int_equal(port.sent, i);
            device_pass(&m, &port, 1);
            assert_int_equal(port.sent, i + 1);
        }
        asc_module_connected(&m, false);
        device_pass(&m, &port, 299999);
        assert_int_equal(asc_module_state(&m), ASC_STATE_PENDING);
        device_pass(&m, &port, 1);
        assert_int_equal(asc_module_state(&m), ASC_STATE_SUSPENDED);
    }
}

/* Days without a step, as of a machine that slept: one collection, then the usual rhythm. */
static void test_module__long_silence(void **state)
{
    (void)state;
    traffic(1);
    device_pass(&m, &port, 20u * 86400 * 1000);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.event[2].interval, 20 * 86400);
    assert_int_equal(asc_module_step(&m), 10000);
}

static void test_module__without_entropy(void **state)
{
    (void)state;
    traffic(1);
    port.no_entropy = true;
    device_pass(&m, &port, 10000);
    device_pass(&m, &port, 3000);
    assert_int_equal(port.sent, 0);
    traffic(1);
    port.no_entropy = false;
    device_pass(&m, &port, 3000);
    assert_int_equal(port.sent, 1);
    read_sent(0);
    assert_int_equal(message.events, 3);
    assert_int_equal(message.flow[0].bytes_out, 60);
    asc_module_disable(&m);
    port.no_entropy = true;
    assert_int_equal(asc_module_enable(&m), ASC_ERROR_ENTROPY);
    assert_int_equal(asc_module_state(&m), ASC_STATE_NOT_INITIALISED);
}

/* More flows than a message holds: several messages at once, each flow in one of them, oldest first,
 * and what comes meanwhile waits for the next interval. */
static void test_module__splits_what_does_not_fit(void **state)
{
    struct device_packet packet = {.version = 6, .protocol = 17, .source = 1, .source_port = 7};
    bool seen[ASC_FLOWS6] = {false};

    (void)state;
    for (uint32_t i = 0; i < ASC_FLOWS6; i++) {
        packet.source = i % 2 == 0 ? 1000 + i : 1;
        packet.destination = i % 2 == 0 ? 1 : 1000 + i;
        packet.destination_port = (uint16_t)(i % 3);
        device_give_packet(&m, i % 2 == 0 ? ASC_IN : ASC_OUT, &packet);
        traffic(i);
    }
    assert_int_equal(m.network.flows6.count, ASC_FLOWS6);
    port.answer = ASC_SEND_PENDING;
    device_pass(&m, &port, 10000);
    packet.destination = 5;
    device_give_packet(&m, ASC_OUT, &packet); /* the table has room again: a new flow */
    for (unsigned i = 0; i < 10; i++) {
        asc_module_sent(&m, true);
        device_pass(&m, &port, 0);
    }
    assert_true(port.sent > 1);
    for (unsigned i = 0, flows6 = 0; i < port.sent; i++) {
        read_sent(i);
        for (unsigned j = 0; j < message.flows; j++) {
            const struct check_flow *flow = &message.flow[j];
            const uint8_t *remote = flow->remote;

            if (flow->ipv6) {
                const unsigned host = (unsigned)(remote[14] << 8 | remote[15]) - 1000;

                assert_true(host < ASC_FLOWS6 && !seen[host]);
                seen[host] = true;
                assert_int_equal(host, flows6++);
            }
        }
    }
    for (unsigned i = 0; i < ASC_FLOWS6; i++) {
        assert_true(seen[i]);
    }
    assert_int_equal(m.network.flows6.count, 1);
    assert_int_equal(m.network.flows4.count, 0);
}

static void test_module__settings_are_judged(void **state)
{
    char too_long[ASC_SECURITY_MODULE_ID_MAX + 2];
    struct asc_settings settings = device_settings();
    struct asc_port lacking = device_port_functions;
    static struct asc_module other;

    (void)state;
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_OK);
    assert_int_equal(asc_module_init_sized(&other, sizeof other - 4, &lacking, &port, &settings),
        ASC_ERROR_BUILD);
    settings.security_module_id = NULL;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_ID);
    settings.security_module_id = "";
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_ID);
    settings.security_module_id = too_long;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_ID);
    settings.security_module_id = too_long + 1;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_OK);
    settings.high_interval_s = 0;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_INTERVAL);
    settings.high_interval_s = ASC_INTERVAL_MAX + 1;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_INTERVAL);
    settings = device_settings();
    lacking.unlock = NULL;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_PORT);
    lacking = device_port_functions;
    lacking.random = NULL;
    assert_int_equal(asc_module_init(&other, &lacking, &port, &settings), ASC_ERROR_PORT);
    assert_string_equal(
        asc_result_text(ASC_ERROR_ID), "the security module id is missing or too long");
    assert_string_equal(asc_result_text(ASC_RESULT_COUNT), "unknown");
}

static void test_module__strings_are_cut_between_characters(void **state)
{
    char os[ASC_SYSTEM_INFORMATION_STRING_MAX + 8];

    (void)state;
    memset(os, 'a', sizeof os);
    os[sizeof os - 1] = '\0';
    memcpy(os + ASC_SYSTEM_INFORMATION_STRING_MAX - 2, "\xe2\x82\xac", 3); /* one byte too long */
    port.information = (struct asc_system_information){os, NULL, ""};
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(
        strlen(message.event[0].information[0]), ASC_SYSTEM_INFORMATION_STRING_MAX - 2);
    assert_null(message.event[0].information[1]);
    assert_string_equal(message.event[0].information[2], "");
}

static void test_module__nothing_known_of_the_system(void **state)
{
    (void)state;
    port.information = (struct asc_system_information){NULL, NULL, NULL};
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.events, 1);
    assert_int_equal(message.event[0].payload, HEARTBEAT);
}

/* Ids come from the port's entropy: two boots never share one. */
static void test_module__ids_differ_between_boots(void **state)
{
    const struct asc_settings settings = device_settings();
    uint8_t first[16];

    (void)state;
    device_pass(&m, &port, 10000);
    read_sent(0);
    memcpy(first, message.event[0].id, sizeof first);
    device_start(&m, &port, &settings);
    device_pass(&m, &port, 10000);
    read_sent(1);
    assert_memory_not_equal(first, message.event[0].id, sizeof first);
}

/* A port whose hook and thread are one has no lock. */
static void test_module__without_a_lock(void **state)
{
    const struct asc_settings settings = device_settings();
    struct asc_port unlocked = device_port_functions;

    (void)state;
    unlocked.lock = NULL;
    unlocked.unlock = NULL;
    assert_int_equal(asc_module_init(&m, &unlocked, &port, &settings), ASC_OK);
    traffic(1);
    assert_int_equal(seen(), 0);
    assert_int_equal(asc_module_enable(&m), ASC_OK);
    asc_module_connected(&m, true);
    traffic(2);
    traffic(2);
    device_pass(&m, &port, 10000);
    read_sent(0);
    assert_int_equal(message.flows, 1);
    assert_int_equal(message.flow[0].bytes_out, 60);
    asc_module_disable(&m);
    traffic(3);
    assert_int_equal(seen(), 2);
}

#define TEST(name) cmocka_unit_test_setup(test_module__##name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_message_has_every_collector),
        TEST(intervals_by_priority),
        TEST(asks_to_be_called_when_something_is_due),
        TEST(sends_again_until_delivered),
        TEST(pending_until_told),
        TEST(offline_then_connected),
        TEST(first_message_waits_for_the_connection),
        TEST(suspends_and_starts_clean),
        TEST(disable_and_enable_start_clean),
        TEST(enable_twice_changes_nothing),
        TEST(wall_clock_jumps),
        TEST(uptime_wraps),
        TEST(long_silence),
        TEST(without_entropy),
        TEST(splits_what_does_not_fit),
        TEST(settings_are_judged),
        TEST(strings_are_cut_between_characters),
        TEST(nothing_known_of_the_system),
        TEST(ids_differ_between_boots),
        TEST(without_a_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
