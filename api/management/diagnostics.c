/* SPDX-License-Identifier: MIT */
/* Diagnostic settings: which records go where. Stored and validated here; docs/diagnostics.md says what is done by them. */

#include <strings.h>

#include "api/management/internal.h"
#include "api/management/named_list.h"
#include "hub/export/export.h"

/* Entries of `logs` or `metrics`: each category once, and groups. */
#define ENTRIES_MAX 32
/* Text of one field, so that five settings fit into a setting of the registry. */
#define FIELD_MAX 1024

#define PROVIDER "Microsoft.Insights"

/* Fields of `properties` that are text; a sink is somewhere that records can go. */
static const struct {
    const char *name;
    bool is_sink;
} fields[] = {
    {"storageAccountId", true},
    {"serviceBusRuleId", true},
    {"eventHubAuthorizationRuleId", true},
    {"eventHubName", false},
    {"workspaceId", true},
    {"marketplacePartnerId", true},
    {"logAnalyticsDestinationType", false},
};

#define FIELDS (sizeof fields / sizeof fields[0])

/* ---- What a request may say ---- */

static const char *log_category(const char *name)
{
    const enum vd_operation_category found = vd_operation_category_find(name);

    return found != VD_OPERATION_CATEGORIES_END ? vd_operation_category_text(found) : NULL;
}

static bool retention_is_valid(const json_t *policy)
{
    const json_t *days = json_object_get(policy, "days");

    return policy == NULL || json_is_null(policy) ||
        (json_is_boolean(json_object_get(policy, "enabled")) && json_is_integer(days) &&
            json_integer_value(days) >= 0);
}

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

/* What is wrong with an entry of `logs`; NULL: nothing. */
static const char *log_fault(const json_t *entry)
{
    const json_t *category = json_object_get(entry, "category");
    const json_t *group = json_object_get(entry, "categoryGroup");
    const char *group_text = json_string_value(group);

    if (!json_is_boolean(json_object_get(entry, "enabled"))) {
        return "each log needs enabled, true or false";
    }
    if (is_absent(category) == is_absent(group)) {
        return "each log names a category or a categoryGroup";
    }
    if (!is_absent(category) &&
        (!json_is_string(category) || log_category(json_string_value(category)) == NULL)) {
        return "a log's category is not one that the hub has";
    }
    if (!is_absent(group) &&
        (group_text == NULL ||
            (strcasecmp(group_text, "allLogs") != 0 && strcasecmp(group_text, "audit") != 0))) {
        return "a log's categoryGroup is to be allLogs or audit";
    }
    return retention_is_valid(json_object_get(entry, "retentionPolicy"))
        ? NULL
        : "a retentionPolicy is enabled (true or false) and days, from 0 on";
}

static const char *metric_fault(const json_t *entry)
{
    const json_t *category = json_object_get(entry, "category");

    if (!json_is_boolean(json_object_get(entry, "enabled"))) {
        return "each metric needs enabled, true or false";
    }
    if (!is_absent(category) &&
        (!json_is_string(category) || strcasecmp(json_string_value(category), "AllMetrics") != 0)) {
        return "a metric's category is to be AllMetrics";
    }
    return retention_is_valid(json_object_get(entry, "retentionPolicy"))
        ? NULL
        : "a retentionPolicy is enabled (true or false) and days, from 0 on";
}

static const char *list_fault(const json_t *list, const char *(*fault)(const json_t *entry))
{
    const char *wrong = NULL;

    if (is_absent(list)) {
        return NULL;
    }
    if (!json_is_array(list) || json_array_size(list) > ENTRIES_MAX) {
        return "logs and metrics are lists of at most 32";
    }
    for (size_t i = 0; wrong == NULL && i < json_array_size(list); i++) {
        wrong = fault(json_array_get(list, i));
    }
    return wrong;
}

static const char *fields_fault(const json_t *properties)
{
    bool has_sink = false;

    for (size_t i = 0; i < FIELDS; i++) {
        const json_t *value = json_object_get(properties, fields[i].name);

        if (is_absent(value)) {
            continue;
        }
        if (!json_is_string(value) || json_string_length(value) > FIELD_MAX) {
            return "ids and names are text of at most 1024 bytes";
        }
        has_sink = has_sink || (fields[i].is_sink && json_string_length(value) > 0);
    }
    return has_sink ? NULL
                    : "at least one of storageAccountId, eventHubAuthorizationRuleId, workspaceId, "
                      "serviceBusRuleId and marketplacePartnerId is needed";
}

static const char *properties_fault(const json_t *properties)
{
    const char *wrong;

    if (!json_is_object(properties)) {
        return "properties is to be an object";
    }
    wrong = fields_fault(properties);
    if (wrong == NULL) {
        wrong = list_fault(json_object_get(properties, "logs"), log_fault);
    }
    return wrong != NULL ? wrong : list_fault(json_object_get(properties, "metrics"), metric_fault);
}

/* Of an entry only what is known is kept. */
static json_t *entry_kept(const json_t *entry)
{
    const json_t *retention = json_object_get(entry, "retentionPolicy");
    json_t *kept = json_object();

    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"category", "categoryGroup", "timeGrain", "enabled"};
        json_t *value = json_object_get(entry, names[i]);

        if (!is_absent(value)) {
            (void)json_object_set(kept, names[i], value);
        }
    }
    if (!is_absent(retention)) {
        (void)json_object_set_new(kept, "retentionPolicy",
            json_pack("{s:O, s:O}", "enabled", json_object_get(retention, "enabled"), "days",
                json_object_get(retention, "days")));
    }
    return kept;
}

static json_t *list_kept(const json_t *list)
{
    json_t *kept = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)json_array_append_new(kept, entry_kept(json_array_get(list, i)));
    }
    return kept;
}

/* The properties as they are stored and answered: every field, null where it was not given. */
static json_t *properties_kept(const json_t *properties)
{
    json_t *kept = json_object();

    for (size_t i = 0; i < FIELDS; i++) {
        json_t *value = json_object_get(properties, fields[i].name);

        (void)json_object_set_new(
            kept, fields[i].name, is_absent(value) ? json_null() : json_incref(value));
    }
    (void)json_object_set_new(kept, "metrics", list_kept(json_object_get(properties, "metrics")));
    (void)json_object_set_new(kept, "logs", list_kept(json_object_get(properties, "logs")));
    return kept;
}

static bool name_is_valid(const char *name)
{
    const size_t length = strlen(name);

    return length > 0 && length <= VD_DIAGNOSTIC_NAME_MAX && strpbrk(name, "<>*%&:\\?+/") == NULL;
}

/* The list of settings, the caller's to free. */
static int load(const struct vd_management *management, json_t **settings)
{
    uint64_t etag;

    return vd_named_list_load(management->config.registry, VD_DIAGNOSTIC_SETTINGS, settings, &etag);
}

/* ---- Answers ---- */

static json_t *resource_json(
    const struct vd_management_args *args, const char *kind, const char *name, json_t *properties)
{
    char hub[VD_RESOURCE_ID_SIZE];
    char type[96];
    struct vd_buf id = {0};
    json_t *json = NULL;

    vd_management_hub_id(args, hub);
    vd_buf_printf(&id, "%s/providers/microsoft.insights/%s/%s", hub, kind, name);
    snprintf(type, sizeof type, PROVIDER "/%s", kind);
    if (id.error == VD_OK) {
        json = json_pack("{s:s%, s:s, s:s, s:O}", "id", id.data, id.length, "name", name, "type",
            type, "properties", properties);
    }
    vd_buf_release(&id);
    return json;
}

static json_t *setting_json(const struct vd_management_args *args, const json_t *setting)
{
    return resource_json(args, "diagnosticSettings",
        json_string_value(json_object_get(setting, "name")),
        json_object_get(setting, "properties"));
}

static void fail_unknown(const char *what, const char *name, struct vd_http_answer *answer)
{
    vd_management_fail(
        answer, 404, "ResourceNotFound", NULL, "The %s '%.260s' was not found.", what, name);
}

void vd_management_diagnostics_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *settings = NULL;
    json_t *list = json_array();
    int error = load(management, &settings);

    for (size_t i = 0; error == VD_OK && i < json_array_size(settings); i++) {
        if (json_array_append_new(list, setting_json(args, json_array_get(settings, i))) != 0) {
            error = VD_E_NOMEM;
        }
    }
    json_decref(settings);
    if (error != VD_OK) {
        json_decref(list);
        vd_management_fail_error(answer, error, "the diagnostic settings");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", list));
}

void vd_management_diagnostics_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *settings = NULL;
    int error = load(management, &settings);
    size_t at = vd_named_list_find(settings, args->names[0]);

    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the diagnostic settings");
    } else if (at == json_array_size(settings)) {
        fail_unknown("diagnostic setting", args->names[0], answer);
    } else {
        vd_management_reply(answer, 200, setting_json(args, json_array_get(settings, at)));
    }
    json_decref(settings);
}

static void put(struct vd_management *management, const struct vd_management_args *args,
    const json_t *properties, struct vd_http_answer *answer)
{
    json_t *setting =
        json_pack("{s:s, s:o}", "name", args->names[0], "properties", properties_kept(properties));
    int error = setting != NULL
        ? vd_named_list_put(management->config.registry, VD_DIAGNOSTIC_SETTINGS, setting,
              VD_DIAGNOSTIC_SETTINGS_MAX, NULL)
        : VD_E_NOMEM;

    if (error == VD_OK) {
        error = vd_export_reload(management->config.exporter);
    }
    if (error == VD_E_LIMIT) {
        vd_management_fail(answer, 409, "Conflict", NULL,
            "a hub has at most %d diagnostic settings", VD_DIAGNOSTIC_SETTINGS_MAX);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        vd_management_reply(answer, 200, setting_json(args, setting));
    }
    json_decref(setting);
}

void vd_management_diagnostics_put(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const json_t *properties = json_object_get(body, "properties");
    const char *wrong;

    if (body == NULL) {
        return;
    }
    wrong = properties_fault(properties);
    if (!name_is_valid(args->names[0])) {
        vd_management_fail(answer, 400, "InvalidParameter", "name",
            "a name is 1 to 260 characters, none of < > * %% & : \\ ? + /");
    } else if (wrong != NULL) {
        vd_management_fail(answer, 400, "BadRequest", "properties", "%s", wrong);
    } else {
        put(management, args, properties, answer);
    }
    json_decref(body);
}

void vd_management_diagnostics_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    int error =
        vd_named_list_remove(management->config.registry, VD_DIAGNOSTIC_SETTINGS, args->names[0]);

    if (error == VD_OK) {
        error = vd_export_reload(management->config.exporter);
    }
    if (error == VD_E_NOT_FOUND) {
        snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, VD_EVENT_NOTHING_THERE);
        vd_management_reply(answer, 204, NULL);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        answer->status = 200;
    }
}

/* ---- Categories ---- */

static json_t *category_json(
    const struct vd_management_args *args, enum vd_operation_category category)
{
    /* Without a text for `audit`, the list ends before it. */
    json_t *properties = json_pack("{s:s, s:[s,s*]}", "categoryType", "Logs", "categoryGroups",
        "allLogs", vd_operation_category_is_audit(category) ? "audit" : NULL);
    json_t *json = resource_json(
        args, "diagnosticSettingsCategories", vd_operation_category_text(category), properties);

    json_decref(properties);
    return json;
}

static json_t *metrics_json(const struct vd_management_args *args)
{
    json_t *properties = json_pack("{s:s, s:[]}", "categoryType", "Metrics", "categoryGroups");
    json_t *json = resource_json(args, "diagnosticSettingsCategories", "AllMetrics", properties);

    json_decref(properties);
    return json;
}

void vd_management_category_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *list = json_array();
    bool good = true;

    (void)management;
    for (int i = 0; good && i < VD_OPERATION_CATEGORIES_END; i++) {
        good = json_array_append_new(list, category_json(args, (enum vd_operation_category)i)) == 0;
    }
    good = good && json_array_append_new(list, metrics_json(args)) == 0;
    if (!good) {
        json_decref(list);
        list = NULL;
    }
    vd_management_reply(answer, 200, list != NULL ? json_pack("{s:o}", "value", list) : NULL);
}

void vd_management_category_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    const enum vd_operation_category category = vd_operation_category_find(args->names[0]);

    (void)management;
    if (category != VD_OPERATION_CATEGORIES_END) {
        vd_management_reply(answer, 200, category_json(args, category));
    } else if (strcasecmp(args->names[0], "AllMetrics") == 0) {
        vd_management_reply(answer, 200, metrics_json(args));
    } else {
        fail_unknown("category", args->names[0], answer);
    }
}
