/* SPDX-License-Identifier: MIT */
/* Records of operations in the form of the resource logs that back ends know. */

#include "hub/operation.h"

#include "lib/clock.h"
#include "lib/json_text.h"
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

/* The client's own word for itself, unless it says none that can be written. */
static void put_client(struct vd_buf *out, struct vd_str encoded)
{
    char text[CLIENT_TYPE_MAX];
    size_t length = 0;

    if (encoded.length > 0 && vd_url_decode(encoded, text, sizeof text, &length) == VD_OK &&
        vd_utf8_is_valid((struct vd_str){text, length})) {
        vd_json_append_text_member(out, "sdkVersion", (struct vd_str){text, length});
    }
}

const char *vd_operation_auth_type(const struct vd_principal *principal)
{
    if (principal->auth_type != VD_AUTH_SAS) {
        return "{\"scope\":\"device\",\"type\":\"x509\",\"issuer\":\"external\"}";
    }
    return principal->by_policy ? "{\"scope\":\"hub\",\"type\":\"sas\",\"issuer\":\"iothub\"}"
                                : "{\"scope\":\"device\",\"type\":\"sas\",\"issuer\":\"iothub\"}";
}

/* Adds text that is there, as far as it may go. */
static void put_text(struct vd_buf *out, const char *name, const char *text)
{
    struct vd_str shown = {text, text != NULL ? strnlen(text, VD_OPERATION_TEXT_MAX) : 0};
    const bool may_be_cut = shown.length == VD_OPERATION_TEXT_MAX;

    /* Not within a character, which has four bytes at most. */
    for (int i = 0; i < 3 && may_be_cut && !vd_utf8_is_valid(shown); i++) {
        shown.length--;
    }
    if (shown.length > 0 && vd_utf8_is_valid(shown)) {
        vd_json_append_text_member(out, name, shown);
    }
}

/* The properties as text. */
static void write_properties(const struct vd_operation *operation, struct vd_buf *out)
{
    const uint32_t code = operation->result.code;
    char masked[64];

    vd_buf_append(out, "{", 1);
    put_text(out, "deviceId", operation->device_id);
    put_text(out, "moduleId", operation->module_id);
    put_text(out, "protocol", operation->protocol);
    put_text(out, "authType", operation->auth_type);
    if (operation->address != NULL) {
        vd_address_mask(operation->address, masked, sizeof masked);
        put_text(out, "maskedIpAddress", masked);
    }
    vd_json_append_number_member(out, "statusCode", code != 0 ? code / 1000 : 200);
    put_text(out, "reason", operation->reason);
    put_client(out, operation->client_type);
    for (size_t i = 0; i < VD_OPERATION_PROPERTIES_MAX && operation->properties[i].name != NULL;
         i++) {
        const struct vd_operation_property *p = &operation->properties[i];

        if (p->text != NULL) {
            put_text(out, p->name, p->text);
        } else {
            vd_json_append_signed_member(out, p->name, p->number);
        }
    }
    vd_buf_append(out, "}", 1);
}

/* Moves what was made aside to where it belongs, or the failure to make it. */
static void put_scratch(struct vd_buf *out, const char *name, struct vd_buf *scratch)
{
    vd_json_append_text_member(
        out, name, (struct vd_str){(const char *)scratch->data, scratch->length});
    if (scratch->error != VD_OK) {
        out->error = scratch->error;
    }
    vd_buf_clear(scratch);
}

/* Members that are there even if they are empty. */
static void put_always(struct vd_buf *out, const char *name, const char *text)
{
    vd_json_append_text_member(out, name, vd_str_from(text != NULL ? text : ""));
}

/* As records show it: in capitals. */
static void put_resource_id(struct vd_buf *out, const char *resource_id, struct vd_buf *scratch)
{
    vd_buf_append_text(scratch, resource_id);
    for (size_t i = 0; i < scratch->length; i++) {
        const uint8_t c = scratch->data[i];

        if (c >= 'a' && c <= 'z') {
            scratch->data[i] = (uint8_t)(c - 'a' + 'A');
        }
    }
    put_scratch(out, "resourceId", scratch);
}

/* The record as text. `scratch` is empty, before and after. */
static void write_record(const struct vd_operation *operation, int64_t time_ms,
    const char *resource_id, struct vd_buf *scratch, struct vd_buf *out)
{
    const struct vd_result *result = &operation->result;
    char time[VD_TIME_TEXT_SIZE];
    char code[16] = "";
    char duration[24];

    vd_time_format(time_ms, time);
    snprintf(duration, sizeof duration, "%lld", (long long)operation->duration_ms);
    if (result->code != 0) {
        snprintf(code, sizeof code, "%u", result->code);
    }
    vd_buf_append(out, "{", 1);
    put_always(out, "time", time);
    put_resource_id(out, resource_id, scratch);
    put_always(out, "operationName", operation->name);
    put_always(out, "category", vd_operation_category_text(operation->category));
    put_always(out, "level", result->code != 0 ? "Error" : "Information");
    put_always(out, "resultType", code);
    put_always(out, "resultDescription", result->text);
    put_always(out, "durationMs", duration);
    write_properties(operation, scratch);
    put_scratch(out, "properties", scratch);
    put_always(out, "location", "");
    vd_buf_append(out, "}", 1);
}

int vd_operation_event(const struct vd_operation *operation, const char *resource_id,
    struct vd_buf *body, struct vd_event *event)
{
    const int64_t time_ms = operation->time_ms != 0 ? operation->time_ms : vd_clock_utc_ms();
    struct vd_buf scratch = {0};

    write_record(operation, time_ms, resource_id, &scratch, body);
    vd_buf_release(&scratch);
    if (body->error != VD_OK) {
        return body->error;
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
