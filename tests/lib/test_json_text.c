/* SPDX-License-Identifier: MIT */
/* Text as JSON: what is escaped, and what is repaired. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text__members),
        cmocka_unit_test(test_json_text__escapes_and_repairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
