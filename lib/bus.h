/* SPDX-License-Identifier: MIT */
/* The bus: requests to a connected device, whichever hub has it. The one way from API and center to the hub. */

#ifndef VEDETTE_LIB_BUS_H
#define VEDETTE_LIB_BUS_H

#include <stdbool.h>

struct vd_bus;

/* Any thread; none of them waits for a device. module_id NULL: the device itself. */
struct vd_bus_ops {
    /* Ends the connections of a device with all its modules, or of one module. */
    void (*disconnect)(struct vd_bus *bus, const char *device_id, const char *module_id);
    bool (*is_connected)(struct vd_bus *bus, const char *device_id, const char *module_id);
};

struct vd_bus {
    const struct vd_bus_ops *ops;
};

#endif
