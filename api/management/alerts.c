/* SPDX-License-Identifier: MIT */
/* Alerts in the form that @azure/arm-security knows: lists, one of them, and its three acts. */

#include "api/management/internal.h"
#include "center/detect/attack.h"
#include "center/store/alert_act.h"
#include "lib/clock.h"

#define PAGE 100

/* Where alerts are, for a caller who has not said: ids name a region, which state calls then give back. */
#define REGION "local"

/* ---- Form ---- */

/* What one who causes it is after. */
static const char *intent_of(const char *type)
{
    const char *intent = vd_attack_intent(type);

    return intent != NULL ? intent : "Unknown";
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* There is no word for an alert that somebody works on. */
static const char *status_of(const json_t *alert)
{
    const int state = vd_alert_state_parse(text_of(alert, "status"));

    return state == VD_ALERT_DISMISSED || state == VD_ALERT_RESOLVED ? vd_alert_state_text(state)
                                                                     : "Active";
}

static json_t *extended_properties(const json_t *alert)
{
    const json_t *assessment = json_object_get(alert, "assessment");
    json_t *text = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "DeviceId", text_of(alert, "deviceId"),
        "ModuleId", text_of(alert, "moduleId"), "Subject", text_of(alert, "subject"), "State",
        text_of(alert, "status"), "Verdict",
        json_string_value(json_object_get(assessment, "verdict")));
    char count[24];

    snprintf(count, sizeof count, "%lld",
        (long long)json_integer_value(json_object_get(alert, "count")));
    (void)json_object_set_new(text, "Count", json_string(count));
    return text;
}

static json_t *entities_of(const json_t *alert)
{
    const char *device = text_of(alert, "deviceId");
    const json_t *indicator = json_object_get(alert, "indicator");
    json_t *list = json_array();

    if (device[0] != '\0') {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "type", "iotdevice", "deviceId", device));
    }
    if (json_is_object(indicator)) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "type", "ip", "address", text_of(indicator, "value")));
    }
    return list;
}

static json_t *properties_of(const struct vd_management *management, const json_t *alert)
{
    char hub[VD_RESOURCE_ID_SIZE];
    const char *device = text_of(alert, "deviceId");

    vd_resource_hub_id(&management->config.scope, hub);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b,"
                     " s:[{s:s, s:s}], s:O, s:o, s:o, s:s++, s:s}",
        "alertType", text_of(alert, "alertType"), "systemAlertId", text_of(alert, "id"),
        "alertDisplayName", text_of(alert, "displayName"), "description",
        text_of(alert, "description"), "severity", text_of(alert, "severity"), "intent",
        intent_of(text_of(alert, "alertType")), "startTimeUtc", text_of(alert, "startTime"),
        "endTimeUtc", text_of(alert, "endTime"), "timeGeneratedUtc",
        text_of(alert, "timeGenerated"), "processingEndTimeUtc", text_of(alert, "timeGenerated"),
        "status", status_of(alert), "vendorName", "Vedette", "productName", "Vedette",
        "productComponentName", "IoT Hub", "isIncident", 0, "resourceIdentifiers", "type",
        "AzureResource", "azureResourceId", hub, "remediationSteps",
        json_object_get(alert, "remediationSteps"), "entities", entities_of(alert),
        "extendedProperties", extended_properties(alert), "correlationKey",
        text_of(alert, "alertType"), "/", text_of(alert, "cause"), "compromisedEntity",
        device[0] != '\0' ? device : management->config.scope.hub);
}

static json_t *alert_json(
    const struct vd_management *management, const char *region, const json_t *alert)
{
    const struct vd_resource_scope *scope = &management->config.scope;
    const char *id = text_of(alert, "id");
    struct vd_buf path = {0};
    json_t *json = NULL;

    vd_buf_printf(&path,
        "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Security/locations/%s/alerts/%s",
        scope->subscription, scope->resource_group, region, id);
    if (path.error == VD_OK) {
        json = json_pack("{s:s%, s:s, s:s, s:o}", "id", (const char *)path.data, path.length,
            "name", id, "type", "Microsoft.Security/Locations/alerts", "properties",
            properties_of(management, alert));
    }
    vd_buf_release(&path);
    return json;
}

/* ---- Reading ---- */

/* A page's place: the number that the one before ended with. False: answered. */
static bool read_token(
    const struct vd_management_args *args, int64_t *before, struct vd_http_answer *answer)
{
    const char *token = vd_management_param(args, "$skiptoken");
    char *end = NULL;

    if (token == NULL) {
        return true;
    }
    *before = strtoll(token, &end, 10);
    if (*before <= 0 || *end != '\0') {
        vd_management_fail(
            answer, 400, "InvalidParameter", "$skiptoken", "it is none of this list's");
        return false;
    }
    return true;
}

static void list_alerts(struct vd_management *management, const struct vd_management_args *args,
    const char *region, struct vd_http_answer *answer)
{
    struct vd_alert_filter filter = {.limit = PAGE};
    json_t *alerts = NULL;
    json_t *body;
    json_t *list;
    char last[24];
    int error;

    if (!read_token(args, &filter.before, answer)) {
        return;
    }
    error = vd_alert_store_list(management->config.alerts, &filter, &alerts);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the list of alerts");
        return;
    }
    list = json_array();
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        (void)json_array_append_new(list, alert_json(management, region, alert));
        snprintf(last, sizeof last, "%lld",
            (long long)json_integer_value(json_object_get(alert, "number")));
    }
    body = json_pack("{s:o}", "value", list);
    if (body != NULL && json_array_size(alerts) == PAGE) {
        (void)json_object_set_new(body, "nextLink", vd_management_next_link(args, last));
    }
    json_decref(alerts);
    vd_management_reply(answer, 200, body);
}

void vd_management_alert_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    list_alerts(management, args, REGION, answer);
}

void vd_management_alert_list_region(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    list_alerts(management, args, args->names[0], answer);
}

/* The whole id that the path names, as it is stored. False: answered. */
static bool alert_id(const struct vd_management_args *args, char out[VD_UUID_TEXT_SIZE],
    struct vd_http_answer *answer)
{
    struct vd_uuid id;

    if (vd_uuid_parse(args->names[1], strlen(args->names[1]), &id) != VD_OK) {
        vd_management_fail_error(answer, VD_E_NOT_FOUND, "the alert");
        return false;
    }
    vd_uuid_format(&id, out);
    return true;
}

void vd_management_alert_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    char id[VD_UUID_TEXT_SIZE];
    json_t *alert = NULL;
    int error;

    if (!alert_id(args, id, answer)) {
        return;
    }
    error = vd_alert_store_get(management->config.alerts, id, &alert);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the alert");
        return;
    }
    vd_management_reply(answer, 200, alert_json(management, args->names[0], alert));
    json_decref(alert);
}

/* ---- Acts ---- */

/* A request may come more than once: what is so already is done. */
static void act_on(struct vd_management *management, const struct vd_management_args *args,
    enum vd_alert_event event, struct vd_http_answer *answer)
{
    struct vd_alert_act act = {.event = event, .actor = args->caller->name};
    char id[VD_UUID_TEXT_SIZE];
    json_t *alert = NULL;
    int error;

    if (!alert_id(args, id, answer)) {
        return;
    }
    snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, "alert %s", id);
    act.now_ms = vd_clock_utc_ms();
    act.reason = VD_ALERT_OTHER;
    act.until_ms = vd_management_dismissal_end(act.now_ms);
    error = vd_alert_act(management->config.alerts, id, &act, &alert);
    json_decref(alert);
    if (error != VD_OK && error != VD_E_EXISTS) {
        vd_management_fail_error(answer, error, "the alert");
    } else {
        vd_management_reply(answer, 204, NULL);
    }
}

int64_t vd_management_dismissal_end(int64_t now_ms)
{
    return (vd_time_day(now_ms) + 1) * VD_DAY_MS;
}

void vd_management_alert_dismiss(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    act_on(management, args, VD_ALERT_DISMISS, answer);
}

void vd_management_alert_resolve(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    act_on(management, args, VD_ALERT_RESOLVE, answer);
}

void vd_management_alert_activate(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    act_on(management, args, VD_ALERT_REOPEN, answer);
}

void vd_management_alert_simulate(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    (void)management;
    (void)args;
    vd_management_fail(answer, 400, "BundleNotSupported", "bundles",
        "none of the bundles is of devices, and alerts are not made up here");
}
