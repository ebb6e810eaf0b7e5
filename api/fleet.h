/* SPDX-License-Identifier: MIT */
/* The fleet as the center sees it: out of registry and state. */

#ifndef VEDETTE_API_FLEET_H
#define VEDETTE_API_FLEET_H

#include "hub/registry.h"
#include "hub/state.h"
#include "lib/fleet.h"

/* The implementation of lib/fleet.h. Not from the state's writer. */
struct vd_api_fleet {
    struct vd_fleet base;
    struct vd_registry *registry;
    struct vd_state *state; /* NULL: no twin is known, everything is in the group "default" */
};

void vd_api_fleet_init(
    struct vd_api_fleet *fleet, struct vd_registry *registry, struct vd_state *state);

#endif
