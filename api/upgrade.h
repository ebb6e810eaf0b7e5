/* SPDX-License-Identifier: MIT */
/* Requests that ask for WebSocket: the server's half of the handshake (RFC 6455, section 4.2), and the way to the hub. */

#ifndef VEDETTE_API_UPGRADE_H
#define VEDETTE_API_UPGRADE_H

#include <event2/http.h>

#include "api/http.h"
#include "lib/log.h"

struct vd_upgrade {
    struct vd_http_upgrade to; /* its strings are the caller's */
    struct vd_log_limit log_refused;
};

void vd_upgrade_init(struct vd_upgrade *upgrade, const struct vd_http_upgrade *to);

/* True: the request was one for the upgrade's path, and was answered, or its connection has left HTTP. On the loop. */
bool vd_upgrade_takes(struct vd_upgrade *upgrade, struct evhttp_request *request);

#endif
