/* SPDX-License-Identifier: MIT */
/* What the hub sends to connected devices of its own accord: changes of desired properties. On the loop. */

#ifndef VEDETTE_HUB_DELIVERY_H
#define VEDETTE_HUB_DELIVERY_H

#include "hub/server.h"

/* Tells a connected session of a change of its identity's desired properties, if it subscribed to them. */
void vd_delivery_desired(struct vd_session *session, int64_t version, struct vd_str change);

#endif
