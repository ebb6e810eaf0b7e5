/* SPDX-License-Identifier: MIT */
/* Tests of the settings from the twin: what is applied, of which version, and how it is reported. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/device/twin_fixture.h"

#define GUARD       0xa5
#define GUARD_BYTES 16

/* --- Values --------------------------------------------------------------------------------------- */

static void test_twin__everything_is_applied_and_reported(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_whole(f, twin_everything, 4), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(f->module.settings.medium_interval_s, 60);
    assert_int_equal(f->module.settings.low_interval_s, 600);
    assert_int_equal(f->module.settings.collectors,
        ASC_COLLECT_NETWORK_ACTIVITY | ASC_COLLECT_SYSTEM_INFORMATION);
    assert_string_equal(twin_report(f),
        "{\"vedette\":{\"version\":4,\"status\":\"ok\",\"path\":null,\"reason\":null,\"offset\":null,"
        "\"ignored\":0,\"highPriorityInterval\":5,\"mediumPriorityInterval\":60,"
        "\"lowPriorityInterval\":600,\"collectors\":{\"networkActivity\":true,\"heartbeat\":false,"
        "\"systemInformation\":true},\"allow\":[{\"remote\":\"192.0.2.0/24\",\"port\":443,"
        "\"protocol\":\"tcp\"},{\"remote\":\"2001:db8:0:0:0:0:0:53/128\",\"localPort\":53}]}}");
}

static void test_twin__before_any_document_the_settings_are_reported(void **state)
{
    struct twin_fixture *f = *state;

    assert_string_equal(twin_report(f),
        "{\"vedette\":{\"version\":0,\"status\":\"ok\",\"path\":null,\"reason\":null,\"offset\":null,"
        "\"ignored\":0,\"highPriorityInterval\":10,\"mediumPriorityInterval\":30,"
        "\"lowPriorityInterval\":3600,\"collectors\":{\"networkActivity\":true,\"heartbeat\":true,"
        "\"systemInformation\":true},\"allow\":[]}}");
}

static void test_twin__what_the_whole_lacks_goes_back_to_its_default(void **state)
{
    struct twin_fixture *f = *state;
    const struct twin_force before = twin_in_force(f);
    struct twin_force after;

    assert_int_equal(twin_apply_whole(f, twin_everything, 4), ASC_TWIN_APPLIED);
    assert_int_equal(twin_apply_whole(f, "{}", 5), ASC_TWIN_APPLIED);
    after = twin_in_force(f);
    assert_true(twin_same_force(&before, &after));
    assert_int_equal(twin_apply_whole(f, twin_everything, 6), ASC_TWIN_APPLIED);
    assert_int_equal(twin_apply(f, "{\"desired\":{}}", false), ASC_TWIN_APPLIED);
    after = twin_in_force(f);
    assert_true(twin_same_force(&before, &after));
}

static void test_twin__what_a_patch_lacks_stays(void **state)
{
    struct twin_fixture *f = *state;
    struct twin_force before, after;

    assert_int_equal(twin_apply_whole(f, twin_everything, 4), ASC_TWIN_APPLIED);
    before = twin_in_force(f);
    assert_int_equal(twin_apply_patch(f, "{}", 5), ASC_TWIN_APPLIED);
    assert_int_equal(
        twin_apply(f, "{\"$version\":6,\"other\":{\"a\":[1]}}", true), ASC_TWIN_APPLIED);
    after = twin_in_force(f);
    assert_true(twin_same_force(&before, &after));
    assert_int_equal(
        twin_apply_patch(f, "{\"collectors\":{\"heartbeat\":true},\"lowPriorityInterval\":7}", 7),
        ASC_TWIN_APPLIED);
    before.settings.collectors = ASC_COLLECT_ALL;
    before.settings.low_interval_s = 7;
    after = twin_in_force(f);
    assert_true(twin_same_force(&before, &after));
    assert_int_equal(
        twin_apply_patch(f, "{\"allow\":[{\"remote\":\"::/0\"}]}", 8), ASC_TWIN_APPLIED);
    assert_int_equal(f->twin.entry_count, 1); /* an array is replaced, not merged */
}

static void test_twin__null_takes_a_member_away(void **state)
{
    static const char *const nulls[] = {
        "{\"vedette\":null,\"$version\":5}",
        "{\"vedette\":{\"highPriorityInterval\":null,\"mediumPriorityInterval\":null,"
        "\"lowPriorityInterval\":null,\"collectors\":null,\"allow\":null},\"$version\":5}",
        "{\"vedette\":{\"highPriorityInterval\":null,\"mediumPriorityInterval\":null,"
        "\"lowPriorityInterval\":null,\"collectors\":{\"networkActivity\":null,\"heartbeat\":null,"
        "\"systemInformation\":null},\"allow\":[]},\"$version\":5}",
    };
    struct twin_fixture *f = *state;
    const struct twin_force before = twin_in_force(f);

    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        struct twin_force after;

        assert_int_equal(twin_apply_whole(f, twin_everything, 4), ASC_TWIN_APPLIED);
        assert_int_equal(twin_apply(f, nulls[i], true), ASC_TWIN_APPLIED);
        after = twin_in_force(f);
        assert_true(twin_same_force(&before, &after));
    }
    assert_int_equal(twin_apply_whole(f,
                         "{\"allow\":[{\"remote\":\"1.2.3.4\",\"port\":null,\"localPort\":null,"
                         "\"protocol\":null}]}",
                         6),
        ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"allow\":[{\"remote\":\"1.2.3.4/32\"}]");
}

/* --- Versions -------------------------------------------------------------------------------------- */

static void test_twin__a_patch_needs_what_came_before_it(void **state)
{
    static const char five[] = "{\"highPriorityInterval\":5}";
    static const char six[] = "{\"highPriorityInterval\":6}";
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_patch(f, five, 1), ASC_TWIN_BEHIND); /* nothing came before */
    assert_int_equal(f->module.settings.high_interval_s, 10);
    assert_int_equal(twin_apply_whole(f, five, 4), ASC_TWIN_APPLIED);
    assert_int_equal(twin_apply_patch(f, six, 4), ASC_TWIN_STALE);
    assert_int_equal(twin_apply_patch(f, six, 3), ASC_TWIN_STALE);
    assert_int_equal(twin_apply_patch(f, "{\"highPriorityInterval\":0}", 4), ASC_TWIN_STALE);
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(twin_apply_patch(f, six, 6), ASC_TWIN_BEHIND); /* 5 is missing */
    assert_int_equal(
        twin_apply_patch(f, six, 5), ASC_TWIN_BEHIND); /* and now only the whole helps */
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(twin_apply_whole(f, six, 6), ASC_TWIN_APPLIED);
    assert_int_equal(twin_apply_patch(f, five, 7), ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"version\":7,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 5);
}

static void test_twin__after_a_refusal_only_the_whole_helps(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(
        twin_apply_patch(f, "{\"highPriorityInterval\":5,\"lowPriorityInterval\":0}", 2),
        ASC_TWIN_REFUSED);
    assert_int_equal(twin_apply_patch(f, "{\"lowPriorityInterval\":9}", 3), ASC_TWIN_BEHIND);
    assert_int_equal(f->module.settings.low_interval_s, 3600);
    assert_int_equal(
        twin_apply_whole(f, "{\"highPriorityInterval\":5,\"lowPriorityInterval\":9}", 3),
        ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 5);
}

/* A twin that was deleted and made again begins at 1. */
static void test_twin__the_whole_is_applied_whatever_its_version(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(
        twin_apply_whole(f, "{\"highPriorityInterval\":5}", 4000000000u), ASC_TWIN_APPLIED);
    assert_int_equal(twin_apply_whole(f, "{\"highPriorityInterval\":6}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 6);
    twin_assert_reported(f, "\"version\":1,");
}

static void test_twin__documents_without_a_version(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(
        twin_apply(f, "{\"desired\":{\"vedette\":{\"highPriorityInterval\":5}}}", false),
        ASC_TWIN_APPLIED);
    assert_int_equal(
        twin_apply(f, "{\"vedette\":{\"highPriorityInterval\":6}}", true), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 6);
    twin_assert_reported(f, "\"version\":0,\"status\":\"ok\"");
}

static void test_twin__version_edges(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(
        twin_apply(f, "{\"desired\":{\"$version\":4294967295}}", false), ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"version\":4294967295,");
    assert_int_equal(
        twin_apply(f, "{\"desired\":{\"$version\":4294967296}}", false), ASC_TWIN_REFUSED);
    twin_assert_reported(f, "\"path\":\"$version\"");
    assert_int_equal(twin_apply(f, "{\"desired\":{\"$version\":0}}", false), ASC_TWIN_REFUSED);
    assert_int_equal(twin_apply(f, "{\"desired\":{\"$version\":null}}", false), ASC_TWIN_REFUSED);
}

/* --- The report ------------------------------------------------------------------------------------ */

/* The largest report fits ASC_TWIN_REPORT_MAX; into less it is not written, nor behind its end. */
static void test_twin__a_report_fits_or_is_not_written(void **state)
{
    struct twin_fixture *f = *state;
    char out[ASC_TWIN_REPORT_MAX + GUARD_BYTES];
    size_t length;

    assert_int_equal(twin_apply_whole(f, twin_long_list(ASC_TWIN_ALLOW_MAX), 1), ASC_TWIN_APPLIED);
    f->module.settings.high_interval_s = f->module.settings.medium_interval_s =
        f->module.settings.low_interval_s = ASC_INTERVAL_MAX;
    f->module.settings.collectors = 0;
    f->twin.version = UINT32_MAX;
    f->twin.offset = ASC_TWIN_DOCUMENT_MAX;
    f->twin.ignored = UINT8_MAX;
    length = 0;
    for (int fault = 1; fault < ASC_TWIN_FAULT_COUNT; fault++) {
        for (uint8_t member = 0; member < 19; member++) {
            size_t n;

            f->twin.fault = (uint8_t)fault;
            f->twin.member = member;
            f->twin.entry = ASC_TWIN_ALLOW_MAX;
            n = asc_twin_report(&f->twin, out, ASC_TWIN_REPORT_MAX);
            assert_true(n > 0);
            length = n > length ? n : length;
        }
    }
    print_message("longest report: %zu of %u bytes\n", length, ASC_TWIN_REPORT_MAX);
    length = asc_twin_report(&f->twin, out, sizeof out);
    for (size_t size = 0; size <= length; size++) {
        memset(out, GUARD, sizeof out);
        assert_int_equal(asc_twin_report(&f->twin, out, size), 0);
        for (size_t i = size; i < sizeof out; i++) {
            assert_int_equal((uint8_t)out[i], GUARD);
        }
    }
    assert_int_equal(asc_twin_report(&f->twin, out, length + 1), length);
}

static void test_twin__fault_texts(void **state)
{
    (void)state;
    for (int i = 1; i < ASC_TWIN_FAULT_COUNT; i++) {
        const char *text = asc_twin_fault_text((enum asc_twin_fault)i);

        assert_true(strlen(text) > 0 && strlen(text) < 60);
        assert_null(strpbrk(text, "\"\\"));
    }
    assert_string_equal(asc_twin_fault_text(ASC_TWIN_FAULT_NONE), "");
    assert_string_equal(asc_twin_fault_text(ASC_TWIN_FAULT_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWIN_TEST(test_twin__everything_is_applied_and_reported),
        TWIN_TEST(test_twin__before_any_document_the_settings_are_reported),
        TWIN_TEST(test_twin__what_the_whole_lacks_goes_back_to_its_default),
        TWIN_TEST(test_twin__what_a_patch_lacks_stays),
        TWIN_TEST(test_twin__null_takes_a_member_away),
        TWIN_TEST(test_twin__a_patch_needs_what_came_before_it),
        TWIN_TEST(test_twin__after_a_refusal_only_the_whole_helps),
        TWIN_TEST(test_twin__the_whole_is_applied_whatever_its_version),
        TWIN_TEST(test_twin__documents_without_a_version),
        TWIN_TEST(test_twin__version_edges),
        TWIN_TEST(test_twin__a_report_fits_or_is_not_written),
        cmocka_unit_test(test_twin__fault_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
