/* SPDX-License-Identifier: MIT */
/* Lists of indicators, line by line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "center/intel/indicator_list.h"
#include "tests/center/message.h"

struct parse_case {
    const char *text;
    const char *canonical; /* NULL: refused */
    const char *from;
    const char *to;
};

static void check_end(const struct vd_address *address, const char *expected)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(address, !vd_address_is_ipv4(address), text);
    assert_string_equal(text, expected);
}

static void test_indicator__parse(void **state)
{
    static const struct parse_case cases[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
        {"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
        {"192.0.2.77/24", "192.0.2.0/24", "192.0.2.0", "192.0.2.255"},
        {"128.0.0.0/1", "128.0.0.0/1", "128.0.0.0", "255.255.255.255"},
        {"10.1.2.3/31", "10.1.2.2/31", "10.1.2.2", "10.1.2.3"},
        {"2001:db8::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
        {"2001:DB8::/32", "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"2001:db8::8000/113", "2001:db8::8000/113", "2001:db8::8000", "2001:db8::ffff"},
        {"::ffff:192.0.2.9", "::ffff:192.0.2.9", "192.0.2.9", "192.0.2.9"},
        {"192.0.2.1/33", NULL, NULL, NULL},
        {"192.0.2.1/0", NULL, NULL, NULL},
        {"192.0.2.1/", NULL, NULL, NULL},
        {"192.0.2.1/08", NULL, NULL, NULL},
        {"192.0.2.1/+8", NULL, NULL, NULL},
        {"192.0.2.1/2 4", NULL, NULL, NULL},
        {"192.0.2", NULL, NULL, NULL},
        {"192.0.2.256", NULL, NULL, NULL},
        {"2001:db8::/129", NULL, NULL, NULL},
        {"2001:db8::/0", NULL, NULL, NULL},
        {"2001:db8::1%eth0", NULL, NULL, NULL},
        {"example.com", NULL, NULL, NULL},
        {"/24", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_indicator_line line;
        const char *problem = vd_indicator_parse(vd_str_from(cases[i].text), &line);

        if (cases[i].canonical == NULL) {
            assert_non_null(problem);
            continue;
        }
        if (problem != NULL) {
            fail_msg("%s: %s", cases[i].text, problem);
        }
        assert_string_equal(line.text, cases[i].canonical);
        check_end(&line.range.from, cases[i].from);
        check_end(&line.range.to, cases[i].to);
    }
}

static void test_indicator__list(void **state)
{
    static const char text[] = "\xef\xbb\xbf# a list\r\n"
                               "\r\n"
                               "  192.0.2.1\t# bad host\n"
                               "198.51.100.0/24\r\n"
                               "   # nothing\n"
                               "2001:db8::/32";
    struct vd_indicator_reader reader = {VD_STR_LITERAL(text), 0};
    struct vd_indicator_line line;
    const char *problem;

    (void)state;
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "192.0.2.1");
    assert_int_equal(line.line, 3);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "198.51.100.0/24");
    assert_int_equal(line.line, 4);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "2001:db8::/32");
    assert_int_equal(line.line, 6);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_NOT_FOUND);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_NOT_FOUND);
}

static void test_indicator__list_fault_names_line(void **state)
{
    struct vd_indicator_reader reader = {VD_STR_LITERAL("192.0.2.1\n\n192.0.2.2 evil\n"), 0};
    struct vd_indicator_line line;
    const char *problem = NULL;

    (void)state;
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_INVALID);
    assert_int_equal(reader.line, 3);
    assert_string_equal(problem, "not an address or CIDR range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indicator__parse),
        cmocka_unit_test(test_indicator__list),
        cmocka_unit_test(test_indicator__list_fault_names_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
