/* SPDX-License-Identifier: MIT */
/* JSON security messages: what is refused, with its place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/limits.h"
#include "proto/protocol.h"
#include "tests/center/json_cases.h"
#include "tests/center/message.h"

/* ---- Every kind, and every damage of it ---- */

/* Values of every sort, and the types of the reference that take them. */
static const struct {
    const char *json;
    const char *types;
} probes[] = {
    {"null", ""},
    {"true", " bool "},
    {"false", " bool "},
    {"0", " int "},
    {"-1", " int "},
    {"9223372036854775807", " int "},
    {"443", " int "},
    {"1.0", ""},
    {"1e3", ""},
    {"[]", ""},
    {"[\"a\"]", ""},
    {"{}", ""},
    {"\"\"", " text "},
    {"\"nonsense\"", " text "},
    {"\"true\"", " text "},
    {"\"\\u00e9\\ud83d\\ude00\"", " text "},
    {"\"192.0.2.1\"", " text ip "},
    {"\"192.0.2.256\"", " text "},
    {"\"192.0.2\"", " text "},
    {"\"192.0.2.0/24\"", " text "},
    {"\"2001:db8::7\"", " text ip "},
    {"\"::ffff:192.0.2.1\"", " text ip "},
    {"\"fe80::1%eth0\"", " text "},
    {"\"53248\"", " text port "},
    {"\"0\"", " text port "},
    {"\"65535\"", " text port "},
    {"\"65536\"", " text "},
    {"\"053248\"", " text "},
    {"\"53248-53250\"", " text port "},
    {"\"53250-53248\"", " text "},
    {"\"22,53\"", " text port "},
    {"\"22,53,100-200\"", " text port "},
    {"\"22,\"", " text "},
    {"\",22\"", " text "},
    {"\"22-\"", " text "},
    {"\"-22\"", " text "},
    {"\" 22\"", " text "},
    {"\"+22\"", " text "},
    {"\"*\"", " text port "},
    {"\"**\"", " text "},
    {"\"5f1d5b6c-8d6e-4a5e-9a39-3d5b8f5e0c11\"", " text guid "},
    {"\"5f1d5b6c8d6e4a5e9a393d5b8f5e0c11\"", " text "},
    {"\"5f1d5b6c-8d6e-4a5e-9a39-3d5b8f5e0c1g\"", " text "},
    {"\"In\"", " text In|Out "},
    {"\"in\"", " text "},
    {"\"Success\"", " text Fail|Success "},
    {"\"Fail\"", " text Fail|Success Pass|Fail|Err "},
    {"\"Err\"", " text Pass|Fail|Err "},
    {"\"Error\"", " text Fatal|Error|Warning|Information|Debug "},
    {"\"Warning\"",
        " text Fatal|Error|Warning|Information|Debug Critical|Important|Warning|Informational "},
    {"\"Informational\"", " text Critical|Important|Warning|Informational "},
    {"\"Other\"", " text Allow|Deny|Other "},
    {"\"Conflict\"", " text TypeMismatch|NotOptimal|Conflict "},
    {"\"High\"", " text High|Low "},
};

static void probe_member(const struct json_kind *kind, const struct json_member *member)
{
    char type[64];
    char place[96];

    snprintf(type, sizeof type, " %s ", member->type);
    snprintf(place, sizeof place, "Events[0].Payload[0].%s: is to be ", member->name);
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        json_t *item = json_item_new(kind, false);
        json_t *value = json_loads(probes[i].json, JSON_DECODE_ANY, NULL);
        bool fits = strstr(probes[i].types, type) != NULL;
        int error;

        assert_non_null(value);
        assert_int_equal(json_object_set_new(item, member->name, value), 0);
        error = json_decode_item(kind, item);
        if ((error == VD_OK) != fits ||
            (!fits && strncmp(json_reason, place, strlen(place)) != 0)) {
            fail_msg("%s.%s of %s: %d \"%s\"", kind->name, member->name, probes[i].json, error,
                json_reason);
        }
    }
}

static void test_json__every_member_takes_its_type_only(void **state)
{
    (void)state;
    for (size_t k = 0; k < JSON_KINDS; k++) {
        for (const struct json_member *m = json_kinds[k].members; m->name != NULL; m++) {
            probe_member(&json_kinds[k], m);
        }
    }
}

static void test_json__what_is_required(void **state)
{
    char expected[128];

    (void)state;
    for (size_t k = 0; k < JSON_KINDS; k++) {
        const struct json_kind *kind = &json_kinds[k];

        json_check_accepted(json_decode_item(kind, json_item_new(kind, true)));
        for (const struct json_member *m = kind->members; m->name != NULL; m++) {
            json_t *item = json_item_new(kind, false);

            assert_int_equal(json_object_del(item, m->name), 0);
            if (m->is_required) {
                snprintf(expected, sizeof expected, "Events[0].Payload[0].%s: required but absent",
                    m->name);
                json_check_refused(json_decode_item(kind, item), expected);
            } else {
                json_check_accepted(json_decode_item(kind, item));
            }
        }
    }
}

static void test_json__nothing_else_but_extra_details(void **state)
{
    (void)state;
    for (size_t k = 0; k < JSON_KINDS; k++) {
        const struct json_kind *kind = &json_kinds[k];
        json_t *item = json_item_new(kind, false);

        json_object_set_new(item, "Remark", json_string("x"));
        json_check_refused(json_decode_item(kind, item),
            "Events[0].Payload[0].Remark: is nothing that may be here");
        item = json_item_new(kind, false);
        json_object_set_new(item, "ExtraDetails", json_pack("{s:s, s:s}", "a", "1", "", "b"));
        json_check_accepted(json_decode_item(kind, item));
        item = json_item_new(kind, false);
        json_object_set_new(item, "ExtraDetails", json_pack("{s:s, s:i}", "a", "1", "n", 1));
        json_check_refused(
            json_decode_item(kind, item), "Events[0].Payload[0].ExtraDetails.n: is to be text");
        item = json_item_new(kind, false);
        json_object_set_new(item, "ExtraDetails", json_array());
        json_check_refused(
            json_decode_item(kind, item), "Events[0].Payload[0].ExtraDetails: is to be an object");
    }
}

static void test_json__category_and_type_are_the_names(void **state)
{
    char expected[128];

    (void)state;
    for (size_t k = 0; k < JSON_KINDS; k++) {
        const struct json_kind *kind = &json_kinds[k];
        bool is_periodic = strcmp(kind->category, "Periodic") == 0;
        json_t *event = json_event_new(kind, 1, NULL);

        json_object_set_new(event, "Category", json_string(is_periodic ? "Triggered" : "Periodic"));
        snprintf(expected, sizeof expected, "Events[0].Category: of a %s is to be %s", kind->name,
            kind->category);
        json_check_refused(json_decode_event(event), expected);
        event = json_event_new(kind, 1, NULL);
        json_object_set_new(event, "EventType",
            json_string(strcmp(kind->event_type, "Security") == 0 ? "Diagnostic" : "Security"));
        snprintf(expected, sizeof expected, "Events[0].EventType: of a %s is to be %s", kind->name,
            kind->event_type);
        json_check_refused(json_decode_event(event), expected);
    }
}

/* IsEmpty, and how many items there are. */
static void check_emptiness(const struct json_kind *kind, bool is_empty, int items)
{
    bool is_periodic = strcmp(kind->category, "Periodic") == 0;
    json_t *array = json_array();
    json_t *event;

    for (int i = 0; i < items; i++) {
        json_array_append_new(array, json_item_new(kind, false));
    }
    event = json_event_new(kind, 1, array);
    json_object_set_new(event, "IsEmpty", json_boolean(is_empty));
    if (is_empty && !is_periodic) {
        json_check_refused(
            json_decode_event(event), "Events[0].IsEmpty: is to be false for a triggered event");
    } else if (!is_empty && items == 0) {
        json_check_refused(
            json_decode_event(event), "Events[0].Payload: holds no item, and IsEmpty is false");
    } else {
        json_check_accepted(json_decode_event(event));
        assert_int_equal(vd_security_message_event(&json_decoded, 0)->is_empty, is_empty);
        assert_int_equal(
            json_array_size(vd_security_message_event(&json_decoded, 0)->items), (size_t)items);
    }
}

static void test_json__empty_or_not(void **state)
{
    (void)state;
    for (size_t k = 0; k < JSON_KINDS; k++) {
        for (int items = 0; items < 3; items++) {
            check_emptiness(&json_kinds[k], false, items);
            check_emptiness(&json_kinds[k], true, items);
        }
    }
}

/* ---- The message and its events ---- */

static void test_json__members_of_the_message(void **state)
{
    static const char *const members[] = {
        "AgentVersion", "AgentId", "MessageSchemaVersion", "Events"};
    char expected[128];
    json_t *message;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        message = json_message_new(json_pack("[o]", json_event_new(&json_kinds[0], 1, NULL)));
        json_object_del(message, members[i]);
        snprintf(expected, sizeof expected, "%s: required but absent", members[i]);
        json_check_refused(json_decode(message), expected);
    }
    message = json_message_new(json_pack("[o]", json_event_new(&json_kinds[0], 1, NULL)));
    json_object_set_new(message, "Agent", json_string("x"));
    json_check_refused(json_decode(message), "Agent: is nothing that may be here");
    message = json_message_new(json_pack("[o]", json_event_new(&json_kinds[0], 1, NULL)));
    json_object_set_new(message, "MessageSchemaVersion", json_string("2.0"));
    json_check_refused(json_decode(message), "MessageSchemaVersion: is to be one of 1.0");
    message = json_message_new(json_pack("[o]", json_event_new(&json_kinds[0], 1, NULL)));
    json_object_set_new(message, "AgentId", json_string("agent"));
    json_check_refused(json_decode(message), "AgentId: is to be a GUID of 36 characters");
    json_check_refused(
        json_decode(json_message_new(json_array())), "Events: is to hold one event at least");
    json_check_refused(json_decode(json_message_new(json_object())), "Events: is to be an array");
    json_check_refused(
        json_decode(json_message_new(json_pack("[n]"))), "Events[0]: is to be an object");
}

static void test_json__members_of_an_event(void **state)
{
    static const char *const members[] = {"Id", "TimestampLocal", "TimestampUTC", "Category",
        "Name", "EventType", "IsEmpty", "PayloadSchemaVersion", "Payload"};
    static const struct {
        const char *member;
        const char *json;
        const char *fault;
    } cases[] = {
        {"Id", "\"1\"", "is to be a GUID of 36 characters"},
        {"TimestampLocal", "\"yesterday\"", "is to be a date-time, as 2026-11-24T07:44:03Z"},
        {"TimestampUTC", "1764000000", "is to be a date-time, as 2026-11-24T07:44:03Z"},
        {"TimestampUTC", "\"2025-02-29T00:00:00Z\"",
            "is to be a date-time, as 2026-11-24T07:44:03Z"},
        {"TimestampUTC", "\"2025-11-24 16:00:00Z\"",
            "is to be a date-time, as 2026-11-24T07:44:03Z"},
        {"TimestampUTC", "\"2025-11-24T16:00:00\"",
            "is to be a date-time, as 2026-11-24T07:44:03Z"},
        {"Category", "\"Sometimes\"", "is to be one of Periodic, Triggered"},
        {"Name", "\"Earthquake\"", "is the name of no kind of event"},
        {"Name", "7", "is to be text"},
        {"EventType", "\"security\"", "is to be one of Security, Operational, Diagnostic"},
        {"IsEmpty", "\"false\"", "is to be true or false"},
        {"PayloadSchemaVersion", "1.0", "is to be text"},
        {"Payload", "{}", "is to be an array"},
        {"Severity", "\"High\"", "is nothing that may be here"},
        {"ExtraDetails", "{}", "is nothing that may be here"},
    };
    char expected[192];

    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *event = json_event_new(&json_kinds[1], 2, NULL);

        json_object_del(event, members[i]);
        snprintf(expected, sizeof expected, "Events[0].%s: required but absent", members[i]);
        json_check_refused(json_decode_event(event), expected);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *event = json_event_new(&json_kinds[1], 2, NULL);

        json_object_set_new(
            event, cases[i].member, json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
        snprintf(expected, sizeof expected, "Events[1].%s: %s", cases[i].member, cases[i].fault);
        json_check_refused(json_decode(json_message_new(json_pack(
                               "[o, o]", json_event_new(&json_kinds[0], 1, NULL), event))),
            expected);
    }
}

/* The place of a fault far inside, as people are to find it. */
static void test_json__place(void **state)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    json_t *bad = json_item_new(kind, false);

    (void)state;
    json_object_set_new(bad, "RemotePort", json_integer(443));
    json_check_refused(
        json_decode(json_message_new(
            json_pack("[o, o, o]", json_event_new(kind, 1, NULL), json_event_new(kind, 2, NULL),
                json_event_new(kind, 3, json_pack("[o, o]", json_item_new(kind, true), bad))))),
        "Events[2].Payload[1].RemotePort: is to be text with ports, as \"22\", \"1-1024\", "
        "\"22,53\" or \"*\"");
}

static void test_json__not_json(void **state)
{
    static const struct {
        const char *text;
        const char *start;
    } cases[] = {
        {"{", "line 1, column 1: not JSON: "},
        {"{} x", "line 1, column 4: not JSON: end of file expected"},
        {"{\n\"AgentVersion\": tru\n}", "line 2, column 19: not JSON: invalid token"},
        {"{\"AgentVersion\":\"1\",\"AgentVersion\":\"1\"}",
            "line 1, column 34: not JSON: duplicate object key"},
        {"{\"AgentVersion\":\"\xff\"}", "line 1, column "},
        {"{\"AgentVersion\":\"\xed\xa0\x80\"}", "line 1, column "},
        {"{\"AgentVersion\":\"\\u0000\"}", "line 1, column "},
        {"{\"AgentVersion\":99999999999999999999}", "line 1, column "},
        {"[]", "the message: is to be an object"},
        {"[[[[[[[[[1]]]]]]]]]", "the message: nested too deep"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int error = json_decode_text(cases[i].text, strlen(cases[i].text));

        if (error != VD_E_INVALID ||
            strncmp(json_reason, cases[i].start, strlen(cases[i].start)) != 0) {
            fail_msg("%s: %d \"%s\"", cases[i].text, error, json_reason);
        }
    }
}

/* The same key twice, within an item and within its extra details. */
static void test_json__duplicates(void **state)
{
    static const char *const pairs[][2] = {
        {"\"Executable\"", "\"Executable\":\"x\",\"Executable\""},
        {"\"ExtraDetails\": {", "\"ExtraDetails\": {\"k\":\"1\",\"k\":\"2\","},
        {"\"Id\"", "\"Id\":\"x\",\"Id\""},
    };
    const struct json_kind *kind = json_kind_named("ProcessTerminate");
    json_t *item = json_item_new(kind, false);
    json_t *message;
    char *text;

    (void)state;
    json_object_set_new(item, "ExtraDetails", json_pack("{s:s}", "a", "b"));
    message = json_message_new(json_pack("[o]", json_event_new(kind, 1, json_pack("[o]", item))));
    text = json_dumps(message, 0);
    assert_non_null(text);
    json_check_accepted(json_decode_text(text, strlen(text)));
    for (size_t i = 0; i < 3; i++) {
        const char *at = strstr(text, pairs[i][0]);
        struct vd_buf twice = {0};

        assert_non_null(at);
        vd_buf_append(&twice, text, (size_t)(at - text));
        vd_buf_append_text(&twice, pairs[i][1]);
        vd_buf_append_text(&twice, at + strlen(pairs[i][0]));
        assert_int_equal(json_decode_text((const char *)twice.data, twice.length), VD_E_INVALID);
        assert_non_null(strstr(json_reason, "duplicate object key"));
        vd_buf_release(&twice);
    }
    free(text);
    json_decref(message);
}

/* Every prefix of a message is refused, and read within its end. */
static void test_json__cut(void **state)
{
    json_t *events = json_array();
    json_t *message;
    char *text;

    (void)state;
    for (unsigned k = 0; k < JSON_KINDS; k++) {
        json_array_append_new(events, json_event_new(&json_kinds[k], k, NULL));
    }
    message = json_message_new(events);
    text = json_dumps(message, JSON_COMPACT);
    assert_non_null(text);
    json_check_accepted(json_decode_text(text, strlen(text)));
    assert_int_equal(json_decoded.events.count, JSON_KINDS);
    for (size_t n = 0; n < strlen(text); n++) {
        assert_int_equal(json_decode_text(text, n), VD_E_INVALID);
    }
    free(text);
    json_decref(message);
}

static void test_json__bounds(void **state)
{
    const struct json_kind *kind = json_kind_named("SystemInformation");
    struct vd_buf text = {0};
    json_t *items = json_array();

    (void)state;
    for (int i = 0; i < 30000; i++) {
        json_array_append_new(items, json_object());
    }
    json_check_accepted(json_decode_event(json_event_new(kind, 1, json_incref(items))));
    assert_int_equal(json_decoded.systems.count, 30000);
    for (int i = 0; i < 3000; i++) {
        json_array_append_new(items, json_object());
    }
    json_check_refused(json_decode_event(json_event_new(kind, 1, items)),
        "the message: too many objects and arrays");
    for (size_t i = 0; i <= VD_MESSAGE_BODY_MAX_BYTES; i++) {
        vd_buf_append(&text, i == 0 ? "{" : " ", 1);
    }
    json_check_refused(
        json_decode_text((const char *)text.data, text.length), "the message: longer than 256 KiB");
    vd_buf_release(&text);
}

/* One item may list many ports: what it unfolds to is bounded too. */
static void test_json__many_ports(void **state)
{
    const struct json_kind *kind = json_kind_named("ListeningPorts");
    struct vd_buf ports = {0};
    json_t *item = json_item_new(kind, true);

    (void)state;
    vd_buf_append_text(&ports, "1");
    for (int i = 0; i < VD_SECURITY_MESSAGE_ITEMS_MAX; i++) {
        vd_buf_append_text(&ports, ",1");
    }
    vd_buf_append(&ports, "", 1);
    json_object_set_new(item, "LocalPort", json_string((const char *)ports.data));
    json_check_refused(json_decode_item(kind, item), "Events[0].Payload[0]: too many items");
    vd_buf_release(&ports);
}

#define JSON_TEST(test) cmocka_unit_test_teardown(test, json_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JSON_TEST(test_json__every_member_takes_its_type_only),
        JSON_TEST(test_json__what_is_required),
        JSON_TEST(test_json__nothing_else_but_extra_details),
        JSON_TEST(test_json__category_and_type_are_the_names),
        JSON_TEST(test_json__empty_or_not),
        JSON_TEST(test_json__members_of_the_message),
        JSON_TEST(test_json__members_of_an_event),
        JSON_TEST(test_json__place),
        JSON_TEST(test_json__not_json),
        JSON_TEST(test_json__duplicates),
        JSON_TEST(test_json__cut),
        JSON_TEST(test_json__bounds),
        JSON_TEST(test_json__many_ports),
    };

    return cmocka_run_group_tests_name("json_message", tests, NULL, NULL);
}
