/* SPDX-License-Identifier: MIT */
/* Identities as the SDKs write and read them. */

#include <strings.h>

#include "api/service/internal.h"
#include "lib/clock.h"
#include "lib/secret.h"

/* Bytes of the keys that we make here: as the service of old. */
#define KEY_MADE_BYTES 64

#define KEY_TEXT_SIZE (VD_BASE64_LENGTH(VD_KEY_MAX_BYTES) + 1)

/* What stands for a time that never was. */
#define NO_TIME "0001-01-01T00:00:00Z"

/* ---- Writing ---- */

/* A key as base64; null where there is none. NULL: no memory. */
static json_t *key_json(const struct vd_key *key)
{
    char text[KEY_TEXT_SIZE];
    json_t *json;

    if (key->length == 0) {
        return json_null();
    }
    if (vd_base64_encode(key->bytes, key->length, text, sizeof text) != VD_OK) {
        return NULL;
    }
    json = json_string(text);
    vd_secret_wipe(text, sizeof text);
    return json;
}

static json_t *authentication_json(const struct vd_identity *identity)
{
    const char *primary = identity->thumbprints[0][0] != '\0' ? identity->thumbprints[0] : NULL;
    const char *secondary = identity->thumbprints[1][0] != '\0' ? identity->thumbprints[1] : NULL;

    return json_pack("{s:{s:o, s:o}, s:{s:s?, s:s?}, s:s}", "symmetricKey", "primaryKey",
        key_json(&identity->primary_key), "secondaryKey", key_json(&identity->secondary_key),
        "x509Thumbprint", "primaryThumbprint", primary, "secondaryThumbprint", secondary, "type",
        vd_auth_type_name(identity->auth_type));
}

json_t *vd_service_identity_json(
    const struct vd_service *service, const struct vd_identity *identity)
{
    const struct vd_bus *bus = service->config.bus;
    const char *module = identity->module_id[0] != '\0' ? identity->module_id : NULL;
    bool connected =
        bus != NULL && bus->ops->is_connected(service->config.bus, identity->device_id, module);
    char etag[VD_IDENTITY_ETAG_SIZE];
    char status_time[VD_TIME_TEXT_SIZE];
    json_t *json;

    vd_identity_etag(identity, etag);
    vd_time_format(identity->status_updated_ms, status_time);
    json = json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:i, s:o, s:{s:b}}",
        "deviceId", identity->device_id, "moduleId", module, "generationId",
        identity->generation_id, "etag", etag, "connectionState",
        connected ? "Connected" : "Disconnected", "status",
        identity->enabled ? "enabled" : "disabled", "statusReason",
        identity->status_reason[0] != '\0' ? identity->status_reason : NULL,
        "connectionStateUpdatedTime", NO_TIME, "statusUpdatedTime", status_time, "lastActivityTime",
        NO_TIME, "cloudToDeviceMessageCount", 0, "authentication", authentication_json(identity),
        "capabilities", "iotEdge", 0);
    if (json != NULL && module != NULL &&
        json_object_set_new(json, "managedBy", json_null()) != 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* ---- Reading ---- */

/* Absent, null and "" are all no value. */
static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
        (json_is_string(value) && json_string_length(value) == 0);
}

static bool status_read(const json_t *body, struct vd_identity *identity, const char **detail)
{
    const json_t *status = json_object_get(body, "status");
    const json_t *reason = json_object_get(body, "statusReason");
    struct vd_str reason_text = {json_string_value(reason), json_string_length(reason)};

    if (!is_absent(status)) {
        const char *text = json_string_value(status);

        if (text == NULL ||
            (strcasecmp(text, "enabled") != 0 && strcasecmp(text, "disabled") != 0)) {
            *detail = "status is enabled or disabled";
            return false;
        }
        identity->enabled = strcasecmp(text, "enabled") == 0;
    }
    if (is_absent(reason)) {
        if (reason != NULL) {
            identity->status_reason[0] = '\0';
        }
        return true;
    }
    if (reason_text.data == NULL ||
        vd_str_copy(reason_text, identity->status_reason, sizeof identity->status_reason) !=
            VD_OK) {
        *detail = "statusReason is at most 128 bytes of text";
        return false;
    }
    return true;
}

/* Takes the key from `value`; keeps the one that is there if there is none, and makes one where none is. */
static bool key_read(const json_t *value, struct vd_key *key, const char **detail)
{
    struct vd_str text = {json_string_value(value), json_string_length(value)};
    size_t length = 0;

    if (is_absent(value)) {
        if (key->length == 0) {
            if (vd_secret_random(key->bytes, KEY_MADE_BYTES) != VD_OK) {
                *detail = "the random source failed";
                return false;
            }
            key->length = KEY_MADE_BYTES;
        }
        return true;
    }
    *detail = "a symmetric key is base64 of 16 to 64 bytes";
    if (text.data == NULL ||
        vd_base64_decode(text, key->bytes, sizeof key->bytes, &length) != VD_OK ||
        length < VD_KEY_MIN_BYTES) {
        return false;
    }
    key->length = (uint8_t)length;
    return true;
}

static bool thumbprint_read(const json_t *value, char out[VD_THUMBPRINT_SIZE], const char **detail)
{
    struct vd_str text = {json_string_value(value), json_string_length(value)};

    out[0] = '\0';
    if (is_absent(value)) {
        return true;
    }
    *detail = "a thumbprint is 40 or 64 hex digits";
    return text.data != NULL && vd_thumbprint_parse(text, out);
}

/* The type that is said, else the one that the credentials tell. False: one that there is not. */
static bool type_read(
    const json_t *authentication, const json_t *thumbprints, enum vd_auth_type *type)
{
    const json_t *said = json_object_get(authentication, "type");
    struct vd_str text = {json_string_value(said), json_string_length(said)};

    if (is_absent(said)) {
        *type = !is_absent(json_object_get(thumbprints, "primaryThumbprint")) ||
                !is_absent(json_object_get(thumbprints, "secondaryThumbprint"))
            ? VD_AUTH_THUMBPRINT
            : VD_AUTH_SAS;
        return true;
    }
    return text.data != NULL && vd_auth_type_parse(text, type);
}

static bool credentials_read(const json_t *keys, const json_t *thumbprints,
    struct vd_identity *identity, const char **detail)
{
    if (identity->auth_type == VD_AUTH_SAS) {
        memset(identity->thumbprints, 0, sizeof identity->thumbprints);
        return key_read(json_object_get(keys, "primaryKey"), &identity->primary_key, detail) &&
            key_read(json_object_get(keys, "secondaryKey"), &identity->secondary_key, detail);
    }
    vd_secret_wipe(&identity->primary_key, sizeof identity->primary_key);
    vd_secret_wipe(&identity->secondary_key, sizeof identity->secondary_key);
    if (identity->auth_type == VD_AUTH_CA) {
        memset(identity->thumbprints, 0, sizeof identity->thumbprints);
        return true;
    }
    if (!thumbprint_read(
            json_object_get(thumbprints, "primaryThumbprint"), identity->thumbprints[0], detail) ||
        !thumbprint_read(json_object_get(thumbprints, "secondaryThumbprint"),
            identity->thumbprints[1], detail)) {
        return false;
    }
    *detail = "selfSigned needs a thumbprint";
    return identity->thumbprints[0][0] != '\0' || identity->thumbprints[1][0] != '\0';
}

static bool authentication_read(
    const json_t *body, bool exists, struct vd_identity *identity, const char **detail)
{
    const json_t *authentication = json_object_get(body, "authentication");
    const json_t *keys = json_object_get(authentication, "symmetricKey");
    const json_t *thumbprints = json_object_get(authentication, "x509Thumbprint");

    if (is_absent(authentication)) {
        if (exists) {
            return true;
        }
        identity->auth_type = VD_AUTH_SAS;
        return credentials_read(NULL, NULL, identity, detail);
    }
    *detail = "authentication, symmetricKey and x509Thumbprint are objects";
    if (!json_is_object(authentication) || !(is_absent(keys) || json_is_object(keys)) ||
        !(is_absent(thumbprints) || json_is_object(thumbprints))) {
        return false;
    }
    *detail = "authentication type is sas, selfSigned or certificateAuthority";
    return type_read(authentication, thumbprints, &identity->auth_type) &&
        credentials_read(keys, thumbprints, identity, detail);
}

bool vd_service_identity_read(
    const json_t *body, bool exists, struct vd_identity *identity, const char **detail)
{
    const json_t *edge = json_object_get(json_object_get(body, "capabilities"), "iotEdge");

    if (!exists) {
        identity->enabled = true;
    }
    *detail = "the body is not a JSON object";
    if (!json_is_object(body)) {
        return false;
    }
    *detail = "capabilities: this hub has no edge devices";
    if (json_is_true(edge)) {
        return false;
    }
    return status_read(body, identity, detail) &&
        authentication_read(body, exists, identity, detail);
}
