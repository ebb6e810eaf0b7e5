/* SPDX-License-Identifier: MIT */
/* The API over HTTP on a unix socket. */

#ifndef VEDETTE_API_HTTP_H
#define VEDETTE_API_HTTP_H

#include "api/api.h"

/* A body of a request: an indicator list of some millions of lines. */
#define VD_API_BODY_MAX_BYTES (64 << 20)

struct vd_api_http;

/*
 * Listens on the unix socket `path` (mode 0600; one that is left over is replaced) and answers in threads of its own.
 * `api` and what it points to must outlive it. The process must ignore SIGPIPE.
 * VD_E_INVALID (path too long), VD_E_IO, VD_E_NOMEM with the reason in error_text.
 */
VD_NODISCARD int vd_api_http_start(const struct vd_api *api, const char *path,
    struct vd_api_http **out, char *error_text, size_t error_size);

/*
 * Takes no more requests and waits for those under way, but no longer than timeout_ms. True: all ended, everything is
 * freed. False: one goes on (a long query): what `api` points to must not be closed. NULL is allowed.
 */
bool vd_api_http_stop(struct vd_api_http *http, int timeout_ms);

#endif
