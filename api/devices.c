/* SPDX-License-Identifier: MIT */
/* Devices: list, create, show, delete. */

#include "api/handlers.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"
#include "lib/uuid.h"

/* Bytes of the keys that we make. */
#define KEY_MADE_BYTES 32

#define KEY_TEXT_SIZE (VD_BASE64_LENGTH(VD_KEY_MAX_BYTES) + 1)

#define LIST_MAX 100000

static bool is_connected(const struct vd_api *api, const char *device_id)
{
    return api->bus != NULL && api->bus->ops->is_connected(api->bus, device_id, NULL);
}

static json_t *device_json(const struct vd_api *api, const struct vd_identity *identity)
{
    char created[VD_TIME_TEXT_SIZE];

    vd_time_format(identity->created_ms, created);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "deviceId", identity->device_id, "generationId",
        identity->generation_id, "status", identity->enabled ? "enabled" : "disabled",
        "connectionState", is_connected(api, identity->device_id) ? "Connected" : "Disconnected",
        "createdTime", created);
}

/* Adds keys and connection string; steals nothing. */
static json_t *device_json_with_keys(const struct vd_api *api, const struct vd_identity *identity)
{
    char primary[KEY_TEXT_SIZE];
    char secondary[KEY_TEXT_SIZE];
    char connection[512];
    json_t *keys;
    json_t *json;

    if (vd_base64_encode(identity->primary_key.bytes, identity->primary_key.length, primary,
            sizeof primary) != VD_OK ||
        vd_base64_encode(identity->secondary_key.bytes, identity->secondary_key.length, secondary,
            sizeof secondary) != VD_OK) {
        return NULL;
    }
    snprintf(connection, sizeof connection, "HostName=%s;DeviceId=%s;SharedAccessKey=%s",
        api->host_name, identity->device_id, primary);
    json = device_json(api, identity);
    keys =
        json_pack("{s:{s:s, s:{s:s, s:s}}, s:s}", "authentication", "type", "sas", "symmetricKey",
            "primaryKey", primary, "secondaryKey", secondary, "connectionString", connection);
    if (json != NULL && (keys == NULL || json_object_update(json, keys) != 0)) {
        json_decref(json);
        json = NULL;
    }
    json_decref(keys);
    vd_secret_wipe(connection, sizeof connection);
    vd_secret_wipe(primary, sizeof primary);
    vd_secret_wipe(secondary, sizeof secondary);
    return json;
}

struct listing {
    const struct vd_api *api;
    json_t *devices;
    bool truncated;
    bool failed;
};

static bool list_one(void *context, const struct vd_identity *identity)
{
    struct listing *listing = context;

    if (identity->module_id[0] != '\0') {
        return true;
    }
    if (json_array_size(listing->devices) >= LIST_MAX) {
        listing->truncated = true;
        return false;
    }
    listing->failed =
        json_array_append_new(listing->devices, device_json(listing->api, identity)) != 0;
    return !listing->failed;
}

void vd_api_device_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct listing listing = {api, json_array(), false, false};
    int error = vd_registry_list(api->registry, NULL, NULL, list_one, &listing);

    (void)args;
    if (error != VD_OK || listing.failed) {
        json_decref(listing.devices);
        vd_api_fail_error(answer, error != VD_OK ? error : VD_E_NOMEM, "the list of devices");
        return;
    }
    vd_api_reply(answer, 200,
        json_pack("{s:o, s:b}", "devices", listing.devices, "truncated", (int)listing.truncated));
}

/* Takes the key from the body, or makes one if it is absent. False (answer set) if it is no key. */
static bool key_from_body(
    const json_t *body, const char *name, struct vd_key *key, struct vd_api_answer *answer)
{
    const json_t *value = json_object_get(body, name);
    struct vd_str text = {json_string_value(value), json_string_length(value)};
    size_t length = 0;

    if (value == NULL) {
        key->length = KEY_MADE_BYTES;
        if (vd_secret_random(key->bytes, KEY_MADE_BYTES) != VD_OK) {
            vd_api_fail_error(answer, VD_E_IO, "the random source");
            return false;
        }
        return true;
    }
    if (text.data == NULL ||
        vd_base64_decode(text, key->bytes, sizeof key->bytes, &length) != VD_OK ||
        length < VD_KEY_MIN_BYTES) {
        vd_api_fail(answer, 400, "InvalidKey", "%s is to be base64 of %d to %d bytes", name,
            VD_KEY_MIN_BYTES, VD_KEY_MAX_BYTES);
        return false;
    }
    key->length = (uint8_t)length;
    return true;
}

/* False (answer set) if the body does not describe a device. */
static bool identity_from_body(
    const json_t *body, struct vd_identity *identity, struct vd_api_answer *answer)
{
    static const char *const known[] = {"deviceId", "primaryKey", "secondaryKey"};
    const json_t *id = json_object_get(body, "deviceId");
    const char *name;
    json_t *value;
    size_t found = 0;

    json_object_foreach((json_t *)body, name, value)
    {
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            found += strcmp(name, known[i]) == 0 ? 1 : 0;
        }
    }
    if (found != json_object_size(body)) {
        vd_api_fail(
            answer, 400, "InvalidBody", "known members are deviceId, primaryKey and secondaryKey");
        return false;
    }
    if (!json_is_string(id) ||
        !vd_device_id_is_valid(json_string_value(id), json_string_length(id)) ||
        vd_text_copy(json_string_value(id), identity->device_id, sizeof identity->device_id) !=
            VD_OK) {
        vd_api_fail(answer, 400, "InvalidDeviceId",
            "deviceId is to be 1 to %d letters, digits and - . + %% _ # * ? ! ( ) , : = @ $ '",
            VD_ID_MAX);
        return false;
    }
    identity->enabled = true;
    return key_from_body(body, "primaryKey", &identity->primary_key, answer) &&
        key_from_body(body, "secondaryKey", &identity->secondary_key, answer);
}

void vd_api_device_create(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_identity identity = {0};
    json_t *body = vd_api_body_object(args, answer);
    int error;

    if (body == NULL) {
        return;
    }
    if (identity_from_body(body, &identity, answer)) {
        error = vd_registry_create(api->registry, &identity);
        if (error == VD_OK) {
            vd_log(VD_LOG_INFO, "registry.device_created", "device=%s", identity.device_id);
            vd_api_reply(answer, 201, device_json_with_keys(api, &identity));
        } else {
            vd_api_fail_error(answer, error, identity.device_id);
        }
    }
    vd_secret_wipe(&identity, sizeof identity);
    json_decref(body);
}

void vd_api_device_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_identity identity = {0};
    int error = vd_registry_get(api->registry, args->id, "", &identity);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 200, device_json_with_keys(api, &identity));
    vd_secret_wipe(&identity, sizeof identity);
}

void vd_api_device_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int error = vd_registry_remove(api->registry, args->id, "", 0);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    /* After the removal: a device that is thrown out first would be back before its identity is gone. */
    if (api->bus != NULL) {
        api->bus->ops->disconnect(api->bus, args->id, NULL);
    }
    vd_log(VD_LOG_INFO, "registry.device_deleted", "device=%s", args->id);
    vd_api_reply(answer, 204, NULL);
}
