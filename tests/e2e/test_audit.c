/* SPDX-License-Identifier: MIT */
/* The audit trail of the program as it is delivered: kept over kills, exported, and proved with no service. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/e2e/harness.h"

#define BROKEN  3
#define WAIT_MS 20000
#define KILLS   5

static struct e2e_hub hub;

static json_t *records(const char *what)
{
    json_t *answer = e2e_cli_json(&hub,
        what != NULL ? E2E_ARGS("audit", "list", "--limit", "1000", "--what", what)
                     : E2E_ARGS("audit", "list", "--limit", "1000"));
    json_t *list = json_incref(json_object_get(answer, "records"));

    assert_non_null(list);
    json_decref(answer);
    return list;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

/* Exit status of `vedette audit verify ...`, and what it says: on stderr where it judges nothing. */
static void expect_verify(const char *const *arguments, int status, const char *words)
{
    struct e2e_result result = e2e_cli(&hub, arguments);

    if (result.status != status || strstr(status == 1 ? result.err : result.out, words) == NULL) {
        fail_msg("%d: %s%s", result.status, result.out, result.err);
    }
    e2e_result_release(&result);
}

/* A file in the test's folder with what the command prints. */
static void export_to(const char *name, const char *const *arguments, char path[160])
{
    struct e2e_result result = e2e_cli(&hub, arguments);

    assert_int_equal(result.status, 0);
    snprintf(path, 160, "%s/%s", e2e_folder(), name);
    e2e_write_file(path, result.out, strlen(result.out));
    e2e_result_release(&result);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char path[160];

    snprintf(path, sizeof path, "%s/audit.db", hub.data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The service and the command line without one write the same trail. */
static void test_audit__listed_exported_and_verified(void **state)
{
    char path[160];
    char key[160];
    char *text;
    json_t *list;

    (void)state;
    e2e_cli_ok(&hub, E2E_ARGS("device", "create", "before"));
    e2e_hub_start(&hub);
    e2e_cli_ok(&hub, E2E_ARGS("device", "create", "served"));
    e2e_cli_ok(&hub, E2E_ARGS("token", "create", "--role", "owner", "--name", "ops"));
    e2e_cli_ok(&hub, E2E_ARGS("device", "delete", "served"));
    e2e_hub_stop(&hub);
    list = records(NULL);
    assert_int_equal(json_array_size(list), 7);
    assert_string_equal(text_of(json_array_get(list, 6), "path"), "service.init");
    assert_string_equal(
        text_of(json_array_get(list, 5), "changed"), "deviceId=before authenticationType=sas");
    assert_string_equal(text_of(json_array_get(list, 4), "path"), "service.start");
    assert_string_equal(text_of(json_array_get(list, 1), "resource"), "/devices/served");
    assert_string_equal(text_of(json_array_get(list, 1), "outcome"), "Done");
    assert_string_equal(text_of(json_array_get(list, 0), "path"), "service.stop");
    json_decref(list);

    export_to("trail.jsonl", E2E_ARGS("audit", "export"), path);
    text = e2e_read_file(path, NULL);
    assert_non_null(text);
    assert_null(strstr(text, "vdt_"));
    free(text);
    expect_verify(E2E_ARGS("audit", "verify", path), 0, "7 records verify");
    expect_verify(E2E_ARGS("audit", "verify"), 0, "7 records verify");
    snprintf(key, sizeof key, "%s/master.key", hub.data);
    e2e_shell("'%s' audit verify '%s' --data-dir /nowhere --key '%s' | grep -q '7 records verify'",
        e2e_vedette(), path, key);
    e2e_shell("'%s' audit verify '%s' --data-dir /nowhere | grep -q 'without the master key'",
        e2e_vedette(), path);
    /* What anybody can do without the program: a record's hash, and the chain. */
    e2e_shell(
        "want=$(sed -n 4p '%s' | sed 's/.*\"hash\":\"\\([0-9a-f]*\\)\"}$/\\1/')\n"
        "have=$(sed -n 4p '%s' | sed 's/,\"hash\":\"[0-9a-f]*\"}$/}/' | tr -d '\\n' | sha256sum | cut -d' ' -f1)\n"
        "test \"$want\" = \"$have\"\n"
        "sed -n 5p '%s' | grep -q \"previous\\\":\\\"$want\"",
        path, path, path);
    e2e_shell("sed 's/before/behind/' '%s' > '%s.changed'", path, path);
    snprintf(path, sizeof path, "%s/trail.jsonl.changed", e2e_folder());
    expect_verify(E2E_ARGS("audit", "verify", path), BROKEN, "record 2 was changed");
    expect_verify(E2E_ARGS("audit", "verify", "/nowhere"), 1, "");
    e2e_write_file(path, "", 0);
    expect_verify(E2E_ARGS("audit", "verify", path), 1, "is empty: it has no records");
    export_to("none.jsonl", E2E_ARGS("audit", "export", "--since", "2100-01-01T00:00:00Z"), path);
    expect_verify(E2E_ARGS("audit", "verify", path), 0, "no records, as its head says");
    export_to("trail.csv", E2E_ARGS("audit", "export", "--output", "csv"), path);
    e2e_shell("test $(wc -l < '%s') -eq 8", path);
}

/* ---- Kills ---- */

struct attempt {
    char id[32];
    bool is_acknowledged;
};

/* One record for each, Done where it was acknowledged. */
static void check_attempt(const json_t *list, const struct attempt *attempt)
{
    const json_t *record;
    char wanted[64];
    int found = 0;
    int done = 0;
    size_t i;

    snprintf(wanted, sizeof wanted, "deviceId=%s ", attempt->id);
    json_array_foreach(list, i, record)
    {
        if (strncmp(text_of(record, "changed"), wanted, strlen(wanted)) == 0) {
            found++;
            done += strcmp(text_of(record, "outcome"), "Done") == 0 ? 1 : 0;
        }
    }
    if (found > 1 || (attempt->is_acknowledged && done != 1)) {
        fail_msg("%s: %d records, %d done, acknowledged %d", attempt->id, found, done,
            attempt->is_acknowledged);
    }
}

/* The hub is killed while a change is under way; what was acknowledged is in the trail, which is whole before any restart. */
static void test_audit__kills(void **state)
{
    struct attempt attempts[KILLS * 3];
    size_t count = 0;
    json_t *list;

    (void)state;
    for (int round = 0; round < KILLS; round++) {
        e2e_hub_start(&hub);
        for (int i = 0; i < 3; i++) {
            struct attempt *attempt = &attempts[count++];
            int status = 0;
            pid_t pid;

            snprintf(attempt->id, sizeof attempt->id, "k%zu", count);
            pid = e2e_start(&(struct e2e_start){.argv = E2E_ARGS(e2e_vedette(), "device", "create",
                                                    attempt->id, "--data-dir", hub.data)});
            if (i == 2) {
                const int64_t until = e2e_now_ms() + 40 * round;

                while (e2e_now_ms() < until && !e2e_ended(pid, &status)) {
                    e2e_pause();
                }
                e2e_hub_kill(&hub);
            }
            while (!e2e_ended(pid, &status)) {
                e2e_pause();
            }
            attempt->is_acknowledged = status == 0;
        }
        expect_verify(E2E_ARGS("audit", "verify"), 0, "records verify");
    }
    list = records("/devices");
    for (size_t i = 0; i < count; i++) {
        check_attempt(list, &attempts[i]);
    }
    json_decref(list);
    expect_verify(E2E_ARGS("audit", "verify"), 0, "records verify");
}

/* ---- Tampering ---- */

static bool is_told(void *context)
{
    json_t *alerts = e2e_alerts(&hub);
    bool *found = context;
    json_t *alert;
    size_t i;

    json_array_foreach(alerts, i, alert)
    {
        if (strcmp(text_of(alert, "alertType"), "Vedette_AuditTrailBroken") == 0 &&
            strcmp(text_of(alert, "severity"), "High") == 0) {
            *found = true;
        }
    }
    json_decref(alerts);
    return *found;
}

/* Whether the registry knows of a record that says so. */
static bool is_anchored(void *context)
{
    const json_int_t sequence = *(const json_int_t *)context;
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    json_t *anchor = NULL;
    char path[160];
    bool is;

    snprintf(path, sizeof path, "%s/registry.db", hub.data);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, WAIT_MS);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT value FROM setting WHERE name = 'audit-anchor'",
                         -1, &statement, NULL),
        SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        anchor = json_loadb(
            sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0), 0, NULL);
    }
    is = json_integer_value(json_object_get(anchor, "to")) >= sequence;
    json_decref(anchor);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return is;
}

/* What `vedette verify` says of the data directory. */
static void expect_bad(const char *words)
{
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("verify"));

    if (result.status != 1 || strstr(result.out, words) == NULL) {
        fail_msg("%d: %s%s", result.status, result.out, result.err);
    }
    e2e_result_release(&result);
}

static void expect_older_is_found(void)
{
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "audit.db is an older copy");
    expect_bad("audit.db is an older copy");
    e2e_shell(
        "rm '%s'/audit.db* && mv '%s'/whole/audit.db* '%s'", hub.data, e2e_folder(), hub.data);
    expect_verify(E2E_ARGS("audit", "verify"), 0, "records verify");
}

/* Keeps the trail as it is, puts the one of before in its place, and has it found. */
static void put_older_back(void)
{
    e2e_shell("mkdir -p '%s'/whole && mv '%s'/audit.db* '%s'/whole && cp '%s'/older/audit.db* '%s'",
        e2e_folder(), hub.data, e2e_folder(), e2e_folder(), hub.data);
    expect_older_is_found();
}

static void copy_trail(void)
{
    e2e_shell("rm -rf '%s'/older && mkdir '%s'/older && cp '%s'/audit.db* '%s'/older", e2e_folder(),
        e2e_folder(), hub.data, e2e_folder());
}

/* What a command without the service did, and what was done in one that was killed, cannot be taken back by the file alone. */
static void test_audit__older_file_is_found(void **state)
{
    json_t *list;
    json_int_t sequence;

    (void)state;
    copy_trail();
    e2e_device_create(&hub, "with-no-service");
    put_older_back();
    e2e_hub_start(&hub);
    copy_trail();
    e2e_device_create(&hub, "with-a-service");
    list = records(NULL);
    sequence = json_integer_value(json_object_get(json_array_get(list, 0), "sequence"));
    json_decref(list);
    assert_true(e2e_wait(WAIT_MS, is_anchored, &sequence));
    e2e_hub_kill(&hub);
    put_older_back();
}

static void expect_refused(const char *const *arguments)
{
    struct e2e_result result = e2e_cli(&hub, arguments);

    assert_int_equal(result.status, 1);
    assert_non_null(strstr(result.err, "is gone, and the registry knows of it"));
    e2e_result_release(&result);
}

/* No command makes another in its place, which would be whole. */
static void test_audit__removed_file_is_found(void **state)
{
    (void)state;
    e2e_shell("mv '%s'/audit.db* '%s'/whole", hub.data, e2e_folder());
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "is gone, and the registry knows of it");
    expect_bad("audit.db is gone");
    expect_refused(E2E_ARGS("audit", "list"));
    expect_refused(E2E_ARGS("device", "create", "unseen"));
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "is gone, and the registry knows of it");
    e2e_shell("mv '%s'/whole/audit.db* '%s'", e2e_folder(), hub.data);
    expect_verify(E2E_ARGS("audit", "verify"), 0, "records verify");
}

static void test_audit__tampering_is_told(void **state)
{
    bool found = false;
    json_t *status;

    (void)state;
    run_sql("UPDATE record SET body = replace(body, 'deviceId=before', 'deviceId=after') "
            "WHERE sequence = 2");
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "record 2 was changed");
    e2e_hub_start(&hub);
    assert_true(e2e_wait(WAIT_MS, is_told, &found));
    status = e2e_status(&hub);
    assert_non_null(
        strstr(text_of(json_object_get(status, "audit"), "notice"), "record 2 was changed"));
    json_decref(status);
    e2e_hub_stop(&hub);
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "record 2 was changed");
}

/* Without the file there is no trail to break: the registry knows better. */
static void test_audit__removed_file_is_told(void **state)
{
    json_t *list;

    (void)state;
    e2e_shell("rm '%s'/audit.db*", hub.data);
    e2e_hub_start(&hub);
    e2e_hub_stop(&hub);
    list = records("audit.broken");
    assert_int_equal(json_array_size(list), 1);
    assert_non_null(strstr(text_of(json_array_get(list, 0), "note"), "removed or replaced"));
    json_decref(list);
    expect_verify(E2E_ARGS("audit", "verify"), BROKEN, "was found broken before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit__listed_exported_and_verified),
        cmocka_unit_test(test_audit__kills),
        cmocka_unit_test(test_audit__older_file_is_found),
        cmocka_unit_test(test_audit__removed_file_is_found),
        cmocka_unit_test(test_audit__tampering_is_told),
        cmocka_unit_test(test_audit__removed_file_is_told),
    };
    const int cannot = e2e_begin(0, NULL);

    if (cannot != 0) {
        return cannot;
    }
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    return e2e_end(cmocka_run_group_tests_name("audit", tests, NULL, NULL));
}
