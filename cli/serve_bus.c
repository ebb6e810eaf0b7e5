/* SPDX-License-Identifier: MIT */
/* Calls of the bus go to the hub. */

#include "cli/serve_bus.h"

static void bus_disconnect(struct vd_bus *bus, const char *device_id, const char *module_id)
{
    vd_hub_disconnect(((struct vd_serve_bus *)bus)->hub, device_id, module_id);
}

static bool bus_is_connected(struct vd_bus *bus, const char *device_id, const char *module_id)
{
    return vd_hub_is_connected(((struct vd_serve_bus *)bus)->hub, device_id, module_id);
}

static int bus_call_method(
    struct vd_bus *bus, const struct vd_method_call *call, vd_method_done *done, void *context)
{
    return vd_hub_call_method(((struct vd_serve_bus *)bus)->hub, call, done, context);
}

static void bus_desired_changed(struct vd_bus *bus, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change)
{
    vd_hub_desired_changed(
        ((struct vd_serve_bus *)bus)->hub, device_id, module_id, version, change);
}

static void bus_c2d_waiting(struct vd_bus *bus, const char *device_id)
{
    vd_hub_c2d_waiting(((struct vd_serve_bus *)bus)->hub, device_id);
}

static int bus_record(struct vd_bus *bus, const struct vd_event *event)
{
    return vd_hub_append(((struct vd_serve_bus *)bus)->hub, event);
}

static const struct vd_bus_ops ops = {
    .disconnect = bus_disconnect,
    .is_connected = bus_is_connected,
    .call_method = bus_call_method,
    .desired_changed = bus_desired_changed,
    .c2d_waiting = bus_c2d_waiting,
    .record = bus_record,
};

void vd_serve_bus_init(struct vd_serve_bus *bus, struct vd_hub *hub)
{
    *bus = (struct vd_serve_bus){{&ops}, hub};
}
