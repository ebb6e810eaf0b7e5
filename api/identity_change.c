/* SPDX-License-Identifier: MIT */
/* Changes of identities with what follows from them. */

#include "api/identity_change.h"

#include <string.h>

#include "lib/log.h"

static void disconnect(
    const struct vd_identities *identities, const char *device_id, const char *module_id)
{
    struct vd_bus *bus = identities->bus;

    if (bus != NULL) {
        bus->ops->disconnect(bus, device_id, module_id[0] != '\0' ? module_id : NULL);
    }
}

static bool is_same_key(const struct vd_key *a, const struct vd_key *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* What a connection stands on has changed: who is connected must prove himself again. */
static bool must_reconnect(const struct vd_identity *before, const struct vd_identity *after)
{
    return !after->enabled || before->auth_type != after->auth_type ||
        !is_same_key(&before->primary_key, &after->primary_key) ||
        !is_same_key(&before->secondary_key, &after->secondary_key) ||
        strcmp(before->thumbprints[0], after->thumbprints[0]) != 0 ||
        strcmp(before->thumbprints[1], after->thumbprints[1]) != 0;
}

int vd_identities_replace(const struct vd_identities *identities, const struct vd_identity *before,
    struct vd_identity *after)
{
    int error = vd_registry_update(identities->registry, after, before->etag);

    if (error != VD_OK) {
        return error;
    }
    if (must_reconnect(before, after)) {
        disconnect(identities, after->device_id, after->module_id);
    }
    vd_log(VD_LOG_INFO, "registry.updated", "device=\"%s\" module=\"%s\" status=%s",
        after->device_id, after->module_id, after->enabled ? "enabled" : "disabled");
    return VD_OK;
}

int vd_identities_remove(const struct vd_identities *identities, const char *device_id,
    const char *module_id, uint64_t expected_etag)
{
    int error = vd_registry_remove(identities->registry, device_id, module_id, expected_etag);

    if (error != VD_OK) {
        return error;
    }
    /* After the removal: one that is thrown out first would be back before its identity is gone. */
    disconnect(identities, device_id, module_id);
    vd_sweeper_notice(identities->sweeper, device_id);
    vd_log(VD_LOG_INFO, "registry.deleted", "device=\"%s\" module=\"%s\"", device_id, module_id);
    return VD_OK;
}
