/* SPDX-License-Identifier: MIT */
/* Indicators as text. */

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
        {"192.0.2.3-192.0.2.9", "192.0.2.3-192.0.2.9", "192.0.2.3", "192.0.2.9"},
        {"2001:db8::1 - 2001:DB8::2", "2001:db8::1-2001:db8::2", "2001:db8::1", "2001:db8::2"},
        {"192.0.2.3-192.0.2.3", "192.0.2.3", "192.0.2.3", "192.0.2.3"},
        {"192.0.2.9-192.0.2.3", NULL, NULL, NULL},
        {"192.0.2.9-2001:db8::", NULL, NULL, NULL},
        {"192.0.2.9-", NULL, NULL, NULL},
        {"-192.0.2.9", NULL, NULL, NULL},
        {"192.0.2.1-192.0.2.2-192.0.2.3", NULL, NULL, NULL},
        {"192.0.2.0/24-192.0.3.0", NULL, NULL, NULL},
        {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL, NULL},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indicator__parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
