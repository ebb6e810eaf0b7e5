/* SPDX-License-Identifier: MIT */
/* Answers what sessions ask of the hub's state: kept sessions and twins. On the loop. */

#ifndef VEDETTE_HUB_ASKS_H
#define VEDETTE_HUB_ASKS_H

#include "hub/connection.h"

/* As `ask` of struct vd_session_host. Without a state nothing was ever kept, and twins are not served (503). */
void vd_asks_begin(struct connection *connection, const struct vd_session_ask *ask);

#endif
