/* SPDX-License-Identifier: MIT */
/* Hands each call of the registry to its implementation. */

#include "hub/registry.h"

int vd_registry_create(struct vd_registry *registry, struct vd_identity *identity)
{
    return registry->ops->create(registry, identity);
}

int vd_registry_get(struct vd_registry *registry, const char *device_id, const char *module_id,
    struct vd_identity *out)
{
    return registry->ops->get(registry, device_id, module_id, out);
}

int vd_registry_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_identity *identity), void *context)
{
    return registry->ops->list(registry, each, context);
}

int vd_registry_remove(struct vd_registry *registry, const char *device_id, const char *module_id)
{
    return registry->ops->remove(registry, device_id, module_id);
}

void vd_registry_close(struct vd_registry *registry)
{
    if (registry != NULL) {
        registry->ops->close(registry);
    }
}
