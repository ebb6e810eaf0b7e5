/* SPDX-License-Identifier: MIT */
/* A data directory of the first release is opened by this program, and everything in it is still there; one of a later release is
 * refused and left as it is. Its stores are the scripts in tests/fixtures/first-release. */

#include <duckdb.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/str.h"
#include "tests/cli/folder.h"
#include "tests/cli/program.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define DAY        "analytics/2026-11-26.duckdb"
#define SCRIPT_MAX 65536

static const char *read_script(const char *name)
{
    static char script[SCRIPT_MAX];
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, VD_FIXTURES "/%s", name);
    file = fopen(path, "re");
    assert_non_null(file);
    script[fread(script, 1, sizeof script - 1, file)] = '\0';
    fclose(file);
    return script;
}

static void run_sqlite(const char *path, const char *script)
{
    char *reason = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, script, NULL, NULL, &reason) != SQLITE_OK) {
        fail_msg("%s: %s", path, reason);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void run_duckdb(const char *path, const char *script)
{
    duckdb_database database;
    duckdb_connection connection;
    duckdb_result result;

    assert_int_equal(duckdb_open(path, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    if (duckdb_query(connection, script, &result) != DuckDBSuccess) {
        fail_msg("%s: %s", path, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* With certificates and a configuration, which have not changed since. */
static void make_first_release(const struct folder *folder)
{
    static const char *const databases[] = {"registry", "state", "alerts", "events"};
    char path[128];
    char script[32];

    assert_int_equal(vedette("init --hub-name hub.test --data-dir %s", folder->data), 0);
    assert_int_equal(shell("cd %s && rm -rf ./*.db* analytics intel master.key exports.json && "
                           "mkdir -m 700 analytics && install -m 600 " VD_FIXTURES "/master.key .",
                         folder->data),
        0);
    for (size_t i = 0; i < COUNT(databases); i++) {
        snprintf(path, sizeof path, "%s/%s.db", folder->data, databases[i]);
        snprintf(script, sizeof script, "%s.sql", databases[i]);
        run_sqlite(path, read_script(script));
    }
    snprintf(path, sizeof path, "%s/" DAY, folder->data);
    run_duckdb(path, read_script("day.sql"));
}

/* Each thing in it by the command that shows it. */
static void check_all(const char *data)
{
    static const struct {
        const char *words;
        const char *said[3];
    } cases[] = {
        {"device show old",
            {"cHJpbWFyeSBrZXkgb2YgYSBkZXZpY2UgdW5kZXIgdGU=",
                "c2Vjb25kYXJ5IGtleSBvZiBhIGRldmljZSB1bmRlciA=", "enabled"}},
        {"device twin old", {"\"interval\": 30", "\"site\": \"north\"", ""}},
        {"alert list --output json", {"6f9619ff-8b86-4011-b42d-00c04fc964ff", "192.0.2.77", "New"}},
        {"alert show 6f96 --output json",
            {"\"remoteAddress\"", "IoT_TiConnection", "\"count\": 3"}},
        {"deadletter list", {"old", "no FlatBuffer", ""}},
        {"intel check 192.0.2.77", {"192.0.2.0/24", "first list", ""}},
        {"intel check 2001:db8::7", {"2001:db8::7", "first list", ""}},
        {"query 'SecurityIoTRawEvent | summarize Flows = count(), "
         "Bytes = sum(tolong(parse_json(EventDetails).BytesIn)) by DeviceId'",
            {"old", "3", ""}},
        {"policy list", {"iothubowner", "registryReadWrite", ""}},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        if (vedette("%s --data-dir %s", cases[i].words, data) != 0) {
            fail_msg("%s: %s", cases[i].words, output);
        }
        for (size_t j = 0; j < COUNT(cases[i].said); j++) {
            assert_said(cases[i].said[j]);
        }
    }
}

static void test_upgrade__of_the_first_release(void **state)
{
    static const char *const now[] = {"registry.db", "state.db", "alerts.db", "events.db", DAY,
        "alerts to 7, rows to 7", "of 1 identities and 5 policies open", "all is well"};
    const struct folder *folder = *state;
    char path[128];

    make_first_release(folder);
    assert_int_equal(vedette("verify --data-dir %s", folder->data), 0);
    assert_said("whole, format 1");
    check_all(folder->data);
    check_all(folder->data); /* opened once more, as it is now */
    assert_int_equal(vedette("verify --data-dir %s", folder->data), 0);
    for (size_t i = 0; i < COUNT(now); i++) {
        assert_said(now[i]);
    }
    /* And it is backed up and restored like any other. */
    assert_int_equal(
        vedette("backup %s/saved --with-master-key --data-dir %s", folder->path, folder->data), 0);
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new", folder->path, folder->path), 0);
    snprintf(path, sizeof path, "%s/new", folder->path);
    check_all(path);
    /* The message to the device waits still. */
    assert_int_equal(vedette("device purge old --data-dir %s", folder->data), 0);
    assert_said("1");
}

/* It says which file and version, and changes nothing. */
static void test_upgrade__of_a_later_release(void **state)
{
    static const char *const databases[] = {"registry.db", "state.db", "alerts.db", "events.db"};
    const struct folder *folder = *state;
    char path[128];

    make_first_release(folder);
    check_all(folder->data);
    for (size_t i = 0; i < COUNT(databases); i++) {
        assert_int_equal(
            shell("rm -rf %s/bad && cp -a %s %s/bad", folder->path, folder->data, folder->path), 0);
        snprintf(path, sizeof path, "%s/bad/%s", folder->path, databases[i]);
        run_sqlite(path, "PRAGMA user_version = 99");
        assert_int_equal(shell("cp %s %s/before", path, folder->path), 0);
        assert_int_equal(vedette("serve --data-dir %s/bad", folder->path), 1);
        assert_said(databases[i]);
        assert_said("version 99, written by a newer vedette");
        assert_int_equal(vedette("verify --data-dir %s/bad", folder->path), 1);
        assert_said("written by a newer vedette");
        assert_int_equal(shell("cmp %s %s/before", path, folder->path), 0);
    }
    snprintf(path, sizeof path, "%s/" DAY, folder->data);
    run_duckdb(path, "UPDATE vd_meta SET schema_version = 99");
    assert_int_equal(vedette("serve --data-dir %s", folder->data), 1);
    assert_said("newer version");
    assert_int_equal(vedette("verify --data-dir %s", folder->data), 1);
    assert_said("its tables are of version 99");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_upgrade__of_the_first_release, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_upgrade__of_a_later_release, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
