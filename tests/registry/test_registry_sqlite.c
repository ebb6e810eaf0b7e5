/* SPDX-License-Identifier: MIT */
/* The SQLite registry: the contract, and what is its own: the file, its versions, the sealed keys. */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/secret.h"
#include "tests/registry/contract.h"

struct place {
    char folder[64];
    char path[96];
    uint8_t key[VD_MASTER_KEY_BYTES];
};

static int set_up(void **state)
{
    static struct place place;

    snprintf(place.folder, sizeof place.folder, "/tmp/vedette-registry-XXXXXX");
    if (mkdtemp(place.folder) == NULL) {
        return -1;
    }
    snprintf(place.path, sizeof place.path, "%s/registry.db", place.folder);
    memset(place.key, 7, sizeof place.key);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char path[128];

    for (const char *const *end = (const char *const[]){"", "-wal", "-shm", "-journal", NULL};
         *end != NULL; end++) {
        snprintf(path, sizeof path, "%s%s", place->path, *end);
        unlink(path);
    }
    return rmdir(place->folder);
}

static struct vd_registry *open_registry(struct place *place)
{
    struct vd_registry *registry = NULL;

    assert_int_equal(vd_registry_sqlite_open(place->path, place->key, &registry), VD_OK);
    return registry;
}

static void run_contract(void **state, void (*part)(struct vd_registry *registry))
{
    struct vd_registry *registry = open_registry(*state);

    part(registry);
    vd_registry_close(registry);
}

#define CONTRACT(name)                                              \
    static void test_registry_sqlite__contract_##name(void **state) \
    {                                                               \
        run_contract(state, registry_contract_##name);              \
    }
CONTRACT(create_get)
CONTRACT(refused)
CONTRACT(modules)
CONTRACT(list)
CONTRACT(remove)
CONTRACT(threads)
CONTRACT(update)
CONTRACT(credentials)
CONTRACT(count)
CONTRACT(policies)
CONTRACT(ca_certificates)
CONTRACT(settings)
CONTRACT(tokens)
CONTRACT(token_check)
CONTRACT(change)

static void execute(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_registry_sqlite__survives_closing(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    struct vd_identity made = registry_identity("a", "");
    struct vd_identity got = {0};
    struct stat about;

    assert_int_equal(vd_registry_create(registry, &made), VD_OK);
    vd_registry_close(registry);
    assert_int_equal(stat(place->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    registry = open_registry(place);
    assert_int_equal(vd_registry_get(registry, "a", "", &got), VD_OK);
    assert_string_equal(got.generation_id, made.generation_id);
    vd_registry_close(registry);
    vd_registry_close(NULL);
}

static void test_registry_sqlite__two_at_a_time(void **state)
{
    struct vd_registry *one = open_registry(*state);
    struct vd_registry *two = open_registry(*state);
    struct vd_identity made = registry_identity("a", "");
    struct vd_identity got = {0};

    assert_int_equal(vd_registry_create(one, &made), VD_OK);
    assert_int_equal(vd_registry_get(two, "a", "", &got), VD_OK);
    assert_int_equal(vd_registry_remove(two, "a", "", 0), VD_OK);
    assert_int_equal(vd_registry_get(one, "a", "", &got), VD_E_NOT_FOUND);
    vd_registry_close(one);
    vd_registry_close(two);
}

/* ---- Logins beside writes ---- */

struct blocked_write {
    struct vd_registry *registry;
    atomic_bool has_begun;
    atomic_bool is_done;
    int error;
};

static void *write_blocked(void *context)
{
    struct blocked_write *write = context;
    struct vd_identity made = registry_identity("b", "");

    atomic_store(&write->has_begun, true);
    write->error = vd_registry_create(write->registry, &made);
    atomic_store(&write->is_done, true);
    return NULL;
}

/* What a login reads is read while a write waits for its turn, or for the disk. */
static void test_registry_sqlite__reads_do_not_wait_for_writes(void **state)
{
    struct place *place = *state;
    struct blocked_write write = {.registry = open_registry(place)};
    struct vd_identity made = registry_identity("a", "");
    struct vd_identity got = {0};
    struct vd_policy policy = {0};
    struct vd_ca_certificate ca = {0};
    sqlite3 *other = NULL;
    pthread_t thread;

    assert_int_equal(vd_registry_create(write.registry, &made), VD_OK);
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_blocked, &write), 0);
    /* So many take longer than the thread to come to wait. */
    for (int left = 1000; left > 0; left -= atomic_load(&write.has_begun) ? 1 : 0) {
        assert_int_equal(vd_registry_get(write.registry, "a", "", &got), VD_OK);
        assert_int_equal(vd_registry_policy_get(write.registry, "device", &policy), VD_OK);
        assert_int_equal(vd_registry_ca_get(write.registry, "a", &ca), VD_E_NOT_FOUND);
    }
    assert_false(atomic_load(&write.is_done));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(write.error, VD_OK);
    assert_int_equal(vd_registry_get(write.registry, "b", "", &got), VD_OK);
    sqlite3_close(other);
    vd_registry_close(write.registry);
}

/* The names of CA certificates, and at the first of them a change by somebody else. */
struct ca_names {
    struct vd_registry *remover; /* NULL: nothing is changed */
    char names[64];
};

static bool add_ca_name(void *context, const struct vd_ca_certificate *certificate)
{
    struct ca_names *seen = context;
    size_t length = strlen(seen->names);

    if (seen->remover != NULL) {
        assert_int_equal(vd_registry_ca_remove(seen->remover, "b", 0), VD_OK);
        seen->remover = NULL;
    }
    snprintf(seen->names + length, sizeof seen->names - length, "%s,", certificate->name);
    return true;
}

static void expect_cas(
    struct vd_registry *registry, struct vd_registry *remover, const char *expected)
{
    struct ca_names seen = {.remover = remover};

    assert_int_equal(vd_registry_ca_list(registry, add_ca_name, &seen), VD_OK);
    assert_string_equal(seen.names, expected);
}

/* They are read once, and anew when anybody has changed them. */
static void test_registry_sqlite__cas_of_another(void **state)
{
    struct vd_registry *one = open_registry(*state);
    struct vd_registry *two = open_registry(*state);
    struct vd_ca_certificate ca = {.name = "a", .der = {1}, .der_length = 1};

    expect_cas(one, NULL, "");
    assert_int_equal(vd_registry_ca_put(two, &ca, 0), VD_OK);
    expect_cas(one, NULL, "a,");
    expect_cas(two, NULL, "a,");
    snprintf(ca.name, sizeof ca.name, "b");
    assert_int_equal(vd_registry_ca_put(one, &ca, 0), VD_OK);
    expect_cas(two, NULL, "a,b,");
    expect_cas(one, one, "a,b,"); /* a list is of one moment */
    expect_cas(one, NULL, "a,");
    expect_cas(two, NULL, "a,");
    vd_registry_close(one);
    vd_registry_close(two);
}

static void test_registry_sqlite__another_master_key(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);

    vd_registry_close(registry);
    registry = NULL;
    place->key[31] ^= 1;
    assert_int_equal(vd_registry_sqlite_open(place->path, place->key, &registry), VD_E_DENIED);
    assert_null(registry);
    place->key[31] ^= 1;
    vd_registry_close(open_registry(place));
}

/* Keys stand nowhere in the file in clear, and do not open in another row. */
static void test_registry_sqlite__keys_are_sealed(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    struct vd_identity a = registry_identity("a", "");
    struct vd_identity b = registry_identity("b", "");
    struct vd_identity got = {0};
    char bytes[65536];
    size_t length;
    FILE *file;

    assert_int_equal(vd_registry_create(registry, &a), VD_OK);
    assert_int_equal(vd_registry_create(registry, &b), VD_OK);
    vd_registry_close(registry);
    file = fopen(place->path, "r");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(length > 4096 && length < sizeof bytes);
    assert_null(memmem(bytes, length, a.primary_key.bytes, a.primary_key.length));
    assert_null(memmem(bytes, length, a.secondary_key.bytes + 8, 16));

    execute(place,
        "UPDATE identity SET keys = (SELECT keys FROM identity WHERE device_id = 'b') "
        "WHERE device_id = 'a'");
    registry = open_registry(place);
    assert_int_equal(vd_registry_get(registry, "a", "", &got), VD_E_CORRUPT);
    assert_int_equal(vd_registry_get(registry, "b", "", &got), VD_OK);
    vd_registry_close(registry);
}

static void test_registry_sqlite__damaged_rows(void **state)
{
    static const char *const damages[] = {
        "UPDATE identity SET keys = zeroblob(158)",
        "UPDATE identity SET keys = x'00'",
        "UPDATE identity SET generation_id = 'another'",
        "UPDATE identity SET generation_id = printf('%.100c', 'g')",
    };
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    struct vd_identity got = {0};

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct vd_identity made = registry_identity("a", "");

        assert_int_equal(vd_registry_create(registry, &made), VD_OK);
        execute(place, damages[i]);
        assert_int_equal(vd_registry_get(registry, "a", "", &got), VD_E_CORRUPT);
        assert_int_equal(vd_registry_remove(registry, "a", "", 0), VD_OK);
    }
    vd_registry_close(registry);
}

static void test_registry_sqlite__other_files(void **state)
{
    static const struct {
        const char *sql;
        int error;
    } cases[] = {
        {"PRAGMA user_version = 5", VD_E_NEWER},
        {"PRAGMA user_version = 0", VD_E_CORRUPT},
        {"PRAGMA user_version = 1; PRAGMA application_id = 1", VD_E_CORRUPT},
        {"PRAGMA application_id = 0x56645267; DELETE FROM meta", VD_E_CORRUPT},
        {"INSERT INTO meta VALUES ('check', x'00')", VD_E_CORRUPT},
    };
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    FILE *file;

    vd_registry_close(registry);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        registry = NULL;
        execute(place, cases[i].sql);
        assert_int_equal(
            vd_registry_sqlite_open(place->path, place->key, &registry), cases[i].error);
        assert_null(registry);
    }
    file = fopen(place->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("not a database\n", file);
    }
    fclose(file);
    assert_int_equal(vd_registry_sqlite_open(place->path, place->key, &registry), VD_E_CORRUPT);
    assert_int_equal(
        vd_registry_sqlite_open("/nowhere/registry.db", place->key, &registry), VD_E_NOT_FOUND);
}

/* Version 1 as it was: its tables, its check value, one identity with sealed keys and one of its modules. */
static void make_version_1(const struct place *place, const struct vd_identity *identity)
{
    static const char sql[] =
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE identity ("
        " device_id TEXT NOT NULL, module_id TEXT NOT NULL, generation_id TEXT NOT NULL,"
        " enabled INTEGER NOT NULL, created_ms INTEGER NOT NULL, keys BLOB NOT NULL,"
        " PRIMARY KEY (device_id, module_id)) WITHOUT ROWID;"
        "PRAGMA application_id = 0x56645267; PRAGMA user_version = 1;";
    uint8_t check[16 + VD_SEAL_OVERHEAD];
    uint8_t plain[2 * (1 + VD_KEY_MAX_BYTES)] = {0};
    uint8_t keys[sizeof plain + VD_SEAL_OVERHEAD];
    char bound[400];
    int length = snprintf(bound, sizeof bound, "%s%c%s%c%s%c", identity->device_id, 0,
        identity->module_id, 0, identity->generation_id, 0);
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;

    execute(place, sql);
    plain[0] = identity->primary_key.length;
    memcpy(plain + 1, identity->primary_key.bytes, identity->primary_key.length);
    plain[1 + VD_KEY_MAX_BYTES] = identity->secondary_key.length;
    memcpy(plain + 2 + VD_KEY_MAX_BYTES, identity->secondary_key.bytes,
        identity->secondary_key.length);
    assert_int_equal(
        vd_secret_seal(place->key, VD_STR_LITERAL("check"), "vedette registry", 16, check), VD_OK);
    assert_int_equal(vd_secret_seal(place->key, (struct vd_str){bound, (size_t)length}, plain,
                         sizeof plain, keys),
        VD_OK);
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO meta VALUES ('check', ?1)", -1, &statement, NULL),
        SQLITE_OK);
    sqlite3_bind_blob(statement, 1, check, sizeof check, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO identity VALUES (?1, ?2, ?3, 0, 1234, ?4)",
                         -1, &statement, NULL),
        SQLITE_OK);
    sqlite3_bind_text(statement, 1, identity->device_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, identity->module_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, identity->generation_id, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 4, keys, sizeof keys, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void test_registry_sqlite__version_1(void **state)
{
    struct place *place = *state;
    struct vd_identity old = registry_identity("old", "");
    struct vd_identity got = {0};
    struct vd_policy policy = {0};
    struct vd_registry *registry = NULL;
    uint64_t counts[3];

    snprintf(old.generation_id, sizeof old.generation_id, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    make_version_1(place, &old);

    /* With another master key it is refused, and stays as it is. */
    place->key[0] ^= 1;
    assert_int_equal(vd_registry_sqlite_open(place->path, place->key, &registry), VD_E_DENIED);
    place->key[0] ^= 1;
    execute(place, "SELECT * FROM identity WHERE enabled = 0");

    for (int opening = 0; opening < 2; opening++) {
        registry = open_registry(place);
        assert_int_equal(vd_registry_get(registry, "old", "", &got), VD_OK);
        assert_string_equal(got.generation_id, old.generation_id);
        assert_memory_equal(&got.primary_key, &old.primary_key, sizeof got.primary_key);
        assert_memory_equal(&got.secondary_key, &old.secondary_key, sizeof got.secondary_key);
        assert_false(got.enabled);
        assert_int_equal(got.created_ms, 1234);
        assert_int_equal(got.status_updated_ms, 1234);
        assert_int_equal(got.auth_type, VD_AUTH_SAS);
        assert_string_equal(got.thumbprints[0], "");
        assert_string_equal(got.status_reason, "");
        assert_int_equal(got.etag, 1);
        assert_int_equal(vd_registry_count(registry, &counts[0], &counts[1], &counts[2]), VD_OK);
        assert_true(counts[0] == 1 && counts[1] == 0 && counts[2] == 1);
        assert_int_equal(vd_registry_policy_get(registry, "registryReadWrite", &policy), VD_OK);
        vd_registry_close(registry);
    }
}

/* Version 3 had no tokens. What it held is there, and what it did not can be. */
static void test_registry_sqlite__version_3(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    struct vd_token token = {.name = "t", .role = VD_ROLE_READER};
    struct vd_policy policy = {0};
    struct vd_policy got = {0};
    struct vd_buf value = {0};
    uint64_t etag = 0;

    assert_int_equal(vd_registry_policy_get(registry, "service", &policy), VD_OK);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", VD_STR_LITERAL("kept"), 0, &etag), VD_OK);
    vd_registry_close(registry);
    execute(place, "DROP TABLE token; PRAGMA user_version = 3;");
    for (int opening = 0; opening < 2; opening++) {
        registry = open_registry(place);
        assert_int_equal(vd_registry_policy_get(registry, "service", &got), VD_OK);
        assert_memory_equal(&got, &policy, sizeof got);
        assert_int_equal(vd_registry_setting_get(registry, "s", &value, &etag), VD_OK);
        assert_int_equal(
            vd_registry_token_create(registry, &token), opening == 0 ? VD_OK : VD_E_EXISTS);
        vd_registry_close(registry);
    }
    assert_int_equal(value.length, 8);
    vd_buf_release(&value);
}

/* A policy's keys are no more in clear than a device's, and do not open under another name. */
static void test_registry_sqlite__policy_keys_are_sealed(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry = open_registry(place);
    struct vd_policy policy = {0};
    char bytes[65536];
    size_t length;
    FILE *file;

    assert_int_equal(vd_registry_policy_get(registry, "service", &policy), VD_OK);
    vd_registry_close(registry);
    file = fopen(place->path, "r");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(length > 4096 && length < sizeof bytes);
    assert_null(memmem(bytes, length, policy.primary_key.bytes, policy.primary_key.length));
    assert_null(memmem(bytes, length, policy.secondary_key.bytes, policy.secondary_key.length));
    execute(place,
        "UPDATE policy SET keys = (SELECT keys FROM policy WHERE name = 'service') "
        "WHERE name = 'device'");
    registry = open_registry(place);
    assert_int_equal(vd_registry_policy_get(registry, "device", &policy), VD_E_CORRUPT);
    assert_string_equal(policy.name, "service");
    vd_registry_close(registry);
}

/* A file that may not grow stands for a full disk: nothing is stored, and it goes on once there is room. */
static void test_registry_sqlite__no_room(void **state)
{
    struct vd_registry *registry = open_registry(*state);
    struct vd_identity made = registry_identity("a", "");
    struct vd_identity got = {0};
    struct rlimit before;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_not_equal(vd_registry_create(registry, &made), VD_OK);
    assert_int_not_equal(vd_registry_policy_remove(registry, "device", 0), VD_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(vd_registry_get(registry, "a", "", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_create(registry, &made), VD_OK);
    assert_int_equal(vd_registry_policy_remove(registry, "device", 0), VD_OK);
    vd_registry_close(registry);
}

/* The child reports each identity once it is created; what it reported is there after its death. */
static void test_registry_sqlite__survives_kill(void **state)
{
    struct place *place = *state;
    struct vd_registry *registry;
    struct vd_identity got = {0};
    int ends[2];
    int created = 0;
    char byte;
    pid_t child;

    vd_registry_close(open_registry(place));
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        registry = open_registry(place);
        for (int i = 0;; i++) {
            char id[16];
            struct vd_identity made;

            snprintf(id, sizeof id, "d%d", i);
            made = registry_identity(id, "");
            if (vd_registry_create(registry, &made) != VD_OK || write(ends[1], "+", 1) != 1) {
                _exit(1);
            }
        }
    }
    close(ends[1]);
    while (created < 20 && read(ends[0], &byte, 1) == 1) {
        created++;
    }
    kill(child, SIGKILL);
    while (read(ends[0], &byte, 1) == 1) {
        created++;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(created >= 20);
    registry = open_registry(place);
    for (int i = 0; i < created; i++) {
        char id[16];

        snprintf(id, sizeof id, "d%d", i);
        assert_int_equal(vd_registry_get(registry, id, "", &got), VD_OK);
    }
    vd_registry_close(registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_registry_sqlite__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(contract_create_get),
        TEST(contract_refused),
        TEST(contract_modules),
        TEST(contract_list),
        TEST(contract_remove),
        TEST(contract_threads),
        TEST(contract_update),
        TEST(contract_credentials),
        TEST(contract_count),
        TEST(contract_policies),
        TEST(contract_ca_certificates),
        TEST(contract_settings),
        TEST(contract_tokens),
        TEST(contract_token_check),
        TEST(contract_change),
        TEST(survives_closing),
        TEST(two_at_a_time),
        TEST(reads_do_not_wait_for_writes),
        TEST(cas_of_another),
        TEST(another_master_key),
        TEST(keys_are_sealed),
        TEST(damaged_rows),
        TEST(other_files),
        TEST(version_1),
        TEST(version_3),
        TEST(policy_keys_are_sealed),
        TEST(no_room),
        TEST(survives_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
