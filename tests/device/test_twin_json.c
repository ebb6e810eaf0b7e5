/* SPDX-License-Identifier: MIT */
/* Tests of how the twin's document is read: strictly, within limits, and whole or not at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device/twin_fixture.h"

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
    struct twin_fixture *f, const char *const *values, size_t count, bool good, struct place place)
{
    for (size_t i = 0; i < count; i++) {
        const struct twin_force before = twin_in_force(f);
        struct twin_force after;

        print_message("%s\n", values[i]);
        snprintf(f->text, sizeof f->text, "%s%s%s", place.before, values[i], place.behind);
        assert_int_equal(twin_apply(f, f->text, false), good ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
        after = twin_in_force(f);
        assert_true(good || twin_same_force(&before, &after));
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
    struct twin_fixture *f = *state;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assert_int_equal(twin_apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
        give_values(f, bad_values, sizeof bad_values / sizeof bad_values[0], false, places[i]);
        assert_int_equal(f->module.settings.high_interval_s, 10);
        give_values(f, good_values, sizeof good_values / sizeof good_values[0], true, places[i]);
        assert_int_equal(f->module.settings.high_interval_s, 77);
    }
}

static void test_twin__white_space_and_escapes(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(
        twin_apply(f,
            " \t\r\n{ \"des\\u0069red\" : { \"\\u0076edette\" : { \"highPriority\\u0049nterval\" : 5 ,"
            " \"allow\" : [ { \"remote\" : \"1.2\\u002e3.4\\/8\" , \"protocol\":\"\\u0074cp\" } ] } ,"
            " \"\\u0024version\" : 9 } } \n",
            false),
        ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"version\":9,");
    twin_assert_reported(f, "\"highPriorityInterval\":5,");
    twin_assert_reported(f, "\"allow\":[{\"remote\":\"1.2.3.4/8\",\"protocol\":\"tcp\"}]");
}

static void test_twin__names_are_told_apart_to_the_letter(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(
        twin_apply_whole(f,
            "{\"highPriorityInterva\":0,\"highPriorityIntervals\":0,\"HighPriorityInterval\":0,"
            "\"highPriorityInterval\\u0000\":0,\"\":0,\"heartbeat\":0,\"remote\":0}",
            2),
        ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"ignored\":7,\"highPriorityInterval\":10,");
}

static void test_twin__unknown_members_are_counted(void **state)
{
    struct twin_fixture *f = *state;
    size_t n;

    assert_int_equal(
        twin_apply_whole(f,
            "{\"a\":{\"b\":1},\"collectors\":{\"c\":1},\"allow\":[{\"remote\":\"::\",\"d\":[]}]}",
            2),
        ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"ignored\":3,");
    n = (size_t)snprintf(f->text, sizeof f->text, "{\"desired\":{\"vedette\":{\"x\":0");
    for (unsigned i = 0; i < 300; i++) {
        n += (size_t)snprintf(f->text + n, sizeof f->text - n, ",\"x\":0");
    }
    snprintf(f->text + n, sizeof f->text - n, "}}}");
    assert_int_equal(twin_apply(f, f->text, false), ASC_TWIN_APPLIED);
    twin_assert_reported(f, "\"ignored\":255,");
}

/* Every prefix of a good document is refused, as is the document with anything behind it. */
static void test_twin__a_document_that_is_cut(void **state)
{
    struct twin_fixture *f = *state;
    struct twin_force before, after;
    char whole[2000];
    size_t length;

    length = (size_t)snprintf(
        whole, sizeof whole, "{\"desired\":{\"vedette\":%s,\"$version\":2}}", twin_everything);
    before = twin_in_force(f);
    for (size_t i = 0; i < length; i++) {
        assert_int_equal(twin_apply_bytes(f, whole, i, false), ASC_TWIN_REFUSED);
        assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_JSON);
        assert_true(f->twin.offset <= i);
    }
    for (int c = 0; c < 256; c++) {
        const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';

        whole[length] = (char)c;
        assert_int_equal(twin_apply_bytes(f, whole, length + 1, false),
            space ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
        if (!space) {
            continue;
        }
        assert_int_equal(twin_apply_whole(f, "{}", 1), ASC_TWIN_APPLIED);
    }
    after = twin_in_force(f);
    assert_true(twin_same_force(&before, &after));
}

/* `levels` of arrays, one in the other, in a document whose own braces are two more. */
static enum asc_twin_result apply_deep(struct twin_fixture *f, unsigned levels)
{
    size_t n = (size_t)snprintf(f->text, sizeof f->text, "{\"desired\":{\"x\":");

    memset(f->text + n, '[', levels);
    memset(f->text + n + levels, ']', levels);
    snprintf(f->text + n + 2u * levels, sizeof f->text - n - 2u * levels, "}}");
    return twin_apply(f, f->text, false);
}

static void test_twin__depth_has_a_limit(void **state)
{
    struct twin_fixture *f = *state;

    assert_int_equal(apply_deep(f, ASC_TWIN_DEPTH_MAX - 2), ASC_TWIN_APPLIED);
    assert_int_equal(apply_deep(f, ASC_TWIN_DEPTH_MAX - 1), ASC_TWIN_REFUSED);
    assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_DEEP);
    assert_int_equal(apply_deep(f, 1000), ASC_TWIN_REFUSED);
    assert_int_equal(f->twin.fault, ASC_TWIN_FAULT_DEEP);
}

static void test_twin__length_has_a_limit(void **state)
{
    static const char document[] = "{\"desired\":{}}";
    struct twin_fixture *f = *state;
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
    struct twin_fixture *f = *state;
    uint64_t seed = 0x2545f4914f6cdd1du;

    for (unsigned i = 0; i < 5000; i++) {
        char values[1500];
        char ours[1600];

        random_values(&seed, values, sizeof values);
        snprintf(ours, sizeof ours, "{%s", values);
        assert_int_equal(twin_apply_whole(f, ours, i + 1), ASC_TWIN_APPLIED);
        snprintf(ours, sizeof ours, ",\"ignored\":0,%s}", values);
        assert_non_null(strstr(twin_report(f), ours));
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
    struct twin_fixture *f = *state;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    unsigned applied = 0, refused = 0;

    for (unsigned i = 0; i < 40000; i++) {
        char values[1500];
        struct twin_force before, after;
        size_t length;
        enum asc_twin_result result;

        random_values(&seed, values, sizeof values);
        length = (size_t)snprintf(f->text, sizeof f->text,
            "{\"desired\":{\"vedette\":{%s,\"$version\":%u},\"reported\":{}}", values, i + 1);
        for (uint32_t n = 1 + below(&seed, 3); n > 0; n--) {
            mutate(&seed, f->text, &length, sizeof f->text);
        }
        before = twin_in_force(f);
        result = twin_apply_bytes(f, f->text, length, false);
        after = twin_in_force(f);
        assert_true(result == ASC_TWIN_APPLIED || result == ASC_TWIN_REFUSED);
        assert_true(result == ASC_TWIN_APPLIED || twin_same_force(&before, &after));
        assert_true(after.settings.high_interval_s >= 1 &&
            after.settings.high_interval_s <= ASC_INTERVAL_MAX &&
            after.count <= ASC_TWIN_ALLOW_MAX);
        (void)twin_report(f);
        applied += result == ASC_TWIN_APPLIED;
        refused += result == ASC_TWIN_REFUSED;
    }
    /* Mutations of both kinds were tried. */
    assert_true(applied > 1000 && refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWIN_TEST(test_twin__json_is_read_strictly),
        TWIN_TEST(test_twin__white_space_and_escapes),
        TWIN_TEST(test_twin__names_are_told_apart_to_the_letter),
        TWIN_TEST(test_twin__unknown_members_are_counted),
        TWIN_TEST(test_twin__a_document_that_is_cut),
        TWIN_TEST(test_twin__depth_has_a_limit),
        TWIN_TEST(test_twin__length_has_a_limit),
        TWIN_TEST(test_twin__random_documents_report_themselves),
        TWIN_TEST(test_twin__mutated_documents_are_never_half_applied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
