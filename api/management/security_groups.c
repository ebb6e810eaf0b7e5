/* SPDX-License-Identifier: MIT */
/* Device security groups in the form that @azure/arm-security knows. */

#include "api/management/internal.h"
#include "center/store/groups.h"
#include "lib/clock.h"

#define TYPE "Microsoft.Security/deviceSecurityGroups"

static json_t *group_json(
    const struct vd_management_args *args, const char *name, const json_t *properties)
{
    char hub[VD_RESOURCE_ID_SIZE];

    vd_management_hub_id(args, hub);
    return json_pack("{s:s++, s:s, s:s, s:o}", "id", hub, "/providers/" TYPE "/", name, "name",
        name, "type", TYPE, "properties", vd_group_rules_document(properties));
}

static json_t *stored_json(const struct vd_management_args *args, const json_t *group)
{
    return group_json(args, json_string_value(json_object_get(group, "name")),
        json_object_get(group, "properties"));
}

void vd_management_group_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *groups = NULL;
    json_t *list = json_array();
    int error = vd_groups_list(management->config.alerts, NULL, &groups);

    for (size_t i = 0; error == VD_OK && i < json_array_size(groups); i++) {
        if (json_array_append_new(list, stored_json(args, json_array_get(groups, i))) != 0) {
            error = VD_E_NOMEM;
        }
    }
    json_decref(groups);
    if (error != VD_OK) {
        json_decref(list);
        vd_management_fail_error(answer, error, "the device security groups");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", list));
}

void vd_management_group_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *groups = NULL;
    int error = vd_groups_list(management->config.alerts, args->names[0], &groups);

    if (error == VD_OK && json_array_size(groups) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        vd_management_reply(answer, 200, stored_json(args, json_array_get(groups, 0)));
    } else {
        vd_management_fail_error(answer, error, args->names[0]);
    }
    json_decref(groups);
}

void vd_management_group_put(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const json_t *properties = json_object_get(body, "properties");
    json_t *groups = NULL;
    char problem[256] = "";
    bool is_new = false;
    int error;

    if (body == NULL) {
        return;
    }
    error = vd_groups_put(
        management->config.alerts, args->names[0], properties, vd_clock_utc_ms(), &is_new, problem);
    if (error == VD_OK) {
        error = vd_groups_list(management->config.alerts, args->names[0], &groups);
    }
    if (error == VD_E_INVALID) {
        vd_management_fail(answer, 400, "BadRequest", "properties", "%s", problem);
    } else if (error == VD_E_LIMIT) {
        vd_management_fail(
            answer, 409, "Conflict", NULL, "a hub has at most %d groups", VD_GROUPS_MAX);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        const json_t *name = json_object_get(json_array_get(groups, 0), "name");

        vd_management_reply(answer, is_new ? 201 : 200,
            group_json(args, name != NULL ? json_string_value(name) : args->names[0], properties));
    }
    json_decref(groups);
    json_decref(body);
}

void vd_management_group_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    int error = vd_groups_remove(management->config.alerts, args->names[0]);

    if (error == VD_E_NOT_FOUND) {
        snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, VD_EVENT_NOTHING_THERE);
        vd_management_reply(answer, 204, NULL);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        answer->status = 200;
    }
}
