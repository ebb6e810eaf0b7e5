/* SPDX-License-Identifier: MIT */
/* What the hub sends to connected devices of its own accord: changes of desired properties, and messages. On the loop. */

#ifndef VEDETTE_HUB_DELIVERY_H
#define VEDETTE_HUB_DELIVERY_H

#include "hub/connection.h"

/* Tells a connected session of a change of its identity's desired properties, if it subscribed to them. */
void vd_delivery_desired(struct vd_session *session, int64_t version, struct vd_str change);

/*
 * Messages to a device (C2D). A connection takes them one after another from the queue of its device, under a lock, and sends
 * them in that order, at most VD_HUB_C2D_IN_FLIGHT without a PUBACK. A message's packet id follows from its place among all
 * messages, so that it is the same whenever it is sent again, by whichever connection [MQTT-4.4.0-1].
 */

/* A message may wait. */
void vd_delivery_wanted(struct connection *connection);

/* Goes on where something was in the way: what was queued for the peer is sent, or time has passed. */
void vd_delivery_go_on(struct connection *connection);

/* The device acknowledges; what it was never sent means nothing. */
void vd_delivery_acknowledged(struct connection *connection, uint16_t packet_id);

/* The connection has ended: what it had is given to the next. */
void vd_delivery_gone(struct connection *connection);

/* Ends what waits too long in the queues of devices that are away: now, and from time to time. */
void vd_delivery_start(struct vd_hub *hub);
void vd_delivery_stop(struct vd_hub *hub);

#endif
