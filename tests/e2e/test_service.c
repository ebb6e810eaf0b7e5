/* SPDX-License-Identifier: MIT */
/* The service's life: init, devices with and without it running, one at a time, stopping, databases of a later version. */

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/message.h"
#include "tests/e2e/mqtt.h"
#include "tests/e2e/taker.h"
#include <duckdb.h>

#define WAIT_MS       10000
#define LATER_VERSION 9999

static struct e2e_hub hub;

static void check_refused(const char *const *arguments, int status, const char *says)
{
    struct e2e_result result = e2e_cli(&hub, arguments);
    if (result.status != status || strstr(result.err, says) == NULL) {
        fail_msg("%s %s: status %d, \"%s\"", arguments[0], arguments[1] != NULL ? arguments[1] : "",
            result.status, result.err);
    }
    e2e_result_release(&result);
}

/* ---- init ---- */

static void test_service__init_keeps_secrets_to_itself(void **state)
{
    static const char *const secrets[] = {"ca.key", "server.key", "master.key"};
    struct stat status;
    char path[128];
    (void)state;
    assert_int_equal(stat(hub.data, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", hub.data, secrets[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void test_service__init_twice_is_refused(void **state)
{
    char path[128];
    size_t length = 0;
    size_t length_after = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/master.key", hub.data);
    char *before = e2e_read_file(path, &length);
    check_refused(E2E_ARGS("init"), 1, hub.data);
    char *after = e2e_read_file(path, &length_after);
    assert_int_equal(length, length_after);
    assert_memory_equal(before, after, length);
    free(before);
    free(after);
}

/* ---- Devices, with the service running and without: the same commands, the same answers. ---- */

static json_t *device_list(void)
{
    json_t *answer = e2e_cli_json(&hub, E2E_ARGS("device", "list"));
    json_t *devices = json_is_array(answer) ? answer : json_object_get(answer, "devices");
    assert_true(json_is_array(devices));
    json_incref(devices);
    json_decref(answer);
    return devices;
}

static void check_device_commands(const char *device)
{
    char connection[256];
    char port[8] = "";
    json_t *devices = device_list();
    size_t before = json_array_size(devices);
    json_decref(devices);

    e2e_device_create(&hub, device);
    check_refused(E2E_ARGS("device", "create", device), 1, device);
    check_refused(E2E_ARGS("device", "create", "not an id"), 1, "deviceId");
    check_refused(E2E_ARGS("device", "create", "--primary-key", "c2hvcnQ=", "other"), 1, "Key");
    devices = device_list();
    assert_int_equal(json_array_size(devices), before + 1);
    json_decref(devices);

    if (hub.pid != 0) { /* running, it knows its port */
        snprintf(port, sizeof(port), ":%u", hub.port);
    }
    snprintf(connection, sizeof(connection), "HostName=%s%s;DeviceId=%s;SharedAccessKey=%s",
        E2E_HUB_NAME, port, device, E2E_PRIMARY_KEY);
    struct e2e_result show = e2e_cli(&hub, E2E_ARGS("device", "show", device));
    assert_int_equal(show.status, 0);
    assert_non_null(strstr(show.out, connection));
    e2e_result_release(&show);

    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", device));
    check_refused(E2E_ARGS("device", "show", device), 1, device);
    check_refused(E2E_ARGS("device", "delete", device), 1, device);
}

/* Keys that the program made itself: no two alike. */
static void check_made_keys(void)
{
    e2e_cli_ok(&hub, E2E_ARGS("device", "create", "made-1"));
    e2e_cli_ok(&hub, E2E_ARGS("device", "create", "made-2"));
    json_t *first = e2e_cli_json(&hub, E2E_ARGS("device", "show", "made-1"));
    json_t *second = e2e_cli_json(&hub, E2E_ARGS("device", "show", "made-2"));
    const char *keys[4];
    json_t *keys_1 = json_object_get(json_object_get(first, "authentication"), "symmetricKey");
    json_t *keys_2 = json_object_get(json_object_get(second, "authentication"), "symmetricKey");
    keys[0] = json_string_value(json_object_get(keys_1, "primaryKey"));
    keys[1] = json_string_value(json_object_get(keys_1, "secondaryKey"));
    keys[2] = json_string_value(json_object_get(keys_2, "primaryKey"));
    keys[3] = json_string_value(json_object_get(keys_2, "secondaryKey"));
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(keys[i]);
        assert_int_equal(strlen(keys[i]), 44);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i], keys[j]);
        }
    }
    json_decref(first);
    json_decref(second);
    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", "made-1"));
    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", "made-2"));
}

static void test_service__device_commands_without_it(void **state)
{
    (void)state;
    check_device_commands("before");
    check_made_keys();
    e2e_device_create(&hub, "stays");
}

static void test_service__device_commands_with_it(void **state)
{
    (void)state;
    e2e_hub_start(&hub);
    check_device_commands("during");
    json_t *devices = device_list();
    assert_int_equal(json_array_size(devices), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(devices, 0), "deviceId")), "stays");
    json_decref(devices);
}

static const char *connection_state(json_t **owner)
{
    *owner = e2e_cli_json(&hub, E2E_ARGS("device", "show", "stays"));
    return json_string_value(json_object_get(*owner, "connectionState"));
}

static void test_service__delete_disconnects(void **state)
{
    struct e2e_mqtt mqtt;
    struct e2e_mqtt again;
    json_t *device;
    (void)state;
    assert_string_equal(connection_state(&device), "Disconnected");
    json_decref(device);
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "stays"), 0);
    assert_string_equal(connection_state(&device), "Connected");
    json_decref(device);

    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", "stays"));
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
    assert_true(e2e_mqtt_open(&again, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&again, "stays"), 5);
    e2e_mqtt_close(&again);
}

static atomic_bool hello_is_taken;

static void note_hello(const char *message_id, const void *body, size_t length)
{
    if (strcmp(message_id, "hello-1") == 0 && length == 5 && memcmp(body, "hello", 5) == 0) {
        atomic_store(&hello_is_taken, true);
    }
}

static bool nothing_waits(void *context)
{
    json_t *device = e2e_cli_json(&hub, E2E_ARGS("device", "show", "taker"));
    struct e2e_taker *taker = context;
    bool taken = atomic_load(&hello_is_taken) && atomic_load(&taker->answered) > 0 &&
        json_integer_value(json_object_get(device, "messagesWaiting")) == 0;
    json_decref(device);
    return taken;
}

/* What the owner sends goes to the device, what he asks of its twin is answered, and he hears what became of it. */
static void test_service__twins_and_messages_from_the_command_line(void **state)
{
    struct e2e_taker taker = {.device_id = "taker", .on_message = note_hello, .reports = true};
    (void)state;
    e2e_device_create(&hub, "taker");
    e2e_cli_ok(&hub,
        E2E_ARGS("device", "send", "taker", "hello", "--message-id", "hello-1", "--ack", "full"));
    e2e_taker_start(&taker, &hub);
    assert_true(e2e_wait(WAIT_MS, nothing_waits, &taker));
    e2e_taker_stop(&taker);
    assert_int_equal(atomic_load(&taker.faults), 0);
    json_t *feedback = e2e_cli_json(&hub, E2E_ARGS("device", "feedback"));
    const json_t *first = json_array_get(feedback, 0);
    assert_string_equal(json_string_value(json_object_get(first, "originalMessageId")), "hello-1");
    assert_string_equal(json_string_value(json_object_get(first, "statusCode")), "Success");
    json_decref(feedback);
    json_t *twin = e2e_cli_json(
        &hub, E2E_ARGS("device", "twin", "taker", "--patch", "{\"tags\":{\"room\":1}}"));
    json_t *reported = json_object_get(json_object_get(twin, "properties"), "reported");
    assert_in_range(json_integer_value(json_object_get(reported, "r")),
        atomic_load(&taker.answered), atomic_load(&taker.reported));
    json_decref(twin);
    json_t *rows = e2e_cli_json(
        &hub, E2E_ARGS("device", "query", "SELECT deviceId FROM devices WHERE tags.room = 1"));
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", "taker"));
}

static bool raw_event_is_there(void *context)
{
    (void)context;
    return e2e_query_number(&hub, "SELECT count(*) FROM SecurityIoTRawEvent") == 1;
}

/* Sends a message about one flow to `remote`, its event's id being that of (1, number). */
static void send_message(const char *remote, uint32_t number)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.1", remote, 1, 2, 3, 4, "UDP"};
    struct e2e_mqtt mqtt;
    char topic[256];
    e2e_message_build(&message, &flow, 1);
    e2e_message_set_id(&message, 1, number);
    e2e_security_topic(topic, sizeof(topic), "device-1");
    struct e2e_publish publish = {
        .topic = topic, .body = message.bytes, .length = message.length, .packet_id = 1, .qos = 1};
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "device-1"), 0);
    assert_true(e2e_mqtt_send(&mqtt, &publish, WAIT_MS));
    e2e_mqtt_close(&mqtt);
}

/* Rules that are set before the start hold after it, and those that are set later hold at once. */
#define RULE_SETS(action)                                                               \
    "{\"location\":\"local\",\"sku\":{\"name\":\"S1\",\"capacity\":1},\"properties\":{" \
    "\"networkRuleSets\":{\"defaultAction\":\"" action "\",\"ipRules\":[],"             \
    "\"applyToBuiltInEventHubEndpoint\":false}}}"
#define DENY_ALL  RULE_SETS("Deny")
#define ALLOW_ALL RULE_SETS("Allow")

static void test_service__the_ip_filter_decides(void **state)
{
    struct e2e_mqtt mqtt;
    (void)state;
    e2e_device_create(&hub, "filtered");
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "filtered"), 0);
    check_refused(E2E_ARGS("ip-filter", "add", "bad", "reject", "127.0.0.0/33"), 1, "ipMask");
    check_refused(
        E2E_ARGS("ip-filter", "add", "bad", "maybe", "127.0.0.0/8"), 1, "accept or reject");
    check_refused(E2E_ARGS("ip-filter", "remove", "none"), 1, "none");
    e2e_cli_ok(&hub, E2E_ARGS("ip-filter", "add", "here", "reject", "127.0.0.0/8"));
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
    e2e_hub_stop(&hub);
    check_refused(E2E_ARGS("ip-filter", "add", "HERE", "accept", "127.0.0.0/8"), 1, "two rules");
    e2e_hub_start(&hub);
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "filtered"), 5);
    e2e_mqtt_close(&mqtt);
    e2e_cli_ok(&hub, E2E_ARGS("ip-filter", "add", "--first", "me", "accept", "127.0.0.1"));
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "filtered"), 0);
    e2e_mqtt_close(&mqtt);
    e2e_cli_ok(&hub, E2E_ARGS("ip-filter", "remove", "here"));
    e2e_cli_ok(&hub, E2E_ARGS("ip-filter", "remove", "me"));
    /* The whole filter by the management API, as the owner. */
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "filtered"), 0);
    e2e_cli_ok(&hub, E2E_ARGS("management", "put", "--body", DENY_ALL));
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
    e2e_cli_ok(&hub, E2E_ARGS("management", "put", "--body", ALLOW_ALL));
    struct e2e_result list = e2e_cli(&hub, E2E_ARGS("ip-filter", "list"));
    assert_int_equal(list.status, 0);
    assert_null(strstr(list.out, "here"));
    assert_non_null(strstr(list.out, "(all others)"));
    e2e_result_release(&list);
}

/* What is deleted by hand is gone, and nothing else is said of it. */
static void test_service__management_deletes(void **state)
{
    json_t *resource = e2e_cli_json(&hub, E2E_ARGS("management", "get"));
    const char *id = json_string_value(json_object_get(resource, "id"));
    char body[400];
    char path[400];
    (void)state;
    assert_non_null(id);
    snprintf(body, sizeof(body),
        "{\"location\":\"local\",\"properties\":{\"displayName\":\"s\",\"iotHubs\":[\"%s\"]}}", id);
    snprintf(path, sizeof(path), "%.*s/providers/Microsoft.Security/iotSecuritySolutions/s1",
        (int)(strstr(id, "/providers/") - id), id);
    e2e_cli_ok(&hub, E2E_ARGS("management", "put", path, "--body", body));
    struct e2e_result deleted = e2e_cli(&hub, E2E_ARGS("management", "delete", path));
    assert_int_equal(deleted.status, 0);
    assert_string_equal(deleted.out, "{}\n");
    assert_string_equal(deleted.err, "");
    e2e_result_release(&deleted);
    check_refused(E2E_ARGS("management", "get", path), 1, "s1");
    json_decref(resource);
}

static void test_service__stores_what_devices_send(void **state)
{
    (void)state;
    e2e_device_create(&hub, "device-1");
    send_message("198.51.100.1", 1);
    assert_true(e2e_wait(WAIT_MS, raw_event_is_there, NULL));
}

/* An operator who watches sees alerts as they come, over a restart of the service, until Ctrl-C. */
static void test_service__alerts_are_followed_over_a_restart(void **state)
{
    char seen[128];
    (void)state;
    snprintf(seen, sizeof(seen), "%s/follow.out", e2e_folder());
    e2e_intel_import(&hub, "203.0.113.1\n203.0.113.2\n203.0.113.3\n");
    send_message("203.0.113.1", 2);
    struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "alert", "list", "--follow", "--data-dir", hub.data),
        .stdout_path = seen,
    };
    pid_t follower = e2e_start(&start);
    assert_true(e2e_wait_text(seen, "203.0.113.1", WAIT_MS));
    send_message("203.0.113.2", 3);
    assert_true(e2e_wait_text(seen, "203.0.113.2", WAIT_MS));
    e2e_hub_stop(&hub);
    e2e_hub_start(&hub);
    send_message("203.0.113.3", 4);
    assert_true(e2e_wait_text(seen, "203.0.113.3", WAIT_MS));
    int status = e2e_stop(follower, SIGINT, WAIT_MS);
    assert_true(status == 0 || status == 128 + SIGINT);
    /* Each alert once, though it looked at them many times. */
    char *text = e2e_read_file(seen, NULL);
    assert_null(strstr(strstr(text, "203.0.113.1") + 1, "203.0.113.1"));
    free(text);
}

/* As with tail -f: the last few, the newest at the end, and below them what comes. */
static void test_service__the_last_alerts_are_followed(void **state)
{
    char seen[128];
    (void)state;
    snprintf(seen, sizeof(seen), "%s/last.out", e2e_folder());
    struct e2e_start start = {
        .argv = E2E_ARGS(
            e2e_vedette(), "alert", "list", "--follow", "--limit", "2", "--data-dir", hub.data),
        .stdout_path = seen,
    };
    pid_t follower = e2e_start(&start);
    assert_true(e2e_wait_text(seen, "203.0.113.3", WAIT_MS));
    e2e_intel_import(&hub, "203.0.113.4\n");
    send_message("203.0.113.4", 5);
    assert_true(e2e_wait_text(seen, "203.0.113.4", WAIT_MS));
    int status = e2e_stop(follower, SIGINT, WAIT_MS);
    assert_true(status == 0 || status == 128 + SIGINT);
    char *text = e2e_read_file(seen, NULL);
    assert_null(strstr(text, "203.0.113.1"));
    assert_non_null(strstr(text, "203.0.113.2"));
    assert_true(strstr(text, "203.0.113.2") < strstr(text, "203.0.113.3"));
    assert_true(strstr(text, "203.0.113.3") < strstr(text, "203.0.113.4"));
    free(text);
}

/* ---- One at a time; stopping. ---- */

static void test_service__a_second_one_is_refused(void **state)
{
    (void)state;
    check_refused(E2E_ARGS("serve"), 1, hub.data);
    assert_false(e2e_ended(hub.pid, NULL));
}

static void test_service__stops_with_devices_connected(void **state)
{
    struct e2e_mqtt mqtt;
    (void)state;
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "device-1"), 0);
    int64_t start = e2e_now_ms();
    e2e_hub_stop(&hub);
    assert_in_range(e2e_now_ms() - start, 0, 7000);
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
}

static void test_service__a_configuration_fault_is_named(void **state)
{
    char path[128];
    size_t length = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/vedette.conf", hub.data);
    char *before = e2e_read_file(path, &length);
    assert_non_null(before);
    e2e_write_file(path, "no.such.key = 1\n", 16);
    check_refused(E2E_ARGS("serve"), 1, "no.such.key");
    e2e_write_file(path, before, length);
    check_refused(E2E_ARGS("serve", "--set", "mqtt.listen=nowhere"), 1, "mqtt.listen");
    free(before);
}

/* ---- Databases of a later version. ---- */

static int user_version(const char *path, int set_to)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    char sql[64];
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", set_to);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    return version;
}

/* Both the service and a command that opens the store itself say what it is and stop. */
static void check_newer_is_refused(const char *file, const char *const *command)
{
    check_refused(E2E_ARGS("serve"), 1, file);
    check_refused(E2E_ARGS("serve"), 1, "newer");
    check_refused(command, 1, file);
    check_refused(command, 1, "newer");
}

static void test_service__newer_sqlite_files_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *command[3];
    } files[] = {
        {"registry.db", {"device", "list"}},
        {"alerts.db", {"alert", "list"}},
        {"events.db", {"status"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", hub.data, files[i].name);
        int version = user_version(path, LATER_VERSION);
        assert_in_range(version, 1, LATER_VERSION - 1);
        check_newer_is_refused(files[i].name, files[i].command);
        assert_int_equal(user_version(path, version), LATER_VERSION); /* it was left alone */
    }
    e2e_hub_start(&hub);
    e2e_hub_stop(&hub);
}

/* The newest file of the query tables. */
static void analytics_file(char *out, size_t size)
{
    char folder[128];
    char newest[128] = "";
    snprintf(folder, sizeof(folder), "%s/analytics", hub.data);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *end = strrchr(entry->d_name, '.');
        bool database = end != NULL && (strcmp(end, ".duckdb") == 0 || strcmp(end, ".db") == 0);
        if (database && strcmp(entry->d_name, newest) > 0) {
            snprintf(newest, sizeof(newest), "%.127s", entry->d_name);
        }
    }
    closedir(entries);
    assert_string_not_equal(newest, "");
    snprintf(out, size, "%s/%.127s", folder, newest);
}

static void run_duckdb(const char *path, const char *sql)
{
    duckdb_database database;
    duckdb_connection connection;
    duckdb_result result;
    assert_int_equal(duckdb_open(path, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* The status has what each table takes. */
static bool storage_is_told(void *context)
{
    json_t *status = e2e_status(&hub);
    const json_t *table = json_array_get(json_object_get(status, "queryTables"), 0);
    const bool is_told =
        json_integer_value(json_object_get(table, "rows")) == *(const json_int_t *)context &&
        json_integer_value(json_object_get(table, "bytes")) > 0 &&
        json_integer_value(json_object_get(table, "keepDays")) == 30 &&
        json_is_string(json_object_get(table, "oldestDay")) &&
        json_integer_value(json_object_get(json_object_get(status, "queryStorage"), "maxBytes")) >
            0;

    json_decref(status);
    return is_told;
}

static void test_service__newer_query_tables_are_refused(void **state)
{
    char path[300];
    char sql[128];
    (void)state;
    analytics_file(path, sizeof(path));
    snprintf(
        sql, sizeof(sql), "UPDATE vd_meta SET schema_version = schema_version + %d", LATER_VERSION);
    run_duckdb(path, sql);
    check_newer_is_refused("analytics", E2E_ARGS("query", "--sql", "SELECT 1"));
    snprintf(
        sql, sizeof(sql), "UPDATE vd_meta SET schema_version = schema_version - %d", LATER_VERSION);
    run_duckdb(path, sql);
    e2e_hub_start(&hub);
    assert_int_equal(e2e_query_number(&hub, "SELECT count(*) FROM SecurityIoTRawEvent"), 5);
    assert_true(e2e_wait(WAIT_MS, storage_is_told, &(json_int_t){5}));
    e2e_hub_stop(&hub);
}

/* ---- What a person types wrong. ---- */

static void test_service__usage(void **state)
{
    (void)state;
    check_refused(E2E_ARGS("no-such-command"), 2, "no-such-command");
    check_refused(E2E_ARGS("device", "create"), 2, "device create");
    check_refused(E2E_ARGS("device", "list", "--no-such-option"), 2, "no-such-option");
    struct e2e_start start = {.argv = E2E_ARGS(e2e_vedette(), "--version")};
    struct e2e_result version = e2e_run(&start, WAIT_MS);
    assert_int_equal(version.status, 0);
    assert_non_null(strstr(version.out, VD_VERSION));
    e2e_result_release(&version);
    static const char *const commands[] = {"init", "serve", "device", "agent", "intel", "alert",
        "ip-filter", "deadletter", "query", "status", "demo", "config"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct e2e_start help = {.argv = E2E_ARGS(e2e_vedette(), commands[i], "--help")};
        struct e2e_result text = e2e_run(&help, WAIT_MS);
        if (text.status != 0 || strstr(text.out, commands[i]) == NULL) {
            fail_msg("%s --help: status %d, \"%s\"", commands[i], text.status, text.out);
        }
        e2e_result_release(&text);
    }
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service__init_keeps_secrets_to_itself),
        cmocka_unit_test(test_service__init_twice_is_refused),
        cmocka_unit_test(test_service__device_commands_without_it),
        cmocka_unit_test(test_service__device_commands_with_it),
        cmocka_unit_test(test_service__delete_disconnects),
        cmocka_unit_test(test_service__twins_and_messages_from_the_command_line),
        cmocka_unit_test(test_service__the_ip_filter_decides),
        cmocka_unit_test(test_service__management_deletes),
        cmocka_unit_test(test_service__stores_what_devices_send),
        cmocka_unit_test(test_service__alerts_are_followed_over_a_restart),
        cmocka_unit_test(test_service__the_last_alerts_are_followed),
        cmocka_unit_test(test_service__a_second_one_is_refused),
        cmocka_unit_test(test_service__stops_with_devices_connected),
        cmocka_unit_test(test_service__a_configuration_fault_is_named),
        cmocka_unit_test(test_service__newer_sqlite_files_are_refused),
        cmocka_unit_test(test_service__newer_query_tables_are_refused),
        cmocka_unit_test(test_service__usage),
    };
    static const char *const programs[] = {"flatc", NULL};
    int result = e2e_begin(0, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("service", tests, make_scene, NULL));
}
