/* SPDX-License-Identifier: MIT */
/* New indicators among stored flows: the same alerts as if they had been there, once, however often and from wherever it is done. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "center/hunt.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/ingest_fixture.h"
#include "tests/center/json_cases.h"

#define DAY_MS   86400000LL
#define KNOWN_MS (INGEST_T0_MS + 5 * DAY_MS)
#define WAIT_MS  100000

static const char late_feed[] = "198.51.100.0/29 # a range\n198.51.100.3\n2001:db8:bad2::/48\n";
static const char exceptions[] = "198.51.100.5\n";

/* Deterministic. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void put_feed(
    struct ingest_fixture *f, const char *name, const char *settings, const char *list)
{
    const struct vd_str text = vd_str_from(list);
    json_t *json = json_loads(settings, 0, NULL);
    const struct vd_feed_put put = {
        .name = name, .settings = json, .text = &text, .now_ms = INGEST_T0_MS};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";

    assert_non_null(json);
    if (vd_feeds_put(f->store, &put, &report, problem) != VD_OK) {
        fail_msg("%s", problem);
    }
    json_decref(json);
}

/* The list that comes late, and the exceptions that come with it. */
static void put_late(struct ingest_fixture *f)
{
    put_feed(f, "allowed", "{\"kind\":\"exceptions\",\"format\":\"list\"}", exceptions);
    put_feed(f, "late", "{\"format\":\"list\",\"severity\":\"High\"}", late_feed);
}

static int hunt_until(struct ingest_fixture *f, int64_t to_ms, struct vd_hunt_result *result)
{
    struct vd_hunt hunt = {
        .analytics = f->duckdb,
        .store = f->store,
        .from_ms = INGEST_T0_MS - DAY_MS,
        .to_ms = to_ms,
        .known_ms = KNOWN_MS,
    };
    char problem[400] = "";

    assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
    hunt.indicators = f->ingest.indicators;
    return vd_hunt_run(&hunt, result, problem);
}

static struct vd_hunt_result hunt_all(struct ingest_fixture *f)
{
    struct vd_hunt_result result;

    assert_int_equal(hunt_until(f, INGEST_T0_MS + 3 * DAY_MS, &result), VD_OK);
    assert_int_equal(result.covered_ms, INGEST_T0_MS + 3 * DAY_MS);
    return result;
}

/* A connection that a program reports as JSON. */
static void add_json(struct ingest_fixture *f, unsigned id, int64_t ms, const char *remote)
{
    const struct json_kind *kind = json_kind_named("ConnectionCreate");
    json_t *item = json_item_new(kind, true);
    json_t *event = json_event_new(kind, id, json_pack("[o]", item));
    char text[VD_TIME_TEXT_SIZE];
    json_t *message;
    char *body;

    vd_time_format(ms, text);
    json_object_set_new(event, "TimestampUTC", json_string(text));
    json_object_set_new(item, "Direction", json_string(id % 2 == 0 ? "Out" : "In"));
    json_object_set_new(item, "RemoteAddress", json_string(remote));
    message = json_message_new(json_pack("[o]", event));
    body = json_dumps(message, JSON_COMPACT);
    assert_non_null(body);
    ingest_add_body(f, VD_EVENT_SECURITY, "json", "agent", ms + 300, vd_str_from(body));
    free(body);
    json_decref(message);
}

/* An event with several flows, some to the same address; the module's clock may be off, and it may come again. */
static void add_random(struct ingest_fixture *f, uint32_t *state, uint64_t id)
{
    static const char *const remotes[] = {"198.51.100.1", "198.51.100.3", "198.51.100.5",
        "198.51.100.20", "192.0.2.7", "192.0.2.99", "203.0.113.9", "2001:db8:bad2::7"};
    static const char *const modules[] = {"", "m1"};
    const int64_t ms = INGEST_T0_MS + (int64_t)id * 1733000;
    const bool is_off = next(state) % 5 == 0;
    struct test_flow flows[4];
    struct vd_buf body = {0};
    struct test_event event = {
        test_uuid(id), (uint32_t)(is_off ? 1000 : ms / 1000), 10, 1, flows, 1 + next(state) % 4};
    const char *module = modules[next(state) % 2];
    char device[8];

    snprintf(device, sizeof device, "d%u", (unsigned)(next(state) % 3));
    for (size_t i = 0; i < event.flow_count; i++) {
        const char *remote = remotes[next(state) % (event.flow_count > 1 && i > 0 ? 2 : 8)];

        flows[i] = (struct test_flow){strchr(remote, ':') != NULL ? "2001:db8::1" : "10.0.0.2",
            remote, (uint16_t)(40000 + i), 443, 11, 22, 0};
    }
    if (strchr(flows[0].remote, ':') != NULL) {
        event.flow_count = 1;
    }
    test_message_write(&body, &event, 1);
    for (uint32_t times = next(state) % 4 == 0 ? 2 : 1; times > 0; times--) {
        ingest_add_body(f, VD_EVENT_SECURITY, device, module, ms + 700 * times,
            (struct vd_str){(const char *)body.data, body.length});
    }
    vd_buf_release(&body);
    if (id % 7 == 0) {
        add_json(f, 5000 + (unsigned)id, ms, remotes[next(state) % 8]);
    }
}

static void add_stretch(struct ingest_fixture *f, uint32_t seed, uint64_t from, uint64_t to)
{
    for (uint64_t id = from; id < to; id++) {
        uint32_t state = seed * 7919u + (uint32_t)id;

        add_random(f, &state, id);
    }
}

/* Of every alert of the rule by its id: what must be the same. */
static json_t *summary(struct ingest_fixture *f)
{
    json_t *alerts = ingest_alerts(f);
    json_t *out = json_object();

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        if (strcmp(ingest_text(alert, "alertType"), "IoT_TiConnection") == 0) {
            json_object_set_new(out, ingest_text(alert, "id"),
                json_pack("{s:s, s:s, s:s, s:s, s:O, s:s, s:O, s:O}", "device",
                    ingest_text(alert, "deviceId"), "module", ingest_text(alert, "moduleId"),
                    "subject", ingest_text(alert, "subject"), "severity",
                    ingest_text(alert, "severity"), "count", json_object_get(alert, "count"), "end",
                    ingest_text(alert, "endTime"), "indicator", json_object_get(alert, "indicator"),
                    "evidenceTotal", json_object_get(alert, "evidenceTotal")));
        }
    }
    json_decref(alerts);
    return out;
}

static void assert_same(struct ingest_fixture *f, const json_t *expected)
{
    json_t *actual = summary(f);

    if (json_equal(actual, expected) == 0) {
        json_dumpf(expected, stderr, JSON_INDENT(1) | JSON_SORT_KEYS);
        json_dumpf(actual, stderr, JSON_INDENT(1) | JSON_SORT_KEYS);
        fail_msg("the alerts are not the same");
    }
    json_decref(actual);
}

/* The indicators were there from the first. */
static json_t *live_alerts(uint32_t seed, uint64_t count)
{
    void *state = NULL;
    struct ingest_fixture *f;
    json_t *out;

    assert_int_equal(ingest_setup(&state), 0);
    f = state;
    put_late(f);
    add_stretch(f, seed, 1, count);
    ingest_run_all(f);
    out = summary(f);
    assert_true(json_object_size(out) > 5);
    ingest_teardown(&state);
    return out;
}

/* ... or came at any time between: before, after or amid. */
static void test_hunt__finds_what_live_detection_finds(void **unused)
{
    (void)unused;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        const uint64_t count = 60;
        const uint64_t cut = seed == 4 ? count : 1 + seed * 13;
        json_t *expected = live_alerts(seed, count);
        void *state = NULL;
        struct ingest_fixture *f;
        struct vd_hunt_result result;

        assert_int_equal(ingest_setup(&state), 0);
        f = state;
        add_stretch(f, seed, 1, cut);
        ingest_run_all(f);
        put_late(f);
        if (seed % 2 == 0) { /* the hunt comes late, and finds what was judged live meanwhile */
            add_stretch(f, seed, cut, count);
            ingest_run_all(f);
            result = hunt_all(f);
        } else {
            result = hunt_all(f);
            add_stretch(f, seed, cut, count);
            ingest_run_all(f);
        }
        assert_true(result.raised > 0);
        assert_same(f, expected);
        result = hunt_all(f);
        assert_int_equal(result.raised + result.repeated, 0);
        assert_true(result.flows > 0);
        assert_same(f, expected);
        json_decref(expected);
        ingest_teardown(&state);
    }
}

/* Cut off at some time, or within a transaction, and done again by a new start. */
static void test_hunt__goes_on_after_a_crash(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *expected = live_alerts(9, 40);
    struct vd_hunt_result result;

    add_stretch(f, 9, 1, 40);
    ingest_run_all(f);
    put_late(f);
    assert_int_equal(hunt_until(f, INGEST_T0_MS + 9 * 1733000, &result), VD_OK);
    assert_true(result.raised > 0);
    ingest_close_stores(f);
    ingest_open_stores(f);
    assert_int_equal(vd_sqlite_run(f->store->writer,
                         "CREATE TRIGGER full BEFORE INSERT ON indicator_marks WHEN"
                         " (SELECT count(*) FROM indicator_marks) > 16"
                         " BEGIN SELECT RAISE(ABORT, 'full'); END"),
        VD_OK);
    assert_int_not_equal(hunt_until(f, INGEST_T0_MS + 3 * DAY_MS, &result), VD_OK);
    assert_int_equal(vd_sqlite_run(f->store->writer, "DROP TRIGGER full"), VD_OK);
    ingest_close_stores(f);
    ingest_open_stores(f);
    (void)hunt_all(f);
    assert_same(f, expected);
    json_decref(expected);
}

static void test_hunt__stops(void **state)
{
    struct ingest_fixture *f = *state;
    atomic_bool stop = true;
    char problem[400];
    struct vd_hunt_result result;
    struct vd_hunt hunt = {.analytics = f->duckdb,
        .store = f->store,
        .from_ms = 0,
        .to_ms = INGEST_T0_MS,
        .is_stopping = &stop};

    assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
    hunt.indicators = f->ingest.indicators;
    assert_int_equal(vd_hunt_run(&hunt, &result, problem), VD_E_CLOSED);
    assert_int_equal(result.covered_ms, 0);
}

/* Validity counts at the flow's time, not at that of the hunt. */
static void test_hunt__expired_and_excepted(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_hunt_result result;
    json_t *alerts;

    ingest_add_flow(f, "d", 1, INGEST_T0_S + 100, "198.51.100.1");  /* expired before */
    ingest_add_flow(f, "d", 2, INGEST_T0_S + 100, "198.51.100.2");  /* expires later */
    ingest_add_flow(f, "d", 3, INGEST_T0_S + 100, "198.51.100.3");  /* an exception */
    ingest_add_flow(f, "d", 4, INGEST_T0_S + 100, "203.0.113.200"); /* none */
    ingest_run_all(f);
    put_feed(f, "until", "{\"format\":\"csv\",\"column\":\"ip\",\"untilColumn\":\"until\"}",
        "ip,until\n198.51.100.1,2025-11-24T16:01:00Z\n198.51.100.2,2025-11-24T17:00:00Z\n"
        "198.51.100.3,\n");
    put_feed(f, "allowed", "{\"kind\":\"exceptions\",\"format\":\"list\"}", "198.51.100.3\n");
    result = hunt_all(f);
    assert_int_equal(result.raised, 1);
    assert_int_equal(result.repeated, 0);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(ingest_text(json_array_get(alerts, 0), "subject"), "198.51.100.2");
    assert_non_null(strstr(ingest_text(json_array_get(alerts, 0), "description"),
        "Found afterwards: the flow was at 2025-11-24T16:01:40.000Z, and the indicator came by "
        "2025-11-29T16:00:00.000Z."));
    json_decref(alerts);
}

static size_t count_alerts(struct ingest_fixture *f)
{
    json_t *found = summary(f);
    const size_t count = json_object_size(found);

    json_decref(found);
    return count;
}

/* A center that runs: an indicator comes, nothing else does, and there is the alert; a new start finds it no second time. */
static void test_hunt__by_the_center(void **state)
{
    struct ingest_fixture *f = *state;
    const struct timespec a_while = {.tv_nsec = 20000000};
    struct vd_center_config config = ingest_config(f);
    struct vd_center *center = NULL;
    struct vd_hunter_stats stats = {0};
    int64_t until_ms;

    ingest_add_flow(f, "d", 1, (uint32_t)(vd_clock_utc_ms() / 1000) - 60, "198.51.100.1");
    ingest_run_all(f);
    assert_int_equal(count_alerts(f), 0);
    for (int start = 0; start < 2; start++) {
        assert_int_equal(vd_center_start(&config, &center), VD_OK);
        put_feed(f, start == 0 ? "late" : "later", "{\"format\":\"list\"}", late_feed);
        until_ms = vd_clock_monotonic_ms() + WAIT_MS;
        do {
            nanosleep(&a_while, NULL);
            vd_center_hunts_get(center, &stats);
        } while (vd_clock_monotonic_ms() < until_ms &&
            (stats.hunts == 0 || stats.addresses == 0 || (start == 0 && stats.alerts_raised == 0)));
        vd_center_stop(center);
        assert_int_equal(stats.alerts_raised, start == 0 ? 1 : 0);
        assert_int_equal(stats.alerts_repeated, 0);
        assert_int_equal(stats.flows, 1);
        assert_int_equal(stats.raised, stats.alerts_raised);
        assert_true(stats.hunts > 0);
        assert_int_equal(count_alerts(f), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hunt__finds_what_live_detection_finds),
        INGEST_TEST(test_hunt__goes_on_after_a_crash),
        INGEST_TEST(test_hunt__stops),
        INGEST_TEST(test_hunt__expired_and_excepted),
        INGEST_TEST(test_hunt__by_the_center),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
