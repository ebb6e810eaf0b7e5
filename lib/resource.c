/* SPDX-License-Identifier: MIT */
/* Names of resources and their ids. */

#include "lib/resource.h"

#include <stdio.h>

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool consists_of(struct vd_str name, const char *others)
{
    for (size_t i = 0; i < name.length; i++) {
        if (!is_letter_or_digit(name.data[i]) &&
            (name.data[i] == '\0' || strchr(others, name.data[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

bool vd_resource_group_is_valid(struct vd_str name)
{
    return name.length >= 1 && name.length <= VD_RESOURCE_GROUP_MAX &&
        name.data[name.length - 1] != '.' && consists_of(name, "-._()");
}

bool vd_hub_label_is_valid(struct vd_str name)
{
    return name.length >= 1 && name.length <= VD_HUB_LABEL_MAX && name.data[0] != '-' &&
        name.data[name.length - 1] != '-' && consists_of(name, "-");
}

void vd_resource_hub_id(const struct vd_resource_scope *scope, char out[VD_RESOURCE_ID_SIZE])
{
    snprintf(out, VD_RESOURCE_ID_SIZE,
        "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Devices/IotHubs/%s",
        scope->subscription, scope->resource_group, scope->hub);
}
