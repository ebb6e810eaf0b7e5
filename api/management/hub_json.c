/* SPDX-License-Identifier: MIT */
/* The hub as the management API shows it. */

#include <assert.h>

#include "api/management/hub.h"

/* What nobody can change here: what the hub does, and the defaults of old for what it does not offer. */
static const char fixed_properties[] =
    "{\"provisioningState\":\"Succeeded\",\"state\":\"Active\",\"publicNetworkAccess\":\"Enabled\","
    "\"disableLocalAuth\":false,\"disableDeviceSAS\":false,\"disableModuleSAS\":false,"
    "\"minTlsVersion\":\"1.2\","
    "\"routing\":{\"endpoints\":{\"serviceBusQueues\":[],\"serviceBusTopics\":[],\"eventHubs\":[],"
    "\"storageContainers\":[]},\"routes\":[],\"fallbackRoute\":{\"name\":\"$fallback\","
    "\"source\":\"DeviceMessages\",\"condition\":\"true\",\"endpointNames\":[\"events\"],"
    "\"isEnabled\":true}},"
    "\"storageEndpoints\":{\"$default\":{\"sasTtlAsIso8601\":\"PT1H\",\"connectionString\":\"\","
    "\"containerName\":\"\"}},"
    "\"messagingEndpoints\":{\"fileNotifications\":{\"lockDurationAsIso8601\":\"PT1M\","
    "\"ttlAsIso8601\":\"PT1H\",\"maxDeliveryCount\":10}},"
    "\"enableFileUploadNotifications\":false,"
    "\"cloudToDevice\":{\"maxDeliveryCount\":10,\"defaultTtlAsIso8601\":\"PT1H\","
    "\"feedback\":{\"lockDurationAsIso8601\":\"PT1M\",\"ttlAsIso8601\":\"PT1H\","
    "\"maxDeliveryCount\":10}},"
    "\"features\":\"None\"}";

static_assert(VD_HUB_C2D_DELIVERIES_MAX == 10 && VD_HUB_C2D_TTL_DEFAULT_MS == 3600 * 1000,
    "cloudToDevice above says so");

const char *vd_management_sku_tier(const char *name)
{
    static const char *const skus[][2] = {
#define VD_HUB_SKU_ROW(name, tier) {name, tier},
        VD_HUB_SKUS(VD_HUB_SKU_ROW)
#undef VD_HUB_SKU_ROW
    };

    for (size_t i = 0; i < sizeof skus / sizeof skus[0]; i++) {
        if (strcmp(skus[i][0], name) == 0) {
            return skus[i][1];
        }
    }
    return NULL;
}

/* ---- Labels, with what stands for those that nobody has set ---- */

static const char *location_of(const struct vd_hub_resource *resource)
{
    const char *location = json_string_value(json_object_get(resource->labels, "location"));

    return location != NULL ? location : "local";
}

static json_t *sku_json(const struct vd_hub_resource *resource)
{
    const json_t *sku = json_object_get(resource->labels, "sku");
    const char *name = json_string_value(json_object_get(sku, "name"));
    const json_int_t capacity = json_integer_value(json_object_get(sku, "capacity"));
    const char *tier = name != NULL ? vd_management_sku_tier(name) : NULL;

    if (tier == NULL) {
        return json_pack("{s:s, s:s, s:i}", "name", "S1", "tier", "Standard", "capacity", 1);
    }
    return json_pack("{s:s, s:s, s:I}", "name", name, "tier", tier, "capacity", capacity);
}

/* `events` of eventHubEndpoints: there is no such endpoint, its numbers are labels. */
static json_t *events_json(const struct vd_hub_resource *resource, const char *path)
{
    const json_t *events = json_object_get(resource->labels, "events");
    const json_t *days = json_object_get(events, "retentionTimeInDays");
    const json_t *count = json_object_get(events, "partitionCount");
    const json_int_t partitions = json_is_integer(count) ? json_integer_value(count) : 4;
    json_t *ids = json_array();

    for (json_int_t i = 0; i < partitions; i++) {
        char id[24];

        snprintf(id, sizeof id, "%lld", (long long)i);
        (void)json_array_append_new(ids, json_string(id));
    }
    return json_pack("{s:I, s:I, s:o, s:s}", "retentionTimeInDays",
        json_is_integer(days) ? json_integer_value(days) : 1, "partitionCount", partitions,
        "partitionIds", ids, "path", path);
}

/* NULL: nobody has changed the hub here. */
static json_t *system_data_json(const struct vd_hub_resource *resource)
{
    json_t *by = json_object_get(resource->labels, "lastModifiedBy");
    json_t *at = json_object_get(resource->labels, "lastModifiedAt");

    return by == NULL ? NULL
                      : json_pack("{s:O, s:s, s:O}", "lastModifiedBy", by, "lastModifiedByType",
                            "Application", "lastModifiedAt", at);
}

/* ---- The IP filter ---- */

/* A list of rules with every member, each as it is or by default. */
static json_t *rules_json(const json_t *list)
{
    json_t *rules = json_array();
    size_t i;
    json_t *rule;

    json_array_foreach(list, i, rule)
    {
        json_t *action = json_object_get(rule, "action");

        (void)json_array_append_new(rules,
            json_pack("{s:O, s:o, s:O}", "filterName", json_object_get(rule, "filterName"),
                "action", action != NULL ? json_incref(action) : json_string("Allow"), "ipMask",
                json_object_get(rule, "ipMask")));
    }
    return rules;
}

static json_t *network_rule_sets_json(const json_t *sets)
{
    json_t *action = json_object_get(sets, "defaultAction");

    return json_pack("{s:o, s:b, s:o}", "defaultAction",
        action != NULL ? json_incref(action) : json_string("Deny"),
        "applyToBuiltInEventHubEndpoint",
        json_is_true(json_object_get(sets, "applyToBuiltInEventHubEndpoint")) ? 1 : 0, "ipRules",
        rules_json(json_object_get(sets, "ipRules")));
}

/* ---- The hub ---- */

static json_t *properties_json(const struct vd_management *management, const char *hub_name,
    const struct vd_hub_resource *resource)
{
    const json_t *sets = json_object_get(resource->filter, "networkRuleSets");
    json_t *comments = json_object_get(resource->labels, "comments");
    json_t *properties = json_loads(fixed_properties, 0, NULL);
    bool good = properties != NULL &&
        json_object_set_new(properties, "hostName", json_string(management->config.host_name)) ==
            0 &&
        json_object_set_new(properties, "ipFilterRules",
            rules_json(json_object_get(resource->filter, "ipFilterRules"))) == 0 &&
        json_object_set_new(properties, "locations",
            json_pack("[{s:s, s:s}]", "location", location_of(resource), "role", "primary")) == 0 &&
        json_object_set_new(properties, "eventHubEndpoints",
            json_pack("{s:o}", "events", events_json(resource, hub_name))) == 0;

    if (good && json_is_object(sets)) {
        good =
            json_object_set_new(properties, "networkRuleSets", network_rule_sets_json(sets)) == 0;
    }
    if (good && comments != NULL) {
        good = json_object_set(properties, "comments", comments) == 0;
    }
    if (!good) {
        json_decref(properties);
        return NULL;
    }
    return properties;
}

json_t *vd_management_hub_json(const struct vd_management *management,
    const struct vd_management_args *args, const struct vd_hub_resource *resource)
{
    const struct vd_resource_scope *scope = &management->config.scope;
    const struct vd_management_args named = {
        .subscription = args->subscription != NULL ? args->subscription : scope->subscription,
        .resource_group =
            args->resource_group != NULL ? args->resource_group : scope->resource_group,
        .hub = args->hub != NULL ? args->hub : scope->hub,
    };
    json_t *tags = json_object_get(resource->labels, "tags");
    char id[VD_RESOURCE_ID_SIZE];
    char etag[VD_HUB_ETAG_SIZE];

    vd_management_hub_id(&named, id);
    vd_hub_resource_etag(resource, etag);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:{s:s}, s:o*, s:o}", "id", id, "name",
        named.hub, "type", "Microsoft.Devices/IotHubs", "location", location_of(resource), "tags",
        tags != NULL ? json_incref(tags) : json_object(), "etag", etag, "sku", sku_json(resource),
        "identity", "type", "None", "systemData", system_data_json(resource), "properties",
        properties_json(management, named.hub, resource));
}
