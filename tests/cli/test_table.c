/* SPDX-License-Identifier: MIT */
/* Tables: alignment, other alphabets, and what must not reach a terminal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/table.h"
#include "tests/cli/output.h"

static void print_small(void *context)
{
    static const char *const columns[] = {"NAME", "N", "TEXT"};
    struct vd_table table = {.columns = columns, .column_count = 3};

    (void)context;
    vd_table_add(&table, "a");
    vd_table_add_number(&table, -12345);
    vd_table_add(&table, "x");
    vd_table_add(&table, "gr\xc3\xb6\xc3\x9f\x65r");
    vd_table_add(&table, NULL);
    vd_table_add(&table, "");
    assert_true(vd_table_print(&table, true));
    assert_int_equal(table.cell_count, 0);
}

static void test_table__is_aligned(void **state)
{
    struct output output;

    (void)state;
    output_take(&output, print_small, NULL);
    assert_string_equal(output.out,
        "NAME    N       TEXT\n"
        "a       -12345  x\n"
        "gr\xc3\xb6\xc3\x9f\x65r  -       \n");
}

static void print_hostile(void *context)
{
    static const char *const columns[] = {"A"};
    struct vd_table table = {.columns = columns, .column_count = 1};

    (void)context;
    vd_table_add(&table, "\033[31mred\n\x7f\xc2\x9b\x32J\xc3\xa9");
    assert_true(vd_table_print(&table, false));
    vd_print_safe("\033]0;title\a\xc2\x80");
}

static void test_table__control_characters(void **state)
{
    struct output output;

    (void)state;
    output_take(&output, print_hostile, NULL);
    assert_string_equal(output.out, "?[31mred????2J\xc3\xa9\n?]0;title???");
}

static void print_many(void *context)
{
    static const char *const columns[] = {"A", "B"};
    struct vd_table table = {.columns = columns, .column_count = 2};

    (void)context;
    for (int i = 0; i < 500; i++) {
        vd_table_add_number(&table, i);
        vd_table_add(&table, "b");
    }
    assert_true(vd_table_print(&table, false));
}

static void test_table__grows(void **state)
{
    struct output output;

    (void)state;
    output_take(&output, print_many, NULL);
    assert_memory_equal(output.out, "0    b\n1    b\n", 14);
    assert_non_null(strstr(output.out, "\n499  b\n"));
}

/* The output is no terminal here. */
static void test_table__no_colours_in_a_file(void **state)
{
    (void)state;
    if (!vd_wants_colour()) {
        assert_string_equal(vd_colour("High"), "");
        assert_string_equal(vd_colour(NULL), "");
    }
    setenv("NO_COLOR", "1", 1);
    assert_false(vd_wants_colour());
    unsetenv("NO_COLOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__is_aligned),
        cmocka_unit_test(test_table__control_characters),
        cmocka_unit_test(test_table__grows),
        cmocka_unit_test(test_table__no_colours_in_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
