/* SPDX-License-Identifier: MIT */
/* Tests of the note of stores that are damaged. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/damage.h"

static void test_damage__is_remembered(void **state)
{
    (void)state;
    assert_int_equal(vd_damage_note(VD_DAMAGE_EVENTS, VD_OK), VD_OK);
    assert_int_equal(vd_damage_note(VD_DAMAGE_EVENTS, VD_E_FULL), VD_E_FULL);
    assert_false(vd_damage_is_known());
    assert_int_equal(vd_damage_note(VD_DAMAGE_EVENTS, VD_E_CORRUPT), VD_E_CORRUPT);
    assert_true(vd_damage_is_known());
    assert_int_equal(vd_damage_note(VD_DAMAGE_EVENTS, VD_OK), VD_OK);
    assert_true(vd_damage_is_known());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage__is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
