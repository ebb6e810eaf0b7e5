/* SPDX-License-Identifier: MIT */
/* A reload: what a running service takes over of its configuration and certificate without a restart, all of it or nothing. */

#ifndef VEDETTE_CLI_SERVE_RELOAD_H
#define VEDETTE_CLI_SERVE_RELOAD_H

#include <jansson.h>
#include <pthread.h>

#include "api/audit_watch.h"
#include "api/health.h"
#include "api/http.h"
#include "center/center.h"
#include "cli/command.h"
#include "cli/pki.h"
#include "cli/stores.h"
#include "hub/hub.h"

/* The parts of a service that can be told. */
struct vd_serve_reload {
    const struct vd_invocation *invocation;
    struct vd_config *config; /* in force; a reload changes what takes effect in it */
    const struct vd_stores *stores;
    struct vd_hub *hub;
    struct vd_http *https; /* NULL: off */
    struct vd_center *center;
    struct vd_audit_watch *audit_watch;
    struct vd_api *api;
    struct vd_health *health;
    struct vd_pki_server server; /* what new connections are shown */
    pthread_mutex_t lock;        /* one at a time */
    bool has_ended;              /* with the lock: the parts are about to go */
};

/* What new connections are shown from now on, for health and for the next reload. Before the service is ready, and by reloads. */
void vd_serve_reload_shows(struct vd_serve_reload *reload, const struct vd_pki_server *server);

/*
 * Reads the configuration, certificate and key again. Any thread; waits for the disk. If anything would keep the service from starting
 * by them, or certificate and key have a fault (cli/pki.h) that those in use have not, nothing is changed: VD_E_INVALID, and why in
 * error_text. Else new connections are given the certificate, open ones stay; and
 * *out, the caller's, is {"changed":[...],"needsRestart":[...],"certificateUntil"}: names of properties and of the certificate's file.
 * Either is logged and in the audit trail. VD_E_CLOSED: the service is stopping.
 */
VD_NODISCARD int vd_serve_reload(
    struct vd_serve_reload *reload, json_t **out, char *error_text, size_t error_size);

/* Waits for the one under way; none follows. */
void vd_serve_reload_end(struct vd_serve_reload *reload);

#endif
