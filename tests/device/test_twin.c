/* SPDX-License-Identifier: MIT */
/* Tests of the settings from the twin: what is read, what is refused, and that nothing is half done. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define GUARD       0xa5
#define GUARD_BYTES 16

/* A module that runs, and its twin. */
struct fixture {
    struct device_port port;
    struct asc_module module;
    struct asc_twin twin;
    char text[4096];
    char report[ASC_TWIN_REPORT_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct asc_settings settings = device_settings();

    assert_non_null(f);
    settings.high_interval_s = 10;
    settings.medium_interval_s = 30;
    settings.low_interval_s = 3600;
    f->port.answer = ASC_SEND_DONE;
    device_start(&f->module, &f->port, &settings);
    asc_twin_init(&f->twin, &f->module);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Gives a document from an allocation of its very length, so that a read past it is seen. */
static enum asc_twin_result apply_bytes(
    struct fixture *f, const char *json, size_t length, bool patch)
{
    char *exact = malloc(length > 0 ? length : 1);
    enum asc_twin_result result;

    assert_non_null(exact);
    memcpy(exact, json, length);
    result = asc_twin_apply(&f->twin, exact, length, patch);
    free(exact);
    return result;
}

static enum asc_twin_result apply(struct fixture *f, const char *json, bool patch)
{
    return apply_bytes(f, json, strlen(json), patch);
}

/* The whole twin with this object of ours. */
static enum asc_twin_result apply_whole(struct fixture *f, const char *ours, unsigned version)
{
    snprintf(f->text, sizeof f->text,
        "{\"desired\":{\"vedette\":%s,\"$version\":%u},\"reported\":{\"$version\":7}}", ours,
        version);
    return apply(f, f->text, false);
}

static enum asc_twin_result apply_patch(struct fixture *f, const char *ours, unsigned version)
{
    snprintf(f->text, sizeof f->text, "{\"vedette\":%s,\"$version\":%u}", ours, version);
    return apply(f, f->text, true);
}

static const char *report(struct fixture *f)
{
    const size_t length = asc_twin_report(&f->twin, f->report, sizeof f->report);

    assert_true(length > 0);
    assert_int_equal(strlen(f->report), length);
    return f->report;
}

static void assert_reported(struct fixture *f, const char *text)
{
    if (strstr(report(f), text) == NULL) {
        print_message("%s\nlacks %s\n", f->report, text);
        fail();
    }
}

/* What is in force. */
struct force {
    struct asc_settings settings;
    uint8_t count;
    struct asc_twin_entry entries[ASC_TWIN_ALLOW_MAX];
};

static struct force in_force(const struct fixture *f)
{
    struct force force;

    memset(&force, 0, sizeof force);
    force.settings = f->module.settings;
    force.count = f->twin.entry_count;
    memcpy(force.entries, f->twin.entries, force.count * sizeof force.entries[0]);
    return force;
}

static bool same_force(const struct force *a, const struct force *b)
{
    return memcmp(&a->settings, &b->settings, sizeof a->settings) == 0 && a->count == b->count &&
        memcmp(a->entries, b->entries, a->count * sizeof a->entries[0]) == 0;
}

/* --- Values --------------------------------------------------------------------------------------- */

static const char everything[] = "{\"highPriorityInterval\":5,\"mediumPriorityInterval\":60,"
                                 "\"lowPriorityInterval\":600,\"collectors\":{\"networkActivity\":"
                                 "true,\"heartbeat\":false,\"systemInformation\":true},\"allow\":["
                                 "{\"remote\":\"192.0.2.0/24\",\"port\":443,\"protocol\":\"tcp\"},"
                                 "{\"remote\":\"2001:db8::53\",\"localPort\":53}]}";

static void test_twin__everything_is_applied_and_reported(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f, everything, 4), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(f->module.settings.medium_interval_s, 60);
    assert_int_equal(f->module.settings.low_interval_s, 600);
    assert_int_equal(f->module.settings.collectors,
        ASC_COLLECT_NETWORK_ACTIVITY | ASC_COLLECT_SYSTEM_INFORMATION);
    assert_string_equal(report(f),
        "{\"vedette\":{\"version\":4,\"status\":\"ok\",\"path\":null,\"reason\":null,\"offset\":null,"
        "\"ignored\":0,\"highPriorityInterval\":5,\"mediumPriorityInterval\":60,"
        "\"lowPriorityInterval\":600,\"collectors\":{\"networkActivity\":true,\"heartbeat\":false,"
        "\"systemInformation\":true},\"allow\":[{\"remote\":\"192.0.2.0/24\",\"port\":443,"
        "\"protocol\":\"tcp\"},{\"remote\":\"2001:db8:0:0:0:0:0:53/128\",\"localPort\":53}]}}");
}

static void test_twin__before_any_document_the_settings_are_reported(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(report(f),
        "{\"vedette\":{\"version\":0,\"status\":\"ok\",\"path\":null,\"reason\":null,\"offset\":null,"
        "\"ignored\":0,\"highPriorityInterval\":10,\"mediumPriorityInterval\":30,"
        "\"lowPriorityInterval\":3600,\"collectors\":{\"networkActivity\":true,\"heartbeat\":true,"
        "\"systemInformation\":true},\"allow\":[]}}");
}

static void test_twin__what_the_whole_lacks_goes_back_to_its_default(void **state)
{
    struct fixture *f = *state;
    const struct force before = in_force(f);
    struct force after;

    assert_int_equal(apply_whole(f, everything, 4), ASC_TWIN_APPLIED);
    assert_int_equal(apply_whole(f, "{}", 5), ASC_TWIN_APPLIED);
    after = in_force(f);
    assert_true(same_force(&before, &after));
    assert_int_equal(apply_whole(f, everything, 6), ASC_TWIN_APPLIED);
    assert_int_equal(apply(f, "{\"desired\":{}}", false), ASC_TWIN_APPLIED);
    after = in_force(f);
    assert_true(same_force(&before, &after));
}

static void test_twin__what_a_patch_lacks_stays(void **state)
{
    struct fixture *f = *state;
    struct force before, after;

    assert_int_equal(apply_whole(f, everything, 4), ASC_TWIN_APPLIED);
    before = in_force(f);
    assert_int_equal(apply_patch(f, "{}", 5), ASC_TWIN_APPLIED);
    assert_int_equal(apply(f, "{\"$version\":6,\"other\":{\"a\":[1]}}", true), ASC_TWIN_APPLIED);
    after = in_force(f);
    assert_true(same_force(&before, &after));
    assert_int_equal(
        apply_patch(f, "{\"collectors\":{\"heartbeat\":true},\"lowPriorityInterval\":7}", 7),
        ASC_TWIN_APPLIED);
    before.settings.collectors = ASC_COLLECT_ALL;
    before.settings.low_interval_s = 7;
    after = in_force(f);
    assert_true(same_force(&before, &after));
    assert_int_equal(apply_patch(f, "{\"allow\":[{\"remote\":\"::/0\"}]}", 8), ASC_TWIN_APPLIED);
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
    struct fixture *f = *state;
    const struct force before = in_force(f);

    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        struct force after;

        assert_int_equal(apply_whole(f, everything, 4), ASC_TWIN_APPLIED);
        assert_int_equal(apply(f, nulls[i], true), ASC_TWIN_APPLIED);
        after = in_force(f);
        assert_true(same_force(&before, &after));
    }
    assert_int_equal(apply_whole(f,
                         "{\"allow\":[{\"remote\":\"1.2.3.4\",\"port\":null,\"localPort\":null,"
                         "\"protocol\":null}]}",
                         6),
        ASC_TWIN_APPLIED);
    assert_reported(f, "\"allow\":[{\"remote\":\"1.2.3.4/32\"}]");
}

/* --- What is refused, and how it is told ----------------------------------------------------------- */

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
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        for (int patch = 0; patch < 2; patch++) {
            const struct refusal *r = &refusals[i];
            struct force before, after;
            char text[600];

            print_message("%s\n", r->ours);
            assert_int_equal(apply_whole(f, everything, 4), ASC_TWIN_APPLIED);
            before = in_force(f);
            assert_int_equal(
                patch ? apply_patch(f, r->ours, 5) : apply_whole(f, r->ours, 5), ASC_TWIN_REFUSED);
            after = in_force(f);
            assert_true(same_force(&before, &after));
            snprintf(text, sizeof text,
                "\"version\":5,\"status\":\"error\",\"path\":\"%s\",\"reason\":\"%s\",\"offset\":",
                r->path, asc_twin_fault_text(r->fault));
            assert_reported(f, text);
            assert_reported(f, "\"highPriorityInterval\":5,");
        }
    }
}

static void test_twin__a_number_of_ours_is_json_too(void **state)
{
    static const char *const numbers[] = {"010", "00", "1_0", "1 0", "10x", "+10", ".5"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[100];

        snprintf(text, sizeof text, "{\"highPriorityInterval\":%s}", numbers[i]);
        assert_int_equal(apply_whole(f, text, 1), ASC_TWIN_REFUSED);
        assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_JSON);
        assert_int_equal(f->module.settings.high_interval_s, 10);
    }
}

static void test_twin__the_first_of_several_faults_is_named(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f,
                         "{\"allow\":[{\"remote\":\"::1\",\"port\":\"x\"}],"
                         "\"highPriorityInterval\":0,\"highPriorityInterval\":0}",
                         3),
        ASC_TWIN_REFUSED);
    assert_reported(f, "\"path\":\"vedette.allow[0].port\"");
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
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];

        assert_int_equal(apply(f, cases[i].json, false), ASC_TWIN_REFUSED);
        snprintf(text, sizeof text, "\"path\":\"%s\",\"reason\":\"%s\"", cases[i].path,
            asc_twin_fault_text(cases[i].fault));
        assert_reported(f, text);
    }
}

/* --- Versions -------------------------------------------------------------------------------------- */

static void test_twin__a_patch_needs_what_came_before_it(void **state)
{
    static const char five[] = "{\"highPriorityInterval\":5}";
    static const char six[] = "{\"highPriorityInterval\":6}";
    struct fixture *f = *state;

    assert_int_equal(apply_patch(f, five, 1), ASC_TWIN_BEHIND); /* nothing came before */
    assert_int_equal(f->module.settings.high_interval_s, 10);
    assert_int_equal(apply_whole(f, five, 4), ASC_TWIN_APPLIED);
    assert_int_equal(apply_patch(f, six, 4), ASC_TWIN_STALE);
    assert_int_equal(apply_patch(f, six, 3), ASC_TWIN_STALE);
    assert_int_equal(apply_patch(f, "{\"highPriorityInterval\":0}", 4), ASC_TWIN_STALE);
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(apply_patch(f, six, 6), ASC_TWIN_BEHIND); /* 5 is missing */
    assert_int_equal(apply_patch(f, six, 5), ASC_TWIN_BEHIND); /* and now only the whole helps */
    assert_int_equal(f->module.settings.high_interval_s, 5);
    assert_int_equal(apply_whole(f, six, 6), ASC_TWIN_APPLIED);
    assert_int_equal(apply_patch(f, five, 7), ASC_TWIN_APPLIED);
    assert_reported(f, "\"version\":7,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 5);
}

static void test_twin__after_a_refusal_only_the_whole_helps(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(apply_patch(f, "{\"highPriorityInterval\":5,\"lowPriorityInterval\":0}", 2),
        ASC_TWIN_REFUSED);
    assert_int_equal(apply_patch(f, "{\"lowPriorityInterval\":9}", 3), ASC_TWIN_BEHIND);
    assert_int_equal(f->module.settings.low_interval_s, 3600);
    assert_int_equal(apply_whole(f, "{\"highPriorityInterval\":5,\"lowPriorityInterval\":9}", 3),
        ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 5);
}

/* A twin that was deleted and made again begins at 1. */
static void test_twin__the_whole_is_applied_whatever_its_version(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f, "{\"highPriorityInterval\":5}", 4000000000u), ASC_TWIN_APPLIED);
    assert_int_equal(apply_whole(f, "{\"highPriorityInterval\":6}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 6);
    assert_reported(f, "\"version\":1,");
}

static void test_twin__documents_without_a_version(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply(f, "{\"desired\":{\"vedette\":{\"highPriorityInterval\":5}}}", false),
        ASC_TWIN_APPLIED);
    assert_int_equal(
        apply(f, "{\"vedette\":{\"highPriorityInterval\":6}}", true), ASC_TWIN_APPLIED);
    assert_int_equal(f->module.settings.high_interval_s, 6);
    assert_reported(f, "\"version\":0,\"status\":\"ok\"");
}

static void test_twin__version_edges(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply(f, "{\"desired\":{\"$version\":4294967295}}", false), ASC_TWIN_APPLIED);
    assert_reported(f, "\"version\":4294967295,");
    assert_int_equal(apply(f, "{\"desired\":{\"$version\":4294967296}}", false), ASC_TWIN_REFUSED);
    assert_reported(f, "\"path\":\"$version\"");
    assert_int_equal(apply(f, "{\"desired\":{\"$version\":0}}", false), ASC_TWIN_REFUSED);
    assert_int_equal(apply(f, "{\"desired\":{\"$version\":null}}", false), ASC_TWIN_REFUSED);
}

/* --- Syntax and limits ----------------------------------------------------------------------------- */

/* Any JSON may stand in members that are not ours. */
static const char *const good_values[] = {"0", "-0", "-1", "10", "1.5", "0.5e3", "1E+9", "1e-9",
    "1e999", "true", "false", "null", "\"\"", "\"x\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"", "\"\xc3\xa9\"",
    "\"a string that is longer than any text of ours could ever come to be\"", "[]", "[ ]", "{}",
    "{ }", "[1]", "[1,2]", "[[],[{}]]", "{\"a\":1}", "{\"a\":{\"b\":[1,{\"c\":null}]}}",
    "{\"vedette\":{\"highPriorityInterval\":0}}", "{\"a\":1,\"a\":2}", "{\"\":1}", "{\"allow\":7}",
    " 1 ", "\t\r\n[\n]\t"};

static const char *const bad_values[] = {"", "01", "00", "-", "-a", "+1", ".5", "1.", "1.e1", "1e",
    "1e+", "0x1", "1a", "tru", "True", "nul", "nullx", "truefalse", "\"", "\"\\\"", "\"\\x\"",
    "\"\\u12\"", "\"\\u123g\"", "\"\n\"", "\"\x01\"", "'a'", "[", "]", "[1", "[1,", "[1,]", "[,1]",
    "[,]", "[1 2]", "[1:2]", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
    "{,}", "{1:2}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":}", "{\"a\":1]", "[1}",
    "1,2", "1 1", "/* */1", "// 1", "NaN", "Infinity",
    "\xef\xbb\xbf"
    "1",
    "{\"a\":1}}", "[]]"};

struct place {
    const char *before;
    const char *behind;
};

/* Gives each value in its place in a whole twin. */
static void give_values(
    struct fixture *f, const char *const *values, size_t count, bool good, struct place place)
{
    for (size_t i = 0; i < count; i++) {
        const struct force before = in_force(f);
        struct force after;

        print_message("%s\n", values[i]);
        snprintf(f->text, sizeof f->text, "%s%s%s", place.before, values[i], place.behind);
        assert_int_equal(apply(f, f->text, false), good ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
        after = in_force(f);
        assert_true(good || same_force(&before, &after));
        assert_int_equal(f->twin.fault, good ? ASC_TWIN_FAULT_NONE : ASC_TWIN_FAULT_JSON);
    }
}

static void test_twin__json_is_read_strictly(void **state)
{
    static const struct place places[] = {
        {"{\"desired\":{\"other\":", ",\"vedette\":{\"highPriorityInterval\":77}}}"},
        {"{\"reported\":", ",\"desired\":{\"vedette\":{\"highPriorityInterval\":77}}}"},
        {"{\"desired\":{\"vedette\":{\"highPriorityInterval\":77,\"more\":", "}}}"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assert_int_equal(apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
        give_values(f, bad_values, sizeof bad_values / sizeof bad_values[0], false, places[i]);
        assert_int_equal(f->module.settings.high_interval_s, 10);
        give_values(f, good_values, sizeof good_values / sizeof good_values[0], true, places[i]);
        assert_int_equal(f->module.settings.high_interval_s, 77);
    }
}

static void test_twin__white_space_and_escapes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        apply(f,
            " \t\r\n{ \"des\\u0069red\" : { \"\\u0076edette\" : { \"highPriority\\u0049nterval\" : 5 ,"
            " \"allow\" : [ { \"remote\" : \"1.2\\u002e3.4\\/8\" , \"protocol\":\"\\u0074cp\" } ] } ,"
            " \"\\u0024version\" : 9 } } \n",
            false),
        ASC_TWIN_APPLIED);
    assert_reported(f, "\"version\":9,");
    assert_reported(f, "\"highPriorityInterval\":5,");
    assert_reported(f, "\"allow\":[{\"remote\":\"1.2.3.4/8\",\"protocol\":\"tcp\"}]");
}

static void test_twin__names_are_told_apart_to_the_letter(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        apply_whole(f,
            "{\"highPriorityInterva\":0,\"highPriorityIntervals\":0,\"HighPriorityInterval\":0,"
            "\"highPriorityInterval\\u0000\":0,\"\":0,\"heartbeat\":0,\"remote\":0}",
            2),
        ASC_TWIN_APPLIED);
    assert_reported(f, "\"ignored\":7,\"highPriorityInterval\":10,");
}

static void test_twin__unknown_members_are_counted(void **state)
{
    struct fixture *f = *state;
    size_t n;

    assert_int_equal(
        apply_whole(f,
            "{\"a\":{\"b\":1},\"collectors\":{\"c\":1},\"allow\":[{\"remote\":\"::\",\"d\":[]}]}",
            2),
        ASC_TWIN_APPLIED);
    assert_reported(f, "\"ignored\":3,");
    n = (size_t)snprintf(f->text, sizeof f->text, "{\"desired\":{\"vedette\":{\"x\":0");
    for (unsigned i = 0; i < 300; i++) {
        n += (size_t)snprintf(f->text + n, sizeof f->text - n, ",\"x\":0");
    }
    snprintf(f->text + n, sizeof f->text - n, "}}}");
    assert_int_equal(apply(f, f->text, false), ASC_TWIN_APPLIED);
    assert_reported(f, "\"ignored\":255,");
}

/* Every prefix of a good document is refused, as is the document with anything behind it. */
static void test_twin__a_document_that_is_cut(void **state)
{
    struct fixture *f = *state;
    struct force before, after;
    char whole[2000];
    size_t length;

    length = (size_t)snprintf(
        whole, sizeof whole, "{\"desired\":{\"vedette\":%s,\"$version\":2}}", everything);
    before = in_force(f);
    for (size_t i = 0; i < length; i++) {
        assert_int_equal(apply_bytes(f, whole, i, false), ASC_TWIN_REFUSED);
        assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_JSON);
        assert_true(f->twin.offset <= i);
    }
    for (int c = 0; c < 256; c++) {
        const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';

        whole[length] = (char)c;
        assert_int_equal(
            apply_bytes(f, whole, length + 1, false), space ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
        if (!space) {
            continue;
        }
        assert_int_equal(apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
    }
    after = in_force(f);
    assert_true(same_force(&before, &after));
}

/* `levels` of arrays, one in the other, in a document whose own braces are two more. */
static enum asc_twin_result apply_deep(struct fixture *f, unsigned levels)
{
    size_t n = (size_t)snprintf(f->text, sizeof f->text, "{\"desired\":{\"x\":");

    memset(f->text + n, '[', levels);
    memset(f->text + n + levels, ']', levels);
    snprintf(f->text + n + 2u * levels, sizeof f->text - n - 2u * levels, "}}");
    return apply(f, f->text, false);
}

static void test_twin__depth_has_a_limit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_deep(f, ASC_TWIN_DEPTH_MAX - 2), ASC_TWIN_APPLIED);
    assert_int_equal(apply_deep(f, ASC_TWIN_DEPTH_MAX - 1), ASC_TWIN_REFUSED);
    assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_DEEP);
    assert_int_equal(apply_deep(f, 1000), ASC_TWIN_REFUSED);
    assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_DEEP);
}

static void test_twin__length_has_a_limit(void **state)
{
    static const char document[] = "{\"desired\":{}}";
    struct fixture *f = *state;
    char *json = malloc(ASC_TWIN_DOCUMENT_MAX + 1);

    assert_non_null(json);
    memset(json, ' ', ASC_TWIN_DOCUMENT_MAX + 1);
    memcpy(json, document, sizeof document - 1);
    assert_int_equal(
        asc_twin_apply(&f->twin, json, ASC_TWIN_DOCUMENT_MAX, false), ASC_TWIN_APPLIED);
    assert_int_equal(
        asc_twin_apply(&f->twin, json, ASC_TWIN_DOCUMENT_MAX + 1, false), ASC_TWIN_REFUSED);
    assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_LONG);
    free(json);
}

/* A list of `count` of the longest entries. */
static const char *long_list(struct fixture *f, unsigned count)
{
    static char list[2048];
    size_t n = (size_t)snprintf(list, sizeof list, "{\"allow\":[");

    (void)f;
    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(list + n, sizeof list - n,
            "%s{\"remote\":\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff%u/128\",\"port\":65535,"
            "\"localPort\":65535,\"protocol\":\"icmp\"}",
            i > 0 ? "," : "", i);
    }
    snprintf(list + n, sizeof list - n, "]}");
    return list;
}

static void test_twin__the_allow_list_has_a_limit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f, long_list(f, ASC_TWIN_ALLOW_MAX), 1), ASC_TWIN_APPLIED);
    assert_int_equal(f->twin.entry_count, ASC_TWIN_ALLOW_MAX);
    assert_int_equal(apply_whole(f, long_list(f, ASC_TWIN_ALLOW_MAX + 1), 2), ASC_TWIN_REFUSED);
    assert_reported(f, "\"path\":\"vedette.allow[8]\",\"reason\":\"too many entries\"");
    assert_int_equal(f->twin.entry_count, ASC_TWIN_ALLOW_MAX);
}

/* --- The report ------------------------------------------------------------------------------------ */

/* The largest report fits ASC_TWIN_REPORT_MAX; into less it is not written, nor behind its end. */
static void test_twin__a_report_fits_or_is_not_written(void **state)
{
    struct fixture *f = *state;
    char out[ASC_TWIN_REPORT_MAX + GUARD_BYTES];
    size_t length;

    assert_int_equal(apply_whole(f, long_list(f, ASC_TWIN_ALLOW_MAX), 1), ASC_TWIN_APPLIED);
    f->module.settings.high_interval_s = f->module.settings.medium_interval_s =
        f->module.settings.low_interval_s = ASC_INTERVAL_MAX;
    f->module.settings.collectors = 0;
    f->twin.version = UINT32_MAX;
    f->twin.offset = ASC_TWIN_DOCUMENT_MAX;
    f->twin.ignored = UINT8_MAX;
    length = 0;
    for (uint8_t fault = 1; fault < ASC_TWIN_FAULT_COUNT; fault++) {
        for (uint8_t member = 0; member < 19; member++) {
            size_t n;

            f->twin.fault = fault;
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

/* --- The allow-list -------------------------------------------------------------------------------- */

static bool allows(struct fixture *f, const uint8_t *remote, uint32_t bytes, unsigned remote_port,
    unsigned local_port, enum asc_protocol protocol)
{
    const struct asc_flow_view view = {
        remote, bytes, (uint16_t)remote_port, (uint16_t)local_port, protocol};

    return f->twin.allow.allows(&f->twin.allow, &view);
}

static void test_twin__addresses_and_prefixes(void **state)
{
    static const struct {
        const char *remote;
        uint32_t bytes;
        uint8_t address[16];
        bool fits;
    } cases[] = {
        {"192.0.2.0/24", 4, {192, 0, 2, 255}, true},
        {"192.0.2.0/24", 4, {192, 0, 3, 0}, false},
        {"192.0.2.77/24", 4, {192, 0, 2, 1}, true}, /* bits behind the prefix do not matter */
        {"192.0.2.1", 4, {192, 0, 2, 1}, true},
        {"192.0.2.1", 4, {192, 0, 2, 0}, false},
        {"192.0.2.1/32", 4, {192, 0, 2, 1}, true},
        {"192.0.2.1/31", 4, {192, 0, 2, 0}, true},
        {"192.0.2.1/31", 4, {192, 0, 2, 2}, false},
        {"128.0.0.0/1", 4, {255, 255, 255, 255}, true},
        {"128.0.0.0/1", 4, {127, 255, 255, 255}, false},
        {"10.0.0.0/9", 4, {10, 127, 0, 0}, true},
        {"10.0.0.0/9", 4, {10, 128, 0, 0}, false},
        {"0.0.0.0/0", 4, {255, 1, 2, 3}, true},
        {"0.0.0.0/0", 16, {0}, false}, /* one family only */
        {"::/0", 16, {0xff, 2}, true},
        {"::/0", 4, {0}, false},
        {"::", 16, {0}, true},
        {"::1", 16, {[15] = 1}, true},
        {"::1", 16, {0}, false},
        {"2001:db8::", 16, {0x20, 0x01, 0x0d, 0xb8}, true},
        {"2001:DB8::/32", 16, {0x20, 0x01, 0x0d, 0xb8, 9, 9}, true},
        {"2001:db8::/33", 16, {0x20, 0x01, 0x0d, 0xb8, 0x80}, false},
        {"2001:db8::/33", 16, {0x20, 0x01, 0x0d, 0xb8, 0x7f}, true},
        {"1:2:3:4:5:6:7:8", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, true},
        {"::2:3:4:5:6:7:8", 16, {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, true},
        {"1:2:3:4:5:6:7::", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}, true},
        {"1:2::7:8", 16, {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8}, true},
        {"ffff::fffe/127", 16, {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, true},
        {"ffff::ffff/128", 16, {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe}, false},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char ours[100];

        print_message("%s\n", cases[i].remote);
        snprintf(ours, sizeof ours, "{\"allow\":[{\"remote\":\"%s\"}]}", cases[i].remote);
        assert_int_equal(apply_whole(f, ours, 1), ASC_TWIN_APPLIED);
        assert_int_equal(
            allows(f, cases[i].address, cases[i].bytes, 1, 2, ASC_PROTOCOL_UDP), cases[i].fits);
    }
}

static void test_twin__ports_and_protocols(void **state)
{
    static const uint8_t remote[16] = {192, 0, 2, 1};
    struct fixture *f = *state;

    assert_int_equal(apply_whole(f,
                         "{\"allow\":[{\"remote\":\"192.0.2.1\",\"port\":443,\"protocol\":\"tcp\"},"
                         "{\"remote\":\"192.0.2.1\",\"localPort\":22},"
                         "{\"remote\":\"192.0.2.1\",\"protocol\":\"icmp\"}]}",
                         1),
        ASC_TWIN_APPLIED);
    assert_true(allows(f, remote, 4, 443, 50000, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 444, 50000, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 50000, 443, ASC_PROTOCOL_TCP));
    assert_false(allows(f, remote, 4, 443, 50000, ASC_PROTOCOL_UDP));
    assert_true(allows(f, remote, 4, 50000, 22, ASC_PROTOCOL_UDP));
    assert_false(allows(f, remote, 4, 22, 50000, ASC_PROTOCOL_UDP));
    assert_true(allows(f, remote, 4, 0, 0, ASC_PROTOCOL_ICMP));
    assert_int_equal(apply_patch(f, "{\"allow\":null}", 2), ASC_TWIN_APPLIED);
    assert_false(allows(f, remote, 4, 0, 0, ASC_PROTOCOL_ICMP));
}

/* --- Random documents ------------------------------------------------------------------------------- */

static uint32_t below(uint64_t *seed, uint32_t n)
{
    return device_random(seed) % n;
}

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...)
{
    const size_t n = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + n, size - n, format, arguments);
    va_end(arguments);
}

static void random_entry(uint64_t *seed, char *out, size_t size)
{
    static const char *const protocols[] = {"tcp", "udp", "icmp"};

    add(out, size, "{\"remote\":\"");
    if (below(seed, 2) == 0) {
        add(out, size, "%u.%u.%u.%u/%u", below(seed, 256), below(seed, 256), below(seed, 256),
            below(seed, 256), below(seed, 33));
    } else {
        for (unsigned i = 0; i < 8; i++) {
            add(out, size, "%s%x", i > 0 ? ":" : "", below(seed, 65536) >> below(seed, 17));
        }
        add(out, size, "/%u", below(seed, 129));
    }
    add(out, size, "\"");
    if (below(seed, 2) == 0) {
        add(out, size, ",\"port\":%u", 1 + below(seed, 65535));
    }
    if (below(seed, 2) == 0) {
        add(out, size, ",\"localPort\":%u", 1 + below(seed, 65535));
    }
    if (below(seed, 2) == 0) {
        add(out, size, ",\"protocol\":\"%s\"", protocols[below(seed, 3)]);
    }
    add(out, size, "}");
}

/* Every value of ours, in the order and spelling of a report. */
static void random_values(uint64_t *seed, char *out, size_t size)
{
    const unsigned entries = below(seed, ASC_TWIN_ALLOW_MAX + 1);

    out[0] = '\0';
    add(out, size,
        "\"highPriorityInterval\":%u,\"mediumPriorityInterval\":%u,\"lowPriorityInterval\":%u,",
        1 + below(seed, ASC_INTERVAL_MAX), 1 + below(seed, ASC_INTERVAL_MAX),
        1 + below(seed, ASC_INTERVAL_MAX));
    add(out, size,
        "\"collectors\":{\"networkActivity\":%s,\"heartbeat\":%s,\"systemInformation\":%s},",
        below(seed, 2) ? "true" : "false", below(seed, 2) ? "true" : "false",
        below(seed, 2) ? "true" : "false");
    add(out, size, "\"allow\":[");
    for (unsigned i = 0; i < entries; i++) {
        add(out, size, "%s", i > 0 ? "," : "");
        random_entry(seed, out, size);
    }
    add(out, size, "]}");
}

/* What a report says of the values is what the document said, to the letter; so it can be given back. */
static void test_twin__random_documents_report_themselves(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 0x2545f4914f6cdd1du;

    for (unsigned i = 0; i < 5000; i++) {
        char values[1500];
        char ours[1600];

        random_values(&seed, values, sizeof values);
        snprintf(ours, sizeof ours, "{%s", values);
        assert_int_equal(apply_whole(f, ours, i + 1), ASC_TWIN_APPLIED);
        snprintf(ours, sizeof ours, ",\"ignored\":0,%s}", values);
        assert_non_null(strstr(report(f), ours));
    }
}

static void mutate(uint64_t *seed, char *text, size_t *length, size_t size)
{
    static const char interesting[] = "{}[]\",:\\u0123456789-.eE/ \ntfn";
    const size_t at = below(seed, (uint32_t)*length);

    switch (below(seed, 4)) {
    case 0:
        text[at] = interesting[below(seed, sizeof interesting - 1)];
        break;
    case 1:
        text[at] = (char)device_random(seed);
        break;
    case 2:
        memmove(text + at, text + at + 1, *length - at - 1);
        --*length;
        break;
    default:
        if (*length + 1 < size) {
            memmove(text + at + 1, text + at, *length - at);
            text[at] = interesting[below(seed, sizeof interesting - 1)];
            ++*length;
        }
    }
}

/* A mutated document is applied or changes nothing; either way the report is whole. */
static void test_twin__mutated_documents_are_never_half_applied(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    unsigned applied = 0, refused = 0;

    for (unsigned i = 0; i < 40000; i++) {
        char values[1500];
        struct force before, after;
        size_t length;
        enum asc_twin_result result;

        random_values(&seed, values, sizeof values);
        length = (size_t)snprintf(f->text, sizeof f->text,
            "{\"desired\":{\"vedette\":{%s,\"$version\":%u},\"reported\":{}}", values, i + 1);
        for (uint32_t n = 1 + below(&seed, 3); n > 0; n--) {
            mutate(&seed, f->text, &length, sizeof f->text);
        }
        before = in_force(f);
        result = apply_bytes(f, f->text, length, false);
        after = in_force(f);
        assert_true(result == ASC_TWIN_APPLIED || result == ASC_TWIN_REFUSED);
        assert_true(result == ASC_TWIN_APPLIED || same_force(&before, &after));
        assert_true(after.settings.high_interval_s >= 1 &&
            after.settings.high_interval_s <= ASC_INTERVAL_MAX &&
            after.count <= ASC_TWIN_ALLOW_MAX);
        (void)report(f);
        applied += result == ASC_TWIN_APPLIED;
        refused += result == ASC_TWIN_REFUSED;
    }
    /* Mutations of both kinds were tried. */
    assert_true(applied > 1000 && refused > 1000);
}

/* --- In the module ---------------------------------------------------------------------------------- */

static const struct device_packet to_server = {.version = 4,
    .protocol = 6,
    .source = 0x0a000001,
    .destination = 0xc0000201,
    .source_port = 50000,
    .destination_port = 443,
    .data_bytes = 100};
static const struct device_packet to_other = {.version = 4,
    .protocol = 17,
    .source = 0x0a000001,
    .destination = 0xc6336401,
    .source_port = 50001,
    .destination_port = 53,
    .data_bytes = 10};

static struct check_message *last_message(struct fixture *f)
{
    static struct check_message message;
    const struct device_sent *sent = &f->port.message[(f->port.sent - 1) % DEVICE_SENT_MAX];

    assert_true(f->port.sent > 0);
    assert_null(check_message(sent->bytes, sent->length, &message));
    return &message;
}

/* What is allowed is not in the message, and counted as withheld; all else is there. */
static void test_twin__allowed_flows_are_withheld_and_counted(void **state)
{
    struct fixture *f = *state;
    struct check_message *message;

    assert_int_equal(apply_whole(f, everything, 1), ASC_TWIN_APPLIED);
    for (unsigned i = 0; i < 3; i++) {
        (void)device_give_packet(&f->module, ASC_OUT, &to_server);
    }
    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    message = last_message(f);
    assert_int_equal(message->flows, 1);
    assert_int_equal(message->flow[0].remote_port, 53);
    assert_int_equal(asc_module_counters(&f->module).packets_withheld, 3);
    assert_int_equal(asc_module_counters(&f->module).packets_counted, 4);

    assert_int_equal(apply_patch(f, "{\"allow\":null}", 2), ASC_TWIN_APPLIED);
    (void)device_give_packet(&f->module, ASC_OUT, &to_server);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    message = last_message(f);
    assert_int_equal(message->flows, 1);
    assert_int_equal(message->flow[0].remote_port, 443);
    assert_int_equal(asc_module_counters(&f->module).packets_withheld, 3);
}

/* The payloads of all messages since `from`, as a bit each. */
static unsigned payloads_since(struct fixture *f, unsigned from)
{
    static struct check_message message;
    unsigned payloads = 0;

    for (unsigned i = from; i < f->port.sent; i++) {
        const struct device_sent *sent = &f->port.message[i % DEVICE_SENT_MAX];

        assert_null(check_message(sent->bytes, sent->length, &message));
        for (unsigned e = 0; e < message.events; e++) {
            payloads |= 1u << message.event[e].payload;
        }
    }
    return payloads;
}

static unsigned collect_all(struct fixture *f)
{
    const unsigned from = f->port.sent;

    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    asc_module_flush(&f->module);
    device_pass(&f->module, &f->port, 1);
    return payloads_since(f, from);
}

static void test_twin__collectors_go_off_and_on(void **state)
{
    struct fixture *f = *state;
    unsigned all;

    f->port.information.os = "an OS";
    all = collect_all(f);
    assert_int_equal(__builtin_popcount(all), 3);
    assert_int_equal(apply_whole(f, "{\"collectors\":{\"heartbeat\":false}}", 1), ASC_TWIN_APPLIED);
    assert_int_equal(__builtin_popcount(collect_all(f)), 2);
    assert_int_equal(
        apply_patch(
            f, "{\"collectors\":{\"networkActivity\":false,\"systemInformation\":false}}", 2),
        ASC_TWIN_APPLIED);
    assert_int_equal(collect_all(f), 0);
    assert_int_equal(apply_patch(f, "{\"collectors\":null}", 3), ASC_TWIN_APPLIED);
    assert_int_equal(collect_all(f), all);
}

static void test_twin__intervals_take_effect(void **state)
{
    struct fixture *f = *state;
    unsigned before;

    (void)collect_all(f);
    assert_int_equal(apply_whole(f, "{\"highPriorityInterval\":50}", 1), ASC_TWIN_APPLIED);
    before = f->port.sent;
    (void)device_give_packet(&f->module, ASC_OUT, &to_other);
    device_pass(&f->module, &f->port, 49000);
    assert_int_equal(f->port.sent, before);
    device_pass(&f->module, &f->port, 1000);
    assert_int_equal(f->port.sent, before + 1);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_twin__everything_is_applied_and_reported),
        WITH_FIXTURE(test_twin__before_any_document_the_settings_are_reported),
        WITH_FIXTURE(test_twin__what_the_whole_lacks_goes_back_to_its_default),
        WITH_FIXTURE(test_twin__what_a_patch_lacks_stays),
        WITH_FIXTURE(test_twin__null_takes_a_member_away),
        WITH_FIXTURE(test_twin__a_bad_value_changes_nothing_and_is_named),
        WITH_FIXTURE(test_twin__a_number_of_ours_is_json_too),
        WITH_FIXTURE(test_twin__the_first_of_several_faults_is_named),
        WITH_FIXTURE(test_twin__the_whole_must_have_desired),
        WITH_FIXTURE(test_twin__a_patch_needs_what_came_before_it),
        WITH_FIXTURE(test_twin__after_a_refusal_only_the_whole_helps),
        WITH_FIXTURE(test_twin__the_whole_is_applied_whatever_its_version),
        WITH_FIXTURE(test_twin__documents_without_a_version),
        WITH_FIXTURE(test_twin__version_edges),
        WITH_FIXTURE(test_twin__json_is_read_strictly),
        WITH_FIXTURE(test_twin__white_space_and_escapes),
        WITH_FIXTURE(test_twin__names_are_told_apart_to_the_letter),
        WITH_FIXTURE(test_twin__unknown_members_are_counted),
        WITH_FIXTURE(test_twin__a_document_that_is_cut),
        WITH_FIXTURE(test_twin__depth_has_a_limit),
        WITH_FIXTURE(test_twin__length_has_a_limit),
        WITH_FIXTURE(test_twin__the_allow_list_has_a_limit),
        WITH_FIXTURE(test_twin__a_report_fits_or_is_not_written),
        cmocka_unit_test(test_twin__fault_texts),
        WITH_FIXTURE(test_twin__addresses_and_prefixes),
        WITH_FIXTURE(test_twin__ports_and_protocols),
        WITH_FIXTURE(test_twin__random_documents_report_themselves),
        WITH_FIXTURE(test_twin__mutated_documents_are_never_half_applied),
        WITH_FIXTURE(test_twin__allowed_flows_are_withheld_and_counted),
        WITH_FIXTURE(test_twin__collectors_go_off_and_on),
        WITH_FIXTURE(test_twin__intervals_take_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
