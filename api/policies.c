/* SPDX-License-Identifier: MIT */
/* Shared access policies: what back ends authorise themselves with. */

#include "api/policies.h"

#include "api/handlers.h"
#include "api/hub_resource.h"
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

/* ---- Changing them ---- */

/* What a change makes of the policies that are stored; an error ends it. */
typedef int policy_edit(struct vd_hub_resource *resource, void *context);

/* The hub's labels are stored with them: its etag tells of every change. */
static int policies_change(const struct vd_api *api, policy_edit *edit, void *context)
{
    int error = VD_E_CHANGED;

    for (int i = 0; error == VD_E_CHANGED && i < VD_HUB_WRITE_TRIES; i++) {
        struct vd_hub_resource resource = {0};

        error = vd_hub_resource_load(api->registry, true, &resource);
        if (error == VD_OK) {
            error = edit(&resource, context);
        }
        if (error == VD_OK) {
            error = vd_hub_resource_store(api->registry, &resource, false);
        }
        vd_hub_resource_release(&resource);
    }
    if (error == VD_OK && api->hub != NULL) {
        vd_hub_policies_changed(api->hub);
    }
    return error;
}

static int add(struct vd_hub_resource *resource, void *context)
{
    const struct vd_policy *made = context;

    if (vd_hub_resource_policy(resource, made->name) != NULL) {
        return VD_E_EXISTS;
    }
    if (resource->policy_count == VD_HUB_POLICIES_MAX) {
        return VD_E_LIMIT;
    }
    resource->policies[resource->policy_count++] = *made;
    return VD_OK;
}

/* Where the policy of exactly that name is; NULL: there is none. */
static struct vd_policy *find(const struct vd_hub_resource *resource, const char *name)
{
    struct vd_policy *policy = vd_hub_resource_policy(resource, name);

    return policy != NULL && strcmp(policy->name, name) == 0 ? policy : NULL;
}

static int cut(struct vd_hub_resource *resource, void *context)
{
    struct vd_policy *policy = find(resource, context);

    if (policy == NULL) {
        return VD_E_NOT_FOUND;
    }
    *policy = resource->policies[--resource->policy_count];
    return VD_OK;
}

struct rotation {
    const char *name;
    bool primary;
    bool secondary;
    struct vd_policy made; /* the policy as it is then */
};

static int rotate(struct vd_hub_resource *resource, void *context)
{
    struct rotation *rotation = context;
    struct vd_policy *policy = find(resource, rotation->name);
    int error = policy != NULL ? VD_OK : VD_E_NOT_FOUND;

    if (error == VD_OK && rotation->primary) {
        error = vd_policy_key_make(&policy->primary_key);
    }
    if (error == VD_OK && rotation->secondary) {
        error = vd_policy_key_make(&policy->secondary_key);
    }
    if (error == VD_OK) {
        rotation->made = *policy;
    }
    return error;
}

/* Sets a key as the body names it, or makes one. False (answer set) for text that is none. */
static bool key_from_body(
    const json_t *body, const char *name, struct vd_key *key, struct vd_api_answer *answer)
{
    const json_t *given = json_object_get(body, name);

    if (given == NULL) {
        if (vd_policy_key_make(key) != VD_OK) {
            vd_api_fail_error(answer, VD_E_IO, "the random source");
            return false;
        }
        return true;
    }
    if (!json_is_string(given) || vd_policy_key_read(json_string_value(given), key) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidKey", "%s is to be base64 of %d to %d bytes", name,
            VD_KEY_MIN_BYTES, VD_KEY_MAX_BYTES);
        return false;
    }
    return true;
}

static bool policy_from_body(
    const json_t *body, struct vd_policy *policy, struct vd_api_answer *answer)
{
    const char *name = json_string_value(json_object_get(body, "keyName"));
    const char *rights = json_string_value(json_object_get(body, "rights"));
    const size_t known = 2U + (json_object_get(body, "primaryKey") != NULL ? 1U : 0U) +
        (json_object_get(body, "secondaryKey") != NULL ? 1U : 0U);

    if (name == NULL || !vd_name_is_valid(name) ||
        vd_text_copy(name, policy->name, sizeof policy->name) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidName",
            "keyName is to be 1 to %d letters, digits and - . _", VD_NAME_MAX);
        return false;
    }
    if (rights == NULL || !vd_rights_parse(vd_str_from(rights), &policy->rights)) {
        vd_api_fail(answer, 400, "InvalidRights",
            "rights are to be of RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect, "
            "parted by commas");
        return false;
    }
    if (json_object_size(body) != known) {
        vd_api_fail(
            answer, 400, "InvalidBody", "members are keyName, rights, primaryKey and secondaryKey");
        return false;
    }
    return key_from_body(body, "primaryKey", &policy->primary_key, answer) &&
        key_from_body(body, "secondaryKey", &policy->secondary_key, answer);
}

void vd_api_policy_create(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_policy policy = {.rights = 0};
    json_t *body = vd_api_body_object(args, answer);
    int error;

    if (body != NULL && policy_from_body(body, &policy, answer)) {
        error = policies_change(api, add, &policy);
        if (error == VD_E_LIMIT) {
            vd_api_fail(
                answer, 409, "LimitExceeded", "there are %d policies already", VD_HUB_POLICIES_MAX);
        } else if (error != VD_OK) {
            vd_api_fail_error(answer, error, policy.name);
        } else {
            vd_api_reply(answer, 201, policy_json(api, &policy));
        }
    }
    vd_secret_wipe(&policy, sizeof policy);
    json_decref(body);
}

void vd_api_policy_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    char name[VD_NAME_MAX + 1];
    int error = vd_text_copy(args->id, name, sizeof name) == VD_OK ? policies_change(api, cut, name)
                                                                   : VD_E_NOT_FOUND;

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 204, NULL);
}

void vd_api_policy_rotate(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct rotation rotation = {.name = args->id};
    json_t *body = vd_api_body_object(args, answer);
    const char *key = json_string_value(json_object_get(body, "key"));
    int error;

    if (body == NULL) {
        return;
    }
    rotation.primary = key != NULL && (strcmp(key, "primary") == 0 || strcmp(key, "both") == 0);
    rotation.secondary = key != NULL && (strcmp(key, "secondary") == 0 || strcmp(key, "both") == 0);
    if (json_object_size(body) != 1 || (!rotation.primary && !rotation.secondary)) {
        vd_api_fail(answer, 400, "InvalidBody", "key is to be primary, secondary or both");
    } else {
        error = policies_change(api, rotate, &rotation);
        if (error != VD_OK) {
            vd_api_fail_error(answer, error, args->id);
        } else {
            vd_api_reply(answer, 200, policy_json(api, &rotation.made));
        }
    }
    vd_secret_wipe(&rotation, sizeof rotation);
    json_decref(body);
}
