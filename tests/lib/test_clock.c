/* SPDX-License-Identifier: MIT */
/* Clocks and ISO 8601 text, against the C library's calendar. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_clock__known_times(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1709251199999, "2024-02-29T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {-62167219200000, "0000-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[VD_TIME_TEXT_SIZE];
        int64_t ms = 42;

        vd_time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(vd_time_parse(cases[i].text, &ms), VD_OK);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_clock__out_of_range_is_clamped(void **state)
{
    char text[VD_TIME_TEXT_SIZE];

    (void)state;
    vd_time_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    vd_time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

/* Days of seven centuries, in steps that share no factor with a week or a month. */
static void test_clock__agrees_with_gmtime(void **state)
{
    (void)state;
    for (int64_t s = -9000000000; s < 13000000000; s += 7654321) {
        char text[VD_TIME_TEXT_SIZE];
        char expected[64];
        time_t t = s;
        struct tm broken;
        int64_t back = 0;

        assert_non_null(gmtime_r(&t, &broken));
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007Z", &broken);
        vd_time_format(s * 1000 + 7, text);
        assert_string_equal(text, expected);
        assert_int_equal(vd_time_parse(text, &back), VD_OK);
        assert_int_equal(back, s * 1000 + 7);
        strftime(expected, sizeof expected, "%Y-%m-%d", &broken);
        vd_day_format(vd_time_day(s * 1000), text);
        assert_string_equal(text, expected);
    }
}

static void test_clock__parses_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 42;

        assert_int_equal(vd_time_parse(cases[i].text, &ms), VD_OK);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_clock__refuses(void **state)
{
    static const char *const cases[] = {"", "1970", "1970-01-01", "1970-01-01T00:00Z",
        "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z",
        "1971-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "1970-04-31T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00Z ", "x970-01-01T00:00:00Z", "-970-01-01T00:00:00Z"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 42;

        assert_int_equal(vd_time_parse(cases[i], &ms), VD_E_INVALID);
        assert_int_equal(ms, 42);
    }
}

static void test_clock__day_rounds_down(void **state)
{
    (void)state;
    assert_int_equal(vd_time_day(0), 0);
    assert_int_equal(vd_time_day(VD_DAY_MS - 1), 0);
    assert_int_equal(vd_time_day(VD_DAY_MS), 1);
    assert_int_equal(vd_time_day(-1), -1);
    assert_int_equal(vd_time_day(-VD_DAY_MS), -1);
    assert_int_equal(vd_time_day(-VD_DAY_MS - 1), -2);
}

static void test_clock__monotonic_never_goes_back(void **state)
{
    int64_t last = vd_clock_monotonic_ms();

    (void)state;
    assert_true(vd_clock_utc_ms() > 1700000000000);
    for (int i = 0; i < 10000; i++) {
        int64_t now = vd_clock_monotonic_ms();

        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__known_times),
        cmocka_unit_test(test_clock__out_of_range_is_clamped),
        cmocka_unit_test(test_clock__agrees_with_gmtime),
        cmocka_unit_test(test_clock__parses_forms),
        cmocka_unit_test(test_clock__refuses),
        cmocka_unit_test(test_clock__day_rounds_down),
        cmocka_unit_test(test_clock__monotonic_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
