/* SPDX-License-Identifier: MIT */
/* A few resources with names, kept together as one setting of the registry: {"settings":[{"name",...}]}. */

#ifndef VEDETTE_API_MANAGEMENT_NAMED_LIST_H
#define VEDETTE_API_MANAGEMENT_NAMED_LIST_H

#include <jansson.h>

#include "hub/registry.h"

/* *list: the array, the caller's. *etag: what is stored, 0: nothing yet. VD_E_CORRUPT, VD_E_NOMEM, or the registry's. */
VD_NODISCARD int vd_named_list_load(
    struct vd_registry *registry, const char *setting, json_t **list, uint64_t *etag);

/* Where the one of that name stands, in any case; the list's size if there is none. */
size_t vd_named_list_find(const json_t *list, const char *name);

/*
 * Puts it in, in place of one of its name, or behind the others. Tries again while others store.
 * is_new  whether there was none of the name; NULL is allowed
 * VD_E_LIMIT: there are `max` already.
 */
VD_NODISCARD int vd_named_list_put(
    struct vd_registry *registry, const char *setting, json_t *item, size_t max, bool *is_new);

/* VD_E_NOT_FOUND: there is none of that name. */
VD_NODISCARD int vd_named_list_remove(
    struct vd_registry *registry, const char *setting, const char *name);

#endif
