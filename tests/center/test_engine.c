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
#include "tests/center/message.h"

#define T0_MS       1764000010000LL /* ten seconds into a minute */
#define MINUTE_MS   60000LL
#define LATENESS_MS 60000LL
#define RUN_MS      (25 * MINUTE_MS)
#define DEVICES     6
#define ITEMS       900

/* ---- A fleet of a few devices ---- */

struct fake_fleet {
    struct vd_fleet base;
    struct vd_fleet_device devices[DEVICES];
    size_t count;
};

static int fake_get(struct vd_fleet *fleet, const char *device_id, struct vd_fleet_device *device)
{
    struct fake_fleet *f = (struct fake_fleet *)fleet;

    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->devices[i].device_id, device_id) == 0) {
            *device = f->devices[i];
            return VD_OK;
        }
    }
    return VD_E_NOT_FOUND;
}

static int fake_each(struct vd_fleet *fleet,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    struct fake_fleet *f = (struct fake_fleet *)fleet;

    for (size_t i = 0; i < f->count && each(context, &f->devices[i]); i++) {
    }
    return VD_OK;
}

static const struct vd_fleet_ops fake_ops = {fake_get, fake_each};

struct fixture {
    char *folder;
    struct vd_alert_store *store;
    struct fake_fleet fleet;
    struct vd_detect_settings settings;
    struct vd_engine *engine;
    struct vd_findings findings;
    const char *const *rules; /* name, document, ..., NULL */
};

static void set_rules(struct fixture *f, const char *const *rules)
{
    struct vd_group_rules *list[8];
    char problem[256];
    size_t count = 0;

    f->rules = rules;
    for (; *rules != NULL; rules += 2) {
        json_t *properties = json_loads(rules[1], 0, NULL);

        assert_non_null(properties);
        if (vd_group_rules_read(rules[0], properties, &list[count], problem) != VD_OK) {
            fail_msg("%s", problem);
        }
        count++;
        json_decref(properties);
    }
    assert_int_equal(vd_engine_set_rules(f->engine, list, count), VD_OK);
}

static void open_engine(struct fixture *f)
{
    assert_int_equal(vd_engine_new(&f->settings, &f->fleet.base, &f->engine), VD_OK);
    assert_int_equal(vd_engine_load(f->engine, f->store), VD_OK);
    if (f->rules != NULL) {
        set_rules(f, f->rules);
    }
}

static void restart(struct fixture *f)
{
    vd_engine_free(f->engine);
    open_engine(f);
}

static void open_store(struct fixture *f)
{
    char path[600];

    f->folder = test_folder_new();
    snprintf(path, sizeof path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
}

static void close_store(struct fixture *f)
{
    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->fleet.base.ops = &fake_ops;
    f->fleet.count = DEVICES;
    for (size_t i = 0; i < DEVICES; i++) {
        struct vd_fleet_device *device = &f->fleet.devices[i];

        snprintf(device->device_id, sizeof device->device_id, "d%zu", i);
        snprintf(device->group, sizeof device->group, "%s", i < 3 ? "default" : "lab");
        device->is_enabled = true;
    }
    f->settings = (struct vd_detect_settings){
        .lateness_ms = LATENESS_MS, .silent_after_ms = 72 * 60 * MINUTE_MS};
    open_store(f);
    open_engine(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vd_engine_free(f->engine);
    vd_findings_release(&f->findings);
    close_store(f);
    free(f);
    return 0;
}

/* The end of a batch. commit false: the transaction is rolled back, as on a full disk. */
static void end_batch(struct fixture *f, bool commit)
{
    struct vd_findings_tally tally;

    assert_int_equal(vd_engine_flush(f->engine, &f->findings), VD_OK);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_findings_store(&f->findings, f->store, T0_MS, &tally), VD_OK);
    assert_int_equal(vd_engine_save(f->engine, f->store), VD_OK);
    if (commit) {
        assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    } else {
        vd_alert_store_rollback(f->store);
        assert_int_equal(vd_engine_load(f->engine, f->store), VD_OK);
    }
    vd_findings_clear(&f->findings);
}

static void advance(struct fixture *f, int64_t now_ms)
{
    assert_int_equal(vd_engine_advance(f->engine, now_ms, &f->findings), VD_OK);
}

/* As a service that runs all the time. */
static void pass_time(struct fixture *f, int64_t from_ms, int64_t to_ms)
{
    for (int64_t t = from_ms; t < to_ms; t += 15000) {
        advance(f, t);
    }
    advance(f, to_ms);
}

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

static struct vd_event_time at(int64_t ms)
{
    return (struct vd_event_time){ms, ms, ms, true};
}

static void observe_operation(struct fixture *f, struct vd_observation *seen, const char *category,
    const char *name, uint32_t result)
{
    const struct vd_operation_seen operation = {
        .category = vd_str_from(category),
        .name = vd_str_from(name),
        .result = result,
        .reason = VD_STR_LITERAL(""),
        .protocol = VD_STR_LITERAL("Mqtt"),
    };

    seen->what = VD_OBSERVED_OPERATION;
    seen->operation = &operation;
    assert_int_equal(vd_engine_observe(f->engine, seen, &f->findings), VD_OK);
}

static void observe_flows(
    struct fixture *f, struct vd_observation *seen, struct vd_flow *flows, uint32_t count)
{
    struct vd_security_event event = {
        .id = test_uuid(seen->offset + 1),
        .time_s = (uint32_t)(seen->time.end_ms / 1000),
        .payload = VD_PAYLOAD_NETWORK_ACTIVITY,
        .count = count,
    };
    const struct vd_security_message message = {
        .events = {&event, 1, 1}, .flows = {flows, count, count}};

    seen->what = VD_OBSERVED_EVENT;
    seen->message = &message;
    seen->event = &event;
    assert_int_equal(vd_engine_observe(f->engine, seen, &f->findings), VD_OK);
}

static struct vd_flow flow_to(const char *remote, uint16_t port, uint8_t opened_by)
{
    struct vd_flow flow = {.local_port = port, .remote_port = 443, .bytes_out = 10};
    struct vd_rule_range range;
    struct vd_group_rules *rules = NULL;
    char problem[256];
    json_t *properties = json_pack("{s:[{s:s, s:b, s:[s]}]}", "denylistRules", "ruleType",
        "DenylistCustomAlertRule", "isEnabled", 1, "denylistValues", remote);

    /* The parser of rules reads addresses as well as anything else. */
    assert_int_equal(vd_group_rules_read("g", properties, &rules, problem), VD_OK);
    range = rules->denied.ranges[0];
    vd_group_rules_free(rules);
    json_decref(properties);
    flow.remote = range.from;
    flow.local = range.from;
    flow.opened_by = opened_by;
    return flow;
}

static void observe(struct fixture *f, const struct item *item)
{
    char device[8];
    struct vd_observation seen = {
        .offset = item->number,
        .enqueued_ms = item->enqueued_ms,
        .time = at(item->event_ms),
        .address = VD_STR_LITERAL("203.0.113.7"),
    };

    snprintf(device, sizeof device, "d%d", item->device);
    seen.device_id = vd_str_from(device);
    switch (item->counter) {
    case VD_COUNTERS_END:
        advance(f, item->enqueued_ms);
        break;
    case VD_COUNT_D2C:
        seen.what = VD_OBSERVED_MESSAGE;
        seen.over_mqtt = true;
        assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
        break;
    case VD_COUNT_CONNECTIONS: {
        struct vd_flow flow = flow_to("198.51.100.1", item->port, 1);

        observe_flows(f, &seen, &flow, 1);
        break;
    }
    default:
        observe_operation(f, &seen, operations[item->counter].category,
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

static json_t *all_alerts(struct fixture *f)
{
    const struct vd_alert_filter filter = {0};
    json_t *alerts = NULL;

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    return alerts;
}

static void alert_lines(struct fixture *f, struct lines *lines)
{
    json_t *alerts = all_alerts(f);

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

static void feed(
    struct fixture *f, const struct item *items, size_t count, const struct cut *cut, uint64_t seed)
{
    size_t i = 0;

    while (i < count) {
        const size_t batch = 1 + next_random(&seed) % cut->batch_max;
        const size_t end = i + batch < count ? i + batch : count;
        const bool fails = cut->fail_each > 0 && next_random(&seed) % cut->fail_each == 0;

        for (size_t k = i; k < end; k++) {
            observe(f, &items[k]);
        }
        end_batch(f, !fails);
        i = fails ? i : end;
        if (cut->restart_each > 0 && next_random(&seed) % cut->restart_each == 0) {
            restart(f);
        }
    }
    pass_time(f, T0_MS + RUN_MS - 15000, T0_MS + RUN_MS + LATENESS_MS);
    end_batch(f, true);
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
    struct fixture *f = *state;
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
        close_store(f);
        open_store(f);
        f->rules = rules;
        open_engine(f);
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

static void send(struct fixture *f, int device, int64_t ms)
{
    const struct item item = {.device = device,
        .counter = VD_COUNT_D2C,
        .enqueued_ms = ms,
        .event_ms = ms,
        .number = (uint64_t)ms};

    observe(f, &item);
}

static size_t count_alerts(struct fixture *f, const char *type, const char *device)
{
    json_t *alerts = all_alerts(f);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        count += strcmp(json_string_value(json_object_get(alert, "alertType")), type) == 0 &&
                strcmp(json_string_value(json_object_get(alert, "deviceId")), device) == 0
            ? 1
            : 0;
    }
    json_decref(alerts);
    return count;
}

#define D2C_TYPE VD_CUSTOM_ALERT_PREFIX "MqttD2CMessagesNotInAllowedRange"

/* A maximum holds from when it is set, for what is counted then too. */
static void test_engine__a_changed_rule_applies_at_once(void **state)
{
    struct fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;

    set_rules(f, d2c_rules_more);
    pass_time(f, start - MINUTE_MS, start);
    for (int i = 0; i < 4; i++) {
        send(f, 0, start + 1000 * i);
    }
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d0"), 0);
    set_rules(f, d2c_rules);
    send(f, 0, start + 5000);
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d0"), 1);
}

/* A device is judged by a group's minimum from the first window that it was in from its beginning. */
static void test_engine__a_changed_group_applies_from_then(void **state)
{
    struct fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;
    struct vd_observation seen = {.device_id = VD_STR_LITERAL("d4"),
        .module_id = VD_STR_LITERAL("azureiotsecurity"),
        .enqueued_ms = start + MINUTE_MS,
        .time = at(start + MINUTE_MS)};

    set_rules(f, d2c_rules);
    pass_time(f, start - MINUTE_MS, start + MINUTE_MS);
    snprintf(f->fleet.devices[4].group, sizeof f->fleet.devices[4].group, "default");
    observe_operation(f, &seen, "C2DTwinOperations", "update", 0);
    pass_time(f, start + MINUTE_MS, start + 5 * MINUTE_MS + LATENESS_MS);
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d0"), 1); /* sent nothing */
    assert_int_equal(count_alerts(f, D2C_TYPE, "d4"), 0);
    pass_time(f, start + 5 * MINUTE_MS + LATENESS_MS, start + 10 * MINUTE_MS + LATENESS_MS);
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d4"), 1);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d5"), 0); /* its group has no rules */
}

/* While the service is away nobody can be heard: absence proves nothing. */
static void test_engine__no_minimum_over_a_gap(void **state)
{
    struct fixture *f = *state;
    const int64_t start = T0_MS / (5 * MINUTE_MS) * (5 * MINUTE_MS) + 5 * MINUTE_MS;

    set_rules(f, d2c_rules);
    pass_time(f, start - MINUTE_MS, start + MINUTE_MS);
    end_batch(f, true);
    restart(f);
    pass_time(f, start + 30 * MINUTE_MS, start + 34 * MINUTE_MS);
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d0"), 0);
    pass_time(f, start + 34 * MINUTE_MS, start + 40 * MINUTE_MS + LATENESS_MS);
    end_batch(f, true);
    assert_int_equal(count_alerts(f, D2C_TYPE, "d0"), 1);
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
    struct fixture *f = *state;
    struct vd_flow flows[3];

    set_rules(f, list_rules);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_observation seen = {.device_id = VD_STR_LITERAL("d1"),
            .offset = i,
            .enqueued_ms = T0_MS,
            .time = at(T0_MS)};
        struct vd_flow flow = flow_to(cases[i].remote, 1, cases[i].opened_by);
        const size_t expected = cases[i].allowed_alerts || cases[i].denied_alerts ? 1 : 0;

        flow.bytes_out = cases[i].bytes_out;
        observe_flows(f, &seen, &flow, 1);
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
        observe_flows(f, &seen, &flow, 1);
        assert_int_equal(f->findings.count, 0);
    }
    for (uint16_t i = 0; i < 3; i++) {
        struct vd_observation seen = {.device_id = VD_STR_LITERAL("d1"),
            .offset = 100u + i,
            .enqueued_ms = T0_MS,
            .time = at(T0_MS)};

        flows[i] = flow_to("198.51.100.1", i, 1);
        observe_flows(f, &seen, flows, i + 1u);
        assert_int_equal(f->findings.count, i == 2 ? 1 : 0);
    }
    assert_ptr_equal(f->findings.alerts[0]->first.rule, &vd_rule_custom_threshold);
}

/* ---- Silence ---- */

static void hear(struct fixture *f, const char *device, const char *address, int64_t ms)
{
    struct vd_observation seen = {.what = VD_OBSERVED_MESSAGE,
        .device_id = vd_str_from(device),
        .address = vd_str_from(address),
        .enqueued_ms = ms,
        .time = at(ms)};

    assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
}

static void test_engine__silence(void **state)
{
    struct fixture *f = *state;
    const int64_t hours = 60 * MINUTE_MS;
    json_t *alerts;

    f->settings.silent_after_ms = 2 * hours;
    vd_engine_set_settings(f->engine, &f->settings);
    /* d0 is alone behind its address; d1, d2 and d3 share one and stop within minutes; d4 goes on; d5 never spoke. */
    hear(f, "d0", "203.0.113.1", T0_MS);
    hear(f, "d1", "203.0.113.9", T0_MS + MINUTE_MS);
    hear(f, "d2", "203.0.113.9", T0_MS + 2 * MINUTE_MS);
    hear(f, "d3", "203.0.113.9", T0_MS + 3 * MINUTE_MS);
    for (int64_t t = T0_MS; t < T0_MS + 3 * hours; t += 15000) {
        advance(f, t);
        if (t % (10 * MINUTE_MS) < 15000) {
            hear(f, "d4", "203.0.113.4", t);
            end_batch(f, true);
            restart(f);
        }
    }
    end_batch(f, true);
    alerts = all_alerts(f);
    assert_int_equal(json_array_size(alerts), 2);
    assert_int_equal(count_alerts(f, "IoT_DeviceSilent", "d0"), 1);
    assert_int_equal(count_alerts(f, "IoT_DeviceSilent", ""), 1);
    for (size_t i = 0; i < 2; i++) {
        const json_t *alert = json_array_get(alerts, i);
        const bool is_shared = json_string_length(json_object_get(alert, "deviceId")) == 0;

        assert_int_equal(json_integer_value(json_object_get(alert, "count")), is_shared ? 3 : 1);
        assert_string_equal(
            json_string_value(json_object_get(alert, "subject")), is_shared ? "203.0.113.9" : "");
    }
    json_decref(alerts);
}

/* Time in which the service was away does not make a device silent. */
static void test_engine__no_silence_over_a_gap(void **state)
{
    struct fixture *f = *state;

    f->settings.silent_after_ms = 60 * MINUTE_MS;
    vd_engine_set_settings(f->engine, &f->settings);
    hear(f, "d0", "203.0.113.1", T0_MS);
    end_batch(f, true);
    restart(f);
    pass_time(f, T0_MS + 600 * MINUTE_MS, T0_MS + 659 * MINUTE_MS);
    assert_int_equal(f->findings.count, 0);
    pass_time(f, T0_MS + 659 * MINUTE_MS, T0_MS + 662 * MINUTE_MS);
    assert_int_equal(f->findings.count, 1);
}

/* What a removed device left is gone, also on the disk. */
static void test_engine__removed_devices_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct vd_observation seen = {
        .device_id = VD_STR_LITERAL("d5"), .enqueued_ms = T0_MS + 1000, .time = at(T0_MS + 1000)};
    struct vd_engine_stats stats;

    hear(f, "d5", "203.0.113.1", T0_MS);
    f->fleet.count = 5;
    observe_operation(f, &seen, "DeviceIdentityOperations", "delete", 0);
    end_batch(f, true);
    assert_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    restart(f);
    assert_null(vd_engine_device(f->engine, VD_STR_LITERAL("d5")));
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.devices, 5);
    f->fleet.count = 4; /* while no service ran */
    restart(f);
    end_batch(f, true);
    vd_engine_stats_get(f->engine, &stats);
    assert_int_equal(stats.devices, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ENGINE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        ENGINE_TEST(test_engine__windows_are_the_models),
        ENGINE_TEST(test_engine__a_changed_rule_applies_at_once),
        ENGINE_TEST(test_engine__a_changed_group_applies_from_then),
        ENGINE_TEST(test_engine__no_minimum_over_a_gap),
        ENGINE_TEST(test_engine__lists_and_thresholds),
        ENGINE_TEST(test_engine__silence),
        ENGINE_TEST(test_engine__no_silence_over_a_gap),
        ENGINE_TEST(test_engine__removed_devices_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
