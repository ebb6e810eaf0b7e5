/* SPDX-License-Identifier: MIT */
/* The log: form, levels, control characters, length, the limit for what a peer can cause. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/log.h"

/* What `vd_log` wrote to stderr, cut to the buffer. */
static size_t logged(char *out, size_t size, enum vd_log_level level, const char *text)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    size_t length;

    assert_non_null(file);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    vd_log(level, "test.event", "text=\"%s\"", text);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    length = fread(out, 1, size - 1, file);
    out[length] = '\0';
    fclose(file);
    return length;
}

static void test_log__form(void **state)
{
    char line[2048];
    int64_t when = 0;

    (void)state;
    logged(line, sizeof line, VD_LOG_WARN, "a b");
    assert_memory_equal(line, "time=", 5);
    assert_string_equal(line + 5 + 24, " level=warn event=test.event text=\"a b\"\n");
    line[5 + 24] = '\0';
    assert_int_equal(vd_time_parse(line + 5, &when), VD_OK);
    assert_true(vd_clock_utc_ms() - when < 60000);
}

static void test_log__levels(void **state)
{
    char line[2048];

    (void)state;
    assert_int_equal(logged(line, sizeof line, VD_LOG_DEBUG, "x"), 0);
    vd_log_set_level(VD_LOG_DEBUG);
    assert_int_not_equal(logged(line, sizeof line, VD_LOG_DEBUG, "x"), 0);
    vd_log_set_level(VD_LOG_ERROR);
    assert_int_equal(logged(line, sizeof line, VD_LOG_WARN, "x"), 0);
    assert_int_not_equal(logged(line, sizeof line, VD_LOG_ERROR, "x"), 0);
    vd_log_set_level(VD_LOG_INFO);
}

static void test_log__level_names(void **state)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum vd_log_level level = VD_LOG_ERROR;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(vd_log_level_from_text(names[i], &level));
        assert_int_equal(level, i);
    }
    assert_false(vd_log_level_from_text("Error", &level));
    assert_false(vd_log_level_from_text("", &level));
    assert_int_equal(level, VD_LOG_DEBUG);
}

/* What a peer sends must not make a line of its own. */
static void test_log__control_characters(void **state)
{
    char line[2048];

    (void)state;
    logged(line, sizeof line, VD_LOG_INFO, "a\nlevel=error\r\x1b[31m\x7f\xc3\xa9");
    assert_non_null(strstr(line, "text=\"a\\x0alevel=error\\x0d\\x1b[31m\\x7f\xc3\xa9\"\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_log__long_lines_are_cut(void **state)
{
    char text[4096];
    char line[8192];
    size_t length;

    (void)state;
    for (int fill = 0; fill < 2; fill++) {
        memset(text, fill == 0 ? 'x' : '\n', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        length = logged(line, sizeof line, VD_LOG_INFO, text);
        assert_in_range(length, 1000, 1025);
        assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    }
}

static void test_log__limit(void **state)
{
    struct vd_log_limit limit = {.burst = 3};
    uint32_t held_back = 99;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(vd_log_allowed(&limit, 1000, &held_back));
        assert_int_equal(held_back, 0);
    }
    for (int i = 0; i < 5; i++) {
        assert_false(vd_log_allowed(&limit, 10999, &held_back));
    }
    assert_true(vd_log_allowed(&limit, 11000, &held_back));
    assert_int_equal(held_back, 5);
    assert_true(vd_log_allowed(&limit, 11000, &held_back));
    assert_int_equal(held_back, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__form),
        cmocka_unit_test(test_log__levels),
        cmocka_unit_test(test_log__level_names),
        cmocka_unit_test(test_log__control_characters),
        cmocka_unit_test(test_log__long_lines_are_cut),
        cmocka_unit_test(test_log__limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
