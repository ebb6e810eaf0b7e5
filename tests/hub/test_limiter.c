/* SPDX-License-Identifier: MIT */
/* Rates and bursts against a count of what was done, with clocks that jump and tables that overflow. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/limiter.h"
#include "hub/siphash.h"

static uint64_t seed = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % limit;
}

/* The same text gives the same number under one key, another under another, and another when it grows. */
static void test_siphash__is_deterministic_and_keyed(void **state)
{
    static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    static const uint64_t other[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0909u};
    uint8_t text[16];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)i;
    }
    for (size_t length = 0; length < sizeof text; length++) {
        assert_true(vd_siphash(key, text, length) == vd_siphash(key, text, length));
        assert_true(vd_siphash(key, text, length) != vd_siphash(other, text, length));
        assert_true(vd_siphash(key, text, length) != vd_siphash(key, text, length + 1));
    }
}

static void test_pace__gives_a_burst_and_then_the_rate(void **state)
{
    const struct vd_rate rate = {10, 1000, 5};
    struct vd_pace pace = {0};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(vd_pace_take(&pace, &rate, 1000));
    }
    assert_false(vd_pace_may(&pace, &rate, 1000));
    assert_false(vd_pace_take(&pace, &rate, 1099));
    assert_true(vd_pace_take(&pace, &rate, 1100));
    assert_false(vd_pace_take(&pace, &rate, 1199));
    /* After a long rest a burst is whole, and no more than whole. */
    for (unsigned i = 0; i < 5; i++) {
        assert_true(vd_pace_take(&pace, &rate, 1000000));
    }
    assert_false(vd_pace_take(&pace, &rate, 1000000));
}

static void test_pace__without_a_rate_never_waits(void **state)
{
    const struct vd_rate none = {0, 0, 0};
    struct vd_pace pace = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(vd_pace_may(&pace, &none, 1));
        assert_true(vd_pace_take(&pace, &none, 1));
        assert_int_equal(vd_pace_spend(&pace, &none, UINT32_MAX, 1), 0);
    }
}

static void test_pace__spending_says_how_long_to_rest(void **state)
{
    const struct vd_rate rate = {1000, 1000, 2000};
    struct vd_pace pace = {0};

    (void)state;
    assert_int_equal(vd_pace_spend(&pace, &rate, 2000, 5000), 0);
    assert_int_equal(vd_pace_spend(&pace, &rate, 500, 5000), 500);
    assert_int_equal(vd_pace_spend(&pace, &rate, 0, 5499), 2);
    assert_int_equal(vd_pace_spend(&pace, &rate, 100, 9000), 0);
}

/* Whoever always rests as he is told does, over any stretch, what rate and burst allow, and is not held up more. */
static void test_pace__keeps_the_rate_over_any_stretch(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        const struct vd_rate rate = {1 + random_below(5000), 1000, 1 + random_below(3000)};
        struct vd_pace pace = {0};
        int64_t now_ms = random_below(100000);
        const int64_t begin_ms = now_ms;
        uint64_t done = 0;
        uint32_t last = 0;

        for (unsigned i = 0; i < 300; i++) {
            last = random_below(400);
            done += last;
            now_ms += vd_pace_spend(&pace, &rate, last, now_ms) + random_below(3);
            assert_true(done - last <=
                rate.burst + (uint64_t)(now_ms - begin_ms + 1) * rate.count / 1000 + 1);
        }
        /* Nobody waits for more than what he did beyond his burst is worth. */
        assert_true((uint64_t)(now_ms - begin_ms) <= done * 1000 / rate.count + 300 * 3 + 300);
    }
}

static void test_pace__a_clock_that_goes_back_locks_nobody_out(void **state)
{
    const struct vd_rate rate = {10, 1000, 5};
    struct vd_pace pace = {0};

    (void)state;
    assert_true(vd_pace_take(&pace, &rate, 10000000));
    assert_true(vd_pace_take(&pace, &rate, 1000));
    assert_true(vd_pace_take(&pace, &rate, 1000));
}

static void test_limiter__keeps_each_key_apart(void **state)
{
    const struct vd_rate rate = {1, 1000, 3};
    struct vd_limiter *limiter = vd_limiter_new(1024, &rate);
    unsigned given[50] = {0};

    (void)state;
    assert_non_null(limiter);
    for (unsigned i = 0; i < 2000; i++) {
        const uint32_t who = random_below(50);
        const bool may = vd_limiter_may(limiter, &who, sizeof who, 5000);

        assert_int_equal(may, vd_limiter_take(limiter, &who, sizeof who, 5000));
        assert_int_equal(may, given[who] < 3);
        given[who] += may ? 1 : 0;
    }
    vd_limiter_free(limiter);
}

/* One who is at his limit stays there while others come and go, be they many more than there are places. */
static void test_limiter__made_up_keys_do_not_free_the_limited(void **state)
{
    const struct vd_rate rate = {1, 1000, 20};
    struct vd_limiter *limiter = vd_limiter_new(256, &rate);
    const uint32_t noisy = UINT32_MAX;
    unsigned passed = 0;

    (void)state;
    assert_non_null(limiter);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(vd_limiter_take(limiter, &noisy, sizeof noisy, 1000));
    }
    for (uint32_t other = 0; other < 100000; other++) {
        assert_true(vd_limiter_take(limiter, &other, sizeof other, 1000));
        passed += vd_limiter_take(limiter, &noisy, sizeof noisy, 1000) ? 1 : 0;
    }
    assert_int_equal(passed, 0);
    vd_limiter_free(limiter);
}

/* What was counted stays: whoever was at the limit is so still, and recovers at the new rate. */
static void test_limiter__another_rate(void **state)
{
    const struct vd_rate rate = {1, 1000, 3};
    const struct vd_rate faster = {10, 1000, 30};
    const struct vd_rate none = {0, 1, 0};
    struct vd_limiter *limiter = vd_limiter_new(16, &none);

    (void)state;
    assert_non_null(limiter);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(vd_limiter_take(limiter, "a", 1, 1000));
    }
    vd_limiter_set_rate(limiter, &rate);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vd_limiter_take(limiter, "a", 1, 1000));
    }
    assert_false(vd_limiter_take(limiter, "a", 1, 1000));
    vd_limiter_set_rate(limiter, &faster);
    assert_false(vd_limiter_take(limiter, "a", 1, 1000));
    assert_true(vd_limiter_take(limiter, "a", 1, 1100));
    assert_false(vd_limiter_take(limiter, "a", 1, 1100));
    vd_limiter_free(limiter);
}

/* Spending goes on until a burst is passed, and then waits; what is remembered of another table counts the same. */
static void test_limiter__spends_and_remembers(void **state)
{
    const struct vd_rate rate = {10, 1000, 50};
    struct vd_limiter *limiter = vd_limiter_new(256, &rate);
    const struct vd_pace little = {1000 * 1000 + 1};
    struct vd_pace pace;

    (void)state;
    assert_non_null(limiter);
    assert_int_equal(vd_limiter_recall(limiter, "a", 1).whole_us, 0);
    assert_true(vd_limiter_spend(limiter, "a", 1, 50, 1000));
    assert_true(vd_limiter_spend(limiter, "a", 1, 30, 1000));
    assert_false(vd_limiter_spend(limiter, "a", 1, 1, 3999));
    assert_true(vd_limiter_spend(limiter, "a", 1, 1, 4000));
    assert_true(vd_limiter_spend(limiter, "b", 1, 1, 1000));
    pace = vd_limiter_recall(limiter, "a", 1);
    assert_true(vd_pace_spend(&pace, &rate, 0, 4000) > 0);
    vd_limiter_remember(limiter, "a", 1, &little);
    assert_true(vd_limiter_recall(limiter, "a", 1).whole_us > little.whole_us);
    vd_limiter_remember(limiter, "c", 1, &pace);
    assert_int_equal(vd_limiter_recall(limiter, "c", 1).whole_us, pace.whole_us);
    assert_false(vd_limiter_spend(limiter, "c", 1, 1, 4000));
    for (uint32_t other = 0; other < 10000; other++) {
        vd_limiter_remember(limiter, &other, sizeof other, &little);
    }
    assert_int_equal(vd_limiter_recall(limiter, "c", 1).whole_us, pace.whole_us);
    vd_limiter_free(limiter);
}

static void test_peer__is_an_address_or_a_network(void **state)
{
    static const struct {
        const char *one;
        const char *other;
        bool are_one;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"2001:db8::1", "2001:db8::ffff:0:0:1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"", "nothing", true},
        {"", "0.0.0.0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct peer_key one = vd_peer_key_of_text(rows[i].one);
        const struct peer_key other = vd_peer_key_of_text(rows[i].other);

        assert_int_equal(
            one.length == other.length && memcmp(one.bytes, other.bytes, one.length) == 0,
            rows[i].are_one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash__is_deterministic_and_keyed),
        cmocka_unit_test(test_pace__gives_a_burst_and_then_the_rate),
        cmocka_unit_test(test_pace__without_a_rate_never_waits),
        cmocka_unit_test(test_pace__spending_says_how_long_to_rest),
        cmocka_unit_test(test_pace__keeps_the_rate_over_any_stretch),
        cmocka_unit_test(test_pace__a_clock_that_goes_back_locks_nobody_out),
        cmocka_unit_test(test_limiter__keeps_each_key_apart),
        cmocka_unit_test(test_limiter__made_up_keys_do_not_free_the_limited),
        cmocka_unit_test(test_limiter__another_rate),
        cmocka_unit_test(test_limiter__spends_and_remembers),
        cmocka_unit_test(test_peer__is_an_address_or_a_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
