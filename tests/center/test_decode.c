/* SPDX-License-Identifier: MIT */
/* The decoder of security messages against known answers, flatc, and everything that can be wrong with a buffer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "center/decode/security_message.h"
#include "center/event_time.h"
#include "center/json_text.h"
#include "center/limits.h"
#include "tests/center/message.h"

/* Decodes a copy of exactly the bytes, so that a read past them is seen. */
static int decode_exact(
    struct vd_security_message *message, const void *data, size_t length, char *reason)
{
    char *copy = malloc(length > 0 ? length : 1);
    int error;

    assert_non_null(copy);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    error = vd_security_message_decode(message, (struct vd_str){copy, length}, reason);
    free(copy);
    return error;
}

/* ---- Known answers ---- */

static const char *const vector_names[] = {"01_heartbeat", "02_system_information",
    "04_ipv4_tcp_udp_icmp_in_out", "05_ipv6_tcp_udp_icmp_in_out", "08_64_ipv4_flows", "12_one_flow",
    "14_other_payloads"};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void check_text(const json_t *object, const char *key, struct vd_str actual)
{
    const char *expected = text_of(object, key);

    if (expected == NULL) {
        assert_null(actual.data);
    } else {
        assert_true(vd_str_equal_text(actual, expected));
    }
}

/* The vector with 2^64 - 1 is read with all its numbers as doubles. */
static void check_number(const json_t *object, const char *key, uint64_t actual)
{
    double expected = json_number_value(json_object_get(object, key));

    if (expected >= 18446744073709551616.0) {
        assert_true(actual == UINT64_MAX);
    } else {
        assert_true(actual == (uint64_t)expected);
    }
}

static void check_address(const char *expected, const struct vd_address *actual, bool ipv6)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(actual, ipv6, text);
    assert_string_equal(text, expected);
}

static void check_enum(
    const json_t *object, const char *key, const char *const *names, uint8_t value)
{
    assert_string_equal(text_of(object, key), names[value]);
}

static void check_flow(const json_t *expected, const struct vd_flow *flow)
{
    char scratch[4];

    assert_int_equal(flow->ipv6, json_number_value(json_object_get(expected, "family")) > 5);
    check_address(text_of(expected, "local_address"), &flow->local, flow->ipv6);
    check_address(text_of(expected, "remote_address"), &flow->remote, flow->ipv6);
    check_number(expected, "local_port", flow->local_port);
    check_number(expected, "remote_port", flow->remote_port);
    check_number(expected, "bytes_in", flow->bytes_in);
    check_number(expected, "bytes_out", flow->bytes_out);
    check_number(expected, "process_id", flow->process_id);
    check_number(expected, "user_id", flow->user_id);
    check_text(expected, "executable", flow->executable);
    check_text(expected, "commandline", flow->commandline);
    assert_string_equal(text_of(expected, "protocol"), vd_protocol_name(flow->protocol, scratch));
}

static void check_port(const json_t *expected, const struct vd_listening_port *port)
{
    char scratch[4];

    check_address(text_of(expected, "local_address"), &port->local, port->ipv6);
    check_number(expected, "local_port", port->port);
    assert_string_equal(text_of(expected, "protocol"), vd_protocol_name(port->protocol, scratch));
}

static void check_baseline(const json_t *expected, const struct vd_baseline_check *check)
{
    static const char *const results[] = {"PASS", "FAIL", "ERROR"};
    static const char *const severities[] = {"CRITICAL", "IMPORTANT", "WARNING", "INFORMATIONAL"};

    check_text(expected, "id", check->id);
    check_text(expected, "error", check->error);
    check_text(expected, "description", check->description);
    check_text(expected, "remediation", check->remediation);
    check_enum(expected, "result", results, check->result);
    check_enum(expected, "severity", severities, check->severity);
}

static void check_process(const json_t *expected, const struct vd_process *process)
{
    static const char *const types[] = {"FORK", "EXEC", "EXIT"};

    check_text(expected, "executable", process->executable);
    check_text(expected, "user_name", process->user_name);
    check_text(expected, "commandline", process->commandline);
    check_number(expected, "process_id", process->process_id);
    check_number(expected, "parent_process_id", process->parent_process_id);
    check_number(expected, "user_id", process->user_id);
    check_number(expected, "hit_count", process->hit_count);
    check_enum(expected, "event_type", types, process->event_type);
}

static void check_record(const json_t *expected, const struct vd_log_record *record)
{
    static const char *const levels[] = {"NOTSET", "FATAL", "ERROR", "WARN", "INFO", "DEBUG"};

    check_text(expected, "message", record->message);
    check_text(expected, "filename", record->filename);
    check_number(expected, "timestamp", record->timestamp);
    check_number(expected, "line", record->line);
    check_enum(expected, "level", levels, record->level);
}

/* Compares the event's items with those of the vector; returns how many there were. */
static uint32_t check_items(const json_t *expected, const struct vd_security_message *m,
    const struct vd_security_event *event)
{
    uint32_t n = event->first;
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(expected, "flows"), i, item)
    {
        check_flow(item, vd_security_message_flow(m, n++));
    }
    json_array_foreach(json_object_get(expected, "ipv4_ports"), i, item)
    {
        assert_false(vd_security_message_port(m, n)->ipv6);
        check_port(item, vd_security_message_port(m, n++));
    }
    json_array_foreach(json_object_get(expected, "ipv6_ports"), i, item)
    {
        assert_true(vd_security_message_port(m, n)->ipv6);
        check_port(item, vd_security_message_port(m, n++));
    }
    json_array_foreach(json_object_get(expected, "baseline_checks"), i, item)
    {
        check_baseline(item, vd_security_message_check(m, n++));
    }
    json_array_foreach(json_object_get(expected, "logs"), i, item)
    {
        check_record(item, vd_security_message_record(m, n++));
    }
    if (event->payload == VD_PAYLOAD_PROCESS) {
        check_process(expected, vd_security_message_process(m, n++));
    }
    if (event->payload == VD_PAYLOAD_SYSTEM_INFORMATION) {
        const struct vd_system_information *s = vd_security_message_system(m, n++);

        check_text(expected, "os_info", s->os_info);
        check_text(expected, "kernel_info", s->kernel_info);
        check_text(expected, "hw_info", s->hw_info);
    }
    return n - event->first;
}

static void check_event(const json_t *expected, const struct vd_security_message *m,
    const struct vd_security_event *event)
{
    char id[VD_UUID_TEXT_SIZE];
    char compact[33];
    size_t n = 0;

    vd_uuid_format(&event->id, id);
    for (size_t i = 0; id[i] != '\0'; i++) {
        if (id[i] != '-') {
            compact[n++] = id[i];
        }
    }
    compact[n] = '\0';
    assert_string_equal(compact, text_of(expected, "id"));
    assert_string_equal(vd_payload_name(event->payload), text_of(expected, "payload"));
    check_number(expected, "time", event->time_s);
    check_number(expected, "collection_interval", event->interval_s);
    assert_int_equal(event->count, check_items(expected, m, event));
}

static json_t *load_vector(const char *folder, const char *name, struct vd_buf *bin)
{
    char path[512];
    json_t *json;

    snprintf(path, sizeof path, "%s/%s.bin", folder, name);
    test_read_file(path, bin);
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    json = json_load_file(path, 0, NULL);
    if (json == NULL) { /* an integer above 2^63 - 1 */
        json = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    }
    assert_non_null(json);
    return json;
}

static void test_decode__known_answers(void **state)
{
    const char *folder = test_vectors();

    (void)state;
    for (size_t v = 0; folder != NULL && v < sizeof vector_names / sizeof vector_names[0]; v++) {
        struct vd_security_message m = {0};
        struct vd_buf bin = {0};
        json_t *json = load_vector(folder, vector_names[v], &bin);
        json_t *events = json_object_get(json, "events");
        char reason[VD_DECODE_REASON_SIZE];
        struct vd_str body = {(char *)bin.data, bin.length};

        if (vd_security_message_decode(&m, body, reason) != VD_OK) {
            fail_msg("%s: %s", vector_names[v], reason);
        }
        check_text(json, "security_module_id", m.module_id);
        check_number(json, "security_module_version", m.version);
        assert_true(m.timezone == (int)json_number_value(json_object_get(json, "timezone")));
        assert_int_equal(m.events.count, json_array_size(events));
        for (uint32_t i = 0; i < m.events.count; i++) {
            check_event(json_array_get(events, i), &m, vd_security_message_event(&m, i));
        }
        vd_security_message_release(&m);
        vd_buf_release(&bin);
        json_decref(json);
    }
}

/* ---- What flatc builds ---- */

static const char flatc_json[] =
    "{security_module_id: \"from-flatc\", security_module_version: 50659332, timezone: -3, events: ["
    "{id: {bytes: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}, time: 1700000000,"
    " collection_interval: 10, payload_type: \"NetworkActivity\", payload: {"
    "  ipv4_activity: [{addresses: {local_address: 33554442, remote_address: 117901322},"
    "   common: {local_port: 40000, remote_port: 443, bytes_in: 1, bytes_out: 4294967295,"
    "   protocol: \"UDP\", process_id: 65535, user_id: 7, executable: \"/bin/x\","
    "   commandline: \"x \\u00e9\"}}],"
    "  ipv6_activity: [{addresses: {local_address: [1,2,3,4], remote_address: [5,6,7,8]},"
    "   common: {}}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2]}, payload_type: \"Heartbeat\", payload: {}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3]}, payload_type: \"ListeningPorts\","
    " payload: {ipv4_ports: [{local_address: 0, common: {local_port: 22, protocol: \"TCP\"}},"
    "  {local_address: 1, common: {local_port: 53, protocol: \"UDP\"}}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,4]}, payload_type: \"Process\","
    " payload: {executable: \"/sbin/init\"}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,5]}, payload_type: \"Log\","
    " payload: {logs: [{message: \"m\", level: \"WARN\", timestamp: 9007199254740993, line: 3,"
    "  filename: \"f\"}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,6]}, payload_type: \"Baseline\","
    " payload: {baseline_checks: [{id: \"b\", result: \"ERROR\", severity: \"WARNING\"}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,7]}, payload_type: \"SystemInformation\","
    " payload: {os_info: \"o\", kernel_info: \"k\", hw_info: \"h\"}}]}";

static void flatc_binary(struct vd_buf *out)
{
    test_flatc(flatc_json, out);
}

static void check_flatc_flows(const struct vd_security_message *m)
{
    const struct vd_flow *v4 = vd_security_message_flow(m, 0);
    const struct vd_flow *v6 = vd_security_message_flow(m, 1);

    assert_int_equal(m->flows.count, 2);
    check_address("10.0.0.2", &v4->local, false);
    check_address("10.8.7.7", &v4->remote, false);
    assert_int_equal(v4->local_port, 40000);
    assert_int_equal(v4->remote_port, 443);
    assert_int_equal(v4->bytes_in, 1);
    assert_int_equal(v4->bytes_out, UINT32_MAX);
    assert_int_equal(v4->protocol, 1);
    assert_int_equal(v4->process_id, 65535);
    assert_int_equal(v4->user_id, 7);
    assert_true(vd_str_equal_text(v4->executable, "/bin/x"));
    assert_true(vd_str_equal_text(v4->commandline, "x \xc3\xa9"));
    check_address("100:0:200:0:300:0:400:0", &v6->local, true);
    check_address("500:0:600:0:700:0:800:0", &v6->remote, true);
    assert_int_equal(v6->remote_port, 0);
    assert_null(v6->executable.data);
}

static void test_decode__flatc(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf bin = {0};
    char reason[VD_DECODE_REASON_SIZE];
    static const enum vd_payload payloads[] = {VD_PAYLOAD_NETWORK_ACTIVITY, VD_PAYLOAD_HEARTBEAT,
        VD_PAYLOAD_LISTENING_PORTS, VD_PAYLOAD_PROCESS, VD_PAYLOAD_LOG, VD_PAYLOAD_BASELINE,
        VD_PAYLOAD_SYSTEM_INFORMATION};

    (void)state;
    flatc_binary(&bin);
    assert_int_equal(
        vd_security_message_decode(&m, (struct vd_str){(char *)bin.data, bin.length}, reason),
        VD_OK);
    assert_true(vd_str_equal_text(m.module_id, "from-flatc"));
    assert_int_equal(m.timezone, -3);
    assert_int_equal(m.events.count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(vd_security_message_event(&m, i)->payload, payloads[i]);
        assert_int_equal(vd_security_message_event(&m, i)->id.bytes[15], i == 0 ? 16 : i + 1);
    }
    check_flatc_flows(&m);
    assert_int_equal(vd_security_message_port(&m, 1)->port, 53);
    assert_int_equal(vd_security_message_port(&m, 1)->protocol, 1);
    assert_int_equal(vd_security_message_process(&m, 0)->hit_count, 1);
    assert_true(vd_security_message_record(&m, 0)->timestamp == 9007199254740993ULL);
    assert_int_equal(vd_security_message_check(&m, 0)->result, 2);
    assert_true(vd_str_equal_text(vd_security_message_system(&m, 0)->hw_info, "h"));
    vd_security_message_release(&m);
    vd_buf_release(&bin);
}

/* ---- What a module of ours adds ---- */

static const char new_fields_json[] =
    "{security_module_id: \"ours\", events: ["
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]}, payload_type: \"NetworkActivity\", payload: {"
    "  ipv4_activity: [{addresses: {local_address: 33554442, remote_address: 117901322},"
    "    common: {bytes_in: 1, packets_in: 4294967295, opened_by: \"DEVICE\"}},"
    "   {addresses: {local_address: 33554442, remote_address: 117901322},"
    "    common: {packets_out: 3, opened_by: 7}}],"
    "  ipv6_activity: [{addresses: {local_address: [1,2,3,4], remote_address: [5,6,7,8]},"
    "    common: {packets_in: 5, packets_out: 6, opened_by: \"REMOTE\"}}],"
    "  overflow_packets: 11, overflow_bytes_in: 12, overflow_bytes_out: 4294967295,"
    "  overflow_flows: 14}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2]}, payload_type: \"Heartbeat\", payload: {}}],"
    "ledger: {boot_id: 4294967295, sequence: 2, packets_seen: 3, packets_counted: 4,"
    " packets_overflowed: 5, packets_malformed: 6, packets_given_up: 7, packets_withheld: 8,"
    " messages_kept: 9, messages_sent: 10, messages_given_up: 11}}";

static void check_ledger(const struct vd_security_message *m)
{
    assert_true(m->has_ledger);
    assert_int_equal(m->ledger.boot_id, UINT32_MAX);
    assert_int_equal(m->ledger.sequence, 2);
    assert_int_equal(m->ledger.packets_seen, 3);
    assert_int_equal(m->ledger.packets_counted, 4);
    assert_int_equal(m->ledger.packets_overflowed, 5);
    assert_int_equal(m->ledger.packets_malformed, 6);
    assert_int_equal(m->ledger.packets_given_up, 7);
    assert_int_equal(m->ledger.packets_withheld, 8);
    assert_int_equal(m->ledger.messages_kept, 9);
    assert_int_equal(m->ledger.messages_sent, 10);
    assert_int_equal(m->ledger.messages_given_up, 11);
}

static void test_decode__packets_overflow_and_ledger(void **state)
{
    static const uint32_t packets_in[] = {UINT32_MAX, 0, 5};
    static const uint32_t packets_out[] = {0, 3, 6};
    static const uint8_t opened_by[] = {1, 7, 2};
    struct vd_security_message m = {0};
    struct vd_buf bin = {0};
    char reason[VD_DECODE_REASON_SIZE];
    const struct vd_overflow *overflow;

    (void)state;
    test_flatc(new_fields_json, &bin);
    assert_int_equal(
        vd_security_message_decode(&m, (struct vd_str){(char *)bin.data, bin.length}, reason),
        VD_OK);
    assert_int_equal(m.flows.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vd_security_message_flow(&m, i)->packets_in, packets_in[i]);
        assert_int_equal(vd_security_message_flow(&m, i)->packets_out, packets_out[i]);
        assert_int_equal(vd_security_message_flow(&m, i)->opened_by, opened_by[i]);
    }
    overflow = &vd_security_message_event(&m, 0)->overflow;
    assert_int_equal(overflow->packets, 11);
    assert_int_equal(overflow->bytes_in, 12);
    assert_int_equal(overflow->bytes_out, UINT32_MAX);
    assert_int_equal(overflow->flows, 14);
    assert_int_equal(vd_security_message_event(&m, 1)->overflow.packets, 0);
    check_ledger(&m);
    vd_security_message_release(&m);
    vd_buf_release(&bin);
}

/* A message without them has none, also where one with them was decoded before. */
static void test_decode__old_message_after_a_new_one(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf bin = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    test_flatc(new_fields_json, &bin);
    assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_OK);
    assert_true(m.has_ledger);
    vd_buf_clear(&bin);
    flatc_binary(&bin);
    assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_OK);
    assert_false(m.has_ledger);
    assert_int_equal(m.ledger.packets_seen, 0);
    assert_int_equal(m.flows.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(vd_security_message_flow(&m, i)->packets_in, 0);
        assert_int_equal(vd_security_message_flow(&m, i)->packets_out, 0);
        assert_int_equal(vd_security_message_flow(&m, i)->opened_by, 0);
    }
    assert_int_equal(vd_security_message_event(&m, 0)->overflow.packets, 0);
    vd_security_message_release(&m);
    vd_buf_release(&bin);
}

struct bad_ledger {
    int from_end; /* where the vtable says that it is: from the table's end, or 0: `offset` */
    uint16_t offset;
    const char *reason; /* NULL: read as absent */
};

static uint32_t load_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void test_decode__hostile_ledger(void **state)
{
    static const struct bad_ledger cases[] = {
        {0, 0, NULL},
        {0, 1, "ledger: field outside its table"},
        {0, 65535, "ledger: field outside its table"},
        {0, 65532, "ledger: field outside its table"},
        {-40, 0, "ledger: field outside its table"},
        {-4, 0, "ledger: field outside its table"},
        {4, 0, "ledger: field outside its table"},
        {0, 6, "ledger: misaligned field"},
    };
    struct vd_security_message m = {0};
    struct vd_buf bin = {0};
    char reason[VD_DECODE_REASON_SIZE];
    size_t table;
    size_t vtable;
    int table_bytes;

    (void)state;
    test_flatc(new_fields_json, &bin);
    table = load_u32(bin.data);
    vtable = table - load_u32(bin.data + table);
    table_bytes = bin.data[vtable + 2] | bin.data[vtable + 3] << 8;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int offset =
            cases[i].from_end != 0 ? table_bytes + cases[i].from_end : (int)cases[i].offset;

        bin.data[vtable + 4 + 2 * 4] = (uint8_t)offset;
        bin.data[vtable + 4 + 2 * 4 + 1] = (uint8_t)(offset >> 8);
        reason[0] = '\0';
        if (cases[i].reason == NULL) {
            assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_OK);
            assert_int_equal(m.events.count, 2);
        } else {
            assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_E_INVALID);
            assert_string_equal(reason, cases[i].reason);
            assert_int_equal(m.events.count, 0);
        }
        assert_false(m.has_ledger);
    }
    vd_security_message_release(&m);
    vd_buf_release(&bin);
}

/* ---- Damage ---- */

static const struct test_flow flows[] = {
    {"10.0.0.2", "192.0.2.7", 40000, 443, 100, 200, 0},
    {"10.0.0.2", "198.51.100.1", 40001, 53, 1, 2, 1},
    {"2001:db8::1", "2001:db8::2", 0, 0, 5, 6, 2},
};

static void small_message(struct vd_buf *out)
{
    const struct test_event events[] = {
        {test_uuid(1), 1700000000, 10, 1, flows, 3},
        {test_uuid(2), 1700000000, 10, 4, NULL, 0},
    };

    test_message_write(out, events, 2);
}

static void test_decode__own_writer(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    small_message(&body);
    if (vd_security_message_decode(&m, (struct vd_str){(char *)body.data, body.length}, reason) !=
        VD_OK) {
        fail_msg("%s", reason);
    }
    assert_int_equal(m.events.count, 2);
    assert_int_equal(m.flows.count, 3);
    check_address("198.51.100.1", &vd_security_message_flow(&m, 1)->remote, false);
    check_address("2001:db8::2", &vd_security_message_flow(&m, 2)->remote, true);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* Every prefix is refused with a reason, and none is read past its end. */
static void check_truncations(const uint8_t *data, size_t length)
{
    struct vd_security_message m = {0};
    char reason[VD_DECODE_REASON_SIZE];

    for (size_t n = 0; n < length; n++) {
        reason[0] = '\0';
        if (decode_exact(&m, data, n, reason) == VD_OK) {
            /* Only padding may be missing. */
            assert_true(length - n < 4);
            continue;
        }
        assert_true(strlen(reason) > 0);
        assert_int_equal(m.events.count, 0);
    }
    vd_security_message_release(&m);
}

static void test_decode__truncated(void **state)
{
    struct vd_buf body = {0};
    struct vd_buf bin = {0};
    const char *folder = test_vectors();

    (void)state;
    small_message(&body);
    check_truncations(body.data, body.length);
    flatc_binary(&bin);
    check_truncations(bin.data, bin.length);
    vd_buf_clear(&bin);
    test_flatc(new_fields_json, &bin);
    check_truncations(bin.data, bin.length);
    for (size_t v = 0; folder != NULL && v < sizeof vector_names / sizeof vector_names[0]; v++) {
        char path[512];

        vd_buf_clear(&bin);
        snprintf(path, sizeof path, "%s/%s.bin", folder, vector_names[v]);
        test_read_file(path, &bin);
        check_truncations(bin.data, bin.length);
    }
    vd_buf_release(&body);
    vd_buf_release(&bin);
}

/* Whatever a changed byte makes of the message, what decodes stays within its arrays. */
static void test_decode__bit_flips(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    unsigned refused = 0;
    unsigned accepted = 0;

    (void)state;
    flatc_binary(&body);
    for (size_t i = 0; i < body.length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            body.data[i] ^= (uint8_t)(1u << bit);
            if (decode_exact(&m, body.data, body.length, reason) == VD_OK) {
                accepted++;
                for (uint32_t e = 0; e < m.events.count; e++) {
                    const struct vd_security_event *event = vd_security_message_event(&m, e);

                    assert_true(event->count <= VD_SECURITY_MESSAGE_ITEMS_MAX);
                }
            } else {
                refused++;
            }
            body.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > 0 && accepted > 0);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* ---- Reasons name the place ---- */

static size_t find_bytes(const struct vd_buf *body, const void *bytes, size_t length)
{
    const uint8_t *at = memmem(body->data, body->length, bytes, length);

    assert_non_null(at);
    return (size_t)(at - body->data);
}

static void test_decode__reason_names_place(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    static const uint8_t addresses[] = {10, 0, 0, 2, 198, 51, 100, 1};
    size_t common;

    (void)state;
    small_message(&body);
    common = find_bytes(&body, addresses, sizeof addresses) + sizeof addresses;
    memset(body.data + common, 0x7f, 4);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(reason, "events[0].payload.ipv4_activity[1].common: offset past the end");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

static void test_decode__required(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    /* The vtable of a V4 flow: {8, 16, 4, 12}; the second flow's follows the first's. */
    static const uint8_t vtable[] = {8, 0, 16, 0, 4, 0, 12, 0};
    size_t at;

    (void)state;
    small_message(&body);
    at = find_bytes(&body, vtable, sizeof vtable);
    body.data[at + 4] = 0;
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(
        reason, "events[0].payload.ipv4_activity[0].addresses: required but absent");
    body.data[at + 4] = 4;
    body.data[at + 6] = 0;
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(reason, "events[0].payload.ipv4_activity[0].common: required but absent");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

struct bad_body {
    const char *body;
    size_t length;
    const char *reason;
};

static void test_decode__not_a_message(void **state)
{
    static const struct bad_body bodies[] = {
        {"", 0, "empty body"},
        {"abc", 3, "not a message: shorter than a root offset"},
        {" {\"AgentVersion\":\"1\"}", 21, "not a FlatBuffers message (looks like JSON)"},
        {"\0\0\0\0\0\0\0\0", 8, "not a message: offset of zero"},
        {"\xff\xff\xff\xff\0\0\0\0", 8, "not a message: offset past the end"},
        {"\x04\0\0\0\0\0\0\0", 8, "not a message: vtable with a bad length"},
        {"\x04\0\0\0\xff\xff\xff\x7f", 8, "not a message: vtable outside the buffer"},
        {"\x05\0\0\0\0\0\0\0\0\0\0\0", 12, "not a message: misaligned offset"},
    };
    struct vd_security_message m = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(decode_exact(&m, bodies[i].body, bodies[i].length, reason), VD_E_INVALID);
        assert_string_equal(reason, bodies[i].reason);
    }
    vd_security_message_release(&m);
}

/* An event of a later version is kept; its payload is left alone. */
static void test_decode__unknown_payload(void **state)
{
    const struct test_event event = {test_uuid(9), 1, 2, 42, NULL, 0};
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_OK);
    assert_int_equal(vd_security_message_event(&m, 0)->payload, VD_PAYLOAD_UNKNOWN);
    assert_int_equal(vd_security_message_event(&m, 0)->payload_type, 42);
    assert_string_equal(vd_payload_name(VD_PAYLOAD_UNKNOWN), "Unknown");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* A vector whose every offset leads to the one table there is: small on the wire, large in memory. */
static void test_decode__unfolding_is_bounded(void **state)
{
    static const struct test_flow one = {"10.0.0.2", "192.0.2.7", 1, 2, 3, 4, 0};
    struct test_flow *many = calloc(60000, sizeof *many);
    struct test_event event = {test_uuid(1), 1, 1, 1, many, 0};
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    for (size_t i = 0; i < 60000; i++) {
        many[i] = one;
    }
    event.flow_count = VD_SECURITY_MESSAGE_TABLES_MAX / 2 - 8;
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_OK);
    assert_int_equal(m.flows.count, event.flow_count);
    event.flow_count = VD_SECURITY_MESSAGE_TABLES_MAX / 2 + 8;
    vd_buf_clear(&body);
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_non_null(strstr(reason, "too many tables"));
    free(many);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* ---- Times, and text as JSON ---- */

static void test_event_time__bounds(void **state)
{
    static const int64_t now = 1764000000000;
    struct vd_event_time t = vd_event_time_judge(now, (uint32_t)(now / 1000 - 60), 10);

    (void)state;
    assert_true(t.trusted);
    assert_int_equal(t.end_ms, now - 60000);
    assert_int_equal(t.start_ms, now - 70000);
    t = vd_event_time_judge(now, 0, 10);
    assert_false(t.trusted);
    assert_int_equal(t.end_ms, now);
    assert_int_equal(t.start_ms, now - 10000);
    assert_int_equal(t.device_ms, 0);
    assert_true(vd_event_time_judge(now, (uint32_t)(now / 1000 + 86400), 0).trusted);
    assert_false(vd_event_time_judge(now, (uint32_t)(now / 1000 + 86401), 0).trusted);
    assert_true(vd_event_time_judge(now, (uint32_t)(now / 1000 - 30 * 86400), 0).trusted);
    assert_false(vd_event_time_judge(now, (uint32_t)(now / 1000 - 30 * 86400 - 1), 0).trusted);
    t = vd_event_time_judge(now, (uint32_t)(now / 1000), UINT32_MAX);
    assert_int_equal(t.start_ms, t.end_ms);
}

struct json_case {
    const char *text;
    size_t length;
    const char *json;
};

static void test_json_text__escapes_and_repairs(void **state)
{
    static const struct json_case cases[] = {
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\0\n\x7f", 3, "\"\\u0000\\u000a\\u007f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", 1, "\"\xef\xbf\xbd\""},
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_buf out = {0};
        json_t *value;

        vd_json_append_string(&out, (struct vd_str){cases[i].text, cases[i].length});
        assert_int_equal(out.length, strlen(cases[i].json));
        assert_memory_equal(out.data, cases[i].json, out.length);
        value = json_loadb((char *)out.data, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        json_decref(value);
        vd_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__known_answers),
        cmocka_unit_test(test_decode__flatc),
        cmocka_unit_test(test_decode__packets_overflow_and_ledger),
        cmocka_unit_test(test_decode__old_message_after_a_new_one),
        cmocka_unit_test(test_decode__hostile_ledger),
        cmocka_unit_test(test_decode__own_writer),
        cmocka_unit_test(test_decode__truncated),
        cmocka_unit_test(test_decode__bit_flips),
        cmocka_unit_test(test_decode__reason_names_place),
        cmocka_unit_test(test_decode__required),
        cmocka_unit_test(test_decode__not_a_message),
        cmocka_unit_test(test_decode__unknown_payload),
        cmocka_unit_test(test_decode__unfolding_is_bounded),
        cmocka_unit_test(test_event_time__bounds),
        cmocka_unit_test(test_json_text__escapes_and_repairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
