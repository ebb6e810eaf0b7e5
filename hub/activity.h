/* SPDX-License-Identifier: MIT */
/* Notes in the hub's state when a connection's identity was heard of. On the loop. */

#ifndef VEDETTE_HUB_ACTIVITY_H
#define VEDETTE_HUB_ACTIVITY_H

#include "hub/connection.h"

/* It has connected just now. */
void vd_activity_connected(struct connection *connection);

/* It has sent something in the minute that is over. */
void vd_activity_seen(struct connection *connection);

/* It has left just now; it was heard of when its last packet was whole. */
void vd_activity_left(struct connection *connection);

#endif
