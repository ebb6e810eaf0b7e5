/* SPDX-License-Identifier: MIT */
/* Puts a device into a security group: by the tag of its security module's twin, which is made where it is missing. */

#include "api/handlers.h"
#include "api/twins.h"
#include "lib/fleet.h"
#include "lib/secret.h"

#define KEY_BYTES 32

static int random_key(struct vd_key *key)
{
    key->length = KEY_BYTES;
    return vd_secret_random(key->bytes, KEY_BYTES);
}

/* The module's identity, with keys of its own. */
static int make_module(struct vd_registry *registry, const char *device_id)
{
    struct vd_identity identity = {.enabled = true};
    int error = vd_registry_get(registry, device_id, VD_SECURITY_MODULE_ID, &identity);

    if (error == VD_E_NOT_FOUND) {
        identity = (struct vd_identity){.enabled = true};
        error = vd_text_copy(device_id, identity.device_id, sizeof identity.device_id);
        memcpy(identity.module_id, VD_SECURITY_MODULE_ID, sizeof VD_SECURITY_MODULE_ID);
        error = error == VD_OK ? random_key(&identity.primary_key) : error;
        error = error == VD_OK ? random_key(&identity.secondary_key) : error;
        error = error == VD_OK ? vd_registry_create(registry, &identity) : error;
    }
    vd_secret_wipe(&identity, sizeof identity);
    return error;
}

static int set_tag(const struct vd_api *api, const char *device_id, const char *group)
{
    const struct vd_twins twins = {api->registry, api->state, api->bus};
    json_t *patch = json_pack("{s:{s:s?}}", "tags", VD_TAG_SECURITY_GROUP, group);
    char *text = json_dumps(patch, JSON_COMPACT);
    struct vd_twins_change change = {
        .device_id = device_id, .module_id = VD_SECURITY_MODULE_ID, .how = VD_TWIN_PATCH};
    struct vd_twin_problem problem = {0};
    json_t *twin = NULL;
    int error = VD_E_NOMEM;

    if (text != NULL) {
        change.body = vd_str_from(text);
        error = vd_twins_update(&twins, &change, &twin, &problem);
    }
    json_decref(twin);
    json_decref(patch);
    free(text);
    return error;
}

void vd_api_device_group(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    const json_t *group = json_object_get(body, "group");
    struct vd_identity device = {0};
    int error;

    if (body == NULL) {
        return;
    }
    if ((!json_is_string(group) && !json_is_null(group)) ||
        (json_is_string(group) &&
            (json_string_length(group) == 0 || json_string_length(group) > VD_FLEET_GROUP_MAX))) {
        vd_api_fail(answer, 400, "InvalidGroup",
            "group is to be a name of 1 to %d bytes, or null for the group of those without",
            VD_FLEET_GROUP_MAX);
        json_decref(body);
        return;
    }
    error = vd_registry_get(api->registry, args->id, "", &device);
    vd_secret_wipe(&device, sizeof device);
    error = error == VD_OK ? make_module(api->registry, args->id) : error;
    error = error == VD_OK ? set_tag(api, args->id, json_string_value(group)) : error;
    json_decref(body);
    if (error == VD_OK) {
        struct vd_fleet_device now;

        error = vd_fleet_get(api->fleet, args->id, &now);
        if (error == VD_OK) {
            vd_api_reply(answer, 200,
                json_pack("{s:s, s:s}", "deviceId", now.device_id, "group", now.group));
            return;
        }
    }
    vd_api_fail_error(answer, error, args->id);
}
