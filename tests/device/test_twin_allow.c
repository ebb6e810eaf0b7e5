/* SPDX-License-Identifier: MIT */
/* Tests of the twin's settings at work: the allow-list by itself, and what the module then sends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/device/message_check.h"
#include "tests/device/twin_fixture.h"

/* --- The allow-list -------------------------------------------------------------------------------- */

static void test_twin__the_allow_list_has_a_limit(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_whole(f, twin_long_list(ASC_TWIN_ALLOW_MAX), 1), ASC_TWIN_APPLIED);
    assert_int_equal(f->twin.entry_count, ASC_TWIN_ALLOW_MAX);
    assert_int_equal(
        twin_apply_whole(f, twin_long_list(ASC_TWIN_ALLOW_MAX + 1), 2), ASC_TWIN_REFUSED);
    twin_assert_reported(f, "\"path\":\"vedette.allow[8]\",\"reason\":\"too many entries\"");
    assert_int_equal(f->twin.entry_count, ASC_TWIN_ALLOW_MAX);
}

static bool allows(struct twin_fixture *f, const uint8_t *remote, uint32_t bytes,
    unsigned remote_port, unsigned local_port, enum asc_protocol protocol)
{
    const struct asc_flow_view view = {
        remote, bytes, (uint16_t)remote_port, (uint16_t)local_port, protocol};

    return f->twin.allow.allows(&f->twin.allow, &view);
}

static void test_twin__addresses_and_prefixes(void **state)
{
    static const struct {
        const char *remote;
        uint32_t bytes;
        uint8_t address[16];
        bool fits;
    } cases[] = {
        {"192.0.2.0/24", 4, {192, 0, 2, 255}, true},
        {"192.0.2.0/24", 4, {192, 0, 3, 0}, false},
        {"192.0.2.77/24", 4, {192, 0, 2, 1}, true}, /* bits behind the prefix do not matter */
        {"192.0.2.1", 4, {192, 0, 2, 1}, true},
        {"192.0.2.1", 4, {192, 0, 2, 0}, false},
        {"192.0.2.1/32", 4, {192, 0, 2, 1}, true},
        {"192.0.2.1/31", 4, {192, 0, 2, 0}, true},
        {"192.0.2.1/31", 4, {192, 0, 2, 2}, false},
        {"128.0.0.0/1", 4, {255, 255, 255, 255}, true},
        {"128.0.0.0/1", 4, {127, 255, 255, 255}, false},
        {"10.0.0.0/9", 4, {10, 127, 0, 0}, true},
        {"10.0.0.0/9", 4, {10, 128, 0, 0}, false},
        {"0.0.0.0/0", 4, {255, 1, 2, 3}, true},
        {"0.0.0.0/0", 16, {0}, false}, /* one family only */
        {"::/0", 16, {0xff, 2}, true},
        {"::/0", 4, {0}, false},
        {"::", 16, {0}, true},
        {"::1", 16, {[15] = 1}, true},
        {"::1", 16, {0}, false},
        {"2001:db8::", 16, {0x20, 0x01, 0x0d, 0xb8}, true},
        {"2001:DB8::/32", 16, {0x20, 0x01, 0x0d, 0xb8, 9, 9}, true},
        {"2001:db8::/33", 16, {0x20, 0x01, 0x0d, 0xb8, 0x80}, false},
        {"2001:db8::/33", 16, {0x20, 0x01, 0x0d, 0xb8, 0x7f}, true},
        {"1:2:3:4:5:6:7:8", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, true},
        {"::2:3:4:5:6:7:8", 16, {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, true},
        {"1:2:3:4:5:6:7::", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}, true},
        {"1:2::7:8", 16, {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8}, true},
        {"ffff::fffe/127", 16, {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, true},
        {"ffff::ffff/128", 16, {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe}, false},
    };
    struct twin_fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char ours[100];

        print_message("%s\n", cases[i].remote);
        snprintf(ours, sizeof ours, "{\"allow\":[{\"remote\":\"%s\"}]}", cases[i].remote);
        assert_int_equal(twin_apply_whole(f, ours, 1), ASC_TWIN_APPLIED);
        assert_int_equal(
            allows(f, cases[i].address, cases[i].bytes, 1, 2, ASC_PROTOCOL_UDP), cases[i].fits);
    }
}

static void test_twin__ports_and_protocols(void **state)
{
    static const uint8_t remote[16] = {192, 0, 2, 1};
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_whole(f,
                         "{\"allow\":[{\"remote\":\"192.0.2.1\",\"port\":443,\"protocol\":\"tcp\"},"
                         "{\"remote\":\"192.0.2.1\",\"localPort\":22},"
                         "{\"remote\":\"192.0.2.1\",\"protocol\":\"icmp\"}]}",
                         1),
        ASC_TWIN_APPLIED);
    assert_true(allows(f, remote, 4, 443, 50000, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 444, 50000, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 50000, 443, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 443, 50000, ASC_PROTOCOL_UDP));
    assert_true(allows(f, remote, 4, 50000, 22, ASC_PROTOCOL_UDP));
    assert_false(allows(f, remote, 4, 22, 50000, ASC_PROTOCOL_UDP));
    assert_true(allows(f, remote, 4, 0, 0, ASC_PROTOCOL_ICMP));
    assert_int_equal(twin_apply_patch(f, "{\"allow\":null}", 2), ASC_TWIN_APPLIED);
    assert_false(allows(f, remote, 4, 0, 0, ASC_PROTOCOL_ICMP));
}

/* --- In the module ---------------------------------------------------------------------------------- */

static const struct device_packet to_server = {.version = 4,
    .protocol = 6,
    .source = 0x0a000001,
    .destination = 0xc0000201,
    .source_port = 50000,
    .destination_port = 443,
    .data_bytes = 100};
static const struct device_packet to_other = {.version = 4,
    .protocol = 17,
    .source = 0x0a000001,
    .destination = 0xc6336401,
    .source_port = 50001,
    .destination_port = 53,
    .data_bytes = 10};

static struct check_message *last_message(struct twin_fixture *f)
{
    static struct check_message message;
    const struct device_sent *sent = &f->port.message[(f->port.sent - 1) % DEVICE_SENT_MAX];

    assert_true(f->port.sent > 0);
    assert_null(check_message(sent->bytes, sent->length, &message));
    return &message;
}

/* What is allowed is not in the message, and counted as withheld; all else is there. */
static void test_twin__allowed_flows_are_withheld_and_counted(void **state)
{
    struct twin_fixture *f = *state;
    struct check_message *message;

    assert_int_equal(twin_apply_whole(f, twin_everything, 1), ASC_TWIN_APPLIED);
    for (unsigned i = 0; i < 3; i++) {
        (void)device_give_packet(&f->module, ASC_OUT, &to_server);
    }
    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    message = last_message(f);
    assert_int_equal(message->flows, 1);
    assert_int_equal(message->flow[0].remote_port, 53);
    assert_int_equal(asc_module_counters(&f->module).packets_withheld, 3);
    assert_int_equal(asc_module_counters(&f->module).packets_counted, 4);

    assert_int_equal(twin_apply_patch(f, "{\"allow\":null}", 2), ASC_TWIN_APPLIED);
    (void)device_give_packet(&f->module, ASC_OUT, &to_server);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    message = last_message(f);
    assert_int_equal(message->flows, 1);
    assert_int_equal(message->flow[0].remote_port, 443);
    assert_int_equal(asc_module_counters(&f->module).packets_withheld, 3);
}

/* The payloads of all messages since `from`, as a bit each. */
static unsigned payloads_since(struct twin_fixture *f, unsigned from)
{
    static struct check_message message;
    unsigned payloads = 0;

    for (unsigned i = from; i < f->port.sent; i++) {
        const struct device_sent *sent = &f->port.message[i % DEVICE_SENT_MAX];

        assert_null(check_message(sent->bytes, sent->length, &message));
        for (unsigned e = 0; e < message.events; e++) {
            payloads |= 1u << message.event[e].payload;
        }
    }
    return payloads;
}

static unsigned collect_all(struct twin_fixture *f)
{
    const unsigned from = f->port.sent;

    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    return payloads_since(f, from);
}

static void test_twin__collectors_go_off_and_on(void **state)
{
    struct twin_fixture *f = *state;
    unsigned all;

    f->port.information.os = "an OS";
    all = collect_all(f);
    assert_int_equal(__builtin_popcount(all), 3);
    assert_int_equal(
        twin_apply_whole(f, "{\"collectors\":{\"heartbeat\":false}}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(__builtin_popcount(collect_all(f)), 2);
    assert_int_equal(
        twin_apply_patch(
            f, "{\"collectors\":{\"networkActivity\":false,\"systemInformation\":false}}", 2),
        ASC_TWIN_APPLIED);
    assert_int_equal(collect_all(f), 0);
    assert_int_equal(twin_apply_patch(f, "{\"collectors\":null}", 3), ASC_TWIN_APPLIED);
    assert_int_equal(collect_all(f), all);
}

static void test_twin__intervals_take_effect(void **state)
{
    struct twin_fixture *f = *state;
    unsigned before;

    (void)collect_all(f);
    assert_int_equal(twin_apply_whole(f, "{\"highPriorityInterval\":50}", 1), ASC_TWIN_APPLIED);
    before = f->port.sent;
    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    device_pass(&f->module, &f->port, 49000);
    assert_int_equal(f->port.sent, before);
    device_pass(&f->module, &f->port, 1000);
    assert_int_equal(f->port.sent, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWIN_TEST(test_twin__the_allow_list_has_a_limit),
        TWIN_TEST(test_twin__addresses_and_prefixes),
        TWIN_TEST(test_twin__ports_and_protocols),
        TWIN_TEST(test_twin__allowed_flows_are_withheld_and_counted),
        TWIN_TEST(test_twin__collectors_go_off_and_on),
        TWIN_TEST(test_twin__intervals_take_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
