/* SPDX-License-Identifier: MIT */
/* Calls through the interface. */

#include "lib/fleet.h"

int vd_fleet_get(struct vd_fleet *fleet, const char *device_id, struct vd_fleet_device *device)
{
    return fleet != NULL ? fleet->ops->get(fleet, device_id, device) : VD_E_NOT_FOUND;
}

int vd_fleet_each(struct vd_fleet *fleet,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    return fleet != NULL ? fleet->ops->each(fleet, each, context) : VD_OK;
}
