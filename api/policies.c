/* SPDX-License-Identifier: MIT */
/* Shared access policies: what back ends authorise themselves with. */

#include "api/handlers.h"
#include "lib/secret.h"

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

/* With its keys and connection string. The port is left out: the SDKs for back ends know their own only. */
static json_t *policy_json(const struct vd_api *api, const struct vd_policy *policy)
{
    char primary[KEY_TEXT_SIZE];
    char secondary[KEY_TEXT_SIZE];
    char rights[VD_RIGHTS_TEXT_SIZE];
    char connection[512];
    json_t *json;

    if (vd_base64_encode(policy->primary_key.bytes, policy->primary_key.length, primary,
            sizeof primary) != VD_OK ||
        vd_base64_encode(policy->secondary_key.bytes, policy->secondary_key.length, secondary,
            sizeof secondary) != VD_OK) {
        return NULL;
    }
    vd_rights_format(policy->rights, rights);
    snprintf(connection, sizeof connection,
        "HostName=%.*s;SharedAccessKeyName=%s;SharedAccessKey=%s",
        (int)strcspn(api->host_name, ":"), api->host_name, policy->name, primary);
    json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "keyName", policy->name, "rights", rights,
        "primaryKey", primary, "secondaryKey", secondary, "connectionString", connection);
    vd_secret_wipe(connection, sizeof connection);
    vd_secret_wipe(primary, sizeof primary);
    vd_secret_wipe(secondary, sizeof secondary);
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
