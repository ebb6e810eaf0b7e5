/* SPDX-License-Identifier: MIT */
/* Streams of server-sent events: names and numbers of what has changed. One thread for all of them. */

#ifndef VEDETTE_API_PORTAL_EVENTS_H
#define VEDETTE_API_PORTAL_EVENTS_H

#include "api/api.h"
#include "api/portal/session.h"

/* From one look at the stores to the next: a stream has an event at each at most, so four a second. */
#define VD_PORTAL_TICK_MS 250
/* From one comment to the next, with each of which the session is judged again. */
#define VD_PORTAL_BEAT_MS 15000
/* Of the server's streams, those of one token's sessions: whoever has it leaves some to others. */
#define VD_PORTAL_TOKEN_STREAMS_MAX 16

struct vd_portal_events;

struct vd_portal_events_config {
    struct vd_api *api;                        /* must outlive it */
    const struct vd_portal_session_keys *keys; /* likewise */
    int64_t beat_ms;                           /* 0: VD_PORTAL_BEAT_MS */
};

/* VD_E_NOMEM. */
VD_NODISCARD int vd_portal_events_new(
    const struct vd_portal_events_config *config, struct vd_portal_events **out);
/* The server whose streams it has must have been stopped. NULL is allowed. */
void vd_portal_events_free(struct vd_portal_events *events);

/* Makes the answer of the request a stream, until the session ends, which the cookie stands for. False: there are too many, of
 * all or of its token. */
bool vd_portal_events_add(struct vd_portal_events *events, struct vd_http_later *later,
    const struct vd_portal_session *session, struct vd_str cookie);

#endif
