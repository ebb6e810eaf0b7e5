/* SPDX-License-Identifier: MIT */
/* Between the parts of the management API that speak of the hub itself. */

#ifndef VEDETTE_API_MANAGEMENT_HUB_H
#define VEDETTE_API_MANAGEMENT_HUB_H

#include "api/hub_resource.h"
#include "api/management/internal.h"

/* X(name of sku, tier). */
#define VD_HUB_SKUS(X)  \
    X("F1", "Free")     \
    X("S1", "Standard") \
    X("S2", "Standard") \
    X("S3", "Standard") \
    X("B1", "Basic")    \
    X("B2", "Basic")    \
    X("B3", "Basic")

#define VD_HUB_SKU_CAPACITY_MAX 200

/* The tier of a sku; NULL: there is none of that name. */
const char *vd_management_sku_tier(const char *name);

/* The hub as it is answered; the caller's. Ids as args has them, or else this hub's. NULL: no memory. */
json_t *vd_management_hub_json(const struct vd_management *management,
    const struct vd_management_args *args, const struct vd_hub_resource *resource);

/* Puts what the body of a PUT says in the place of what the resource holds: labels, filter and, if it names them,
 * policies, which must then be loaded. False: answered with 400 (or 500), and the resource is of no use. */
bool vd_management_hub_read(const struct vd_management *management,
    const struct vd_management_args *args, const json_t *body, struct vd_hub_resource *resource,
    struct vd_http_answer *answer);

/* The tags of a body ({} where they are absent or null), the caller's; NULL: answered with 400. */
json_t *vd_management_tags_read(const json_t *body, struct vd_http_answer *answer);

#endif
