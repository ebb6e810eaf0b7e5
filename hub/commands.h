/* SPDX-License-Identifier: MIT */
/* What other threads ask of the hub's loop: to end connections, to tell devices of a change, to stop. */

#ifndef VEDETTE_HUB_COMMANDS_H
#define VEDETTE_HUB_COMMANDS_H

#include "hub/server.h"

/* What hub/hub.h says of vd_hub_disconnect, _set_ip_filter, _set_rates, _policies_changed, _desired_changed and _c2d_waiting is here
 * too: any thread. */

/* Does what was asked for, in that order. On the loop. */
void vd_commands_run(struct vd_hub *hub);

/* Any thread. */
void vd_commands_ask_stop(struct vd_hub *hub);
bool vd_commands_stop_asked(struct vd_hub *hub);

/* Frees what was never done. */
void vd_commands_release(struct vd_hub *hub);

#endif
