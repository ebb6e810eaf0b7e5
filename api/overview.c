/* SPDX-License-Identifier: MIT */
/* The overview: numbers that are kept, put together. */

#include <inttypes.h>

#include "api/handlers.h"
#include "api/inventory.h"
#include "center/store/alert_trend.h"
#include "center/store/counts.h"
#include "center/store/coverage.h"
#include "center/store/feeds.h"
#include "center/store/raw_pauses.h"
#include "center/store/recommendations.h"
#include "lib/clock.h"

#define DAYS  30
#define HOURS 24
/* Devices whose losses are told. */
#define LOSSES_SHOWN 5
/* So many notifications are not sent in a moment. */
#define MANY_WAIT 100

/* What is put together: parts that fail end it. */
struct overview {
    const struct vd_api *api;
    int64_t now_ms;
    int64_t since_ms;
    json_t *notices;
    bool stores_raw_events;
};

/* ---- Alerts ---- */

static void add_day(void *context, int32_t day, const int64_t raised[VD_OPEN_SEVERITIES])
{
    json_t *json = vd_api_open_alerts(raised);
    char text[VD_TIME_TEXT_SIZE];

    vd_day_format(day, text);
    (void)json_object_set_new(json, "day", json_string(text));
    (void)json_array_append_new(context, json);
}

static int alerts_json(const struct overview *o, json_t **json)
{
    int64_t open[VD_OPEN_SEVERITIES] = {0};
    int64_t count = 0;
    json_t *days = json_array();
    int error = vd_alerts_open(o->api->alerts, open);

    if (error == VD_OK) {
        error = vd_alerts_since(o->api->alerts, o->since_ms, &count);
    }
    if (error == VD_OK) {
        error =
            vd_alert_days_each(o->api->alerts, vd_time_day(o->now_ms) - DAYS + 1, add_day, days);
    }
    *json = json_pack("{s:o, s:I, s:O}", "open", vd_api_open_alerts(open), "new", (json_int_t)count,
        "days", days);
    json_decref(days);
    return error;
}

/* ---- Devices and recommendations ---- */

static int devices_json(const struct overview *o, json_t **json)
{
    const struct vd_inventory_filter all = {.limit = 1};
    int64_t counts[VD_PRESENCES_END];
    const int error = vd_inventory_count(o->api->alerts, &all, counts);

    *json = vd_api_inventory_counts(counts);
    return error;
}

static int recommendations_json(const struct overview *o, json_t **json)
{
    json_t *open = json_pack("{s:i, s:i, s:i}", "High", 0, "Medium", 0, "Low", 0);
    json_t *list = NULL;
    const int error = vd_recommendations_list(o->api->alerts, &list);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *severity = json_string_value(json_object_get(one, "severity"));

        if (strcmp(json_string_value(json_object_get(one, "state")), "Active") == 0) {
            (void)json_object_set_new(open, severity,
                json_integer(json_integer_value(json_object_get(open, severity)) + 1));
        }
    }
    json_decref(list);
    *json = json_pack("{s:o}", "open", open);
    return error;
}

/* ---- Coverage ---- */

struct hours {
    json_t *list;
    struct vd_coverage sum;
    int64_t devices; /* most of an hour */
};

json_t *vd_api_share(const struct vd_coverage *coverage)
{
    const int64_t wanted = vd_coverage_wanted(coverage);
    const double share = wanted > 0 ? (double)vd_coverage_reported(coverage) / (double)wanted : 0;

    return wanted > 0 ? json_real(share) : json_null();
}

static void add_hour(void *context, int64_t hour, const struct vd_coverage *coverage)
{
    struct hours *hours = context;

    vd_coverage_sum(&hours->sum, coverage);
    hours->devices = coverage->devices > hours->devices ? coverage->devices : hours->devices;
    (void)json_array_append_new(hours->list,
        json_pack("{s:o, s:I, s:I, s:o, s:I}", "hour", vd_api_time(hour * VD_HOUR_MS),
            "reportedPackets", (json_int_t)vd_coverage_reported(coverage), "missedPackets",
            (json_int_t)vd_coverage_missed(coverage), "share", vd_api_share(coverage), "devices",
            (json_int_t)coverage->devices));
}

static int coverage_json(const struct overview *o, json_t **json)
{
    struct hours hours = {.list = json_array()};
    const int64_t from_hour = o->now_ms / VD_HOUR_MS - HOURS + 1;
    json_t *losses = NULL;
    int error = vd_coverage_each(o->api->alerts, from_hour, add_hour, &hours);

    if (error == VD_OK) {
        error = vd_coverage_losses(o->api->alerts, from_hour, NULL, LOSSES_SHOWN, &losses);
    }
    *json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:o*}", "reportedPackets",
        (json_int_t)vd_coverage_reported(&hours.sum), "overflowedPackets",
        (json_int_t)hours.sum.overflowed, "malformedPackets", (json_int_t)hours.sum.malformed,
        "givenUpPackets", (json_int_t)hours.sum.given_up, "withheldPackets",
        (json_int_t)hours.sum.withheld, "share", vd_api_share(&hours.sum), "mostDevices",
        (json_int_t)hours.devices, "hours", hours.list, "losses", losses);
    return error;
}

/* ---- Notices ---- */

static void note(struct overview *o, const char *code, const char *severity, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

static void note(
    struct overview *o, const char *code, const char *severity, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)json_array_append_new(
        o->notices, json_pack("{s:s, s:s, s:s}", "code", code, "severity", severity, "text", text));
}

static void note_feed(void *context, const struct vd_counted_row *row)
{
    if (row->numbers[3] != 0) {
        note(context, "FeedFailed", "Medium",
            "The feed %s could not be read the last time; what it had before is in use.",
            row->labels[0]);
    }
}

static void note_sink(struct overview *o, const json_t *sink)
{
    const char *name = json_string_value(json_object_get(sink, "name"));
    const char *state = json_string_value(json_object_get(sink, "state"));
    const char *reason = json_string_value(json_object_get(sink, "lastError"));
    const json_int_t waiting = json_integer_value(json_object_get(sink, "waiting"));
    const json_int_t dead = json_integer_value(json_object_get(sink, "dead"));

    if (state != NULL && strcmp(state, "failing") == 0) {
        note(o, "NotificationsFailing", "Medium",
            "Notifications to %s fail, and %" JSON_INTEGER_FORMAT " wait: %.200s.", name, waiting,
            reason != NULL ? reason : "the reason is not known");
    } else if (waiting >= MANY_WAIT) {
        note(o, "NotificationsWait", "Low", "%" JSON_INTEGER_FORMAT " notifications to %s wait.",
            waiting, name);
    }
    if (dead > 0) {
        note(o, "NotificationsDead", "Medium",
            "%" JSON_INTEGER_FORMAT " notifications to %s were given up.", dead, name);
    }
}

static int note_sinks(struct overview *o)
{
    json_t *sinks = NULL;
    const int error = vd_api_sinks(o->api, &sinks);

    for (size_t i = 0; error == VD_OK && i < json_array_size(sinks); i++) {
        note_sink(o, json_array_get(sinks, i));
    }
    json_decref(sinks);
    return error;
}

static int note_stores(struct overview *o)
{
    uint64_t indicators = 0;
    json_t *pauses = NULL;
    int error = vd_counted_each(o->api->alerts, VD_COUNTED_FEEDS, note_feed, o);

    if (error == VD_OK) {
        error = note_sinks(o);
    }
    if (error == VD_OK) {
        error = vd_feeds_count(o->api->alerts, &indicators);
    }
    if (error == VD_OK && indicators == 0) {
        note(o, "NoIndicators", "Low",
            "There are no threat indicators: no suspicious address is recognised.");
    }
    if (error == VD_OK) {
        error = vd_raw_pauses_list(o->api->alerts, o->now_ms, o->now_ms + 1, &pauses);
    }
    o->stores_raw_events = json_array_size(pauses) == 0;
    json_decref(pauses);
    if (!o->stores_raw_events) {
        note(o, "RawEventsOff", "Low", "Raw events are not stored: queries do not find them.");
    }
    return error;
}

static void note_audit(struct overview *o, struct vd_audit *audit)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(audit, &stats);
    if (stats.problems > 0) {
        note(o, "AuditBroken", "High", "The audit trail does not verify: %s.", stats.problem);
    }
}

static void note_service(struct overview *o, const struct vd_center_stats *center)
{
    const struct vd_api *api = o->api;

    if (api->started_ms == 0) {
        note(o, "NotRunning", "High", "No service runs: nothing is received or detected.");
    }
    if (center->stalled != 0) {
        note(o, "CenterStalled", "High",
            "The center cannot write its stores: devices are heard, but nothing is detected.");
    }
    if (api->state != NULL && vd_state_is_unwritable(api->state)) {
        note(o, "StateUnwritable", "High", "Twins and messages to devices cannot be written.");
    }
    if (api->audit != NULL) {
        note_audit(o, api->audit);
    }
    if (api->analytics != NULL) {
        struct vd_analytics_stats stats;

        vd_analytics_stats(api->analytics, &stats);
        if (stats.days_for_size > 0) {
            note(o, "DaysForSize", "Medium",
                "The oldest days of the query tables went for want of room: see "
                "analytics.max_mib.");
        }
    }
}

/* ---- Ingest ---- */

static void count_letters(void *context, const struct vd_counted_row *row)
{
    int64_t *letters = context;

    *letters += strcmp(row->labels[0], "taken") != 0 ? (int64_t)row->numbers[0] : 0;
}

static int ingest_json(struct overview *o, json_t **json)
{
    const struct vd_api *api = o->api;
    struct vd_center_stats center = {0};
    struct vd_hub_stats hub = {0};
    uint64_t end = 0;
    uint64_t backlog = 0; /* of a center that does not run: not known */
    int64_t letters = 0;
    int error = vd_event_log_end(api->log, 0, &end);

    if (error == VD_OK) {
        error = vd_counted_each(api->alerts, VD_COUNTED_LETTERS, count_letters, &letters);
    }
    if (api->center != NULL) {
        vd_center_stats_get(api->center, &center);
        backlog = end > center.next_offset ? end - center.next_offset : 0;
    }
    if (api->hub != NULL) {
        vd_hub_stats_get(api->hub, &hub);
    }
    note_service(o, &center);
    if (hub.log_unwritable) {
        note(o, "LogUnwritable", "High",
            "The event log cannot be written: devices keep what they have to say.");
    }
    *json = json_pack("{s:o, s:f, s:I, s:o, s:I, s:I, s:I, s:b, s:b}", "since",
        vd_api_time(api->started_ms), "messagesPerSecond", center.messages_per_second, "backlog",
        (json_int_t)backlog, "lastMessage", vd_api_time(center.last_message_ms), "deadLetters",
        (json_int_t)letters, "refusedConnections", (json_int_t)hub.connects_refused, "connections",
        (json_int_t)hub.authenticated, "isStalled", (int)(center.stalled != 0), "storesRawEvents",
        (int)o->stores_raw_events);
    return error;
}

/* ---- All of it ---- */

static int put_together(struct overview *o, json_t *json)
{
    static const struct {
        const char *name;
        int (*make)(const struct overview *o, json_t **json);
    } parts[] = {
        {"alerts", alerts_json},
        {"devices", devices_json},
        {"recommendations", recommendations_json},
        {"coverage", coverage_json},
    };
    json_t *ingest = NULL;
    int error = VD_OK;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && error == VD_OK; i++) {
        json_t *part = NULL;

        error = parts[i].make(o, &part);
        if (json_object_set_new(json, parts[i].name, part) != 0 && error == VD_OK) {
            error = VD_E_NOMEM;
        }
    }
    if (error == VD_OK) {
        error = note_stores(o);
    }
    if (error == VD_OK) {
        error = ingest_json(o, &ingest);
    }
    if (error == VD_OK &&
        (json_object_set_new(json, "ingest", ingest) != 0 ||
            json_object_set(json, "notices", o->notices) != 0)) {
        error = VD_E_NOMEM;
    }
    return error;
}

void vd_api_overview(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct overview o = {.api = api, .now_ms = vd_clock_utc_ms()};
    const char *since = vd_api_param(args, "since");
    json_t *json;
    int error;

    o.since_ms = o.now_ms - VD_DAY_MS;
    if (since != NULL && since[0] != '\0' && vd_time_parse(since, &o.since_ms) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidParameter", "since is to be a time");
        return;
    }
    o.notices = json_array();
    json = json_object();
    error = put_together(&o, json);
    json_decref(o.notices);
    if (error == VD_OK) {
        vd_api_reply(answer, 200, json);
    } else {
        json_decref(json);
        vd_api_fail_error(answer, error, "the overview");
    }
}
