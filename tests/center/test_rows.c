/* SPDX-License-Identifier: MIT */
/* Rows of the alert store as JSON: all of them, or an error that says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "tests/center/store_fixture.h"

#define THREE "SELECT value FROM json_each('[1, 2, 3]') WHERE value >= ?1"

static json_t *number(sqlite3_stmt *row)
{
    return json_integer(sqlite3_column_int64(row, 0));
}

/* As a row that finds no memory. */
static json_t *all_but_two(sqlite3_stmt *row)
{
    return sqlite3_column_int64(row, 0) == 2 ? NULL : number(row);
}

/* As a row that reads beside it what is not there. */
static json_t *number_and_more(sqlite3_stmt *row)
{
    sqlite3_stmt *more = NULL;
    json_t *array = json_array();

    (void)sqlite3_prepare_v2(
        sqlite3_db_handle(row), "SELECT * FROM nothing_of_this_name", -1, &more, NULL);
    if (vd_rows_append(sqlite3_db_handle(row), more, number, array) != VD_OK) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static int rows_from(
    struct vd_alert_store *store, const char *sql, int from, vd_row_json *make, json_t **rows)
{
    sqlite3_stmt *s = vd_rows_begin(store, sql);

    sqlite3_bind_int(s, 1, from);
    return vd_rows_end(store, s, make, rows);
}

static void test_rows__are_all_there(void **state)
{
    struct vd_alert_store *store = ((struct store_fixture *)*state)->store;
    json_t *rows = NULL;

    assert_int_equal(rows_from(store, THREE, 2, number, &rows), VD_OK);
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_array_get(rows, 0)), 2);
    assert_int_equal(json_integer_value(json_array_get(rows, 1)), 3);
    json_decref(rows);
    assert_int_equal(rows_from(store, THREE, 4, number, &rows), VD_OK);
    assert_true(json_is_array(rows));
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
}

static void test_rows__are_not_there_in_part(void **state)
{
    struct vd_alert_store *store = ((struct store_fixture *)*state)->store;
    json_t *rows = NULL;

    assert_int_equal(rows_from(store, THREE, 1, all_but_two, &rows), VD_E_NOMEM);
    assert_null(rows);
    assert_int_equal(rows_from(store, THREE, 1, number_and_more, &rows), VD_E_IO);
    assert_null(rows);
    /* The reader was let go, and the next one is as the first. */
    assert_int_equal(rows_from(store, THREE, 3, all_but_two, &rows), VD_OK);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
}

static void test_rows__say_why_there_are_none(void **state)
{
    struct vd_alert_store *store = ((struct store_fixture *)*state)->store;
    json_t *rows = NULL;

    assert_int_equal(
        rows_from(store, "SELECT a FROM nothing_of_this_name WHERE a = ?1", 1, number, &rows),
        VD_E_IO);
    assert_null(rows);
    assert_int_equal(rows_from(store, "SELECT json(?1 || '{')", 1, number, &rows), VD_E_IO);
    assert_null(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows__are_all_there, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_rows__are_not_there_in_part, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_rows__say_why_there_are_none, store_setup, store_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
