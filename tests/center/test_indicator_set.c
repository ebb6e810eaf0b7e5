/* SPDX-License-Identifier: MIT */
/* The set of indicators: what it says, and against a scan of all of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/intel/indicator_set.h"

#define NOW 1764000000000LL

/* ---- Building ---- */

struct feed_case {
    struct vd_feed_info info;
    const char *const *texts; /* up to NULL */
};

static struct vd_indicator indicator_of(const char *text, struct vd_indicator_line *line)
{
    assert_null(vd_indicator_parse(vd_str_from(text), line));
    return (struct vd_indicator){
        .range = line->range,
        .text = line->text,
        .confidence = VD_CONFIDENCE_UNKNOWN,
    };
}

/* The first error of building it at `path`. */
static int build(
    const char *path, const struct feed_case *feeds, size_t count, struct vd_indicator_set **set)
{
    struct vd_indicator_builder *builder = NULL;
    int error = vd_indicator_builder_new(path, &builder);

    for (size_t i = 0; i < count && error == VD_OK; i++) {
        error = vd_indicator_builder_feed(builder, &feeds[i].info);
        for (uint32_t k = 0; error == VD_OK && feeds[i].texts[k] != NULL; k++) {
            struct vd_indicator_line line;
            struct vd_indicator indicator = indicator_of(feeds[i].texts[k], &line);

            indicator.line = k + 1;
            indicator.description = "seen";
            error = vd_indicator_builder_add(builder, &indicator);
        }
    }
    if (error == VD_OK) {
        return vd_indicator_builder_finish(builder, set);
    }
    vd_indicator_builder_free(builder);
    return error;
}

static const char *match_text(
    const struct vd_indicator_set *set, const char *address, struct vd_indicator_match *match)
{
    struct vd_indicator_line line;

    assert_null(vd_indicator_parse(vd_str_from(address), &line));
    return vd_indicator_set_match(set, &line.range.from, NOW, match) ? match->text : "-";
}

/* ---- What it says ---- */

static const char *const nested[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3",
    "10.1.2.3/32", "255.255.255.255", "0.0.0.0/8", "2001:db8::/32", "2001:db8:1::/48", "::/8",
    "::ffff:198.51.100.0/120", NULL};
static const char *const allowed[] = {"10.1.2.0/25", "192.0.2.1", "2001:db8:1:1::/64", NULL};
static const struct feed_case small_feeds[] = {
    {{"feed", "High", 70, false}, nested},
    {{"allowed", NULL, VD_CONFIDENCE_UNKNOWN, true}, allowed},
};

static void test_set__most_specific_wins(void **state)
{
    struct vd_indicator_match match;
    struct vd_indicator_set *set = NULL;

    (void)state;
    assert_int_equal(build(NULL, small_feeds, 1, &set), VD_OK);
    assert_int_equal(vd_indicator_set_count(set), 11);
    assert_int_equal(vd_indicator_set_exception_count(set), 0);
    assert_string_equal(match_text(set, "10.1.2.3", &match), "10.1.2.3");
    assert_string_equal(match.feed, "feed");
    assert_string_equal(match.severity, "High");
    assert_string_equal(match.description, "seen");
    assert_int_equal(match.confidence, 70);
    assert_int_equal(match.line, 4);
    assert_string_equal(match_text(set, "10.1.2.4", &match), "10.1.2.0/24");
    assert_string_equal(match_text(set, "10.1.3.0", &match), "10.1.0.0/16");
    assert_string_equal(match_text(set, "10.255.255.255", &match), "10.0.0.0/8");
    assert_string_equal(match_text(set, "11.0.0.0", &match), "-");
    assert_string_equal(match_text(set, "9.255.255.255", &match), "-");
    assert_string_equal(match_text(set, "0.0.0.0", &match), "0.0.0.0/8");
    assert_string_equal(match_text(set, "255.255.255.255", &match), "255.255.255.255");
    assert_string_equal(match_text(set, "255.255.255.254", &match), "-");
    assert_string_equal(match_text(set, "2001:db8:1::5", &match), "2001:db8:1::/48");
    assert_string_equal(match_text(set, "2001:db8:2::5", &match), "2001:db8::/32");
    assert_string_equal(match_text(set, "2001:db9::", &match), "-");
    /* A mapped address is the IPv4 address it maps; a wide IPv6 range says nothing about IPv4. */
    assert_string_equal(match_text(set, "::ffff:10.1.2.9", &match), "10.1.2.0/24");
    assert_string_equal(match_text(set, "198.51.100.8", &match), "::ffff:198.51.100.0/120");
    assert_string_equal(match_text(set, "192.0.2.1", &match), "-");
    assert_string_equal(match_text(set, "::1", &match), "::/8");
    vd_indicator_set_release(set);
}

struct visited {
    char text[512];
};

static void note_visit(const struct vd_indicator_match *match, void *context)
{
    struct visited *visited = context;
    size_t length = strlen(visited->text);

    snprintf(visited->text + length, sizeof visited->text - length, "%s%s ",
        match->is_exception ? "!" : "", match->text);
}

static void test_set__exceptions_win_and_all_are_visited(void **state)
{
    struct vd_indicator_match match;
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_line line;
    struct visited visited = {""};

    (void)state;
    assert_int_equal(build(NULL, small_feeds, 2, &set), VD_OK);
    assert_int_equal(vd_indicator_set_count(set), 11);
    assert_int_equal(vd_indicator_set_exception_count(set), 3);
    assert_string_equal(match_text(set, "10.1.2.3", &match), "-");
    assert_string_equal(match_text(set, "10.1.2.127", &match), "-");
    assert_string_equal(match_text(set, "10.1.2.128", &match), "10.1.2.0/24");
    assert_string_equal(match_text(set, "2001:db8:1:1::9", &match), "-");
    assert_string_equal(match_text(set, "2001:db8:1:2::9", &match), "2001:db8:1::/48");
    assert_null(vd_indicator_parse(VD_STR_LITERAL("10.1.2.3"), &line));
    vd_indicator_set_visit(set, &line.range.from, note_visit, &visited);
    assert_string_equal(
        visited.text, "10.1.2.3 10.1.2.3 10.1.2.0/24 10.1.0.0/16 10.0.0.0/8 !10.1.2.0/25 ");
    vd_indicator_set_release(set);
}

static void test_set__empty(void **state)
{
    struct vd_indicator_match match;
    struct vd_indicator_set *set = NULL;

    (void)state;
    assert_int_equal(build(NULL, NULL, 0, &set), VD_OK);
    assert_string_equal(match_text(set, "192.0.2.1", &match), "-");
    assert_string_equal(match_text(set, "2001:db8::1", &match), "-");
    assert_string_equal(match_text(NULL, "192.0.2.1", &match), "-");
    assert_int_equal(vd_indicator_set_bytes(set), 0);
    vd_indicator_set_release(set);
    vd_indicator_set_release(NULL);
}

static void test_builder__refuses(void **state)
{
    struct vd_feed_info feed = {.name = "feed", .confidence = 101};
    char long_name[VD_FEED_NAME_MAX + 2];
    char long_text[VD_INDICATOR_TEXT + 1];
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_line line;
    struct vd_indicator good = indicator_of("192.0.2.0/24", &line);
    struct vd_indicator bad = good;

    (void)state;
    assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
    assert_int_equal(vd_indicator_builder_add(builder, &good), VD_E_INVALID);
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_E_INVALID);
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    feed = (struct vd_feed_info){.name = long_name};
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_E_INVALID);
    feed.name = "feed";
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_OK);
    bad.confidence = 101;
    assert_int_equal(vd_indicator_builder_add(builder, &bad), VD_E_INVALID);
    bad = good;
    bad.tlp = VD_TLP_RED + 1;
    assert_int_equal(vd_indicator_builder_add(builder, &bad), VD_E_INVALID);
    bad = good;
    bad.range = (struct vd_indicator_range){good.range.to, good.range.from};
    assert_int_equal(vd_indicator_builder_add(builder, &bad), VD_E_INVALID);
    bad = good;
    memset(long_text, 't', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    bad.text = long_text;
    assert_int_equal(vd_indicator_builder_add(builder, &bad), VD_E_INVALID);
    for (int i = 1; i < VD_FEEDS_MAX; i++) {
        assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_OK);
    }
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_E_LIMIT);
    vd_indicator_builder_free(builder);
}

/* A description is cut between characters, and everything else comes back as it was given. */
static void test_set__keeps_what_was_given(void **state)
{
    static char description[VD_INDICATOR_DESCRIPTION_MAX + 8];
    const struct vd_feed_info feed = {"a feed", "Low", 10, false};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_match match;
    struct vd_indicator_line line;
    struct vd_indicator indicator = indicator_of("192.0.2.1", &line);

    (void)state;
    memset(description, 'd', VD_INDICATOR_DESCRIPTION_MAX - 1);
    snprintf(description + VD_INDICATOR_DESCRIPTION_MAX - 1, 8, "\xc3\xa9x");
    indicator.description = description;
    indicator.valid_from_ms = NOW;
    indicator.valid_until_ms = NOW + 1;
    indicator.confidence = 0;
    indicator.tlp = VD_TLP_AMBER_STRICT;
    indicator.line = UINT32_MAX;
    assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_OK);
    assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
    assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
    assert_true(vd_indicator_set_match(set, &indicator.range.from, NOW, &match));
    assert_false(vd_indicator_set_match(set, &indicator.range.from, NOW - 1, &match));
    assert_false(vd_indicator_set_match(set, &indicator.range.from, NOW + 1, &match));
    assert_int_equal(strlen(match.description), VD_INDICATOR_DESCRIPTION_MAX - 1);
    assert_int_equal(match.valid_from_ms, NOW);
    assert_int_equal(match.valid_until_ms, NOW + 1);
    assert_int_equal(match.confidence, 0);
    assert_int_equal(match.tlp, VD_TLP_AMBER_STRICT);
    assert_int_equal(match.line, UINT32_MAX);
    assert_string_equal(match.severity, "Low");
    vd_indicator_set_release(set);
}

/* However often a feed names an address, a lookup weighs the first ones only. */
static void test_set__weighs_so_many(void **state)
{
    static const char *const repeated[] = {"192.0.2.1", "192.0.2.0/24", "2001:db8::1"};
    const struct vd_feed_info feed = {.name = "feed"};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_match match;
    const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};

    (void)state;
    assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_OK);
    for (uint32_t i = 0; i < 3 * (VD_INDICATORS_WEIGHED_MAX + 1); i++) {
        struct vd_indicator_line line;
        struct vd_indicator indicator = indicator_of(repeated[i % 3], &line);

        indicator.line = i / 3 + 1;
        indicator.confidence = indicator.line < VD_INDICATORS_WEIGHED_MAX ? 1
            : indicator.line == VD_INDICATORS_WEIGHED_MAX                 ? 2
                                                                          : 3;
        assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
    }
    assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_string_not_equal(match_text(set, addresses[i], &match), "-");
        assert_int_equal(match.line, VD_INDICATORS_WEIGHED_MAX);
    }
    vd_indicator_set_release(set);
}

/* ---- Against a scan ---- */

/* xorshift: the same sequence in every run. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#define PROPERTY_ITEMS  80
#define PROPERTY_ROUNDS 200
#define PROPERTY_FEEDS  4

struct item {
    struct vd_indicator indicator;
    uint8_t confidence; /* with the feed's default */
    bool is_exception;
};

/* Both ends of both families, and where buckets and families meet. */
static const char *const bases[] = {"0.0.0.0", "10.0.0.0", "10.0.255.128", "10.1.0.0",
    "255.255.255.0", "::", "::fffe:ffff:ff80", "::1:0:0:0", "2001:db8::", "2001:db8::ffff:ff80",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00", "2001:db8:0:0:ffff:ffff:ffff:ff80"};

/* Adds `more` and stops at the last address. */
static struct vd_address address_plus(struct vd_address address, uint32_t more)
{
    struct vd_address sum = address;
    uint32_t carry = more;

    for (int i = 15; i >= 0; i--) {
        carry += sum.bytes[i];
        sum.bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry != 0) {
        memset(sum.bytes, 0xff, sizeof sum.bytes);
    }
    return sum;
}

static struct vd_address random_address(uint32_t *random)
{
    struct vd_indicator_line line;
    const char *base = bases[next_random(random) % (sizeof bases / sizeof bases[0])];

    assert_null(vd_indicator_parse(vd_str_from(base), &line));
    return address_plus(line.range.from, next_random(random) % 256);
}

static struct vd_indicator_range random_range(uint32_t *random)
{
    struct vd_address a = random_address(random);
    struct vd_address b = a;

    switch (next_random(random) % 4) {
    case 0:
        break;
    case 1:
        b = address_plus(a, next_random(random) % 8);
        break;
    case 2:
        b = address_plus(a, next_random(random) % 700);
        break;
    default:
        b = random_address(random);
        break;
    }
    return memcmp(&a, &b, sizeof a) <= 0 ? (struct vd_indicator_range){a, b}
                                         : (struct vd_indicator_range){b, a};
}

static int64_t random_bound(uint32_t *random)
{
    return next_random(random) % 2 == 0 ? 0 : NOW - 5 + next_random(random) % 10;
}

static bool range_is_ipv4(const struct vd_indicator_range *range)
{
    return vd_address_is_ipv4(&range->from) && vd_address_is_ipv4(&range->to);
}

static struct vd_address range_size(const struct vd_indicator_range *range)
{
    struct vd_address size;
    int borrow = 0;

    for (int i = 15; i >= 0; i--) {
        int d = range->to.bytes[i] - range->from.bytes[i] - borrow;

        borrow = d < 0;
        size.bytes[i] = (uint8_t)(d & 0xff);
    }
    return size;
}

static bool is_within(const struct item *item, const struct vd_address *address)
{
    const struct vd_indicator_range *range = &item->indicator.range;

    return range_is_ipv4(range) == vd_address_is_ipv4(address) &&
        memcmp(&range->from, address, sizeof *address) <= 0 &&
        memcmp(&range->to, address, sizeof *address) >= 0;
}

static bool holds(const struct item *item, const struct vd_address *address, int64_t time_ms)
{
    const struct vd_indicator *i = &item->indicator;

    return is_within(item, address) && (i->valid_from_ms == 0 || i->valid_from_ms <= time_ms) &&
        (i->valid_until_ms == 0 || i->valid_until_ms > time_ms);
}

static bool better(const struct item *a, const struct item *b)
{
    const struct vd_address size_a = range_size(&a->indicator.range);
    const struct vd_address size_b = range_size(&b->indicator.range);
    const int order = memcmp(&size_a, &size_b, sizeof size_a);
    const int rank_a = a->confidence == VD_CONFIDENCE_UNKNOWN ? -1 : a->confidence;
    const int rank_b = b->confidence == VD_CONFIDENCE_UNKNOWN ? -1 : b->confidence;

    return order != 0 ? order < 0 : rank_a > rank_b;
}

/* What the set must say, found the slow and obvious way. */
static const struct item *scan(
    const struct item *items, size_t count, const struct vd_address *address, int64_t time_ms)
{
    const struct item *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!holds(&items[i], address, time_ms)) {
            continue;
        }
        if (items[i].is_exception) {
            return NULL;
        }
        if (best == NULL || better(&items[i], best)) {
            best = &items[i];
        }
    }
    return best;
}

static bool is_held(const struct item *items, size_t count, const struct vd_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (!items[i].is_exception && is_within(&items[i], address)) {
            return true;
        }
    }
    return false;
}

static void check_address(const struct vd_indicator_set *set, const struct item *items,
    size_t count, struct vd_address address, uint32_t *random)
{
    const int64_t time_ms = NOW - 6 + next_random(random) % 12;
    const struct item *expected = scan(items, count, &address, time_ms);
    struct vd_indicator_match match;
    const bool found = vd_indicator_set_match(set, &address, time_ms, &match);

    assert_int_equal(found, expected != NULL);
    assert_int_equal(vd_indicator_set_holds(set, &address), is_held(items, count, &address));
    if (found && expected != NULL) {
        assert_int_equal(match.line, expected->indicator.line);
        assert_int_equal(match.confidence, expected->confidence);
    }
}

/* The ends of every range, what is beside them, and others. */
static void check_everywhere(
    const struct vd_indicator_set *set, const struct item *items, size_t count, uint32_t *random)
{
    struct vd_address minus_one;

    memset(minus_one.bytes, 0xff, sizeof minus_one.bytes);
    for (size_t i = 0; i < count; i++) {
        const struct vd_indicator_range *range = &items[i].indicator.range;
        struct vd_address before = range->from;

        for (int byte = 15; byte >= 0 && before.bytes[byte]-- == 0; byte--) {
        }
        check_address(set, items, count, range->from, random);
        check_address(set, items, count, range->to, random);
        check_address(set, items, count, before, random);
        check_address(set, items, count, address_plus(range->to, 1), random);
    }
    for (int i = 0; i < 500; i++) {
        check_address(set, items, count, random_address(random), random);
    }
    check_address(set, items, count, minus_one, random);
}

static struct item random_item(
    const struct vd_feed_info *feed, uint32_t line, uint32_t *random, const struct item *before)
{
    static const uint8_t confidences[] = {VD_CONFIDENCE_UNKNOWN, 0, 50, 100};
    struct item item = {
        .indicator =
            {
                .range = random_range(random),
                .text = "t",
                .description = next_random(random) % 2 == 0 ? "" : "some words",
                .valid_from_ms = random_bound(random),
                .valid_until_ms = random_bound(random),
                .confidence = confidences[next_random(random) % sizeof confidences],
                .line = line,
            },
        .is_exception = feed->is_exception,
    };

    if (before != NULL && next_random(random) % 4 == 0) {
        item.indicator.range = before->indicator.range;
    }
    item.confidence = item.indicator.confidence != VD_CONFIDENCE_UNKNOWN ? item.indicator.confidence
                                                                         : feed->confidence;
    return item;
}

static void test_set__agrees_with_a_scan(void **state)
{
    static const struct vd_feed_info feeds[PROPERTY_FEEDS] = {
        {"a", "", VD_CONFIDENCE_UNKNOWN, false},
        {"b", "", 50, false},
        {"c", "", 0, true},
        {"d", "", 100, false},
    };
    struct item items[PROPERTY_ITEMS];
    uint32_t random = 2463534242u;

    (void)state;
    for (int round = 0; round < PROPERTY_ROUNDS; round++) {
        struct vd_indicator_builder *builder = NULL;
        struct vd_indicator_set *set = NULL;
        size_t count = 0;

        assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
        for (size_t f = 0; f < PROPERTY_FEEDS; f++) {
            const size_t until = count +
                next_random(&random) %
                    (feeds[f].is_exception ? 4u : PROPERTY_ITEMS / PROPERTY_FEEDS);

            assert_int_equal(vd_indicator_builder_feed(builder, &feeds[f]), VD_OK);
            for (; count < until; count++) {
                const struct item *before = count > 0 ? &items[next_random(&random) % count] : NULL;

                items[count] = random_item(&feeds[f], (uint32_t)count + 1, &random, before);
                assert_int_equal(vd_indicator_builder_add(builder, &items[count].indicator), VD_OK);
            }
        }
        assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
        check_everywhere(set, items, count, &random);
        vd_indicator_set_release(set);
    }
}

static void count_visit(const struct vd_indicator_match *match, void *context)
{
    uint32_t *visits = context;

    assert_string_equal(match->text, "t");
    ++*visits;
}

/* Many addresses, crowded and spread, some again and again, so that buckets are searched in every way. */
static void test_set__agrees_on_many_addresses(void **state)
{
    enum {
        COUNT = 60000
    };
    static uint32_t times[3][65536];
    static const uint16_t upper[3] = {0, 0x0a01, 0xffff};
    const struct vd_feed_info feed = {.name = "f"};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;
    uint32_t random = 88172645u;

    (void)state;
    assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
    assert_int_equal(vd_indicator_builder_feed(builder, &feed), VD_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t bucket = next_random(&random) % 3;
        const uint32_t shape = next_random(&random) % 3;
        const uint32_t low = bucket == 1 ? next_random(&random) % 65536
            : shape == 0                 ? next_random(&random) % 256
                                         : 65535 - next_random(&random) % 40000 / (shape * 7);
        const uint8_t bytes[4] = {(uint8_t)(upper[bucket] >> 8), (uint8_t)upper[bucket],
            (uint8_t)(low >> 8), (uint8_t)low};
        struct vd_indicator indicator = {.text = "t"};

        times[bucket][low]++;
        indicator.range.from = vd_address_from_ipv4(bytes);
        indicator.range.to = indicator.range.from;
        assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
    }
    assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
    for (uint32_t probe = 0; probe < 3 * 65536; probe++) {
        const uint32_t bucket = probe >> 16;
        const uint8_t bytes[4] = {(uint8_t)(upper[bucket] >> 8), (uint8_t)upper[bucket],
            (uint8_t)(probe >> 8), (uint8_t)probe};
        const struct vd_address address = vd_address_from_ipv4(bytes);
        uint32_t visits = 0;

        vd_indicator_set_visit(set, &address, count_visit, &visits);
        assert_int_equal(visits, times[bucket][probe & 0xffff]);
        assert_int_equal(vd_indicator_set_holds(set, &address), visits > 0);
    }
    vd_indicator_set_release(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set__most_specific_wins),
        cmocka_unit_test(test_set__exceptions_win_and_all_are_visited),
        cmocka_unit_test(test_set__empty),
        cmocka_unit_test(test_builder__refuses),
        cmocka_unit_test(test_set__keeps_what_was_given),
        cmocka_unit_test(test_set__weighs_so_many),
        cmocka_unit_test(test_set__agrees_with_a_scan),
        cmocka_unit_test(test_set__agrees_on_many_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
