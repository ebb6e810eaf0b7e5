/* SPDX-License-Identifier: MIT */
/* Which times of a device are believed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/event_time.h"

static void test_event_time__bounds(void **state)
{
    static const int64_t now = 1764000000000;
    struct vd_event_time t = vd_event_time_judge(now, (uint32_t)(now / 1000 - 60), 10);

    (void)state;
    assert_true(t.trusted);
    assert_int_equal(t.end_ms, now - 60000);
    assert_int_equal(t.start_ms, now - 70000);
    t = vd_event_time_judge(now, 0, 10);
    assert_false(t.trusted);
    assert_int_equal(t.end_ms, now);
    assert_int_equal(t.start_ms, now - 10000);
    assert_int_equal(t.device_ms, 0);
    assert_true(vd_event_time_judge(now, (uint32_t)(now / 1000 + 86400), 0).trusted);
    assert_false(vd_event_time_judge(now, (uint32_t)(now / 1000 + 86401), 0).trusted);
    assert_true(vd_event_time_judge(now, (uint32_t)(now / 1000 - 30 * 86400), 0).trusted);
    assert_false(vd_event_time_judge(now, (uint32_t)(now / 1000 - 30 * 86400 - 1), 0).trusted);
    t = vd_event_time_judge(now, (uint32_t)(now / 1000), UINT32_MAX);
    assert_int_equal(t.start_ms, t.end_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_time__bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
