/* SPDX-License-Identifier: MIT */
/* What is kept of the hub as a resource: its labels, its IP filter and its policies, which change together or not at all. */

#ifndef VEDETTE_API_HUB_RESOURCE_H
#define VEDETTE_API_HUB_RESOURCE_H

#include <jansson.h>

#include "hub/hub.h"
#include "hub/registry.h"

/* base64 of 16 bytes and a NUL. */
#define VD_HUB_ETAG_SIZE 25

struct vd_hub_resource {
    json_t *
        labels; /* an object; written anew with every change of the others, so that its etag tells of it */
    json_t *filter;             /* as hub/ip_filter.h reads it */
    struct vd_policy *policies; /* room for VD_HUB_POLICIES_MAX; NULL: they were not asked for */
    size_t policy_count;
    uint64_t labels_etag;
    uint64_t filter_etag;
};

/*
 * Reads what the registry has; release it. Blocks for the disk.
 * with_policies  false: `policies` stays NULL
 * VD_E_CORRUPT, VD_E_NOMEM, or the registry's.
 */
VD_NODISCARD int vd_hub_resource_load(
    struct vd_registry *registry, bool with_policies, struct vd_hub_resource *out);

/*
 * Stores the labels, the filter if with_filter, and the policies if they were loaded; the etags are then the new ones.
 * VD_E_CHANGED: something is not as it was loaded, and nothing is stored. VD_E_LIMIT: too large. Others: the registry's.
 */
VD_NODISCARD int vd_hub_resource_store(
    struct vd_registry *registry, struct vd_hub_resource *resource, bool with_filter);

/* Wipes the policies' keys. What is zeroed is allowed. */
void vd_hub_resource_release(struct vd_hub_resource *resource);

/* Another one for every change of the labels, the filter or the policies. */
void vd_hub_resource_etag(const struct vd_hub_resource *resource, char out[VD_HUB_ETAG_SIZE]);

/* The policy of that name, exactly or else in other letters' case; NULL: there is none. */
struct vd_policy *vd_hub_resource_policy(const struct vd_hub_resource *resource, const char *name);

/* Has the hub (NULL: none is running) judge by the filter that is stored now. Any thread; whoever is last has the last
 * word, and has read it last. */
void vd_hub_resource_apply_filter(struct vd_registry *registry, struct vd_hub *hub);

#endif
