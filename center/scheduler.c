/* SPDX-License-Identifier: MIT */
/* A due query, its rows by device, a finding for each, and how far the query has come, in one transaction. */

#include "center/scheduler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "center/detect/findings.h"
#include "center/detect/rule.h"
#include "center/limits.h"
#include "center/query.h"
#include "center/store/alert_store_internal.h"
#include "center/store/saved_queries.h"
#include "lib/clock.h"
#include "lib/fleet.h"
#include "lib/json_text.h"
#include "lib/log.h"
#include "lib/url.h"

/* Letters of a cell that an alert shows. */
#define CELL_MAX 300

struct run {
    const struct vd_due_query *due;
    struct vd_saved_query query;
    int64_t from_ms;
    json_t *answer;    /* of the query tables */
    int device_column; /* -1: none */
    struct vd_rule rule;
    struct vd_findings findings;
};

static const char *const remediation[] = {
    "Open the query of this alert to see all rows that raised it.",
    "If they are expected, dismiss the alert, or change the query so that it leaves them out.",
    NULL,
};
static const char *const techniques[] = {NULL};

/* ---- Rows by device ---- */

/* The device that a row is about; "": none that could be one. */
static const char *device_of(const struct run *run, const json_t *row)
{
    const char *text = run->device_column >= 0
        ? json_string_value(json_array_get(row, (size_t)run->device_column))
        : NULL;

    return text != NULL && strlen(text) <= VD_FLEET_ID_MAX ? text : "";
}

/* A cell as an alert shows it. */
static json_t *shown(json_t *cell)
{
    const char *text = json_string_value(cell);
    struct vd_str cut = {text, CELL_MAX};

    if (text == NULL || json_string_length(cell) <= CELL_MAX) {
        return json_incref(cell);
    }
    while (cut.length > 0 && !vd_utf8_is_valid(cut)) {
        cut.length--;
    }
    return json_sprintf("%.*s...", VD_STR_ARG(cut));
}

static json_t *shown_row(const struct run *run, const json_t *row)
{
    const json_t *columns = json_object_get(run->answer, "columns");
    json_t *object = json_object();

    for (size_t i = 0; i < json_array_size(row); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(columns, i), "name"));

        json_object_set_new(object, name != NULL ? name : "", shown(json_array_get(row, i)));
    }
    return object;
}

/* The evidence of one run: the query as it was, the stretch, how many rows, and the first of them that have room. */
static char *evidence_text(const struct run *run, const json_t *rows)
{
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];
    json_t *examples = json_array();
    json_t *evidence;
    char *text;

    vd_time_format(run->from_ms, from);
    vd_time_format(run->due->due_ms, to);
    for (size_t i = 0; i < json_array_size(rows) && i < VD_SCHEDULE_EXAMPLES_MAX; i++) {
        json_array_append_new(examples, shown_row(run, json_array_get(rows, i)));
    }
    evidence = json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "savedQuery", run->due->name, "query",
        run->query.text.data, "from", from, "to", to, "rows", (json_int_t)json_array_size(rows),
        "examples", examples);
    text = json_dumps(evidence, JSON_COMPACT);
    while (text != NULL && strlen(text) > VD_SCHEDULE_EVIDENCE_BYTES + run->query.text.length &&
        json_array_size(examples) > 0) {
        free(text);
        json_array_remove(examples, json_array_size(examples) - 1);
        text = json_dumps(evidence, JSON_COMPACT);
    }
    json_decref(evidence);
    return text;
}

static const char *title_of(const struct run *run)
{
    return run->query.title[0] != '\0' ? run->query.title : run->due->name;
}

static int add_finding(struct run *run, const char *device, const json_t *rows)
{
    struct vd_finding finding = {
        .rule = &run->rule,
        .device_id = vd_str_from(device),
        .start_ms = run->from_ms,
        .end_ms = run->due->due_ms,
        .day_ms = run->due->due_ms - 1, /* what ends at midnight is of the day before */
    };
    struct vd_buf description = {0};
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];
    char *evidence = evidence_text(run, rows);
    const size_t count = json_array_size(rows);
    int error;

    if (evidence == NULL) {
        return VD_E_NOMEM;
    }
    vd_time_format(run->from_ms, from);
    vd_time_format(run->due->due_ms, to);
    snprintf(finding.subject, sizeof finding.subject, "%s", run->due->name);
    vd_buf_printf(&description, "The scheduled query '%s' found %zu row%s%s%s between %s and %s.",
        title_of(run), count, count == 1 ? "" : "s", device[0] != '\0' ? " about " : "", device,
        from, to);
    if (run->query.description[0] != '\0') {
        vd_buf_printf(&description, " %s", run->query.description);
    }
    finding.description = (struct vd_str){(const char *)description.data, description.length};
    finding.evidence = vd_str_from(evidence);
    error =
        description.error != VD_OK ? description.error : vd_findings_add(&run->findings, &finding);
    vd_buf_release(&description);
    free(evidence);
    return error;
}

/* Rows beyond the devices that are told apart are of the hub. */
static int add_findings(struct run *run)
{
    const json_t *rows = json_object_get(run->answer, "rows");
    json_t *by_device = json_object();
    const char *device;
    json_t *some;
    int error = VD_OK;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const char *name = device_of(run, row);

        if (json_object_get(by_device, name) == NULL) {
            name = json_object_size(by_device) < VD_SCHEDULE_DEVICES_MAX ? name : "";
        }
        if (json_object_get(by_device, name) == NULL) {
            json_object_set_new(by_device, name, json_array());
        }
        json_array_append(json_object_get(by_device, name), row);
    }
    json_object_foreach(by_device, device, some)
    {
        error = error == VD_OK ? add_finding(run, device, some) : error;
    }
    json_decref(by_device);
    return error;
}

/* ---- A run ---- */

static int find_column(const struct run *run)
{
    const json_t *columns = json_object_get(run->answer, "columns");

    for (size_t i = 0; i < json_array_size(columns); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(columns, i), "name"));

        if (run->query.schedule.device_column[0] != '\0' && name != NULL &&
            strcmp(name, run->query.schedule.device_column) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int64_t from_time(const struct run *run)
{
    const struct vd_query_schedule *schedule = &run->query.schedule;
    const int64_t from_ms = run->due->covered_ms - (schedule->over_ms - schedule->every_ms);
    const int64_t first_ms = run->due->due_ms - VD_SCHEDULE_OVER_MAX_MS;

    return from_ms > first_ms ? from_ms : first_ms;
}

/* The rows of what is due. Problems of the query go to `problem`. */
static int ask(struct run *run, struct vd_analytics *analytics, const atomic_bool *is_stopping,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    struct vd_query_problem found;
    struct vd_query query = {
        .now_ms = run->due->due_ms,
        .to_ms = run->due->due_ms,
        .limits = {.timeout_ms = VD_SCHEDULE_TIMEOUT_MS, .is_unwanted = is_stopping},
    };
    int error = vd_saved_query_read(run->due->document, &run->query, problem);

    if (error != VD_OK) {
        return error;
    }
    run->from_ms = from_time(run);
    query.text = run->query.text;
    query.from_ms = run->from_ms;
    error = vd_query_run(analytics, &query, &run->answer, &found);
    if (error != VD_OK) {
        snprintf(problem, VD_SAVED_QUERY_PROBLEM_SIZE, "%s",
            found.has_place             ? found.place.text
                : found.text[0] != '\0' ? found.text
                                        : vd_error_text(error));
        return error;
    }
    run->device_column = find_column(run);
    run->rule = (struct vd_rule){
        .alert_type = VD_SCHEDULED_ALERT_TYPE,
        .display_name = title_of(run),
        .severity = run->query.schedule.severity,
        .remediation_steps = remediation,
        .techniques = techniques,
    };
    if ((int64_t)json_array_size(json_object_get(run->answer, "rows")) >
        run->query.schedule.rows_above) {
        error = add_findings(run);
    }
    return error;
}

static int store_run(
    struct run *run, struct vd_alert_store *store, int64_t now_ms, struct vd_query_ran *ran)
{
    struct vd_findings_tally tally = {0};
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    if (ran->error == NULL) {
        error = vd_findings_store(&run->findings, store, now_ms, &tally);
    }
    ran->raised = tally.raised;
    ran->repeated = tally.repeated;
    error = error == VD_OK ? vd_saved_queries_ran(store, run->due, ran) : error;
    return vd_alert_store_end(store, error);
}

static int run_due(struct run *run, struct vd_analytics *analytics, struct vd_alert_store *store,
    int64_t now_ms, const atomic_bool *is_stopping)
{
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE] = "";
    struct vd_query_ran ran = {.ran_ms = now_ms};
    const bool is_back = run->due->covered_ms > run->due->due_ms;
    int error = is_back ? VD_OK : ask(run, analytics, is_stopping, problem);

    if (is_stopping != NULL && atomic_load(is_stopping)) {
        error = VD_E_CLOSED;
    }
    if (error == VD_E_CLOSED || error == VD_E_NOMEM) {
        return error;
    }
    if (error != VD_OK) {
        ran.error = problem;
        vd_log(VD_LOG_WARN, "query.run_failed", "query=\"%s\" problem=\"%s\"", run->due->name,
            problem);
    }
    ran.rows = (int64_t)json_array_size(json_object_get(run->answer, "rows"));
    error = store_run(run, store, now_ms, &ran);
    if (error == VD_OK && ran.raised > 0) {
        vd_log(VD_LOG_INFO, "query.raised", "query=\"%s\" rows=%lld raised=%llu repeated=%llu",
            run->due->name, (long long)ran.rows, (unsigned long long)ran.raised,
            (unsigned long long)ran.repeated);
    }
    return error;
}

int vd_scheduler_turn(struct vd_analytics *analytics, struct vd_alert_store *store, int64_t now_ms,
    const atomic_bool *is_stopping)
{
    struct vd_due_query due;
    struct run run = {.due = &due};
    int error = vd_saved_queries_due(store, now_ms, &due);

    if (error != VD_OK) {
        return error;
    }
    error = run_due(&run, analytics, store, now_ms, is_stopping);
    vd_findings_release(&run.findings);
    json_decref(run.answer);
    json_decref(due.document);
    return error;
}

/* ---- The thread ---- */

struct vd_scheduler {
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    pthread_t thread;
    atomic_bool is_stopping;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
};

static void rest(struct vd_scheduler *scheduler, int64_t ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + ms;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;

    pthread_mutex_lock(&scheduler->mutex);
    while (!atomic_load(&scheduler->is_stopping) && code == 0) {
        code = pthread_cond_timedwait(&scheduler->stopped, &scheduler->mutex, &until);
    }
    pthread_mutex_unlock(&scheduler->mutex);
}

static void *scheduler_main(void *argument)
{
    struct vd_scheduler *scheduler = argument;

    while (!atomic_load(&scheduler->is_stopping)) {
        const int error = vd_scheduler_turn(
            scheduler->analytics, scheduler->store, vd_clock_utc_ms(), &scheduler->is_stopping);

        if (error == VD_E_NOT_FOUND) {
            rest(scheduler, VD_SCHEDULE_CHECK_MS);
        } else if (error != VD_OK && error != VD_E_CLOSED) {
            vd_log(VD_LOG_ERROR, "query.not_run", "problem=\"%s\"", vd_error_text(error));
            rest(scheduler, VD_SCHEDULE_RETRY_MS);
        }
    }
    return NULL;
}

static void scheduler_free(struct vd_scheduler *scheduler)
{
    pthread_mutex_destroy(&scheduler->mutex);
    pthread_cond_destroy(&scheduler->stopped);
    free(scheduler);
}

int vd_scheduler_start(
    struct vd_analytics *analytics, struct vd_alert_store *store, struct vd_scheduler **out)
{
    struct vd_scheduler *scheduler = calloc(1, sizeof *scheduler);
    pthread_condattr_t attributes;
    int error;

    if (scheduler == NULL) {
        return VD_E_NOMEM;
    }
    scheduler->analytics = analytics;
    scheduler->store = store;
    pthread_mutex_init(&scheduler->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&scheduler->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    error =
        vd_error_from_errno(pthread_create(&scheduler->thread, NULL, scheduler_main, scheduler));
    if (error != VD_OK) {
        scheduler_free(scheduler);
        return error;
    }
    *out = scheduler;
    return VD_OK;
}

void vd_scheduler_stop(struct vd_scheduler *scheduler)
{
    if (scheduler == NULL) {
        return;
    }
    pthread_mutex_lock(&scheduler->mutex);
    atomic_store(&scheduler->is_stopping, true);
    pthread_cond_signal(&scheduler->stopped);
    pthread_mutex_unlock(&scheduler->mutex);
    pthread_join(scheduler->thread, NULL);
    scheduler_free(scheduler);
}
