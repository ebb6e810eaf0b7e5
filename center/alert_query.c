/* SPDX-License-Identifier: MIT */
/* By what the evidence names: raw events, records of the hub's logs, a window of time, a scheduled query. */

#include "center/alert_query.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json_text.h"

#define DAY_MS 86400000LL

/* Windows before that of the alert which it is set beside. */
#define WINDOWS_BEFORE 7

/* Ids that a query names; an alert keeps no more findings than these. */
#define IDS_MAX 64

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* As a string literal. */
static void append_literal(struct vd_buf *out, const char *text)
{
    vd_buf_append(out, "\"", 1);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            vd_buf_append(out, "\\", 1);
        }
        if ((unsigned char)*text >= ' ') {
            vd_buf_append(out, text, 1);
        } else {
            vd_buf_printf(out, "\\u%04x", (unsigned)*text);
        }
    }
    vd_buf_append(out, "\"", 1);
}

static void append_id(struct vd_buf *out, const json_t *id, size_t *count)
{
    const char *text = json_string_value(id);

    if (text != NULL && text[0] != '\0' && *count < IDS_MAX) {
        vd_buf_append_text(out, *count > 0 ? ", " : "");
        append_literal(out, text);
        ++*count;
    }
}

/* The ids that evidence has under `one` or, in lists, under `many`; how many. */
static size_t append_ids(
    struct vd_buf *out, const json_t *evidence, const char *one, const char *many)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *item = json_array_get(evidence, i);
        const json_t *list = json_object_get(item, many);

        append_id(out, json_object_get(item, one), &count);
        for (size_t k = 0; k < json_array_size(list); k++) {
            append_id(out, json_array_get(list, k), &count);
        }
    }
    return count;
}

/* ---- Windows ---- */

struct window {
    int64_t start_ms;
    int64_t length_ms;
    int64_t apart_ms; /* whole days, so that those before are of the same hours */
};

/* Whether the tables have no rows for what was counted: too little of it, or telemetry, which they do not keep. */
static bool lacks_rows(const json_t *alert, const json_t *evidence)
{
    static const char telemetry[] = "D2CMessagesNotInAllowedRange";
    const json_t *count = json_object_get(evidence, "count");

    return strstr(text_of(alert, "alertType"), telemetry) != NULL ||
        (json_is_integer(count) &&
            json_integer_value(count) < json_integer_value(json_object_get(evidence, "minimum")));
}

/* The window of an alert that rows cannot be shown for; false: it is none of these. */
static bool window_of(const json_t *alert, const json_t *evidence, struct window *window)
{
    int64_t end_ms = 0;

    if (!lacks_rows(alert, evidence) ||
        vd_time_parse(text_of(evidence, "windowStart"), &window->start_ms) != VD_OK ||
        vd_time_parse(text_of(evidence, "windowEnd"), &end_ms) != VD_OK ||
        end_ms <= window->start_ms) {
        return false;
    }
    window->length_ms = end_ms - window->start_ms;
    window->apart_ms = (window->length_ms + DAY_MS - 1) / DAY_MS * DAY_MS;
    return true;
}

/* What the tables have of the device in the window, beside the same hours of the days before. */
static void append_window_query(struct vd_buf *out, const json_t *alert, const struct window *w)
{
    char start[VD_TIME_TEXT_SIZE];

    vd_time_format(w->start_ms, start);
    vd_buf_append_text(out, "let device = ");
    append_literal(out, text_of(alert, "deviceId"));
    vd_buf_printf(out, ";\nlet start = datetime(%s);\nlet length = %llds;\nlet apart = %lldd;\n",
        start, (long long)(w->length_ms / 1000), (long long)(w->apart_ms / DAY_MS));
    vd_buf_printf(out,
        "range Before from 0 to %d step 1\n"
        "| join kind=leftouter (\n"
        "    union\n"
        "        (SecurityIoTRawEvent\n"
        "        | where DeviceId == device\n"
        "        | project TimeGenerated, What = strcat(\"SecurityIoTRawEvent \", RawEventName),\n"
        "            Details = EventDetails),\n"
        "        (AzureDiagnostics\n"
        "        | where tostring(parse_json(properties_s).deviceId) == device\n"
        "        | project TimeGenerated, What = strcat(Category, \" \", OperationName),\n"
        "            Details = properties_s)\n"
        "    | extend Before = tolong(ceiling((start - TimeGenerated) / apart))\n"
        "    | where TimeGenerated < start - Before * apart + length\n"
        "    | summarize Rows = count(), First = min(TimeGenerated), Last = max(TimeGenerated),\n"
        "        Example = take_any(Details) by Before, What) on Before\n"
        "| project WindowStart = start - Before * apart, What = iff(isempty(What), \"nothing\", "
        "What),\n"
        "    Rows = coalesce(Rows, 0), First, Last, Example\n"
        "| sort by WindowStart desc, What asc",
        WINDOWS_BEFORE);
}

static json_t *span_text(int64_t from_ms, int64_t to_ms)
{
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];

    vd_time_format(from_ms, from);
    vd_time_format(to_ms, to);
    return json_sprintf("%s/%s", from, to);
}

/* ---- All of them ---- */

/* The stretch to look at: a day on either side of the alert, as evidence has the device's time and tables go by the hub's; of a
 * scheduled query that of its last run. */
static json_t *timespan_of(const json_t *alert, const json_t *run)
{
    int64_t start_ms = 0;
    int64_t end_ms = 0;

    if (run != NULL) {
        return json_sprintf("%s/%s", text_of(run, "from"), text_of(run, "to"));
    }
    if (vd_time_parse(text_of(alert, "startTime"), &start_ms) != VD_OK ||
        vd_time_parse(text_of(alert, "endTime"), &end_ms) != VD_OK) {
        return json_null();
    }
    return span_text(start_ms - DAY_MS, end_ms + DAY_MS);
}

static void append_query(struct vd_buf *out, const json_t *alert, const json_t *evidence)
{
    struct vd_buf ids = {0};

    if (append_ids(&ids, evidence, "rawEventId", "rawEventIds") > 0) {
        vd_buf_printf(out,
            "SecurityIoTRawEvent\n| where IoTRawEventId in (%.*s)\n| sort by TimeGenerated asc",
            (int)ids.length, (const char *)ids.data);
    } else if (append_ids(&ids, evidence, "recordId", "recordIds") > 0) {
        vd_buf_printf(out,
            "union AzureDiagnostics, AzureActivity\n| where CorrelationId in (%.*s)\n"
            "| sort by TimeGenerated asc",
            (int)ids.length, (const char *)ids.data);
    } else {
        vd_buf_append_text(out, "SecurityIoTRawEvent\n| where DeviceId == ");
        append_literal(out, text_of(alert, "deviceId"));
        vd_buf_append_text(out, "\n| top 100 by TimeGenerated desc");
    }
    out->error = out->error != VD_OK ? out->error : ids.error;
    vd_buf_release(&ids);
}

void vd_alert_add_query(json_t *alert)
{
    const json_t *evidence = json_object_get(alert, "evidence");
    const json_t *last = json_array_get(evidence, json_array_size(evidence) - 1);
    const bool is_scheduled = json_object_get(last, "savedQuery") != NULL;
    struct window window;
    json_t *span;
    struct vd_buf query = {0};

    if (is_scheduled) {
        vd_buf_append_text(&query, text_of(last, "query"));
        span = timespan_of(alert, last);
    } else if (window_of(alert, last, &window)) {
        append_window_query(&query, alert, &window);
        span = span_text(
            window.start_ms - WINDOWS_BEFORE * window.apart_ms, window.start_ms + window.length_ms);
    } else {
        append_query(&query, alert, evidence);
        span = timespan_of(alert, NULL);
    }
    if (query.error == VD_OK) {
        json_object_set_new(
            alert, "query", vd_json_text((struct vd_str){(const char *)query.data, query.length}));
        json_object_set(alert, "queryTimespan", span);
    }
    json_decref(span);
    vd_buf_release(&query);
}
