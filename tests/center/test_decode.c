/* SPDX-License-Identifier: MIT */
/* The decoder of security messages against known answers, flatc, and what a module of ours adds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/center/decode_cases.h"

/* ---- Known answers ---- */

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

static void check_enum(
    const json_t *object, const char *key, const char *const *names, uint8_t value)
{
    assert_string_equal(text_of(object, key), names[value]);
}

static void check_flow(const json_t *expected, const struct vd_flow *flow)
{
    char scratch[4];

    assert_int_equal(flow->ipv6, json_number_value(json_object_get(expected, "family")) > 5);
    decode_check_address(text_of(expected, "local_address"), &flow->local, flow->ipv6);
    decode_check_address(text_of(expected, "remote_address"), &flow->remote, flow->ipv6);
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

    decode_check_address(text_of(expected, "local_address"), &port->local, port->ipv6);
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
    for (size_t v = 0; folder != NULL && v < DECODE_VECTORS; v++) {
        struct vd_security_message m = {0};
        struct vd_buf bin = {0};
        json_t *json = load_vector(folder, decode_vectors[v], &bin);
        json_t *events = json_object_get(json, "events");
        char reason[VD_DECODE_REASON_SIZE];
        struct vd_str body = {(char *)bin.data, bin.length};

        if (vd_security_message_decode(&m, body, reason) != VD_OK) {
            fail_msg("%s: %s", decode_vectors[v], reason);
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

static void check_flatc_flows(const struct vd_security_message *m)
{
    const struct vd_flow *v4 = vd_security_message_flow(m, 0);
    const struct vd_flow *v6 = vd_security_message_flow(m, 1);

    assert_int_equal(m->flows.count, 2);
    decode_check_address("10.0.0.2", &v4->local, false);
    decode_check_address("10.8.7.7", &v4->remote, false);
    assert_int_equal(v4->local_port, 40000);
    assert_int_equal(v4->remote_port, 443);
    assert_int_equal(v4->bytes_in, 1);
    assert_int_equal(v4->bytes_out, UINT32_MAX);
    assert_int_equal(v4->protocol, 1);
    assert_int_equal(v4->process_id, 65535);
    assert_int_equal(v4->user_id, 7);
    assert_true(vd_str_equal_text(v4->executable, "/bin/x"));
    assert_true(vd_str_equal_text(v4->commandline, "x \xc3\xa9"));
    decode_check_address("100:0:200:0:300:0:400:0", &v6->local, true);
    decode_check_address("500:0:600:0:700:0:800:0", &v6->remote, true);
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
    decode_old_message(&bin);
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
    decode_new_message(&bin);
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
    decode_new_message(&bin);
    assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_OK);
    assert_true(m.has_ledger);
    vd_buf_clear(&bin);
    decode_old_message(&bin);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__known_answers),
        cmocka_unit_test(test_decode__flatc),
        cmocka_unit_test(test_decode__packets_overflow_and_ledger),
        cmocka_unit_test(test_decode__old_message_after_a_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
