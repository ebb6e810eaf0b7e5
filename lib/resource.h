/* SPDX-License-Identifier: MIT */
/* What the one hub is called where resources have ids: its subscription, resource group and name. */

#ifndef VEDETTE_LIB_RESOURCE_H
#define VEDETTE_LIB_RESOURCE_H

#include "lib/str.h"
#include "lib/uuid.h"

#define VD_RESOURCE_GROUP_MAX 90
#define VD_HUB_LABEL_MAX      63

struct vd_resource_scope {
    char subscription[VD_UUID_TEXT_SIZE];
    char resource_group[VD_RESOURCE_GROUP_MAX + 1];
    char hub[VD_HUB_LABEL_MAX + 1];
};

/* "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Devices/IotHubs/{hub}" and a NUL. */
#define VD_RESOURCE_ID_SIZE 320

/* 1 to 90 letters, digits and - . _ ( ), the last of them no dot. */
bool vd_resource_group_is_valid(struct vd_str name);

/* 1 to 63 letters, digits and hyphens, as a label of a host name. */
bool vd_hub_label_is_valid(struct vd_str name);

/* The id of the hub. */
void vd_resource_hub_id(const struct vd_resource_scope *scope, char out[VD_RESOURCE_ID_SIZE]);

#endif
