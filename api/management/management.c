/* SPDX-License-Identifier: MIT */
/* The management API: what takes a request apart for its routes. */

#include "api/management/management.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <strings.h>

#include "api/management/internal.h"
#include "hub/limits.h"
#include "lib/url.h"

/* The longest path that there is has 16: a resource of a provider below the hub, its own, and an action. */
#define SEGMENTS_MAX 20
#define SEGMENT_SIZE 261

/* Requests that an address may send without being allowed to: as many at once, then so many a minute. */
#define REFUSALS_BURST  30
#define REFUSALS_MINUTE 30

#define LOG_BURST 20

#define DEVICES "Microsoft.Devices"

/* ---- Paths ---- */

struct segments {
    char text[SEGMENTS_MAX][SEGMENT_SIZE]; /* decoded */
    size_t count;
};

enum path_result {
    PATH_GOOD,
    PATH_UNKNOWN,   /* no route has so many segments, or an empty one */
    PATH_MALFORMED, /* an escape that is none, a NUL, or a segment that is longer than any name */
};

/* What clients of log queries may have in front of all paths. */
#define VERSION "v1"

/* Cuts at the slashes first and decodes then: a name may hold an encoded slash. Clients that paste the id of a resource
 * behind a slash send two in front; one at the end is not part of the path. */
static enum path_result path_split(const char *path, struct segments *out)
{
    out->count = 0;
    path += strspn(path, "/");
    if (strncasecmp(path, VERSION "/", sizeof VERSION) == 0) {
        path += sizeof VERSION;
        path += strspn(path, "/");
    }
    while (*path != '\0') {
        const size_t length = strcspn(path, "/");
        const struct vd_str segment = {path, length};
        size_t decoded = 0;

        if (out->count == SEGMENTS_MAX || length == 0) {
            return PATH_UNKNOWN;
        }
        if (vd_url_decode(segment, out->text[out->count], SEGMENT_SIZE - 1, &decoded) != VD_OK ||
            memchr(out->text[out->count], '\0', decoded) != NULL ||
            !vd_utf8_is_valid((struct vd_str){out->text[out->count], decoded})) {
            return PATH_MALFORMED;
        }
        out->text[out->count++][decoded] = '\0';
        path += length;
        path += *path == '/' ? 1 : 0;
    }
    return PATH_GOOD;
}

/* Where what stands for {x} goes; NULL: the pattern has more names than there is room for, which no row has. */
static const char **place_of(char letter, size_t *names, struct vd_management_args *args)
{
    switch (letter) {
    case 's':
        return &args->subscription;
    case 'g':
        return &args->resource_group;
    case 'h':
        return &args->hub;
    default:
        return *names < VD_MANAGEMENT_NAMES_MAX ? &args->names[(*names)++] : NULL;
    }
}

/* True if the segments are of the pattern's form; fixed ones match in any case. */
static bool pattern_matches(
    const char *pattern, const struct segments *segments, struct vd_management_args *args)
{
    size_t names = 0;

    *args = (struct vd_management_args){.request = args->request};
    for (size_t i = 0; i < segments->count; i++) {
        const size_t length = strcspn(pattern, "/");

        if (length == 3 && pattern[0] == '{') {
            const char **place = place_of(pattern[1], &names, args);

            if (place == NULL) {
                return false;
            }
            *place = segments->text[i];
        } else if (strlen(segments->text[i]) != length ||
            strncasecmp(pattern, segments->text[i], length) != 0) {
            return false;
        }
        pattern += length;
        if (*pattern == '/') {
            pattern++;
        } else if (i + 1 < segments->count) {
            return false;
        }
    }
    return segments->count > 0 && *pattern == '\0';
}

/* NULL if there is none; *path_known tells whether the path has one for another method. */
static const struct vd_management_route *route_find(const char *method,
    const struct segments *segments, struct vd_management_args *args, bool *path_known)
{
    size_t count = 0;
    const struct vd_management_route *routes = vd_management_routes(&count);

    *path_known = false;
    for (size_t i = 0; i < count; i++) {
        if (pattern_matches(routes[i].pattern, segments, args)) {
            *path_known = true;
            if (strcmp(routes[i].method, method) == 0) {
                return &routes[i];
            }
        }
    }
    return NULL;
}

static bool is_at(const struct segments *segments, size_t i, const char *text)
{
    return i < segments->count && strcasecmp(segments->text[i], text) == 0;
}

static bool names(const struct segments *segments, size_t i, const char *keyword, const char *name)
{
    return !is_at(segments, i, keyword) || i + 1 >= segments->count || is_at(segments, i + 1, name);
}

/* False (answered with 404) if the path names another subscription, resource group or hub. Whatever is below them: a
 * caller who mistyped one is told which. */
static bool scope_fits(const struct vd_resource_scope *scope, const struct segments *segments,
    struct vd_http_answer *answer)
{
    if (!names(segments, 0, "subscriptions", scope->subscription)) {
        vd_management_fail(answer, 404, "SubscriptionNotFound", NULL,
            "The subscription '%.64s' could not be found.", segments->text[1]);
        return false;
    }
    if (!is_at(segments, 0, "subscriptions") || !is_at(segments, 2, "resourceGroups")) {
        return true;
    }
    if (!names(segments, 2, "resourceGroups", scope->resource_group)) {
        vd_management_fail(answer, 404, "ResourceGroupNotFound", NULL,
            "Resource group '%.90s' could not be found.", segments->text[3]);
        return false;
    }
    if (is_at(segments, 4, "providers") && is_at(segments, 5, DEVICES) &&
        !names(segments, 6, "IotHubs", scope->hub)) {
        vd_management_fail(answer, 404, "ResourceNotFound", NULL,
            "The Resource 'Microsoft.Devices/IotHubs/%.64s' under resource group '%.90s' was not "
            "found.",
            segments->text[7], segments->text[3]);
        return false;
    }
    return true;
}

/* ---- Requests ---- */

/* Segments of a path that name the hub itself. */
#define HUB_SEGMENTS 8

/* Where what a request is about begins: behind the hub, or at the provider of something else. */
static size_t first_of_resource(const struct segments *segments)
{
    for (size_t i = 0; i + 1 < segments->count; i++) {
        if (is_at(segments, i, "providers")) {
            return is_at(segments, i + 2, "IotHubs") ? HUB_SEGMENTS : i;
        }
    }
    return HUB_SEGMENTS;
}

/* What a request is about: its path below the hub, or from its provider on, without a last action. Empty: the hub. */
static void resource_below_hub(
    const struct vd_management_route *route, const struct segments *segments, struct vd_buf *out)
{
    const size_t first = first_of_resource(segments);
    size_t count = segments->count;

    if (strcmp(route->method, "POST") == 0 && count > 0) {
        count--;
    }
    for (size_t i = first; i < count; i++) {
        vd_buf_append_text(out, i > first ? "/" : "");
        vd_buf_append_text(out, segments->text[i]);
    }
    vd_buf_append(out, "", 1);
}

static void route_call(struct vd_management *management, const struct vd_management_route *route,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct evkeyvalq params = {NULL, NULL};
    struct vd_management_args with_params = *args;
    const char *query = args->request->query;
    const bool has_query = query != NULL && query[0] != '\0';

    if (args->request->body.length > VD_MANAGEMENT_BODY_MAX_BYTES) {
        vd_management_fail(answer, 413, "RequestEntityTooLarge", NULL, "the body is too large");
    } else if (has_query && evhttp_parse_query_str(query, &params) != 0) {
        vd_management_fail(
            answer, 400, "InvalidParameter", NULL, "the query is not of the form name=value&...");
    } else {
        with_params.params = &params;
        route->handler(management, &with_params, answer);
    }
    if (has_query) {
        evhttp_clear_headers(&params);
    }
}

/* Records how a request ended that changed the hub, or was to. */
static void record(const struct vd_management *management, const struct vd_management_route *route,
    const struct segments *segments, const struct vd_management_args *args,
    const struct vd_http_answer *answer)
{
    const json_t *error = json_object_get(answer->body, "error");
    struct vd_activity activity = {
        .caller = args->caller->name,
        .address = args->request->peer,
        .operation_name = route->operation,
        .method = args->request->method,
        .reason = json_string_value(json_object_get(error, "code")),
        .details = args->details[0] != '\0' ? args->details : NULL,
    };
    struct vd_buf below = {0};

    resource_below_hub(route, segments, &below);
    if (below.error == VD_OK && below.length > 1) {
        activity.resource = (const char *)below.data;
    }
    vd_activity_record(management->config.recorder, &activity, answer->status);
    vd_log(VD_LOG_INFO, "management.operation",
        "operation=%s caller=\"%s\" address=%s resource=\"%.200s\" status=%d", route->operation,
        activity.caller, activity.address, below.error == VD_OK ? (const char *)below.data : "",
        answer->status);
    vd_buf_release(&below);
}

bool vd_management_route_is_audited(const struct vd_management_route *route)
{
    return route->is_recorded ||
        (strcmp(route->method, "GET") != 0 && route->role > VD_ROLE_READER);
}

static const char *fault_code(const struct vd_http_answer *answer)
{
    return json_string_value(json_object_get(json_object_get(answer->body, "error"), "code"));
}

/* Calls the handler as an act of the audit trail. */
static void act_call(struct vd_management *management, const struct vd_management_route *route,
    const struct vd_audit_request *recorded, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct vd_audit_act act;

    if (vd_audit_act_begin(management->config.audit, recorded, &act) != VD_OK) {
        vd_management_fail(
            answer, 503, VD_AUDIT_UNAVAILABLE_CODE, NULL, "%s", VD_AUDIT_UNAVAILABLE_TEXT);
        return;
    }
    route_call(management, route, args, answer);
    vd_http_answer_header(answer, VD_AUDIT_REQUEST_HEADER, act.request);
    vd_audit_act_end(&act, answer->status, fault_code(answer));
}

/* Calls the handler if the caller may, and records what is to be recorded. */
static void route_run(struct vd_management *management, const struct vd_management_route *route,
    const struct segments *segments, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    const bool is_audited =
        management->config.audit != NULL && vd_management_route_is_audited(route);
    const struct vd_audit_request recorded = {
        .who = args->caller->name,
        .role = vd_role_name(args->caller->role),
        .address = args->request->peer,
        .via = "management",
        .method = route->method,
        .path = route->pattern,
        .resource = args->request->path,
        .query = args->request->query,
        .body = args->request->body,
    };

    if (!vd_management_allows(
            args->caller, route->role, route->operation, args->request->path, answer)) {
        if (is_audited) {
            vd_audit_refused(
                management->config.audit, &recorded, answer->status, fault_code(answer));
        }
    } else if (is_audited) {
        act_call(management, route, &recorded, args, answer);
    } else {
        route_call(management, route, args, answer);
    }
    if (route->is_recorded) {
        record(management, route, segments, args, answer);
    }
}

static void dispatch(struct vd_management *management, const struct vd_management_caller *caller,
    const struct vd_http_request *request, struct vd_http_answer *answer)
{
    struct vd_management_args args = {.request = request};
    char details[VD_MANAGEMENT_DETAILS_SIZE] = "";
    struct segments segments;
    const enum path_result path = path_split(request->path, &segments);
    const struct vd_management_route *route;
    bool path_known = false;

    if (path == PATH_MALFORMED) {
        vd_management_fail(answer, 400, "InvalidRequestUri", NULL, "the path is malformed");
        return;
    }
    route = path == PATH_GOOD ? route_find(request->method, &segments, &args, &path_known) : NULL;
    args.caller = caller;
    args.details = details;
    if (!scope_fits(&management->config.scope, &segments, answer)) {
        return;
    }
    if (route != NULL) {
        route_run(management, route, &segments, &args, answer);
    } else if (path_known) {
        vd_management_fail(
            answer, 405, "MethodNotAllowed", NULL, "%.16s is not for this path", request->method);
    } else {
        vd_management_fail(answer, 404, "ResourceNotFound", NULL, "there is no such resource");
    }
}

/* Nobody learns which paths there are who has no token. */
static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    struct vd_management *management = context;
    struct vd_token token;

    if (vd_management_authenticate(management, request, &token, answer)) {
        char name[VD_NAME_MAX + 8];
        const struct vd_management_caller caller = {name, token.role, token.name};

        snprintf(name, sizeof name, "token:%s", token.name);
        dispatch(management, &caller, request, answer);
    }
}

void vd_management_call(struct vd_management *management, const struct vd_management_caller *caller,
    const struct vd_http_request *request, struct vd_http_answer *answer)
{
    dispatch(management, caller, request, answer);
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    if (status == 413) {
        vd_management_fail(answer, status, "RequestEntityTooLarge", NULL, "the body is too large");
    } else {
        vd_management_fail(
            answer, status, "ServiceUnavailable", NULL, "too many requests wait, try again");
    }
}

bool vd_management_takes(const char *path)
{
    static const char *const first[] = {
        "subscriptions", "providers", "workspaces", VERSION, "$batch", "%24batch"};
    const char *at = path + strspn(path, "/");
    const size_t length = strcspn(at, "/");

    for (size_t i = 0; at != path && i < sizeof first / sizeof first[0]; i++) {
        if (length == strlen(first[i]) && strncasecmp(at, first[i], length) == 0) {
            return true;
        }
    }
    return false;
}

struct vd_http_face vd_management_face(struct vd_management *management)
{
    return (struct vd_http_face){
        .prefix = "",
        .takes = vd_management_takes,
        .body_max_bytes = VD_MANAGEMENT_BODY_MAX_BYTES,
        .call = face_call,
        .refuse = face_refuse,
        .context = management,
    };
}

/* ---- The API ---- */

int vd_management_new(const struct vd_management_config *config, struct vd_management **out)
{
    const struct vd_rate rate = {REFUSALS_MINUTE, 60000, REFUSALS_BURST};
    struct vd_management *management = calloc(1, sizeof *management);

    if (management == NULL) {
        return VD_E_NOMEM;
    }
    management->config = *config;
    management->log_refused.burst = LOG_BURST;
    management->refusals = vd_limiter_new(VD_HUB_LIMITER_PLACES, &rate);
    if (management->refusals == NULL) {
        free(management);
        return VD_E_NOMEM;
    }
    pthread_mutex_init(&management->lock, NULL);
    *out = management;
    return VD_OK;
}

void vd_management_free(struct vd_management *management)
{
    if (management != NULL) {
        vd_limiter_free(management->refusals);
        pthread_mutex_destroy(&management->lock);
        free(management);
    }
}
