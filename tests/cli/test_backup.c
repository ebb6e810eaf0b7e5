/* SPDX-License-Identifier: MIT */
/* Backups without a service: what they hold, what damage is found, and that restore makes all or nothing. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cli/backup/manifest.h"
#include "lib/str.h"
#include "tests/cli/folder.h"
#include "tests/cli/program.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A data directory with a device, a feed and a row of a day; and a backup of it, "saved". */
static void make_backup(const struct folder *folder, const char *option)
{
    assert_int_equal(vedette("init --hub-name hub.test --data-dir %s", folder->data), 0);
    assert_int_equal(vedette("device create one --data-dir %s", folder->data), 0);
    assert_int_equal(shell("echo 203.0.113.7 | '%s' intel import - --data-dir %s 2>&1", VD_PROGRAM,
                         folder->data),
        0);
    assert_int_equal(
        vedette("backup %s/saved %s --data-dir %s", folder->path, option, folder->data), 0);
}

static void test_backup__holds_no_secret(void **state)
{
    static const char *const absent[] = {"master.key", "ca.key", "server.key", "api.sock", "lock"};
    const struct folder *folder = *state;
    struct stat about;
    char path[128];

    make_backup(folder, "");
    assert_said("restore needs it");
    for (size_t i = 0; i < COUNT(absent); i++) {
        snprintf(path, sizeof path, "%s/saved/%s", folder->path, absent[i]);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    snprintf(path, sizeof path, "%s/saved", folder->path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_int_equal(shell("grep -rl 'PRIVATE KEY' %s/saved", folder->path), 1);
    /* Nor is it written over. */
    assert_int_equal(vedette("backup %s/saved --data-dir %s", folder->path, folder->data), 1);
    assert_said("exists already");
    assert_int_equal(entries(folder->path), 2);
}

static void test_backup__restored(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new", folder->path, folder->path), 1);
    assert_said("--master-key");
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new/ --master-key %s/master.key",
                         folder->path, folder->path, folder->data),
        0);
    assert_int_equal(vedette("verify --data-dir %s/new", folder->path), 0);
    assert_said("of 1 identities and 5 policies open");
    assert_said(" records verify");
    assert_int_equal(
        vedette("audit list --what service.restored --data-dir %s/new", folder->path), 0);
    assert_said("service.restored");
    assert_int_equal(vedette("audit verify --data-dir %s/new", folder->path), 0);
    assert_int_equal(shell("test \"$(stat -c %%a %s/new/vedette.conf)\" = 600 && "
                           "test \"$(stat -c %%a %s/new/server.pem)\" = 644",
                         folder->path, folder->path),
        0);
    assert_int_equal(shell("cmp %s/new/server.key %s/server.key && cmp %s/new/ca.key %s/ca.key",
                         folder->path, folder->data, folder->path, folder->data),
        0);
    assert_int_equal(vedette("intel check 203.0.113.7 --data-dir %s/new", folder->path), 0);
    assert_int_equal(shell("'%s' device show one --data-dir %s/new >%s/a && '%s' device show one "
                           "--data-dir %s >%s/b && cmp %s/a %s/b",
                         VD_PROGRAM, folder->path, folder->path, VD_PROGRAM, folder->data,
                         folder->path, folder->path, folder->path),
        0);
    /* Not over it. */
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new --master-key %s/master.key",
                         folder->path, folder->path, folder->data),
        1);
    assert_said("initialised already");
}

/* One whose file is as the manifest says, and whose records are not as they were. */
static void test_backup__audit_trail_is_read(void **state)
{
    const struct folder *folder = *state;
    sqlite3 *db = NULL;
    char path[160];

    make_backup(folder, "");
    snprintf(path, sizeof path, "%s/audit.db", folder->data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE record SET body = replace(body, 'device', 'nobody')",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(vedette("verify --data-dir %s", folder->data), 1);
    assert_said("BAD  audit trail");
    assert_int_equal(vedette("backup %s/again --data-dir %s", folder->path, folder->data), 0);
    assert_int_equal(vedette("verify %s/again", folder->path), 1);
    assert_said("BAD  audit trail");
}

static void test_backup__with_the_master_key(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "--with-master-key");
    assert_said("whoever has it");
    assert_int_equal(vedette("verify %s/saved", folder->path), 0);
    assert_said("of 1 identities");
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new", folder->path, folder->path), 0);
    assert_int_equal(vedette("verify --data-dir %s/new", folder->path), 0);
}

/* As an ACME client keeps certificates. The backup holds what the links lead to; one in a backup leads nowhere. */
static void test_backup__of_links(void **state)
{
    static const char *const options[] = {"", "--with-master-key"};
    static const char *const names[] = {
        "vedette.conf", "ca.pem", "ca.key", "server.pem", "server.key"};
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(shell("mkdir %s/kept && ln -s %s/master.key %s/kept/key", folder->path,
                         folder->data, folder->path),
        0);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(shell("mv %s/%s %s/kept/ && ln -s ../kept/%s %s/%s", folder->data,
                             names[i], folder->path, names[i], folder->data, names[i]),
            0);
    }
    for (size_t i = 0; i < COUNT(options); i++) {
        assert_int_equal(vedette("backup %s/linked%zu %s --data-dir %s", folder->path, i,
                             options[i], folder->data),
            0);
        assert_int_equal(shell("test -z \"$(find %s/linked%zu -type l)\" && "
                               "cmp %s/linked%zu/server.pem %s/kept/server.pem",
                             folder->path, i, folder->path, i, folder->path),
            0);
        assert_int_equal(
            vedette("restore %s/linked%zu --data-dir %s/new%zu --master-key %s/kept/key",
                folder->path, i, folder->path, i, folder->path),
            0);
        assert_int_equal(vedette("verify --data-dir %s/new%zu", folder->path, i), 0);
    }
    /* Nor what is no file. */
    assert_int_equal(shell("ln -sfn /dev/zero %s/ca.pem", folder->data), 0);
    assert_int_equal(vedette("backup %s/again --data-dir %s", folder->path, folder->data), 1);
    assert_said("ca.pem: malformed");
}

/* Who keeps the authority's key elsewhere has backups all the same; without the server's there is no service. */
static void test_backup__without_the_key_of_the_authority(void **state)
{
    static const char *const options[] = {"", "--with-master-key"};
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(shell("mv %s/ca.key %s/ca.key", folder->data, folder->path), 0);
    for (size_t i = 0; i < COUNT(options); i++) {
        assert_int_equal(vedette("backup %s/less%zu %s --data-dir %s", folder->path, i, options[i],
                             folder->data),
            0);
        assert_int_equal(
            vedette("verify %s/less%zu --master-key %s/master.key", folder->path, i, folder->data),
            0);
        assert_int_equal(
            vedette("restore %s/less%zu --data-dir %s/new%zu --master-key %s/master.key",
                folder->path, i, folder->path, i, folder->data),
            0);
        assert_int_equal(vedette("verify --data-dir %s/new%zu", folder->path, i), 0);
        assert_int_not_equal(shell("test -e %s/new%zu/ca.key", folder->path, i), 0);
    }
    assert_int_equal(shell("mv %s/server.key %s/server.key", folder->data, folder->path), 0);
    for (size_t i = 0; i < COUNT(options); i++) {
        assert_int_equal(
            vedette("backup %s/again %s --data-dir %s", folder->path, options[i], folder->data), 1);
        assert_said("server.key: not found");
    }
}

/* Another record than the lost one has its offset, so it may not have its id. */
static void test_backup__gives_records_other_ids(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "--with-master-key");
    assert_int_equal(
        shell("echo '{\"version\":1,\"epoch\":\"0123456789abcdef\",\"high\":1,\"places\":[]}'"
              " >%s/exports.json",
            folder->data),
        0);
    assert_int_equal(
        vedette("backup %s/again --with-master-key --data-dir %s", folder->path, folder->data), 0);
    assert_int_equal(vedette("restore %s/again --data-dir %s/new", folder->path, folder->path), 0);
    assert_int_equal(shell("grep -q '\"high\":1' %s/new/exports.json", folder->path), 0);
    assert_int_equal(shell("grep -q 0123456789abcdef %s/new/exports.json", folder->path), 1);
}

/* Each kind of damage, what verify says of it, and that restore leaves nothing. */
static void test_backup__damage_is_found(void **state)
{
    static const struct {
        const char *damage; /* in the folder of the backup */
        const char *said;
    } cases[] = {
        {"printf x | dd of=alerts.db bs=1 seek=9000 conv=notrunc 2>&1",
            "its content is not what the manifest says"},
        {"echo >>events.db", "the manifest says"},
        {"rm state.db", "not found"},
        {"printf x | dd of=server.key.sealed bs=1 seek=20 conv=notrunc 2>&1",
            "its content is not what the manifest says"},
        {"ln -sf /proc/self/mounts ca.pem", "input or output failed"},
        {"rm manifest.json", "holds no manifest.json"},
        {"sed -i 's/\"format\": 1/\"format\": 2/' manifest.json", "older than the one"},
        {"sed -i 's/alerts.db/..\\/rts.db/' manifest.json", "not of the form"},
    };
    const struct folder *folder = *state;

    make_backup(folder, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(
            shell("rm -rf %s/bad && cp -r %s/saved %s/bad && cd %s/bad && %s", folder->path,
                folder->path, folder->path, folder->path, cases[i].damage),
            0);
        assert_int_equal(vedette("verify %s/bad", folder->path), 1);
        assert_said(cases[i].said);
        if (i == 0) { /* of what is bad nothing else is said */
            assert_null(strstr(output, "ok   alerts.db "));
        }
        assert_int_equal(vedette("restore %s/bad --data-dir %s/new --master-key %s/master.key",
                             folder->path, folder->path, folder->data),
            1);
        assert_int_equal(entries(folder->path), 3); /* data, saved, bad */
    }
    assert_int_equal(
        vedette("verify %s/saved --master-key %s/master.key", folder->path, folder->data), 0);
}

/* It does no harm, and nobody is to believe that it is kept. */
static void test_backup__what_does_not_belong_is_said(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "--with-master-key");
    assert_int_equal(vedette("verify %s/saved", folder->path), 0);
    assert_null(strstr(output, "note"));
    assert_int_equal(
        shell("cd %s/saved && touch .notes intel/extra && mkdir -p box/in && cp ca.pem 'a b'",
            folder->path),
        0);
    assert_int_equal(vedette("verify %s/saved", folder->path), 0);
    assert_said("note .notes  ");
    assert_said("note intel/extra  ");
    assert_said("note box/  ");
    assert_said("note a b  ");
    assert_said("4 entries are not in the manifest");
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new", folder->path, folder->path), 0);
    assert_int_equal(shell("ls -A %s/new | grep -e box -e notes", folder->path), 1);
    /* Nor is one backup put into another. */
    assert_int_equal(
        vedette("backup %s/saved/box/next --data-dir %s", folder->path, folder->data), 1);
    assert_said("saved, to which it does not belong");
    assert_int_equal(shell("echo '{}' >%s/manifest.json", folder->path), 0);
    assert_int_equal(vedette("backup %s/next --data-dir %s", folder->path, folder->data), 0);
}

/* What the manifest does not say: a file that was damaged before it was saved, a database of later make. */
static void test_backup__stores_are_read(void **state)
{
    static const struct {
        const char *damage;
        const char *said;
    } cases[] = {
        {"printf 'xxxxxxxx' | dd of=registry.db bs=1 seek=8200 conv=notrunc 2>&1",
            "BAD  registry.db"},
        {"printf '\\0\\0\\0\\143' | dd of=state.db bs=1 seek=60 conv=notrunc 2>&1",
            "written by a newer vedette"},
        {"echo not a database >analytics/2026-01-02.duckdb", "BAD  analytics/2026-01-02.duckdb"},
        {"rm events.db && cp state.db events.db", "not what its name says"},
    };
    const struct folder *folder = *state;

    make_backup(folder, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(shell("rm -rf %s/bad && cp -r %s %s/bad && cd %s/bad && %s", folder->path,
                             folder->data, folder->path, folder->path, cases[i].damage),
            0);
        assert_int_equal(vedette("verify --data-dir %s/bad", folder->path), 1);
        assert_said(cases[i].said);
    }
}

/* A store that was damaged before it was saved, so that the manifest is right about it: nothing is made of it, and nobody is told to
 * mend what is not there. */
static void test_backup__damaged_store_is_not_restored(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(
        shell(
            "cd %s && was=$(sha256sum <saved/alerts.db) && "
            "printf 'xxxxxxxxxxxxxxxx' | dd of=saved/alerts.db bs=1 seek=104 conv=notrunc 2>&1 && "
            "is=$(sha256sum <saved/alerts.db) && "
            "sed -i \"s/${was%%%% *}/${is%%%% *}/\" saved/manifest.json",
            folder->path),
        0);
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new --master-key %s/master.key",
                         folder->path, folder->path, folder->data),
        1);
    assert_said("alerts.db: stored data is damaged; take another backup");
    assert_int_not_equal(shell("test -e %s/new", folder->path), 0);
}

/* The manifest is right about it, and it does not open. */
static void test_backup__sealed_key_is_opened(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(
        vedette("verify %s/saved --master-key %s/master.key", folder->path, folder->data), 0);
    assert_said("server.key.sealed");
    assert_int_equal(
        shell("cd %s/saved && was=$(sha256sum <server.key.sealed) && "
              "printf 'xxxx' | dd of=server.key.sealed bs=1 seek=20 conv=notrunc 2>&1 && "
              "is=$(sha256sum <server.key.sealed) && "
              "sed -i \"s/${was%%%% *}/${is%%%% *}/\" manifest.json",
            folder->path),
        0);
    assert_int_equal(vedette("verify %s/saved", folder->path), 0);
    assert_int_equal(
        vedette("verify %s/saved --master-key %s/master.key", folder->path, folder->data), 1);
    assert_said("BAD  server.key.sealed");
    assert_said("1 of ");
}

static void test_backup__another_master_key(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(vedette("init --data-dir %s/other", folder->path), 0);
    assert_int_equal(
        vedette("verify %s/saved --master-key %s/other/master.key", folder->path, folder->path), 1);
    assert_said("another master key");
    assert_int_equal(vedette("restore %s/saved --data-dir %s/new --master-key %s/other/master.key",
                         folder->path, folder->path, folder->path),
        1);
    assert_said("another master key");
    assert_int_equal(entries(folder->path), 3);
}

/* What cannot be written leaves nothing. */
static void test_backup__whole_or_not_at_all(void **state)
{
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(shell("rm %s/server.pem", folder->data), 0);
    assert_int_equal(vedette("backup %s/again --data-dir %s", folder->path, folder->data), 1);
    assert_said("server.pem");
    assert_int_equal(vedette("backup %s/no/such --data-dir %s", folder->path, folder->data), 1);
    assert_int_equal(
        vedette("backup %s/analytics/again --data-dir %s", folder->data, folder->data), 1);
    assert_said("is in the data directory");
    assert_int_equal(entries(folder->path), 2);
}

#define OTHER_USER "65533"

/* A folder that may be written and not read cannot be synced. The backup in it is whole, and it is said that it is there. */
static void test_backup__stands_unsynced(void **state)
{
    static const char as[] = "setpriv --reuid " OTHER_USER " --regid " OTHER_USER " --clear-groups";
    const struct folder *folder = *state;

    if (geteuid() != 0 || shell("%s test -x '%s'", as, VD_PROGRAM) != 0) {
        skip();
    }
    make_backup(folder, "");
    assert_int_equal(shell("mkdir -m 300 %s/box && chown -R " OTHER_USER " %s && chmod 711 %s",
                         folder->path, folder->path, folder->path),
        0);
    assert_int_equal(shell("%s '%s' backup %s/box/saved --data-dir %s 2>&1", as, VD_PROGRAM,
                         folder->path, folder->data),
        1);
    assert_said("box/saved is whole and stands there");
    assert_int_equal(vedette("verify %s/box/saved", folder->path), 0);
    assert_int_equal(entries(folder->path), 3); /* data, saved, box */
}

/* Begins a backup, "again", of a feed without end, and sends it a signal in the middle; its exit status. */
static int stop_backup(const struct folder *folder, const char *signal)
{
    return shell("truncate -s 8G $(find %s/intel -type f ! -name indicators.set) || exit 99; "
                 "'%s' backup %s/again --data-dir %s 2>&1 & for i in $(seq 1000); do "
                 "ls %s/again.partial-*/intel/* >/dev/null 2>&1 && break; sleep 0.01; done; "
                 "kill -%s $!; wait $!",
        folder->data, VD_PROGRAM, folder->path, folder->data, folder->path, signal);
}

static void test_backup__interrupted_leaves_nothing(void **state)
{
    static const char *const signals[] = {"INT", "TERM"};
    const struct folder *folder = *state;

    make_backup(folder, "");
    for (size_t i = 0; i < COUNT(signals); i++) {
        assert_int_equal(stop_backup(folder, signals[i]), 1);
        assert_int_equal(entries(folder->path), 2); /* data, saved */
    }
}

/* What a backup that was killed has left goes with the next one; what another process writes stays. */
static void test_backup__removes_what_was_left(void **state)
{
    static const char *const others[] = {
        "again.partial-abcdefg", "again.partial-", "gain.partial-abcdef"};
    const struct folder *folder = *state;

    make_backup(folder, "");
    assert_int_equal(stop_backup(folder, "KILL"), 128 + SIGKILL);
    assert_int_equal(entries(folder->path), 3); /* data, saved, again.partial- */
    assert_int_equal(
        shell("truncate -s 8 $(find %s/intel -type f ! -name indicators.set)", folder->data), 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(shell("mkdir -m 700 %s/%s", folder->path, others[i]), 0);
    }
    assert_int_equal(shell("cd %s && mkdir -m 700 again.partial-abcdef && "
                           "flock again.partial-abcdef '%s' backup %s/again --data-dir %s 2>&1",
                         folder->path, VD_PROGRAM, folder->path, folder->data),
        0);
    assert_int_equal(
        entries(folder->path), 4 + COUNT(others)); /* data, saved, again, the locked one */
    assert_int_equal(shell("mv %s/again %s/first", folder->path, folder->path), 0);
    assert_int_equal(vedette("backup %s/again --data-dir %s", folder->path, folder->data), 0);
    assert_int_equal(entries(folder->path), 4 + COUNT(others)); /* data, saved, first, again */
}

static void test_manifest__is_read(void **state)
{
    static const char good[] =
        "{\"format\":1,\"version\":\"1\",\"hub\":\"h\",\"cut\":\"2026-01-02T03:04:05Z\","
        "\"finished\":\"2026-01-02T03:04:06Z\",\"pauseMicroseconds\":7,\"hasMasterKey\":true,"
        "\"files\":[{\"path\":\"a/b\",\"bytes\":3,\"sha256\":"
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}]}";
    static const char *const paths[] = {
        "../b", "/a/b", "a/../b", "a/b/c", ".a", "a/.b", "", "a/", "manifest.json", "a b"};
    struct vd_manifest manifest;
    char reason[256];
    char text[sizeof good + 64];

    (void)state;
    assert_int_equal(vd_manifest_parse(vd_str_from(good), &manifest, reason, sizeof reason), VD_OK);
    assert_int_equal(manifest.count, 1);
    assert_int_equal(manifest.files[0].bytes, 3);
    assert_int_equal(manifest.pause_us, 7);
    assert_non_null(vd_manifest_find(&manifest, "a/b"));
    assert_null(vd_manifest_find(&manifest, "a"));
    vd_manifest_release(&manifest);
    for (size_t i = 0; i < COUNT(paths); i++) {
        const char *at = strstr(good, "a/b");

        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, paths[i], at + 3);
        assert_int_equal(
            vd_manifest_parse(vd_str_from(text), &manifest, reason, sizeof reason), VD_E_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_backup__holds_no_secret, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_backup__restored, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__audit_trail_is_read, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__with_the_master_key, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_backup__of_links, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__without_the_key_of_the_authority, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__gives_records_other_ids, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__damage_is_found, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__what_does_not_belong_is_said, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__stores_are_read, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__damaged_store_is_not_restored, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__sealed_key_is_opened, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__another_master_key, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__whole_or_not_at_all, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__stands_unsynced, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__interrupted_leaves_nothing, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_backup__removes_what_was_left, folder_set_up, folder_tear_down),
        cmocka_unit_test(test_manifest__is_read),
    };

    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
