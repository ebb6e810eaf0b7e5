/* SPDX-License-Identifier: MIT */
/* Reads the query tables stretch by stretch, makes observations of their rows, and feeds an engine of its own. */

#include "center/backtest.h"

#include <stdlib.h>
#include <string.h>

#include "center/detect/custom_rules.h"
#include "center/detect/engine.h"
#include "center/limits.h"
#include "center/store/raw_pauses.h"
#include "center/stored_flow.h"
#include "lib/clock.h"

#define HOUR_MS 3600000LL
#define TICK_MS 30000
#define LATE_MS 3600000
/* Rows of one table that are held at once; a stretch with more is halved. */
#define ROWS_MAX 20000
/* One with fewer is followed by a longer one. */
#define ROWS_FEW    1000
#define STRETCH_MAX VD_DAY_MS

struct run {
    const struct vd_backtest *of;
    struct vd_engine *engine;
    struct vd_findings findings;
    /* Objects of name to number. */
    json_t *devices;      /* findings of each */
    json_t *rules;        /* likewise */
    json_t *rule_devices; /* devices of each rule */
    json_t *pairs;        /* findings of a rule and a device */
    json_t *examples;
    uint64_t events;
    uint64_t records;
    uint64_t found;
    int64_t now_ms; /* how far the engine is */
    int64_t began_ms;
    struct vd_flow *flows; /* of the event under way */
    uint32_t flow_count;
    uint32_t flow_capacity;
    char *problem;
};

/* ---- Tallies ---- */

/* *before: what it was, NULL is allowed. */
static int add_to(json_t *map, const char *name, uint64_t more, uint64_t *before)
{
    const json_int_t old = json_integer_value(json_object_get(map, name));

    if (before != NULL) {
        *before = (uint64_t)old;
    }
    return json_object_set_new(map, name, json_integer(old + (json_int_t)more)) == 0 ? VD_OK
                                                                                     : VD_E_NOMEM;
}

struct tally {
    const char *name;
    json_int_t findings;
};

static int compare_tallies(const void *a, const void *b)
{
    const struct tally *x = a;
    const struct tally *y = b;

    if (x->findings != y->findings) {
        return x->findings > y->findings ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* The largest first; `beside` (NULL: none) has the number of devices of each. NULL without memory. */
static json_t *tallies_json(json_t *map, const char *name, const json_t *beside)
{
    struct tally *tallies = calloc(json_object_size(map) + 1, sizeof *tallies);
    json_t *array = json_array();
    const char *key;
    json_t *value;
    size_t count = 0;

    if (tallies == NULL) {
        json_decref(array);
        return NULL;
    }
    json_object_foreach(map, key, value)
    {
        tallies[count++] = (struct tally){key, json_integer_value(value)};
    }
    qsort(tallies, count, sizeof *tallies, compare_tallies);
    for (size_t i = 0; i < count && i < VD_BACKTEST_DEVICES_MAX; i++) {
        json_t *one =
            json_pack("{s:s, s:I}", name, tallies[i].name, "findings", tallies[i].findings);

        if (beside != NULL) {
            json_object_set(one, "devices", json_object_get(beside, tallies[i].name));
        }
        json_array_append_new(array, one);
    }
    free(tallies);
    return array;
}

/* ---- What was found ---- */

static void add_example(struct run *run, const struct vd_pending_alert *alert)
{
    char time[VD_TIME_TEXT_SIZE];
    char *device = strndup(alert->first.device_id.data, alert->first.device_id.length);

    vd_time_format(
        alert->first.end_ms, time); /* what is described and shown is the first finding */
    if (json_array_size(run->examples) < VD_BACKTEST_EXAMPLES_MAX && device != NULL) {
        json_array_append_new(run->examples,
            json_pack("{s:s, s:s, s:s, s:s, s:o}", "alertType", alert->first.rule->alert_type,
                "deviceId", device, "time", time, "description", alert->description, "evidence",
                json_loads(alert->evidence[0].body, 0, NULL)));
    }
    free(device);
}

static int tally_alert(struct run *run, const struct vd_pending_alert *alert)
{
    char device[VD_FLEET_ID_MAX + 1];
    char pair[VD_FLEET_ID_MAX + 128];
    const char *type = alert->first.rule->alert_type;
    uint64_t before = 0;
    int error;

    if (alert->count == 0 || vd_str_copy(alert->first.device_id, device, sizeof device) != VD_OK) {
        return VD_OK;
    }
    snprintf(pair, sizeof pair, "%s %s", type, device);
    error = add_to(run->devices, device, alert->count, NULL);
    error = error == VD_OK ? add_to(run->rules, type, alert->count, NULL) : error;
    error = error == VD_OK ? add_to(run->pairs, pair, alert->count, &before) : error;
    error = error == VD_OK ? add_to(run->rule_devices, type, before == 0 ? 1 : 0, NULL) : error;
    if (error != VD_OK) {
        return error;
    }
    run->found += alert->count;
    add_example(run, alert);
    return VD_OK;
}

/* Only the group's own rules are tried. */
static bool is_custom(const struct vd_rule *rule)
{
    return strncmp(rule->alert_type, VD_CUSTOM_ALERT_PREFIX, strlen(VD_CUSTOM_ALERT_PREFIX)) == 0;
}

static int collect(struct run *run)
{
    int error = vd_engine_flush(run->engine, &run->findings);

    for (size_t i = 0; i < run->findings.count && error == VD_OK; i++) {
        if (is_custom(run->findings.alerts[i]->first.rule)) {
            error = tally_alert(run, run->findings.alerts[i]);
        }
    }
    vd_findings_clear(&run->findings);
    if (error == VD_OK) {
        error = vd_engine_save(run->engine, NULL);
    }
    return error;
}

/* ---- Rows ---- */

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static int add_flow(struct run *run, const char *details)
{
    json_t *json = json_loads(details, 0, NULL);
    struct vd_flow flow;
    const bool is_flow = vd_stored_flow_read(json, &flow);
    struct vd_flow *larger;

    json_decref(json);
    if (!is_flow) {
        return VD_OK;
    }
    if (run->flow_count == run->flow_capacity) {
        run->flow_capacity = run->flow_capacity > 0 ? run->flow_capacity * 2 : 64;
        larger = realloc(run->flows, run->flow_capacity * sizeof *larger);
        if (larger == NULL) {
            return VD_E_NOMEM;
        }
        run->flows = larger;
    }
    run->flows[run->flow_count++] = flow;
    return VD_OK;
}

/* Each window of a minimum may find all devices of a group, and an hour has sixty. */
static int advance(struct run *run)
{
    int error = vd_engine_advance(run->engine, run->now_ms, &run->findings);

    return error == VD_OK && run->findings.memory.bytes >= VD_INGEST_TEXT_BYTES_MAX ? collect(run)
                                                                                    : error;
}

/* As a service that ran all the time: between observations the time is told. */
static int pass_time(struct run *run, int64_t to_ms)
{
    int error = VD_OK;

    while (error == VD_OK && run->now_ms + TICK_MS < to_ms) {
        run->now_ms += TICK_MS;
        error = advance(run);
    }
    run->now_ms = to_ms > run->now_ms ? to_ms : run->now_ms;
    return error == VD_OK ? advance(run) : error;
}

/* Columns of both kinds of rows. */
enum {
    COLUMN_GENERATED,
    COLUMN_DEVICE,
    COLUMN_STAMP, /* of an event */
    COLUMN_EVENT,
    COLUMN_DETAILS,
    COLUMN_CATEGORY = COLUMN_STAMP, /* of a record */
    COLUMN_NAME,
    COLUMN_RESULT,
    COLUMN_PROPERTIES,
};

/* Rows from *i on that are of one event. */
static int feed_event(struct run *run, const json_t *rows, size_t *i)
{
    const json_t *first = json_array_get(rows, *i);
    const int64_t stamp_ms = vd_row_ms(first, COLUMN_STAMP);
    json_t *details = json_loads(vd_row_text(first, COLUMN_DETAILS), 0, NULL);
    struct vd_security_event event = {
        .payload = VD_PAYLOAD_NETWORK_ACTIVITY,
        .items = vd_stored_flow_is_item(details) ? details : NULL,
    };
    struct vd_security_message message = {.events = {&event, 1, 1}};
    struct vd_observation seen = {
        .what = VD_OBSERVED_EVENT,
        .device_id = vd_str_from(vd_row_text(first, COLUMN_DEVICE)),
        .enqueued_ms = vd_row_ms(first, COLUMN_GENERATED),
        .time = {stamp_ms, stamp_ms, stamp_ms, true},
        .message = &message,
        .event = &event,
    };
    int error = VD_OK;

    run->flow_count = 0;
    do {
        error = add_flow(run, vd_row_text(json_array_get(rows, *i), COLUMN_DETAILS));
        ++*i;
    } while (error == VD_OK && *i < json_array_size(rows) &&
        strcmp(vd_row_text(json_array_get(rows, *i), COLUMN_EVENT),
            vd_row_text(first, COLUMN_EVENT)) == 0 &&
        strcmp(vd_row_text(json_array_get(rows, *i), COLUMN_DEVICE),
            vd_row_text(first, COLUMN_DEVICE)) == 0);
    (void)!vd_uuid_parse(
        vd_row_text(first, COLUMN_EVENT), strlen(vd_row_text(first, COLUMN_EVENT)), &event.id);
    event.time_s = (uint32_t)(stamp_ms / 1000);
    event.count = run->flow_count;
    message.flows = (struct vd_decoded_array){run->flows, run->flow_count, run->flow_capacity};
    run->events++;
    if (error == VD_OK) {
        error = pass_time(run, seen.enqueued_ms);
    }
    if (error == VD_OK) {
        error = vd_engine_observe(run->engine, &seen, &run->findings);
    }
    json_decref(details);
    return error;
}

/* A record of a minute's messages stands for each of them. */
static int feed_messages(struct run *run, struct vd_observation *seen, const json_t *properties)
{
    const json_int_t count = json_integer_value(json_object_get(properties, "messageCount"));
    int64_t minute_ms = seen->enqueued_ms;
    int error = VD_OK;

    (void)!vd_time_parse(member(properties, "EventEnqueuedUtcTime"), &minute_ms);
    seen->what = VD_OBSERVED_MESSAGE;
    seen->over_mqtt = strncmp(member(properties, "protocol"), "Mqtt", 4) == 0;
    seen->time = (struct vd_event_time){minute_ms, minute_ms, minute_ms, true};
    for (json_int_t i = 0; i < count && error == VD_OK; i++) {
        error = vd_engine_observe(run->engine, seen, &run->findings);
    }
    return error;
}

static int feed_record(struct run *run, const json_t *row)
{
    json_t *properties = json_loads(vd_row_text(row, COLUMN_PROPERTIES), 0, NULL);
    const struct vd_operation_seen operation = {
        .category = vd_str_from(vd_row_text(row, COLUMN_CATEGORY)),
        .name = vd_str_from(vd_row_text(row, COLUMN_NAME)),
        .result = (uint32_t)strtoul(vd_row_text(row, COLUMN_RESULT), NULL, 10),
        .reason = vd_str_from(member(properties, "reason")),
        .protocol = vd_str_from(member(properties, "protocol")),
        .properties = properties,
    };
    struct vd_observation seen = {
        .what = VD_OBSERVED_OPERATION,
        .device_id = vd_str_from(member(properties, "deviceId")),
        .module_id = vd_str_from(member(properties, "moduleId")),
        .enqueued_ms = vd_row_ms(row, COLUMN_GENERATED),
        .operation = &operation,
    };
    int error = pass_time(run, seen.enqueued_ms);

    seen.time = (struct vd_event_time){seen.enqueued_ms, seen.enqueued_ms, seen.enqueued_ms, true};
    run->records++;
    if (error == VD_OK && vd_str_equal_text(operation.name, "ingress") && operation.result == 0) {
        error = feed_messages(run, &seen, properties);
    } else if (error == VD_OK) {
        error = vd_engine_observe(run->engine, &seen, &run->findings);
    }
    json_decref(properties);
    return error;
}

/* ---- Stretches ---- */

/* The rows of one table; *rows is NULL if there are more than are held at once. */
static int query(struct run *run, const char *format, int64_t from_ms, int64_t to_ms, json_t **rows)
{
    const struct vd_query_limits limits = {.max_rows = ROWS_MAX, .token = run->of->token};
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];
    char sql[1600];
    json_t *result = NULL;
    int error;

    vd_time_format(from_ms, from);
    vd_time_format(to_ms, to);
    snprintf(sql, sizeof sql,
        "%s AND TimeGenerated >= TIMESTAMP '%.23s' AND TimeGenerated < "
        "TIMESTAMP '%.23s' ORDER BY TimeGenerated, 4",
        format, from, to);
    error = vd_analytics_query(run->of->analytics, sql, &limits, &result, run->problem, 400);
    *rows = NULL;
    if (error == VD_OK && !json_is_true(json_object_get(result, "truncated"))) {
        *rows = json_incref(json_object_get(result, "rows"));
    }
    json_decref(result);
    return error;
}

/* Both tables' rows in the order in which they came. */
static int feed_rows(struct run *run, const json_t *events, const json_t *records)
{
    size_t e = 0;
    size_t r = 0;
    int error = VD_OK;

    while (error == VD_OK && (e < json_array_size(events) || r < json_array_size(records))) {
        const bool is_record = r < json_array_size(records) &&
            (e >= json_array_size(events) ||
                strcmp(vd_row_text(json_array_get(records, r), COLUMN_GENERATED),
                    vd_row_text(json_array_get(events, e), COLUMN_GENERATED)) <= 0);

        error = is_record ? feed_record(run, json_array_get(records, r++))
                          : feed_event(run, events, &e);
    }
    return error;
}

/*
 * The messages of a minute are recorded when the hub hears of the device next, which may be after their window was judged: they
 * are taken at the end of their minute, up to LATE_MS after it.
 */
static void write_record_sql(char *sql, size_t size, int64_t from_ms, int64_t to_ms)
{
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];

    vd_time_format(from_ms, from);
    vd_time_format(to_ms + LATE_MS, to);
    snprintf(sql, size,
        "SELECT TimeGenerated, '', Category, OperationName, ResultType, properties_s FROM (SELECT"
        " CASE WHEN TimeGenerated >= minute AND TimeGenerated < minute + INTERVAL %d MILLISECONDS"
        " THEN minute + INTERVAL 59999 MILLISECONDS ELSE TimeGenerated END AS TimeGenerated,"
        " Category, OperationName, ResultType, properties_s FROM (SELECT *, CASE WHEN"
        " OperationName = 'ingress' THEN TRY_CAST(regexp_extract(properties_s,"
        " '\"EventEnqueuedUtcTime\":\"([^\"Z]+)', 1) AS TIMESTAMP) END AS minute FROM"
        " AzureDiagnostics WHERE Category <> 'TwinQueries' AND TimeGenerated >= TIMESTAMP '%.23s'"
        " AND TimeGenerated < TIMESTAMP '%.23s')) WHERE true",
        LATE_MS, from, to);
}

/* *done false: the stretch holds too much at once. *row_count: how many it has. */
static int feed_stretch(
    struct run *run, int64_t from_ms, int64_t to_ms, bool *done, size_t *row_count)
{
    static const char event_sql[] =
        "SELECT TimeGenerated, DeviceId, \"TimeStamp\", IoTRawEventId, EventDetails"
        " FROM " VD_STORED_FLOWS;
    char record_sql[1024];
    json_t *events = NULL;
    json_t *records = NULL;
    int error = query(run, event_sql, from_ms, to_ms, &events);

    *done = false;
    *row_count = 0;
    if (error == VD_OK && events != NULL) {
        write_record_sql(record_sql, sizeof record_sql, from_ms, to_ms);
        error = query(run, record_sql, from_ms, to_ms, &records);
    }
    if (error == VD_OK && events != NULL && records != NULL) {
        *done = true;
        *row_count = json_array_size(events) + json_array_size(records);
        error = feed_rows(run, events, records);
    }
    json_decref(events);
    json_decref(records);
    return error;
}

/* Whether time is left, and somebody waits. */
static bool goes_on(const struct run *run)
{
    const atomic_bool *is_unwanted = run->of->is_unwanted;

    return vd_clock_monotonic_ms() - run->began_ms < VD_BACKTEST_TIME_MAX_MS &&
        (is_unwanted == NULL || !atomic_load(is_unwanted));
}

/* Each stretch is a question: quiet times are asked for by the day. */
static int64_t next_step(int64_t step_ms, size_t rows)
{
    const int64_t max_ms = rows <= ROWS_FEW ? STRETCH_MAX : step_ms < HOUR_MS ? HOUR_MS : step_ms;

    return step_ms * 2 > max_ms ? max_ms : step_ms * 2;
}

static int feed_history(struct run *run, int64_t *covered_ms)
{
    const struct vd_backtest *of = run->of;
    int64_t step_ms = HOUR_MS;
    int error = VD_OK;

    *covered_ms = of->from_ms;
    run->now_ms = of->from_ms - 1;
    error = vd_engine_advance(run->engine, run->now_ms, &run->findings);
    while (error == VD_OK && *covered_ms < of->to_ms && goes_on(run)) {
        const int64_t to_ms = *covered_ms + step_ms < of->to_ms ? *covered_ms + step_ms : of->to_ms;
        size_t rows;
        bool done;

        error = feed_stretch(run, *covered_ms, to_ms, &done, &rows);
        if (error == VD_OK && !done) {
            step_ms /= 2;
            if (step_ms == 0) {
                snprintf(run->problem, 400, "too many rows within a millisecond");
                error = VD_E_LIMIT;
            }
        } else if (error == VD_OK) {
            *covered_ms = to_ms;
            step_ms = next_step(step_ms, rows);
            error = pass_time(run, to_ms);
        }
        error = error == VD_OK ? collect(run) : error;
    }
    if (error == VD_OK) {
        error = pass_time(run, *covered_ms + of->detection.lateness_ms);
    }
    return error == VD_OK ? collect(run) : error;
}

/* ---- The run ---- */

static int add_pauses(const struct vd_backtest *of, json_t *result)
{
    json_t *pauses = NULL;
    int error = VD_OK;

    if (of->store != NULL) {
        error = vd_raw_pauses_list(of->store, of->from_ms, of->to_ms, &pauses);
    }
    if (error == VD_OK && pauses != NULL && json_object_set_new(result, "notStored", pauses) != 0) {
        error = VD_E_NOMEM;
    }
    return error;
}

static int result_of(struct run *run, int64_t covered_ms, json_t **result)
{
    const struct vd_backtest *of = run->of;
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];
    char covered[VD_TIME_TEXT_SIZE];

    vd_time_format(of->from_ms, from);
    vd_time_format(of->to_ms, to);
    vd_time_format(covered_ms, covered);
    *result = json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:O}", "group",
        of->group, "from", from, "to", to, "isPartial", covered_ms < of->to_ms, "coveredUntil",
        covered, "devicesInGroup", (json_int_t)vd_engine_members(run->engine, of->group),
        "eventsRead", (json_int_t)run->events, "recordsRead", (json_int_t)run->records, "findings",
        (json_int_t)run->found, "rules", tallies_json(run->rules, "alertType", run->rule_devices),
        "devices", tallies_json(run->devices, "deviceId", NULL), "examples", run->examples);
    return *result != NULL ? add_pauses(of, *result) : VD_E_NOMEM;
}

static int begin(struct run *run)
{
    const struct vd_backtest *of = run->of;
    struct vd_detect_settings settings = of->detection;
    struct vd_group_rules *rules = NULL;
    int error;

    if (of->from_ms >= of->to_ms || of->to_ms - of->from_ms > VD_BACKTEST_HISTORY_MAX_MS) {
        snprintf(
            run->problem, 400, "the stretch must end after it begins, and have 30 days at most");
        return VD_E_INVALID;
    }
    error = vd_group_rules_read(of->group, of->properties, &rules, run->problem);
    settings.is_trial = true;
    if (error == VD_OK) {
        error = vd_engine_new(&settings, of->fleet, &run->engine);
    }
    if (error == VD_OK) {
        error = vd_engine_load(run->engine, NULL);
    }
    if (error != VD_OK) {
        vd_group_rules_free(rules);
        return error;
    }
    return vd_engine_set_rules(run->engine, &rules, 1);
}

int vd_backtest_run(const struct vd_backtest *backtest, json_t **result, char problem[400])
{
    struct run run = {
        .of = backtest,
        .problem = problem,
        .devices = json_object(),
        .rules = json_object(),
        .rule_devices = json_object(),
        .pairs = json_object(),
        .examples = json_array(),
        .began_ms = vd_clock_monotonic_ms(),
    };
    int64_t covered_ms = 0;
    int error = run.examples != NULL ? begin(&run) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = feed_history(&run, &covered_ms);
    }
    if (error == VD_OK) {
        error = result_of(&run, covered_ms, result);
    }
    vd_engine_free(run.engine);
    vd_findings_release(&run.findings);
    json_decref(run.devices);
    json_decref(run.rules);
    json_decref(run.rule_devices);
    json_decref(run.pairs);
    free(run.flows);
    json_decref(run.examples);
    return error;
}
