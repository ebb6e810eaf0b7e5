/* SPDX-License-Identifier: MIT */
/* Records of operations in the form of the resource logs that back ends know. */

#include "hub/operation.h"

#include <jansson.h>

#include "lib/clock.h"
#include "lib/url.h"

/* A client says what it is in some words; more is cut off. */
#define CLIENT_TYPE_MAX 128

const char *vd_operation_category_text(enum vd_operation_category category)
{
    static const char *const texts[] = {
#define VD_OPERATION_CATEGORY_TEXT(name, text) text,
        VD_OPERATION_CATEGORIES(VD_OPERATION_CATEGORY_TEXT)
#undef VD_OPERATION_CATEGORY_TEXT
    };

    return texts[category];
}

struct vd_result vd_result_of_refusal(enum vd_refusal refusal)
{
    switch (refusal) {
    case VD_REFUSED_NOT:
        return (struct vd_result){0, ""};
    case VD_REFUSED_CLIENT_ID:
    case VD_REFUSED_USER_NAME:
    case VD_REFUSED_HUB_NAME:
    case VD_REFUSED_WILL:
        return (struct vd_result){400000, "BadRequest"};
    case VD_REFUSED_TOKEN:
    case VD_REFUSED_EXPIRED:
        return (struct vd_result){401002, "TokenExpired"};
    case VD_REFUSED_UNKNOWN:
        return (struct vd_result){404001, "DeviceNotFound"};
    case VD_REFUSED_TOO_OFTEN:
        return (struct vd_result){429001, "ThrottlingException"};
    case VD_REFUSED_REGISTRY:
    case VD_REFUSED_STATE:
        return (struct vd_result){500001, "ServerError"};
    default:
        return (struct vd_result){401003, "IotHubUnauthorized"};
    }
}

struct vd_result vd_result_of_event(enum vd_session_event event)
{
    switch (event) {
    case VD_SESSION_DISCONNECT:
    case VD_SESSION_WEBSOCKET_CLOSED:
    case VD_SESSION_PEER_CLOSED:
    case VD_SESSION_TLS_FAILED:
        return (struct vd_result){404104, "DeviceConnectionClosedRemotely"};
    case VD_SESSION_TAKEN_OVER:
        return (struct vd_result){400027, "ConnectionForcefullyClosedOnNewConnection"};
    case VD_SESSION_TOKEN_EXPIRED:
        return (struct vd_result){401002, "TokenExpired"};
    case VD_SESSION_CERTIFICATE_EXPIRED:
    case VD_SESSION_FILTERED:
    case VD_SESSION_POLICY_CHANGED:
        return (struct vd_result){401003, "IotHubUnauthorized"};
    case VD_SESSION_REMOVED:
        return (struct vd_result){404001, "DeviceNotFound"};
    case VD_SESSION_STOPPING:
    case VD_SESSION_STATE_FAILED:
    case VD_SESSION_NO_MEMORY:
        return (struct vd_result){500001, "ServerError"};
    case VD_SESSION_KEEP_ALIVE_OVER:
    case VD_SESSION_PACKET_DEADLINE:
    case VD_SESSION_SLOW_READER:
        return (struct vd_result){408001, "Timeout"};
    default:
        return (struct vd_result){400000, "BadRequest"};
    }
}

bool vd_operation_of_ending(const struct vd_c2d_ending *ending, char expiry[VD_TIME_TEXT_SIZE],
    struct vd_operation *operation)
{
    *operation = (struct vd_operation){
        .category = VD_OPERATION_C2D,
        .device_id = ending->key.device_id,
        .properties = {{"messageId", ending->message_id, 0},
            {"deliveryCount", NULL, ending->deliveries}, {"expiryTime", expiry, 0}},
    };
    vd_time_format(ending->expires_ms, expiry);
    switch (ending->state) {
    case VD_C2D_COMPLETED:
        operation->name = "messageCompleted";
        return true;
    case VD_C2D_REJECTED:
        operation->name = "messageRejected";
        return true;
    case VD_C2D_EXPIRED:
        operation->name = "messageExpired";
        return true;
    case VD_C2D_EXHAUSTED:
        operation->name = "deliveryCountExceeded";
        return true;
    default:
        return false;
    }
}

void vd_address_mask(const char *address, char *out, size_t size)
{
    const char *dot = strrchr(address, '.');
    const char *colon = strrchr(address, ':');
    const char *last = dot != NULL ? dot : colon;
    const size_t kept = last != NULL ? (size_t)(last - address) + 1 : 0;

    if (kept + sizeof "XXX" > size) {
        out[0] = '\0';
        return;
    }
    memcpy(out, address, kept);
    memcpy(out + kept, kept > 0 ? "XXX" : "", kept > 0 ? sizeof "XXX" : 1);
}

/* The client's own word for itself; NULL if it says none that can be written. */
static json_t *client_json(struct vd_str encoded)
{
    char text[CLIENT_TYPE_MAX];
    size_t length = 0;

    if (encoded.length == 0 || vd_url_decode(encoded, text, sizeof text, &length) != VD_OK ||
        !vd_utf8_is_valid((struct vd_str){text, length})) {
        return NULL;
    }
    return json_stringn(text, length);
}

const char *vd_operation_auth_type(const struct vd_principal *principal)
{
    if (principal->auth_type != VD_AUTH_SAS) {
        return "{\"scope\":\"device\",\"type\":\"x509\",\"issuer\":\"external\"}";
    }
    return principal->by_policy ? "{\"scope\":\"hub\",\"type\":\"sas\",\"issuer\":\"iothub\"}"
                                : "{\"scope\":\"device\",\"type\":\"sas\",\"issuer\":\"iothub\"}";
}

/* Adds text that is there, as far as it may go; without memory nothing is added. */
static void set_text(json_t *object, const char *name, const char *text)
{
    struct vd_str shown = {text, text != NULL ? strnlen(text, VD_OPERATION_TEXT_MAX) : 0};
    const bool may_be_cut = shown.length == VD_OPERATION_TEXT_MAX;

    /* Not within a character, which has four bytes at most. */
    for (int i = 0; i < 3 && may_be_cut && !vd_utf8_is_valid(shown); i++) {
        shown.length--;
    }
    if (shown.length > 0) {
        (void)json_object_set_new(object, name, json_stringn(shown.data, shown.length));
    }
}

static void set_status(json_t *properties, uint32_t code)
{
    (void)json_object_set_new(
        properties, "statusCode", json_integer((json_int_t)(code != 0 ? code / 1000 : 200)));
}

/* The properties as text; the caller's, NULL without memory. */
static char *properties_text(const struct vd_operation *operation)
{
    char masked[64];
    json_t *properties = json_object();
    char *text;

    set_text(properties, "deviceId", operation->device_id);
    set_text(properties, "moduleId", operation->module_id);
    set_text(properties, "protocol", operation->protocol);
    set_text(properties, "authType", operation->auth_type);
    if (operation->address != NULL) {
        vd_address_mask(operation->address, masked, sizeof masked);
        set_text(properties, "maskedIpAddress", masked);
    }
    set_status(properties, operation->result.code);
    set_text(properties, "reason", operation->reason);
    if (operation->client_type.length > 0) {
        /* A value that is none is not set. */
        (void)json_object_set_new(properties, "sdkVersion", client_json(operation->client_type));
    }
    for (size_t i = 0; i < VD_OPERATION_PROPERTIES_MAX && operation->properties[i].name != NULL;
         i++) {
        const struct vd_operation_property *p = &operation->properties[i];

        if (p->text != NULL) {
            set_text(properties, p->name, p->text);
        } else {
            (void)json_object_set_new(properties, p->name, json_integer(p->number));
        }
    }
    text = json_dumps(properties, JSON_COMPACT);
    json_decref(properties);
    return text;
}

/* As records show it: in capitals. */
static json_t *resource_id_json(const char *resource_id)
{
    char *text = strdup(resource_id);
    json_t *json;

    for (char *at = text; at != NULL && *at != '\0'; at++) {
        if (*at >= 'a' && *at <= 'z') {
            *at = (char)(*at - 'a' + 'A');
        }
    }
    json = text != NULL ? json_string(text) : NULL;
    free(text);
    return json;
}

/* The record as text; the caller's, NULL without memory. */
static char *record_text(
    const struct vd_operation *operation, int64_t time_ms, const char *resource_id)
{
    const struct vd_result *result = &operation->result;
    char time[VD_TIME_TEXT_SIZE];
    char code[16] = "";
    char duration[24];
    char *properties = properties_text(operation);
    char *text = NULL;
    json_t *record = NULL;

    vd_time_format(time_ms, time);
    snprintf(duration, sizeof duration, "%lld", (long long)operation->duration_ms);
    if (result->code != 0) {
        snprintf(code, sizeof code, "%u", result->code);
    }
    if (properties != NULL) {
        record = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "time", time,
            "resourceId", resource_id_json(resource_id), "operationName", operation->name,
            "category", vd_operation_category_text(operation->category), "level",
            result->code != 0 ? "Error" : "Information", "resultType", code, "resultDescription",
            result->text != NULL ? result->text : "", "durationMs", duration, "properties",
            properties, "location", "");
    }
    if (record != NULL) {
        text = json_dumps(record, JSON_COMPACT);
    }
    json_decref(record);
    free(properties);
    return text;
}

int vd_operation_event(const struct vd_operation *operation, const char *resource_id,
    struct vd_buf *body, struct vd_event *event)
{
    const int64_t time_ms = operation->time_ms != 0 ? operation->time_ms : vd_clock_utc_ms();
    char *text = record_text(operation, time_ms, resource_id);

    if (text != NULL) {
        vd_buf_append_text(body, text);
    }
    free(text);
    if (text == NULL || body->error != VD_OK) {
        return VD_E_NOMEM;
    }
    *event = (struct vd_event){
        .kind = VD_EVENT_OPERATION,
        .enqueued_ms = time_ms,
        .device_id = vd_str_from(operation->device_id != NULL ? operation->device_id : ""),
        .module_id = vd_str_from(operation->module_id != NULL ? operation->module_id : ""),
        .address = vd_str_from(operation->address != NULL ? operation->address : ""),
        .body = {(const char *)body->data, body->length},
    };
    return VD_OK;
}
