/* SPDX-License-Identifier: MIT */
/* Lists of indicators, line by line, and the set against a scan of all ranges. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "center/intel/indicator_set.h"
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

static void test_indicator__list(void **state)
{
    static const char text[] = "\xef\xbb\xbf# a list\r\n"
                               "\r\n"
                               "  192.0.2.1\t# bad host\n"
                               "198.51.100.0/24\r\n"
                               "   # nothing\n"
                               "2001:db8::/32";
    struct vd_indicator_reader reader = {VD_STR_LITERAL(text), 0};
    struct vd_indicator_line line;
    const char *problem;

    (void)state;
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "192.0.2.1");
    assert_int_equal(line.line, 3);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "198.51.100.0/24");
    assert_int_equal(line.line, 4);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_string_equal(line.text, "2001:db8::/32");
    assert_int_equal(line.line, 6);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_NOT_FOUND);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_NOT_FOUND);
}

static void test_indicator__list_fault_names_line(void **state)
{
    struct vd_indicator_reader reader = {VD_STR_LITERAL("192.0.2.1\n\n192.0.2.2 evil\n"), 0};
    struct vd_indicator_line line;
    const char *problem = NULL;

    (void)state;
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_OK);
    assert_int_equal(vd_indicator_next(&reader, &line, &problem), VD_E_INVALID);
    assert_int_equal(reader.line, 3);
    assert_string_equal(problem, "not an address or CIDR range");
}

/* ---- The set ---- */

static struct vd_indicator_set *set_of(const char *const *texts, size_t count)
{
    struct vd_indicator_builder *builder = vd_indicator_builder_new();
    struct vd_indicator_set *set = NULL;

    assert_non_null(builder);
    for (size_t i = 0; i < count; i++) {
        struct vd_indicator_line line;
        struct vd_indicator indicator;

        assert_null(vd_indicator_parse(vd_str_from(texts[i]), &line));
        indicator = (struct vd_indicator){line.range, line.text, "feed", (uint32_t)i + 1};
        assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
    }
    assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
    return set;
}

static const char *find_text(const struct vd_indicator_set *set, const char *address)
{
    struct vd_indicator_line line;
    const struct vd_indicator *found;

    assert_null(vd_indicator_parse(vd_str_from(address), &line));
    found = vd_indicator_set_find(set, &line.range.from);
    return found != NULL ? found->text : "-";
}

static void test_set__most_specific_wins(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3",
        "10.1.2.3/32", "255.255.255.255", "0.0.0.0/8", "2001:db8::/32", "2001:db8:1::/48", "::/8",
        "::ffff:198.51.100.0/120"};
    struct vd_indicator_set *set = set_of(texts, sizeof texts / sizeof texts[0]);

    (void)state;
    assert_int_equal(vd_indicator_set_count(set), 11);
    assert_string_equal(find_text(set, "10.1.2.3"), "10.1.2.3");
    assert_string_equal(find_text(set, "10.1.2.4"), "10.1.2.0/24");
    assert_string_equal(find_text(set, "10.1.3.0"), "10.1.0.0/16");
    assert_string_equal(find_text(set, "10.255.255.255"), "10.0.0.0/8");
    assert_string_equal(find_text(set, "11.0.0.0"), "-");
    assert_string_equal(find_text(set, "9.255.255.255"), "-");
    assert_string_equal(find_text(set, "0.0.0.0"), "0.0.0.0/8");
    assert_string_equal(find_text(set, "255.255.255.255"), "255.255.255.255");
    assert_string_equal(find_text(set, "255.255.255.254"), "-");
    assert_string_equal(find_text(set, "2001:db8:1::5"), "2001:db8:1::/48");
    assert_string_equal(find_text(set, "2001:db8:2::5"), "2001:db8::/32");
    assert_string_equal(find_text(set, "2001:db9::"), "-");
    /* A mapped address is the IPv4 address it maps; a wide IPv6 range says nothing about IPv4. */
    assert_string_equal(find_text(set, "::ffff:10.1.2.9"), "10.1.2.0/24");
    assert_string_equal(find_text(set, "198.51.100.8"), "::ffff:198.51.100.0/120");
    assert_string_equal(find_text(set, "192.0.2.1"), "-");
    assert_string_equal(find_text(set, "::1"), "::/8");
    vd_indicator_set_free(set);
}

static void test_set__empty(void **state)
{
    struct vd_indicator_set *set = set_of(NULL, 0);

    (void)state;
    assert_string_equal(find_text(set, "192.0.2.1"), "-");
    assert_string_equal(find_text(set, "2001:db8::1"), "-");
    assert_string_equal(find_text(NULL, "192.0.2.1"), "-");
    vd_indicator_set_free(set);
}

/* xorshift: the same sequence in every run. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#define PROPERTY_RANGES 60
#define PROPERTY_ROUNDS 300

/* Any range, overlapping others in any way, within a few hundred addresses; both families. */
static struct vd_indicator_range random_range(uint32_t *state)
{
    uint8_t base[4] = {10, 0, 0, 0};
    struct vd_indicator_range range;
    uint32_t a = next_random(state) % 512;
    uint32_t b = a + next_random(state) % (next_random(state) % 3 == 0 ? 300 : 8);

    range.from = vd_address_from_ipv4(base);
    range.to = range.from;
    if (next_random(state) % 2 == 0) {
        memset(range.from.bytes, 0x20, 12);
        memset(range.to.bytes, 0x20, 12);
    }
    range.from.bytes[14] = (uint8_t)(a >> 8);
    range.from.bytes[15] = (uint8_t)a;
    range.to.bytes[14] = (uint8_t)(b >> 8);
    range.to.bytes[15] = (uint8_t)b;
    return range;
}

static uint32_t range_size(const struct vd_indicator_range *range)
{
    return (uint32_t)((range->to.bytes[14] << 8 | range->to.bytes[15]) -
        (range->from.bytes[14] << 8 | range->from.bytes[15]));
}

/* What the set must say, found the slow and obvious way. */
static const struct vd_indicator_range *scan(
    const struct vd_indicator_range *ranges, size_t count, const struct vd_address *address)
{
    const struct vd_indicator_range *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (memcmp(ranges[i].from.bytes, address->bytes, 16) <= 0 &&
            memcmp(ranges[i].to.bytes, address->bytes, 16) >= 0 &&
            (best == NULL || range_size(&ranges[i]) < range_size(best))) {
            best = &ranges[i];
        }
    }
    return best;
}

static void check_everywhere(const struct vd_indicator_set *set,
    const struct vd_indicator_range *ranges, size_t count, uint32_t *state)
{
    for (uint32_t probe = 0; probe < 1000; probe++) {
        struct vd_address address = random_range(state).from;
        const struct vd_indicator_range *expected;
        const struct vd_indicator *found;

        address.bytes[14] = (uint8_t)(probe >> 8);
        address.bytes[15] = (uint8_t)probe;
        expected = scan(ranges, count, &address);
        found = vd_indicator_set_find(set, &address);
        if (expected == NULL) {
            assert_null(found);
        } else {
            assert_non_null(found);
            assert_int_equal(found->line, (uint32_t)(expected - ranges));
        }
    }
}

static void test_set__agrees_with_a_scan(void **state)
{
    struct vd_indicator_range ranges[PROPERTY_RANGES];
    uint32_t random = 2463534242u;

    (void)state;
    for (int round = 0; round < PROPERTY_ROUNDS; round++) {
        struct vd_indicator_builder *builder = vd_indicator_builder_new();
        struct vd_indicator_set *set = NULL;
        size_t count = next_random(&random) % PROPERTY_RANGES;

        assert_non_null(builder);
        for (size_t i = 0; i < count; i++) {
            struct vd_indicator indicator = {.text = "t", .feed = "f", .line = (uint32_t)i};

            ranges[i] = random_range(&random);
            indicator.range = ranges[i];
            assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
        }
        assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
        check_everywhere(set, ranges, count, &random);
        vd_indicator_set_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indicator__parse),
        cmocka_unit_test(test_indicator__list),
        cmocka_unit_test(test_indicator__list_fault_names_line),
        cmocka_unit_test(test_set__most_specific_wins),
        cmocka_unit_test(test_set__empty),
        cmocka_unit_test(test_set__agrees_with_a_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
