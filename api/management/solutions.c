/* SPDX-License-Identifier: MIT */
/* Security solutions and aggregated recommendations in the form that @azure/arm-security knows. */

#include <strings.h>

#include "api/management/internal.h"
#include "api/management/named_list.h"
#include "api/solution.h"
#include "center/store/recommendations.h"
#include "lib/clock.h"

#define TYPE     "Microsoft.Security/IoTSecuritySolutions"
#define TEXT_MAX 1024
#define LIST_MAX 50

/* All types that a solution configures, with the names that it shows. */
static const struct {
    const char *type;
    const char *name;
} recommendations[] = {
    {"IoT_ACRAuthentication", "Service Principal Not Used with ACR"},
    {"IoT_AgentSendsUnutilizedMessages", "Agent sending underutilized messages"},
    {"IoT_Baseline", "Operating system (OS) baseline validation failure"},
    {"IoT_EdgeHubMemOptimize", "Edge Hub memory can be optimized"},
    {"IoT_EdgeLoggingOptions", "No Logging Configured for Edge Module"},
    {"IoT_InconsistentModuleSettings", "Module Settings Inconsistent in SecurityGroup"},
    {"IoT_InstallAgent", "Install the Azure Security of Things Agent"},
    {"IoT_IPFilter_DenyAll", "Default IP Filter Policy should be Deny"},
    {"IoT_IPFilter_PermissiveRule", "IP Filter rule includes large IP range"},
    {"IoT_OpenPorts", "Open Ports On Device"},
    {"IoT_PermissiveFirewallPolicy", "Permissive firewall policy in one of the chains was found"},
    {"IoT_PermissiveInputFirewallRules", "Permissive firewall rule in the input chain was found"},
    {"IoT_PermissiveOutputFirewallRules", "Permissive firewall rule in the output chain was found"},
    {"IoT_PrivilegedDockerOptions",
        "High level permissions configured in Edge model twin for Edge module"},
    {"IoT_SharedCredentials", "Same Authentication Credentials used by multiple devices"},
    {"IoT_VulnerableTLSCipherSuite", "TLS cipher suite upgrade"},
};

#define RECOMMENDATIONS (sizeof recommendations / sizeof recommendations[0])

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

/* ---- What a request may say ---- */

static bool is_one_of(const json_t *value, const char *const *words)
{
    const char *text = json_string_value(value);

    for (; text != NULL && *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool are_texts(const json_t *list, const char *const *words)
{
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);

        if (!json_is_string(value) || json_string_length(value) > TEXT_MAX ||
            (words != NULL && !is_one_of(value, words))) {
            return false;
        }
    }
    return true;
}

static const char *const on_off[] = {"Enabled", "Disabled", NULL};
static const char *const exports[] = {"RawEvents", NULL};
static const char *const sources[] = {"TwinData", NULL};

static bool is_known_recommendation(const json_t *one)
{
    const char *type = json_string_value(json_object_get(one, "recommendationType"));

    for (size_t i = 0; type != NULL && i < RECOMMENDATIONS; i++) {
        if (strcmp(recommendations[i].type, type) == 0) {
            return is_one_of(json_object_get(one, "status"), on_off);
        }
    }
    return false;
}

static bool are_recommendations(const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is_known_recommendation(json_array_get(list, i))) {
            return false;
        }
    }
    return true;
}

/* There is one hub: a solution is about it. */
static bool names_hub(const struct vd_management *management, const json_t *hubs)
{
    char id[VD_RESOURCE_ID_SIZE];

    vd_resource_hub_id(&management->config.scope, id);
    return are_texts(hubs, NULL) && json_array_size(hubs) == 1 &&
        strcasecmp(json_string_value(json_array_get(hubs, 0)), id) == 0;
}

/* What is wrong with the properties; NULL: nothing. */
static const char *properties_fault(
    const struct vd_management *management, const json_t *properties)
{
    const json_t *defined = json_object_get(properties, "userDefinedResources");
    const json_t *name = json_object_get(properties, "displayName");
    const struct {
        const char *member;
        const char *const *words;
    } lists[] = {{"export", exports}, {"disabledDataSources", sources}};
    static const char *const switches[] = {"status", "unmaskedIpLoggingStatus"};

    if (!json_is_object(properties)) {
        return "properties is to be an object";
    }
    if (!json_is_string(name) || json_string_length(name) == 0 ||
        json_string_length(name) > TEXT_MAX) {
        return "displayName is needed, text of at most 1024 bytes";
    }
    if (!names_hub(management, json_object_get(properties, "iotHubs"))) {
        return "iotHubs is to hold the id of this hub, and no other";
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *list = json_object_get(properties, lists[i].member);
        const json_t *word = json_object_get(properties, switches[i]);

        if (!is_absent(list) && !are_texts(list, lists[i].words)) {
            return "export is a list of RawEvents, disabledDataSources of TwinData";
        }
        if (!is_absent(word) && !is_one_of(word, on_off)) {
            return "status and unmaskedIpLoggingStatus are Enabled or Disabled";
        }
    }
    if (!is_absent(defined) && !json_is_object(defined)) {
        return "userDefinedResources is to be an object";
    }
    return is_absent(json_object_get(properties, "recommendationsConfiguration")) ||
            are_recommendations(json_object_get(properties, "recommendationsConfiguration"))
        ? NULL
        : "recommendationsConfiguration has a recommendationType that is known and a status, "
          "Enabled or Disabled, each";
}

/* ---- The form ---- */

static const char *status_of(const json_t *configuration, const char *type)
{
    for (size_t i = json_array_size(configuration); i > 0; i--) {
        const json_t *one = json_array_get(configuration, i - 1);
        const char *other = json_string_value(json_object_get(one, "recommendationType"));

        if (other != NULL && strcmp(other, type) == 0) {
            return json_string_value(json_object_get(one, "status"));
        }
    }
    return "Enabled";
}

/* All types, with what was given of them. */
static json_t *configuration_json(const json_t *given)
{
    json_t *list = json_array();

    for (size_t i = 0; i < RECOMMENDATIONS; i++) {
        json_array_append_new(list,
            json_pack("{s:s, s:s, s:s}", "recommendationType", recommendations[i].type, "name",
                recommendations[i].name, "status", status_of(given, recommendations[i].type)));
    }
    return list;
}

static void set_default(json_t *properties, const char *member, json_t *value)
{
    if (is_absent(json_object_get(properties, member))) {
        json_object_set_new(properties, member, value);
    } else {
        json_decref(value);
    }
}

static json_t *solution_json(
    const struct vd_management *management, const char *subscription, const json_t *solution)
{
    const struct vd_resource_scope *scope = &management->config.scope;
    const char *name = json_string_value(json_object_get(solution, "name"));
    json_t *properties = json_deep_copy(json_object_get(solution, "properties"));
    json_t *configuration =
        configuration_json(json_object_get(properties, "recommendationsConfiguration"));

    json_object_set_new(properties, "recommendationsConfiguration", configuration);
    set_default(properties, "status", json_string("Enabled"));
    set_default(properties, "unmaskedIpLoggingStatus", json_string("Disabled"));
    set_default(properties, "export", json_array());
    set_default(properties, "disabledDataSources", json_array());
    set_default(properties, "autoDiscoveredResources", json_array());
    return json_pack("{s:s+++++, s:s, s:s, s:s, s:O, s:O, s:o}", "id", "/subscriptions/",
        subscription, "/resourceGroups/", scope->resource_group, "/providers/" TYPE "/", name,
        "name", name, "type", TYPE, "location",
        json_string_value(json_object_get(solution, "location")), "tags",
        json_object_get(solution, "tags"), "systemData", json_object_get(solution, "systemData"),
        "properties", properties);
}

/* ---- Reading ---- */

static int load(const struct vd_management *management, json_t **list)
{
    uint64_t etag;

    return vd_named_list_load(management->config.registry, VD_SOLUTIONS_SETTING, list, &etag);
}

/* $filter=properties.iotHubs/any(i eq "id"): whether it names this hub. */
static bool filter_fits(
    const struct vd_management *management, const struct vd_management_args *args)
{
    const char *filter = vd_management_param(args, "$filter");
    char id[VD_RESOURCE_ID_SIZE];
    const char *from = filter != NULL ? strchr(filter, '"') : NULL;
    const char *to = from != NULL ? strchr(from + 1, '"') : NULL;

    if (filter == NULL || filter[0] == '\0') {
        return true;
    }
    vd_resource_hub_id(&management->config.scope, id);
    return to != NULL && strlen(id) == (size_t)(to - from - 1) &&
        strncasecmp(id, from + 1, strlen(id)) == 0;
}

void vd_management_solution_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *list = NULL;
    json_t *value = json_array();
    int error = load(management, &list);

    for (size_t i = 0; error == VD_OK && filter_fits(management, args) && i < json_array_size(list);
         i++) {
        json_array_append_new(
            value, solution_json(management, args->subscription, json_array_get(list, i)));
    }
    json_decref(list);
    if (error != VD_OK) {
        json_decref(value);
        vd_management_fail_error(answer, error, "the security solutions");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", value));
}

/* The solution of the path, the caller's; NULL: answered. */
static json_t *find(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    json_t *list = NULL;
    json_t *found = NULL;
    int error = load(management, &list);

    if (error == VD_OK) {
        found = json_incref(json_array_get(list, vd_named_list_find(list, args->names[0])));
        error = found != NULL ? VD_OK : VD_E_NOT_FOUND;
    }
    json_decref(list);
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    }
    return found;
}

void vd_management_solution_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *solution = find(management, args, answer);

    if (solution != NULL) {
        vd_management_reply(answer, 200, solution_json(management, args->subscription, solution));
    }
    json_decref(solution);
}

/* ---- Writing ---- */

/* When and by whom it was made and changed. */
static json_t *system_data(const struct vd_management_args *args, const json_t *old)
{
    char now[VD_TIME_TEXT_SIZE];
    json_t *data = old != NULL ? json_copy(json_object_get(old, "systemData")) : NULL;

    vd_time_format(vd_clock_utc_ms(), now);
    if (data == NULL) {
        data = json_pack("{s:s, s:s, s:s}", "createdBy", args->caller->name, "createdByType",
            "Application", "createdAt", now);
    }
    json_object_set_new(data, "lastModifiedBy", json_string(args->caller->name));
    json_object_set_new(data, "lastModifiedByType", json_string("Application"));
    json_object_set_new(data, "lastModifiedAt", json_string(now));
    return data;
}

static void put(struct vd_management *management, const struct vd_management_args *args,
    json_t *solution, bool may_be_new, struct vd_http_answer *answer)
{
    bool is_new = false;
    int error = solution != NULL ? vd_named_list_put(management->config.registry,
                                       VD_SOLUTIONS_SETTING, solution, VD_SOLUTIONS_MAX, &is_new)
                                 : VD_E_NOMEM;

    if (error == VD_E_LIMIT) {
        vd_management_fail(
            answer, 409, "Conflict", NULL, "there are at most %d solutions", VD_SOLUTIONS_MAX);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        vd_management_reply(answer, is_new && may_be_new ? 201 : 200,
            solution_json(management, args->subscription, solution));
    }
    json_decref(solution);
}

static bool tags_are_good(const json_t *tags)
{
    const char *name;
    json_t *value;

    if (is_absent(tags)) {
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)tags, name, value)
    {
        if (!json_is_string(value) || json_string_length(value) > TEXT_MAX) {
            return false;
        }
    }
    return json_is_object(tags) && json_object_size(tags) <= LIST_MAX;
}

/* Read-only members are dropped. */
static json_t *kept(const json_t *properties)
{
    static const char *const members[] = {"workspace", "displayName", "status", "export",
        "disabledDataSources", "iotHubs", "userDefinedResources", "recommendationsConfiguration",
        "unmaskedIpLoggingStatus", "additionalWorkspaces"};
    json_t *out = json_object();

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(properties, members[i]);

        if (!is_absent(value)) {
            json_object_set(out, members[i], value);
        }
    }
    return out;
}

void vd_management_solution_put(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const json_t *properties = json_object_get(body, "properties");
    const json_t *location = json_object_get(body, "location");
    json_t *tags = json_object_get(body, "tags");
    const char *wrong;

    if (body == NULL) {
        return;
    }
    wrong = properties_fault(management, properties);
    if (wrong != NULL) {
        vd_management_fail(answer, 400, "BadRequest", "properties", "%s", wrong);
    } else if (!tags_are_good(tags) || (!is_absent(location) && !json_is_string(location))) {
        vd_management_fail(
            answer, 400, "BadRequest", "tags", "location is text, tags are up to 50 texts");
    } else {
        put(management, args,
            json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", args->names[0], "location",
                json_is_string(location) ? json_string_value(location) : "", "tags",
                is_absent(tags) ? json_object() : json_incref(tags), "systemData",
                system_data(args, NULL), "properties", kept(properties)),
            true, answer);
    }
    json_decref(body);
}

/* Entries of the body take the place of those of their type. */
static json_t *merged_configuration(const json_t *old, const json_t *given)
{
    json_t *list = json_array();

    json_array_extend(list, (json_t *)(uintptr_t)old);
    json_array_extend(list, (json_t *)(uintptr_t)given);
    for (size_t i = json_array_size(list); i > LIST_MAX; i--) {
        json_array_remove(list, 0);
    }
    return list;
}

void vd_management_solution_patch(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const json_t *properties = json_object_get(body, "properties");
    json_t *defined = json_object_get(properties, "userDefinedResources");
    const json_t *configuration = json_object_get(properties, "recommendationsConfiguration");
    json_t *tags = json_object_get(body, "tags");
    json_t *solution = body != NULL ? find(management, args, answer) : NULL;
    json_t *now;

    if (solution == NULL) {
        json_decref(body);
        return;
    }
    if (!tags_are_good(tags) ||
        (!is_absent(configuration) && !are_recommendations(configuration)) ||
        (!is_absent(defined) && !json_is_object(defined))) {
        vd_management_fail(answer, 400, "BadRequest", "properties",
            "tags, userDefinedResources and recommendationsConfiguration are of another form");
        json_decref(solution);
        json_decref(body);
        return;
    }
    now = json_object_get(solution, "properties");
    if (!is_absent(tags)) {
        json_object_set(solution, "tags", tags);
    }
    if (!is_absent(defined)) {
        json_object_set(now, "userDefinedResources", defined);
    }
    if (!is_absent(configuration)) {
        json_object_set_new(now, "recommendationsConfiguration",
            merged_configuration(
                json_object_get(now, "recommendationsConfiguration"), configuration));
    }
    json_object_set_new(solution, "systemData", system_data(args, solution));
    put(management, args, solution, false, answer);
    json_decref(body);
}

void vd_management_solution_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    int error =
        vd_named_list_remove(management->config.registry, VD_SOLUTIONS_SETTING, args->names[0]);

    if (error == VD_E_NOT_FOUND) {
        snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, VD_EVENT_NOTHING_THERE);
        vd_management_reply(answer, 204, NULL);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        answer->status = 200;
    }
}

/* ---- Aggregated recommendations ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static json_t *steps_text(const json_t *steps)
{
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

static json_t *recommendation_json(
    const struct vd_management_args *args, const json_t *one, json_int_t devices)
{
    const char *type = text_of(one, "type");
    const json_int_t unhealthy = json_integer_value(json_object_get(one, "unhealthyDeviceCount"));
    char solution[VD_MANAGEMENT_SOLUTION_ID_SIZE];

    vd_management_solution_id(args, solution);
    return json_pack(
        "{s:s++, s:s, s:s, s:{}, s:{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:s++}}", "id",
        solution, "/analyticsModels/default/aggregatedRecommendations/", type, "name", type, "type",
        "Microsoft.Security/IoTSecurityAggregatedRecommendation", "tags", "properties",
        "recommendationName", type, "recommendationDisplayName", text_of(one, "displayName"),
        "description", text_of(one, "description"), "recommendationTypeId", type, "detectedBy",
        "Vedette", "remediationSteps", steps_text(json_object_get(one, "remediationSteps")),
        "reportedSeverity", text_of(one, "severity"), "healthyDevices",
        devices > unhealthy ? devices - unhealthy : 0, "unhealthyDeviceCount", unhealthy,
        "logAnalyticsQuery", "SecurityRecommendation | where RecommendationName == \"", type, "\"");
}

/* Those that are active, or the one of that type; *value is the caller's. */
static int read_recommendations(struct vd_management *management,
    const struct vd_management_args *args, const char *type, json_t **value)
{
    json_t *list = NULL;
    uint64_t devices = 0;
    uint64_t enabled;
    uint64_t disabled;
    int error = vd_recommendations_list(management->config.alerts, &list);

    if (error == VD_OK) {
        error = vd_registry_count(management->config.registry, &devices, &enabled, &disabled);
    }
    *value = json_array();
    for (size_t i = 0; error == VD_OK && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);

        if (type != NULL ? strcasecmp(text_of(one, "type"), type) == 0
                         : strcmp(text_of(one, "state"), "Active") == 0) {
            json_array_append_new(*value, recommendation_json(args, one, (json_int_t)devices));
        }
    }
    json_decref(list);
    return error;
}

void vd_management_recommendation_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *value = NULL;
    int error = read_recommendations(management, args, NULL, &value);

    if (error != VD_OK) {
        json_decref(value);
        vd_management_fail_error(answer, error, "the recommendations");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", value));
}

void vd_management_recommendation_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *value = NULL;
    int error = read_recommendations(management, args, args->names[1], &value);

    if (error == VD_OK && json_array_size(value) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        vd_management_reply(answer, 200, json_incref(json_array_get(value, 0)));
    } else {
        vd_management_fail_error(answer, error, args->names[1]);
    }
    json_decref(value);
}
