/* SPDX-License-Identifier: MIT */
/* The state of the service. */

#include "api/handlers.h"
#include "api/portal/portal.h"
#include "center/limits.h"
#include "center/store/feeds.h"
#include "center/store/raw_pauses.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sandbox.h"

static json_t *sandbox_json(void)
{
    const struct vd_sandbox *sandbox = vd_sandbox_state();

    return json_pack("{s:b, s:b, s:b, s:b}", "noNewPrivileges", sandbox->no_new_privileges,
        "noCoreDumps", sandbox->no_core, "systemCalls", sandbox->calls, "files", sandbox->files);
}

static json_t *hub_json(struct vd_hub *hub)
{
    struct vd_hub_stats s;

    vd_hub_stats_get(hub, &s);
    return json_pack(
        "{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
        "port", (int)vd_hub_port(hub), "connections", (json_int_t)s.connections, "authenticated",
        (json_int_t)s.authenticated, "accepted", (json_int_t)s.connects_accepted, "refused",
        (json_int_t)s.connects_refused, "takeovers", (json_int_t)s.takeovers, "telemetry",
        (json_int_t)s.messages_telemetry, "security", (json_int_t)s.messages_security,
        "protocolErrors", (json_int_t)s.protocol_errors, "connectsLimited",
        (json_int_t)s.connects_limited, "throttled", (json_int_t)s.throttled, "operationsLost",
        (json_int_t)s.operations_lost, "methodsAnswered", (json_int_t)s.methods_answered,
        "methodsUnanswered", (json_int_t)s.methods_unanswered, "methodAnswersIgnored",
        (json_int_t)s.method_answers_ignored, "appendFailures", (json_int_t)s.append_failures,
        "logUnwritable", (int)s.log_unwritable);
}

static int run_totals(void *context, struct vd_state_store *store)
{
    return vd_state_totals_get(store, context);
}

/* NULL: it cannot be read, or no memory. */
static json_t *state_json(const struct vd_api *api)
{
    struct vd_state_totals totals = {0};
    struct vd_sweeper_stats sweeper = {0};
    json_t *json = NULL;

    if (vd_state_do(api->state, run_totals, &totals) == VD_OK) {
        json = json_pack("{s:I, s:I, s:I, s:b}", "messagesWaiting", (json_int_t)totals.c2d_messages,
            "feedbackWaiting", (json_int_t)totals.feedback, "failures",
            (json_int_t)vd_state_failures(api->state), "unwritable",
            (int)vd_state_is_unwritable(api->state));
    }
    if (json != NULL && api->sweeper != NULL) {
        vd_sweeper_stats_get(api->sweeper, &sweeper);
        json_object_set_new(json, "swept", json_integer((json_int_t)sweeper.removed));
        json_object_set_new(json, "sweeps", json_integer((json_int_t)sweeper.sweeps));
    }
    return json;
}

static json_t *center_json(struct vd_center *center, uint64_t end)
{
    struct vd_center_stats s;

    vd_center_stats_get(center, &s);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "records",
        (json_int_t)s.records, "messages", (json_int_t)s.messages, "deadLetters",
        (json_int_t)s.dead_letters, "duplicates", (json_int_t)s.duplicates, "rawEvents",
        (json_int_t)s.raw_events, "rawEventsPassedOver", (json_int_t)s.raw_events_passed_over,
        "alertsRaised", (json_int_t)s.alerts_raised, "alertsRepeated",
        (json_int_t)s.alerts_repeated, "nextOffset", (json_int_t)s.next_offset, "behind",
        (json_int_t)(end > s.next_offset ? end - s.next_offset : 0), "stalled", (int)s.stalled);
}

static void set_time(json_t *json, const char *name, int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (utc_ms != 0) {
        vd_time_format(utc_ms, text);
        (void)json_object_set_new(json, name, json_string(text));
    }
}

/* With what hunts cannot find, for it was not stored. */
static json_t *hunts_json(const struct vd_api *api)
{
    const int64_t now_ms = vd_clock_utc_ms();
    struct vd_hunter_stats s;
    json_t *pauses = NULL;
    json_t *json;

    vd_center_hunts_get(api->center, &s);
    json = json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "done", (json_int_t)s.hunts,
        "isHunting", (int)s.is_hunting, "lastTookMs", (json_int_t)s.took_ms, "lastAddresses",
        (json_int_t)s.addresses, "lastFlows", (json_int_t)s.flows, "lastRaised",
        (json_int_t)s.raised, "lastRepeated", (json_int_t)s.repeated, "alertsRaised",
        (json_int_t)s.alerts_raised, "alertsRepeated", (json_int_t)s.alerts_repeated);
    set_time(json, "lastBegan", s.began_ms);
    if (vd_raw_pauses_list(api->alerts, now_ms - VD_HUNT_DAYS * VD_DAY_MS, now_ms + 1, &pauses) ==
        VD_OK) {
        (void)json_object_set_new(json, "notStored", pauses);
    }
    return json;
}

json_t *vd_api_days_gone(const struct vd_analytics_stats *stats)
{
    char last[VD_TIME_TEXT_SIZE];

    if (stats->days_for_size == 0) {
        return NULL;
    }
    vd_time_format(stats->last_for_size_ms, last);
    return json_sprintf("%llu %s of the query tables went for want of room since the service "
                        "started, the latest of them %.10s: see analytics.max_mib",
        (unsigned long long)stats->days_for_size, stats->days_for_size == 1 ? "day" : "days", last);
}

/* What the query tables take on disk, each and all of them. */
static void set_storage(json_t *status, struct vd_analytics *analytics)
{
    struct vd_analytics_stats stats;
    json_t *tables = json_array();
    json_t *storage;
    json_t *notice;

    vd_analytics_stats(analytics, &stats);
    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        json_t *table = json_pack("{s:s, s:I, s:I, s:I}", "table",
            vd_analytics_kind_name((enum vd_analytics_kind)i), "rows",
            (json_int_t)stats.amounts[i].rows, "bytes", (json_int_t)stats.amounts[i].bytes,
            "keepDays", (json_int_t)stats.keep_days[i]);

        set_time(table, "oldestDay", stats.oldest_ms[i]);
        json_array_append_new(tables, table);
    }
    storage = json_pack("{s:I, s:I, s:I, s:I}", "bytes", (json_int_t)stats.bytes, "maxBytes",
        (json_int_t)stats.max_bytes, "daysToPack", (json_int_t)stats.days_to_pack, "daysForSize",
        (json_int_t)stats.days_for_size);
    set_time(storage, "lastForSize", stats.last_for_size_ms);
    notice = vd_api_days_gone(&stats);
    if (notice != NULL) {
        json_object_set_new(storage, "notice", notice);
    }
    json_object_set_new(status, "queryStorage", storage);
    json_object_set_new(status, "queryTables", tables);
}

static json_t *export_json(const struct vd_export_stats *stats)
{
    const struct vd_export_worker_stats *worker = &stats->worker;
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "setting", stats->setting,
        "sink", vd_export_kind_text(stats->kind), "state", vd_export_state_text(stats->state),
        "behind", (json_int_t)stats->behind, "delivered", (json_int_t)worker->delivered, "skipped",
        (json_int_t)worker->skipped, "failures", (json_int_t)worker->failures);

    set_time(json, "lastDelivery", worker->delivered_ms);
    set_time(json, "lastFailure", worker->failed_ms);
    if (json != NULL && worker->reason[0] != '\0') {
        (void)json_object_set_new(json, "lastError", json_string(worker->reason));
    }
    return json;
}

static json_t *exports_json(struct vd_export *exporter)
{
    struct vd_export_stats stats[VD_EXPORT_SINKS_MAX];
    const size_t count = vd_export_stats_get(exporter, stats);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, export_json(&stats[i]));
    }
    return list;
}

static json_t *audit_json(struct vd_audit *audit)
{
    struct vd_audit_stats stats;
    json_t *json;

    vd_audit_stats_get(audit, &stats);
    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "from", (json_int_t)stats.from, "to",
        (json_int_t)stats.to, "open", (json_int_t)stats.open, "written", (json_int_t)stats.written,
        "writeFailures", (json_int_t)stats.write_failures, "verified", (json_int_t)stats.verified,
        "problems", (json_int_t)stats.problems);
    set_time(json, "lastVerified", stats.verified_ms);
    set_time(json, "lastProblem", stats.problem_ms);
    if (json != NULL && stats.problem[0] != '\0') {
        (void)json_object_set_new(json, "notice",
            json_sprintf(
                "the audit trail does not verify: %s; run `vedette audit verify`", stats.problem));
    }
    return json;
}

void vd_api_status(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    bool running = api->started_ms != 0;
    uint64_t end = 0;
    uint64_t indicators = 0;
    json_t *sinks = NULL;
    char resource[VD_RESOURCE_ID_SIZE];
    char portal[VD_PORTAL_URL_SIZE];
    json_t *status;
    int error = vd_event_log_end(api->log, 0, &end);

    (void)args;
    if (error == VD_OK) {
        error = vd_feeds_count(api->alerts, &indicators);
    }
    if (error == VD_OK) {
        error = vd_api_sinks(api, &sinks);
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the status");
        return;
    }
    vd_resource_hub_id(&api->scope, resource);
    status = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "version", VD_VERSION, "host",
        api->host_name, "resourceId", resource, "running", (int)running, "uptimeSeconds",
        (json_int_t)(running ? (vd_clock_utc_ms() - api->started_ms) / 1000 : 0), "logEnd",
        (json_int_t)end, "indicators", (json_int_t)indicators, "sinks", sinks);
    vd_portal_url(api, portal);
    if (status != NULL && portal[0] != '\0') {
        json_object_set_new(status, "portal", json_string(portal));
    }
    if (status != NULL && running) {
        json_object_set_new(status, "sandbox", sandbox_json());
    }
    if (status != NULL && api->hub != NULL) {
        json_object_set_new(status, "hub", hub_json(api->hub));
    }
    if (status != NULL) {
        json_object_set_new(status, "state", state_json(api));
    }
    if (status != NULL && api->analytics != NULL) {
        json_object_set_new(status, "queriesRunning",
            json_integer((json_int_t)vd_analytics_queries_running(api->analytics)));
        set_storage(status, api->analytics);
    }
    if (status != NULL && api->center != NULL) {
        json_object_set_new(status, "center", center_json(api->center, end));
        json_object_set_new(status, "hunts", hunts_json(api));
    }
    if (status != NULL && api->audit != NULL) {
        json_object_set_new(status, "audit", audit_json(api->audit));
    }
    if (status != NULL && api->exporter != NULL) {
        json_object_set_new(status, "exports", exports_json(api->exporter));
    }
    vd_api_reply(answer, 200, status);
}
