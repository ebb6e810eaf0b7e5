/* SPDX-License-Identifier: MIT */
/* Between the parts of the management API: the request taken apart, who asks, and the forms of an answer. */

#ifndef VEDETTE_API_MANAGEMENT_INTERNAL_H
#define VEDETTE_API_MANAGEMENT_INTERNAL_H

#include <pthread.h>

#include "api/management/management.h"
#include "hub/limiter.h"
#include "hub/token.h"
#include "lib/log.h"

struct vd_management {
    struct vd_management_config config;
    pthread_mutex_t lock;        /* for what follows */
    struct vd_limiter *refusals; /* by address of the peer */
    struct vd_log_limit log_refused;
};

/* Names in a path behind the hub's. */
#define VD_MANAGEMENT_NAMES_MAX 2

#define VD_MANAGEMENT_DETAILS_SIZE 160

struct vd_management_args {
    const struct vd_http_request *request;
    const struct evkeyvalq *params; /* of the query, decoded */
    /* As the caller spelled them, decoded; they name this hub. NULL: not in the path. */
    const char *subscription;
    const char *resource_group;
    const char *hub;
    const char *names[VD_MANAGEMENT_NAMES_MAX]; /* what stood for each {n}, decoded, never empty */
    const struct vd_management_caller *caller;
    char *
        details; /* of VD_MANAGEMENT_DETAILS_SIZE: what is changed, in words, for the activity log; empty: nothing to say */
};

/* Any of the server's threads; may block for the disk. *answer comes with status 500 and no body. */
typedef void vd_management_handler(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer);

/* A row of the table of routes. */
struct vd_management_route {
    const char *method;
    const char
        *pattern; /* segments, without the first slash; {s}, {g}, {h}: the ids above; {n}: a name */
    enum vd_role role;     /* who may at least */
    bool is_recorded;      /* in the activity log, with how it ended */
    const char *operation; /* "Microsoft.Devices/IotHubs/read" */
    vd_management_handler *handler;
};

/* The table, to list what can be done. */
const struct vd_management_route *vd_management_routes(size_t *count);
/* True if its requests are in the audit trail: it changes something, or is recorded. */
bool vd_management_route_is_audited(const struct vd_management_route *route);

/* The caller by his token, `caller`; false: answered with 401 or 429. */
bool vd_management_authenticate(struct vd_management *management,
    const struct vd_http_request *request, struct vd_token *caller, struct vd_http_answer *answer);

/* The same by the token's text, wherever it stood; length 0: there was none. */
bool vd_management_admit(struct vd_management *management, const struct vd_http_request *request,
    struct vd_str text, struct vd_token *caller, struct vd_http_answer *answer);

/* False: too many requests of the peer were refused; answered with 429. */
bool vd_management_may_try(struct vd_management *management, const struct vd_http_request *request,
    struct vd_http_answer *answer);

/* Counts a refusal of the peer, and writes it down with the status that it is answered with: `why` is for the log and the
 * audit trail. */
void vd_management_refused(struct vd_management *management, const struct vd_http_request *request,
    int status, const char *why);

/* True if he has the role; false: answered with 403. */
bool vd_management_allows(const struct vd_management_caller *caller, enum vd_role role,
    const char *operation, const char *path, struct vd_http_answer *answer);

/* ---- What handlers use ---- */

/* The hub's id as the caller spelled it. */
void vd_management_hub_id(const struct vd_management_args *args, char out[VD_RESOURCE_ID_SIZE]);

/* True if the request does not say which etag it wants, wants any, or this one. */
bool vd_management_etag_fits(const struct vd_management_args *args, const char *etag);

/* The body as a JSON object, the caller's to free; NULL: answered with 400. */
json_t *vd_management_body(const struct vd_management_args *args, struct vd_http_answer *answer);

/* The id of the security solution as the caller spelled it, whose name is the first of the path's, and longer than that
 * is cut. */
#define VD_MANAGEMENT_SOLUTION_ID_SIZE 640
void vd_management_solution_id(
    const struct vd_management_args *args, char out[VD_MANAGEMENT_SOLUTION_ID_SIZE]);

/* Until when a dismissal of these APIs holds, which know no end of one: the alert's repeats are of its UTC day. */
int64_t vd_management_dismissal_end(int64_t now_ms);

/* Parameter `name` of the query; NULL: it is not there. */
const char *vd_management_param(const struct vd_management_args *args, const char *name);

/* The path and query of a list's next page, with $skiptoken `token`; NULL without memory. */
json_t *vd_management_next_link(const struct vd_management_args *args, const char *token);

/* Answers with `body`, which is the answer's from now on; NULL: memory ran out. */
void vd_management_reply(struct vd_http_answer *answer, int status, json_t *body);

/* Answers with a fault. target: what of the request is wrong; NULL: nothing to point at. */
void vd_management_fail(struct vd_http_answer *answer, int status, const char *code,
    const char *target, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Answers with the fault that stands for `error`, about `what`. */
void vd_management_fail_error(struct vd_http_answer *answer, int error, const char *what);

/* ---- Handlers ---- */

vd_management_handler vd_management_operations;
vd_management_handler vd_management_check_name;
vd_management_handler vd_management_hub_get;
vd_management_handler vd_management_hub_list;
vd_management_handler vd_management_hub_put;
vd_management_handler vd_management_hub_patch;
vd_management_handler vd_management_hub_delete;
vd_management_handler vd_management_stats;
vd_management_handler vd_management_quota_metrics;
vd_management_handler vd_management_usages;
vd_management_handler vd_management_skus;
vd_management_handler vd_management_endpoints_health;
vd_management_handler vd_management_jobs;
vd_management_handler vd_management_key_list;
vd_management_handler vd_management_key_get;
vd_management_handler vd_management_certificate_list;
vd_management_handler vd_management_certificate_get;
vd_management_handler vd_management_certificate_put;
vd_management_handler vd_management_certificate_delete;
vd_management_handler vd_management_certificate_code;
vd_management_handler vd_management_certificate_verify;
vd_management_handler vd_management_diagnostics_list;
vd_management_handler vd_management_diagnostics_get;
vd_management_handler vd_management_diagnostics_put;
vd_management_handler vd_management_diagnostics_delete;
vd_management_handler vd_management_category_list;
vd_management_handler vd_management_category_get;
vd_management_handler vd_management_alert_list;
vd_management_handler vd_management_alert_list_region;
vd_management_handler vd_management_alert_get;
vd_management_handler vd_management_alert_dismiss;
vd_management_handler vd_management_alert_resolve;
vd_management_handler vd_management_alert_activate;
vd_management_handler vd_management_alert_simulate;
vd_management_handler vd_management_analytics_list;
vd_management_handler vd_management_analytics_get;
vd_management_handler vd_management_aggregated_list;
vd_management_handler vd_management_aggregated_get;
vd_management_handler vd_management_aggregated_dismiss;
vd_management_handler vd_management_group_list;
vd_management_handler vd_management_group_get;
vd_management_handler vd_management_group_put;
vd_management_handler vd_management_group_delete;
vd_management_handler vd_management_solution_list;
vd_management_handler vd_management_solution_get;
vd_management_handler vd_management_solution_put;
vd_management_handler vd_management_solution_patch;
vd_management_handler vd_management_solution_delete;
vd_management_handler vd_management_recommendation_list;
vd_management_handler vd_management_recommendation_get;
vd_management_handler vd_management_query_workspace;
vd_management_handler vd_management_query_hub;
vd_management_handler vd_management_query_batch;
vd_management_handler vd_management_contact_list;
vd_management_handler vd_management_contact_get;
vd_management_handler vd_management_contact_put;
vd_management_handler vd_management_contact_patch;
vd_management_handler vd_management_contact_delete;

#endif
