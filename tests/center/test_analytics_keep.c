/* SPDX-License-Identifier: MIT */
/* What is kept of the query tables: days that are packed, days past their time, and days for which there is no room. */

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/center/analytics_fixture.h"

#define PACK_MS     60000
#define DAY_ROWS    3000
#define ALL_OF_THEM "count(*), CAST(bit_xor(hash(IoTRawEventId || EventDetails)) AS VARCHAR)"

static struct vd_analytics_stats stats_of(struct analytics_fixture *f)
{
    struct vd_analytics_stats stats;

    vd_analytics_stats(f->analytics, &stats);
    return stats;
}

static void maintain(struct analytics_fixture *f, int64_t now_ms)
{
    assert_int_equal(vd_analytics_maintain(f->analytics, now_ms), VD_OK);
}

/* Until nothing is left to be packed. */
static void pack(struct analytics_fixture *f, int64_t now_ms)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    const int64_t until_ms = vd_clock_monotonic_ms() + PACK_MS;

    do {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        nanosleep(&pause, NULL);
        maintain(f, now_ms);
    } while (stats_of(f).days_to_pack > 0);
}

/* A day's rows: flows, heartbeats, and one of each other table. */
static void append_day(struct analytics_fixture *f, int day, uint64_t next_offset)
{
    static struct vd_flow_row flows[DAY_ROWS];
    static char devices[DAY_ROWS][16];
    const int64_t time_ms = ANALYTICS_DAY_0 + day * VD_DAY_MS;
    const struct vd_raw_event event = {
        .time_generated_ms = time_ms, .details = VD_STR_LITERAL("{}")};
    const struct vd_diagnostic diagnostic = {
        .time_generated_ms = time_ms, .properties = VD_STR_LITERAL("{}")};
    const struct vd_activity_row activity = {
        .time_generated_ms = time_ms, .properties = VD_STR_LITERAL("{}")};
    const struct vd_table_rows rows = {&event, 1, flows, DAY_ROWS, &diagnostic, 1, &activity, 1};

    for (size_t i = 0; i < DAY_ROWS; i++) {
        snprintf(devices[i], sizeof devices[i], "dev-%zu", i * 7919 % 100);
        flows[i] = (struct vd_flow_row){
            .time_generated_ms = time_ms + (int64_t)i,
            .id = test_uuid((uint64_t)day * DAY_ROWS + i),
            .device_id = vd_str_from(devices[i]),
            .local_address = VD_STR_LITERAL("10.0.0.2"),
            .remote_address = VD_STR_LITERAL("192.0.2.1"),
            .protocol = VD_STR_LITERAL("TCP"),
            .bytes_in = (uint32_t)i,
            .process_id = VD_FLOW_NONE,
            .user_id = VD_FLOW_NONE,
        };
    }
    assert_int_equal(vd_analytics_append(f->analytics, &rows, next_offset), VD_OK);
}

static bool file_exists(struct analytics_fixture *f, const char *name)
{
    char path[900];

    snprintf(path, sizeof path, "%s/%s", f->data, name);
    return access(path, F_OK) == 0;
}

static json_int_t count_of(struct analytics_fixture *f, const char *table)
{
    char sql[96];
    json_t *result;
    json_int_t count;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    result = analytics_query(f, sql);
    count = json_integer_value(analytics_cell(result, 0, 0));
    json_decref(result);
    return count;
}

/* ---- Packing ---- */

static void test_packing__keeps_all_rows(void **state)
{
    struct analytics_fixture *f = *state;
    json_t *before;
    json_t *after;

    for (int day = 0; day < 3; day++) {
        append_day(f, day, (uint64_t)day + 10);
    }
    before = analytics_query(f, "SELECT " ALL_OF_THEM " FROM SecurityIoTRawEvent");
    pack(f, 0);
    assert_true(file_exists(f, "2025-11-24.1.duckdb"));
    assert_true(file_exists(f, "2025-11-25.1.duckdb"));
    assert_true(file_exists(f, "2025-11-26.duckdb"));
    assert_false(file_exists(f, "2025-11-24.duckdb"));
    for (int i = 0; i < 2; i++) {
        after = analytics_query(f, "SELECT " ALL_OF_THEM " FROM SecurityIoTRawEvent");
        assert_true(json_equal(before, after));
        json_decref(after);
        assert_int_equal(count_of(f, "AzureDiagnostics"), 3);
        assert_int_equal(count_of(f, "AzureActivity"), 3);
        assert_int_equal(analytics_offset_of(f), 12);
        analytics_reopen(f);
    }
    json_decref(before);
    maintain(f, 0);
    assert_int_equal(stats_of(f).days_to_pack, 0);
}

static void copy_file(struct analytics_fixture *f, const char *from, const char *to)
{
    char source[900];
    char target[900];
    char data[4096];
    FILE *in;
    FILE *out;
    size_t n;

    snprintf(source, sizeof source, "%s/%s", f->data, from);
    snprintf(target, sizeof target, "%s/%s", f->data, to);
    in = fopen(source, "rb");
    out = fopen(target, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(data, 1, sizeof data, in)) > 0) {
        assert_int_equal(fwrite(data, 1, n, out), n);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* A crash may leave the old file beside the new one, or a new one that is not whole. */
static void test_packing__cut_off(void **state)
{
    struct analytics_fixture *f = *state;

    append_day(f, 0, 10);
    append_day(f, 1, 11);
    analytics_reopen(f);
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    copy_file(f, "2025-11-24.duckdb", "kept");
    assert_int_equal(analytics_open_at(f), VD_OK);
    pack(f, 0);
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    copy_file(f, "kept", "2025-11-24.duckdb");
    copy_file(f, "kept", "2025-11-25.duckdb.new");
    assert_int_equal(analytics_open_at(f), VD_OK);
    assert_int_equal(analytics_count_rows(f), 2 * (DAY_ROWS + 1));
    assert_true(file_exists(f, "2025-11-24.1.duckdb"));
    assert_false(file_exists(f, "2025-11-24.duckdb"));
    assert_false(file_exists(f, "2025-11-25.duckdb.new"));
    /* Given up half way, it begins again. */
    append_day(f, 2, 12);
    maintain(f, 0);
    analytics_reopen(f);
    pack(f, 0);
    assert_int_equal(analytics_count_rows(f), 3 * (DAY_ROWS + 1));
}

struct asking {
    struct analytics_fixture *f;
    atomic_bool is_over;
    unsigned asked;
    unsigned wrong;
};

static void *ask_all_the_time(void *argument)
{
    struct asking *asking = argument;

    while (!atomic_load(&asking->is_over)) {
        json_t *result = NULL;
        char text[256];
        int error = vd_analytics_query(asking->f->analytics,
            "SELECT EventDetails FROM SecurityIoTRawEvent", NULL, &result, text, sizeof text);

        asking->wrong += error != VD_OK || analytics_row_count(result) != 2 * (DAY_ROWS + 1);
        asking->asked++;
        json_decref(result);
    }
    return NULL;
}

/* Queries see each row once, whether before or after its day was replaced. */
static void test_packing__under_queries(void **state)
{
    struct analytics_fixture *f = *state;
    struct asking asking = {.f = f};
    pthread_t thread;

    append_day(f, 0, 10);
    append_day(f, 1, 11);
    assert_int_equal(pthread_create(&thread, NULL, ask_all_the_time, &asking), 0);
    pack(f, 0);
    atomic_store(&asking.is_over, true);
    pthread_join(thread, NULL);
    assert_true(asking.asked > 0);
    assert_int_equal(asking.wrong, 0);
}

/* ---- Age ---- */

static void test_age__of_each_table(void **state)
{
    struct analytics_fixture *f = *state;
    const int64_t now_ms = ANALYTICS_DAY_0 + 5 * VD_DAY_MS;

    f->keep.days[VD_ANALYTICS_RAW_EVENTS] = 2;
    f->keep.days[VD_ANALYTICS_DIAGNOSTICS] = 4;
    analytics_reopen(f);
    for (int day = 0; day < 6; day++) {
        append_day(f, day, (uint64_t)day + 10);
    }
    pack(f, 0);
    assert_int_equal(analytics_count_rows(f), 6 * (DAY_ROWS + 1));
    pack(f, now_ms);
    assert_int_equal(analytics_count_rows(f), 3 * (DAY_ROWS + 1));
    assert_int_equal(count_of(f, "AzureDiagnostics"), 5);
    assert_int_equal(count_of(f, "AzureActivity"), 6);
    assert_true(file_exists(f, "2025-11-24.2.duckdb"));
    assert_int_equal(stats_of(f).oldest_ms[VD_ANALYTICS_RAW_EVENTS],
        vd_time_day(ANALYTICS_DAY_0 + 3 * VD_DAY_MS) * VD_DAY_MS);
    assert_int_equal(stats_of(f).amounts[VD_ANALYTICS_RAW_EVENTS].rows, 3 * (DAY_ROWS + 1));
    /* Once all is past its time the file goes; the newest never does. */
    f->keep.days[VD_ANALYTICS_ACTIVITY] = 4;
    vd_analytics_set_keep(f->analytics, &f->keep);
    maintain(f, now_ms);
    assert_false(file_exists(f, "2025-11-24.2.duckdb"));
    assert_int_equal(count_of(f, "AzureActivity"), 5);
    pack(f, now_ms + 1000 * VD_DAY_MS);
    assert_int_equal(analytics_count_rows(f), DAY_ROWS + 1);
    assert_int_equal(analytics_offset_of(f), 15);
}

/* Ten years ahead, right again, ten years behind, right again: nothing goes before its time, and nothing stays for what is ahead. */
static void test_age__by_a_wrong_clock(void **state)
{
    static const int days[] = {0, 1, 3650, 2, -3650, 3};
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        f->keep.days[i] = 2;
    }
    analytics_reopen(f);
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        append_day(f, days[i], i + 10);
    }
    assert_true(file_exists(f, "2025-11-26.duckdb"));
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), 15);
    pack(f, ANALYTICS_DAY_0 + 4 * VD_DAY_MS);
    assert_int_equal(analytics_count_rows(f), 4 * (DAY_ROWS + 1)); /* without days 0 and 1 */
    assert_true(file_exists(f, "2025-11-27.duckdb")); /* is not packed: rows come to it */
    append_day(f, 4, 16);
    pack(f, ANALYTICS_DAY_0 + 5 * VD_DAY_MS);
    assert_int_equal(
        analytics_count_rows(f), 3 * (DAY_ROWS + 1)); /* what came after day 2 is gone too */
    assert_true(file_exists(f, "2025-11-27.1.duckdb"));
    assert_int_equal(analytics_offset_of(f), 16);
}

/* ---- Size ---- */

/* However few rows they are, and whether or not the day's file has them already: what stands on the disk is told. */
static void test_size__of_few_rows(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_analytics_stats stats;
    uint64_t sum = 0;

    append_day(f, 0, 10);
    maintain(f, 0);
    stats = stats_of(f);
    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        assert_true(stats.amounts[i].rows > 0);
        assert_true(stats.amounts[i].bytes > 0);
        sum += stats.amounts[i].bytes;
    }
    assert_in_range(sum, stats.bytes - VD_ANALYTICS_KINDS, stats.bytes);
}

static void test_size__the_oldest_go(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_analytics_stats stats;

    for (int day = 0; day < 4; day++) {
        append_day(f, day, (uint64_t)day + 10);
    }
    pack(f, 0);
    stats = stats_of(f);
    assert_true(stats.bytes > 0);
    assert_true(stats.amounts[VD_ANALYTICS_RAW_EVENTS].bytes > 0);
    assert_int_equal(stats.days_for_size, 0);
    f->keep.max_bytes = stats.bytes - 1;
    analytics_reopen(f);
    maintain(f, 0);
    assert_int_equal(analytics_count_rows(f), 3 * (DAY_ROWS + 1));
    assert_false(file_exists(f, "2025-11-24.1.duckdb"));
    stats = stats_of(f);
    assert_int_equal(stats.days_for_size, 1);
    assert_int_equal(stats.last_for_size_ms, vd_time_day(ANALYTICS_DAY_0) * VD_DAY_MS);
    assert_true(stats.bytes <= f->keep.max_bytes);
    f->keep.max_bytes = 1;
    analytics_reopen(f);
    maintain(f, 0);
    assert_int_equal(analytics_count_rows(f), DAY_ROWS + 1);
    assert_int_equal(analytics_offset_of(f), 13);
}

/* A day that is being packed can go. */
static void test_age__while_packing(void **state)
{
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        f->keep.days[i] = 1;
    }
    analytics_reopen(f);
    append_day(f, 0, 10);
    append_day(f, 1, 11);
    maintain(f, 0);
    maintain(f, ANALYTICS_DAY_0 + 100 * VD_DAY_MS);
    assert_int_equal(analytics_count_rows(f), DAY_ROWS + 1);
    append_day(f, 2, 12);
    pack(f, 0);
    assert_int_equal(analytics_count_rows(f), 2 * (DAY_ROWS + 1));
    assert_true(file_exists(f, "2025-11-25.1.duckdb"));
    assert_false(file_exists(f, "2025-11-24.duckdb.new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_packing__keeps_all_rows),
        ANALYTICS_TEST(test_packing__cut_off),
        ANALYTICS_TEST(test_packing__under_queries),
        ANALYTICS_TEST(test_age__of_each_table),
        ANALYTICS_TEST(test_age__by_a_wrong_clock),
        ANALYTICS_TEST(test_size__of_few_rows),
        ANALYTICS_TEST(test_size__the_oldest_go),
        ANALYTICS_TEST(test_age__while_packing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
