/* SPDX-License-Identifier: MIT */
/* What devices are: reporting, late, silent, refused, never heard of, disabled; and that the store says the same. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/detect/presence.h"
#include "center/store/inventory.h"
#include "tests/center/engine_fixture.h"

#define T0_MS     ENGINE_T0_MS
#define MINUTE_MS ENGINE_MINUTE_MS
#define HOUR_MS   (60 * MINUTE_MS)

struct sought {
    const char *device;
    int presence; /* -1: it is not there */
};

static bool look(void *context, const struct vd_inventory_row *row)
{
    struct sought *sought = context;

    if (strcmp(row->device_id, sought->device) == 0) {
        sought->presence = (int)row->presence;
    }
    return true;
}

/* As it is in the store at the end of the batch. */
static const char *presence_of(struct engine_fixture *f, const char *device)
{
    const struct vd_inventory_filter all = {.limit = 100};
    struct sought sought = {device, -1};

    engine_end_batch(f, true);
    assert_int_equal(vd_inventory_each(f->store, &all, look, &sought), VD_OK);
    return sought.presence >= 0 ? vd_presence_name((enum vd_presence)sought.presence) : "none";
}

static void report(struct engine_fixture *f, const char *device, int64_t ms)
{
    engine_hear(f, device, "203.0.113.1", ms);
}

static void connect_device(
    struct engine_fixture *f, const char *device, int64_t ms, const char *reason)
{
    const struct vd_operation_seen operation = {
        .category = VD_STR_LITERAL("Connections"),
        .name = VD_STR_LITERAL("deviceConnect"),
        .result = reason != NULL ? 401003 : 0,
        .reason = vd_str_from(reason != NULL ? reason : ""),
        .protocol = VD_STR_LITERAL("Mqtt"),
    };
    const struct vd_observation seen = {.what = VD_OBSERVED_OPERATION,
        .device_id = vd_str_from(device),
        .address = VD_STR_LITERAL("203.0.113.7"),
        .enqueued_ms = ms,
        .time = engine_at(ms),
        .operation = &operation};

    assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
}

static void test_presence__late_by_its_own_pace(void **state)
{
    struct engine_fixture *f = *state;
    int64_t t;

    report(f, "d0", T0_MS);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    assert_string_equal(presence_of(f, "d1"), "never");
    /* d0 each minute, d1 each hour: half an hour without either is long for one of them only. */
    for (t = T0_MS; t <= T0_MS + 4 * HOUR_MS; t += MINUTE_MS) {
        report(f, "d0", t);
        if ((t - T0_MS) % HOUR_MS == 0) {
            report(f, "d1", t);
            report(f, "d1", t + 1); /* what comes at once does not wear the habit down */
        }
    }
    t = T0_MS + 4 * HOUR_MS;
    engine_pass_time(f, t + 1, t + 30 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "late");
    assert_string_equal(presence_of(f, "d1"), "reporting");
    engine_restart(f);
    assert_string_equal(presence_of(f, "d0"), "late");
    report(f, "d0", t + 31 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    /* That pause is part of its habit now, within bounds. */
    engine_pass_time(f, t + 31 * MINUTE_MS, t + 60 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    engine_pass_time(f, t + 60 * MINUTE_MS, t + 3 * HOUR_MS);
    assert_string_equal(presence_of(f, "d0"), "late");
    assert_string_equal(presence_of(f, "d1"), "late");
}

static void test_presence__a_habit_is_forgotten(void **state)
{
    struct engine_fixture *f = *state;
    const struct vd_device_state *device;
    int64_t t = T0_MS;

    for (; t < T0_MS + HOUR_MS; t += MINUTE_MS) {
        report(f, "d0", t);
    }
    engine_pass_time(f, t, t + 50 * HOUR_MS); /* an outage */
    t += 50 * HOUR_MS;
    report(f, "d0", t);
    device = vd_engine_device(f->engine, VD_STR_LITERAL("d0"));
    assert_true(device->pace_ms <= 4 * MINUTE_MS + HOUR_MS);
    for (int64_t end = t + 48 * HOUR_MS; t < end; t += MINUTE_MS) {
        report(f, "d0", t);
    }
    assert_true(device->pace_ms < 6 * MINUTE_MS);
    assert_true(device->pace_ms >= MINUTE_MS);
}

/* Time in which the service was away makes nobody late. */
static void test_presence__no_lateness_over_a_gap(void **state)
{
    struct engine_fixture *f = *state;

    report(f, "d0", T0_MS);
    report(f, "d0", T0_MS + MINUTE_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    engine_pass_time(f, T0_MS + 10 * HOUR_MS, T0_MS + 10 * HOUR_MS + 2 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    engine_pass_time(f, T0_MS + 10 * HOUR_MS + 2 * MINUTE_MS, T0_MS + 10 * HOUR_MS + 6 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "late");
}

static void test_presence__silent_and_disabled(void **state)
{
    struct engine_fixture *f = *state;
    struct vd_observation seen = {.device_id = VD_STR_LITERAL("d1"),
        .enqueued_ms = T0_MS + 1000,
        .time = engine_at(T0_MS + 1000)};

    f->settings.silent_after_ms = HOUR_MS;
    vd_engine_set_settings(f->engine, &f->settings);
    report(f, "d0", T0_MS);
    report(f, "d1", T0_MS);
    f->fleet.devices[1].is_enabled = false;
    engine_observe_operation(f, &seen, "DeviceIdentityOperations", "update", 0);
    engine_pass_time(f, T0_MS + 1000, T0_MS + 62 * MINUTE_MS);
    assert_string_equal(presence_of(f, "d0"), "silent");
    assert_string_equal(presence_of(f, "d1"), "disabled");
    f->fleet.devices[1].is_enabled = true;
    seen.enqueued_ms = T0_MS + 63 * MINUTE_MS;
    engine_observe_operation(f, &seen, "DeviceIdentityOperations", "update", 0);
    assert_string_equal(presence_of(f, "d1"), "reporting");
    f->fleet.count = 1;
    seen.enqueued_ms = T0_MS + 64 * MINUTE_MS;
    engine_observe_operation(f, &seen, "DeviceIdentityOperations", "delete", 0);
    assert_string_equal(presence_of(f, "d1"), "none");
}

static void test_presence__refused(void **state)
{
    struct engine_fixture *f = *state;

    connect_device(f, "d0", T0_MS, "signature_wrong");
    assert_string_equal(presence_of(f, "d0"), "refused");
    connect_device(f, "d0", T0_MS + 1000, NULL);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    /* It is connected: whoever is refused now is not it. */
    connect_device(f, "d0", T0_MS + 2000, "token_expired");
    assert_string_equal(presence_of(f, "d0"), "reporting");
    /* A hub that was started since has no connection from before. */
    f->settings.hub_started_ms = T0_MS + 1500;
    vd_engine_set_settings(f->engine, &f->settings);
    connect_device(f, "d0", T0_MS + 3000, "token_expired");
    assert_string_equal(presence_of(f, "d0"), "refused");
    report(f, "d0", T0_MS + 4000);
    assert_string_equal(presence_of(f, "d0"), "reporting");
    /* Not for its credential. */
    connect_device(f, "d1", T0_MS + 5000, "429001_too_often");
    assert_string_equal(presence_of(f, "d1"), "never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(test_presence__late_by_its_own_pace),
        ENGINE_TEST(test_presence__a_habit_is_forgotten),
        ENGINE_TEST(test_presence__no_lateness_over_a_gap),
        ENGINE_TEST(test_presence__silent_and_disabled),
        ENGINE_TEST(test_presence__refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
