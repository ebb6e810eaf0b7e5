/* SPDX-License-Identifier: MIT */
/* The audit trail: its form, and what it survives. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/lib/audit_fixture.h"

#define RECORDS 6

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
        const bool good = vd_audit_open(place->path, audit_master, &audit) == VD_OK &&
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

    for (int i = 0; i < 3 * VD_AUDIT_REFUSED_MINUTE; i++) {
        vd_audit_add_refused(audit, &entry);
    }
    vd_audit_stats_get(audit, &stats);
    /* The minute may turn once meanwhile. */
    assert_in_range(stats.to, VD_AUDIT_REFUSED_MINUTE, 2 * VD_AUDIT_REFUSED_MINUTE);
    vd_audit_close(audit);
}

/* Neither sign-ins nor one caller's attempts hide another's; what was held back is told. */
static void test_audit__refused_changes_are_bounded_by_caller(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const struct vd_audit_entry sign_in = {.kind = VD_AUDIT_SIGN_IN, .status = 401};
    const struct vd_audit_entry loud = {
        .kind = VD_AUDIT_CHANGE, .who = "token:loud", .status = 403};
    const struct vd_audit_entry other = {
        .kind = VD_AUDIT_CHANGE, .who = "token:other", .status = 403};
    const int64_t minute = vd_clock_monotonic_ms() / 60000;
    struct vd_audit_stats before;
    struct vd_audit_stats stats;
    json_t *record = NULL;

    for (int i = 0; i < 3 * VD_AUDIT_REFUSED_MINUTE; i++) {
        vd_audit_add_refused(audit, &sign_in);
        vd_audit_add_refused(audit, &loud);
    }
    vd_audit_stats_get(audit, &before);
    assert_in_range(before.to, 2 * VD_AUDIT_REFUSED_MINUTE, 4 * VD_AUDIT_REFUSED_MINUTE);
    vd_audit_add_refused(audit, &other);
    vd_audit_stats_get(audit, &stats);
    assert_int_equal(stats.to, before.to + 1);
    assert_int_equal(vd_audit_get(audit, stats.to, &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, "who")), "token:other");
    if (vd_clock_monotonic_ms() / 60000 ==
        minute) { /* in a new one nothing may have been held back */
        assert_non_null(
            strstr(json_string_value(json_object_get(record, "note")), "were not written"));
    }
    json_decref(record);
    vd_audit_close(audit);
}

/* More callers in a minute than are told apart. */
static void test_audit__refused_changes_of_many_callers(void **state)
{
    const struct place *place = *state;
    struct vd_audit *audit = open_trail(place);
    const int callers = 3 * VD_AUDIT_CALLERS;
    struct vd_audit_stats stats;

    for (int i = 0; i < callers; i++) {
        char who[24];
        const struct vd_audit_entry entry = {.kind = VD_AUDIT_CHANGE, .who = who, .status = 403};

        snprintf(who, sizeof who, "token:%d", i);
        vd_audit_add_refused(audit, &entry);
    }
    vd_audit_stats_get(audit, &stats);
    assert_in_range(stats.to, VD_AUDIT_CALLERS - 1 + VD_AUDIT_REFUSED_MINUTE, callers);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_set_up, audit_tear_down)

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
        TEST(test_audit__refused_changes_are_bounded_by_caller),
        TEST(test_audit__refused_changes_of_many_callers),
        TEST(test_audit__cut_leaves_what_verifies),
        TEST(test_audit__cut_spares_what_is_not_whole),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
