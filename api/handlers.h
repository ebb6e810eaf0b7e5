/* SPDX-License-Identifier: MIT */
/* Between the dispatcher and the handlers: the request taken apart, and the forms of an answer. */

#ifndef VEDETTE_API_HANDLERS_H
#define VEDETTE_API_HANDLERS_H

#include "api/api.h"

struct evkeyvalq;

struct vd_api_args {
    const char *id;                 /* what stood for {id}, decoded; NULL without one */
    const char *module_id;          /* likewise for {mid} */
    const struct evkeyvalq *params; /* of the query, decoded */
    struct vd_str body;
    struct vd_http_later *later; /* NULL: it must be answered at once */
    const struct vd_api_caller *caller;
    const atomic_bool *is_gone; /* see vd_http_request */
};

typedef void vd_api_handler(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer);

/* A row of the table of routes. */
struct vd_api_route {
    const char *method;
    const char *pattern; /* {id} and {mid} stand for one segment each */
    enum vd_role role;   /* who may at least */
    unsigned needs;      /* VD_NEEDS_* */
    vd_api_handler *handler;
};

const struct vd_api_route *vd_api_routes(size_t *count);

/* True if its requests are in the audit trail: it changes something, since it is no GET and is not for readers, or tells the
 * hub's own keys. */
bool vd_api_route_is_audited(const struct vd_api_route *route);

/* True if the caller has the role; false: answered with 403. */
bool vd_api_allows(const struct vd_api_args *args, enum vd_role role, struct vd_api_answer *answer);

/* A notice of the days that went for want of room, the caller's; NULL: none did. */
json_t *vd_api_days_gone(const struct vd_analytics_stats *stats);

/* True if he is on this machine, whose files he may name. */
bool vd_api_is_local(const struct vd_api_args *args);

/* True unless the settings name a file, and the caller is not on this machine or the file outside of what the service may use;
 * false: answered with 403. NULL is allowed. */
bool vd_api_may_set(
    const struct vd_api_args *args, const json_t *settings, struct vd_api_answer *answer);

/* Cuts a URL of settings, which may hold secrets, to its beginning. */
void vd_api_hide_url(json_t *settings, const char *name);

/* *sinks: what GET /notify lists, the caller's. */
VD_NODISCARD int vd_api_sinks(const struct vd_api *api, json_t **sinks);

/* Parameter `name` as text; NULL if it is absent. */
const char *vd_api_param(const struct vd_api_args *args, const char *name);

/* Parameter `name` as a number of 0 to max; `fallback` if it is absent. False (answer set) for anything else. */
bool vd_api_param_number(const struct vd_api_args *args, const char *name, int64_t max,
    int64_t fallback, int64_t *value, struct vd_api_answer *answer);

/* The body as a JSON object, the caller's to free; NULL (answer set) if it is none. */
json_t *vd_api_body_object(const struct vd_api_args *args, struct vd_api_answer *answer);

/* A time as text, the caller's; 0: null. NULL: no memory. */
json_t *vd_api_time(int64_t utc_ms);

/* Answers with `body`, which is the answer's from now on; NULL: memory ran out. */
void vd_api_reply(struct vd_api_answer *answer, int status, json_t *body);

/* Answers with a fault. */
void vd_api_fail(struct vd_api_answer *answer, int status, const char *code, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* Answers with the fault that stands for `error`, about `what`. */
void vd_api_fail_error(struct vd_api_answer *answer, int error, const char *what);

/* The same for an error of the hub's state: what is a limit there is that too much waits. */
void vd_api_fail_state(struct vd_api_answer *answer, int error, const char *what);

vd_api_handler vd_api_device_list;
vd_api_handler vd_api_device_create;
vd_api_handler vd_api_device_get;
vd_api_handler vd_api_device_update;
vd_api_handler vd_api_device_delete;
vd_api_handler vd_api_device_group;
vd_api_handler vd_api_method_call;
vd_api_handler vd_api_twin_get;
vd_api_handler vd_api_twin_patch;
vd_api_handler vd_api_twin_replace;
vd_api_handler vd_api_twin_query;
vd_api_handler vd_api_message_send;
vd_api_handler vd_api_message_purge;
vd_api_handler vd_api_feedback_list;
vd_api_handler vd_api_feedback_forget;

vd_api_handler vd_api_backup_write;
vd_api_handler vd_api_reload_run;
vd_api_handler vd_api_ip_filter_get;
vd_api_handler vd_api_ip_filter_put;
vd_api_handler vd_api_certificate_list;
vd_api_handler vd_api_certificate_add;
vd_api_handler vd_api_certificate_get;
vd_api_handler vd_api_certificate_code;
vd_api_handler vd_api_certificate_verify;
vd_api_handler vd_api_certificate_delete;
vd_api_handler vd_api_policy_list;
vd_api_handler vd_api_policy_get;
vd_api_handler vd_api_policy_create;
vd_api_handler vd_api_policy_delete;
vd_api_handler vd_api_policy_rotate;
vd_api_handler vd_api_token_list;
vd_api_handler vd_api_token_create;
vd_api_handler vd_api_token_delete;

vd_api_handler vd_api_alert_list;
vd_api_handler vd_api_alert_get;
vd_api_handler vd_api_alert_groups;
vd_api_handler vd_api_alert_counts;
vd_api_handler vd_api_alert_start;
vd_api_handler vd_api_alert_dismiss;
vd_api_handler vd_api_alert_resolve;
vd_api_handler vd_api_alert_reopen;
vd_api_handler vd_api_alert_note;
vd_api_handler vd_api_alert_act_all;
vd_api_handler vd_api_group_list;
vd_api_handler vd_api_group_get;
vd_api_handler vd_api_group_put;
vd_api_handler vd_api_group_delete;
vd_api_handler vd_api_group_test;
vd_api_handler vd_api_group_propose;
vd_api_handler vd_api_notify_list;
vd_api_handler vd_api_notify_add;
vd_api_handler vd_api_notify_remove;
vd_api_handler vd_api_notify_test;
vd_api_handler vd_api_notify_dead_list;
vd_api_handler vd_api_notify_dead_replay;
vd_api_handler vd_api_notify_dead_discard;
vd_api_handler vd_api_doctor_group;
vd_api_handler vd_api_doctor_device;
vd_api_handler vd_api_overview;
vd_api_handler vd_api_inventory_list;
vd_api_handler vd_api_inventory_get;
vd_api_handler vd_api_recommendation_list;
vd_api_handler vd_api_recommendation_get;
vd_api_handler vd_api_dead_letter_list;
vd_api_handler vd_api_dead_letter_get;
vd_api_handler vd_api_dead_letter_replay;
vd_api_handler vd_api_dead_letter_replay_all;
vd_api_handler vd_api_dead_letter_delete;
vd_api_handler vd_api_dead_letter_delete_all;
vd_api_handler vd_api_indicator_import;
vd_api_handler vd_api_indicator_check;
vd_api_handler vd_api_feed_list;
vd_api_handler vd_api_feed_get;
vd_api_handler vd_api_feed_put;
vd_api_handler vd_api_feed_delete;
vd_api_handler vd_api_feed_refresh;
vd_api_handler vd_api_query;
vd_api_handler vd_api_query_names;
vd_api_handler vd_api_saved_list;
vd_api_handler vd_api_saved_get;
vd_api_handler vd_api_saved_put;
vd_api_handler vd_api_saved_delete;
vd_api_handler vd_api_saved_run;
vd_api_handler vd_api_audit_list;
vd_api_handler vd_api_audit_get;
vd_api_handler vd_api_audit_export;
vd_api_handler vd_api_status;
vd_api_handler vd_api_health;

#endif
