/* SPDX-License-Identifier: MIT */
/* Devices: list, create, show, change, delete. */

#include "api/commands.h"
#include "api/handlers.h"
#include "api/identity_change.h"
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
    const char *reason = identity->status_reason;
    char created[VD_TIME_TEXT_SIZE];
    char updated[VD_TIME_TEXT_SIZE];
    char etag[VD_IDENTITY_ETAG_SIZE];

    vd_time_format(identity->created_ms, created);
    vd_time_format(identity->status_updated_ms, updated);
    vd_identity_etag(identity, etag);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s, s:s, s:s}", "deviceId", identity->device_id,
        "generationId", identity->generation_id, "etag", etag, "status",
        identity->enabled ? "enabled" : "disabled", "statusReason",
        reason[0] != '\0' ? reason : NULL, "statusUpdatedTime", updated, "connectionState",
        is_connected(api, identity->device_id) ? "Connected" : "Disconnected", "createdTime",
        created);
}

static json_t *keys_json(const struct vd_identity *identity)
{
    char primary[KEY_TEXT_SIZE];
    char secondary[KEY_TEXT_SIZE];
    json_t *json = NULL;

    if (vd_base64_encode(identity->primary_key.bytes, identity->primary_key.length, primary,
            sizeof primary) == VD_OK &&
        vd_base64_encode(identity->secondary_key.bytes, identity->secondary_key.length, secondary,
            sizeof secondary) == VD_OK) {
        json = json_pack("{s:s, s:{s:s, s:s}}", "type", vd_auth_type_name(identity->auth_type),
            "symmetricKey", "primaryKey", primary, "secondaryKey", secondary);
    }
    vd_secret_wipe(primary, sizeof primary);
    vd_secret_wipe(secondary, sizeof secondary);
    return json;
}

static json_t *authentication_json(const struct vd_identity *identity)
{
    switch (identity->auth_type) {
    case VD_AUTH_THUMBPRINT:
        return json_pack("{s:s, s:{s:s, s:s}}", "type", vd_auth_type_name(identity->auth_type),
            "x509Thumbprint", "primaryThumbprint", identity->thumbprints[0], "secondaryThumbprint",
            identity->thumbprints[1]);
    case VD_AUTH_CA:
        return json_pack("{s:s}", "type", vd_auth_type_name(identity->auth_type));
    case VD_AUTH_SAS:
        break;
    }
    return keys_json(identity);
}

/* NULL where the device has no key: there is nothing to put into one. */
static json_t *connection_string_json(const struct vd_api *api, const struct vd_identity *identity)
{
    char primary[KEY_TEXT_SIZE];
    char connection[512];
    json_t *json = NULL;

    if (vd_base64_encode(identity->primary_key.bytes, identity->primary_key.length, primary,
            sizeof primary) == VD_OK) {
        snprintf(connection, sizeof connection, "HostName=%s;DeviceId=%s;SharedAccessKey=%s",
            api->host_name, identity->device_id, primary);
        json = json_string(connection);
    }
    vd_secret_wipe(connection, sizeof connection);
    vd_secret_wipe(primary, sizeof primary);
    return json;
}

/* Adds credentials, and the connection string of a device with keys. */
static json_t *device_json_with_keys(const struct vd_api *api, const struct vd_identity *identity)
{
    json_t *json = device_json(api, identity);

    if (json == NULL ||
        json_object_set_new(json, "authentication", authentication_json(identity)) != 0 ||
        (identity->auth_type == VD_AUTH_SAS &&
            json_object_set_new(json, "connectionString", connection_string_json(api, identity)) !=
                0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* For who may not read keys: how the device proves itself, and not with what. */
static json_t *device_json_without_keys(
    const struct vd_api *api, const struct vd_identity *identity)
{
    json_t *json = device_json(api, identity);

    if (json == NULL ||
        json_object_set_new(json, "authentication",
            json_pack("{s:s}", "type", vd_auth_type_name(identity->auth_type))) != 0) {
        json_decref(json);
        return NULL;
    }
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

/* Takes the key from the body. If it is absent, the one that is there stays, or one is made. False (answer set) if it is no key. */
static bool key_from_body(
    const json_t *body, const char *name, struct vd_key *key, struct vd_api_answer *answer)
{
    const json_t *value = json_object_get(body, name);
    struct vd_str text = {json_string_value(value), json_string_length(value)};
    size_t length = 0;

    if (value == NULL && key->length > 0) {
        return true;
    }
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

/* Takes the thumbprint from the body ("": none); if it is absent, what is there stays. False (answer set) if it is none. */
static bool thumbprint_from_body(const json_t *body, const char *name, char out[VD_THUMBPRINT_SIZE],
    struct vd_api_answer *answer)
{
    const json_t *value = json_object_get(body, name);
    struct vd_str text = {json_string_value(value), json_string_length(value)};

    if (json_is_string(value) && text.length == 0) {
        out[0] = '\0';
        return true;
    }
    if (value != NULL && (text.data == NULL || !vd_thumbprint_parse(text, out))) {
        vd_api_fail(answer, 400, "InvalidThumbprint",
            "%s is to be the SHA-1 or SHA-256 of a certificate: 40 or 64 hex digits", name);
        return false;
    }
    return true;
}

/* Takes type and credentials from the body. False (answer set) if they do not go together. */
static bool credentials_from_body(
    const json_t *body, struct vd_identity *identity, struct vd_api_answer *answer)
{
    const json_t *type = json_object_get(body, "authenticationType");
    struct vd_str name = {json_string_value(type), json_string_length(type)};
    bool keys = json_object_get(body, "primaryKey") != NULL ||
        json_object_get(body, "secondaryKey") != NULL;
    bool by_thumbprint;

    if (type != NULL && (name.data == NULL || !vd_auth_type_parse(name, &identity->auth_type))) {
        vd_api_fail(answer, 400, "InvalidAuthenticationType",
            "authenticationType is to be sas, selfSigned or certificateAuthority");
        return false;
    }
    if (!thumbprint_from_body(body, "primaryThumbprint", identity->thumbprints[0], answer) ||
        !thumbprint_from_body(body, "secondaryThumbprint", identity->thumbprints[1], answer)) {
        return false;
    }
    by_thumbprint = identity->thumbprints[0][0] != '\0' || identity->thumbprints[1][0] != '\0';
    if (by_thumbprint != (identity->auth_type == VD_AUTH_THUMBPRINT) ||
        (keys && identity->auth_type != VD_AUTH_SAS)) {
        vd_api_fail(answer, 400, "InvalidBody",
            "keys go with sas, one or two thumbprints with selfSigned, neither with "
            "certificateAuthority");
        return false;
    }
    return identity->auth_type != VD_AUTH_SAS ||
        (key_from_body(body, "primaryKey", &identity->primary_key, answer) &&
            key_from_body(body, "secondaryKey", &identity->secondary_key, answer));
}

/* False (answer set) if the body has members other than those. */
static bool has_only(
    const json_t *body, const char *const *known, size_t count, struct vd_api_answer *answer)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)body, name, value)
    {
        size_t i = 0;

        while (i < count && strcmp(name, known[i]) != 0) {
            i++;
        }
        if (i == count) {
            vd_api_fail(answer, 400, "InvalidBody", "%.64s is no member of this", name);
            return false;
        }
    }
    return true;
}

/* Takes what the body says of status and reason; false (answer set) if that is wrong. */
static bool status_from_body(
    const json_t *body, struct vd_identity *identity, struct vd_api_answer *answer)
{
    const json_t *status = json_object_get(body, "status");
    const json_t *reason = json_object_get(body, "statusReason");
    const char *text = json_string_value(status);
    bool enable = text != NULL && strcmp(text, "enabled") == 0;

    if (status != NULL && !enable && (text == NULL || strcmp(text, "disabled") != 0)) {
        vd_api_fail(answer, 400, "InvalidStatus", "status is to be enabled or disabled");
        return false;
    }
    if (reason != NULL &&
        (!json_is_string(reason) ||
            vd_str_copy((struct vd_str){json_string_value(reason), json_string_length(reason)},
                identity->status_reason, sizeof identity->status_reason) != VD_OK)) {
        vd_api_fail(answer, 400, "InvalidStatusReason",
            "statusReason is to be text of at most %d bytes", VD_STATUS_REASON_MAX);
        return false;
    }
    if (status != NULL && enable != identity->enabled) {
        if (enable && reason == NULL) {
            identity->status_reason[0] = '\0'; /* it was why the device was disabled */
        }
        identity->enabled = enable;
    }
    return true;
}

/* False (answer set) if the body does not describe a device. */
static bool identity_from_body(
    const json_t *body, struct vd_identity *identity, struct vd_api_answer *answer)
{
    static const char *const known[] = {"deviceId", "status", "statusReason", "authenticationType",
        "primaryKey", "secondaryKey", "primaryThumbprint", "secondaryThumbprint"};
    const json_t *id = json_object_get(body, "deviceId");

    if (!has_only(body, known, sizeof known / sizeof known[0], answer)) {
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
    return status_from_body(body, identity, answer) &&
        credentials_from_body(body, identity, answer);
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
            vd_log(
                VD_LOG_INFO, "registry.created", "device=\"%s\" module=\"\"", identity.device_id);
            vd_api_reply(answer, 201, device_json_with_keys(api, &identity));
        } else {
            vd_api_fail_error(answer, error, identity.device_id);
        }
    }
    vd_secret_wipe(&identity, sizeof identity);
    json_decref(body);
}

/* Adds how many messages wait; false (answer set) if that cannot be told. */
static bool add_waiting(const struct vd_api *api, json_t *device, struct vd_api_answer *answer)
{
    const struct vd_commands commands = {api->registry, api->state, api->bus, api->recorder};
    size_t count = 0;
    int error = vd_commands_count(
        &commands, json_string_value(json_object_get(device, "deviceId")), &count);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the messages that wait");
        return false;
    }
    return json_object_set_new(device, "messagesWaiting", json_integer((json_int_t)count)) == 0;
}

void vd_api_device_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_identity identity = {0};
    json_t *device;
    int error = vd_registry_get(api->registry, args->id, "", &identity);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    device = args->caller->role >= VD_ROLE_CONTRIBUTOR ? device_json_with_keys(api, &identity)
                                                       : device_json_without_keys(api, &identity);
    if (device != NULL && add_waiting(api, device, answer)) {
        vd_api_reply(answer, 200, device);
    } else {
        json_decref(device);
    }
    vd_secret_wipe(&identity, sizeof identity);
}

/* ---- Changing ---- */

/* Lets go of a key that is to be made anew; false (answer set) if that is said wrongly. */
static bool new_key_from_body(const json_t *body, const char *name, const char *key_name,
    struct vd_key *key, struct vd_api_answer *answer)
{
    const json_t *value = json_object_get(body, name);

    if (value != NULL &&
        (!json_is_boolean(value) ||
            (json_is_true(value) && json_object_get(body, key_name) != NULL))) {
        vd_api_fail(answer, 400, "InvalidBody", "%s is to be true or false, and not beside %s",
            name, key_name);
        return false;
    }
    if (json_is_true(value)) {
        vd_secret_wipe(key, sizeof *key);
    }
    return true;
}

/* Takes the changes from the body into what is stored; false (answer set) if they are wrong. */
static bool changes_from_body(
    const json_t *body, struct vd_identity *identity, struct vd_api_answer *answer)
{
    static const char *const known[] = {"status", "statusReason", "authenticationType",
        "primaryKey", "secondaryKey", "newPrimaryKey", "newSecondaryKey", "primaryThumbprint",
        "secondaryThumbprint"};
    const char *type = json_string_value(json_object_get(body, "authenticationType"));

    if (!has_only(body, known, sizeof known / sizeof known[0], answer) ||
        !status_from_body(body, identity, answer)) {
        return false;
    }
    if (type != NULL && strcmp(type, vd_auth_type_name(identity->auth_type)) != 0) {
        /* What it proved itself with is nothing to the new way. */
        vd_secret_wipe(&identity->primary_key, sizeof identity->primary_key);
        vd_secret_wipe(&identity->secondary_key, sizeof identity->secondary_key);
        identity->thumbprints[0][0] = '\0';
        identity->thumbprints[1][0] = '\0';
    }
    return new_key_from_body(body, "newPrimaryKey", "primaryKey", &identity->primary_key, answer) &&
        new_key_from_body(
            body, "newSecondaryKey", "secondaryKey", &identity->secondary_key, answer) &&
        credentials_from_body(body, identity, answer);
}

/* Members of a change that say something else than credentials. */
static bool is_of_status(const char *name)
{
    return strcmp(name, "status") == 0 || strcmp(name, "statusReason") == 0;
}

/* Credentials are the owner's to change; false: answered. */
static bool may_change(
    const struct vd_api_args *args, const json_t *body, struct vd_api_answer *answer)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)body, name, value)
    {
        if (!is_of_status(name) && !vd_api_allows(args, VD_ROLE_OWNER, answer)) {
            return false;
        }
    }
    return true;
}

/* False: answered. */
static bool etag_is(const struct vd_api_args *args, const struct vd_identity *identity,
    struct vd_api_answer *answer)
{
    const char *wanted = vd_api_param(args, "etag");
    char etag[VD_IDENTITY_ETAG_SIZE];

    vd_identity_etag(identity, etag);
    if (wanted != NULL && strcmp(wanted, etag) != 0) {
        vd_api_fail_error(answer, VD_E_CHANGED, identity->device_id);
        return false;
    }
    return true;
}

static void update(const struct vd_api *api, const struct vd_api_args *args, const json_t *body,
    struct vd_identity *before, struct vd_api_answer *answer)
{
    const struct vd_identities identities = {api->registry, api->bus, api->sweeper};
    struct vd_identity after = *before;
    int error;

    if (may_change(args, body, answer) && etag_is(args, before, answer) &&
        changes_from_body(body, &after, answer)) {
        /* Against what was read, whatever was asked for: what is kept must not undo another's change. */
        error = vd_identities_replace(&identities, before, &after);
        if (error == VD_OK) {
            vd_api_reply(answer, 200, device_json_with_keys(api, &after));
        } else {
            vd_api_fail_error(answer, error, args->id);
        }
    }
    vd_secret_wipe(&after, sizeof after);
}

void vd_api_device_update(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_identity before = {0};
    json_t *body = vd_api_body_object(args, answer);
    int error = body != NULL ? vd_registry_get(api->registry, args->id, "", &before) : VD_OK;

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else if (body != NULL) {
        update(api, args, body, &before, answer);
    }
    vd_secret_wipe(&before, sizeof before);
    json_decref(body);
}

void vd_api_device_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_identities identities = {api->registry, api->bus, api->sweeper};
    int error = vd_identities_remove(&identities, args->id, "", 0);

    if (error == VD_OK) {
        vd_api_reply(answer, 204, NULL);
    } else {
        vd_api_fail_error(answer, error, args->id);
    }
}
