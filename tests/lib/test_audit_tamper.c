/* SPDX-License-Identifier: MIT */
/* Nothing is changed in the audit trail unseen, in its file or in what was exported. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/lib/audit_fixture.h"

#define RECORDS 6

static const uint8_t other_master[VD_MASTER_KEY_BYTES] = {9};

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
    assert_null(vd_audit_anchor_misfit(audit, text));
    assert_non_null(vd_audit_anchor_misfit(audit, VD_STR_LITERAL("{}")));
    vd_audit_close(audit);
    /* The file is gone, and a new one is made. */
    assert_int_equal(unlink(place->path), 0);
    audit = open_trail(place);
    assert_non_null(vd_audit_anchor_misfit(audit, text));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_set_up, audit_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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

    return cmocka_run_group_tests_name("audit_tamper", tests, NULL, NULL);
}
