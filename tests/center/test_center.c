/* SPDX-License-Identifier: MIT */
/* The center's thread: what it does beside taking records, and when the clock is not to be believed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/device_states.h"
#include "lib/clock.h"
#include "tests/center/ingest_fixture.h"

static const char *no_evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

static size_t alert_count(struct ingest_fixture *f)
{
    json_t *alerts = ingest_alerts(f);
    const size_t count = json_array_size(alerts);

    json_decref(alerts);
    return count;
}

static void raise_at(struct ingest_fixture *f, uint64_t number, int64_t generated_ms)
{
    const struct vd_alert_update update = {.id = test_uuid(number),
        .type = "T",
        .display_name = "n",
        .severity = "Low",
        .subject = "s",
        .generated_ms = generated_ms,
        .description = "d",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .count = 1,
        .evidence = no_evidence};
    bool raised = false;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_alert_store_apply(f->store, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

/* Of an alert from 1970 and one from now, the second is kept. */
static void test_center__removes_old_alerts(void **state)
{
    struct ingest_fixture *f = *state;
    const int64_t deadline = vd_clock_monotonic_ms() + 30000;
    struct vd_center *center = NULL;
    struct vd_center_config config;

    raise_at(f, 0, 1000);
    raise_at(f, 1, vd_clock_utc_ms());
    assert_int_equal(alert_count(f), 2);
    config = ingest_config(f);
    config.alerts_keep_ms = VD_DAY_MS;
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    while (alert_count(f) == 2 && vd_clock_monotonic_ms() < deadline) {
        usleep(2000);
    }
    assert_int_equal(alert_count(f), 1);
    while (!vd_center_trusts_time(center)) {
        assert_true(vd_clock_monotonic_ms() < deadline);
        usleep(2000);
    }
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
}

/* The hub's time as detections had it last, out of their own row; 0: there is none yet. */
static int64_t saved_time(struct ingest_fixture *f)
{
    struct vd_buf body = {0};
    struct vd_reader reader;
    int64_t now_ms = 0;

    if (vd_device_state_get(f->store, "", &body) == VD_OK) {
        vd_reader_init(&reader, body.data, body.length);
        (void)vd_reader_u8(&reader);
        now_ms = (int64_t)vd_reader_u64_le(&reader);
    }
    vd_buf_release(&body);
    return now_ms;
}

static size_t alerts_from(struct ingest_fixture *f, int64_t from_ms)
{
    const struct vd_alert_filter filter = {.from_ms = from_ms};
    json_t *alerts = NULL;
    size_t count;

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    count = json_array_size(alerts);
    json_decref(alerts);
    return count;
}

/* What was recorded and raised while the hub's clock was a day ahead does not hold the time there. */
static void test_center__notices_a_clock_that_was_set_back(void **state)
{
    struct ingest_fixture *f = *state;
    const int64_t deadline = vd_clock_monotonic_ms() + 20000;
    const int64_t now_ms = vd_clock_utc_ms();
    struct vd_center *center = NULL;
    struct vd_center_config config = ingest_config(f);
    int32_t day = 0;

    raise_at(f, 0, now_ms + VD_DAY_MS);
    assert_int_equal(alerts_from(f, now_ms + 1), 1);
    ingest_add_body(
        f, VD_EVENT_TELEMETRY, "dev", "", now_ms + VD_DAY_MS, (struct vd_str){"hello", 5});
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    ingest_wait_at(center, f->log.end);
    while (saved_time(f) == 0 || saved_time(f) > vd_clock_utc_ms()) {
        assert_true(vd_clock_monotonic_ms() < deadline);
        usleep(2000);
    }
    assert_int_equal(alerts_from(f, vd_clock_utc_ms() + 1), 0);
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
    assert_int_equal(vd_event_seen_start(f->store, now_ms, &day), VD_OK);
    assert_true(day <= vd_time_day(vd_clock_utc_ms()));
}

/*
 * The service comes up a year after it was last there, by its clock: that may be wrong, and is given time to be set before old
 * alerts go for good.
 */
static void test_center__keeps_alerts_after_a_jump(void **state)
{
    struct ingest_fixture *f = *state;
    const int64_t deadline = vd_clock_monotonic_ms() + 20000;
    const int64_t year = 365 * VD_DAY_MS;
    struct vd_center *center = NULL;
    struct vd_center_config config = ingest_config(f);

    config.alerts_keep_ms = VD_DAY_MS;
    raise_at(f, 0, vd_clock_utc_ms() - year);
    ingest_add_flow(f, "dev", 1, INGEST_T0_S, "192.0.2.1");
    ingest_run_all(f);
    assert_int_equal(alert_count(f), 2);
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    ingest_add_flow(f, "dev", 2, INGEST_T0_S, "203.0.113.9");
    ingest_wait_at(center, f->log.end);
    while (saved_time(f) < vd_clock_utc_ms() - VD_DAY_MS) {
        assert_true(vd_clock_monotonic_ms() < deadline);
        assert_false(vd_center_trusts_time(center));
        usleep(2000);
    }
    assert_false(vd_center_trusts_time(center));
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
    assert_int_equal(alert_count(f), 2);
}

/* A step costs the same for one record as for many, so few records make few steps. */
static void test_center__lets_records_gather(void **state)
{
    enum {
        ROUNDS = 5
    };
    struct ingest_fixture *f = *state;
    struct vd_center *center = NULL;
    struct vd_center_config config;
    const int64_t start_ms = vd_clock_monotonic_ms();

    config = ingest_config(f);
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        ingest_add_flow(f, "dev", 1000 + i, INGEST_T0_S, "203.0.113.9");
        ingest_wait_at(center, f->log.end);
    }
    assert_true(vd_clock_monotonic_ms() - start_ms >= (ROUNDS - 1) * VD_INGEST_STEP_MS);
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
}

/* A running center takes over indicators within a second. */
static void test_center__takes_new_indicators(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_center *center = NULL;
    struct vd_center_config config;
    struct vd_center_stats stats;
    int64_t deadline;

    config = ingest_config(f);
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    ingest_import(f, "later", "203.0.113.9");
    deadline = vd_clock_monotonic_ms() + 20000;
    for (uint64_t i = 0;; i++) {
        ingest_add_flow(f, "dev", 1000 + i, INGEST_T0_S, "203.0.113.9");
        ingest_wait_at(center, f->log.end);
        vd_center_stats_get(center, &stats);
        if (stats.alerts_raised == 1) {
            break;
        }
        assert_true(vd_clock_monotonic_ms() < deadline);
    }
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_center__removes_old_alerts),
        INGEST_TEST(test_center__notices_a_clock_that_was_set_back),
        INGEST_TEST(test_center__keeps_alerts_after_a_jump),
        INGEST_TEST(test_center__lets_records_gather),
        INGEST_TEST(test_center__takes_new_indicators),
    };

    return cmocka_run_group_tests_name("center", tests, NULL, NULL);
}
