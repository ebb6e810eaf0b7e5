/* SPDX-License-Identifier: MIT */
/* Device security groups: their rules, the devices that they cover now, and how the rules would have done. */

#include "center/store/groups.h"
#include "api/handlers.h"
#include "center/backtest.h"
#include "center/store/inventory.h"
#include "lib/clock.h"

#define DAY_S (VD_DAY_MS / 1000)

/* ---- Which devices ---- */

struct covering {
    json_t *counts; /* of the group's name; NULL: not wanted */
    const char *group;
    json_t *devices; /* of that group, bounded; NULL: not wanted */
    json_int_t limit;
};

static bool cover(void *context, const struct vd_fleet_device *device)
{
    struct covering *covering = context;

    if (covering->counts != NULL) {
        json_object_set_new(covering->counts, device->group,
            json_integer(json_integer_value(json_object_get(covering->counts, device->group)) + 1));
    }
    if (covering->devices != NULL && strcmp(device->group, covering->group) == 0 &&
        (json_int_t)json_array_size(covering->devices) < covering->limit) {
        json_array_append_new(covering->devices,
            json_pack("{s:s, s:b, s:b, s:b}", "deviceId", device->device_id, "isEnabled",
                device->is_enabled, "hasSecurityModule", device->has_security_module, "hasGroupTag",
                device->has_group_tag));
    }
    return true;
}

static bool add_count(void *context, const char *group, int64_t devices)
{
    return json_object_set_new(context, group, json_integer((json_int_t)devices)) == 0;
}

/* Where a center runs it has counted them; where none does, what it kept may be of another day. */
static int count_devices(const struct vd_api *api, json_t *counts)
{
    struct covering covering = {.counts = counts};

    return api->center != NULL ? vd_inventory_groups(api->alerts, add_count, counts)
                               : vd_fleet_each(api->fleet, cover, &covering);
}

/* ---- Answers ---- */

static json_t *group_json(const json_t *group, const json_t *counts)
{
    const char *name = json_string_value(json_object_get(group, "name"));
    const json_t *count = json_object_get(counts, name);

    return json_pack("{s:s, s:o, s:I}", "name", name, "properties",
        vd_group_rules_document(json_object_get(group, "properties")), "deviceCount",
        json_integer_value(count));
}

void vd_api_group_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *counts = json_object();
    json_t *list = json_array();
    json_t *groups = NULL;
    int error = vd_groups_list(api->alerts, args->id, &groups);

    if (error == VD_OK) {
        error = count_devices(api, counts);
    }
    for (size_t i = 0; error == VD_OK && i < json_array_size(groups); i++) {
        json_array_append_new(list, group_json(json_array_get(groups, i), counts));
    }
    json_decref(groups);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the list of groups");
        json_decref(list);
        json_decref(counts);
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o, s:o}", "groups", list, "deviceCounts", counts));
}

void vd_api_group_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct covering covering = {.group = args->id, .devices = json_array(), .limit = 1000};
    json_t *groups = NULL;
    json_t *counts = json_object();
    json_t *body = NULL;
    int error = vd_groups_list(api->alerts, args->id, &groups);

    if (error == VD_OK && json_array_size(groups) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        covering.group = json_string_value(json_object_get(json_array_get(groups, 0), "name"));
        covering.counts = counts;
        error = vd_fleet_each(api->fleet, cover, &covering);
    }
    if (error == VD_OK) {
        body = group_json(json_array_get(groups, 0), counts);
        json_object_set(body, "devices", covering.devices);
        vd_api_reply(answer, 200, body);
    } else {
        vd_api_fail_error(answer, error, args->id);
    }
    json_decref(covering.devices);
    json_decref(counts);
    json_decref(groups);
}

void vd_api_group_put(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    json_t *groups = NULL;
    char problem[256] = "";
    bool is_new = false;
    int error;

    if (body == NULL) {
        return;
    }
    error = vd_groups_put(api->alerts, args->id, body, vd_clock_utc_ms(), &is_new, problem);
    if (error == VD_OK) {
        error = vd_groups_list(api->alerts, args->id, &groups); /* as it is written */
    }
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidRule", "%s", problem);
    } else if (error == VD_E_LIMIT) {
        vd_api_fail(answer, 409, "TooManyGroups", "there are %d groups already", VD_GROUPS_MAX);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else {
        const json_t *name = json_object_get(json_array_get(groups, 0), "name");

        vd_api_reply(answer, is_new ? 201 : 200,
            json_pack("{s:s, s:o}", "name", name != NULL ? json_string_value(name) : args->id,
                "properties", vd_group_rules_document(body)));
    }
    json_decref(groups);
    json_decref(body);
}

void vd_api_group_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int error = vd_groups_remove(api->alerts, args->id);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 204, NULL);
}

/* ---- Backtest ---- */

void vd_api_group_test(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_backtest backtest = {
        .analytics = api->analytics,
        .store = api->alerts,
        .fleet = api->fleet,
        .detection = api->detection,
        .group = args->id,
        .to_ms = vd_clock_utc_ms(),
        .is_unwanted = args->is_gone,
        .token = args->caller->token,
    };
    json_t *body = vd_api_body_object(args, answer);
    json_t *result = NULL;
    char problem[400] = "";
    int64_t seconds = 0;
    int error;

    if (body == NULL) {
        return;
    }
    if (!vd_api_param_number(
            args, "seconds", VD_BACKTEST_HISTORY_MAX_MS / 1000, DAY_S, &seconds, answer)) {
        json_decref(body);
        return;
    }
    backtest.from_ms = backtest.to_ms - seconds * 1000;
    backtest.properties = body;
    error = vd_backtest_run(&backtest, &result, problem);
    json_decref(body);
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidRule", "%s", problem);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the backtest");
    } else {
        vd_api_reply(answer, 200, result);
    }
}
