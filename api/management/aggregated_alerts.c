/* SPDX-License-Identifier: MIT */
/* Alerts by type and day, as the analytics of a security solution show them. */

#include "api/management/internal.h"
#include "center/store/alert_act.h"
#include "center/store/alert_days.h"
#include "lib/clock.h"

#define PAGE_MAX     100
#define DAYS_LISTED  30
#define DAY_TEXT_LEN 10

/* ---- Form ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static json_t *steps_of(const json_t *row)
{
    const json_t *steps = json_object_get(row, "remediationSteps");
    struct vd_buf text = {0};
    json_t *result = NULL;

    for (size_t i = 0; i < json_array_size(steps); i++) {
        vd_buf_printf(
            &text, "%s%s", i > 0 ? "\n" : "", json_string_value(json_array_get(steps, i)));
    }
    if (text.error == VD_OK) {
        result = json_stringn(text.length > 0 ? (const char *)text.data : "", text.length);
    }
    vd_buf_release(&text);
    return result;
}

static json_t *devices_of(const json_t *row)
{
    const json_t *devices = json_object_get(row, "topDevices");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);

        (void)json_array_append_new(list,
            json_pack("{s:s, s:O, s:s}", "deviceId", text_of(device, "deviceId"), "alertsCount",
                json_object_get(device, "count"), "lastOccurrence", text_of(device, "endTime")));
    }
    return list;
}

static json_t *query_of(const json_t *row)
{
    return json_sprintf("SecurityAlert | where AlertType == \"%s\" and startofday(StartTime) =="
                        " datetime(%s)",
        text_of(row, "alertType"), text_of(row, "day"));
}

static json_t *properties_of(const json_t *row)
{
    const bool is_open = json_integer_value(json_object_get(row, "open")) > 0;
    const json_t *devices = json_object_get(row, "topDevices");
    const bool of_devices = text_of(json_array_get(devices, 0), "deviceId")[0] != '\0';

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:O, s:s, s:s, s:s, s:o, s:o}",
        "alertType", text_of(row, "alertType"), "alertDisplayName", text_of(row, "displayName"),
        "aggregatedDateUtc", text_of(row, "day"), "vendorName", "Vedette", "reportedSeverity",
        text_of(row, "severity"), "remediationSteps", steps_of(row), "description",
        text_of(row, "description"), "count", json_object_get(row, "count"), "effectedResourceType",
        of_devices ? "IoT Device" : "IoT Hub", "systemSource", of_devices ? "Devices" : "IoTHub",
        "actionTaken", is_open ? "Detected" : "Dismissed", "logAnalyticsQuery", query_of(row),
        "topDevicesList", devices_of(row));
}

static json_t *aggregated_json(const struct vd_management_args *args, const json_t *row)
{
    const char *type = text_of(row, "alertType");
    const char *day = text_of(row, "day");
    char solution[VD_MANAGEMENT_SOLUTION_ID_SIZE];

    vd_management_solution_id(args, solution);
    return json_pack("{s:s++++, s:s++, s:s, s:{}, s:o}", "id", solution,
        "/analyticsModels/default/aggregatedAlerts/", type, "/", day, "name", type, "/", day,
        "type", "Microsoft.Security/IoTSecurityAggregatedAlert", "tags", "properties",
        properties_of(row));
}

/* ---- Names: a type, a slash, a day ---- */

/* *type: the caller's to free. VD_E_NOT_FOUND: nothing has such a name. */
static int read_name(const char *name, char **type, int32_t *day)
{
    const char *slash = strrchr(name, '/');
    char time[VD_TIME_TEXT_SIZE];
    int64_t ms = 0;

    if (slash == NULL || slash == name || strlen(slash + 1) != DAY_TEXT_LEN) {
        return VD_E_NOT_FOUND;
    }
    snprintf(time, sizeof time, "%sT00:00:00Z", slash + 1);
    if (vd_time_parse(time, &ms) != VD_OK) {
        return VD_E_NOT_FOUND;
    }
    *type = strndup(name, (size_t)(slash - name));
    *day = vd_time_day(ms);
    return *type != NULL ? VD_OK : VD_E_NOMEM;
}

/* ---- Requests ---- */

/* $top as the number of rows that are still wanted; false: answered. */
static bool read_top(
    const struct vd_management_args *args, uint32_t *rows, struct vd_http_answer *answer)
{
    const char *text = vd_management_param(args, "$top");
    char *end = NULL;
    long long top;

    *rows = PAGE_MAX;
    if (text == NULL) {
        return true;
    }
    top = strtoll(text, &end, 10);
    if (top < 1 || *end != '\0') {
        vd_management_fail(answer, 400, "InvalidParameter", "$top", "a number above 0 is needed");
        return false;
    }
    *rows = top < PAGE_MAX ? (uint32_t)top : PAGE_MAX;
    return true;
}

/* A client stops by itself at its $top, which counts all pages: only without it there are more. */
static json_t *list_json(const struct vd_management_args *args, const json_t *rows, uint32_t page)
{
    const size_t count = json_array_size(rows);
    json_t *list = json_array();
    json_t *body;

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, aggregated_json(args, json_array_get(rows, i)));
    }
    body = json_pack("{s:o}", "value", list);
    if (count == page && page == PAGE_MAX) {
        const json_t *last = json_array_get(rows, count - 1);
        char token[VD_MANAGEMENT_SOLUTION_ID_SIZE];

        snprintf(token, sizeof token, "%s/%s", text_of(last, "alertType"), text_of(last, "day"));
        (void)json_object_set_new(body, "nextLink", vd_management_next_link(args, token));
    }
    return body;
}

void vd_management_aggregated_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    const char *token = vd_management_param(args, "$skiptoken");
    struct vd_alert_days which = {.from_day = vd_time_day(vd_clock_utc_ms()) - (DAYS_LISTED - 1)};
    json_t *rows = NULL;
    char *after = NULL;
    int error;

    if (!read_top(args, &which.limit, answer)) {
        return;
    }
    if (token != NULL && read_name(token, &after, &which.after_day) != VD_OK) {
        vd_management_fail(
            answer, 400, "InvalidParameter", "$skiptoken", "it is none of this list's");
        return;
    }
    which.after_type = after;
    error = vd_alert_store_days(management->config.alerts, &which, &rows);
    free(after);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the aggregated alerts");
        return;
    }
    vd_management_reply(answer, 200, list_json(args, rows, which.limit));
    json_decref(rows);
}

void vd_management_aggregated_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_alert_days which = {.limit = 1};
    json_t *rows = NULL;
    char *type = NULL;
    int error = read_name(args->names[1], &type, &which.from_day);

    which.type = type;
    if (error == VD_OK) {
        error = vd_alert_store_days(management->config.alerts, &which, &rows);
    }
    free(type);
    if (error == VD_OK && json_array_size(rows) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the aggregated alert");
    } else {
        vd_management_reply(answer, 200, aggregated_json(args, json_array_get(rows, 0)));
    }
    json_decref(rows);
}

/* All alerts of that type and day that are open, and their repeats of today. */
void vd_management_aggregated_dismiss(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const struct vd_alert_act act = {
        .event = VD_ALERT_DISMISS,
        .actor = args->caller->name,
        .reason = VD_ALERT_OTHER,
        .until_ms = vd_management_dismissal_end(now_ms),
        .now_ms = now_ms,
    };
    struct vd_alert_filter filter = {.limit = 1};
    json_t *alerts = NULL;
    char *type = NULL;
    uint64_t changed = 0;
    int error = read_name(args->names[1], &type, &filter.day);

    filter.type = type;
    if (error == VD_OK) {
        error = vd_alert_store_list(management->config.alerts, &filter, &alerts);
    }
    if (error == VD_OK && json_array_size(alerts) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        filter.state = VD_ALERT_OPEN;
        error = vd_alert_act_all(management->config.alerts, &filter, &act, &changed);
    }
    json_decref(alerts);
    free(type);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the aggregated alert");
        return;
    }
    snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, "%llu alerts", (unsigned long long)changed);
    vd_management_reply(answer, 200, json_object());
}
