/* SPDX-License-Identifier: MIT */
/* Tests of the encoder: flatc reads what went in, in the bytes that a message may take. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_flow_table.h"
#include "tests/device/device_test.h"
#include "tests/device/flatc.h"
#include "tests/device/message_check.h"

static struct device_port port;
static struct asc_module m;
static struct check_message message;

/* --- Comparing ---------------------------------------------------------------------------------- */

static void assert_number(const json_t *object, const char *key, double value)
{
    const json_t *number = json_object_get(object, key);

    if (!json_is_real(number) || json_real_value(number) != value) {
        fail_msg("%s is %f, not %f", key, json_real_value(number), value);
    }
}

static void assert_text(const json_t *object, const char *key, const char *value)
{
    const json_t *text = json_object_get(object, key);

    if (value == NULL) {
        assert_null(text);
    } else {
        assert_true(json_is_string(text));
        assert_string_equal(json_string_value(text), value);
    }
}

/* Numbers of an array, or one number, as the bytes that they are on the wire. */
static void wire_bytes(const json_t *json, uint8_t *out, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        const json_t *word = json_is_array(json) ? json_array_get(json, i) : json;

        assert_true(json_is_real(word));
        asc_put_le32(out + 4 * i, (uint32_t)json_real_value(word));
    }
}

static void assert_flow(const json_t *json, const struct check_flow *flow)
{
    static const char *const protocols[] = {"TCP", "UDP", "ICMP"};
    static const char *const openers[] = {"UNKNOWN", "DEVICE", "REMOTE"};
    const json_t *addresses = json_object_get(json, "addresses");
    const json_t *common = json_object_get(json, "common");
    const size_t words = flow->ipv6 ? 4 : 1;
    uint8_t bytes[16];

    wire_bytes(json_object_get(addresses, "local_address"), bytes, words);
    assert_memory_equal(bytes, flow->local, 4 * words);
    wire_bytes(json_object_get(addresses, "remote_address"), bytes, words);
    assert_memory_equal(bytes, flow->remote, 4 * words);
    assert_number(common, "local_port", flow->local_port);
    assert_number(common, "remote_port", flow->remote_port);
    assert_number(common, "bytes_in", flow->bytes_in);
    assert_number(common, "bytes_out", flow->bytes_out);
    assert_number(common, "packets_in", flow->packets_in);
    assert_number(common, "packets_out", flow->packets_out);
    assert_text(common, "protocol", protocols[flow->protocol]);
    assert_text(common, "opened_by", openers[flow->opened_by]);
}

static void assert_flows(const json_t *payload, const struct check_flow *flows, unsigned count)
{
    const json_t *v4 = json_object_get(payload, "ipv4_activity");
    const json_t *v6 = json_object_get(payload, "ipv6_activity");
    const size_t count4 = json_array_size(v4);

    assert_int_equal(count4 + json_array_size(v6), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(flows[i].ipv6, i >= count4);
        assert_flow(i < count4 ? json_array_get(v4, i) : json_array_get(v6, i - count4), &flows[i]);
    }
}

static void assert_event(const json_t *json, const struct check_event *event)
{
    static const char *const payloads[] = {
        [1] = "NetworkActivity", [2] = "SystemInformation", [4] = "Heartbeat"};
    static const char *const information[] = {"os_info", "kernel_info", "hw_info"};
    const json_t *id = json_object_get(json_object_get(json, "id"), "bytes");
    const json_t *payload = json_object_get(json, "payload");

    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(json_real_value(json_array_get(id, i)), event->id[i]);
    }
    assert_number(json, "time", event->time);
    assert_number(json, "collection_interval", event->interval);
    assert_text(json, "payload_type", payloads[event->payload]);
    if (event->payload == 1) {
        assert_flows(payload, message.flow, message.flows);
    } else if (event->payload == 2) {
        for (size_t i = 0; i < 3; i++) {
            assert_text(payload, information[i], event->information[i]);
        }
    } else {
        assert_int_equal(json_object_size(payload), 0);
    }
}

static void assert_ledger(const json_t *json, const uint32_t *ledger)
{
    static const char *const names[CHECK_LEDGER_WORDS] = {"boot_id", "sequence", "packets_seen",
        "packets_counted", "packets_overflowed", "packets_malformed", "packets_given_up",
        "packets_withheld", "messages_kept", "messages_sent", "messages_given_up"};

    for (unsigned i = 0; i < CHECK_LEDGER_WORDS; i++) {
        assert_number(json, names[i], ledger[i]);
    }
}

/* flatc and the checker read the same; the checker is what the inputs are compared with. */
static void assert_same_reading(const json_t *json, const uint8_t *bytes, uint32_t length)
{
    const char *wrong = check_message(bytes, length, &message);
    const json_t *events = json_object_get(json, "events");

    if (wrong != NULL) {
        fail_msg("the checker says: %s", wrong);
    }
    assert_text(json, "security_module_id", message.id);
    assert_number(json, "security_module_version", message.version);
    assert_number(json, "timezone", message.timezone);
    assert_ledger(json_object_get(json, "ledger"), message.ledger);
    assert_int_equal(json_array_size(events), message.events);
    for (size_t i = 0; i < message.events; i++) {
        assert_event(json_array_get(events, i), &message.event[i]);
    }
}

/* --- Random messages ---------------------------------------------------------------------------- */

/* Numbers that are often at an edge. */
static uint32_t edgy(uint64_t *seed)
{
    static const uint32_t edges[] = {0, 0, 1, 255, 256, 65535, 65536, INT32_MAX, UINT32_MAX};
    const uint32_t which = device_random(seed) % 16;

    return which < sizeof edges / sizeof edges[0] ? edges[which] : device_random(seed);
}

static struct check_flow random_flow(uint64_t *seed, bool ipv6)
{
    struct check_flow flow = {.ipv6 = ipv6, .protocol = (uint8_t)(device_random(seed) % 3)};

    for (unsigned i = 0; i < (ipv6 ? 4u : 1u); i++) {
        asc_put_le32(flow.local + (size_t)i * 4, device_random(seed) % 2);
        asc_put_le32(flow.remote + (size_t)i * 4, edgy(seed));
    }
    flow.local_port = (uint16_t)edgy(seed);
    flow.remote_port = (uint16_t)edgy(seed);
    flow.bytes_in = edgy(seed);
    flow.bytes_out = edgy(seed) | (flow.bytes_in == 0);
    flow.packets_in = flow.bytes_in == 0 ? 0 : edgy(seed) % ASC_FLOW_PACKETS_MAX + 1;
    flow.packets_out = flow.bytes_out == 0 ? 0 : edgy(seed) % ASC_FLOW_PACKETS_MAX + 1;
    flow.opened_by = flow.protocol == 0 ? (uint8_t)(device_random(seed) % 3) : 0;
    return flow;
}

/* Lays a flow into the table as the hook would have. */
static void lay_flow(const struct check_flow *flow, unsigned i)
{
    const struct asc_flow_table t =
        flow->ipv6 ? asc_flow_table6(&m.network) : asc_flow_table4(&m.network);
    const unsigned local = i % ASC_LOCALS;
    const uint8_t ports[] = {(uint8_t)(flow->remote_port >> 8), (uint8_t)flow->remote_port,
        (uint8_t)(flow->local_port >> 8), (uint8_t)flow->local_port};

    memcpy(&t.ports[i], ports, sizeof ports);
    t.bytes[i][ASC_IN] = flow->bytes_in;
    t.bytes[i][ASC_OUT] = flow->bytes_out;
    t.packets[i][ASC_IN] = (asc_flow_packets)flow->packets_in;
    t.packets[i][ASC_OUT] = (asc_flow_packets)flow->packets_out;
    t.kind[i] = (uint8_t)(flow->protocol | (unsigned)flow->opened_by << ASC_KIND_OPENER |
        local << ASC_KIND_LOCAL);
    t.next[i] = ASC_FLOW_NONE;
    memcpy(t.remote + (size_t)i * t.words, flow->remote, t.words * 4u);
    memcpy(t.local + (size_t)local * t.words, flow->local, t.words * 4u);
}

struct expected {
    unsigned count4;
    unsigned count6;
    struct check_flow flow4[ASC_FLOWS4];
    struct check_flow flow6[ASC_FLOWS6];
};

/* Flows that share a local address index must share the address. */
static void random_flows(uint64_t *seed, struct expected *e)
{
    e->count4 = device_random(seed) % 4 == 0 ? 0 : device_random(seed) % (ASC_FLOWS4 + 1);
    e->count6 = device_random(seed) % 4 == 0 ? 0 : device_random(seed) % (ASC_FLOWS6 + 1);
    for (unsigned i = 0; i < e->count4; i++) {
        e->flow4[i] = random_flow(seed, false);
        if (i >= ASC_LOCALS) {
            memcpy(e->flow4[i].local, e->flow4[i % ASC_LOCALS].local, 16);
        }
        lay_flow(&e->flow4[i], i);
    }
    for (unsigned i = 0; i < e->count6; i++) {
        e->flow6[i] = random_flow(seed, true);
        if (i >= ASC_LOCALS) {
            memcpy(e->flow6[i].local, e->flow6[i % ASC_LOCALS].local, 16);
        }
        lay_flow(&e->flow6[i], i);
    }
    m.network.flows4.count = (uint16_t)e->count4;
    m.network.flows6.count = (uint16_t)e->count6;
}

static void start(uint64_t *seed)
{
    static char id[ASC_SECURITY_MODULE_ID_MAX + 1];
    static char text[3][2 * ASC_SYSTEM_INFORMATION_STRING_MAX];
    struct asc_settings settings = device_settings();

    memset(id, 'i', sizeof id);
    id[1 + device_random(seed) % ASC_SECURITY_MODULE_ID_MAX] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        memset(text[i], 'a' + (int)i, sizeof text[i]);
        text[i][device_random(seed) % sizeof text[i]] = '\0';
    }
    memset(&port, 0, sizeof port);
    port.seed = *seed;
    port.utc_s = edgy(seed);
    port.information.os = device_random(seed) % 4 == 0 ? NULL : text[0];
    port.information.kernel = device_random(seed) % 4 == 0 ? NULL : text[1];
    port.information.hw = device_random(seed) % 4 == 0 ? NULL : text[2];
    settings.security_module_id = id;
    settings.timezone_hours = (int8_t)(device_random(seed) % 27 - 12);
    device_start(&m, &port, &settings);
}

static void assert_expected_flow(const struct check_flow *read, const struct check_flow *expected)
{
    assert_memory_equal(read->local, expected->local, sizeof read->local);
    assert_memory_equal(read->remote, expected->remote, sizeof read->remote);
    assert_int_equal(read->local_port, expected->local_port);
    assert_int_equal(read->remote_port, expected->remote_port);
    assert_int_equal(read->bytes_in, expected->bytes_in);
    assert_int_equal(read->bytes_out, expected->bytes_out);
    assert_int_equal(read->packets_in, expected->packets_in);
    assert_int_equal(read->packets_out, expected->packets_out);
    assert_int_equal(read->protocol, expected->protocol);
    assert_int_equal(read->opened_by, expected->opened_by);
}

/* The module's messages hold all flows that went in, each once and in order. */
static void assert_all_flows(const struct expected *e)
{
    unsigned next4 = 0;
    unsigned next6 = 0;

    for (unsigned i = 0; i < port.sent; i++) {
        const char *wrong = check_message(port.message[i].bytes, port.message[i].length, &message);

        if (wrong != NULL) {
            fail_msg("message %u of %u: %s", i, port.sent, wrong);
        }
        for (unsigned j = 0; j < message.flows; j++) {
            if (message.flow[j].ipv6) {
                assert_true(next6 < e->count6);
                assert_expected_flow(&message.flow[j], &e->flow6[next6++]);
            } else {
                assert_true(next4 < e->count4);
                assert_expected_flow(&message.flow[j], &e->flow4[next4++]);
            }
        }
    }
    assert_int_equal(next4, e->count4);
    assert_int_equal(next6, e->count6);
}

static void collect_random(uint64_t *seed, struct expected *e)
{
    start(seed);
    random_flows(seed, e);
    device_pass(&m, &port, 10000 + device_random(seed) % 5000);
    assert_true(port.sent >= 1 && port.sent < DEVICE_SENT_MAX);
}

static void test_message__random_tables(void **state)
{
    static struct expected e;
    uint64_t seed = 1181783497276652981u;

    (void)state;
    for (unsigned i = 0; i < 1500; i++) {
        collect_random(&seed, &e);
        assert_all_flows(&e);
    }
}

static void test_message__flatc_reads_random_tables(void **state)
{
    static struct device_sent kept[FLATC_MESSAGES_MAX];
    static struct expected e;
    struct flatc flatc;
    uint64_t seed = 362436069u;

    (void)state;
    flatc_open(&flatc);
    while (flatc.count < 200) {
        collect_random(&seed, &e);
        assert_all_flows(&e);
        for (unsigned i = 0; i < port.sent; i++) {
            kept[flatc.count] = port.message[i];
            flatc_add(&flatc, port.message[i].bytes, port.message[i].length);
        }
    }
    assert_int_equal(flatc_decode(&flatc), 0);
    for (unsigned i = 0; i < flatc.count; i++) {
        json_t *json = flatc_json(&flatc, i);

        assert_same_reading(json, kept[i].bytes, kept[i].length);
        json_decref(json);
    }
    flatc_close(&flatc);
}

/* Every combination of fields that may be left out, in messages of each family. */
static void test_message__every_combination_of_fields(void **state)
{
    static struct expected e;
    uint64_t seed = 5;

    (void)state;
    start(&seed);
    memset(&e, 0, sizeof e);
    for (unsigned i = 0; i < 128; i++) {
        struct check_flow flow = {.ipv6 = i % 2 == 1, .local = {10}, .remote = {(uint8_t)i}};

        flow.local_port = i & 2 ? 4000 : 0;
        flow.remote_port = i & 4 ? 443 : 0;
        flow.packets_in = i & 8 ? 7 : 0;
        flow.packets_out = i & 16 || flow.packets_in == 0 ? 9 : 0;
        flow.bytes_in = flow.packets_in * (i & 1);
        flow.bytes_out = flow.packets_out * 100;
        flow.protocol = i & 32 ? ASC_PROTOCOL_UDP : ASC_PROTOCOL_TCP;
        flow.opened_by = (i & 96) == 64 ? ASC_OPENER_REMOTE : ASC_OPENER_UNKNOWN;
        lay_flow(&flow, i / 2);
        if (flow.ipv6) {
            e.flow6[e.count6++] = flow;
        } else {
            e.flow4[e.count4++] = flow;
        }
    }
    m.network.flows4.count = (uint16_t)e.count4;
    m.network.flows6.count = (uint16_t)e.count6;
    device_pass(&m, &port, 10000);
    assert_all_flows(&e);
}

/* --- Sizes -------------------------------------------------------------------------------------- */

static uint32_t bytes_with(unsigned flows, bool ipv6, bool both_ways, unsigned protocol)
{
    const struct asc_settings settings = device_settings();

    memset(&port, 0, sizeof port);
    device_start(&m, &port, &settings);
    device_pass(&m, &port, 10000); /* heartbeat and the like go first */
    for (unsigned i = 0; i < flows; i++) {
        struct check_flow flow = {.ipv6 = ipv6,
            .local = {10},
            .remote = {(uint8_t)i},
            .local_port = 40000,
            .remote_port = 443,
            .bytes_out = 100,
            .packets_out = 1,
            .protocol = (uint8_t)protocol};

        flow.bytes_in = both_ways ? 200 : 0;
        flow.packets_in = both_ways ? 2 : 0;
        lay_flow(&flow, i);
    }
    if (ipv6) {
        m.network.flows6.count = (uint16_t)flows;
    } else {
        m.network.flows4.count = (uint16_t)flows;
    }
    device_pass(&m, &port, 10000);
    assert_int_equal(port.sent, 2);
    assert_null(check_message(port.message[1].bytes, port.message[1].length, &message));
    assert_int_equal(message.flows, flows);
    return port.message[1].length;
}

/* Fields of old, and the packets each way, which the old module had not. */
static void test_message__bytes_of_a_flow(void **state)
{
    static const struct {
        bool ipv6;
        bool both_ways;
        unsigned protocol;
        uint32_t bytes;
    } rows[] = {
        {false, false, 0, 32 + 4},
        {false, true, 0, 36 + 8},
        {false, true, 1, 40 + 8},
        {false, false, 1, 36 + 4},
        {true, false, 0, 56 + 4},
        {true, true, 0, 60 + 8},
        {true, true, 1, 64 + 8},
        {true, false, 2, 60 + 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint32_t few = bytes_with(2, rows[i].ipv6, rows[i].both_ways, rows[i].protocol);
        const uint32_t many = bytes_with(32, rows[i].ipv6, rows[i].both_ways, rows[i].protocol);

        assert_int_equal((many - few) / 30, rows[i].bytes);
    }
    /* The old module's message with one flow took 192 bytes, with an id of 24 characters, not 11, no
     * ledger, and no packets, which need a longer vtable too. */
    assert_in_range(bytes_with(1, false, false, 0), 1, 192 - 12 + 48 + 4 + 16);
}

/* The longest of everything: still each message takes some flows of both families. */
static void test_message__worst_case_makes_progress(void **state)
{
    static struct expected e;
    static char id[ASC_SECURITY_MODULE_ID_MAX + 1];
    static char text[ASC_SYSTEM_INFORMATION_STRING_MAX + 1];
    struct asc_settings settings = device_settings();
    uint64_t seed = 9;

    (void)state;
    memset(id, 'i', sizeof id - 1);
    memset(text, 't', sizeof text - 1);
    memset(&port, 0, sizeof port);
    memset(&e, 0, sizeof e);
    port.utc_s = 1;
    port.information = (struct asc_system_information){text, text, text};
    settings.security_module_id = id;
    settings.timezone_hours = -12;
    device_start(&m, &port, &settings);
    for (unsigned i = 0; i < ASC_FLOWS4 + ASC_FLOWS6; i++) {
        struct check_flow flow = random_flow(&seed, i >= ASC_FLOWS4);

        memset(flow.local, 1, flow.ipv6 ? 16 : 4);
        flow.local_port = 1;
        flow.remote_port = 1;
        flow.bytes_in = 1;
        flow.bytes_out = 1;
        flow.packets_in = 1;
        flow.packets_out = 1;
        flow.protocol = 1;
        flow.opened_by = 0;
        lay_flow(&flow, i % ASC_FLOWS4);
        if (flow.ipv6) {
            e.flow6[e.count6++] = flow;
        } else {
            e.flow4[e.count4++] = flow;
        }
    }
    m.network.flows4.count = ASC_FLOWS4;
    m.network.flows6.count = ASC_FLOWS6;
    device_pass(&m, &port, 10000);
    assert_all_flows(&e);
    assert_null(check_message(port.message[0].bytes, port.message[0].length, &message));
    assert_int_equal(message.events, 3);
    assert_true(message.flows >= 2 && message.flow[message.flows - 1].ipv6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message__random_tables),
        cmocka_unit_test(test_message__flatc_reads_random_tables),
        cmocka_unit_test(test_message__every_combination_of_fields),
        cmocka_unit_test(test_message__bytes_of_a_flow),
        cmocka_unit_test(test_message__worst_case_makes_progress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
