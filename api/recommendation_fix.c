/* SPDX-License-Identifier: MIT */
/* Requests that fix: a last rule of the IP filter that refuses, and a diagnostic setting. */

#include "api/recommendation_fix.h"

#include "hub/ip_filter.h"

/* then: what is left to do after it; NULL: nothing. */
static json_t *fix_json(const char *description, const char *path, json_t *body, const char *then)
{
    return json_pack("{s:s, s:{s:s, s:s, s:o}, s:s?}", "description", description, "request",
        "method", "PUT", "path", path, "body", body, "then", then);
}

/* ---- The IP filter ---- */

static bool accepts_anyone(const struct vd_ip_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->rules[i].accepts) {
            return true;
        }
    }
    return false;
}

/* The same rules with an end that refuses; the caller's. */
static json_t *closed(const json_t *properties)
{
    json_t *copy = json_deep_copy(properties);
    json_t *sets = json_object_get(copy, "networkRuleSets");

    if (json_is_object(sets)) {
        (void)json_object_set_new(sets, "defaultAction", json_string("Deny"));
    } else { /* a last rule for 0.0.0.0/0 would leave IPv6 open */
        (void)json_object_set_new(
            copy, "networkRuleSets", json_pack("{s:s, s:[]}", "defaultAction", "Deny", "ipRules"));
    }
    return copy;
}

/* Without a rule that accepts it would shut everyone out: whom to let in is the owner's to say. */
static int fix_filter(const struct vd_api *api, json_t **fix)
{
    struct vd_ip_filter filter;
    json_t *properties = NULL;
    uint64_t etag = 0;
    char path[64];
    int error = vd_ip_filter_load(api->registry, &filter, &properties, &etag);

    if (error != VD_OK) {
        return error;
    }
    if (filter.accepts_rest && accepts_anyone(&filter)) {
        snprintf(path, sizeof path, "/ip-filter?etag=%llu", (unsigned long long)etag);
        *fix = fix_json("Refuses what no rule of the IP filter accepts. Devices and back ends at "
                        "other addresses, and all of IPv6, are shut out at once.",
            path, closed(properties), NULL);
    } else {
        *fix = json_null();
    }
    json_decref(properties);
    return *fix != NULL ? VD_OK : VD_E_NOMEM;
}

/* ---- Logs ---- */

static int fix_logs(const struct vd_api *api, json_t **fix)
{
    char resource[VD_RESOURCE_ID_SIZE];
    char path[VD_RESOURCE_ID_SIZE + 128];

    vd_resource_hub_id(&api->scope, resource);
    snprintf(path, sizeof path,
        "%s/providers/Microsoft.Insights/diagnosticSettings/vedette-all-logs"
        "?api-version=2021-05-01-preview",
        resource);
    *fix = fix_json("Makes a diagnostic setting that writes all categories of the hub's logs to a "
                    "file in diagnostics.folder on this machine. Having them on another machine is "
                    "then still to be done.",
        path,
        json_pack("{s:{s:s, s:[{s:s, s:b}]}}", "properties", "storageAccountId", "file", "logs",
            "categoryGroup", "allLogs", "enabled", 1),
        "Have the files in diagnostics.folder shipped to another machine.");
    return *fix != NULL ? VD_OK : VD_E_NOMEM;
}

int vd_api_recommendation_fix(const struct vd_api *api, const char *type, json_t **fix)
{
    if (strcmp(type, "IoT_IPFilter_DenyAll") == 0) {
        return fix_filter(api, fix);
    }
    if (strcmp(type, "IoT_DiagnosticLogs") == 0) {
        return fix_logs(api, fix);
    }
    *fix = json_null();
    return VD_OK;
}
