/* SPDX-License-Identifier: MIT */
/* The bus of one process: its own hub is the only one. */

#ifndef VEDETTE_CLI_SERVE_BUS_H
#define VEDETTE_CLI_SERVE_BUS_H

#include "hub/hub.h"

struct vd_serve_bus {
    struct vd_bus base;
    struct vd_hub *hub;
};

/* `hub` must outlive it. */
void vd_serve_bus_init(struct vd_serve_bus *bus, struct vd_hub *hub);

#endif
