/* SPDX-License-Identifier: MIT */
/* The table of routes, what finds the one for a request, and the forms of an answer. */

#include "api/api.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>

#include "api/handlers.h"
#include "api/local.h"
#include "api/management/management.h"
#include "lib/clock.h"
#include "lib/sandbox.h"

/* Identities with what they have. */
#define NEEDS_BOTH (VD_NEEDS_REGISTRY | VD_NEEDS_STATE)
/* Groups with the devices that they cover. */
#define NEEDS_GROUPS (NEEDS_BOTH | VD_NEEDS_ALERTS)

static const struct vd_api_route routes[] = {
    {"GET", "/devices", VD_ROLE_READER, VD_NEEDS_REGISTRY, vd_api_device_list},
    {"POST", "/devices", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_device_create},
    {"GET", "/devices/{id}", VD_ROLE_READER, NEEDS_BOTH, vd_api_device_get},
    {"PATCH", "/devices/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_device_update},
    {"DELETE", "/devices/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_device_delete},
    {"POST", "/devices/{id}/methods", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_method_call},
    {"POST", "/devices/{id}/modules/{mid}/methods", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY,
        vd_api_method_call},
    {"GET", "/devices/{id}/twin", VD_ROLE_READER, NEEDS_BOTH, vd_api_twin_get},
    {"PATCH", "/devices/{id}/twin", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH, vd_api_twin_patch},
    {"PUT", "/devices/{id}/twin", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH, vd_api_twin_replace},
    {"GET", "/devices/{id}/modules/{mid}/twin", VD_ROLE_READER, NEEDS_BOTH, vd_api_twin_get},
    {"PATCH", "/devices/{id}/modules/{mid}/twin", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH,
        vd_api_twin_patch},
    {"PUT", "/devices/{id}/modules/{mid}/twin", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH,
        vd_api_twin_replace},
    {"PUT", "/devices/{id}/group", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH, vd_api_device_group},
    {"POST", "/devices/{id}/messages", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH, vd_api_message_send},
    {"DELETE", "/devices/{id}/messages", VD_ROLE_CONTRIBUTOR, NEEDS_BOTH, vd_api_message_purge},
    {"POST", "/twins/query", VD_ROLE_READER, NEEDS_BOTH, vd_api_twin_query},
    {"GET", "/feedback", VD_ROLE_READER, VD_NEEDS_STATE, vd_api_feedback_list},
    {"DELETE", "/feedback", VD_ROLE_CONTRIBUTOR, VD_NEEDS_STATE, vd_api_feedback_forget},
    {"POST", "/backup", VD_ROLE_OWNER, VD_NEEDS_ALL, vd_api_backup_write},
    {"POST", "/reload", VD_ROLE_OWNER, 0, vd_api_reload_run},
    {"GET", "/ip-filter", VD_ROLE_READER, VD_NEEDS_REGISTRY, vd_api_ip_filter_get},
    {"PUT", "/ip-filter", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_ip_filter_put},
    {"GET", "/certificates", VD_ROLE_READER, VD_NEEDS_REGISTRY, vd_api_certificate_list},
    {"POST", "/certificates", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_certificate_add},
    {"GET", "/certificates/{id}", VD_ROLE_READER, VD_NEEDS_REGISTRY, vd_api_certificate_get},
    {"DELETE", "/certificates/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY,
        vd_api_certificate_delete},
    {"POST", "/certificates/{id}/code", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY,
        vd_api_certificate_code},
    {"POST", "/certificates/{id}/verify", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY,
        vd_api_certificate_verify},
    {"GET", "/policies", VD_ROLE_READER, VD_NEEDS_REGISTRY, vd_api_policy_list},
    {"POST", "/policies", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_policy_create},
    {"GET", "/policies/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_REGISTRY, vd_api_policy_get},
    {"DELETE", "/policies/{id}", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_policy_delete},
    {"POST", "/policies/{id}/rotate", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_policy_rotate},
    {"GET", "/tokens", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_token_list},
    {"POST", "/tokens", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_token_create},
    {"DELETE", "/tokens/{id}", VD_ROLE_OWNER, VD_NEEDS_REGISTRY, vd_api_token_delete},
    {"GET", "/alerts", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_alert_list},
    {"POST", "/alerts", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_act_all},
    {"GET", "/alerts/{id}", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_alert_get},
    {"POST", "/alerts/{id}/start", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_start},
    {"POST", "/alerts/{id}/dismiss", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_dismiss},
    {"POST", "/alerts/{id}/resolve", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_resolve},
    {"POST", "/alerts/{id}/reopen", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_reopen},
    {"POST", "/alerts/{id}/notes", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_alert_note},
    {"GET", "/alert-groups", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_alert_groups},
    {"GET", "/alert-counts", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_alert_counts},
    {"GET", "/groups", VD_ROLE_READER, NEEDS_GROUPS, vd_api_group_list},
    {"GET", "/groups/{id}", VD_ROLE_READER, NEEDS_GROUPS, vd_api_group_get},
    {"PUT", "/groups/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_group_put},
    {"DELETE", "/groups/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_group_delete},
    {"POST", "/groups/{id}/test", VD_ROLE_READER, NEEDS_BOTH | VD_NEEDS_ANALYTICS,
        vd_api_group_test},
    {"POST", "/groups/{id}/propose", VD_ROLE_READER, NEEDS_GROUPS | VD_NEEDS_ANALYTICS,
        vd_api_group_propose},
    {"GET", "/notify", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_notify_list},
    {"POST", "/notify", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_notify_add},
    {"DELETE", "/notify/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_notify_remove},
    {"POST", "/notify/{id}/test", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_notify_test},
    {"GET", "/notify-dead", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_notify_dead_list},
    {"POST", "/notify-dead/{id}/replay", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS,
        vd_api_notify_dead_replay},
    {"DELETE", "/notify-dead/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS,
        vd_api_notify_dead_discard},
    {"GET", "/doctor", VD_ROLE_READER, NEEDS_GROUPS, vd_api_doctor_group},
    {"GET", "/doctor/{id}", VD_ROLE_READER, NEEDS_GROUPS, vd_api_doctor_device},
    {"GET", "/overview", VD_ROLE_READER, VD_NEEDS_ALERTS | VD_NEEDS_LOG, vd_api_overview},
    {"GET", "/inventory", VD_ROLE_READER, NEEDS_GROUPS, vd_api_inventory_list},
    {"GET", "/inventory/{id}", VD_ROLE_READER, NEEDS_GROUPS | VD_NEEDS_ANALYTICS,
        vd_api_inventory_get},
    {"GET", "/recommendations", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_recommendation_list},
    {"GET", "/recommendations/{id}", VD_ROLE_READER, VD_NEEDS_ALERTS | VD_NEEDS_REGISTRY,
        vd_api_recommendation_get},
    {"GET", "/dead-letters", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_dead_letter_list},
    {"DELETE", "/dead-letters", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS,
        vd_api_dead_letter_delete_all},
    {"POST", "/dead-letters/replay", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS | VD_NEEDS_LOG,
        vd_api_dead_letter_replay_all},
    {"GET", "/dead-letters/{id}", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_dead_letter_get},
    {"DELETE", "/dead-letters/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS,
        vd_api_dead_letter_delete},
    {"POST", "/dead-letters/{id}/replay", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS | VD_NEEDS_LOG,
        vd_api_dead_letter_replay},
    {"POST", "/indicators", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_indicator_import},
    {"GET", "/indicators", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_indicator_check},
    {"GET", "/feeds", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_feed_list},
    {"GET", "/feeds/{id}", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_feed_get},
    {"PUT", "/feeds/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_feed_put},
    {"DELETE", "/feeds/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_feed_delete},
    {"POST", "/feeds/{id}/refresh", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_feed_refresh},
    {"POST", "/query", VD_ROLE_READER, VD_NEEDS_ANALYTICS, vd_api_query},
    {"GET", "/query/names", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_query_names},
    {"GET", "/queries", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_saved_list},
    {"GET", "/queries/{id}", VD_ROLE_READER, VD_NEEDS_ALERTS, vd_api_saved_get},
    {"PUT", "/queries/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_saved_put},
    {"DELETE", "/queries/{id}", VD_ROLE_CONTRIBUTOR, VD_NEEDS_ALERTS, vd_api_saved_delete},
    {"POST", "/queries/{id}/run", VD_ROLE_READER, NEEDS_GROUPS | VD_NEEDS_ANALYTICS,
        vd_api_saved_run},
    {"GET", "/audit", VD_ROLE_OWNER, VD_NEEDS_AUDIT, vd_api_audit_list},
    {"GET", "/audit/{id}", VD_ROLE_OWNER, VD_NEEDS_AUDIT, vd_api_audit_get},
    {"GET", "/audit-export", VD_ROLE_OWNER, VD_NEEDS_AUDIT, vd_api_audit_export},
    {"GET", "/status", VD_ROLE_READER, VD_NEEDS_ALERTS | VD_NEEDS_LOG | VD_NEEDS_STATE,
        vd_api_status},
    {"GET", "/health", VD_ROLE_READER, 0, vd_api_health},
};

/* "changed=" and a number. */
#define NOTE_SIZE 40

#define ROUTES (sizeof routes / sizeof routes[0])

const struct vd_api_route *vd_api_routes(size_t *count)
{
    *count = ROUTES;
    return routes;
}

/* What stands for {id} and {mid} in a path, still encoded; empty if the pattern has none. */
struct variables {
    struct vd_str id;
    struct vd_str module_id;
};

/* True if `path` is of the pattern's form. */
static bool pattern_matches(const char *pattern, const char *path, struct variables *variables)
{
    *variables = (struct variables){{"", 0}, {"", 0}};
    while (*pattern != '\0') {
        if (*pattern == '{') {
            const struct vd_str value = {path, strcspn(path, "/")};

            if (value.length == 0) {
                return false;
            }
            *(pattern[1] == 'i' ? &variables->id : &variables->module_id) = value;
            path += value.length;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

/* NULL if there is none; *path_known tells whether the path has one for another method. */
static const struct vd_api_route *route_find(
    const struct vd_api_request *request, struct variables *variables, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < ROUTES; i++) {
        if (pattern_matches(routes[i].pattern, request->path, variables)) {
            *path_known = true;
            if (strcmp(routes[i].method, request->method) == 0) {
                return &routes[i];
            }
        }
    }
    return NULL;
}

unsigned vd_api_needs(const struct vd_api_request *request)
{
    struct variables variables;
    bool path_known;
    const struct vd_api_route *route = route_find(request, &variables, &path_known);

    if (vd_management_takes(request->path)) {
        return VD_NEEDS_REGISTRY | VD_NEEDS_ALERTS | VD_NEEDS_LOG | VD_NEEDS_AUDIT;
    }
    if (route == NULL) {
        return 0;
    }
    return route->needs | (vd_local_is_recorded(route->handler) ? VD_NEEDS_LOG : 0U) |
        (vd_api_route_is_audited(route) ? VD_NEEDS_AUDIT : 0U);
}

/* The text that is encoded, the caller's to free; NULL without memory, or (answer set) if it holds a NUL. */
static char *decode(struct vd_str encoded, struct vd_api_answer *answer)
{
    char *part = strndup(encoded.data, encoded.length);
    size_t length = 0;
    char *text = part != NULL ? evhttp_uridecode(part, 0, &length) : NULL;

    free(part);
    if (text == NULL) {
        vd_api_fail_error(answer, VD_E_NOMEM, "the request");
    } else if (strlen(text) != length) {
        vd_api_fail(answer, 400, "InvalidPath", "the path holds a NUL");
        free(text);
        text = NULL;
    }
    return text;
}

/* Reading the keys of a policy, which is every back end's way in, counts as well. */
bool vd_api_route_is_audited(const struct vd_api_route *route)
{
    return (strcmp(route->method, "GET") != 0 && route->role > VD_ROLE_READER) ||
        route->handler == vd_api_policy_get;
}

static const char *fault_code(const struct vd_api_answer *answer)
{
    return json_string_value(json_object_get(json_object_get(answer->body, "error"), "code"));
}

/* What is noted of an act: the code of its fault, or how many it was for where the answer tells. */
static const char *note_of(const struct vd_api_answer *answer, char text[NOTE_SIZE])
{
    static const char *const counts[] = {"changed", "deleted", "queued"};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const json_t *count = json_object_get(answer->body, counts[i]);

        if (json_is_integer(count)) {
            snprintf(text, NOTE_SIZE, "%s=%lld", counts[i], (long long)json_integer_value(count));
            return text;
        }
    }
    return fault_code(answer);
}

/* Calls the handler as an act of the audit trail. */
static void act_call(const struct vd_api_route *route, const struct vd_api *api,
    const struct vd_audit_request *recorded, const struct vd_api_args *args,
    struct vd_api_answer *answer, char id[VD_UUID_TEXT_SIZE])
{
    struct vd_audit_act act;
    char note[NOTE_SIZE];

    if (vd_audit_act_begin(api->audit, recorded, &act) != VD_OK) {
        vd_api_fail(answer, 503, VD_AUDIT_UNAVAILABLE_CODE, "%s", VD_AUDIT_UNAVAILABLE_TEXT);
        return;
    }
    memcpy(id, act.request, VD_UUID_TEXT_SIZE);
    route->handler(api, args, answer);
    if (!vd_audit_act_end_later(&act, args->later)) {
        vd_audit_act_end(&act, answer->status, note_of(answer, note));
    }
}

/* Calls the handler if the caller may, and records what it did. */
static void handler_call(const struct vd_api_route *route, const struct vd_api *api,
    const struct vd_api_request *request, const struct vd_api_args *args,
    struct vd_api_answer *answer, char id[VD_UUID_TEXT_SIZE])
{
    const int64_t began_ms = vd_clock_monotonic_ms();
    const bool is_audited = api->audit != NULL && vd_api_route_is_audited(route);
    char who[VD_API_CALLER_SIZE] = "";
    const struct vd_audit_request recorded = {
        .who = who,
        .role = vd_role_name(request->caller.role),
        .address = request->caller.address,
        .via = request->caller.token != NULL ? "portal" : "local",
        .method = route->method,
        .path = route->pattern,
        .resource = request->path,
        .query = request->query,
        .body = request->body,
    };

    if (is_audited) {
        vd_api_caller_name(&request->caller, who);
    }
    if (!vd_api_allows(args, route->role, answer)) {
        if (is_audited) {
            vd_audit_refused(api->audit, &recorded, answer->status, fault_code(answer));
        }
    } else if (is_audited) {
        act_call(route, api, &recorded, args, answer, id);
    } else {
        route->handler(api, args, answer);
    }
    vd_local_record(api, route->handler, args, answer, vd_clock_monotonic_ms() - began_ms);
}

/* Decodes the ids and the parameters and calls the handler. */
static void route_call(const struct vd_api_route *route, const struct variables *variables,
    const struct vd_api *api, const struct vd_api_request *request, struct vd_http_later *later,
    struct vd_api_answer *answer, char audit_id[VD_UUID_TEXT_SIZE])
{
    struct evkeyvalq params = {NULL, NULL};
    struct vd_api_args args = {.params = &params,
        .body = request->body,
        .later = later,
        .caller = &request->caller,
        .is_gone = request->is_gone};
    char *id = decode(variables->id, answer);
    char *module_id = id != NULL ? decode(variables->module_id, answer) : NULL;
    bool has_query = request->query != NULL && request->query[0] != '\0';

    if (module_id == NULL) {
        has_query = false; /* answered */
    } else if (has_query && evhttp_parse_query_str(request->query, &params) != 0) {
        vd_api_fail(answer, 400, "InvalidQuery", "the query is not of the form name=value&...");
    } else {
        args.id = variables->id.length > 0 ? id : NULL;
        args.module_id = variables->module_id.length > 0 ? module_id : NULL;
        handler_call(route, api, request, &args, answer, audit_id);
    }
    if (has_query) {
        evhttp_clear_headers(&params);
    }
    free(id);
    free(module_id);
}

/* id: of the request in the audit trail; empty: it is not in it. */
static void call(const struct vd_api *api, const struct vd_api_request *request,
    struct vd_http_later *later, struct vd_api_answer *answer, char id[VD_UUID_TEXT_SIZE])
{
    struct variables variables;
    bool path_known;
    const struct vd_api_route *route = route_find(request, &variables, &path_known);

    *answer = (struct vd_api_answer){500, NULL};
    id[0] = '\0';
    if (vd_management_takes(request->path)) {
        vd_local_management(api, request, answer);
    } else if (route != NULL) {
        route_call(route, &variables, api, request, later, answer, id);
    } else if (path_known) {
        vd_api_fail(answer, 405, "MethodNotAllowed", "%.16s is not for this path", request->method);
    } else {
        vd_api_fail(answer, 404, "NotFound", "there is no such path");
    }
}

void vd_api_call(
    const struct vd_api *api, const struct vd_api_request *request, struct vd_api_answer *answer)
{
    char id[VD_UUID_TEXT_SIZE];

    call(api, request, NULL, answer, id);
}

/* ---- As a face ---- */

void vd_api_answer_http(const struct vd_api *api, struct vd_api_caller caller, const char *path,
    const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const struct vd_api_request inner = {
        request->method, path, request->query, request->body, caller, request->is_gone};
    char id[VD_UUID_TEXT_SIZE];
    struct vd_api_answer made;

    call(api, &inner, request->later, &made, id);
    if (id[0] != '\0') {
        vd_http_answer_header(answer, VD_AUDIT_REQUEST_HEADER, id);
    }
    answer->status = made.status;
    answer->body = made.body;
    if (made.status == 429) {
        vd_http_answer_retry_after(answer, VD_HTTP_RETRY_AFTER_S);
    }
}

static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    vd_api_answer_http(context, vd_api_local_caller(request->user), request->path, request, answer);
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    struct vd_api_answer made = {status, NULL};

    if (status == 413) {
        vd_api_fail(&made, status, "LimitExceeded", "the body is too large");
    } else {
        vd_api_fail(&made, status, "Busy", "too many requests wait, try again");
    }
    answer->body = made.body;
}

struct vd_http_face vd_api_face(struct vd_api *api)
{
    return (struct vd_http_face){
        .prefix = "",
        .body_max_bytes = VD_API_BODY_MAX_BYTES,
        .call = face_call,
        .refuse = face_refuse,
        .context = api,
    };
}

/* ---- What handlers use ---- */

struct vd_api_caller vd_api_local_caller(const uid_t *user)
{
    return (struct vd_api_caller){.role = VD_ROLE_OWNER, .user = user};
}

bool vd_api_allows(const struct vd_api_args *args, enum vd_role role, struct vd_api_answer *answer)
{
    if (args->caller->role >= role) {
        return true;
    }
    vd_api_fail(answer, 403, "Forbidden", "this takes the role %s", vd_role_name(role));
    return false;
}

bool vd_api_may_set(
    const struct vd_api_args *args, const json_t *settings, struct vd_api_answer *answer)
{
    static const char *const files[] = {"file", "path", "caFile", "certFile", "keyFile"};

    for (size_t i = 0; !vd_api_is_local(args) && i < sizeof files / sizeof files[0]; i++) {
        const json_t *value = json_object_get(settings, files[i]);

        if (value != NULL && !json_is_null(value)) {
            vd_api_fail(answer, 403, "Forbidden",
                "%s names a file of the service's machine: set it there, with `vedette`", files[i]);
            return false;
        }
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = json_string_value(json_object_get(settings, files[i]));

        if (path != NULL && !vd_sandbox_reaches(path)) {
            vd_api_fail(answer, 403, "Forbidden", "%s " VD_SANDBOX_OUTSIDE, path);
            return false;
        }
    }
    return true;
}

bool vd_api_is_local(const struct vd_api_args *args)
{
    return args->caller->token == NULL;
}

const char *vd_api_param(const struct vd_api_args *args, const char *name)
{
    return evhttp_find_header(args->params, name);
}

bool vd_api_param_number(const struct vd_api_args *args, const char *name, int64_t max,
    int64_t fallback, int64_t *value, struct vd_api_answer *answer)
{
    const char *text = vd_api_param(args, name);
    int64_t number = 0;
    bool good = text == NULL || text[0] != '\0';

    for (const char *at = text; at != NULL && *at != '\0' && good; at++) {
        good = *at >= '0' && *at <= '9' && number <= (max - (*at - '0')) / 10;
        number = good ? number * 10 + (*at - '0') : 0;
    }
    if (!good) {
        vd_api_fail(answer, 400, "InvalidParameter", "%s is to be a number of 0 to %lld", name,
            (long long)max);
        return false;
    }
    *value = text != NULL ? number : fallback;
    return true;
}

json_t *vd_api_body_object(const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_error_t where;
    json_t *body = json_loadb(args->body.data, args->body.length, JSON_REJECT_DUPLICATES, &where);

    if (body == NULL) {
        vd_api_fail(answer, 400, "InvalidBody", "the body is not JSON: line %d, column %d: %s",
            where.line, where.column, where.text);
    } else if (!json_is_object(body)) {
        vd_api_fail(answer, 400, "InvalidBody", "the body is not a JSON object");
        json_decref(body);
        body = NULL;
    }
    return body;
}

json_t *vd_api_time(int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (utc_ms == 0) {
        return json_null();
    }
    vd_time_format(utc_ms, text);
    return json_string(text);
}

void vd_api_reply(struct vd_api_answer *answer, int status, json_t *body)
{
    answer->status = body != NULL || status == 204 ? status : 500;
    answer->body = body;
}

void vd_api_fail(
    struct vd_api_answer *answer, int status, const char *code, const char *format, ...)
{
    char message[2304]; /* more than the longest reason, that of a reload */
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    answer->status = status;
    /* The message may hold pieces of the request that are not UTF-8. */
    answer->body = json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", message);
    if (answer->body == NULL) {
        answer->body =
            json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", "malformed request");
    }
}

void vd_api_fail_error(struct vd_api_answer *answer, int error, const char *what)
{
    static const struct {
        int error;
        int status;
        const char *code;
    } forms[] = {
        {VD_E_INVALID, 400, "InvalidArgument"},
        {VD_E_DENIED, 403, "Forbidden"},
        {VD_E_NOT_FOUND, 404, "NotFound"},
        {VD_E_EXISTS, 409, "AlreadyExists"},
        {VD_E_CHANGED, 412, "PreconditionFailed"},
        {VD_E_LIMIT, 413, "LimitExceeded"},
        {VD_E_BUSY, 503, "Busy"},
        {VD_E_TIMEOUT, 504, "Timeout"},
        {VD_E_FULL, 507, "InsufficientStorage"},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].error == error) {
            vd_api_fail(
                answer, forms[i].status, forms[i].code, "%s: %s", what, vd_error_text(error));
            return;
        }
    }
    vd_api_fail(answer, 500, "InternalError", "%s: %s", what, vd_error_text(error));
}

void vd_api_fail_state(struct vd_api_answer *answer, int error, const char *what)
{
    vd_api_fail_error(
        answer, error == VD_E_LIMIT || error == VD_E_CLOSED ? VD_E_BUSY : error, what);
}
