/* SPDX-License-Identifier: MIT */
/* The program itself: help everywhere, init whole or not at all, a database of a newer version. */

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"
#include "lib/str.h"
#include "tests/cli/folder.h"
#include "tests/cli/program.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define PAGE_BYTES 4096L /* of SQLite's files */

static void test_program__help_everywhere(void **state)
{
    static const char *const commands[] = {"", "init", "serve", "device", "device create",
        "device import", "device list", "device show", "device update", "device delete",
        "device method", "device twin", "device query", "device send", "device purge",
        "device feedback", "policy", "policy list", "policy show", "policy create", "policy rotate",
        "policy delete", "token", "token create", "token list", "token delete", "certificate",
        "certificate add", "certificate list", "certificate show", "certificate code",
        "certificate verify", "certificate delete", "agent", "intel", "intel list", "intel show",
        "intel add", "intel set", "intel remove", "intel refresh", "intel check", "intel import",
        "intel test", "alert", "alert list", "alert groups", "alert show", "alert history",
        "alert start", "alert dismiss", "alert resolve", "alert reopen", "alert note", "deadletter",
        "deadletter list", "deadletter replay", "dead-letter list", "query", "status", "demo",
        "config"};

    (void)state;
    for (size_t i = 0; i < COUNT(commands); i++) {
        assert_int_equal(vedette("%s --help", commands[i]), 0);
        assert_said("Usage: vedette");
        assert_said(commands[i]);
        assert_int_equal(vedette("%s --version", commands[i]), 0);
        assert_said("vedette " VD_VERSION "\n");
        assert_int_equal(vedette("%s --no-such-option", commands[i]), 2);
        assert_said("--help");
    }
    assert_int_equal(vedette("no-such-command"), 2);
    assert_int_equal(vedette("%s", ""), 2);
    /* An output that takes nothing is a failure, not a silent end. */
    assert_int_equal(vedette("config --reference > /dev/full"), 1);
}

static void test_program__init(void **state)
{
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {{"ca.pem", 0644}, {"ca.key", 0600}, {"server.pem", 0644}, {"server.key", 0600},
        {"master.key", 0600}, {"vedette.conf", 0666}, {"registry.db", 0600}, {"alerts.db", 0600},
        {"events.db", 0600}, {"analytics", 0700}};
    const struct folder *folder = *state;
    struct stat about;
    char path[128];

    assert_int_equal(vedette("init --hub-name hub.test --data-dir %s/", folder->data), 0);
    assert_said("hub.test");
    assert_int_equal(entries(folder->path), 1);
    assert_int_equal(stat(folder->data, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder->data, files[i].name);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777 & ~files[i].mode, 0);
    }
    assert_int_equal(vedette("init --hub-name other.test --data-dir %s", folder->data), 1);
    assert_said("initialised already");
    snprintf(path, sizeof path, "grep -q '^hub.name = hub.test$' %s/vedette.conf", folder->data);
    assert_int_equal(system(path), 0);
}

static void test_program__init_leaves_nothing_half_done(void **state)
{
    const struct folder *folder = *state;
    char path[128];

    assert_int_equal(vedette("init --san 'not a name' --data-dir %s", folder->data), 1);
    assert_said("not a name");
    assert_int_equal(entries(folder->path), 0);
    assert_int_equal(vedette("init --hub-name a_b --data-dir %s", folder->data), 2);
    assert_int_equal(vedette("init --https 0.0.0.0:99999 --data-dir %s", folder->data), 2);
    assert_said("https.listen");
    assert_int_equal(vedette("init --data-dir %s/a/b", folder->data), 1);
    assert_int_equal(entries(folder->path), 0);

    /* What one that was killed left beside it goes with the next. */
    snprintf(path, sizeof path, "%s.init-abcdef", folder->data);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(vedette("init --data-dir %s", folder->data), 0);
    assert_int_equal(entries(folder->path), 1);
    vd_folder_remove(folder->data);

    /* A directory that is there already: taken if it is empty, however init ended before. */
    assert_int_equal(mkdir(folder->data, 0755), 0);
    assert_int_equal(vedette("init --san '*' --data-dir %s", folder->data), 1);
    assert_int_equal(entries(folder->data), 0);
    snprintf(path, sizeof path, "%s/.init-abcdef", folder->data);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(vedette("init --data-dir %s", folder->data), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(vedette("device list --data-dir %s", folder->data), 0);
}

static void test_program__init_spares_other_files(void **state)
{
    const struct folder *folder = *state;
    char path[128];
    FILE *file;

    assert_int_equal(mkdir(folder->data, 0755), 0);
    snprintf(path, sizeof path, "%s/precious", folder->data);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(vedette("init --data-dir %s", folder->data), 1);
    assert_said("holds files");
    assert_int_equal(entries(folder->data), 1);
    assert_int_equal(vedette("init --data-dir %s/precious", folder->data), 1);
}

static void test_program__commands_without_a_service(void **state)
{
    const struct folder *folder = *state;

    assert_int_equal(vedette("status --data-dir %s", folder->data), 1);
    assert_said("vedette init");
    assert_int_equal(vedette("serve --data-dir %s", folder->data), 1);
    assert_said("vedette init");
    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device create d1 --data-dir %s", folder->data), 0);
    assert_said("HostName=h;DeviceId=d1;SharedAccessKey=");
    assert_int_equal(vedette("device create d1 --data-dir %s", folder->data), 1);
    assert_said("exists already");
    assert_said("vedette device show");
    assert_int_equal(vedette("device list --output json --data-dir %s", folder->data), 0);
    assert_said("\"deviceId\": \"d1\"");
    assert_int_equal(vedette("alert list --data-dir %s", folder->data), 0);
    assert_said("no alerts");
    assert_int_equal(
        vedette("query --sql 'SELECT 1 AS a, 2 AS b' --output csv --data-dir %s", folder->data), 0);
    assert_string_equal(output, "a,b\n1,2\n");
    assert_int_equal(vedette("intel import /nowhere --data-dir %s", folder->data), 1);
    assert_said("/nowhere: No such file");
    assert_int_equal(vedette("device method d1 reboot --data-dir %s", folder->data), 1);
    assert_said("vedette serve");
    assert_int_equal(vedette("device method d2 reboot --data-dir %s", folder->data), 1);
    assert_said("not found");
    assert_int_equal(vedette("device method d1 re/boot --data-dir %s", folder->data), 1);
    assert_said("methodName");
    assert_int_equal(vedette("device method d1 reboot --timeout 4 --data-dir %s", folder->data), 1);
    assert_said("5 to 300");
    assert_int_equal(vedette("device method d1 reboot --timeout x --data-dir %s", folder->data), 2);
    assert_int_equal(vedette("device method d1 reboot {x --data-dir %s", folder->data), 2);
    assert_said("not JSON");
    assert_int_equal(vedette("device delete d1 --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device show d1 --data-dir %s", folder->data), 1);
    assert_said("not found");
    assert_said("vedette device list");
}

/* Whatever the form, what is not all of it says so, to whoever looks and to the shell. */
static void test_program__rows_left_out(void **state)
{
    static const char *const forms[] = {"table", "json", "csv", "tsv"};
    const struct folder *folder = *state;
    char path[128];
    FILE *config;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(
        vedette("query 'range x from 1 to 9999 step 1 | extend t = strrep(\"0123456789\", "
                "1024)' --output tsv --data-dir %s 2>&1 >/dev/null #",
            folder->data),
        3);
    assert_said("64 MiB of text");
    snprintf(path, sizeof path, "%s/vedette.conf", folder->data);
    config = fopen(path, "a");
    assert_non_null(config);
    fputs("query.max_rows = 2\n", config);
    fclose(config);
    for (size_t i = 0; i < COUNT(forms); i++) {
        assert_int_equal(vedette("query 'range x from 1 to 3 step 1' --output %s --data-dir %s",
                             forms[i], folder->data),
            3);
        assert_said("cut off after 2 rows, the limit of query.max_rows");
        assert_int_equal(vedette("query 'range x from 1 to 2 step 1' --output %s --data-dir %s",
                             forms[i], folder->data),
            0);
        assert_null(strstr(output, "cut off"));
    }
    assert_int_equal(
        vedette("query 'range x from 1 to 3 step 1' --output csv --data-dir %s 2>/dev/null #",
            folder->data),
        3);
    assert_string_equal(output, "x\n1\n2\n");
}

/* What there is of devices beside their identities, each command with its words and its faults. */
static void test_program__twins_and_messages(void **state)
{
    static const struct {
        const char *words;
        int status;
        const char *said;
    } cases[] = {
        {"twin d1 --patch '{\"tags\":{\"site\":\"x\"}}'", 0, "\"site\": \"x\""},
        {"twin d1 --replace '{\"tags\":{\"line\":7}}'", 0, "\"line\": 7"},
        {"twin d1 --patch '{\"tags\":{}}' --if-match AAAA", 1, "ETag"},
        {"twin d1 --patch '{\"tags\":{}}' --replace '{}'", 2, "not both"},
        {"twin d1 --if-match AAAA", 2, "--if-match goes with"},
        {"twin d1 --patch '{\"tag\":{}}'", 1, "tag"},
        {"twin d1 --module m", 1, "m: not found"},
        {"twin d2", 1, "vedette device list"},
        {"query 'SELECT deviceId, tags.line AS line FROM devices'", 0, "d1        7"},
        {"query 'SELECT * FROM devices' --output json", 0, "\"deviceId\": \"d1\""},
        {"query 'SELECT deviceId FROM devices' --limit 1", 0, "(1 row)"},
        {"query 'SELECT deviceId FROM devices' --limit 1", 0, "--limit shows more"},
        {"query 'SELECT deviceId FROM devices' --limit 0", 2, "--limit is a number"},
        {"query 'SELECT * FROM thing'", 1, "at byte 14"},
        {"send d1 hello --message-id m1 --ack full --property k=v --ttl 60", 0, "message id  m1"},
        {"send d1 hello --output json", 0, "\"messageId\""},
        {"send d1 --file /nowhere", 1, "No such file"},
        {"send d1", 2, "--file"},
        {"send d1 x --file y", 2, "--file"},
        {"send d1 x --property k", 2, "NAME=VALUE"},
        {"send d1 x --ttl soon", 2, "seconds"},
        {"send d1 x --ttl 0", 1, "172800"},
        {"send d1 x --ack all", 1, "none, positive"},
        {"show d1", 0, "messages waiting   2"},
        {"purge d1", 0, "purged 2 messages"},
        {"feedback", 0, "Purged"},
        {"feedback --output json", 0, "\"originalMessageId\": \"m1\""},
        {"feedback --forget 99", 0, ""},
        {"feedback", 0, "no feedback"},
        {"feedback --limit x", 1, "limit"},
        {"update d1 --status disabled --reason 'on loan'", 0, "disabled, not connected"},
        {"show d1", 0, "on loan"},
        {"update d1 --new-primary-key --status enabled", 0, "HostName=h;DeviceId=d1"},
        {"update d1 --thumbprint 97388663832d0393c9246cab4fba2c8677185a25", 0, "thumbprint"},
        {"update d1 --ca", 0, "CN = d1"},
        {"update d1 --sas --output json", 0, "\"type\": \"sas\""},
        {"update d1 --sas --ca", 2, "not both"},
        {"update d1", 2, "what is to change"},
        {"update d1 --status off", 1, "enabled or disabled"},
        {"update d1 --status enabled --if-match x", 1, "changed by another"},
    };
    const struct folder *folder = *state;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device create d1 --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device create d3 --data-dir %s", folder->data), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = vedette("device %s --data-dir %s", cases[i].words, folder->data);

        if (status != cases[i].status || strstr(output, cases[i].said) == NULL) {
            fail_msg("%s: %d, %s", cases[i].words, status, output);
        }
    }
}

static void test_program__wrong_configuration(void **state)
{
    const struct folder *folder = *state;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("serve --set log.levl=info --data-dir %s", folder->data), 1);
    assert_said("log.levl");
    assert_int_equal(vedette("serve --set analytics.threads=0 --data-dir %s", folder->data), 1);
    assert_said("1 to 256");
}

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int version;

    assert_int_equal(
        sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

static void test_program__newer_database(void **state)
{
    static const char *const files[] = {"registry.db", "alerts.db", "events.db"};
    const struct folder *folder = *state;
    char path[128];

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    for (size_t i = 0; i < COUNT(files); i++) {
        sqlite3 *db = NULL;
        char restore[64];

        snprintf(path, sizeof path, "%s/%s", folder->data, files[i]);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        snprintf(restore, sizeof restore, "PRAGMA user_version = %d", version_of(db));
        assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 77", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(
            vedette("serve --set mqtt.listen=127.0.0.1:0 --data-dir %s", folder->data), 1);
        assert_said(files[i]);
        assert_said("77");
        assert_said(VD_VERSION);
        assert_int_equal(sqlite3_exec(db, restore, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
    }
}

/* Writes over the first page of a table, which nothing reads when the file is opened. */
static void rot_table(const char *path, const char *table)
{
    char sql[96];
    unsigned char rot[512];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    FILE *file;
    long page;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    page = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    memset(rot, 0xa5, sizeof rot);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (page - 1) * PAGE_BYTES, SEEK_SET), 0);
    assert_int_equal(fwrite(rot, 1, sizeof rot, file), sizeof rot);
    assert_int_equal(fclose(file), 0);
}

/* Which file it is, and what to do. */
static void test_program__damaged_stores(void **state)
{
    static const struct {
        const char *damage; /* in the data directory */
        const char *said;
    } cases[] = {
        {"yes no database | head -c 20000 >analytics/2025-11-25.duckdb",
            "analytics: stored data is damaged: 2025-11-25.duckdb: "},
        {"rm analytics/2025-11-25.duckdb && echo { >exports.json",
            "exports.json: stored data is damaged; restore it from a backup"},
        {"rm exports.json", "registry.db: stored data is damaged; restore it from a backup"},
    };
    const struct folder *folder = *state;
    char path[128];

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    snprintf(path, sizeof path, "%s/registry.db", folder->data);
    rot_table(path, "setting");
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(shell("cd %s && %s", folder->data, cases[i].damage), 0);
        assert_int_equal(
            vedette("serve --set mqtt.listen=127.0.0.1:0 --data-dir %s", folder->data), 1);
        assert_said(cases[i].said);
    }
}

/* Made anew it would be one without devices, and their twins would be swept away. */
static void test_program__lost_stores(void **state)
{
    static const char *const files[] = {"registry.db", "events.db"};
    static const char *const losses[] = {"truncate -s 0", "rm"};
    const struct folder *folder = *state;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device create pump --data-dir %s", folder->data), 0);
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(shell("cd %s && cp %s kept", folder->data, files[i]), 0);
        for (size_t k = 0; k < COUNT(losses); k++) {
            assert_int_equal(shell("%s %s/%s", losses[k], folder->data, files[i]), 0);
            assert_int_equal(
                vedette("serve --set mqtt.listen=127.0.0.1:0 --data-dir %s", folder->data), 1);
            assert_said(files[i]);
            assert_said("restore the data directory from a backup");
            assert_int_equal(vedette("device list --data-dir %s", folder->data), 1);
            assert_said(files[i]);
            assert_int_not_equal(shell("test -s %s/%s", folder->data, files[i]), 0);
        }
        assert_int_equal(shell("cd %s && mv kept %s", folder->data, files[i]), 0);
        assert_int_equal(vedette("device show pump --data-dir %s", folder->data), 0);
    }
}

/* Where it cannot be made and told of it stays gone, and nothing that belongs to what was there is thrown away. */
static void check_begun_anew_or_gone(const struct folder *folder, const char *file)
{
    const char *data = folder->data;

    assert_int_equal(shell("mv %s/%s %s/kept", data, file, data), 0);
    assert_int_equal(shell("chmod 644 %s/master.key", data), 0);
    assert_int_equal(vedette("init --store %s --data-dir %s", file, data), 1);
    assert_said("mode 0600");
    assert_int_equal(shell("test -e %s/%s", data, file) != 0, 1);
    assert_int_equal(shell("chmod 600 %s/master.key", data), 0);
    assert_int_equal(shell("echo commits > %s/%s-wal", data, file), 0);
    assert_int_equal(vedette("init --store %s --data-dir %s", file, data), 1);
    assert_said("-wal: is there");
    assert_int_equal(shell("grep -q commits %s/%s-wal && rm %s/%s-wal", data, file, data, file), 0);
    assert_int_equal(shell("mv %s/kept %s/%s", data, data, file), 0);
}

/* Those that may be begun anew are not, until it is asked for; then the trail says so. */
static void test_program__stores_begun_anew(void **state)
{
    static const char *const files[] = {"alerts.db", "state.db"};
    static const char *const losses[] = {"truncate -s 0", "rm"};
    const struct folder *folder = *state;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(vedette("init --store %s --data-dir %s", files[i], folder->data), 1);
        assert_said("is there");
        check_begun_anew_or_gone(folder, files[i]);
        for (size_t k = 0; k < COUNT(losses); k++) {
            assert_int_equal(shell("%s %s/%s", losses[k], folder->data, files[i]), 0);
            assert_int_equal(
                vedette("serve --set mqtt.listen=127.0.0.1:0 --data-dir %s", folder->data), 1);
            assert_said(files[i]);
            assert_said("`vedette init --store");
            assert_int_equal(vedette("device list --data-dir %s", folder->data), 1);
            assert_int_not_equal(shell("test -s %s/%s", folder->data, files[i]), 0);
            assert_int_equal(vedette("init --store %s --data-dir %s", files[i], folder->data), 0);
            assert_int_equal(
                vedette("audit show %zu --data-dir %s", 2 + 2 * i + k, folder->data), 0);
            assert_said("store.anew");
            assert_said(files[i]);
            assert_int_equal(vedette("verify --data-dir %s", folder->data), 0);
        }
    }
    assert_int_equal(vedette("init --store registry.db --data-dir %s", folder->data), 1);
    assert_said("alerts.db or state.db");
    assert_int_equal(vedette("init --store state.db --hub-name h --data-dir %s", folder->data), 2);
    assert_int_equal(vedette("init --store state.db --data-dir %s/none", folder->data), 1);
    assert_said("is not a data directory");
}

static void test_program__lost_master_key(void **state)
{
    const struct folder *folder = *state;
    char command[256];

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    snprintf(command, sizeof command, "chmod 640 %s/master.key", folder->data);
    assert_int_equal(system(command), 0);
    assert_int_equal(vedette("device list --data-dir %s", folder->data), 1);
    assert_said("mode 0600");
    snprintf(command, sizeof command,
        "cd %s && rm master.key && head -c 32 /dev/urandom | base64 > master.key && chmod 600 master.key",
        folder->data);
    assert_int_equal(system(command), 0);
    assert_int_equal(vedette("device list --data-dir %s", folder->data), 1);
    assert_said("does not open with master.key");
}

/* The service has another working folder than the command. */
static void test_program__paths_for_the_service(void **state)
{
    const struct folder *folder = *state;
    char before[512];
    char feed[128];
    FILE *file;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder->path), 0);
    file = fopen("feed.txt", "w");
    assert_non_null(file);
    assert_true(fputs("192.0.2.1\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(vedette("intel add f --watch feed.txt --data-dir %s", folder->data), 0);
    snprintf(feed, sizeof feed, "%s/feed.txt", folder->path);
    assert_said(feed);
    assert_int_equal(vedette("notify add file f alerts.jsonl --data-dir %s", folder->data), 0);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(vedette("intel show g --data-dir %s", folder->data), 1);
    assert_said("`vedette intel list` shows those that are there");
    assert_int_equal(vedette("doctor d --data-dir %s", folder->data), 1);
    assert_said("`vedette device list` shows those that are there");
}

/* In the words of the options, not of the API behind them. */
static void test_program__options_that_say_nothing(void **state)
{
    const struct folder *folder = *state;

    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("alert list --limit 0 --data-dir %s", folder->data), 1);
    assert_said("--limit is to be a number from 1 on");
    assert_int_equal(
        vedette("alert dismiss --reason Expected --once --for 7d --data-dir %s", folder->data), 1);
    assert_said("with --once none is");
    assert_int_equal(
        vedette("token create --name n --role reader --expires 0d --data-dir %s", folder->data), 2);
    assert_said("--expires 0d: not a number above 0");
    assert_int_equal(vedette("doctor --group none --data-dir %s", folder->data), 1);
    assert_said("none: no device is in this group, and it has no rules");
    assert_int_equal(vedette("doctor --group default --data-dir %s", folder->data), 0);
    assert_int_equal(shell("printf %%s '{\"timeWindowRules\":[]}' >%s/rules", folder->path), 0);
    assert_int_equal(
        vedette("group set lab %s/rules --data-dir %s", folder->path, folder->data), 0);
    assert_int_equal(vedette("doctor --group lab --data-dir %s", folder->data), 0);
    assert_said("0 devices");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_program__##name, folder_set_up, folder_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_everywhere),
        TEST(init),
        TEST(init_leaves_nothing_half_done),
        TEST(init_spares_other_files),
        TEST(commands_without_a_service),
        TEST(rows_left_out),
        TEST(paths_for_the_service),
        TEST(options_that_say_nothing),
        TEST(twins_and_messages),
        TEST(wrong_configuration),
        TEST(newer_database),
        TEST(damaged_stores),
        TEST(lost_stores),
        TEST(stores_begun_anew),
        TEST(lost_master_key),
    };

    unsetenv("VEDETTE_DATA_DIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
