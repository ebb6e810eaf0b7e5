/* SPDX-License-Identifier: MIT */
/* Twins for whoever is no device: read from the state, changed in it, and told as back ends know them. */

#ifndef VEDETTE_API_TWINS_H
#define VEDETTE_API_TWINS_H

#include <jansson.h>

#include "hub/registry.h"
#include "hub/state.h"
#include "hub/twin.h"
#include "lib/bus.h"

/* What twins are made of. Any thread; the functions below block for the disk. */
struct vd_twins {
    struct vd_registry *registry;
    struct vd_state *state; /* NULL: there are none, everything is VD_E_CLOSED */
    struct vd_bus *bus;     /* NULL: nobody is connected */
};

/* Whose state the identity's is. */
struct vd_state_key vd_twins_key(const struct vd_identity *identity);

/* What stands in a twin of its identity's state. */
struct vd_twins_beside {
    size_t c2d_messages;
    struct vd_state_activity activity;
};

/* The twin of the identity as back ends know it; the caller's. NULL: no memory. */
json_t *vd_twins_json(const struct vd_twins *twins, const struct vd_identity *identity,
    const struct vd_twin *twin, const struct vd_twins_beside *beside);

/*
 * module_id  NULL: the device's own
 * *json      the twin as above
 * VD_E_NOT_FOUND: there is no such identity. Else the errors of registry and state.
 */
VD_NODISCARD int vd_twins_get(
    const struct vd_twins *twins, const char *device_id, const char *module_id, json_t **json);

struct vd_twins_change {
    const char *device_id;
    const char *module_id; /* NULL: the device's own */
    enum vd_twin_update how;
    struct vd_str body;
    const char *if_match; /* as vd_twin_update */
};

/*
 * Changes a twin in one step, against all others who change it. The device is told once the change is durable, in the order
 * of the changes.
 * *json     the twin as it is then
 * *problem  why it stays as it was, with VD_E_INVALID
 * VD_E_NOT_FOUND: there is no such identity. Else the errors of registry and state.
 */
VD_NODISCARD int vd_twins_update(const struct vd_twins *twins, const struct vd_twins_change *change,
    json_t **json, struct vd_twin_problem *problem);

#endif
