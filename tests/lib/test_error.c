/* SPDX-License-Identifier: MIT */
/* The list of results: every code has a text of its own, and errno its result. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/error.h"

static void test_error__texts_differ(void **state)
{
    static const int codes[] = {
#define CODE(name, value, meaning) name,
        VD_ERRORS(CODE)
#undef CODE
    };
    size_t count = sizeof codes / sizeof codes[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_string_not_equal(vd_error_text(codes[i]), "unknown error");
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
            assert_string_not_equal(vd_error_text(codes[i]), vd_error_text(codes[j]));
        }
    }
    assert_string_equal(vd_error_text(-1), "unknown error");
    assert_string_equal(vd_error_text(9999), "unknown error");
}

static void test_error__from_errno(void **state)
{
    static const struct {
        int number;
        int error;
    } cases[] = {{0, VD_OK}, {ENOMEM, VD_E_NOMEM}, {ENOSPC, VD_E_FULL}, {EDQUOT, VD_E_FULL},
        {ENOENT, VD_E_NOT_FOUND}, {EEXIST, VD_E_EXISTS}, {EACCES, VD_E_DENIED},
        {EPERM, VD_E_DENIED}, {EBUSY, VD_E_BUSY}, {EWOULDBLOCK, VD_E_BUSY}, {EIO, VD_E_IO},
        {EXDEV, VD_E_IO}, {-5, VD_E_IO}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(vd_error_from_errno(cases[i].number), cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__texts_differ),
        cmocka_unit_test(test_error__from_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
