/* SPDX-License-Identifier: MIT */
/* JSON security messages: what each kind becomes, and which bodies are read as JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/decode/json_message.h"
#include "proto/protocol.h"
#include "tests/center/json_cases.h"
#include "tests/center/message.h"

/* ---- What it becomes ---- */

static void check_text(struct vd_str actual, const char *expected)
{
    assert_non_null(actual.data);
    assert_int_equal(actual.length, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.length);
}

static const struct vd_flow *decode_flow(const char *remote, const char *local, const char *port)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    json_t *item = json_item_new(kind, true);

    json_object_set_new(item, "RemoteAddress", json_string(remote));
    json_object_set_new(item, "RemotePort", json_string(port));
    json_object_set_new(item, "Protocol", json_string("UDP"));
    json_object_set_new(item, "Direction", json_string("Out"));
    if (local != NULL) {
        json_object_set_new(item, "LocalAddress", json_string(local));
    }
    json_check_accepted(json_decode_item(kind, item));
    assert_int_equal(json_decoded.flows.count, 1);
    return vd_security_message_flow(&json_decoded, 0);
}

static void check_address(const char *expected, const struct vd_address *address, bool ipv6)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(address, ipv6, text);
    assert_string_equal(text, expected);
}

static void test_json__connection(void **state)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    const struct vd_security_event *event;
    const struct vd_flow *flow;

    (void)state;
    json_check_accepted(json_decode_event(json_event_new(kind, 0x17, NULL)));
    check_text(json_decoded.version_text, "1.2.3-beta");
    check_text(json_decoded.module_id, "6DFF0F76-4d4b-4b5e-8d3f-1d7a2c9e0b42");
    event = vd_security_message_event(&json_decoded, 0);
    assert_int_equal(event->id.bytes[15], 0x17);
    assert_int_equal(event->time_s, 1764000000);
    assert_int_equal(event->interval_s, 0);
    assert_int_equal(event->payload, VD_PAYLOAD_NETWORK_ACTIVITY);
    assert_int_equal(event->count, 1);
    check_text(event->name, "ConnectionCreate");
    check_text(event->type, "Security");
    check_text(event->category, "Triggered");
    flow = vd_security_message_flow(&json_decoded, event->first);
    check_address("192.0.2.7", &flow->remote, flow->ipv6);
    check_address("192.0.2.7", &flow->local, flow->ipv6);
    assert_int_equal(flow->remote_port, 443);
    assert_int_equal(flow->local_port, 443);
    assert_int_equal(flow->protocol, 255);
    assert_int_equal(flow->opened_by, 2);
    assert_int_equal(flow->process_id, 7);
    check_text(flow->executable, "a text");
    check_text(flow->commandline, "a text");
}

static void test_json__connection_addresses_and_ports(void **state)
{
    const struct vd_flow *flow = decode_flow("2001:db8::7", NULL, "*");

    (void)state;
    check_address("2001:db8::7", &flow->remote, flow->ipv6);
    check_address("::", &flow->local, flow->ipv6);
    assert_int_equal(flow->remote_port, 0);
    assert_int_equal(flow->protocol, 1);
    assert_int_equal(flow->opened_by, 1);
    flow = decode_flow("192.0.2.1", NULL, "53-54");
    assert_false(flow->ipv6);
    assert_true(vd_address_is_ipv4(&flow->local));
    check_address("0.0.0.0", &flow->local, flow->ipv6);
    assert_int_equal(flow->remote_port, 0);
    flow = decode_flow("192.0.2.1", "2001:db8::1", "65535");
    assert_true(flow->ipv6);
    check_address("::ffff:192.0.2.1", &flow->remote, flow->ipv6);
    assert_int_equal(flow->remote_port, 65535);
}

static void test_json__other_kinds(void **state)
{
    json_t *events = json_array();

    (void)state;
    for (unsigned k = 0; k < JSON_KINDS; k++) {
        json_array_append_new(events, json_event_new(&json_kinds[k], k, NULL));
    }
    json_check_accepted(json_decode(json_message_new(events)));
    assert_int_equal(json_decoded.flows.count, 1);
    assert_int_equal(json_decoded.ports.count, 1);
    assert_int_equal(json_decoded.systems.count, 1);
    assert_int_equal(json_decoded.checks.count, 1);
    assert_int_equal(json_decoded.processes.count, 2);
    assert_int_equal(json_decoded.records.count, 1);
    assert_int_equal(vd_security_message_process(&json_decoded, 0)->event_type, 1);
    assert_int_equal(vd_security_message_process(&json_decoded, 1)->event_type, 2);
    assert_int_equal(vd_security_message_process(&json_decoded, 1)->process_id, 7);
    assert_int_equal(vd_security_message_record(&json_decoded, 0)->level, 1);
    assert_int_equal(vd_security_message_event(&json_decoded, 4)->first, 1);
    assert_int_equal(vd_security_message_event(&json_decoded, 2)->payload, VD_PAYLOAD_ITEMS);
    assert_int_equal(vd_security_message_event(&json_decoded, 2)->count, 0);
    assert_int_equal(json_array_size(vd_security_message_event(&json_decoded, 2)->items), 1);
    check_text(vd_security_message_system(&json_decoded, 0)->os_info, "a text");
    check_text(vd_security_message_check(&json_decoded, 0)->id, "a text");
}

static void test_json__listening_ports(void **state)
{
    const struct json_kind *kind = json_kind_named("ListeningPorts");
    json_t *item = json_item_new(kind, true);

    (void)state;
    json_object_set_new(item, "LocalPort", json_string("22,1000-2000"));
    json_object_set_new(item, "Protocol", json_string("tcp"));
    json_check_accepted(json_decode_item(kind, item));
    assert_int_equal(json_decoded.ports.count, 2);
    assert_int_equal(vd_security_message_port(&json_decoded, 0)->port, 22);
    assert_int_equal(vd_security_message_port(&json_decoded, 0)->port_last, 22);
    assert_int_equal(vd_security_message_port(&json_decoded, 1)->port, 1000);
    assert_int_equal(vd_security_message_port(&json_decoded, 1)->port_last, 2000);
    assert_int_equal(vd_security_message_port(&json_decoded, 1)->protocol, 0);
    assert_int_equal(vd_security_message_event(&json_decoded, 0)->count, 2);
}

/* What does not fit the plain structs is 0 there; the item has it. */
static void test_json__numbers_that_do_not_fit(void **state)
{
    static const struct {
        json_int_t process;
        const char *user;
        unsigned process_expected;
        unsigned user_expected;
    } cases[] = {
        {4294967295, "4294967295", 4294967295U, 4294967295U},
        {4294967296, "4294967296", 0, 0},
        {-1, "-1", 0, 0},
        {1, "S-1-5-18", 1, 0},
        {1, "", 1, 0},
        {1, "99999999999999999999999", 1, 0},
    };
    const struct json_kind *kind = json_kind_named("ProcessCreate");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *item = json_item_new(kind, false);

        json_object_set_new(item, "ProcessId", json_integer(cases[i].process));
        json_object_set_new(item, "UserId", json_string(cases[i].user));
        json_check_accepted(json_decode_item(kind, item));
        assert_int_equal(
            vd_security_message_process(&json_decoded, 0)->process_id, cases[i].process_expected);
        assert_int_equal(
            vd_security_message_process(&json_decoded, 0)->user_id, cases[i].user_expected);
    }
}

static void test_json__times(void **state)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.999Z", 1},
        {"1969-12-31T23:59:59Z", 0},
        {"2025-11-24T17:30:00.5+01:30", 1764000000},
        {"2106-02-07T06:28:15Z", 4294967295U},
        {"2106-02-07T06:28:16Z", 0},
        {"9999-12-31T23:59:59Z", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *event = json_event_new(&json_kinds[0], 1, NULL);

        json_object_set_new(event, "TimestampUTC", json_string(cases[i].text));
        json_check_accepted(json_decode_event(event));
        assert_int_equal(vd_security_message_event(&json_decoded, 0)->time_s, cases[i].seconds);
    }
}

/* ---- Which of both it is ---- */

static int decode_any(const char *properties, const void *data, size_t length)
{
    json_reason[0] = '\0';
    return vd_device_message_decode(&json_decoded, vd_str_from(properties),
        (struct vd_str){(const char *)data, length}, json_reason);
}

/* Every root offset that a body of 256 KiB can have, also those whose bytes read as JSON. */
static void test_json__no_flatbuffer_is_taken_for_json(void **state)
{
    uint8_t start[8] = {'{', '"', 'A', 0, '"', ':', '1', '}'};

    (void)state;
    for (uint32_t offset = 0; offset < VD_MESSAGE_BODY_MAX_BYTES; offset++) {
        for (int i = 0; i < 4; i++) {
            start[i] = (uint8_t)(offset >> (8 * i));
        }
        assert_false(vd_json_message_is((struct vd_str){(const char *)start, sizeof start}));
    }
    assert_true(vd_json_message_is(VD_STR_LITERAL("{}")));
    assert_true(vd_json_message_is(VD_STR_LITERAL(" \r\n\t {")));
    assert_true(vd_json_message_is(VD_STR_LITERAL("[1]")));
    assert_false(vd_json_message_is(VD_STR_LITERAL("")));
    assert_false(vd_json_message_is(VD_STR_LITERAL("   ")));
    assert_false(vd_json_message_is(VD_STR_LITERAL("\"text\"")));
}

static void test_json__content_type(void **state)
{
    static const struct {
        const char *properties;
        bool is_accepted;
    } cases[] = {
        {"", true},
        {"a=b&%24.ce=utf-8", true},
        {"%24.ct=application%2Fjson", true},
        {"%24.ct=Application%2FJSON%3B%20charset%3Dutf-8&a=b", true},
        {"%24.ct=application%2Fjsonp", false},
        {"%24.ct=text%2Fplain", false},
        {"%24.ct=", false},
        {"%24.ct=%zz", false},
    };
    json_t *message = json_message_new(json_pack("[o]", json_event_new(&json_kinds[0], 1, NULL)));
    char *text = json_dumps(message, 0);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int error = decode_any(cases[i].properties, text, strlen(text));

        if ((error == VD_OK) != cases[i].is_accepted) {
            fail_msg("%s: %d %s", cases[i].properties, error, json_reason);
        }
        if (!cases[i].is_accepted) {
            json_check_refused(
                error, "the body is JSON, and its content type is not application/json");
        }
    }
    free(text);
    json_decref(message);
}

/* A FlatBuffers message is one whatever its content type says; a decoder that saw JSON before keeps nothing of it. */
static void test_json__flatbuffers_after_json(void **state)
{
    const struct test_flow flow = {"10.0.0.2", "192.0.2.7", 40000, 443, 100, 200, 0};
    const struct test_event event = {test_uuid(1), 1700000000, 10, 1, &flow, 1};
    struct vd_buf body = {0};

    (void)state;
    json_check_accepted(json_decode_event(json_event_new(&json_kinds[0], 1, NULL)));
    test_message_write(&body, &event, 1);
    json_check_accepted(decode_any("%24.ct=application%2Fjson", body.data, body.length));
    assert_int_equal(json_decoded.flows.count, 1);
    assert_null(json_decoded.document);
    assert_null(json_decoded.version_text.data);
    assert_null(vd_security_message_event(&json_decoded, 0)->items);
    vd_buf_release(&body);
}

#define JSON_TEST(test) cmocka_unit_test_teardown(test, json_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JSON_TEST(test_json__connection),
        JSON_TEST(test_json__connection_addresses_and_ports),
        JSON_TEST(test_json__other_kinds),
        JSON_TEST(test_json__listening_ports),
        JSON_TEST(test_json__numbers_that_do_not_fit),
        JSON_TEST(test_json__times),
        JSON_TEST(test_json__no_flatbuffer_is_taken_for_json),
        JSON_TEST(test_json__content_type),
        JSON_TEST(test_json__flatbuffers_after_json),
    };

    return cmocka_run_group_tests_name("json_decoded", tests, NULL, NULL);
}
