/* SPDX-License-Identifier: MIT */
/* JSON security messages through the ingest: alerts and rows as of any other, dead letters with the place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/letters.h"
#include "tests/center/ingest_fixture.h"
#include "tests/center/json_cases.h"

/* Appends the message to the log; takes it over. */
static void add_message(struct ingest_fixture *f, const char *module, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);

    assert_non_null(text);
    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", module, INGEST_T0_MS, vd_str_from(text));
    free(text);
    json_decref(message);
}

static json_t *connection_to(const char *remote, const char *direction, unsigned id)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    json_t *item = json_item_new(kind, false);

    json_object_set_new(item, "RemoteAddress", json_string(remote));
    json_object_set_new(item, "Direction", json_string(direction));
    json_object_set_new(item, "Protocol", json_string("TCP"));
    json_object_del(item, "LocalAddress");
    return json_message_new(json_pack("[o]", json_event_new(kind, id, json_pack("[o]", item))));
}

static void test_json__raises_the_alert(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts;
    json_t *evidence;

    add_message(f, "", connection_to("192.0.2.99", "Out", 7));
    add_message(f, "", connection_to("203.0.113.1", "Out", 8));
    ingest_run_all(f);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(ingest_text(json_array_get(alerts, 0), "alertType"), "IoT_TiConnection");
    assert_string_equal(ingest_text(json_array_get(alerts, 0), "description"),
        "Device dev-1 opened a TCP connection to 192.0.2.99 port 443 at 2025-11-24T16:00:00.000Z. "
        "The address is on the list \"test-feed\" as 192.0.2.99.");
    evidence = json_array_get(json_object_get(json_array_get(alerts, 0), "evidence"), 0);
    assert_string_equal(
        ingest_text(evidence, "rawEventId"), "00000000-0000-4000-8000-000000000007");
    assert_string_equal(ingest_text(evidence, "openedBy"), "Device");
    assert_string_equal(ingest_text(evidence, "protocol"), "TCP");
    assert_null(
        json_object_get(evidence, "localAddress")); /* it was not sent, and 0.0.0.0 is none */
    json_decref(alerts);
    assert_int_equal(f->ingest.stats.messages, 2);
    assert_int_equal(f->ingest.stats.dead_letters, 0);
}

/* Row by row: what the tables say is what was sent. */
static void check_row(const json_t *row, const struct json_kind *kind)
{
    json_t *details = json_loads(json_string_value(json_array_get(row, 4)), 0, NULL);
    json_t *item = json_item_new(kind, false);

    assert_string_equal(json_string_value(json_array_get(row, 0)), kind->name);
    assert_string_equal(json_string_value(json_array_get(row, 1)), kind->event_type);
    assert_string_equal(json_string_value(json_array_get(row, 2)), kind->category);
    assert_true(json_is_false(json_array_get(row, 3)));
    assert_string_equal(json_string_value(json_array_get(row, 5)), "1.2.3-beta");
    assert_string_equal(json_string_value(json_array_get(row, 6)), "2025-11-24T16:00:00.000Z");
    json_object_set_new(item, "TimestampLocal", json_string("2025-11-24T17:00:00.000+01:00"));
    assert_true(json_equal(details, item));
    json_decref(details);
    json_decref(item);
}

static void test_json__rows_of_every_kind(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *events = json_array();
    json_t *rows;

    for (unsigned k = 0; k < JSON_KINDS; k++) {
        json_array_append_new(events, json_event_new(&json_kinds[k], k, NULL));
    }
    add_message(f, "", json_message_new(events));
    ingest_run_all(f);
    rows = ingest_rows(f,
        "SELECT RawEventName, RawEventType, RawEventCategory, IsEmpty, EventDetails, AgentVersion,"
        " TimeStamp FROM SecurityIoTRawEvent ORDER BY IoTRawEventId");
    assert_int_equal(json_array_size(rows), JSON_KINDS);
    for (size_t k = 0; k < JSON_KINDS; k++) {
        check_row(json_array_get(rows, k), &json_kinds[k]);
    }
    json_decref(rows);
}

static const char *detail_of(const json_t *rows, size_t row, json_t **details, const char *name)
{
    json_decref(*details);
    *details = json_loads(json_string_value(json_array_get(json_array_get(rows, row), 0)), 0, NULL);
    return ingest_text(*details, name);
}

/* What the center adds: the module that sent it, and a device's time that is not believed. */
static void test_json__module_and_wrong_clock(void **state)
{
    struct ingest_fixture *f = *state;
    const struct json_kind *kind = json_kind_named("ListeningPorts");
    json_t *empty = json_event_new(kind, 1, json_array());
    json_t *late = json_event_new(kind, 2, NULL);
    json_t *details = NULL;
    json_t *rows;

    json_object_set_new(empty, "IsEmpty", json_true());
    json_object_set_new(late, "TimestampUTC", json_string("2031-01-01T00:00:00Z"));
    add_message(f, "agent", json_message_new(json_pack("[o, o]", empty, late)));
    ingest_run_all(f);
    rows = ingest_rows(f,
        "SELECT EventDetails, IsEmpty, TimeStamp FROM SecurityIoTRawEvent ORDER BY IoTRawEventId");
    assert_int_equal(json_array_size(rows), 2);
    assert_true(json_is_true(json_array_get(json_array_get(rows, 0), 1)));
    assert_string_equal(detail_of(rows, 0, &details, "ModuleId"), "agent");
    assert_string_equal(
        detail_of(rows, 0, &details, "TimestampLocal"), "2025-11-24T17:00:00.000+01:00");
    assert_int_equal(json_object_size(details), 2);
    assert_string_equal(detail_of(rows, 1, &details, "DeviceTime"), "2031-01-01T00:00:00.000Z");
    assert_string_equal(detail_of(rows, 1, &details, "LocalPort"), "443");
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 1), 2)), "2025-11-24T16:00:00.000Z");
    json_decref(details);
    json_decref(rows);
}

/* A message that comes twice, and an id that a message of the other kind had. */
static void test_json__duplicates(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_uuid id;
    json_t *rows;

    assert_int_equal(vd_uuid_parse("00000000-0000-4000-8000-000000000007", 36, &id), VD_OK);
    add_message(f, "", connection_to("192.0.2.99", "In", 7));
    add_message(f, "", connection_to("192.0.2.99", "In", 7));
    ingest_add_message(
        f, "dev-1", INGEST_T0_MS, &(struct test_event){id, INGEST_T0_S, 10, 4, NULL, 0}, 1);
    ingest_run_all(f);
    assert_int_equal(f->ingest.stats.messages, 3);
    assert_int_equal(f->ingest.stats.duplicates, 2);
    rows = ingest_rows(f, "SELECT RawEventName FROM SecurityIoTRawEvent");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
}

/* Whole or not at all: one bad item, and no event of the message is there. */
static void test_json__dead_letter_with_the_place(void **state)
{
    struct ingest_fixture *f = *state;
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    json_t *bad = json_item_new(kind, false);
    json_t *letters = NULL;
    json_t *rows;

    json_object_set_new(bad, "RemotePort", json_integer(443));
    add_message(f, "",
        json_message_new(json_pack("[o, o]", json_event_new(kind, 1, NULL),
            json_event_new(kind, 2, json_pack("[o]", bad)))));
    ingest_run_all(f);
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 1);
    assert_non_null(strstr(ingest_text(json_array_get(letters, 0), "reason"),
        "Events[1].Payload[0].RemotePort: is to be text with ports"));
    json_decref(letters);
    rows = ingest_rows(f, "SELECT RawEventName FROM SecurityIoTRawEvent");
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_json__raises_the_alert),
        INGEST_TEST(test_json__rows_of_every_kind),
        INGEST_TEST(test_json__module_and_wrong_clock),
        INGEST_TEST(test_json__duplicates),
        INGEST_TEST(test_json__dead_letter_with_the_place),
    };

    return cmocka_run_group_tests_name("ingest_json", tests, NULL, NULL);
}
