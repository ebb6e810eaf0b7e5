/* SPDX-License-Identifier: MIT */
/* The detection engine: windows against a slow model, however the stream is cut, ordered or interrupted; lists; silence. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/detect/custom_rules.h"
#include "center/detect/engine.h"
#include "center/detect/silence.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/engine_fixture.h"

#define T0_MS       ENGINE_T0_MS
#define MINUTE_MS   ENGINE_MINUTE_MS
#define LATENESS_MS ENGINE_LATENESS_MS
#define DEVICES     ENGINE_DEVICES
#define RUN_MS      (25 * MINUTE_MS)
#define ITEMS       900

/* ---- Items: what is observed ---- */

struct item {
    int device;
    enum vd_counter counter; /* VD_COUNTERS_END: only time passes */
    int64_t enqueued_ms;
    int64_t event_ms;
    uint16_t port; /* of a flow */
    uint64_t number;
};

static const struct {
    const char *category;
    const char *name;
    uint32_t result;
} operations[VD_COUNTERS_END] = {
    [VD_COUNT_C2D] = {"C2DCommands", "messageCompleted", 0},
    [VD_COUNT_C2D_REJECTED] = {"C2DCommands", "messageExpired", 0},
    [VD_COUNT_METHODS] = {"DirectMethods", "send", 0},
    [VD_COUNT_PURGES] = {"C2DCommands", "queuePurged", 0},
    [VD_COUNT_TWIN_UPDATES] = {"D2CTwinOperations", "update", 0},
    [VD_COUNT_UNAUTHORIZED] = {"Connections", "deviceConnect", 401003},
};

static void observe(struct engine_fixture *f, const struct item *item)
{
    char device[8];
    struct vd_observation seen = {
        .offset = item->number,
        .enqueued_ms = item->enqueued_ms,
        .time = engine_at(item->event_ms),
        .address = VD_STR_LITERAL("203.0.113.7"),
    };

    snprintf(device, sizeof device, "d%d", item->device);
    seen.device_id = vd_str_from(device);
    switch (item->counter) {
    case VD_COUNTERS_END:
        engine_advance(f, item->enqueued_ms);
        break;
    case VD_COUNT_D2C:
        seen.what = VD_OBSERVED_MESSAGE;
        seen.over_mqtt = true;
        assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
        break;
    case VD_COUNT_CONNECTIONS: {
        struct vd_flow flow = engine_flow_to("198.51.100.1", item->port, 1);

        engine_observe_flows(f, &seen, &flow, 1);
        break;
    }
    default:
        engine_observe_operation(f, &seen, operations[item->counter].category,
            operations[item->counter].name, operations[item->counter].result);
        break;
    }
}

/* ---- Windows against the model ---- */

static const struct limits {
    int64_t window_ms;
    uint32_t min;
    uint32_t max;
} limits[2][VD_COUNTERS_END] = {
    {
        [VD_COUNT_CONNECTIONS] = {2 * MINUTE_MS, 1, 3},
        [VD_COUNT_C2D] = {MINUTE_MS, 0, 1},
        [VD_COUNT_C2D_REJECTED] = {5 * MINUTE_MS, 1, 2},
        [VD_COUNT_D2C] = {MINUTE_MS, 1, 2},
        [VD_COUNT_METHODS] = {7 * MINUTE_MS, 2, 4},
        [VD_COUNT_PURGES] = {MINUTE_MS, 0, 0},
        [VD_COUNT_TWIN_UPDATES] = {3 * MINUTE_MS, 1, 1},
        [VD_COUNT_UNAUTHORIZED] = {10 * MINUTE_MS, 0, 5},
    },
    {
        [VD_COUNT_CONNECTIONS] = {MINUTE_MS, 0, 2},
        [VD_COUNT_D2C] = {5 * MINUTE_MS, 6, 9},
    },
};

static void rule_text(struct vd_buf *out, const struct limits *list)
{
    bool is_first = true;

    vd_buf_append_text(out, "{\"timeWindowRules\":[");
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        if (list[i].window_ms == 0) {
            continue;
        }
        vd_buf_printf(out,
            "%s{\"ruleType\":\"%s\",\"isEnabled\":true,\"minThreshold\":%u,\"maxThreshold\":%u,"
            "\"timeWindowSize\":\"PT%dM\"}",
            is_first ? "" : ",", vd_counter_rule_type((enum vd_counter)i), list[i].min, list[i].max,
            (int)(list[i].window_ms / MINUTE_MS));
        is_first = false;
    }
    vd_buf_append(out, "]}", 3); /* with its NUL */
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return *seed >> 33;
}

static int by_arrival(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;

    if (x->enqueued_ms != y->enqueued_ms) {
        return x->enqueued_ms < y->enqueued_ms ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The same facts for the same `facts`; flows arrive as `ways` says, within the bound. */
static size_t make_items(struct item *items, uint64_t facts, uint64_t ways)
{
    size_t count = 0;

    for (int64_t t = T0_MS; t < T0_MS + RUN_MS; t += 15000) {
        items[count++] = (struct item){.counter = VD_COUNTERS_END, .enqueued_ms = t};
    }
    while (count < ITEMS) {
        struct item item = {.device = (int)(next_random(&facts) % DEVICES)};

        item.counter = (enum vd_counter)(next_random(&facts) % VD_COUNTERS_END);
        item.event_ms = T0_MS + (int64_t)(next_random(&facts) % (uint64_t)(RUN_MS - 3 * MINUTE_MS));
        item.port = (uint16_t)(1 + next_random(&facts) % 6);
        item.enqueued_ms = item.event_ms;
        if (item.counter == VD_COUNT_CONNECTIONS) {
            item.enqueued_ms += (int64_t)(next_random(&ways) % (uint64_t)LATENESS_MS);
        }
        items[count++] = item;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].number = i;
    }
    qsort(items, count, sizeof *items, by_arrival);
    return count;
}

/* How often the model counts in a window, as slowly as can be. */
static uint32_t model_count(const struct item *items, size_t count, int device,
    enum vd_counter counter, int64_t start_ms, int64_t end_ms)
{
    bool ports[16] = {false};
    uint32_t total = 0;

    for (size_t i = 0; i < count; i++) {
        const struct item *item = &items[i];

        if (item->counter != counter || item->device != device || item->event_ms < start_ms ||
            item->event_ms >= end_ms) {
            continue;
        }
        if (counter != VD_COUNT_CONNECTIONS || !ports[item->port]) {
            total++;
        }
        ports[item->port] = true;
    }
    return total;
}

/* What alerts there should be: "type device: start=count ...", a line each, sorted. */
static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
    char *list[4096];
    size_t count;
};

static void add_line(struct lines *lines, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    assert_true(lines->count < sizeof lines->list / sizeof lines->list[0]);
    assert_true(vasprintf(&lines->list[lines->count++], format, arguments) > 0);
    va_end(arguments);
}

static void release_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->list[i]);
    }
    lines->count = 0;
}

static void model_lines(const struct item *items, size_t count, struct lines *lines)
{
    for (int device = 0; device < DEVICES; device++) {
        for (int c = 0; c < VD_COUNTERS_END; c++) {
            const struct limits *limit = &limits[device < 3 ? 0 : 1][c];

            for (int64_t start = 0; limit->window_ms != 0; start += limit->window_ms) {
                const int64_t from = T0_MS / limit->window_ms * limit->window_ms + start;
                const uint32_t n = model_count(
                    items, count, device, (enum vd_counter)c, from, from + limit->window_ms);
                const bool is_judged = start > 0;

                if (from + limit->window_ms > T0_MS + RUN_MS) {
                    break;
                }
                if (n > limit->max || (is_judged && n < limit->min)) {
                    add_line(lines, "%s d%d %lld=%u", vd_counter_rule_type((enum vd_counter)c),
                        device, (long long)from, n);
                }
            }
        }
    }
    qsort(lines->list, lines->count, sizeof lines->list[0], compare_lines);
}

static void evidence_lines(const json_t *alert, struct lines *lines)
{
    const json_t *evidence = json_object_get(alert, "evidence");

    assert_int_equal(
        json_array_size(evidence), json_integer_value(json_object_get(alert, "count")));
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *one = json_array_get(evidence, i);
        int64_t start = 0;

        assert_int_equal(
            vd_time_parse(json_string_value(json_object_get(one, "windowStart")), &start), VD_OK);
        add_line(lines, "%s %s %lld=%lld",
            json_string_value(json_object_get(alert, "alertType")) + strlen(VD_CUSTOM_ALERT_PREFIX),
            json_string_value(json_object_get(alert, "deviceId")), (long long)start,
            (long long)json_integer_value(json_object_get(one, "count")));
    }
}

static void alert_lines(struct engine_fixture *f, struct lines *lines)
{
    json_t *alerts = engine_all_alerts(f);

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        evidence_lines(json_array_get(alerts, i), lines);
    }
    json_decref(alerts);
    qsort(lines->list, lines->count, sizeof lines->list[0], compare_lines);
}

/* How a stream reaches the engine. */
struct cut {
    uint32_t batch_max;    /* batches of 1 to so many */
    uint32_t restart_each; /* about every so many batches; 0: never */
    uint32_t fail_each;    /* likewise a batch is rolled back and comes again */
};

static void feed(struct engine_fixture *f, const struct item *items, size_t count,
    const struct cut *cut, uint64_t seed)
{
    size_t i = 0;

    while (i < count) {
        const size_t batch = 1 + next_random(&seed) % cut->batch_max;
        const size_t end = i + batch < count ? i + batch : count;
        const bool fails = cut->fail_each > 0 && next_random(&seed) % cut->fail_each == 0;

        for (size_t k = i; k < end; k++) {
            observe(f, &items[k]);
        }
        engine_end_batch(f, !fails);
        i = fails ? i : end;
        if (cut->restart_each > 0 && next_random(&seed) % cut->restart_each == 0) {
            engine_restart(f);
        }
    }
    engine_pass_time(f, T0_MS + RUN_MS - 15000, T0_MS + RUN_MS + LATENESS_MS);
    engine_end_batch(f, true);
}

static void expect_lines(const struct lines *expected, const struct lines *found)
{
    for (size_t i = 0; i < expected->count || i < found->count; i++) {
        const char *e = i < expected->count ? expected->list[i] : "(nothing)";
        const char *g = i < found->count ? found->list[i] : "(nothing)";

        if (strcmp(e, g) != 0) {
            fail_msg("expected %s, found %s", e, g);
        }
    }
}

static void test_engine__windows_are_the_models(void **state)
{
    static const struct cut cuts[] = {
        {1, 0, 0}, {1000, 0, 0}, {20, 0, 0}, {20, 5, 0}, {30, 0, 3}, {1, 7, 5}, {200, 2, 2}};
    struct engine_fixture *f = *state;
    struct item *items = calloc(ITEMS, sizeof *items);
    struct lines *expected = calloc(1, sizeof *expected);
    struct lines *found = calloc(1, sizeof *found);
    struct vd_buf first = {0};
    struct vd_buf second = {0};
    const char *rules[] = {"default", NULL, "lab", NULL, NULL};

    rule_text(&first, limits[0]);
    rule_text(&second, limits[1]);
    rules[1] = (const char *)first.data;
    rules[3] = (const char *)second.data;
    for (uint64_t run = 0; run < 14; run++) {
        const size_t count = make_items(items, 1 + run / 7, run * 31);

        vd_engine_free(f->engine);
        engine_close_store(f);
        engine_open_store(f);
        f->rules = rules;
        engine_open(f);
        release_lines(expected);
        release_lines(found);
        feed(f, items, count, &cuts[run % 7], run);
        model_lines(items, count, expected);
        alert_lines(f, found);
        assert_true(expected->count > 50);
        expect_lines(expected, found);
    }
    release_lines(expected);
    release_lines(found);
    free(expected);
    free(found);
    free(items);
    vd_buf_release(&first);
    vd_buf_release(&second);
}

/* ---- Changes ---- */

static const char *const d2c_rules[] = {"default",
    "{\"timeWindowRules\":[{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,"
    "\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"PT5M\"}]}",
    NULL};

static const char *const d2c_rules_more[] = {"default",
    "{\"timeWindowRules\":[{\"ruleType\":\"MqttD2CMessagesNotInAllowedRange\",\"isEnabled\":true,"
    "\"minThreshold\":1,\"maxThreshold\":4,\"timeWindowSize\":\"PT5M\"}]}",
    NULL};

static void send(struct engine_fixture *f, int device, int64_t ms)
{
    const struct item item = {.device = device,
        .counter = VD_COUNT_D2C,
        .enqueued_ms = ms,
        .event_ms = ms,
        .number = (uint64_t)ms};

    observe(f, &item);
}

#define D2C_TYPE VD_CUSTOM_ALERT_PREFIX "MqttD2CMessagesNotInAllowedRange"

/* A maximum holds from when it is set, for what is counted then too. */
static void test_engine__a_changed_rule_applies_at_once(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;

    engine_set_rules(f, d2c_rules_more);
    engine_pass_time(f, start - MINUTE_MS, start);
    for (int i = 0; i < 4; i++) {
        send(f, 0, start + 1000 * i);
    }
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d0"), 0);
    engine_set_rules(f, d2c_rules);
    send(f, 0, start + 5000);
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d0"), 1);
}

static void expect_last_seen(struct engine_fixture *f, const char *device, int64_t expected_ms)
{
    json_t *alerts = engine_all_alerts(f);
    char expected[VD_TIME_TEXT_SIZE];
    const char *found = NULL;
    const json_t *alert;
    size_t i;

    vd_time_format(expected_ms, expected);
    json_array_foreach(alerts, i, alert)
    {
        if (strcmp(json_string_value(json_object_get(alert, "deviceId")), device) == 0) {
            found = json_string_value(json_object_get(alert, "endTime"));
        }
    }
    assert_non_null(found);
    assert_string_equal(found, expected);
    json_decref(alerts);
}

/* What is above a maximum is told while its window is open: its end is still to come, and nobody was seen then. */
static void test_engine__last_seen_is_not_to_come(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;

    engine_set_rules(f, d2c_rules);
    engine_pass_time(f, start - MINUTE_MS, start);
    for (int i = 0; i < 3; i++) {
        send(f, 0, start + 1000 * i);
    }
    engine_end_batch(f, true);
    expect_last_seen(f, "d0", start + 2000);
    engine_pass_time(f, start + 3000, start + 3 * MINUTE_MS);
    send(f, 0, start + 3 * MINUTE_MS);
    engine_end_batch(f, true);
    expect_last_seen(f, "d0", start + 3 * MINUTE_MS);
    engine_pass_time(f, start + 3 * MINUTE_MS, start + 5 * MINUTE_MS + LATENESS_MS);
    engine_end_batch(f, true);
    expect_last_seen(f, "d0", start + 3 * MINUTE_MS);
    expect_last_seen(f, "d1", start + 5 * MINUTE_MS - 1); /* below the minimum: to its end */
}

/* A device is judged by a group's minimum from the first window that it was in from its beginning. */
static void test_engine__a_changed_group_applies_from_then(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;
    struct vd_observation seen = {.device_id = VD_STR_LITERAL("d4"),
        .module_id = VD_STR_LITERAL("azureiotsecurity"),
        .enqueued_ms = start + MINUTE_MS,
        .time = engine_at(start + MINUTE_MS)};

    engine_set_rules(f, d2c_rules);
    engine_pass_time(f, start - MINUTE_MS, start + MINUTE_MS);
    snprintf(f->fleet.devices[4].group, sizeof f->fleet.devices[4].group, "default");
    engine_observe_operation(f, &seen, "C2DTwinOperations", "update", 0);
    engine_pass_time(f, start + MINUTE_MS, start + 5 * MINUTE_MS + LATENESS_MS);
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d0"), 1); /* sent nothing */
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d4"), 0);
    engine_pass_time(f, start + 5 * MINUTE_MS + LATENESS_MS, start + 10 * MINUTE_MS + LATENESS_MS);
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d4"), 1);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d5"), 0); /* its group has no rules */
}

/* While the service is away nobody can be heard: absence proves nothing. */
static void test_engine__no_minimum_over_a_gap(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;

    engine_set_rules(f, d2c_rules);
    engine_pass_time(f, start - MINUTE_MS, start + MINUTE_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    engine_pass_time(f, start + 30 * MINUTE_MS, start + 34 * MINUTE_MS);
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d0"), 0);
    engine_pass_time(f, start + 34 * MINUTE_MS, start + 40 * MINUTE_MS + LATENESS_MS);
    engine_end_batch(f, true);
    assert_int_equal(engine_count_alerts(f, D2C_TYPE, "d0"), 1);
}

/* ---- Lists ---- */

static const char *const list_rules[] = {"default",
    "{\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true,"
    "\"allowlistValues\":[\"198.51.100.0/25\",\"2001:db8::/32\",\"203.0.113.5\"]}],"
    "\"denylistRules\":[{\"ruleType\":\"DenylistCustomAlertRule\",\"isEnabled\":true,"
    "\"denylistValues\":[\"198.51.100.9\"]}],"
    "\"thresholdRules\":[{\"ruleType\":\"ThresholdCustomAlertRule\",\"isEnabled\":true,"
    "\"minThreshold\":1,\"maxThreshold\":2}]}",
    NULL};

static void test_engine__lists_and_thresholds(void **state)
{
    static const struct {
        const char *remote;
        uint8_t opened_by;
        uint32_t bytes_out;
        bool allowed_alerts;
        bool denied_alerts;
    } cases[] = {
        {"198.51.100.1", 1, 0, false, false},
        {"198.51.100.127", 0, 1, false, false},
        {"198.51.100.128", 1, 0, true, false},
        {"198.51.100.129", 2, 50, false, false}, /* the other end opened it */
        {"198.51.100.130", 0, 0, false, false},  /* nothing went out */
        {"198.51.100.131", 0, 1, true, false},
        {"203.0.113.5", 1, 1, false, false},
        {"203.0.113.6", 1, 1, true, false},
        {"2001:db8::77", 1, 1, false, false},
        {"2001:db9::77", 1, 1, true, false},
        {"198.51.100.9", 2, 0, false, true},
    };
    struct engine_fixture *f = *state;
    struct vd_flow flows[3];

    engine_set_rules(f, list_rules);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_observation seen = {.device_id = VD_STR_LITERAL("d1"),
            .offset = i,
            .enqueued_ms = T0_MS,
            .time = engine_at(T0_MS)};
        struct vd_flow flow = engine_flow_to(cases[i].remote, 1, cases[i].opened_by);
        const size_t expected = cases[i].allowed_alerts || cases[i].denied_alerts ? 1 : 0;

        flow.bytes_out = cases[i].bytes_out;
        engine_observe_flows(f, &seen, &flow, 1);
        if (f->findings.count != expected) {
            fail_msg("%s: %zu alerts", cases[i].remote, f->findings.count);
        }
        if (expected == 1) {
            assert_ptr_equal(f->findings.alerts[0]->first.rule,
                cases[i].denied_alerts ? &vd_rule_custom_denied : &vd_rule_custom_allowed);
            assert_string_equal(f->findings.alerts[0]->first.subject, cases[i].remote);
        }
        vd_findings_clear(&f->findings);
        seen.device_id = VD_STR_LITERAL("d3"); /* of another group */
        engine_observe_flows(f, &seen, &flow, 1);
        assert_int_equal(f->findings.count, 0);
    }
    for (uint16_t i = 0; i < 3; i++) {
        struct vd_observation seen = {.device_id = VD_STR_LITERAL("d1"),
            .offset = 100u + i,
            .enqueued_ms = T0_MS,
            .time = engine_at(T0_MS)};

        flows[i] = engine_flow_to("198.51.100.1", i, 1);
        engine_observe_flows(f, &seen, flows, i + 1u);
        assert_int_equal(f->findings.count, i == 2 ? 1 : 0);
    }
    assert_ptr_equal(f->findings.alerts[0]->first.rule, &vd_rule_custom_threshold);
}

/* ---- Silence ---- */

static void test_engine__silence(void **state)
{
    struct engine_fixture *f = *state;
    const int64_t hours = 60 * MINUTE_MS;
    struct vd_engine_stats stats;
    json_t *alerts;

    f->settings.silent_after_ms = 2 * hours;
    vd_engine_set_settings(f->engine, &f->settings);
    /* d0 is alone behind its address; d1, d2 and d3 share one and stop within minutes; d4 goes on; d5 never spoke. */
    engine_hear(f, "d0", "203.0.113.1", T0_MS);
    engine_hear(f, "d1", "203.0.113.9", T0_MS + MINUTE_MS);
    engine_hear(f, "d2", "203.0.113.9", T0_MS + 2 * MINUTE_MS);
    engine_hear(f, "d3", "203.0.113.9", T0_MS + 3 * MINUTE_MS);
    for (int64_t t = T0_MS; t < T0_MS + 3 * hours; t += 15000) {
        engine_advance(f, t);
        if (t % (10 * MINUTE_MS) < 15000) {
            engine_hear(f, "d4", "203.0.113.4", t);
            engine_end_batch(f, true);
            engine_restart(f);
        }
    }
    engine_end_batch(f, true);
    alerts = engine_all_alerts(f);
    assert_int_equal(json_array_size(alerts), 2);
    assert_int_equal(engine_count_alerts(f, "IoT_DeviceSilent", "d0"), 1);
    assert_int_equal(engine_count_alerts(f, "IoT_DeviceSilent", ""), 1);
    for (size_t i = 0; i < 2; i++) {
        const json_t *alert = json_array_get(alerts, i);
        const bool is_shared = json_string_length(json_object_get(alert, "deviceId")) == 0;

        assert_int_equal(json_integer_value(json_object_get(alert, "count")), is_shared ? 3 : 1);
        assert_string_equal(
            json_string_value(json_object_get(alert, "subject")), is_shared ? "203.0.113.9" : "");
    }
    json_decref(alerts);
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.reporting, 1);
    assert_int_equal(stats.silent, 4);
    engine_hear(f, "d0", "203.0.113.1", T0_MS + 3 * hours);
    engine_advance(f, T0_MS + 3 * hours + MINUTE_MS);
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.reporting, 2);
    assert_int_equal(stats.silent, 3);
}

/* Time in which the service was away does not make a device silent. */
static void test_engine__no_silence_over_a_gap(void **state)
{
    struct engine_fixture *f = *state;

    f->settings.silent_after_ms = 60 * MINUTE_MS;
    vd_engine_set_settings(f->engine, &f->settings);
    engine_hear(f, "d0", "203.0.113.1", T0_MS);
    engine_end_batch(f, true);
    engine_restart(f);
    engine_pass_time(f, T0_MS + 600 * MINUTE_MS, T0_MS + 659 * MINUTE_MS);
    assert_int_equal(f->findings.count, 0);
    engine_pass_time(f, T0_MS + 659 * MINUTE_MS, T0_MS + 662 * MINUTE_MS);
    assert_int_equal(f->findings.count, 1);
}

/* What a removed device left is gone, also on the disk. */
static void test_engine__removed_devices_are_forgotten(void **state)
{
    struct engine_fixture *f = *state;
    struct vd_observation seen = {.device_id = VD_STR_LITERAL("d5"),
        .enqueued_ms = T0_MS + 1000,
        .time = engine_at(T0_MS + 1000)};
    struct vd_engine_stats stats;

    engine_hear(f, "d5", "203.0.113.1", T0_MS);
    f->fleet.count = 5;
    engine_observe_operation(f, &seen, "DeviceIdentityOperations", "delete", 0);
    engine_end_batch(f, true);
    assert_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    engine_restart(f);
    assert_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.devices, 5);
    f->fleet.count = 4; /* while no service ran */
    engine_restart(f);
    engine_end_batch(f, true);
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.devices, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(test_engine__windows_are_the_models),
        ENGINE_TEST(test_engine__a_changed_rule_applies_at_once),
        ENGINE_TEST(test_engine__last_seen_is_not_to_come),
        ENGINE_TEST(test_engine__a_changed_group_applies_from_then),
        ENGINE_TEST(test_engine__no_minimum_over_a_gap),
        ENGINE_TEST(test_engine__lists_and_thresholds),
        ENGINE_TEST(test_engine__silence),
        ENGINE_TEST(test_engine__no_silence_over_a_gap),
        ENGINE_TEST(test_engine__removed_devices_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
