/* SPDX-License-Identifier: MIT */
/* The service API: what back ends call over HTTPS, in the form that their SDKs know. docs/hub.md lists it. */

#ifndef VEDETTE_API_SERVICE_SERVICE_H
#define VEDETTE_API_SERVICE_SERVICE_H

#include "api/audit.h"
#include "api/http.h"
#include "api/record.h"
#include "hub/hub.h"
#include "hub/registry.h"
#include "hub/state.h"
#include "hub/sweeper.h"
#include "lib/bus.h"

/* A request's body: the largest method payload and its envelope fit many times. */
#define VD_SERVICE_BODY_MAX_BYTES (1u << 20)

/* Of a bulk operation: a thousand identities with everything that they can have. */
#define VD_SERVICE_BULK_BODY_MAX_BYTES (4u << 20)
#define VD_SERVICE_BULK_MAX            1000

/* Devices that one list answers. */
#define VD_SERVICE_LIST_MAX 1000

struct vd_service_config {
    struct vd_registry *registry;
    struct vd_state *state;     /* twins, C2D */
    struct vd_sweeper *sweeper; /* hears of removed identities; NULL: the next start sweeps */
    struct vd_bus *bus;         /* NULL: no hub is running */
    struct vd_hub *hub;    /* for its counters, and what devices do over HTTPS; NULL likewise */
    const char *host_name; /* of the hub, without a port: tokens must name it */
    const struct vd_recorder *recorder; /* NULL: nothing is recorded */
    struct vd_audit *audit;             /* the audit trail; NULL likewise */
};

struct vd_service;

/* Copies `config`; what it points to must outlive the service. VD_E_NOMEM. */
VD_NODISCARD int vd_service_new(const struct vd_service_config *config, struct vd_service **out);
/* No server may hold its face any more. NULL is allowed. */
void vd_service_free(struct vd_service *service);

/*
 * The face of the service. A request needs `Authorization: SharedAccessSignature sr=..&sig=..&se=..&skn=..` signed with
 * a key of the policy that it names, for this hub; each route a right of that policy. Faults are
 * {"Message":"ErrorCode:NAME;...","ExceptionMessage":"Tracking ID:..."} with the header iothub-errorcode: NAME.
 */
struct vd_http_face vd_service_face(struct vd_service *service);

#endif
