/* SPDX-License-Identifier: MIT */
/* Connections over WebSocket on their way from a server of HTTPS, where vd_hub_adopt puts them, to the hub's loop. */

#ifndef VEDETTE_HUB_ARRIVALS_H
#define VEDETTE_HUB_ARRIVALS_H

#include "hub/server.h"

/* Makes connections of those that have come; once the hub is stopping they are closed. On the loop. */
void vd_arrivals_take(struct vd_hub *hub);

/* Closes those that were never taken. */
void vd_arrivals_release(struct vd_hub *hub);

#endif
