/* SPDX-License-Identifier: MIT */
/* The log: form, levels, control characters, length, the limit for what a peer can cause. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/url.h"

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

/* ---- Whatever the values are ---- */

/* What `vd_log` writes of a line with three values and a number. */
static void log_values(char *out, size_t size, const char *quoted, const char *bare, int number)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);

    assert_non_null(file);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    vd_log(VD_LOG_INFO, "test.event", "quoted=\"%s\" bare=%s fixed=\"a b\" number=%d", quoted, bare,
        number);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Reads one `name=value` as any reader of key=value does, at *line; false at the end of the line. */
static bool read_field(const char **line, char *name, char *value)
{
    const char *at = *line;

    if (*at == '\n') {
        return false;
    }
    while (*at != '=') {
        assert_true(*at >= 'a' && *at <= 'z');
        *name++ = *at++;
    }
    *name = '\0';
    if (*++at != '"') {
        assert_true(*at > ' ');
        while (*at > ' ' && *at != 0x7f) {
            assert_null(strchr("\"=\\", *at));
            *value++ = *at++;
        }
    } else {
        for (at++; *at != '"'; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
            if (*at == '\\' && at[1] == 'x') {
                const char digits[] = {at[2], at[3], '\0'};
                char *end;

                *value++ = (char)strtoul(digits, &end, 16);
                assert_ptr_equal(end, digits + 2);
                at += 3;
            } else {
                at += *at == '\\' ? 1 : 0;
                *value++ = *at;
            }
        }
        at++;
    }
    *value = '\0';
    assert_true(*at == ' ' || *at == '\n');
    *line = *at == ' ' ? at + 1 : at;
    return true;
}

static void expect_field(const char **line, const char *name, const char *value)
{
    char got_name[64];
    char got[2048];

    assert_true(read_field(line, got_name, got));
    assert_string_equal(got_name, name);
    if (value != NULL) {
        assert_string_equal(got, value);
    }
}

static void make_value(char *out, size_t length, unsigned *seed)
{
    /* What matters in both forms, and bytes that are not UTF-8. */
    static const char hard[] = "\"\\= \n\x01\x7f\xc3\xa9\xff\xe2\x82 bare=x\" level=error{}:,";

    for (size_t i = 0; i < length; i++) {
        *seed = *seed * 1103515245u + 12345u;
        if ((*seed >> 16 & 3) == 0) {
            out[i] = (char)('a' + (*seed >> 20) % 26);
        } else if ((*seed >> 16 & 3) == 1) {
            out[i] = (char)(1 + (*seed >> 18) % 255);
        } else {
            out[i] = hard[(*seed >> 18) % (sizeof hard - 1)];
        }
    }
    out[length] = '\0';
}

/* Each line of text gives back the values that it was made of, bytes alike. */
static void test_log__text_is_parseable(void **state)
{
    char line[2048];
    char quoted[64];
    char bare[64];
    unsigned seed = 1;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const char *at = line;
        char number[16];

        make_value(quoted, round % 60, &seed);
        make_value(bare, round / 60 % 60, &seed);
        snprintf(number, sizeof number, "%d", (int)round - 1500);
        log_values(line, sizeof line, quoted, bare, (int)round - 1500);
        expect_field(&at, "time", NULL);
        expect_field(&at, "level", "info");
        expect_field(&at, "event", "test.event");
        expect_field(&at, "quoted", quoted);
        expect_field(&at, "bare", bare);
        expect_field(&at, "fixed", "a b");
        expect_field(&at, "number", number);
        assert_string_equal(at, "\n");
    }
}

/* Each line of JSON is one object; values that are UTF-8 come back as they were. */
static void test_log__json_is_json(void **state)
{
    char line[2048];
    char quoted[2048];
    char bare[64];
    unsigned seed = 7;
    unsigned whole = 0;

    (void)state;
    vd_log_set_json(true);
    for (unsigned round = 0; round < 3000; round++) {
        const size_t length = round % 100 == 99 ? 1500 : round % 60;
        json_error_t where;
        const char *got;
        json_t *object;

        make_value(quoted, length, &seed);
        make_value(bare, round / 60 % 60, &seed);
        log_values(line, sizeof line, quoted, bare, (int)round - 1500);
        assert_true(strlen(line) <= 1024);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        object = json_loads(line, JSON_REJECT_DUPLICATES, &where);
        if (object == NULL) {
            fail_msg("%s: %s", where.text, line);
        }
        assert_string_equal(json_string_value(json_object_get(object, "event")), "test.event");
        assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
        got = json_string_value(json_object_get(object, "quoted"));
        assert_non_null(got);
        if (length < 1500) {
            assert_int_equal(json_object_size(object), 7);
            assert_int_equal(
                json_integer_value(json_object_get(object, "number")), (int)round - 1500);
            if (vd_utf8_is_valid(vd_str_from(quoted))) {
                assert_string_equal(got, quoted);
                whole++;
            }
        }
        json_decref(object);
    }
    vd_log_set_json(false);
    assert_true(whole > 50);
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
        cmocka_unit_test(test_log__text_is_parseable),
        cmocka_unit_test(test_log__json_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
