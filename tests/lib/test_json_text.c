/* SPDX-License-Identifier: MIT */
/* Text as JSON: what is escaped, and what is repaired. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_text.h"

struct json_case {
    const char *text;
    size_t length;
    const char *json;
};

static void test_json_text__escapes_and_repairs(void **state)
{
    static const struct json_case cases[] = {
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\0\n\x7f", 3, "\"\\u0000\\u000a\\u007f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", 1, "\"\xef\xbf\xbd\""},
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_buf out = {0};
        json_t *value;

        vd_json_append_string(&out, (struct vd_str){cases[i].text, cases[i].length});
        assert_int_equal(out.length, strlen(cases[i].json));
        assert_memory_equal(out.data, cases[i].json, out.length);
        value = json_loadb((char *)out.data, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        json_decref(value);
        vd_buf_release(&out);
    }
}

/* Members of every kind, with a comma between. */
static void test_json_text__members(void **state)
{
    struct vd_buf out = {0};

    (void)state;
    vd_buf_append(&out, "{", 1);
    vd_json_append_text_member(&out, "t", VD_STR_LITERAL("a\"{"));
    vd_json_append_number_member(&out, "n", UINT64_MAX);
    vd_json_append_signed_member(&out, "z", 0);
    vd_json_append_signed_member(&out, "p", INT64_MAX);
    vd_json_append_signed_member(&out, "m", INT64_MIN);
    vd_buf_append(&out, "}", 2);
    assert_int_equal(out.error, VD_OK);
    assert_string_equal((const char *)out.data,
        "{\"t\":\"a\\\"{\",\"n\":18446744073709551615,\"z\":0,\"p\":9223372036854775807,"
        "\"m\":-9223372036854775808}");
    vd_buf_release(&out);
}

/* ---- Memory ---- */

#define ALLOCATION_HEADER 16

static size_t taken_bytes;
static size_t taken_most;

/* With what malloc(3) of 64 bits takes besides. */
static void *counting_malloc(size_t size)
{
    const size_t bytes = size + 23 < 32 ? 32 : (size + 23) & ~(size_t)15;
    char *made = malloc(ALLOCATION_HEADER + size);

    assert_non_null(made);
    memcpy(made, &bytes, sizeof bytes);
    taken_bytes += bytes;
    taken_most = taken_bytes > taken_most ? taken_bytes : taken_most;
    return made + ALLOCATION_HEADER;
}

static void counting_free(void *pointer)
{
    char *made = pointer != NULL ? (char *)pointer - ALLOCATION_HEADER : NULL;
    size_t bytes = 0;

    if (made != NULL) {
        memcpy(&bytes, made, sizeof bytes);
        taken_bytes -= bytes;
        free(made);
    }
}

/* Reading takes no more than was said. Releases the text. */
static void check_memory(struct vd_buf *text)
{
    const struct vd_str all = {(const char *)text->data, text->length};

    assert_int_equal(text->error, VD_OK);
    taken_most = 0;
    json_decref(json_loadb(all.data, all.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    assert_int_equal(taken_bytes, 0);
    if (taken_most > vd_json_memory(all)) {
        fail_msg("%zu bytes for %.200s", taken_most, all.data);
    }
    vd_buf_release(text);
}

/* `count` times the value in an array, and in an object. */
static void check_repeated(const char *value, int count)
{
    struct vd_buf array = {0};
    struct vd_buf object = {0};

    for (int i = 0; i < count; i++) {
        vd_buf_printf(&array, "%c%s", i == 0 ? '[' : ',', value);
        vd_buf_printf(&object, "%c\"%x\":%s", i == 0 ? '{' : ',', (unsigned)i, value);
    }
    vd_buf_append_text(&array, "]");
    vd_buf_append_text(&object, "}");
    check_memory(&array);
    check_memory(&object);
}

/* One token of that length, in each place that it may have. */
static void check_long(int length)
{
    static const char *const forms[] = {"\"%s\"", "[\"%s\"]", "{\"%s\":\"\"}", "{\"\":\"%s\"}",
        "{\"%s\":{\"%s\":[\"%s\",\"%s\"]}}", "[%s]", "[0.%s]", "[x%s]", "\"%s", "[\"%s\",{}",
        "{\"%s\""};
    char *digits = malloc((size_t)length + 1);

    assert_non_null(digits);
    memset(digits, '1', (size_t)length);
    digits[length] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct vd_buf text = {0};

        for (const char *at = forms[i]; *at != '\0'; at++) {
            if (at[0] == '%') {
                vd_buf_append_text(&text, digits);
                at++;
            } else {
                vd_buf_append(&text, at, 1);
            }
        }
        check_memory(&text);
    }
    free(digits);
}

static void append_random(struct vd_buf *out, unsigned *seed, int depth)
{
    static const char *const plain[] = {"1", "-2.5e3", "true", "null", "\"\"", "\"a\\\"b,{\"",
        "\"\\u0041\\ud83d\\ude00\"", " \"a longer text, as descriptions are\"", "{}", "[ ]"};
    const int count = rand_r(seed) % 20;
    const bool is_object = rand_r(seed) % 2 == 0;

    if (depth == 0 || rand_r(seed) % 3 == 0) {
        vd_buf_append_text(out, plain[(size_t)rand_r(seed) % (sizeof plain / sizeof plain[0])]);
        return;
    }
    vd_buf_append_text(out, is_object ? "{" : "[");
    for (int i = 0; i < count; i++) {
        vd_buf_append_text(out, i > 0 ? "," : "");
        if (is_object) {
            vd_buf_printf(
                out, "\"%.*s\":", rand_r(seed) % 9, "\\\\,{:abc" + 2 * (rand_r(seed) % 2));
        }
        append_random(out, seed, depth - 1);
    }
    vd_buf_append_text(out, is_object ? "}" : "]");
}

static void test_json_memory__bounds_what_reading_takes(void **state)
{
    static const char *const values[] = {"1", "1.5", "null", "\"\"", "\"a\"", "\"0123456789abc\"",
        "\"0123456789abcdef0123456789abcdef\"", "\"\\\"\"", "{}", "[]", "[1]", "[\"\"]",
        "{\"\":\"\"}", "{\"a\":[{\"b\":[]}]}"};
    unsigned seed = 1;

    (void)state;
    json_set_alloc_funcs(counting_malloc, counting_free);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (int count = 1; count < 70; count++) {
            check_repeated(values[i], count);
        }
        check_repeated(values[i], 4097);
    }
    for (int length = 0; length < 70; length++) {
        check_long(length);
    }
    check_long(65537);
    for (int i = 0; i < 500; i++) {
        struct vd_buf text = {0};

        append_random(&text, &seed, 4);
        if (i % 2 == 0) {
            text.length = (size_t)rand_r(&seed) % (text.length + 1); /* cut off */
        }
        check_memory(&text);
    }
    json_set_alloc_funcs(malloc, free);
}

static void test_json_memory__of_nothing_but_parts(void **state)
{
    (void)state;
    assert_in_range(vd_json_memory(VD_STR_LITERAL("")), 0, 4096);
    assert_true(vd_json_memory(VD_STR_LITERAL("[{},{}]")) >= 2 * 224 + 128);
    /* In strings they are letters. */
    assert_int_equal(vd_json_memory(VD_STR_LITERAL("[\"{{{[[[,,,:::\\\"{[,:\"]")),
        vd_json_memory(VD_STR_LITERAL("[\"aaaaaaaaaaaaaaaaaa\"]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text__members),
        cmocka_unit_test(test_json_text__escapes_and_repairs),
        cmocka_unit_test(test_json_memory__bounds_what_reading_takes),
        cmocka_unit_test(test_json_memory__of_nothing_but_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
