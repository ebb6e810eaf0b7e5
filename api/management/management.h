/* SPDX-License-Identifier: MIT */
/* The management API: the hub as a resource, in the form that @azure/arm-iothub knows. docs/management.md lists it. */

#ifndef VEDETTE_API_MANAGEMENT_MANAGEMENT_H
#define VEDETTE_API_MANAGEMENT_MANAGEMENT_H

#include "api/activity.h"
#include "api/audit.h"
#include "api/http.h"
#include "hub/hub.h"
#include "hub/registry.h"
#include "lib/resource.h"

/* A request's body: a hundred rules in both forms, 64 policies and 50 tags fit several times. */
#define VD_MANAGEMENT_BODY_MAX_BYTES (256u << 10)

struct vd_analytics;
struct vd_export;
struct vd_alert_store;

struct vd_management_config {
    struct vd_registry *registry;
    struct vd_alert_store *alerts;
    struct vd_analytics *analytics; /* for log queries; NULL: none are answered */
    struct vd_hub *hub;             /* for its counters and its IP filter; NULL: none is running */
    const struct vd_recorder *recorder; /* of the activity log; NULL: nothing is recorded */
    struct vd_audit *audit;             /* the audit trail; NULL likewise */
    struct vd_export *exporter;         /* is told of diagnostic settings; NULL: none is running */
    const char *host_name;              /* of the hub, without a port */
    struct vd_resource_scope scope;     /* the one hub's id */
};

struct vd_management;

/* Copies `config`; what it points to must outlive it. VD_E_NOMEM. */
VD_NODISCARD int vd_management_new(
    const struct vd_management_config *config, struct vd_management **out);
/* No server may hold its face any more. NULL is allowed. */
void vd_management_free(struct vd_management *management);

/*
 * The face: takes paths that begin with `subscriptions`, `providers`, `workspaces`, `v1` or `$batch`, in any case, behind any number of slashes. A
 * request needs `Authorization: Bearer {token}` (hub/token.h), each route a role. The hub's IP filter does not hold here:
 * whoever locks himself out can let himself in again. Faults are {"error":{"code","message"[,"target"]}}.
 */
struct vd_http_face vd_management_face(struct vd_management *management);

/* True for the paths of the face. */
bool vd_management_takes(const char *path);

/* Whom it answers. */
struct vd_management_caller {
    const char *name; /* in the records: token:NAME, or local:USER */
    enum vd_role role;
    const char *token; /* the name of the one he showed; NULL: he is on this machine */
};

/* Answers one who has shown elsewhere who he is. Any thread; blocks for the disk. */
void vd_management_call(struct vd_management *management, const struct vd_management_caller *caller,
    const struct vd_http_request *request, struct vd_http_answer *answer);

#endif
