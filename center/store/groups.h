/* SPDX-License-Identifier: MIT */
/* Device security groups in the alert store: their rules as documents. Any thread. */

#ifndef VEDETTE_CENTER_STORE_GROUPS_H
#define VEDETTE_CENTER_STORE_GROUPS_H

#include "center/detect/group_rules.h"

struct vd_alert_store;

#define VD_GROUPS_MAX 1000

/*
 * Makes or replaces the rules of a group; names differ in more than case. Running centers see them within a second.
 * problem  as vd_group_rules_read, with VD_E_INVALID
 * VD_E_LIMIT: there are VD_GROUPS_MAX already.
 */
VD_NODISCARD int vd_groups_put(struct vd_alert_store *store, const char *name,
    const json_t *properties, int64_t now_ms, bool *is_new, char problem[256]);
/* VD_E_NOT_FOUND. */
VD_NODISCARD int vd_groups_remove(struct vd_alert_store *store, const char *name);
/* *groups: an array of {"name","properties"}, by name, the caller's. name NULL: all; else one, or none. */
VD_NODISCARD int vd_groups_list(struct vd_alert_store *store, const char *name, json_t **groups);

/* Grows with every change of any group. */
VD_NODISCARD int vd_groups_generation(struct vd_alert_store *store, int64_t *generation);
/* All, compiled; the list and its elements are the caller's. One that cannot be read any more is left out, and logged. */
VD_NODISCARD int vd_groups_load(struct vd_alert_store *store, int64_t *generation,
    struct vd_group_rules ***rules, size_t *count);

#endif
