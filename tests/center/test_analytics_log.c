/* SPDX-License-Identifier: MIT */
/* A day that is opened anew, by the same process, has all that it was said to have: its log too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/store/duckdb_internal.h"
#include "tests/center/analytics_fixture.h"

#define BATCHES    12
#define BATCH_ROWS 50
#define ROWS       (BATCHES * BATCH_ROWS)
#define CUTS       7

static void log_path(const struct analytics_fixture *f, char path[900])
{
    snprintf(path, 900, "%s/2025-11-24.duckdb.wal", f->data);
}

static off_t size_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void write_file(const char *path, const struct vd_buf *from)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(from->data, 1, from->length, file), from->length);
    assert_int_equal(fclose(file), 0);
}

/* As what follows a failure of the instance: it is closed, and opened by whatever comes next. */
static void break_instance(struct analytics_fixture *f)
{
    ((struct vd_duckdb *)(void *)f->analytics)->broken = true;
}

static void append_batches(struct analytics_fixture *f)
{
    for (uint64_t i = 0; i < BATCHES; i++) {
        assert_int_equal(
            analytics_append_rows(f, i * BATCH_ROWS, BATCH_ROWS, ANALYTICS_DAY_0), VD_OK);
    }
}

static void test_reopen__all_of_the_log(void **state)
{
    struct analytics_fixture *f = *state;

    append_batches(f);
    break_instance(f);
    assert_int_equal(analytics_offset_of(f), ROWS);
    assert_int_equal(analytics_count_rows(f), ROWS);
}

/* Nothing works, and nothing is written, while rows are missing. */
static void check_refused(struct analytics_fixture *f)
{
    uint64_t offset;

    assert_int_not_equal(vd_analytics_append(f->analytics, NULL, ROWS + 1), VD_OK);
    assert_int_not_equal(vd_analytics_offset(f->analytics, &offset), VD_OK);
    assert_int_not_equal(vd_analytics_maintain(f->analytics, ANALYTICS_DAY_0), VD_OK);
}

/* DuckDB does not say that it read a part of it alone, and would cut off the rest with the next row. */
static void test_reopen__part_of_the_log(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_buf log = {0};
    char path[900];

    log_path(f, path);
    append_batches(f);
    test_read_file(path, &log);
    assert_true(log.length > ROWS); /* rows are in it */
    for (size_t i = 0; i < CUTS; i++) {
        const size_t length = (log.length - 1) * (CUTS - i) / CUTS;

        break_instance(f);
        assert_int_equal(truncate(path, (off_t)length), 0);
        check_refused(f);
        assert_int_equal(size_of(path), length);
        write_file(path, &log);
        assert_int_equal(analytics_offset_of(f), ROWS);
        assert_int_equal(analytics_count_rows(f), ROWS);
    }
    vd_buf_release(&log);
    assert_int_equal(analytics_append_rows(f, ROWS, 1, ANALYTICS_DAY_0), VD_OK);
    analytics_reopen(f);
    assert_int_equal(analytics_count_rows(f), ROWS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_reopen__all_of_the_log),
        ANALYTICS_TEST(test_reopen__part_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
