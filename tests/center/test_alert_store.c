/* SPDX-License-Identifier: MIT */
/* The alert store: alerts and their evidence, imports, dead letters, seen events, and files that are not its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/feeds.h"
#include "center/store/letters.h"
#include "lib/clock.h"
#include "tests/center/message.h"
#include "tests/center/store_fixture.h"

/* ---- Alerts ---- */

static const char *numbered_evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    static char text[64];

    *key = 0;
    snprintf(text, sizeof text, "{\"n\":%llu}",
        (unsigned long long)(*(const uint64_t *)update->evidence_context + i));
    return text;
}

/* Applies `count` findings, numbered from `first`, of the alert with id `number`. */
static bool apply(struct store_fixture *f, uint64_t number, const char *device, uint64_t first,
    uint64_t count, int64_t start_ms, int64_t end_ms)
{
    struct vd_alert_update update = {
        .id = test_uuid(number),
        .type = "IoT_TiConnection",
        .display_name = "name",
        .severity = "Medium",
        .device_id = vd_str_from(device),
        .module_id = VD_STR_LITERAL(""),
        .subject = "192.0.2.1",
        .start_ms = start_ms,
        .end_ms = end_ms,
        .generated_ms = 1000,
        .description = "d",
        .remediation_json = "[\"look\"]",
        .techniques_json = "[\"T1071\"]",
        .indicator_value = "192.0.2.1",
        .indicator_source = "feed",
        .count = count,
        .evidence = numbered_evidence,
        .evidence_context = &first,
    };
    bool raised = false;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_alert_store_apply(f->store, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    return raised;
}

static json_t *list(struct store_fixture *f, struct vd_alert_filter filter)
{
    json_t *alerts = NULL;

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    return alerts;
}

static json_int_t number_at(const json_t *alerts, size_t i, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(alerts, i), key));
}

static void check_text_at(const json_t *alerts, size_t i, const char *key, const char *expected)
{
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(alerts, i), key)), expected);
}

static void test_alerts__raise_and_repeat(void **state)
{
    struct store_fixture *f = *state;
    json_t *alerts;
    json_t *alert;

    assert_true(apply(f, 1, "dev", 0, 1, 5000, 6000));
    assert_false(apply(f, 1, "dev", 1, 2, 4000, 9000));
    store_reopen(f);
    alerts = list(f, (struct vd_alert_filter){0});
    assert_int_equal(json_array_size(alerts), 1);
    assert_int_equal(number_at(alerts, 0, "count"), 3);
    assert_int_equal(number_at(alerts, 0, "evidenceTotal"), 3);
    assert_int_equal(number_at(alerts, 0, "change"), 2);
    check_text_at(alerts, 0, "id", "00000000-0000-0000-0000-000000000001");
    check_text_at(alerts, 0, "alertType", "IoT_TiConnection");
    check_text_at(alerts, 0, "displayName", "name");
    check_text_at(alerts, 0, "severity", "Medium");
    check_text_at(alerts, 0, "status", "New");
    check_text_at(alerts, 0, "deviceId", "dev");
    check_text_at(alerts, 0, "moduleId", "");
    check_text_at(alerts, 0, "subject", "192.0.2.1");
    check_text_at(alerts, 0, "startTime", "1970-01-01T00:00:04.000Z");
    check_text_at(alerts, 0, "endTime", "1970-01-01T00:00:09.000Z");
    check_text_at(alerts, 0, "timeGenerated", "1970-01-01T00:00:01.000Z");
    alert = json_array_get(alerts, 0);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(alert, "remediationSteps"), 0)), "look");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(alert, "techniques"), 0)), "T1071");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(alert, "indicator"), "source")), "feed");
    assert_int_equal(json_array_size(json_object_get(alert, "evidence")), 3);
    json_decref(alerts);
}

/* The first 16 and the latest 16, however the findings were cut into batches. */
static void test_alerts__evidence_is_bounded(void **state)
{
    struct store_fixture *f = *state;
    static const uint64_t cuts[] = {1, 7, 16, 31, 100};

    for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
        uint64_t total = 100;
        json_t *alert = NULL;
        json_t *evidence;
        char id[VD_UUID_TEXT_SIZE];
        struct vd_uuid uuid = test_uuid(100 + c);

        for (uint64_t n = 0; n < total; n += cuts[c]) {
            (void)apply(f, 100 + c, "dev", n, n + cuts[c] <= total ? cuts[c] : total - n, 0, 0);
        }
        vd_uuid_format(&uuid, id);
        assert_int_equal(vd_alert_store_get(f->store, id, &alert), VD_OK);
        evidence = json_object_get(alert, "evidence");
        assert_int_equal(json_array_size(evidence), 32);
        for (size_t i = 0; i < 32; i++) {
            json_int_t n = json_integer_value(json_object_get(json_array_get(evidence, i), "n"));

            assert_int_equal(n, i < 16 ? i : 84 + i - 16);
        }
        assert_int_equal(json_integer_value(json_object_get(alert, "evidenceTotal")), 100);
        json_decref(alert);
    }
}

static void test_alerts__list_and_follow(void **state)
{
    struct store_fixture *f = *state;
    json_t *alerts;

    for (uint64_t n = 1; n <= 5; n++) {
        assert_true(apply(f, n, n % 2 == 0 ? "even" : "odd", 0, 1, 0, 0));
    }
    assert_false(apply(f, 2, "even", 1, 1, 0, 0));
    alerts = list(f, (struct vd_alert_filter){.limit = 2});
    assert_int_equal(json_array_size(alerts), 2);
    check_text_at(alerts, 0, "id", "00000000-0000-0000-0000-000000000005");
    check_text_at(alerts, 1, "id", "00000000-0000-0000-0000-000000000004");
    json_decref(alerts);
    alerts = list(f, (struct vd_alert_filter){.device_id = "even"});
    assert_int_equal(json_array_size(alerts), 2);
    json_decref(alerts);
    alerts = list(f, (struct vd_alert_filter){.changed_after = 4});
    assert_int_equal(json_array_size(alerts), 2);
    assert_int_equal(number_at(alerts, 0, "change"), 5);
    assert_int_equal(number_at(alerts, 1, "change"), 6);
    check_text_at(alerts, 1, "id", "00000000-0000-0000-0000-000000000002");
    json_decref(alerts);
    alerts = list(f, (struct vd_alert_filter){.changed_after = 6});
    assert_int_equal(json_array_size(alerts), 0);
    json_decref(alerts);
}

static void test_alerts__get_by_prefix(void **state)
{
    struct store_fixture *f = *state;
    json_t *alert = NULL;

    (void)apply(f, 0x10, "dev", 0, 1, 0, 0);
    (void)apply(f, 0x11, "dev", 0, 1, 0, 0);
    assert_int_equal(
        vd_alert_store_get(f->store, "00000000-0000-0000-0000-000000000011", &alert), VD_OK);
    json_decref(alert);
    alert = NULL;
    assert_int_equal(vd_alert_store_get(f->store, "0000", &alert), VD_E_INVALID);
    assert_int_equal(vd_alert_store_get(f->store, "000", &alert), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_get(f->store, "", &alert), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_get(f->store, "ffff", &alert), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_get(f->store, "%%%%", &alert), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_get(f->store, "0000' OR 1=1", &alert), VD_E_NOT_FOUND);
    assert_null(alert);
}

/* ---- Dead letters and seen events ---- */

static void add_letter(struct store_fixture *f, uint64_t offset, const char *reason)
{
    struct vd_event record = {
        .kind = VD_EVENT_SECURITY,
        .enqueued_ms = 1764000000123,
        .device_id = VD_STR_LITERAL("dev\xff"),
        .module_id = VD_STR_LITERAL("mod"),
        .body = VD_STR_LITERAL("\0\1\2"),
    };

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, offset, &record, reason), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

static void test_dead_letters__list(void **state)
{
    struct store_fixture *f = *state;
    json_t *letters = NULL;

    add_letter(f, 7, "first");
    add_letter(f, 9, "second");
    add_letter(f, 9, "again");
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 2);
    assert_int_equal(number_at(letters, 0, "offset"), 9);
    assert_int_equal(number_at(letters, 1, "offset"), 7);
    assert_int_equal(number_at(letters, 0, "bodyBytes"), 3);
    check_text_at(letters, 0, "reason", "second");
    check_text_at(letters, 0, "deviceId", "dev\xef\xbf\xbd");
    check_text_at(letters, 0, "moduleId", "mod");
    check_text_at(letters, 0, "time", "2025-11-24T16:00:00.123Z");
    json_decref(letters);
    letters = NULL;
    assert_int_equal(
        vd_letters_list(f->store, &(struct vd_letter_filter){.limit = 1}, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 1);
    json_decref(letters);
}

static void test_dead_letters__oldest_go(void **state)
{
    struct store_fixture *f = *state;
    json_t *letters = NULL;
    struct vd_event record = {.device_id = VD_STR_LITERAL("d")};

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    for (uint64_t i = 0; i < VD_DEAD_LETTERS_MAX + 5; i++) {
        assert_int_equal(vd_dead_letter_add(f->store, i, &record, "r"), VD_OK);
    }
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), VD_DEAD_LETTERS_MAX);
    assert_int_equal(number_at(letters, VD_DEAD_LETTERS_MAX - 1, "offset"), 5);
    assert_int_equal(f->store->letters_dropped, 5);
    json_decref(letters);
}

static void seen_day(struct store_fixture *f, int64_t day, int32_t expected)
{
    int32_t got = 0;

    assert_int_equal(vd_event_seen_start(f->store, day * VD_DAY_MS + 5, &got), VD_OK);
    assert_int_equal(got, expected);
}

static int seen(struct store_fixture *f, uint64_t number, uint64_t *first)
{
    struct vd_uuid key = test_uuid(number);

    return vd_event_seen_get(f->store, &key, first);
}

static void see(struct store_fixture *f, int32_t day, uint64_t number, uint64_t offset)
{
    struct vd_uuid key = test_uuid(number);

    assert_int_equal(vd_event_seen_add(f->store, day, &key, offset), VD_OK);
}

/* An event is remembered for its day and the next one. */
static void test_event_seen__days(void **state)
{
    struct store_fixture *f = *state;
    uint64_t first = 0;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    seen_day(f, 20000, 20000);
    see(f, 20000, 1, 11);
    seen_day(f, 20001, 20001);
    see(f, 20001, 2, 22);
    assert_int_equal(seen(f, 1, &first), VD_OK);
    assert_int_equal(first, 11);
    assert_int_equal(seen(f, 2, &first), VD_OK);
    assert_int_equal(first, 22);
    seen_day(f, 19999, 20001); /* the clock goes back: nothing is forgotten */
    assert_int_equal(seen(f, 1, &first), VD_OK);
    seen_day(f, 20002, 20002);
    assert_int_equal(seen(f, 1, &first), VD_E_NOT_FOUND);
    assert_int_equal(seen(f, 2, &first), VD_OK);
    see(f, 20002, 3, 33);
    seen_day(f, 20010, 20010);
    assert_int_equal(seen(f, 2, &first), VD_E_NOT_FOUND);
    assert_int_equal(seen(f, 3, &first), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

/* Device, module and event id each tell events apart; where one ends and the next begins counts too. */
static void test_event_seen__keys(void **state)
{
    struct vd_uuid id = test_uuid(1);
    struct vd_uuid other = test_uuid(2);
    struct vd_uuid keys[5];

    (void)state;
    assert_int_equal(vd_event_key(VD_STR_LITERAL("ab"), VD_STR_LITERAL(""), &id, &keys[0]), VD_OK);
    assert_int_equal(vd_event_key(VD_STR_LITERAL("a"), VD_STR_LITERAL("b"), &id, &keys[1]), VD_OK);
    assert_int_equal(
        vd_event_key(VD_STR_LITERAL("ab"), VD_STR_LITERAL(""), &other, &keys[2]), VD_OK);
    assert_int_equal(vd_event_key(VD_STR_LITERAL("b"), VD_STR_LITERAL("a"), &id, &keys[3]), VD_OK);
    assert_int_equal(vd_event_key(VD_STR_LITERAL("ab"), VD_STR_LITERAL(""), &id, &keys[4]), VD_OK);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = i + 1; k < 4; k++) {
            assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
        }
    }
    assert_memory_equal(&keys[0], &keys[4], sizeof keys[0]);
}

/* ---- The file ---- */

static void test_file__rights(void **state)
{
    struct store_fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_file__newer(void **state)
{
    struct store_fixture *f = *state;

    vd_alert_store_close(f->store);
    f->store = NULL;
    store_run_sql(f->path, "PRAGMA user_version=99");
    assert_int_equal(vd_alert_store_open(f->path, &f->store), VD_E_NEWER);
}

/* What version 1 wrote is there, in groups, and can be worked on. */
static void test_file__of_version_1(void **state)
{
    struct store_fixture *f = *state;
    json_t *alert = NULL;
    uint64_t offset = 0;
    char path[600];

    vd_alert_store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof path, "%s.old", f->path);
    store_make_first(path);
    /* An id that apply can name, and a second list. */
    store_run_sql(path,
        "UPDATE alerts SET id = '00000000-0000-0000-0000-000000000001';"
        "INSERT INTO indicators VALUES('other', x'03', x'03', '192.0.2.9', 1)");
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
    assert_int_equal(vd_alert_store_offset(f->store, &offset), VD_OK);
    assert_int_equal(offset, 7);
    assert_int_equal(vd_alert_store_get(f->store, "0000", &alert), VD_OK);
    assert_string_equal(json_string_value(json_object_get(alert, "cause")), "192.0.2.77");
    assert_string_equal(json_string_value(json_object_get(alert, "status")), "New");
    assert_int_equal(json_array_size(json_object_get(alert, "evidence")), 1);
    assert_int_equal(json_array_size(json_object_get(alert, "history")), 0);
    assert_true(json_is_null(json_object_get(alert, "assessment")));
    json_decref(alert);
    assert_false(apply(f, 1, "dev", 1, 1, 5, 8));
    /* Its lists are feeds now, and stay. */
    for (int round = 0; round < 2; round++) {
        json_t *feeds = NULL;
        uint64_t count = 0;

        assert_int_equal(vd_feeds_count(f->store, &count), VD_OK);
        assert_int_equal(count, 3);
        assert_int_equal(vd_feeds_list(f->store, "first list", &feeds), VD_OK);
        assert_int_equal(json_integer_value(json_object_get(
                             json_object_get(json_array_get(feeds, 0), "report"), "used")),
            2);
        json_decref(feeds);
        vd_alert_store_close(f->store);
        assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
    }
}

/* The page of a file that begins at `at`. */
static void page_read(const char *path, long at, uint8_t page[4096])
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fread(page, 1, 4096, file), 4096);
    assert_int_equal(fclose(file), 0);
}

static void page_write(const char *path, long at, const uint8_t page[4096])
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(page, 1, 4096, file), 4096);
    assert_int_equal(fclose(file), 0);
}

/* A list of which a part cannot be read is not taken for a short one, and stays. */
static void test_file__old_list_unreadable(void **state)
{
    struct store_fixture *f = *state;
    uint8_t whole[4096];
    uint8_t damaged[4096];
    struct stat status;
    json_t *feeds = NULL;
    char path[600];
    long last;

    vd_alert_store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof path, "%s.old", f->path);
    store_make_first(path);
    store_run_sql(path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO indicators SELECT 'first list', printf('%05d', i), printf('%05d', i),"
        " printf('10.0.%d.%d', i / 256, i % 256), i + 10 FROM n");
    assert_int_equal(stat(path, &status), 0);
    last = (long)status.st_size - 4096; /* a leaf of the long list */
    page_read(path, last, whole);
    memset(damaged, 0x7f, sizeof damaged);
    page_write(path, last, damaged);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_E_CORRUPT);
    assert_null(f->store);
    page_write(path, last, whole);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
    assert_int_equal(vd_feeds_list(f->store, "first list", &feeds), VD_OK);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_array_get(feeds, 0), "report"), "used")),
        5002);
    json_decref(feeds);
}

static void test_file__of_another_program(void **state)
{
    struct store_fixture *f = *state;
    char path[600];
    struct vd_alert_store *other = NULL;
    FILE *file;

    snprintf(path, sizeof path, "%s.other", f->path);
    store_run_sql(path, "CREATE TABLE t(x)");
    assert_int_equal(vd_alert_store_open(path, &other), VD_E_CORRUPT);
    snprintf(path, sizeof path, "%s.text", f->path);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    assert_int_equal(vd_alert_store_open(path, &other), VD_E_CORRUPT);
    snprintf(path, sizeof path, "%s/none/x.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &other), VD_E_NOT_FOUND);
}

/* So many pages more than it has now. */
static void allow_pages(struct store_fixture *f, int more)
{
    sqlite3_stmt *s = NULL;
    char sql[64];

    assert_int_equal(
        sqlite3_prepare_v2(f->store->writer, "PRAGMA page_count", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", sqlite3_column_int(s, 0) + more);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_exec(f->store->writer, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A file that may not grow refuses, keeps what it had, and takes more once it may. */
static void test_file__full(void **state)
{
    struct store_fixture *f = *state;
    struct vd_event record = {.device_id = VD_STR_LITERAL("d")};
    char *body = calloc(1, 200000);
    json_t *letters = NULL;

    record.body = (struct vd_str){body, 200000};
    (void)apply(f, 1, "dev", 0, 1, 0, 0);
    allow_pages(f, 75); /* a letter and a half */
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_alert_store_set_offset(f->store, 5), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, 1, &record, "r"), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, 2, &record, "r"), VD_E_FULL);
    vd_alert_store_rollback(f->store);
    assert_int_equal(f->store->letters, 0);
    allow_pages(f, 1000);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, 1, &record, "r"), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 1);
    json_decref(letters);
    free(body);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_alerts__raise_and_repeat),
        STORE_TEST(test_alerts__evidence_is_bounded),
        STORE_TEST(test_alerts__list_and_follow),
        STORE_TEST(test_alerts__get_by_prefix),
        STORE_TEST(test_dead_letters__list),
        STORE_TEST(test_dead_letters__oldest_go),
        STORE_TEST(test_event_seen__days),
        STORE_TEST(test_event_seen__keys),
        STORE_TEST(test_file__rights),
        STORE_TEST(test_file__newer),
        STORE_TEST(test_file__of_version_1),
        STORE_TEST(test_file__old_list_unreadable),
        STORE_TEST(test_file__of_another_program),
        STORE_TEST(test_file__full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
