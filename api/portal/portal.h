/* SPDX-License-Identifier: MIT */
/* The portal: pages, sessions, and the owner's API for whoever signed in. docs/portal.md tells of it. */

#ifndef VEDETTE_API_PORTAL_PORTAL_H
#define VEDETTE_API_PORTAL_PORTAL_H

#include "api/api.h"
#include "api/portal/files.h"
#include "lib/config.h"
#include "lib/secret.h"

/* Where it is; what is below it belongs to the pages but for api/, session and events. */
#define VD_PORTAL_PATH "/portal/"

/* A request's body. Longer lists of indicators are for `vedette`. */
#define VD_PORTAL_BODY_MAX_BYTES (4u << 20)

/* Of one that signs in, which anybody can send: the longest token is 112 characters. */
#define VD_PORTAL_SIGN_IN_MAX_BYTES 1024

struct vd_management;

struct vd_portal_config {
    struct vd_api *api;               /* must outlive it */
    struct vd_management *management; /* whose count of refused tries it shares; likewise */
    const uint8_t *master_key;        /* VD_MASTER_KEY_BYTES; is not kept */
    const char *const *folders;       /* the first that has pages is read; none has: that is said */
    size_t folder_count;
    int64_t beat_ms; /* of streams of events, see api/portal/events.h; 0: as there */
};

struct vd_portal;

/* VD_E_NOMEM, or the errors of a folder that is there and cannot be read. */
VD_NODISCARD int vd_portal_new(const struct vd_portal_config *config, struct vd_portal **out);
/* No server may hold its face any more. NULL is allowed. */
void vd_portal_free(struct vd_portal *portal);

/* Where people find it: "https://hub.example:8443/portal/"; "" where no pages are served. */
#define VD_PORTAL_URL_SIZE (VD_HOST_NAME_MAX + 32)
void vd_portal_url(const struct vd_api *api, char out[VD_PORTAL_URL_SIZE]);

/* True if it has pages. */
bool vd_portal_has_pages(const struct vd_portal *portal);

/*
 * The face, for a server over TLS: takes "/" and what is below VD_PORTAL_PATH.
 *
 * GET /, /portal                   302 to /portal/
 * POST /portal/session             {"token"}: signs in; 200 and the cookie. 401; 400 for what has no token or is longer than
 *                                  VD_PORTAL_SIGN_IN_MAX_BYTES; 429 after too many of both
 * GET /portal/session              {"name","role","expires","csrf","version","address"}; 401: nobody is signed in
 * DELETE /portal/session           signs out; 204
 * GET /portal/events               server-sent events while the session lasts: `event: alerts`, `data: 4711`: names and numbers that are
 *                                  others after a change (api/portal/marks.h), all of them at the beginning; 503 beyond 64 streams
 * /portal/api/...                  the owner's API (api/api.h), in the role of the session's token
 * GET, HEAD of all else            the pages
 *
 * What changes something (all but GET and HEAD) needs the header X-Vedette-Csrf with the session's `csrf`, and comes from the
 * portal's own pages: Sec-Fetch-Site, where it is sent, is same-origin. Faults are {"error":{"code","message"}}.
 */
struct vd_http_face vd_portal_face(struct vd_portal *portal);

#endif
