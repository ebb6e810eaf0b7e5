/* SPDX-License-Identifier: MIT */
/* The analytics of a security solution: alerts and recommendations in numbers. */

#include "api/management/internal.h"
#include "center/store/alert_days.h"
#include "center/store/recommendations.h"
#include "lib/clock.h"

#define DAYS_SHOWN 30

void vd_management_solution_id(
    const struct vd_management_args *args, char out[VD_MANAGEMENT_SOLUTION_ID_SIZE])
{
    snprintf(out, VD_MANAGEMENT_SOLUTION_ID_SIZE,
        "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Security/iotSecuritySolutions/%s",
        args->subscription, args->resource_group, args->names[0]);
}

static json_t *metrics_of(const json_t *row)
{
    return json_pack("{s:O, s:O, s:O}", "high", json_object_get(row, "High"), "medium",
        json_object_get(row, "Medium"), "low", json_object_get(row, "Low"));
}

static json_t *days_of(const json_t *summary)
{
    const json_t *days = json_object_get(summary, "days");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i);

        (void)json_array_append_new(list,
            json_pack("{s:s+, s:o}", "date", json_string_value(json_object_get(day, "day")),
                "T00:00:00Z", "devicesMetrics", metrics_of(day)));
    }
    return list;
}

static json_t *top_devices(const json_t *summary)
{
    const json_t *devices = json_object_get(summary, "topDevices");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);

        (void)json_array_append_new(list,
            json_pack("{s:O, s:O}", "deviceId", json_object_get(device, "deviceId"), "alertsCount",
                json_object_get(device, "alerts")));
    }
    return list;
}

static json_t *top_alerts(const json_t *summary)
{
    const json_t *alerts = json_object_get(summary, "topAlerts");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        (void)json_array_append_new(list,
            json_pack("{s:O, s:O, s:O}", "alertDisplayName", json_object_get(alert, "displayName"),
                "reportedSeverity", json_object_get(alert, "severity"), "alertsCount",
                json_object_get(alert, "alerts")));
    }
    return list;
}

/* Those that are active, of devices. */
static json_t *top_recommendations(const json_t *recommendations)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(recommendations); i++) {
        const json_t *one = json_array_get(recommendations, i);
        const json_t *devices = json_object_get(one, "unhealthyDeviceCount");
        const char *state = json_string_value(json_object_get(one, "state"));

        if (state != NULL && strcmp(state, "Active") == 0 && json_integer_value(devices) > 0) {
            (void)json_array_append_new(list,
                json_pack("{s:O, s:O, s:O}", "recommendationDisplayName",
                    json_object_get(one, "displayName"), "reportedSeverity",
                    json_object_get(one, "severity"), "devicesCount", devices));
        }
    }
    return list;
}

/* NULL (answered): it failed. */
static json_t *model_json(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    const int32_t from = vd_time_day(vd_clock_utc_ms()) - (DAYS_SHOWN - 1);
    char solution[VD_MANAGEMENT_SOLUTION_ID_SIZE];
    json_t *summary = NULL;
    json_t *recommendations = NULL;
    json_t *model = NULL;
    int error = vd_alert_store_summary(management->config.alerts, from, &summary);

    vd_management_solution_id(args, solution);
    if (error == VD_OK) {
        error = vd_recommendations_list(management->config.alerts, &recommendations);
    }
    if (error == VD_OK) {
        model = json_pack("{s:s+, s:s, s:s, s:{s:o, s:O, s:o, s:o, s:o, s:o}}", "id", solution,
            "/analyticsModels/default", "name", "default", "type",
            "Microsoft.Security/iotSecuritySolutions/analyticsModels", "properties", "metrics",
            metrics_of(json_object_get(summary, "open")), "unhealthyDeviceCount",
            json_object_get(summary, "devices"), "devicesMetrics", days_of(summary),
            "topAlertedDevices", top_devices(summary), "mostPrevalentDeviceAlerts",
            top_alerts(summary), "mostPrevalentDeviceRecommendations",
            top_recommendations(recommendations));
        error = model != NULL ? VD_OK : VD_E_NOMEM;
    }
    json_decref(summary);
    json_decref(recommendations);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the analytics");
    }
    return model;
}

void vd_management_analytics_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *model = model_json(management, args, answer);

    if (model != NULL) {
        vd_management_reply(answer, 200, json_pack("{s:[o]}", "value", model));
    }
}

void vd_management_analytics_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *model = model_json(management, args, answer);

    if (model != NULL) {
        vd_management_reply(answer, 200, model);
    }
}
