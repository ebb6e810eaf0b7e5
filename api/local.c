/* SPDX-License-Identifier: MIT */
/* Records of requests of the owner's API, with who made them. */

#include "api/local.h"

#include <pwd.h>

#include "api/management/management.h"
#include "api/service/internal.h"
#include "center/intel/feed_settings.h"
#include "lib/config.h"
#include "lib/uuid.h"

/* "local:" and a name; one that is longer is cut. */
#define PASSWD_SIZE 4096

/* A resource below the hub: a word, and the longest name that a path can hold is cut to this. */
#define RESOURCE_MAX 320

/* Handlers that work on the control plane: what the activity log calls it, and where {id} stands below the hub's id. */
static const struct control {
    vd_api_handler *handler;
    const char *operation;
    const char *below;
} controls[] = {
    {vd_api_ip_filter_put, VD_ACTIVITY_HUB_WRITE, ""},
    {vd_api_certificate_add, VD_ACTIVITY_CERTIFICATE_WRITE, "certificates/"},
    {vd_api_certificate_delete, VD_ACTIVITY_CERTIFICATE_DELETE, "certificates/"},
    {vd_api_certificate_code, VD_ACTIVITY_CERTIFICATE_CODE, "certificates/"},
    {vd_api_certificate_verify, VD_ACTIVITY_CERTIFICATE_VERIFY, "certificates/"},
    {vd_api_policy_get, VD_ACTIVITY_KEY_LIST, "IotHubKeys/"},
    {vd_api_policy_create, VD_ACTIVITY_HUB_WRITE, "IotHubKeys/"},
    {vd_api_policy_delete, VD_ACTIVITY_HUB_WRITE, "IotHubKeys/"},
    {vd_api_policy_rotate, VD_ACTIVITY_HUB_WRITE, "IotHubKeys/"},
    {vd_api_group_put, VD_ACTIVITY_GROUP_WRITE,
        "providers/Microsoft.Security/deviceSecurityGroups/"},
    {vd_api_group_delete, VD_ACTIVITY_GROUP_DELETE,
        "providers/Microsoft.Security/deviceSecurityGroups/"},
    {vd_api_feed_put, VD_ACTIVITY_FEED_WRITE, "feeds/"},
    {vd_api_indicator_import, VD_ACTIVITY_FEED_WRITE, "feeds/"},
    {vd_api_feed_delete, VD_ACTIVITY_FEED_DELETE, "feeds/"},
    {vd_api_feed_refresh, VD_ACTIVITY_FEED_REFRESH, "feeds/"},
    {vd_api_saved_put, VD_ACTIVITY_QUERY_WRITE, "queries/"},
    {vd_api_saved_delete, VD_ACTIVITY_QUERY_DELETE, "queries/"},
    {vd_api_notify_add, VD_ACTIVITY_SINK_WRITE, "sinks/"},
    {vd_api_notify_remove, VD_ACTIVITY_SINK_DELETE, "sinks/"},
    {vd_api_notify_test, VD_ACTIVITY_SINK_TEST, "sinks/"},
    {vd_api_notify_dead_replay, VD_ACTIVITY_NOTICE_REPLAY, "sinks/deadLetters/"},
    {vd_api_notify_dead_discard, VD_ACTIVITY_NOTICE_DELETE, "sinks/deadLetters/"},
    {vd_api_dead_letter_replay, VD_ACTIVITY_LETTER_REPLAY, "deadLetters/"},
    {vd_api_dead_letter_replay_all, VD_ACTIVITY_LETTER_REPLAY, "deadLetters/"},
    {vd_api_dead_letter_delete, VD_ACTIVITY_LETTER_DELETE, "deadLetters/"},
    {vd_api_dead_letter_delete_all, VD_ACTIVITY_LETTER_DELETE, "deadLetters/"},
    {vd_api_token_create, VD_ACTIVITY_TOKEN_WRITE, "tokens/"},
    {vd_api_token_delete, VD_ACTIVITY_TOKEN_DELETE, "tokens/"},
};

/* When an operation is recorded. */
enum when {
    ALWAYS,
    IF_NOT_EMPTY, /* asked for again and again until there is something */
    IF_REFUSED,   /* a call that went to the hub is recorded there */
};

/* Handlers that work on identities and what they have. */
static const struct kind {
    vd_api_handler *handler;
    enum vd_operation_category category;
    const char *name;
    enum when when;
} kinds[] = {
    {vd_api_device_create, VD_OPERATION_IDENTITIES, "create", ALWAYS},
    {vd_api_device_get, VD_OPERATION_IDENTITIES, "get", ALWAYS},
    {vd_api_device_update, VD_OPERATION_IDENTITIES, "update", ALWAYS},
    {vd_api_device_delete, VD_OPERATION_IDENTITIES, "delete", ALWAYS},
    {vd_api_device_list, VD_OPERATION_IDENTITIES, "list", ALWAYS},
    {vd_api_twin_get, VD_OPERATION_C2D_TWIN, "read", ALWAYS},
    {vd_api_device_group, VD_OPERATION_C2D_TWIN, "update", ALWAYS},
    {vd_api_twin_patch, VD_OPERATION_C2D_TWIN, "update", ALWAYS},
    {vd_api_twin_replace, VD_OPERATION_C2D_TWIN, "replace", ALWAYS},
    {vd_api_twin_query, VD_OPERATION_TWIN_QUERIES, "query", ALWAYS},
    {vd_api_message_send, VD_OPERATION_C2D, "send", ALWAYS},
    {vd_api_message_purge, VD_OPERATION_C2D, "queuePurged", ALWAYS},
    {vd_api_feedback_list, VD_OPERATION_C2D, "feedbackRead", IF_NOT_EMPTY},
    {vd_api_feedback_forget, VD_OPERATION_C2D, "feedbackRemoved", ALWAYS},
    {vd_api_method_call, VD_OPERATION_METHODS, "send", IF_REFUSED},
};

/* NULL: it is none of the control plane's. */
static const struct control *control_of(vd_api_handler *handler)
{
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        if (controls[i].handler == handler) {
            return &controls[i];
        }
    }
    return NULL;
}

static const struct kind *kind_of(vd_api_handler *handler)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].handler == handler) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool vd_local_is_recorded(vd_api_handler *handler)
{
    return control_of(handler) != NULL || kind_of(handler) != NULL;
}

void vd_api_caller_name(const struct vd_api_caller *caller, char out[VD_API_CALLER_SIZE])
{
    const uid_t *user = caller->user;
    struct passwd entry;
    struct passwd *found = NULL;
    char text[PASSWD_SIZE];

    if (caller->token != NULL) {
        snprintf(out, VD_API_CALLER_SIZE, "token:%s", caller->token);
    } else if (user == NULL) {
        snprintf(out, VD_API_CALLER_SIZE, "local");
    } else if (getpwuid_r(*user, &entry, text, sizeof text, &found) == 0 && found != NULL) {
        snprintf(out, VD_API_CALLER_SIZE, "local:%s", found->pw_name);
    } else {
        snprintf(out, VD_API_CALLER_SIZE, "local:%u", (unsigned)*user);
    }
}

/* "" of who is on this machine. */
static const char *address_of(const struct vd_api_args *args)
{
    return args->caller->address != NULL ? args->caller->address : "";
}

static const char *fault_code(const struct vd_api_answer *answer)
{
    return json_string_value(json_object_get(json_object_get(answer->body, "error"), "code"));
}

static bool is_code(const struct vd_api_answer *answer, const char *code)
{
    const char *given = fault_code(answer);

    return given != NULL && strcmp(given, code) == 0;
}

/* The body, if it has the name of what is to be made; else NULL. */
static json_t *body_of(const struct control *control, const struct vd_api_args *args)
{
    const bool has_name = args->id == NULL && control->below[0] != '\0' &&
        control->handler != vd_api_indicator_import;

    return has_name ? json_loadb(args->body.data, args->body.length, 0, NULL) : NULL;
}

/* What the request is about: it stands in the path, in the query or in the body; "": nowhere. */
static const char *name_of(
    const struct control *control, const struct vd_api_args *args, const json_t *body)
{
    const char *name = json_string_value(json_object_get(body, "name"));

    if (args->id != NULL) {
        return args->id;
    }
    if (control->handler == vd_api_indicator_import) {
        name = vd_api_param(args, "feed");
        return name != NULL && vd_feed_name_is_valid(name) ? name : "";
    }
    return name != NULL && vd_name_is_valid(name) ? name : "";
}

static void record_control(const struct vd_api *api, const struct control *control,
    const struct vd_api_args *args, const struct vd_api_answer *answer, const char *caller)
{
    json_t *body = body_of(control, args);
    const char *id = name_of(control, args, body);
    char resource[RESOURCE_MAX];
    const struct vd_activity activity = {
        .caller = caller,
        .address = address_of(args),
        .operation_name = control->operation,
        .resource = id[0] != '\0' ? resource : NULL,
        .reason = fault_code(answer),
    };

    snprintf(resource, sizeof resource, "%s%s", control->below, id);
    vd_activity_record(api->recorder, &activity, answer->status);
    json_decref(body);
}

/* The result that an answer over HTTPS would have had. */
static struct vd_result result_of(
    const struct vd_api_args *args, const struct vd_api_answer *answer)
{
    static const struct {
        int status;
        enum vd_service_fault fault;
    } forms[] = {
        {400, VD_FAULT_ArgumentInvalid},
        {403, VD_FAULT_DeviceMaximumQueueDepthExceeded},
        {409, VD_FAULT_DeviceAlreadyExists},
        {412, VD_FAULT_PreconditionFailed},
        {413, VD_FAULT_RequestEntityTooLarge},
        {429, VD_FAULT_ThrottlingException},
        {503, VD_FAULT_ServiceUnavailable},
    };
    enum vd_service_fault fault = VD_FAULT_ServerError;

    if (answer->status < 400) {
        return (struct vd_result){0, ""};
    }
    if (answer->status == 404) {
        fault = args->module_id != NULL ? VD_FAULT_ModuleNotFound : VD_FAULT_DeviceNotFound;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].status == answer->status) {
            fault = forms[i].fault;
        }
    }
    if (is_code(answer, "Forbidden")) {
        fault = VD_FAULT_GenericForbidden;
    }
    return vd_service_fault_result(vd_service_fault_name(fault));
}

/* Whose request it is, if that can be an id: what is none would not fit into a record. */
static const char *valid_id(const char *id)
{
    return id != NULL && vd_device_id_is_valid(id, strlen(id)) ? id : NULL;
}

static bool is_due(const struct kind *kind, const struct vd_api_answer *answer)
{
    switch (kind->when) {
    case IF_NOT_EMPTY:
        return answer->status >= 400 ||
            json_array_size(json_object_get(answer->body, "feedback")) > 0;
    case IF_REFUSED:
        return answer->status == 400 || is_code(answer, "NotFound") || is_code(answer, "Forbidden");
    case ALWAYS:
        break;
    }
    return true;
}

static void record_kind(const struct vd_api *api, const struct kind *kind,
    const struct vd_api_args *args, const struct vd_api_answer *answer, const char *caller,
    int64_t duration_ms)
{
    json_t *body = NULL;
    struct vd_operation operation = {
        .category = kind->category,
        .name = kind->name,
        .result = result_of(args, answer),
        .duration_ms = duration_ms,
        .device_id = valid_id(args->id),
        .module_id = valid_id(args->module_id),
        .protocol = vd_api_is_local(args) ? "Local" : "Https",
        .address = vd_api_is_local(args) ? NULL : args->caller->address,
        .properties = {{"caller", caller, 0}},
    };

    if (kind->handler == vd_api_device_create || kind->handler == vd_api_twin_query) {
        body = json_loadb(args->body.data, args->body.length, 0, NULL);
    }
    if (kind->handler == vd_api_device_create) {
        operation.device_id = valid_id(json_string_value(json_object_get(body, "deviceId")));
    } else if (kind->handler == vd_api_device_group) {
        operation.module_id = VD_SECURITY_MODULE_ID; /* whose twin was written */
    } else if (kind->handler == vd_api_message_send && answer->status < 400) {
        operation.properties[1] = (struct vd_operation_property){
            "messageId", json_string_value(json_object_get(answer->body, "messageId")), 0};
    } else if (body != NULL) {
        operation.properties[1] = (struct vd_operation_property){
            "query", json_string_value(json_object_get(body, "query")), 0};
    }
    vd_record_operation(api->recorder, &operation);
    json_decref(body);
}

void vd_local_record(const struct vd_api *api, vd_api_handler *handler,
    const struct vd_api_args *args, const struct vd_api_answer *answer, int64_t duration_ms)
{
    const struct control *control = control_of(handler);
    const struct kind *kind = kind_of(handler);
    char caller[VD_API_CALLER_SIZE];

    if (api->recorder == NULL || (control == NULL && (kind == NULL || !is_due(kind, answer)))) {
        return;
    }
    vd_api_caller_name(args->caller, caller);
    if (control != NULL) {
        record_control(api, control, args, answer, caller);
    } else {
        record_kind(api, kind, args, answer, caller, duration_ms);
    }
}

/* ---- The management API ---- */

void vd_local_management(
    const struct vd_api *api, const struct vd_api_request *request, struct vd_api_answer *answer)
{
    char host_name[VD_HOST_NAME_MAX + 1];
    char caller[VD_API_CALLER_SIZE];
    const struct vd_management_config config = {
        .registry = api->registry,
        .alerts = api->alerts,
        .analytics = api->analytics,
        .hub = api->hub,
        .recorder = api->recorder,
        .audit = api->audit,
        .exporter = api->exporter,
        .host_name = host_name,
        .scope = api->scope,
    };
    const struct vd_http_request inner = {
        .method = request->method,
        .path = request->path,
        .query = request->query != NULL ? request->query : "",
        .user = request->caller.user,
        .peer = request->caller.address != NULL ? request->caller.address : "",
        .body = request->body,
        .is_gone = request->is_gone,
    };
    struct vd_http_answer made = {.status = 500};
    struct vd_management *management = NULL;

    vd_api_caller_name(&request->caller, caller);
    snprintf(
        host_name, sizeof host_name, "%.*s", (int)strcspn(api->host_name, ":"), api->host_name);
    if (vd_management_new(&config, &management) == VD_OK) {
        const struct vd_management_caller as = {
            caller, request->caller.role, request->caller.token};

        vd_management_call(management, &as, &inner, &made);
    }
    vd_management_free(management);
    answer->status = made.status;
    answer->body = made.body;
}
