/* SPDX-License-Identifier: MIT */
/* Shared access policies: what back ends authorise themselves with. */

#include "api/policies.h"

#include "api/handlers.h"
#include "lib/secret.h"

/* Bytes of the keys that we make. */
#define KEY_MADE_BYTES 32

#define KEY_TEXT_SIZE (VD_BASE64_LENGTH(VD_KEY_MAX_BYTES) + 1)

static bool list_one(void *context, const struct vd_policy *policy)
{
    char rights[VD_RIGHTS_TEXT_SIZE];

    vd_rights_format(policy->rights, rights);
    return json_array_append_new(
               context, json_pack("{s:s, s:s}", "keyName", policy->name, "rights", rights)) == 0;
}

void vd_api_policy_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *policies = json_array();
    int error = vd_registry_policy_list(api->registry, list_one, policies);

    (void)args;
    if (error != VD_OK) {
        json_decref(policies);
        vd_api_fail_error(answer, error, "the list of policies");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "policies", policies));
}

json_t *vd_policy_json(const struct vd_policy *policy)
{
    char primary[KEY_TEXT_SIZE];
    char secondary[KEY_TEXT_SIZE];
    char rights[VD_RIGHTS_TEXT_SIZE];
    json_t *json;

    if (vd_base64_encode(policy->primary_key.bytes, policy->primary_key.length, primary,
            sizeof primary) != VD_OK ||
        vd_base64_encode(policy->secondary_key.bytes, policy->secondary_key.length, secondary,
            sizeof secondary) != VD_OK) {
        return NULL;
    }
    vd_rights_format(policy->rights, rights);
    json = json_pack("{s:s, s:s, s:s, s:s}", "keyName", policy->name, "primaryKey", primary,
        "secondaryKey", secondary, "rights", rights);
    vd_secret_wipe(primary, sizeof primary);
    vd_secret_wipe(secondary, sizeof secondary);
    return json;
}

int vd_policy_key_make(struct vd_key *key)
{
    struct vd_key made = {.length = KEY_MADE_BYTES};
    int error = vd_secret_random(made.bytes, KEY_MADE_BYTES);

    if (error == VD_OK) {
        *key = made;
    }
    vd_secret_wipe(&made, sizeof made);
    return error;
}

int vd_policy_key_read(const char *text, struct vd_key *key)
{
    struct vd_key read = {.length = 0};
    size_t length = 0;
    int error =
        vd_base64_decode(vd_str_from(text), read.bytes, sizeof read.bytes, &length) == VD_OK &&
            length >= VD_KEY_MIN_BYTES
        ? VD_OK
        : VD_E_INVALID;

    if (error == VD_OK) {
        read.length = (uint8_t)length;
        *key = read;
    }
    vd_secret_wipe(&read, sizeof read);
    return error;
}

/* With its connection string. The port is left out: the SDKs for back ends know their own only. */
static json_t *policy_json(const struct vd_api *api, const struct vd_policy *policy)
{
    json_t *json = vd_policy_json(policy);
    const char *key = json_string_value(json_object_get(json, "primaryKey"));
    char connection[512];

    if (key == NULL) {
        return NULL;
    }
    snprintf(connection, sizeof connection,
        "HostName=%.*s;SharedAccessKeyName=%s;SharedAccessKey=%s",
        (int)strcspn(api->host_name, ":"), api->host_name, policy->name, key);
    if (json_object_set_new(json, "connectionString", json_string(connection)) != 0) {
        json_decref(json);
        json = NULL;
    }
    vd_secret_wipe(connection, sizeof connection);
    return json;
}

void vd_api_policy_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_policy policy = {0};
    int error = vd_registry_policy_get(api->registry, args->id, &policy);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 200, policy_json(api, &policy));
    vd_secret_wipe(&policy, sizeof policy);
}
