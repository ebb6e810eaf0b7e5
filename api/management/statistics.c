/* SPDX-License-Identifier: MIT */
/* Numbers of the hub: devices, messages, what it may be, how its endpoint is. */

#include "api/management/hub.h"

/* The largest number that every client reads exactly: there is no limit. */
#define NO_LIMIT 9007199254740991LL

struct counts {
    uint64_t devices;
    uint64_t enabled;
    uint64_t disabled;
};

/* False: answered. */
static bool count(
    struct vd_management *management, struct counts *counts, struct vd_http_answer *answer)
{
    const int error = vd_registry_count(
        management->config.registry, &counts->devices, &counts->enabled, &counts->disabled);

    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the statistics");
    }
    return error == VD_OK;
}

void vd_management_stats(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct counts counts = {0};

    (void)args;
    if (count(management, &counts, answer)) {
        vd_management_reply(answer, 200,
            json_pack("{s:I, s:I, s:I}", "totalDeviceCount", (json_int_t)counts.devices,
                "enabledDeviceCount", (json_int_t)counts.enabled, "disabledDeviceCount",
                (json_int_t)counts.disabled));
    }
}

void vd_management_quota_metrics(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_hub_stats stats = {0};
    struct counts counts = {0};

    (void)args;
    if (!count(management, &counts, answer)) {
        return;
    }
    if (management->config.hub != NULL) {
        vd_hub_stats_get(management->config.hub, &stats);
    }
    vd_management_reply(answer, 200,
        json_pack("{s:[{s:s, s:I, s:I}, {s:s, s:I, s:I}]}", "value", "name", "TotalMessages",
            "currentValue", (json_int_t)(stats.messages_telemetry + stats.messages_security),
            "maxValue", (json_int_t)NO_LIMIT, "name", "TotalDeviceCount", "currentValue",
            (json_int_t)counts.devices, "maxValue", (json_int_t)NO_LIMIT));
}

void vd_management_usages(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    char id[VD_RESOURCE_ID_SIZE];

    (void)management;
    snprintf(id, sizeof id, "/subscriptions/%s/providers/Microsoft.Devices/usages/IotHubs",
        args->subscription);
    vd_management_reply(answer, 200,
        json_pack("{s:[{s:s, s:s, s:s, s:i, s:i, s:{s:s, s:s}}]}", "value", "id", id, "type",
            "Microsoft.Devices/usages", "unit", "Count", "currentValue", 1, "limit", 1, "name",
            "value", "IotHubs", "localizedValue", "IoT hubs"));
}

static json_t *sku_json(const char *name, const char *tier)
{
    const bool is_free = strcmp(tier, "Free") == 0;

    return json_pack("{s:s, s:{s:s, s:s}, s:{s:i, s:i, s:i, s:s}}", "resourceType",
        "Microsoft.Devices/IotHubs", "sku", "name", name, "tier", tier, "capacity", "minimum", 1,
        "maximum", is_free ? 1 : VD_HUB_SKU_CAPACITY_MAX, "default", 1, "scaleType",
        is_free ? "None" : "Manual");
}

void vd_management_skus(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    static const char *const skus[][2] = {
#define VD_HUB_SKU_ROW(name, tier) {name, tier},
        VD_HUB_SKUS(VD_HUB_SKU_ROW)
#undef VD_HUB_SKU_ROW
    };
    json_t *list = json_array();

    (void)management;
    (void)args;
    for (size_t i = 0; i < sizeof skus / sizeof skus[0]; i++) {
        if (json_array_append_new(list, sku_json(skus[i][0], skus[i][1])) != 0) {
            json_decref(list);
            vd_management_fail_error(answer, VD_E_NOMEM, "the list");
            return;
        }
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", list));
}

void vd_management_endpoints_health(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_hub_stats stats = {0};
    const char *status = "unknown";

    (void)args;
    if (management->config.hub != NULL) {
        vd_hub_stats_get(management->config.hub, &stats);
        status = stats.log_unwritable != 0 ? "unhealthy" : "healthy";
    }
    vd_management_reply(answer, 200,
        json_pack("{s:[{s:s, s:s}]}", "value", "endpointId", "events", "healthStatus", status));
}

void vd_management_jobs(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    (void)management;
    (void)args;
    vd_management_reply(answer, 200, json_pack("{s:[]}", "value"));
}
