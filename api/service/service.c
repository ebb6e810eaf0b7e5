/* SPDX-License-Identifier: MIT */
/* The routes of the service API, and what takes a request apart for them. */

#include "api/service/service.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "api/service/internal.h"
#include "hub/limits.h"
#include "lib/clock.h"
#include "lib/url.h"
#include "lib/uuid.h"

/* The longest path: /devices/{device}/messages/devicebound/{lock}/abandon, and room to see that one is longer. */
#define SEGMENTS_MAX 7

/* Requests that an address may send without being allowed to: as many at once, then so many a minute. */
#define REFUSALS_BURST  30
#define REFUSALS_MINUTE 30

#define LOG_BURST 20

struct segments {
    char text[SEGMENTS_MAX][VD_ID_MAX + 1]; /* decoded */
    size_t count;
};

static const struct vd_service_route routes[] = {
    {"GET", "devices", VD_RIGHT_REGISTRY_READ, 0, vd_service_list_devices},
    {"POST", "devices", VD_RIGHT_REGISTRY_WRITE, VD_SERVICE_BULK_BODY_MAX_BYTES, vd_service_bulk},
    {"PUT", "devices/{d}", VD_RIGHT_REGISTRY_WRITE, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_put_identity},
    {"GET", "devices/{d}", VD_RIGHT_REGISTRY_READ, 0, vd_service_get_identity},
    {"DELETE", "devices/{d}", VD_RIGHT_REGISTRY_WRITE, 0, vd_service_delete_identity},
    {"GET", "devices/{d}/modules", VD_RIGHT_REGISTRY_READ, 0, vd_service_list_modules},
    {"PUT", "devices/{d}/modules/{m}", VD_RIGHT_REGISTRY_WRITE, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_put_identity},
    {"GET", "devices/{d}/modules/{m}", VD_RIGHT_REGISTRY_READ, 0, vd_service_get_identity},
    {"DELETE", "devices/{d}/modules/{m}", VD_RIGHT_REGISTRY_WRITE, 0, vd_service_delete_identity},
    {"POST", "devices/{d}/messages/devicebound", VD_RIGHT_SERVICE_CONNECT,
        VD_HUB_C2D_BODY_MAX_BYTES, vd_service_send},
    {"POST", "devices/{d}/messages/events", VD_RIGHT_OF_DEVICE, VD_MESSAGE_BODY_MAX_BYTES,
        vd_service_post_event},
    {"GET", "devices/{d}/messages/devicebound", VD_RIGHT_OF_DEVICE, 0, vd_service_receive},
    {"DELETE", "devices/{d}/messages/devicebound/{l}", VD_RIGHT_OF_DEVICE, 0, vd_service_settle},
    {"POST", "devices/{d}/messages/devicebound/{l}/abandon", VD_RIGHT_OF_DEVICE, 0,
        vd_service_abandon},
    {"DELETE", "devices/{d}/commands", VD_RIGHT_SERVICE_CONNECT, 0, vd_service_purge},
    {"GET", "messages/servicebound/feedback", VD_RIGHT_SERVICE_CONNECT, 0, vd_service_get_feedback},
    {"DELETE", "messages/servicebound/feedback/{n}", VD_RIGHT_SERVICE_CONNECT, 0,
        vd_service_remove_feedback},
    {"POST", "devices/query", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_query},
    {"GET", "statistics/devices", VD_RIGHT_REGISTRY_READ, 0, vd_service_device_statistics},
    {"GET", "statistics/service", VD_RIGHT_REGISTRY_READ, 0, vd_service_connection_statistics},
    {"GET", "configurations", VD_RIGHT_REGISTRY_READ, 0, vd_service_empty_list},
    {"GET", "jobs", VD_RIGHT_REGISTRY_READ, 0, vd_service_empty_list},
    {"GET", "twins/{d}", VD_RIGHT_SERVICE_CONNECT, 0, vd_service_get_twin},
    {"PATCH", "twins/{d}", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_patch_twin},
    {"PUT", "twins/{d}", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_replace_twin},
    {"GET", "twins/{d}/modules/{m}", VD_RIGHT_SERVICE_CONNECT, 0, vd_service_get_twin},
    {"PATCH", "twins/{d}/modules/{m}", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_patch_twin},
    {"PUT", "twins/{d}/modules/{m}", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_replace_twin},
    {"POST", "twins/{d}/methods", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_call_method},
    {"POST", "twins/{d}/modules/{m}/methods", VD_RIGHT_SERVICE_CONNECT, VD_SERVICE_BODY_MAX_BYTES,
        vd_service_call_method},
};

#define ROUTES (sizeof routes / sizeof routes[0])

const struct vd_service_route *vd_service_routes(size_t *count)
{
    *count = ROUTES;
    return routes;
}

/* ---- Paths ---- */

enum path_result {
    PATH_GOOD,
    PATH_TOO_LONG,  /* no route has so many segments */
    PATH_MALFORMED, /* an escape that is none, a NUL, or a segment that is longer than any id */
};

/* Cuts at the slashes first and decodes then: an id may hold an encoded slash only to be refused for it. */
static enum path_result path_split(const char *path, struct segments *out)
{
    out->count = 0;
    while (*path == '/' && path[1] != '\0') {
        size_t length = strcspn(path + 1, "/");
        struct vd_str segment = {path + 1, length};
        size_t decoded = 0;

        if (out->count == SEGMENTS_MAX) {
            return PATH_TOO_LONG;
        }
        if (vd_url_decode(segment, out->text[out->count], VD_ID_MAX, &decoded) != VD_OK ||
            memchr(out->text[out->count], '\0', decoded) != NULL) {
            return PATH_MALFORMED;
        }
        out->text[out->count++][decoded] = '\0';
        path += 1 + length;
    }
    return PATH_GOOD;
}

/* True if the segments are of the pattern's form, whatever stands for its ids. */
static bool pattern_matches(
    const char *pattern, const struct segments *segments, struct vd_service_args *args)
{
    args->device_id = NULL;
    args->module_id = NULL;
    args->number = NULL;
    args->lock = NULL;
    for (size_t i = 0; i < segments->count; i++) {
        size_t length = strcspn(pattern, "/");

        if (length == 3 && memcmp(pattern, "{d}", 3) == 0) {
            args->device_id = segments->text[i];
        } else if (length == 3 && memcmp(pattern, "{m}", 3) == 0) {
            args->module_id = segments->text[i];
        } else if (length == 3 && memcmp(pattern, "{n}", 3) == 0) {
            args->number = segments->text[i];
        } else if (length == 3 && memcmp(pattern, "{l}", 3) == 0) {
            args->lock = segments->text[i];
        } else if (strlen(segments->text[i]) != length ||
            memcmp(pattern, segments->text[i], length) != 0) {
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
static const struct vd_service_route *route_find(const char *method,
    const struct segments *segments, struct vd_service_args *args, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < ROUTES; i++) {
        if (pattern_matches(routes[i].pattern, segments, args)) {
            *path_known = true;
            if (strcmp(routes[i].method, method) == 0) {
                return &routes[i];
            }
        }
    }
    return NULL;
}

static bool id_is_valid(const char *id)
{
    return id == NULL || vd_device_id_is_valid(id, strlen(id));
}

/* ---- Requests ---- */

bool vd_service_route_is_audited(const struct vd_service_route *route)
{
    return strcmp(route->method, "GET") != 0 && route->right != VD_RIGHT_OF_DEVICE &&
        route->handler != vd_service_query;
}

static bool is_audited(const struct vd_service *service, const struct vd_service_route *route)
{
    return service->config.audit != NULL && vd_service_route_is_audited(route);
}

static struct vd_audit_request recorded_of(const struct vd_service_route *route,
    const struct vd_http_request *request, const char *who, const char *right)
{
    return (struct vd_audit_request){
        .who = who,
        .role = right,
        .address = request->peer,
        .via = "service",
        .method = request->method,
        .path = route != NULL ? route->pattern : NULL,
        .resource = request->path,
        .query = request->query,
        .body = request->body,
    };
}

static void route_call(struct vd_service *service, const struct vd_service_route *route,
    struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct evkeyvalq params = {NULL, NULL};
    const char *query = args->request->query;
    const int64_t began_ms = vd_clock_monotonic_ms();
    bool has_query = query != NULL && query[0] != '\0';

    /* Devices write a word without a value. */
    if (has_query && evhttp_parse_query_str(query, &params) != 0 &&
        route->right != VD_RIGHT_OF_DEVICE) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, "the query is not name=value&...");
    } else {
        args->params = &params;
        route->handler(service, args, answer);
    }
    if (has_query) {
        evhttp_clear_headers(&params);
    }
    vd_service_record(service, route->handler, args, answer, vd_clock_monotonic_ms() - began_ms);
}

/* Calls the route as an act of the audit trail. */
static void act_call(struct vd_service *service, const struct vd_service_route *route,
    struct vd_service_args *args, struct vd_http_answer *answer)
{
    char who[VD_NAME_MAX + 8];
    char right[VD_RIGHTS_TEXT_SIZE];
    struct vd_audit_request recorded;
    struct vd_audit_act act;

    vd_rights_format((uint32_t)route->right, right);
    snprintf(who, sizeof who, "policy:%s", args->policy);
    recorded = recorded_of(route, args->request, who, right);
    if (vd_audit_act_begin(service->config.audit, &recorded, &act) != VD_OK) {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, VD_AUDIT_UNAVAILABLE_TEXT);
        return;
    }
    route_call(service, route, args, answer);
    if (!vd_audit_act_end_later(&act, args->request->later)) {
        vd_http_answer_header(answer, VD_AUDIT_REQUEST_HEADER, act.request);
        vd_audit_act_end(
            &act, answer->status, vd_service_answer_header(answer, "iothub-errorcode"));
    }
}

/* A back end that was not let in is written down like a person; one that may not do this with what it wanted to do. */
static void audit_refusal(struct vd_service *service, const struct vd_service_route *route,
    const struct vd_http_request *request, const struct vd_http_answer *answer)
{
    struct vd_audit_request recorded = recorded_of(route, request, NULL, NULL);
    const bool is_sign_in = answer->status == 401;

    if (is_sign_in || (answer->status == 403 && route != NULL && is_audited(service, route))) {
        recorded.kind = is_sign_in ? VD_AUDIT_SIGN_IN : VD_AUDIT_CHANGE;
        recorded.body = is_sign_in ? (struct vd_str){"", 0} : recorded.body;
        vd_audit_refused(service->config.audit, &recorded, answer->status,
            vd_service_answer_header(answer, "iothub-errorcode"));
    }
}

/* Nobody learns which paths there are, or what is wrong with one, who has no token of this hub. */
static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    struct vd_service *service = context;
    struct vd_service_args args = {.request = request};
    struct segments segments;
    enum path_result path = path_split(request->path, &segments);
    bool path_known = false;
    const struct vd_service_route *route =
        path == PATH_GOOD ? route_find(request->method, &segments, &args, &path_known) : NULL;
    char policy[VD_NAME_MAX + 1] = "";
    const bool may = route != NULL && route->right == VD_RIGHT_OF_DEVICE
        ? vd_service_authorise_device(service, request, args.device_id, answer)
        : vd_service_authorise(
              service, request, route != NULL ? (uint32_t)route->right : 0, policy, answer);

    if (!may) {
        if (route == NULL || route->right != VD_RIGHT_OF_DEVICE) {
            audit_refusal(service, route, request, answer);
        }
        return;
    }
    args.policy = policy;
    if (path == PATH_MALFORMED) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, "the path is malformed");
    } else if (route == NULL) {
        vd_service_fail(
            answer, path_known ? VD_FAULT_GenericMethodNotAllowed : VD_FAULT_GenericNotFound, NULL);
    } else if (!id_is_valid(args.device_id) || !id_is_valid(args.module_id)) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid,
            "an id is 1 to 128 letters, digits and - . + % _ # * ? ! ( ) , : = @ $ '");
    } else if (route->body_max_bytes > 0 && request->body.length > route->body_max_bytes) {
        vd_service_fail(answer, VD_FAULT_RequestEntityTooLarge, NULL);
    } else if (is_audited(service, route)) {
        act_call(service, route, &args, answer);
    } else {
        route_call(service, route, &args, answer);
    }
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    vd_service_fail(
        answer, status == 413 ? VD_FAULT_RequestEntityTooLarge : VD_FAULT_ServiceUnavailable, NULL);
}

struct vd_http_face vd_service_face(struct vd_service *service)
{
    return (struct vd_http_face){
        .prefix = "",
        .body_max_bytes = VD_SERVICE_BULK_BODY_MAX_BYTES,
        .call = face_call,
        .refuse = face_refuse,
        .context = service,
    };
}

/* ---- The service ---- */

int vd_service_new(const struct vd_service_config *config, struct vd_service **out)
{
    const struct vd_rate rate = {REFUSALS_MINUTE, 60000, REFUSALS_BURST};
    struct vd_service *service = calloc(1, sizeof *service);

    if (service == NULL) {
        return VD_E_NOMEM;
    }
    service->config = *config;
    service->log_refused.burst = LOG_BURST;
    service->refusals = vd_limiter_new(VD_HUB_LIMITER_PLACES, &rate);
    if (service->refusals == NULL) {
        free(service);
        return VD_E_NOMEM;
    }
    pthread_mutex_init(&service->lock, NULL);
    *out = service;
    return VD_OK;
}

void vd_service_free(struct vd_service *service)
{
    if (service != NULL) {
        vd_limiter_free(service->refusals);
        pthread_mutex_destroy(&service->lock);
        free(service);
    }
}

void vd_service_empty_list(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    (void)service;
    (void)args;
    vd_service_reply(answer, json_array());
}
