/* SPDX-License-Identifier: MIT */
/* What addresses and identities have done at their rates, from one connection to the next, and without one. */

#ifndef VEDETTE_HUB_PACES_H
#define VEDETTE_HUB_PACES_H

#include "hub/connection.h"

/* Makes the tables of all rates. VD_E_NOMEM. */
VD_NODISCARD int vd_paces_start(struct vd_hub *hub, const struct vd_hub_rates *rates);
void vd_paces_release(struct vd_hub *hub);

/* Other rates from now on. On the loop, with the hub's lock. */
void vd_paces_set(struct vd_hub *hub, const struct vd_hub_rates *rates);

/* A connection was let in: it goes on at the pace that its identity had, and rests if that is too fast. On the loop. */
void vd_paces_begin(struct connection *connection);

/* It ends: what it has done counts for the next. On the loop. */
void vd_paces_end(struct connection *connection);

/* Whether a device may post a message of so many bytes, which is counted then. With the hub's lock, any thread. */
bool vd_paces_may_post(struct vd_hub *hub, struct vd_str device_id, size_t bytes);

#endif
