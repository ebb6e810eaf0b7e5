/* SPDX-License-Identifier: MIT */
/* A copy of the query tables beside their writer: the rows and the offset of the moment when it began, of every day. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/center/analytics_fixture.h"

#define ROWS 4000

/* What a file of the copy, or of the store, holds. */
static struct vd_day_found found_in(const char *folder, const char *name)
{
    struct vd_day_found found = {0};
    char reason[400] = "";
    char path[900];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (vd_analytics_day_check(path, &found, reason, sizeof reason) != VD_OK) {
        fail_msg("%s: %s", name, reason);
    }
    return found;
}

static void begin(struct analytics_fixture *f)
{
    char reason[400] = "";

    if (vd_analytics_copy_begin(f->analytics, reason, sizeof reason) != VD_OK) {
        fail_msg("%s", reason);
    }
}

static void append(struct analytics_fixture *f, int day, uint64_t first)
{
    assert_int_equal(
        analytics_append_rows(f, first, ROWS, ANALYTICS_DAY_0 + day * VD_DAY_MS), VD_OK);
}

static void test_copy__is_of_one_moment(void **state)
{
    struct analytics_fixture *f = *state;
    const char *folder = NULL;
    char reason[400] = "";
    char gone[900];

    append(f, 0, 0);
    append(f, 1, ROWS);
    append(f, 2, 2 * ROWS);
    begin(f);
    assert_int_equal(vd_analytics_copy_begin(f->analytics, reason, sizeof reason), VD_E_BUSY);
    append(f, 2, 3 * ROWS); /* of which the copy knows nothing */
    append(f, 3, 4 * ROWS);
    assert_int_equal(vd_analytics_copy_finish(f->analytics, &folder, reason, sizeof reason), VD_OK);
    assert_int_equal(found_in(folder, "2025-11-24.duckdb").rows, ROWS);
    assert_int_equal(found_in(folder, "2025-11-25.duckdb").rows, ROWS);
    assert_int_equal(found_in(folder, "2025-11-26.duckdb").rows, ROWS);
    assert_int_equal(found_in(folder, "2025-11-26.duckdb").next_offset, 3 * ROWS);
    snprintf(gone, sizeof gone, "%s/2025-11-27.duckdb", folder);
    assert_int_not_equal(access(gone, F_OK), 0);
    vd_analytics_copy_end(f->analytics);
    assert_int_not_equal(access(folder, F_OK), 0);
    assert_int_equal(analytics_count_rows(f), 5 * ROWS);
    assert_int_equal(analytics_offset_of(f), 5 * ROWS);
}

/* Days that are copied stay until the end, past their time or not. */
static void test_copy__keeps_days(void **state)
{
    const int64_t later_ms = ANALYTICS_DAY_0 + 100 * VD_DAY_MS;
    struct analytics_fixture *f = *state;
    const char *folder = NULL;
    char reason[400] = "";

    f->keep.days[VD_ANALYTICS_RAW_EVENTS] = 1;
    f->keep.days[VD_ANALYTICS_DIAGNOSTICS] = 1;
    f->keep.days[VD_ANALYTICS_ACTIVITY] = 1;
    analytics_reopen(f);
    append(f, 0, 0);
    append(f, 1, ROWS);
    begin(f);
    assert_int_equal(vd_analytics_maintain(f->analytics, later_ms), VD_OK);
    assert_int_equal(analytics_count_rows(f), 2 * ROWS);
    assert_int_equal(vd_analytics_copy_finish(f->analytics, &folder, reason, sizeof reason), VD_OK);
    assert_int_equal(found_in(folder, "2025-11-24.duckdb").rows, ROWS);
    vd_analytics_copy_end(f->analytics);
    assert_int_equal(vd_analytics_maintain(f->analytics, later_ms), VD_OK);
    assert_int_equal(analytics_count_rows(f), ROWS);
}

struct appender {
    struct analytics_fixture *f;
    uint64_t first;
    int error;
};

static void *append_on(void *argument)
{
    struct appender *appender = argument;

    for (int i = 0; i < 10 && appender->error == VD_OK; i++, appender->first += ROWS) {
        appender->error =
            analytics_append_rows(appender->f, appender->first, ROWS, ANALYTICS_DAY_0);
    }
    return NULL;
}

/* The one that appends is never in the way of the one that copies. */
static void test_copy__beside_appends(void **state)
{
    struct analytics_fixture *f = *state;
    struct appender appender = {f, 10 * ROWS, VD_OK};
    const char *folder = NULL;
    char reason[400] = "";
    pthread_t thread;

    for (uint64_t i = 0; i < 10; i++) {
        append(f, 0, i * ROWS);
    }
    begin(f);
    assert_int_equal(pthread_create(&thread, NULL, append_on, &appender), 0);
    assert_int_equal(vd_analytics_copy_finish(f->analytics, &folder, reason, sizeof reason), VD_OK);
    pthread_join(thread, NULL);
    assert_int_equal(appender.error, VD_OK);
    assert_int_equal(found_in(folder, "2025-11-24.duckdb").rows, 10 * ROWS);
    assert_int_equal(found_in(folder, "2025-11-24.duckdb").next_offset, 10 * ROWS);
    vd_analytics_copy_end(f->analytics);
    assert_int_equal(analytics_count_rows(f), 20 * ROWS);
}

/* What was cut off is gone with the next opening; tables without a day have an empty copy. */
static void test_copy__cut_off(void **state)
{
    struct analytics_fixture *f = *state;
    const char *folder = NULL;
    char reason[400] = "";
    char path[900];

    begin(f);
    assert_int_equal(vd_analytics_copy_finish(f->analytics, &folder, reason, sizeof reason), VD_OK);
    vd_analytics_copy_end(f->analytics);
    append(f, 0, 0);
    begin(f);
    snprintf(path, sizeof path, "%s/backup", f->data);
    assert_int_equal(access(path, F_OK), 0);
    analytics_reopen(f);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(analytics_count_rows(f), ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_copy__is_of_one_moment),
        ANALYTICS_TEST(test_copy__keeps_days),
        ANALYTICS_TEST(test_copy__beside_appends),
        ANALYTICS_TEST(test_copy__cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
