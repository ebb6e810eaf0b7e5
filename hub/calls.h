/* SPDX-License-Identifier: MIT */
/* Direct methods in a running hub: from any thread to a session, and the answer back. On the hub's loop unless said. */

#ifndef VEDETTE_HUB_CALLS_H
#define VEDETTE_HUB_CALLS_H

#include "hub/server.h"

/* What hub/hub.h says of vd_hub_call_method and vd_hub_refuse_methods is here too. */

/* VD_E_NOMEM. The hub's loop must be there. */
VD_NODISCARD int vd_calls_start(struct vd_hub *hub);
/* Frees; no call may be under way. */
void vd_calls_release(struct vd_hub *hub);

/* Begins the calls that other threads asked for. */
void vd_calls_take(struct vd_hub *hub);

/* Ends all with VD_E_CLOSED; whatever is asked for from now on is refused. */
void vd_calls_end_all(struct vd_hub *hub);

/* Sends the session the calls that wait for it. */
void vd_calls_send(struct vd_hub *hub, struct vd_session *session);

/* The session's identity answers. */
void vd_calls_answered(struct vd_hub *hub, const struct vd_session *session, uint64_t rid,
    int status, struct vd_str payload);

/* The session has ended, and with it the calls that it was sent. */
void vd_calls_gone(struct vd_hub *hub, const struct vd_session *session);

#endif
