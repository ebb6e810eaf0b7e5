/* SPDX-License-Identifier: MIT */
/* Gathers what hub, center and stores count. */

#include "api/metrics/metrics.h"

#include "api/management/internal.h"
#include "api/metrics/exposition.h"
#include "api/metrics/process.h"
#include "center/notify/notifier.h"
#include "center/store/analytics.h"
#include "center/store/counts.h"

#define TEXT        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text"

static void add(struct vd_exposition *out, enum vd_metric metric, uint64_t number)
{
    vd_exposition_add(out, metric, NULL, (double)number);
}

static void add_one(
    struct vd_exposition *out, enum vd_metric metric, const char *value, uint64_t number)
{
    vd_exposition_add_one(out, metric, value, (double)number);
}

static void add_hub(struct vd_exposition *out, struct vd_hub *hub)
{
    struct vd_hub_stats s;

    vd_hub_stats_get(hub, &s);
    add_one(out, VD_METRIC_CONNECTIONS, "open", s.connections);
    add_one(out, VD_METRIC_CONNECTIONS, "authenticated", s.authenticated);
    add_one(out, VD_METRIC_CONNECTS, "accepted", s.connects_accepted);
    add_one(out, VD_METRIC_CONNECTS, "refused", s.connects_refused);
    add_one(out, VD_METRIC_CONNECTS, "limited", s.connects_limited);
    add(out, VD_METRIC_TAKEOVERS, s.takeovers);
    add_one(out, VD_METRIC_MESSAGES, "telemetry", s.messages_telemetry);
    add_one(out, VD_METRIC_MESSAGES, "security", s.messages_security);
    add(out, VD_METRIC_PROTOCOL_ERRORS, s.protocol_errors);
    add(out, VD_METRIC_THROTTLED, s.throttled);
    add_one(out, VD_METRIC_METHODS, "answered", s.methods_answered);
    add_one(out, VD_METRIC_METHODS, "unanswered", s.methods_unanswered);
    add_one(out, VD_METRIC_METHODS, "ignored", s.method_answers_ignored);
    add(out, VD_METRIC_APPEND_FAILURES, s.append_failures);
    add(out, VD_METRIC_OPERATIONS_LOST, s.operations_lost);
    add(out, VD_METRIC_LOG_UNWRITABLE, s.log_unwritable);
}

static void add_detection(struct vd_exposition *out, const struct vd_center_stats *s)
{
    /* Two of the three are of a minute ago. */
    const uint64_t heard = s->devices_reporting + s->devices_silent;

    add_one(out, VD_METRIC_WINDOWS, "closed", s->windows_closed);
    add_one(out, VD_METRIC_WINDOWS, "skipped", s->windows_skipped);
    add_one(out, VD_METRIC_WINDOWS, "partial", s->windows_partial);
    add(out, VD_METRIC_LATE, s->counts_late);
    add_one(out, VD_METRIC_DEVICES, "reporting", s->devices_reporting);
    add_one(out, VD_METRIC_DEVICES, "silent", s->devices_silent);
    add_one(
        out, VD_METRIC_DEVICES, "unheard", s->devices_known > heard ? s->devices_known - heard : 0);
}

static void add_center(struct vd_exposition *out, struct vd_center *center, uint64_t log_end)
{
    struct vd_center_stats s;
    struct vd_hunter_stats hunts;

    vd_center_stats_get(center, &s);
    vd_center_hunts_get(center, &hunts);
    add(out, VD_METRIC_NEXT, s.next_offset);
    add(out, VD_METRIC_BEHIND, log_end > s.next_offset ? log_end - s.next_offset : 0);
    add(out, VD_METRIC_STALLED, s.stalled);
    add(out, VD_METRIC_RECORDS, s.records);
    add(out, VD_METRIC_DECODED, s.messages);
    add(out, VD_METRIC_ROWS, s.raw_events);
    add(out, VD_METRIC_DUPLICATES, s.duplicates);
    add(out, VD_METRIC_BURIED, s.dead_letters);
    add_detection(out, &s);
    add(out, VD_METRIC_HUNTS, hunts.hunts);
    vd_exposition_add(out, VD_METRIC_HUNT_TOOK, NULL, (double)hunts.took_ms / 1000);
}

/* ---- Rows of the alert store ---- */

/* Which metric each number of a row is. */
static const struct kept {
    enum vd_counted_things things;
    size_t count;
    enum vd_metric metrics[VD_COUNTED_NUMBERS_MAX];
} kept[] = {
    {VD_COUNTED_ALERTS, 1, {VD_METRIC_ALERTS}},
    {VD_COUNTED_ALERTS_EVER, 2, {VD_METRIC_RAISED, VD_METRIC_REPEATED}},
    {VD_COUNTED_LETTERS, 1, {VD_METRIC_LETTERS}},
    {VD_COUNTED_RECOMMENDATIONS, 2, {VD_METRIC_RECOMMENDED, VD_METRIC_UNHEALTHY}},
    {VD_COUNTED_FEEDS, 4,
        {VD_METRIC_FEED_INDICATORS, VD_METRIC_FEED_SUCCESS, VD_METRIC_FEED_ATTEMPT,
            VD_METRIC_FEED_FAILING}},
    {VD_COUNTED_SINKS, 4,
        {VD_METRIC_SINK_BEHIND, VD_METRIC_SINK_DELIVERED, VD_METRIC_SINK_SKIPPED,
            VD_METRIC_SINK_DEAD}},
};

struct gathering {
    struct vd_exposition *out;
    const struct kept *kept;
};

static void add_row(void *context, const struct vd_counted_row *row)
{
    const struct gathering *gathering = context;

    for (size_t i = 0; i < gathering->kept->count; i++) {
        vd_exposition_add(
            gathering->out, gathering->kept->metrics[i], row->labels, row->numbers[i]);
    }
}

static int add_kept(struct vd_exposition *out, struct vd_alert_store *store)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof kept / sizeof kept[0]; i++) {
        struct gathering gathering = {out, &kept[i]};

        error = vd_counted_each(store, kept[i].things, add_row, &gathering);
    }
    return error;
}

/* ---- The rest ---- */

static void add_sinks(struct vd_exposition *out, struct vd_notifier *notifier)
{
    json_t *sinks = vd_notifier_json(notifier);
    size_t i;
    json_t *sink;

    json_array_foreach(sinks, i, sink)
    {
        const char *state = json_string_value(json_object_get(sink, "state"));

        add_one(out, VD_METRIC_SINK_FAILING, json_string_value(json_object_get(sink, "name")),
            state != NULL && strcmp(state, "failing") == 0 ? 1 : 0);
    }
    json_decref(sinks);
}

static void add_exports(struct vd_exposition *out, struct vd_export *exporter)
{
    struct vd_export_stats stats[VD_EXPORT_SINKS_MAX];
    const size_t count = vd_export_stats_get(exporter, stats);

    for (size_t i = 0; i < count; i++) {
        const char *const values[] = {stats[i].setting, vd_export_kind_text(stats[i].kind)};
        const struct vd_export_worker_stats *worker = &stats[i].worker;

        vd_exposition_add(out, VD_METRIC_EXPORT_BEHIND, values, (double)stats[i].behind);
        vd_exposition_add(out, VD_METRIC_EXPORT_DELIVERED, values, (double)worker->delivered);
        vd_exposition_add(out, VD_METRIC_EXPORT_SKIPPED, values, (double)worker->skipped);
        vd_exposition_add(out, VD_METRIC_EXPORT_FAILURES, values, (double)worker->failures);
    }
}

static int add_registry(struct vd_exposition *out, struct vd_registry *registry)
{
    uint64_t devices = 0;
    uint64_t enabled = 0;
    uint64_t disabled = 0;
    const int error = vd_registry_count(registry, &devices, &enabled, &disabled);

    if (error == VD_OK) {
        add_one(out, VD_METRIC_REGISTERED, "enabled", enabled);
        add_one(out, VD_METRIC_REGISTERED, "disabled", disabled);
    }
    return error;
}

static void add_audit(struct vd_exposition *out, struct vd_audit *audit)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(audit, &stats);
    add(out, VD_METRIC_AUDIT_RECORDS, stats.written);
    add(out, VD_METRIC_AUDIT_FAILURES, stats.write_failures);
    add(out, VD_METRIC_AUDIT_VERIFIED, stats.verified);
    add(out, VD_METRIC_AUDIT_PROBLEMS, stats.problems);
    vd_exposition_add(out, VD_METRIC_AUDIT_VERIFIED_TIME, NULL, (double)stats.verified_ms / 1000);
}

/* What runs in this process, where it does. */
static void add_running(struct vd_exposition *out, const struct vd_api *api, uint64_t log_end)
{
    if (api->hub != NULL) {
        add_hub(out, api->hub);
    }
    if (api->state != NULL) {
        add(out, VD_METRIC_STATE_FAILURES, vd_state_failures(api->state));
        add(out, VD_METRIC_STATE_UNWRITABLE, vd_state_is_unwritable(api->state) ? 1 : 0);
    }
    if (api->center != NULL) {
        add_center(out, api->center, log_end);
    }
    if (api->analytics != NULL) {
        add(out, VD_METRIC_QUERIES, vd_analytics_queries_running(api->analytics));
    }
    if (api->audit != NULL) {
        add_audit(out, api->audit);
    }
    if (api->exporter != NULL) {
        add_exports(out, api->exporter);
    }
    add_sinks(out, api->notifier);
}

static int gather(struct vd_exposition *out, const struct vd_metrics *metrics)
{
    const struct vd_api *api = metrics->api;
    uint64_t log_end = 0;
    int error = VD_OK;

    vd_exposition_add_one(out, VD_METRIC_BUILD, VD_VERSION, 1);
    vd_metrics_add_process(out);
    if (metrics->folder != NULL) {
        vd_metrics_add_stores(out, metrics->folder);
    }
    if (api->log != NULL) {
        error = vd_event_log_end(api->log, 0, &log_end);
        add(out, VD_METRIC_LOG_END, log_end);
    }
    if (error == VD_OK && api->alerts != NULL) {
        error = add_kept(out, api->alerts);
    }
    if (error == VD_OK && api->registry != NULL) {
        error = add_registry(out, api->registry);
    }
    add_running(out, api, log_end);
    return error;
}

/* ---- The face ---- */

static void answer_text(
    const struct vd_metrics *metrics, bool is_openmetrics, struct vd_http_answer *answer)
{
    struct vd_exposition exposition = {0};
    struct vd_http_content *content = vd_http_content_new();
    int error = content != NULL ? gather(&exposition, metrics) : VD_E_NOMEM;

    if (error == VD_OK) {
        vd_http_content_header(content, "Content-Type",
            is_openmetrics ? OPENMETRICS "; version=1.0.0; charset=utf-8" : TEXT);
        error = vd_exposition_write(&exposition, is_openmetrics, &content->body);
    }
    if (error == VD_OK) {
        error = content->headers.error;
    }
    vd_exposition_release(&exposition);
    if (error != VD_OK) {
        vd_http_content_free(content);
        vd_management_fail_error(answer, error, "the metrics");
        return;
    }
    answer->status = 200;
    answer->content = content;
}

static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const struct vd_metrics *metrics = context;
    const char *accept = vd_http_header(request, "Accept");
    struct vd_management_caller caller;
    struct vd_token token;

    if (!vd_management_authenticate(metrics->management, request, &token, answer)) {
        return;
    }
    caller = (struct vd_management_caller){token.name, token.role, token.name};
    if (!vd_management_allows(&caller, VD_ROLE_READER, "metrics/read", VD_METRICS_PATH, answer)) {
        return;
    }
    if (strcmp(request->method, "GET") != 0) {
        vd_management_fail(
            answer, 405, "MethodNotAllowed", NULL, "%.16s is not for this path", request->method);
        return;
    }
    answer_text(metrics, accept != NULL && strstr(accept, OPENMETRICS) != NULL, answer);
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    vd_management_fail(answer, status,
        status == 413 ? "RequestEntityTooLarge" : "ServiceUnavailable", NULL,
        status == 413 ? "the body is too large" : "too many requests wait, try again");
}

static bool face_takes(const char *path)
{
    return strcmp(path, VD_METRICS_PATH) == 0;
}

struct vd_http_face vd_metrics_face(struct vd_metrics *metrics)
{
    return (struct vd_http_face){
        .prefix = VD_METRICS_PATH,
        .takes = face_takes,
        .body_max_bytes = 0,
        .call = face_call,
        .refuse = face_refuse,
        .context = metrics,
    };
}
