/* SPDX-License-Identifier: MIT */
/* Authentication of a device or module by client id, user name and SAS token. */

#include "hub/auth.h"

#include "hub/sas.h"
#include "lib/uuid.h"

#include <openssl/crypto.h>

enum vd_mqtt_connack vd_refusal_code(enum vd_refusal refusal)
{
    static const enum vd_mqtt_connack codes[] = {
#define VD_REFUSAL_CODE(name, code, text) code,
        VD_REFUSALS(VD_REFUSAL_CODE)
#undef VD_REFUSAL_CODE
    };

    return codes[refusal];
}

const char *vd_refusal_text(enum vd_refusal refusal)
{
    static const char *const texts[] = {
#define VD_REFUSAL_TEXT(name, code, text) text,
        VD_REFUSALS(VD_REFUSAL_TEXT)
#undef VD_REFUSAL_TEXT
    };

    return texts[refusal];
}

static bool split_client_id(struct vd_str id, struct vd_principal *principal)
{
    const char *slash = id.length > 0 ? memchr(id.data, '/', id.length) : NULL;
    struct vd_str device = {id.data, slash != NULL ? (size_t)(slash - id.data) : id.length};
    struct vd_str module = {"", 0};

    if (slash != NULL) {
        module = (struct vd_str){slash + 1, id.length - device.length - 1};
        if (!vd_device_id_is_valid(module.data, module.length)) {
            return false;
        }
    }
    return vd_device_id_is_valid(device.data, device.length) &&
        vd_str_copy(device, principal->device_id, sizeof principal->device_id) == VD_OK &&
        vd_str_copy(module, principal->module_id, sizeof principal->module_id) == VD_OK;
}

bool vd_auth_identify(struct vd_str client_id, struct vd_principal *principal)
{
    *principal = (struct vd_principal){0};
    if (!split_client_id(client_id, principal)) {
        *principal = (struct vd_principal){0};
        return false;
    }
    return true;
}

/* True if the query holds an api-version with a value. */
static bool has_api_version(struct vd_str query)
{
    static const char name[] = "api-version=";
    const size_t length = sizeof name - 1;

    while (query.length > length) {
        const char *next = memchr(query.data, '&', query.length);
        size_t part = next != NULL ? (size_t)(next - query.data) : query.length;

        if (part > length && memcmp(query.data, name, length) == 0) {
            return true;
        }
        if (next == NULL) {
            break;
        }
        query = (struct vd_str){next + 1, query.length - part - 1};
    }
    return false;
}

/* `{hub}/{client id}/?api-version=...`, or without the `?` as old devices write it. */
static enum vd_refusal check_user_name(const struct vd_mqtt_connect *connect, const char *hub_name)
{
    struct vd_str rest;
    size_t id_length = connect->client_id.length;

    if (!connect->has_user_name) {
        return VD_REFUSED_USER_NAME;
    }
    rest = vd_sas_host_path(connect->user_name, hub_name);
    if (rest.data == NULL) {
        return VD_REFUSED_HUB_NAME;
    }
    if (rest.length < id_length + 2 || rest.data[0] != '/' ||
        memcmp(rest.data + 1, connect->client_id.data, id_length) != 0 ||
        rest.data[id_length + 1] != '/') {
        return VD_REFUSED_USER_NAME;
    }
    rest = (struct vd_str){rest.data + id_length + 2, rest.length - id_length - 2};
    if (rest.length > 0 && rest.data[0] == '?') {
        rest = (struct vd_str){rest.data + 1, rest.length - 1};
    }
    return has_api_version(rest) ? VD_REFUSED_NOT : VD_REFUSED_USER_NAME;
}

static enum vd_refusal check_token(const struct vd_sas_token *token,
    const struct vd_identity *identity, const char *hub_name, int64_t now_ms)
{
    bool primary = vd_sas_signed_by(token, &identity->primary_key);
    bool secondary = vd_sas_signed_by(token, &identity->secondary_key);

    if (!primary && !secondary) {
        return VD_REFUSED_SIGNATURE;
    }
    if (!vd_sas_covers(token, hub_name, identity->device_id, identity->module_id)) {
        return VD_REFUSED_RESOURCE;
    }
    return token->expiry_s * 1000 <= now_ms ? VD_REFUSED_EXPIRED : VD_REFUSED_NOT;
}

static enum vd_refusal check_identity(struct vd_registry *registry, const char *hub_name,
    const struct vd_sas_token *token, int64_t now_ms, const struct vd_principal *principal)
{
    struct vd_identity identity = {0};
    struct vd_identity device = {0};
    bool is_module = principal->module_id[0] != '\0';
    int error = vd_registry_get(registry, principal->device_id, principal->module_id, &identity);
    enum vd_refusal refusal = VD_REFUSED_NOT;

    if (error == VD_OK && is_module) {
        error = vd_registry_get(registry, principal->device_id, "", &device);
    }
    if (error != VD_OK) {
        refusal = error == VD_E_NOT_FOUND ? VD_REFUSED_UNKNOWN : VD_REFUSED_REGISTRY;
    } else if (!identity.enabled || (is_module && !device.enabled)) {
        refusal = VD_REFUSED_DISABLED;
    } else {
        refusal = check_token(token, &identity, hub_name, now_ms);
    }
    OPENSSL_cleanse(&identity, sizeof identity);
    OPENSSL_cleanse(&device, sizeof device);
    return refusal;
}

enum vd_refusal vd_auth_judge(struct vd_registry *registry, const char *hub_name,
    const struct vd_mqtt_connect *connect, int64_t now_ms, struct vd_principal *principal)
{
    struct vd_sas_token token;
    enum vd_refusal refusal;

    if (!vd_auth_identify(connect->client_id, principal)) {
        return VD_REFUSED_CLIENT_ID;
    }
    refusal = check_user_name(connect, hub_name);
    if (refusal != VD_REFUSED_NOT) {
        return refusal;
    }
    if (!connect->has_password || connect->password.length == 0) {
        return VD_REFUSED_NO_PASSWORD;
    }
    if (vd_sas_parse(connect->password, &token) != VD_OK) {
        return VD_REFUSED_TOKEN;
    }
    if (token.policy.length > 0) {
        return VD_REFUSED_POLICY;
    }
    refusal = check_identity(registry, hub_name, &token, now_ms, principal);
    if (refusal == VD_REFUSED_NOT && connect->has_will) {
        refusal = VD_REFUSED_WILL;
    }
    principal->expires_s = token.expiry_s;
    return refusal;
}
