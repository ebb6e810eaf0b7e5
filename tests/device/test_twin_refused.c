/* SPDX-License-Identifier: MIT */
/* Tests of values that the twin may not have: each changes nothing, and is named in the report. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/device/twin_fixture.h"

struct refusal {
    const char *ours;
    const char *path;
    enum asc_twin_fault fault;
};

#define INTERVAL(value) "{\"highPriorityInterval\":" value "}"
#define HIGH            "vedette.highPriorityInterval"
#define ENTRY(members)  "{\"allow\":[{\"remote\":\"1.2.3.4\"},{" members "}]}"
#define REMOTE(text)    "{\"allow\":[{\"remote\":\"" text "\"}]}"

static const struct refusal refusals[] = {
    {INTERVAL("0"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("2000001"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("4294967295"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("4294967306"), HIGH, ASC_TWIN_FAULT_INTEGER}, /* 10 modulo 2^32 */
    {INTERVAL("18446744073709551626"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("-1"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("10.0"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("1e1"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("1E1"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("\"10\""), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("true"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("[10]"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {INTERVAL("{\"value\":10}"), HIGH, ASC_TWIN_FAULT_INTEGER},
    {"{\"mediumPriorityInterval\":0}", "vedette.mediumPriorityInterval", ASC_TWIN_FAULT_INTEGER},
    {"{\"lowPriorityInterval\":0}", "vedette.lowPriorityInterval", ASC_TWIN_FAULT_INTEGER},
    {"{\"highPriorityInterval\":1,\"highPriorityInterval\":1}", HIGH, ASC_TWIN_FAULT_TWICE},
    {"{\"highPriorityInterval\":1,\"highPriority\\u0049nterval\":1}", HIGH, ASC_TWIN_FAULT_TWICE},
    {"7", "vedette", ASC_TWIN_FAULT_OBJECT},
    {"[]", "vedette", ASC_TWIN_FAULT_OBJECT},
    {"{\"collectors\":[]}", "vedette.collectors", ASC_TWIN_FAULT_OBJECT},
    {"{\"collectors\":true}", "vedette.collectors", ASC_TWIN_FAULT_OBJECT},
    {"{\"collectors\":{\"heartbeat\":1}}", "vedette.collectors.heartbeat", ASC_TWIN_FAULT_BOOLEAN},
    {"{\"collectors\":{\"heartbeat\":\"true\"}}", "vedette.collectors.heartbeat",
        ASC_TWIN_FAULT_BOOLEAN},
    {"{\"collectors\":{\"networkActivity\":{}}}", "vedette.collectors.networkActivity",
        ASC_TWIN_FAULT_BOOLEAN},
    {"{\"allow\":{}}", "vedette.allow", ASC_TWIN_FAULT_ARRAY},
    {"{\"allow\":\"192.0.2.1\"}", "vedette.allow", ASC_TWIN_FAULT_ARRAY},
    {"{\"allow\":[\"192.0.2.1\"]}", "vedette.allow[0]", ASC_TWIN_FAULT_OBJECT},
    {"{\"allow\":[null]}", "vedette.allow[0]", ASC_TWIN_FAULT_OBJECT},
    {"{\"allow\":[[]]}", "vedette.allow[0]", ASC_TWIN_FAULT_OBJECT},
    {ENTRY(""), "vedette.allow[1].remote", ASC_TWIN_FAULT_MISSING},
    {ENTRY("\"port\":1"), "vedette.allow[1].remote", ASC_TWIN_FAULT_MISSING},
    {ENTRY("\"remote\":null"), "vedette.allow[1].remote", ASC_TWIN_FAULT_ADDRESS},
    {ENTRY("\"remote\":\"::1\",\"remote\":\"::1\""), "vedette.allow[1].remote",
        ASC_TWIN_FAULT_TWICE},
    {ENTRY("\"remote\":\"::1\",\"port\":0"), "vedette.allow[1].port", ASC_TWIN_FAULT_INTEGER},
    {ENTRY("\"remote\":\"::1\",\"port\":65536"), "vedette.allow[1].port", ASC_TWIN_FAULT_INTEGER},
    {ENTRY("\"remote\":\"::1\",\"localPort\":-5"), "vedette.allow[1].localPort",
        ASC_TWIN_FAULT_INTEGER},
    {ENTRY("\"remote\":\"::1\",\"protocol\":\"TCP\""), "vedette.allow[1].protocol",
        ASC_TWIN_FAULT_PROTOCOL},
    {ENTRY("\"remote\":\"::1\",\"protocol\":\"\""), "vedette.allow[1].protocol",
        ASC_TWIN_FAULT_PROTOCOL},
    {ENTRY("\"remote\":\"::1\",\"protocol\":6"), "vedette.allow[1].protocol",
        ASC_TWIN_FAULT_PROTOCOL},
    {REMOTE(""), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4.5"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.256"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.04"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.0x4"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1..3.4"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE(" 1.2.3.4"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4 "), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4/"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4/33"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4/-1"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4/08"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4/24x"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4:80"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("host.example"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE(":"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE(":::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("::1::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE(":1:2:3:4:5:6:7"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1:2:3:4:5:6:7:"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1:2:3:4:5:6:7"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1:2:3:4:5:6:7:8:9"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1:2:3:4:5:6:7:8::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1::2:3:4:5:6:7:8"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("12345::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("00001::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1"), "vedette.allow[0].remote",
        ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("g::"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("::1.2.3.4"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("::1/129"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("::1/"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("fe80::1%eth0"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
    {REMOTE("1.2.3.4\\u0000"), "vedette.allow[0].remote", ASC_TWIN_FAULT_ADDRESS},
};

/* Each in a whole twin and in a patch, alone and after values that are good: nothing changes, and the
 * report says where, why and of which version. */
static void test_twin__a_bad_value_changes_nothing_and_is_named(void **state)
{
    struct twin_fixture *f = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        for (int patch = 0; patch < 2; patch++) {
            const struct refusal *r = &refusals[i];
            struct twin_force before, after;
            char text[600];

            print_message("%s\n", r->ours);
            assert_int_equal(twin_apply_whole(f, twin_everything, 4), ASC_TWIN_APPLIED);
            before = twin_in_force(f);
            assert_int_equal(
                patch ? twin_apply_patch(f, r->ours, 5) : twin_apply_whole(f, r->ours, 5),
                ASC_TWIN_REFUSED);
            after = twin_in_force(f);
            assert_true(twin_same_force(&before, &after));
            snprintf(text, sizeof text,
                "\"version\":5,\"status\":\"error\",\"path\":\"%s\",\"reason\":\"%s\",\"offset\":",
                r->path, asc_twin_fault_text(r->fault));
            twin_assert_reported(f, text);
            twin_assert_reported(f, "\"highPriorityInterval\":5,");
        }
    }
}

static void test_twin__a_number_of_ours_is_json_too(void **state)
{
    static const char *const numbers[] = {"010", "00", "1_0", "1 0", "10x", "+10", ".5"};
    struct twin_fixture *f = *state;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[100];

        snprintf(text, sizeof text, "{\"highPriorityInterval\":%s}", numbers[i]);
        assert_int_equal(twin_apply_whole(f, text, 1), ASC_TWIN_REFUSED);
        assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_JSON);
        assert_int_equal(f->module.settings.high_interval_s, 10);
    }
}

static void test_twin__the_first_of_several_faults_is_named(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(twin_apply_whole(f,
                         "{\"allow\":[{\"remote\":\"::1\",\"port\":\"x\"}],"
                         "\"highPriorityInterval\":0,\"highPriorityInterval\":0}",
                         3),
        ASC_TWIN_REFUSED);
    twin_assert_reported(f, "\"path\":\"vedette.allow[0].port\"");
    assert_int_equal(f->text[f->twin.offset], '"');
    assert_int_equal(f->text[f->twin.offset + 1], 'x');
}

static void test_twin__the_whole_must_have_desired(void **state)
{
    static const struct {
        const char *json;
        const char *path;
        enum asc_twin_fault fault;
    } cases[] = {
        {"{}", "desired", ASC_TWIN_FAULT_MISSING},
        {"{\"vedette\":{\"highPriorityInterval\":5},\"$version\":3}", "desired",
            ASC_TWIN_FAULT_MISSING},
        {"{\"desired\":null}", "desired", ASC_TWIN_FAULT_OBJECT},
        {"{\"desired\":[]}", "desired", ASC_TWIN_FAULT_OBJECT},
        {"{\"desired\":{},\"desired\":{}}", "desired", ASC_TWIN_FAULT_TWICE},
        {"[]", "", ASC_TWIN_FAULT_OBJECT},
        {"null", "", ASC_TWIN_FAULT_OBJECT},
        {"\"desired\"", "", ASC_TWIN_FAULT_OBJECT},
    };
    struct twin_fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];

        assert_int_equal(twin_apply(f, cases[i].json, false), ASC_TWIN_REFUSED);
        snprintf(text, sizeof text, "\"path\":\"%s\",\"reason\":\"%s\"", cases[i].path,
            asc_twin_fault_text(cases[i].fault));
        twin_assert_reported(f, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWIN_TEST(test_twin__a_bad_value_changes_nothing_and_is_named),
        TWIN_TEST(test_twin__a_number_of_ours_is_json_too),
        TWIN_TEST(test_twin__the_first_of_several_faults_is_named),
        TWIN_TEST(test_twin__the_whole_must_have_desired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
