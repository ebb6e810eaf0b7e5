/* SPDX-License-Identifier: MIT */
/* The header Prefer of log queries: what is asked for, and what is no value. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "api/management/prefer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_prefer__read(void **state)
{
    static const struct {
        const char *text;
        uint32_t timeout_ms;
        bool statistics;
        bool render;
    } cases[] = {
        {NULL, 180000, false, false},
        {"", 180000, false, false},
        {"wait=30", 30000, false, false},
        {"wait=30,include-statistics=true,include-render=true", 30000, true, true},
        {"include-render=true", 180000, false, true},
        {"include-statistics=false, include-render=TRUE", 180000, false, true},
        {"WAIT = 5 ;q=1 , Include-Statistics=\"true\"", 5000, true, false},
        {"wait=\"7\"", 7000, false, false},
        {"wait=600", 600000, false, false},
        {"wait=601", 600000, false, false},
        {"wait=4294967297", 600000, false, false},
        {"wait=5,wait=9", 5000, false, false},
        {"respond-async,,waits=x,foo=\"a,wait=x\", wait=2", 2000, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char problem[VD_PREFER_PROBLEM_SIZE] = "";
        struct vd_prefer prefer = {0};

        if (vd_prefer_read(cases[i].text, &prefer, problem) != VD_OK ||
            prefer.timeout_ms != cases[i].timeout_ms || prefer.statistics != cases[i].statistics ||
            prefer.render != cases[i].render) {
            fail_msg("%s: %u %d %d %s", cases[i].text, prefer.timeout_ms, prefer.statistics,
                prefer.render, problem);
        }
    }
}

static void test_prefer__refused(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"wait=abc", "Prefer: wait is to be a number of seconds, 1 to 600, not 'abc'"},
        {"include-render=true,wait=0",
            "Prefer: wait is to be a number of seconds, 1 to 600, not '0'"},
        {"wait", "Prefer: wait is to be a number of seconds, 1 to 600, not ''"},
        {"wait=", "Prefer: wait is to be a number of seconds, 1 to 600, not ''"},
        {"wait=-5", "Prefer: wait is to be a number of seconds, 1 to 600, not '-5'"},
        {"wait=1.5", "Prefer: wait is to be a number of seconds, 1 to 600, not '1.5'"},
        {"wait=30s", "Prefer: wait is to be a number of seconds, 1 to 600, not '30s'"},
        {"wait=3,wait=x", "Prefer: wait is to be a number of seconds, 1 to 600, not 'x'"},
        {"include-statistics=1", "Prefer: include-statistics is to be true or false, not '1'"},
        {"Include-Render", "Prefer: Include-Render is to be true or false, not ''"},
        {"wait=01234567890123456789012345678901234567890x",
            "Prefer: wait is to be a number of seconds, 1 to 600, not "
            "'0123456789012345678901234567890123456789'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char problem[VD_PREFER_PROBLEM_SIZE] = "";
        struct vd_prefer prefer = {.timeout_ms = 1};

        assert_int_equal(vd_prefer_read(cases[i].text, &prefer, problem), VD_E_INVALID);
        assert_string_equal(problem, cases[i].problem);
        assert_int_equal(prefer.timeout_ms, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefer__read),
        cmocka_unit_test(test_prefer__refused),
    };

    return cmocka_run_group_tests_name("prefer", tests, NULL, NULL);
}
