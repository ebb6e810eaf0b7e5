/* SPDX-License-Identifier: MIT */
/* The registry in memory. */

#include "tests/hub/memory_registry.h"

struct vd_key memory_key(char fill)
{
    struct vd_key key = {.length = 32};

    memset(key.bytes, fill, 32);
    return key;
}

static int memory_get(
    struct vd_registry *base, const char *device_id, const char *module_id, struct vd_identity *out)
{
    struct memory_registry *registry = (struct memory_registry *)base;

    if (registry->fail_with != VD_OK) {
        return registry->fail_with;
    }
    for (unsigned i = 0; i < registry->count; i++) {
        const struct vd_identity *identity = &registry->identities[i];

        if (strcmp(identity->device_id, device_id) == 0 &&
            strcmp(identity->module_id, module_id != NULL ? module_id : "") == 0) {
            *out = *identity;
            return VD_OK;
        }
    }
    return VD_E_NOT_FOUND;
}

static int memory_policy_get(struct vd_registry *base, const char *name, struct vd_policy *out)
{
    struct memory_registry *registry = (struct memory_registry *)base;

    for (unsigned i = 0; registry->fail_with == VD_OK && i < registry->policy_count; i++) {
        if (strcmp(registry->policies[i].name, name) == 0) {
            *out = registry->policies[i];
            return VD_OK;
        }
    }
    return registry->fail_with != VD_OK ? registry->fail_with : VD_E_NOT_FOUND;
}

static int memory_ca_list(struct vd_registry *base,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context)
{
    struct memory_registry *registry = (struct memory_registry *)base;

    for (unsigned i = 0; registry->fail_with == VD_OK && i < registry->ca_count; i++) {
        if (!each(context, &registry->cas[i])) {
            break;
        }
    }
    return registry->fail_with;
}

void memory_registry_init(struct memory_registry *registry)
{
    static const struct vd_registry_ops ops = {
        .get = memory_get,
        .policy_get = memory_policy_get,
        .ca_list = memory_ca_list,
    };

    memset(registry, 0, sizeof *registry);
    registry->base.ops = &ops;
}

struct vd_identity *memory_registry_add(struct memory_registry *registry, const char *device_id,
    const char *module_id, char primary, char secondary)
{
    struct vd_identity *identity = &registry->identities[registry->count++];

    snprintf(identity->device_id, sizeof identity->device_id, "%s", device_id);
    snprintf(identity->module_id, sizeof identity->module_id, "%s", module_id);
    snprintf(identity->generation_id, sizeof identity->generation_id,
        "00000000-0000-4000-8000-%012u", registry->count);
    identity->created_ms = 1700000000000LL;
    identity->enabled = true;
    identity->primary_key = memory_key(primary);
    identity->secondary_key = memory_key(secondary);
    return identity;
}

struct vd_policy *memory_registry_add_policy(
    struct memory_registry *registry, const char *name, uint32_t rights, char primary)
{
    struct vd_policy *policy = &registry->policies[registry->policy_count++];

    snprintf(policy->name, sizeof policy->name, "%s", name);
    policy->rights = rights;
    policy->primary_key = memory_key(primary);
    policy->secondary_key = memory_key((char)(primary + 1));
    policy->etag = 1;
    return policy;
}
