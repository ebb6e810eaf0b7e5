/* SPDX-License-Identifier: MIT */
/* What the center must know of identities: a narrow way to whoever keeps them. */

#ifndef VEDETTE_LIB_FLEET_H
#define VEDETTE_LIB_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

/* Letters of an id and of a group's name, as hub and rules bound them. */
#define VD_FLEET_ID_MAX    128
#define VD_FLEET_GROUP_MAX 128
/* Of an identity's generation id, with its NUL. */
#define VD_FLEET_GENERATION_SIZE 37
/* The group of a device whose twins name none. */
#define VD_FLEET_GROUP_DEFAULT "default"

/* A device, with what its modules' twins say. */
struct vd_fleet_device {
    char device_id[VD_FLEET_ID_MAX + 1];
    char generation_id[VD_FLEET_GENERATION_SIZE];
    /* The tag SecurityGroup of its security module's twin (azureiotsecurity, else iot_security_module); "default" if there is none. */
    char group[VD_FLEET_GROUP_MAX + 1];
    bool has_security_module; /* a module of one of these names is there */
    bool has_group_tag;
    bool is_enabled;
    int64_t created_ms; /* UTC */
};

struct vd_fleet;

/* Any thread; they block for the disk. */
struct vd_fleet_ops {
    /* VD_E_NOT_FOUND: no such device. */
    int (*get)(struct vd_fleet *fleet, const char *device_id, struct vd_fleet_device *device);
    /* All devices in the order of their ids, until `each` returns false. */
    int (*each)(struct vd_fleet *fleet,
        bool (*each)(void *context, const struct vd_fleet_device *device), void *context);
};

struct vd_fleet {
    const struct vd_fleet_ops *ops;
};

/* `fleet` NULL: there is nobody: VD_E_NOT_FOUND, and VD_OK without a call. */
VD_NODISCARD int vd_fleet_get(
    struct vd_fleet *fleet, const char *device_id, struct vd_fleet_device *device);
VD_NODISCARD int vd_fleet_each(struct vd_fleet *fleet,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context);

#endif
