/* SPDX-License-Identifier: MIT */
/* The audit trail: its form, what it survives, and that nothing is changed in it unseen. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/audit.h"
#include "lib/clock.h"

#define RECORDS 6

static const uint8_t master[VD_MASTER_KEY_BYTES] = {1, 2, 3};
static const uint8_t other_master[VD_MASTER_KEY_BYTES] = {9};

struct place {
    char folder[64];
    char path[96];
    uint8_t head_key[VD_MASTER_KEY_BYTES];
    uint8_t digest_key[VD_MASTER_KEY_BYTES];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/vedette-audit-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/audit.db", place->folder);
    assert_int_equal(vd_audit_keys_derive(master, place->head_key, place->digest_key), VD_OK);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const ends[] = {"", "-wal", "-shm", ".copy"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s%s", place->path, ends[i]);
        unlink(path);
    }
    rmdir(place->folder);
    free(place);
    return 0;
}

static struct vd_audit *open_trail(const struct place *place)
{
    struct vd_audit *audit = NULL;

    assert_int_equal(vd_audit_open(place->path, master, &audit), VD_OK);
    return audit;
}

static struct vd_audit_entry entry_of(const char *who, const char *path)
{
    return (struct vd_audit_entry){.kind = VD_AUDIT_CHANGE,
        .who = who,
        .role = "owner",
        .via = "local",
        .method = "PUT",
        .path = path,
        .resource = path,
        .status = 200,
        .outcome = VD_AUDIT_DONE};
}

static void fill(struct vd_audit *audit, int count)
{
    for (int i = 0; i < count; i++) {
        char path[32];
        struct vd_audit_entry entry;

        snprintf(path, sizeof path, "/groups/g%d", i);
        entry = entry_of("local:root", path);
        assert_int_equal(vd_audit_add(audit, &entry), VD_OK);
    }
}

static void run_sql(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The file as it stands, with the key. */
static int verify(const struct place *place, struct vd_audit_check *check)
{
    *check = (struct vd_audit_check){.key = place->head_key};
    return vd_audit_file_verify(place->path, check);
}

static void expect_whole(const struct place *place, uint64_t records)
{
    struct vd_audit_check check;

    assert_int_equal(verify(place, &check), VD_OK);
    assert_int_equal(check.records, records);
    assert_string_equal(check.problem, "");
}

static void expect_wrong(const struct place *place, uint64_t sequence, const char *words)
{
    struct vd_audit_check check;

    assert_int_equal(verify(place, &check), VD_E_CORRUPT);
    assert_non_null(strstr(check.problem, words));
    assert_int_equal(check.wrong, sequence);
}

/* ---- Form ---- */

static void test_audit__record_has_one_form(void **state)
{
    static const char text[] =
        "{\"sequence\":7,\"time\":\"2025-11-24T16:00:00.123Z\",\"kind\":\"Change\",\"who\":\"token:a\\\"b\",\"role\":\"owner\","
        "\"address\":\"\",\"via\":\"local\",\"method\":\"PUT\",\"path\":\"/groups/{id}\",\"resource\":\"/groups/{id}\",\"query\":\"\","
        "\"status\":200,\"outcome\":\"Done\",\"request\":\"\",\"changed\":\"\",\"digest\":\"\",\"note\":\"\xef\xbf\xbd\","
        "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
    static const struct vd_audit_hash none = {{0}};
    struct vd_audit_entry entry = entry_of("token:a\"b", "/groups/{id}");
    struct vd_audit_record record;
    struct vd_audit_hash hash;
    struct vd_buf out = {0};
    char hex[VD_AUDIT_HASH_TEXT_SIZE];

    (void)state;
    entry.time_ms = 1764000000123;
    entry.note = "\xff";
    vd_audit_record_write(&out, 7, &none, &entry);
    assert_int_equal(out.error, VD_OK);
    assert_int_equal(out.length, sizeof text - 1);
    assert_memory_equal(out.data, text, sizeof text - 1);
    assert_int_equal(
        vd_audit_record_read((struct vd_str){(const char *)out.data, out.length}, &record), VD_OK);
    assert_int_equal(record.sequence, 7);
    assert_int_equal(record.entry.time_ms, 1764000000123);
    assert_string_equal(record.entry.who, "token:a\"b");
    vd_audit_record_release(&record);
    vd_buf_release(&out);
    /* FIPS 180-4's example. */
    assert_int_equal(vd_audit_hash_of(VD_STR_LITERAL("abc"), &hash), VD_OK);
    vd_audit_hash_format(&hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_audit__long_text_is_cut(void **state)
{
    static const struct vd_audit_hash none = {{0}};
    char text[4096];
    struct vd_audit_entry entry;
    struct vd_audit_record record;
    struct vd_buf out = {0};

    (void)state;
    memset(text, 1, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    entry = (struct vd_audit_entry){
        0, text, text, text, text, text, text, text, text, text, 200, text, text, text, text, text};
    vd_audit_record_write(&out, UINT64_C(1) << 62, &none, &entry);
    assert_int_equal(out.error, VD_OK);
    assert_true(out.length <= VD_AUDIT_RECORD_MAX);
    assert_int_equal(
        vd_audit_record_read((struct vd_str){(const char *)out.data, out.length}, &record), VD_OK);
    assert_int_equal(strlen(record.entry.note), VD_AUDIT_TEXT_MAX);
    vd_audit_record_release(&record);
    vd_buf_release(&out);
}

static void test_audit__outcomes(void **state)
{
    (void)state;
    assert_string_equal(vd_audit_outcome(204), VD_AUDIT_DONE);
    assert_string_equal(vd_audit_outcome(401), VD_AUDIT_REFUSED);
    assert_string_equal(vd_audit_outcome(403), VD_AUDIT_REFUSED);
    assert_string_equal(vd_audit_outcome(412), VD_AUDIT_FAILED);
    assert_string_equal(vd_audit_outcome(500), VD_AUDIT_FAILED);
}

/* ---- Writing ---- */

static void test_audit__records_are_there_again(void **state)
{
    const struct place *place = *state;
    const struct vd_audit_filter who = {.who = "ROOT", .what = "/groups/g3"};
    struct vd_audit *audit = open_trail(place);
    json_t *records = NULL;
    uint64_t next = 1;

    fill(audit, RECORDS);
    vd_audit_close(audit);
    expect_whole(place, RECORDS);
    audit = open_trail(place);
    assert_int_equal(vd_audit_list(audit, &who, &records, &next), VD_OK);
    assert_int_equal(next, 0);
    assert_int_equal(json_array_size(records), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(records, 0), "sequence")), 4);
    json_decref(records);
    assert_int_equal(vd_audit_get(audit, 6, &records), VD_OK);
    json_decref(records);
    assert_int_equal(vd_audit_get(audit, 7, &records), VD_E_NOT_FOUND);
    vd_audit_close(audit);
}

static void test_audit__pages(void **state)
{
    const struct place *place = *state;
    struct vd_audit_filter filter = {.limit = 4};
    struct vd_audit *audit = open_trail(place);
    json_t *records = NULL;
    uint64_t next = 0;

    fill(audit, RECORDS);
    assert_int_equal(vd_audit_list(audit, &filter, &records, &next), VD_OK);
    assert_int_equal(json_array_size(records), 4);
    assert_int_equal(next, 3);
    json_decref(records);
    filter.before = next;
    assert_int_equal(vd_audit_list(audit, &filter, &records, &next), VD_OK);
    assert_int_equal(json_array_size(records), 2);
    assert_int_equal(next, 0);
    json_decref(records);
    vd_audit_close(audit);
}

static void test_audit__act_leaves_one_record(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const struct vd_audit_entry entry = entry_of("policy:service", "twins/{d}");
    const struct vd_audit_entry end = {.status = 412, .outcome = VD_AUDIT_FAILED};
    struct vd_audit_stats stats;
    json_t *record = NULL;
    int64_t id = 0;

    assert_int_equal(vd_audit_begin(audit, &entry, &id), VD_OK);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.open, 1);
    assert_int_equal(stats.to, 0);
    expect_whole(place, 0);
    assert_int_equal(vd_audit_end(audit, id, &end), VD_OK);
    assert_int_equal(vd_audit_end(audit, id, &end), VD_E_NOT_FOUND);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.open, 0);
    assert_int_equal(stats.to, 1);
    assert_int_equal(vd_audit_get(audit, 1, &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, "who")), "policy:service");
    assert_string_equal(json_string_value(json_object_get(record, "outcome")), "Failed");
    assert_int_equal(json_integer_value(json_object_get(record, "status")), 412);
    json_decref(record);
    vd_audit_close(audit);
    expect_whole(place, 1);
}

#define THREADS 8
#define ACTS    20

static void *do_acts(void *context)
{
    struct vd_audit *audit = context;
    const struct vd_audit_entry entry = entry_of("policy:service", "twins/{d}");
    const struct vd_audit_entry end = {.status = 200, .outcome = VD_AUDIT_DONE};
    uintptr_t failed = 0;

    for (int i = 0; i < ACTS; i++) {
        int64_t id = 0;

        failed += vd_audit_begin(audit, &entry, &id) != VD_OK ? 1 : 0;
        failed += vd_audit_end(audit, id, &end) != VD_OK ? 1 : 0;
        failed += vd_audit_end(audit, -1, &end) != VD_E_NOT_FOUND ? 1 : 0; /* spoils no other's */
    }
    return (void *)failed;
}

static void test_audit__many_at_once(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, do_acts, audit), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    vd_audit_close(audit);
    expect_whole(place, THREADS * ACTS);
}

#define OPENERS 16

static void *open_acts(void *context)
{
    struct vd_audit *audit = context;
    const struct vd_audit_entry entry = entry_of("token:a", "/x");
    uintptr_t failed = 0;

    for (int i = 0; i < VD_AUDIT_OPEN_MAX / OPENERS; i++) {
        int64_t id = 0;

        failed += vd_audit_begin(audit, &entry, &id) != VD_OK ? 1 : 0;
    }
    return (void *)failed;
}

/* They end in any order, and those of a program that was killed with the next one. */
static void test_audit__acts_are_bounded(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const struct vd_audit_entry entry = entry_of("token:a", "/x");
    const struct vd_audit_entry end = {.outcome = VD_AUDIT_DONE};
    pthread_t threads[OPENERS];
    struct vd_audit_stats stats;
    int64_t id = 0;

    for (int i = 0; i < OPENERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, open_acts, audit), 0);
    }
    for (int i = 0; i < OPENERS; i++) {
        void *failed = NULL;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(vd_audit_begin(audit, &entry, &id), VD_E_LIMIT);
    assert_int_equal(vd_audit_end(audit, 9, &end), VD_OK);
    assert_int_equal(vd_audit_end(audit, 7, &end), VD_OK);
    assert_int_equal(vd_audit_begin(audit, &entry, &id), VD_OK);
    expect_whole(place, 2);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.open, VD_AUDIT_OPEN_MAX - 1);
    vd_audit_close(audit);
    expect_whole(place, 2);
    vd_audit_close(open_trail(place));
    expect_whole(place, VD_AUDIT_OPEN_MAX + 1);
}

/* A kill between an act's beginning and its end. */
static void test_audit__killed_between(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit;
    json_t *record = NULL;
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        const struct vd_audit_entry entry = entry_of("token:gone", "/policies/{id}");
        int64_t id = 0;
        const bool good = vd_audit_open(place->path, master, &audit) == VD_OK &&
            vd_audit_begin(audit, &entry, &id) == VD_OK;

        _exit(good ? 7 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    audit = open_trail(place);
    assert_int_equal(vd_audit_get(audit, 1, &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, "outcome")), "Unknown");
    assert_string_equal(json_string_value(json_object_get(record, "who")), "token:gone");
    json_decref(record);
    vd_audit_close(audit);
    expect_whole(place, 1);
}

static void test_audit__refused_sign_ins_are_bounded(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const struct vd_audit_entry entry = {.kind = VD_AUDIT_SIGN_IN, .status = 401};
    struct vd_audit_stats stats;

    for (int i = 0; i < 3 * VD_AUDIT_SIGN_INS_MINUTE; i++) {
        vd_audit_add_refused(audit, &entry);
    }
    vd_audit_stats_get(audit, &stats);
    /* The minute may turn once meanwhile. */
    assert_in_range(stats.to, VD_AUDIT_SIGN_INS_MINUTE, 2 * VD_AUDIT_SIGN_INS_MINUTE);
    vd_audit_close(audit);
}

static void test_audit__cut_leaves_what_verifies(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check;
    uint64_t removed = 0;

    fill(audit, RECORDS);
    assert_int_equal(vd_audit_cut(audit, vd_clock_utc_ms() - 60000, 2, &removed), VD_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(vd_audit_cut(audit, vd_clock_utc_ms() + 60000, 2, &removed), VD_OK);
    assert_int_equal(removed, RECORDS - 2);
    vd_audit_close(audit);
    expect_whole(place, 3);
    assert_int_equal(verify(place, &check), VD_OK);
    assert_int_equal(check.head.from, RECORDS - 1);
    /* What goes on from there does too. */
    audit = open_trail(place);
    fill(audit, 2);
    vd_audit_close(audit);
    expect_whole(place, 5);
    run_sql(place, "DELETE FROM record WHERE sequence = 5");
    expect_wrong(place, 5, "record 5 is missing");
}

static void test_audit__cut_spares_what_is_not_whole(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    uint64_t removed = 0;

    fill(audit, RECORDS);
    run_sql(place, "UPDATE record SET body = replace(body, 'root', 'boot') WHERE sequence = 2");
    assert_int_equal(vd_audit_cut(audit, vd_clock_utc_ms() + 60000, 0, &removed), VD_E_CORRUPT);
    vd_audit_close(audit);
    expect_wrong(place, 2, "record 2 was changed");
}

/* ---- Tampering with the file ---- */

static void test_audit__changes_of_the_file_are_seen(void **state)
{
    static const struct {
        const char *sql;
        uint64_t wrong;
        const char *words;
    } cases[] = {
        {"UPDATE record SET body = replace(body, 'root', 'boot') WHERE sequence = 3", 3,
            "record 3 was changed"},
        {"UPDATE record SET hash = zeroblob(32) WHERE sequence = 3", 3, "record 3 was changed"},
        {"UPDATE record SET hash = zeroblob(31) WHERE sequence = 3", 3, "record 3 was changed"},
        {"UPDATE record SET body = '{}' WHERE sequence = 3", 3, "not of the form"},
        {"DELETE FROM record WHERE sequence = 3", 3, "record 3 is missing"},
        {"DELETE FROM record WHERE sequence = 1", 1, "record 1 is missing"},
        {"DELETE FROM record WHERE sequence = 6", 6, "the end was cut off"},
        {"DELETE FROM record", 1, "the end was cut off"},
        {"UPDATE record SET sequence = 99 WHERE sequence = 2;"
         "UPDATE record SET sequence = 2 WHERE sequence = 3;"
         "UPDATE record SET sequence = 3 WHERE sequence = 99",
            2, "record 2 is missing"},
        {"INSERT INTO record SELECT 7, body, hash FROM record WHERE sequence = 6", 7,
            "the head says 1 to 6"},
        {"UPDATE record SET (body, hash) = (SELECT body, hash FROM record WHERE sequence = 4)"
         " WHERE sequence = 5",
            5, "record 5 is missing: 4"},
        {"DELETE FROM head", 0, "there is no head"},
        {"UPDATE head SET line = replace(line, '\"to\":6', '\"to\":5')", 0, "not signed"},
        {"UPDATE head SET line = 'x'", 0, "not of the form"},
        {"INSERT INTO intent VALUES (1, 'x')", 0, "the acts that had begun"},
    };
    struct place *place = *state;
    char copy[128];
    char command[300];

    vd_audit_close(open_trail(place));
    {
        struct vd_audit *audit = open_trail(place);

        fill(audit, RECORDS);
        vd_audit_close(audit);
    }
    snprintf(copy, sizeof copy, "%s.copy", place->path);
    snprintf(command, sizeof command, "cp '%s' '%s'", place->path, copy);
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(command, sizeof command, "cp '%s' '%s'", copy, place->path);
        assert_int_equal(system(command), 0);
        expect_whole(place, RECORDS);
        run_sql(place, cases[i].sql);
        expect_wrong(place, cases[i].wrong, cases[i].words);
    }
}

/* A page in the middle that the disk has lost. */
static void test_audit__damaged_pages_are_seen(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check;
    FILE *file;
    char junk[4096];
    long size;

    fill(audit, 60);
    vd_audit_close(audit);
    memset(junk, 0x5a, sizeof junk);
    file = fopen(place->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size > 8 * (long)sizeof junk);
    assert_int_equal(fseek(file, size / 2 / (long)sizeof junk * (long)sizeof junk, SEEK_SET), 0);
    assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(verify(place, &check), VD_E_CORRUPT);
    assert_string_not_equal(check.problem, "");
    assert_in_range(check.wrong, 1, 60);
}

/* Opening says it, and writes it down: that nobody can take back without the key. */
static void test_audit__opening_tells_of_a_cut_end(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_stats stats;
    struct vd_audit_check check;
    json_t *record = NULL;

    fill(audit, RECORDS);
    vd_audit_close(audit);
    run_sql(place, "DELETE FROM record WHERE sequence >= 5");
    audit = open_trail(place);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.problems, 1);
    assert_non_null(strstr(stats.problem, "records at the end are missing"));
    assert_int_equal(vd_audit_get(audit, 7, &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, "path")), VD_AUDIT_PATH_BROKEN);
    json_decref(record);
    fill(audit, 2);
    vd_audit_close(audit);
    expect_wrong(place, 5, "record 5 is missing");
    assert_int_equal(verify(place, &check), VD_E_CORRUPT);
}

/* An intent that somebody removed while the program was down is not lost unseen. */
static void test_audit__removed_intent_is_seen(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const struct vd_audit_entry entry = entry_of("token:a", "/x");
    struct vd_audit_stats stats;
    int64_t id = 0;

    assert_int_equal(vd_audit_begin(audit, &entry, &id), VD_OK);
    vd_audit_close(audit);
    run_sql(place, "DELETE FROM intent");
    expect_wrong(place, 0, "the acts that had begun");
    audit = open_trail(place);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.problems, 1);
    vd_audit_close(audit);
}

static void test_audit__running_service_sees_it(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check = {0};
    struct vd_audit_stats stats;
    bool done = false;

    fill(audit, RECORDS);
    for (int i = 0; !done; i++) {
        assert_true(i < 10);
        assert_int_equal(vd_audit_verify_step(audit, &check, 2, &done), VD_OK);
    }
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.verified, RECORDS);
    assert_int_equal(stats.passes, 1);
    assert_int_equal(stats.problems, 0);
    run_sql(place, "UPDATE record SET body = replace(body, 'root', 'boot') WHERE sequence = 3");
    for (int pass = 0; pass < 2; pass++) {
        check = (struct vd_audit_check){0};
        done = false;
        while (!done) {
            assert_int_equal(vd_audit_verify_step(audit, &check, 100, &done), VD_OK);
        }
        assert_int_equal(check.wrong, 3);
    }
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.problems, 2);
    assert_int_equal(stats.to, RECORDS + 1); /* written down once */
    vd_audit_close(audit);
}

/* The service's own memory knows better than a head that was put back with its old signature. */
static void test_audit__old_head_is_seen_while_running(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_stats stats;
    sqlite3 *db = NULL;

    fill(audit, 2);
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "ATTACH ':memory:' AS m; CREATE TABLE m.old AS SELECT line FROM head",
            NULL, NULL, NULL),
        SQLITE_OK);
    fill(audit, 2);
    assert_int_equal(sqlite3_exec(db,
                         "UPDATE head SET line = (SELECT line FROM m.old);"
                         "DELETE FROM record WHERE sequence > 2",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    expect_whole(place, 2); /* which nobody else could tell */
    fill(audit, 1);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.problems, 1);
    vd_audit_close(audit);
    expect_wrong(place, 3, "record 3 is missing");
}

static void test_audit__anchors(void **state)
{
    struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_buf anchor = {0};
    struct vd_str text;

    fill(audit, 3);
    vd_audit_anchor(audit, &anchor);
    assert_int_equal(anchor.error, VD_OK);
    text = (struct vd_str){(const char *)anchor.data, anchor.length};
    fill(audit, 1);
    assert_true(vd_audit_anchor_fits(audit, text));
    assert_false(vd_audit_anchor_fits(audit, VD_STR_LITERAL("{}")));
    vd_audit_close(audit);
    /* The file is gone, and a new one is made. */
    assert_int_equal(unlink(place->path), 0);
    audit = open_trail(place);
    assert_false(vd_audit_anchor_fits(audit, text));
    vd_audit_close(audit);
    vd_buf_release(&anchor);
}

static void test_audit__wrong_key(void **state)
{
    const struct place *place = *state;
    uint8_t head_key[VD_MASTER_KEY_BYTES];
    uint8_t digest_key[VD_MASTER_KEY_BYTES];
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check = {.key = head_key};

    fill(audit, 2);
    vd_audit_close(audit);
    assert_int_equal(vd_audit_keys_derive(other_master, head_key, digest_key), VD_OK);
    assert_int_equal(vd_audit_file_verify(place->path, &check), VD_E_CORRUPT);
    check = (struct vd_audit_check){.key = NULL};
    assert_int_equal(vd_audit_file_verify(place->path, &check), VD_OK);
    assert_int_equal(check.records, 2);
}

/* ---- Exported files ---- */

struct lines {
    char *line[RECORDS + 2];
    size_t count;
};

static void export_lines(struct vd_audit *audit, int64_t since_ms, struct lines *out)
{
    struct vd_buf head = {0};
    json_t *list = NULL;
    uint64_t from = 0;
    uint64_t to = 0;

    assert_int_equal(vd_audit_export_head(audit, since_ms, &head, &from, &to), VD_OK);
    out->count = 0;
    out->line[out->count++] = strndup((const char *)head.data, head.length);
    vd_buf_release(&head);
    assert_int_equal(vd_audit_export_lines(audit, from, to, &list), VD_OK);
    for (size_t i = 0; i < json_array_size(list); i++) {
        out->line[out->count++] = strdup(json_string_value(json_array_get(list, i)));
    }
    json_decref(list);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->line[i]);
    }
}

static int check_lines(const struct lines *lines, struct vd_audit_check *check)
{
    for (size_t i = 0; i < lines->count; i++) {
        const int error = vd_audit_check_line(check, vd_str_from(lines->line[i]));

        if (error != VD_OK) {
            return error;
        }
    }
    return vd_audit_check_end(check);
}

static void test_audit__every_byte_of_an_export_counts(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct lines lines;
    struct vd_audit_check check = {.key = place->head_key};

    fill(audit, 3);
    export_lines(audit, 0, &lines);
    vd_audit_close(audit);
    assert_int_equal(check_lines(&lines, &check), VD_OK);
    for (size_t i = 0; i < lines.count; i++) {
        for (size_t at = 0; at < strlen(lines.line[i]); at++) {
            for (int bit = 0; bit < 2; bit++) {
                lines.line[i][at] ^= bit == 0 ? 1 : 0x20;
                check = (struct vd_audit_check){.key = place->head_key};
                assert_int_not_equal(check_lines(&lines, &check), VD_OK);
                lines.line[i][at] ^= bit == 0 ? 1 : 0x20;
            }
        }
    }
    lines_free(&lines);
}

/* Without the key the chain alone is judged: what keeps it whole passes. */
static void test_audit__exports_without_the_key(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check = {.key = NULL};
    struct lines lines;
    struct lines part;

    fill(audit, RECORDS);
    export_lines(audit, 0, &lines);
    vd_audit_close(audit);
    assert_int_equal(check_lines(&lines, &check), VD_OK);
    part = lines;
    part.count--;
    check = (struct vd_audit_check){.key = NULL};
    assert_int_equal(check_lines(&part, &check), VD_E_CORRUPT);
    assert_non_null(strstr(check.problem, "the end was cut off"));
    part = lines;
    part.line[2] = lines.line[3];
    part.line[3] = lines.line[2];
    check = (struct vd_audit_check){.key = NULL};
    assert_int_equal(check_lines(&part, &check), VD_E_CORRUPT);
    assert_int_equal(check.wrong, 2);
    part = lines;
    memmove(&part.line[1], &part.line[2], (part.count - 2) * sizeof part.line[0]);
    part.count--;
    check = (struct vd_audit_check){.key = NULL};
    assert_int_equal(check_lines(&part, &check), VD_E_CORRUPT);
    assert_int_equal(check.wrong, 1);
    lines_free(&lines);
}

static void test_audit__export_since(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    struct vd_audit_check check = {.key = place->head_key};
    struct vd_audit_entry entry = entry_of("token:a", "/x");
    struct lines lines;

    for (int i = 0; i < RECORDS; i++) {
        entry.time_ms = 1764000000000 + i * 1000;
        assert_int_equal(vd_audit_add(audit, &entry), VD_OK);
    }
    export_lines(audit, 1764000003500, &lines);
    assert_int_equal(lines.count, 3);
    assert_int_equal(check_lines(&lines, &check), VD_OK);
    assert_int_equal(check.head.from, 5);
    lines_free(&lines);
    export_lines(audit, 1764000099000, &lines);
    assert_int_equal(lines.count, 1);
    check = (struct vd_audit_check){.key = place->head_key};
    assert_int_equal(check_lines(&lines, &check), VD_OK);
    lines_free(&lines);
    vd_audit_close(audit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_audit__record_has_one_form),
        TEST(test_audit__long_text_is_cut),
        TEST(test_audit__outcomes),
        TEST(test_audit__records_are_there_again),
        TEST(test_audit__pages),
        TEST(test_audit__act_leaves_one_record),
        TEST(test_audit__many_at_once),
        TEST(test_audit__acts_are_bounded),
        TEST(test_audit__killed_between),
        TEST(test_audit__refused_sign_ins_are_bounded),
        TEST(test_audit__cut_leaves_what_verifies),
        TEST(test_audit__cut_spares_what_is_not_whole),
        TEST(test_audit__changes_of_the_file_are_seen),
        TEST(test_audit__damaged_pages_are_seen),
        TEST(test_audit__opening_tells_of_a_cut_end),
        TEST(test_audit__removed_intent_is_seen),
        TEST(test_audit__running_service_sees_it),
        TEST(test_audit__old_head_is_seen_while_running),
        TEST(test_audit__anchors),
        TEST(test_audit__wrong_key),
        TEST(test_audit__every_byte_of_an_export_counts),
        TEST(test_audit__exports_without_the_key),
        TEST(test_audit__export_since),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
