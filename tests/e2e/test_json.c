/* SPDX-License-Identifier: MIT */
/* A device that sends its security messages as JSON: alert, rows, dead letters with the place of the fault, and those read again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/message.h"
#include "tests/e2e/mqtt.h"

#define WAIT_MS      10000
#define DEVICE       "json"
#define LISTED       "203.0.113.77"
#define LISTED_LATER "203.0.113.78"
#define TYPE_JSON    "&%24.ct=application%2Fjson&%24.ce=utf-8"

static struct e2e_hub hub;

/* A connection to `remote`, made now; `port` is JSON. */
static void build(char *out, size_t size, unsigned id, const char *remote, const char *port)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    int length = snprintf(out, size,
        "{\"AgentVersion\": \"2.0.1\", \"AgentId\": \"6dff0f76-4d4b-4b5e-8d3f-1d7a2c9e0b42\","
        " \"MessageSchemaVersion\": \"1.0\", \"Events\": [{"
        "\"Id\": \"00000000-0000-4000-8000-%012u\", \"TimestampLocal\": \"%s\","
        " \"TimestampUTC\": \"%s\", \"Category\": \"Triggered\", \"Name\": \"ConnectionCreate\","
        " \"EventType\": \"Security\", \"IsEmpty\": false, \"PayloadSchemaVersion\": \"1.0\","
        " \"Payload\": [{\"RemoteAddress\": \"%s\", \"RemotePort\": %s, \"Direction\": \"Out\","
        " \"Protocol\": \"TCP\", \"ProcessId\": 812, \"Executable\": \"/usr/bin/curl\","
        " \"ExtraDetails\": {\"site\": \"north\"}}]}]}",
        id, now, now, remote, port);
    assert_in_range(length, 1, size - 1);
}

/* Over MQTT with QoS 1, `properties` behind those of a security message. */
static void send_body(const char *body, const char *properties)
{
    struct e2e_mqtt mqtt;
    char topic[256];
    char whole[400];

    e2e_security_topic(topic, sizeof topic, DEVICE);
    snprintf(whole, sizeof whole, "%s%s", topic, properties);
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, DEVICE), 0);
    assert_true(e2e_mqtt_send(&mqtt,
        &(struct e2e_publish){
            .topic = whole, .body = body, .length = strlen(body), .packet_id = 1, .qos = 1},
        WAIT_MS));
    e2e_mqtt_close(&mqtt);
}

static bool alert_is_there(void *context)
{
    json_t *alerts = e2e_alerts(&hub);
    bool found = e2e_alert_find(alerts, DEVICE, context, NULL) != NULL;

    json_decref(alerts);
    return found;
}

static void test_json__a_connection_raises_the_alert(void **state)
{
    char body[2048];
    (void)state;
    build(body, sizeof body, 1, "198.51.100.9", "\"443\""); /* not on the list */
    send_body(body, TYPE_JSON);
    build(body, sizeof body, 2, LISTED, "\"8443\"");
    send_body(body, "");
    assert_true(e2e_wait(WAIT_MS, alert_is_there, LISTED));
    json_t *alerts = e2e_alerts(&hub);
    int count = 0;
    assert_non_null(e2e_alert_find(alerts, DEVICE, LISTED, &count));
    assert_int_equal(count, 1);
    assert_null(e2e_alert_find(alerts, DEVICE, "198.51.100.9", NULL));
    json_decref(alerts);
}

static bool both_rows(void *context)
{
    (void)context;
    return e2e_query_number(
               &hub, "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = '" DEVICE "'") == 2;
}

static void test_json__rows_are_what_was_sent(void **state)
{
    (void)state;
    assert_true(e2e_wait(WAIT_MS, both_rows, NULL));
    json_t *rows = e2e_query(&hub,
        "SELECT RawEventName, RawEventType, RawEventCategory, IsEmpty, AgentVersion, EventDetails"
        " FROM SecurityIoTRawEvent WHERE DeviceId = '" DEVICE "' ORDER BY IoTRawEventId");
    json_t *row = json_array_get(rows, 1);
    json_t *details = json_loads(json_string_value(json_array_get(row, 5)), 0, NULL);
    json_t *sent = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:{s:s}}", "RemoteAddress", LISTED,
        "RemotePort", "8443", "Direction", "Out", "Protocol", "TCP", "ProcessId", 812, "Executable",
        "/usr/bin/curl", "ExtraDetails", "site", "north");
    assert_string_equal(json_string_value(json_array_get(row, 0)), "ConnectionCreate");
    assert_string_equal(json_string_value(json_array_get(row, 1)), "Security");
    assert_string_equal(json_string_value(json_array_get(row, 2)), "Triggered");
    assert_true(json_is_false(json_array_get(row, 3)));
    assert_string_equal(json_string_value(json_array_get(row, 4)), "2.0.1");
    /* The time of its event is with it. */
    assert_int_equal(strlen(json_string_value(json_object_get(details, "TimestampLocal"))),
        strlen("2026-11-24T08:44:03Z"));
    json_object_del(details, "TimestampLocal");
    assert_true(json_equal(details, sent));
    json_decref(details);
    json_decref(sent);
    json_decref(rows);
}

static json_t *letters(void)
{
    return e2e_cli_json(&hub, E2E_ARGS("deadletter", "list"));
}

static bool letters_reached(void *context)
{
    json_t *list = letters();
    bool reached = json_array_size(list) == *(size_t *)context;

    json_decref(list);
    return reached;
}

static void test_json__what_does_not_conform_is_a_dead_letter(void **state)
{
    size_t count = 2;
    char body[2048];
    (void)state;
    build(body, sizeof body, 3, LISTED, "8443"); /* a number */
    send_body(body, TYPE_JSON);
    build(body, sizeof body, 4, LISTED, "\"8443\"");
    send_body(body, "&%24.ct=text%2Fplain");
    assert_true(e2e_wait(WAIT_MS, letters_reached, &count));
    json_t *list = letters();
    const char *type = json_string_value(json_object_get(json_array_get(list, 0), "reason"));
    const char *place = json_string_value(json_object_get(json_array_get(list, 1), "reason"));
    assert_non_null(strstr(type, "its content type is not application/json"));
    assert_non_null(strstr(place, "Events[0].Payload[0].RemotePort: is to be text with ports"));
    json_decref(list);
    assert_true(both_rows(NULL)); /* and none of them more */
}

/* ---- Once more ---- */

static void check_status(const char *offset, const char *status)
{
    json_t *letter = e2e_cli_json(&hub, E2E_ARGS("deadletter", "show", offset));
    const char *got =
        json_string_value(json_object_get(json_object_get(letter, "replay"), "status"));

    assert_string_equal(got != NULL ? got : "", status);
    json_decref(letter);
}

static void test_json__a_letter_is_shown_and_refused_again(void **state)
{
    char offset[24];
    (void)state;
    json_t *list = letters();
    snprintf(offset, sizeof offset, "%d",
        (int)json_integer_value(json_object_get(json_array_get(list, 1), "offset")));
    json_decref(list);
    json_t *letter = e2e_cli_json(&hub, E2E_ARGS("deadletter", "show", offset));
    json_t *properties = json_object_get(letter, "properties");
    assert_string_equal(json_string_value(json_object_get(properties, "$.ct")), "application/json");
    assert_string_equal(json_string_value(json_object_get(letter, "address")), "127.0.0.1");
    assert_string_equal(json_string_value(json_object_get(letter, "bodyForm")), "json");
    json_t *events = json_object_get(json_object_get(letter, "body"), "Events");
    assert_int_equal(json_array_size(events), 1);
    json_decref(letter);
    struct e2e_result result =
        e2e_cli(&hub, E2E_ARGS("deadletter", "show", offset, "--body", "hex"));
    assert_int_equal(result.status, 0);
    assert_non_null(
        strstr(result.out, "00000000  7b 22 41 67 65 6e 74 56 65 72 73 69 6f 6e 22 3a"));
    e2e_result_release(&result);
    result = e2e_cli(&hub, E2E_ARGS("deadletter", "replay", offset));
    assert_int_not_equal(result.status, 0);
    assert_non_null(strstr(result.err, "refused again: Events[0].Payload[0].RemotePort"));
    e2e_result_release(&result);
    check_status(offset, "Refused");
}

/* A message that an earlier version could not read, as it lies in the store. */
static void put_letter(const char *offset, const char *body)
{
    char path[160];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;

    snprintf(path, sizeof path, "%s/alerts.db", hub.data);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                         "INSERT INTO dead_letters(offset, enqueued_ms, device_id, module_id,"
                         " reason, properties, body) VALUES(?1, ?2, ?3, '', 'not known', '', ?4)",
                         -1, &s, NULL),
        SQLITE_OK);
    sqlite3_bind_text(s, 1, offset, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)time(NULL) * 1000);
    sqlite3_bind_text(s, 3, DEVICE, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 4, body, (int)strlen(body), SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static bool letter_is_taken(void *context)
{
    json_t *letter = e2e_cli_json(&hub, E2E_ARGS("deadletter", "show", context));
    json_t *replay = json_object_get(letter, "replay");
    bool taken = json_is_object(replay) &&
        strcmp(json_string_value(json_object_get(replay, "status")), "Taken") == 0;

    json_decref(letter);
    return taken;
}

/* Asked for twice while no service runs, which is then killed as soon as it is up: taken once. */
static void test_json__a_replay_counts_once_whatever_is_killed(void **state)
{
    static char offset[] = "900000";
    char body[2048];
    (void)state;
    e2e_hub_stop(&hub);
    build(body, sizeof body, 5, LISTED_LATER, "\"8443\"");
    put_letter(offset, body);
    e2e_cli_ok(&hub, E2E_ARGS("deadletter", "replay", offset));
    e2e_cli_ok(&hub, E2E_ARGS("deadletter", "replay", "--reason", "not known"));
    e2e_hub_start(&hub);
    e2e_hub_kill(&hub);
    e2e_hub_start(&hub);
    assert_true(e2e_wait(WAIT_MS, letter_is_taken, offset));
    assert_true(e2e_wait(WAIT_MS, alert_is_there, LISTED_LATER));
    e2e_hub_kill(&hub);
    e2e_hub_start(&hub);
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("deadletter", "replay", offset));
    assert_int_not_equal(result.status, 0);
    assert_non_null(strstr(result.err, "a replay has taken this letter"));
    e2e_result_release(&result);
    json_t *alerts = e2e_alerts(&hub);
    json_t *alert = e2e_alert_find(alerts, DEVICE, LISTED_LATER, NULL);
    assert_int_equal(json_integer_value(json_object_get(alert, "count")), 1);
    json_decref(alerts);
    assert_int_equal(e2e_query_number(&hub,
                         "SELECT count(*) FROM SecurityIoTRawEvent WHERE IoTRawEventId ="
                         " '00000000-0000-4000-8000-000000000005'"),
        1);
}

static void test_json__letters_are_deleted(void **state)
{
    size_t none = 0;
    (void)state;
    e2e_cli_ok(&hub, E2E_ARGS("deadletter", "delete", "900000"));
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("deadletter", "delete"));
    assert_int_equal(result.status, 2); /* which? */
    e2e_result_release(&result);
    e2e_cli_ok(&hub, E2E_ARGS("deadletter", "delete", "--device", DEVICE));
    assert_true(letters_reached(&none));
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, DEVICE);
    e2e_intel_import(&hub, LISTED "\n" LISTED_LATER "\n");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__a_connection_raises_the_alert),
        cmocka_unit_test(test_json__rows_are_what_was_sent),
        cmocka_unit_test(test_json__what_does_not_conform_is_a_dead_letter),
        cmocka_unit_test(test_json__a_letter_is_shown_and_refused_again),
        cmocka_unit_test(test_json__a_replay_counts_once_whatever_is_killed),
        cmocka_unit_test(test_json__letters_are_deleted),
    };
    int result = e2e_begin(0, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("json", tests, make_scene, NULL));
}
