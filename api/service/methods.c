/* SPDX-License-Identifier: MIT */
/* Direct methods: a call goes over the bus to a connected device, and its answer comes back. */

#include "api/service/internal.h"
#include "lib/secret.h"

/* Of the service of old: what a caller who says nothing gets, and what he may say. */
#define RESPONSE_S_DEFAULT 30
#define RESPONSE_S_MIN     5
#define RESPONSE_S_MAX     300
#define CONNECT_S_MAX      300

/* A number of seconds in milliseconds; false if it is out of range. */
static bool seconds_read(const json_t *body, const char *name, json_int_t min, json_int_t max,
    json_int_t fallback, uint32_t *ms)
{
    const json_t *value = json_object_get(body, name);
    json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : fallback;

    if ((value != NULL && !json_is_null(value) && !json_is_integer(value)) || seconds < min ||
        seconds > max) {
        return false;
    }
    *ms = (uint32_t)(seconds * 1000);
    return true;
}

/* Fills *call but for its ids; *payload is the caller's to free and backs it. NULL, or what is wrong. */
static const char *call_read(const json_t *body, struct vd_method_call *call, char **payload)
{
    const json_t *name = json_object_get(body, "methodName");
    const json_t *given = json_object_get(body, "payload");

    if (!json_is_object(body)) {
        return "the body is not a JSON object";
    }
    if (!json_is_string(name) ||
        !vd_method_name_is_valid(
            (struct vd_str){json_string_value(name), json_string_length(name)})) {
        return "methodName is 1 to 100 letters, digits and - . _ ~ * ! ( ) , : = @ $ '";
    }
    if (!seconds_read(body, "responseTimeoutInSeconds", RESPONSE_S_MIN, RESPONSE_S_MAX,
            RESPONSE_S_DEFAULT, &call->response_timeout_ms)) {
        return "responseTimeoutInSeconds is 5 to 300";
    }
    if (!seconds_read(
            body, "connectTimeoutInSeconds", 0, CONNECT_S_MAX, 0, &call->connect_timeout_ms)) {
        return "connectTimeoutInSeconds is 0 to 300";
    }
    *payload = given != NULL ? json_dumps(given, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("null");
    if (*payload == NULL) {
        return "out of memory";
    }
    call->name = json_string_value(name);
    call->payload = vd_str_from(*payload);
    return call->payload.length <= VD_METHOD_PAYLOAD_MAX_BYTES ? NULL
                                                               : "payload is at most 128 KiB";
}

static enum vd_service_fault fault_of(int error)
{
    switch (error) {
    case VD_E_NOT_FOUND:
        return VD_FAULT_DeviceNotOnline;
    case VD_E_TIMEOUT:
        return VD_FAULT_GatewayTimeout;
    case VD_E_LIMIT:
        return VD_FAULT_ThrottlingException;
    case VD_E_INVALID:
        return VD_FAULT_ArgumentInvalid;
    case VD_E_CLOSED:
        return VD_FAULT_ServiceUnavailable;
    default:
        return VD_FAULT_ServerError;
    }
}

static void answer_with(int status, const struct vd_buf *payload, struct vd_http_answer *answer)
{
    json_t *json = payload->length > 0
        ? json_loadb((const char *)payload->data, payload->length, JSON_DECODE_ANY, NULL)
        : json_null();

    if (json == NULL) {
        vd_service_fail(answer, VD_FAULT_BadDeviceResponse, NULL);
        return;
    }
    vd_service_reply(answer, json_pack("{s:i, s:o}", "status", status, "payload", json));
}

static bool call_begin(struct vd_service *service)
{
    bool may;

    pthread_mutex_lock(&service->lock);
    may = service->calls < VD_SERVICE_CALLS_MAX;
    service->calls += may ? 1 : 0;
    pthread_mutex_unlock(&service->lock);
    return may;
}

static void call_end(struct vd_service *service)
{
    pthread_mutex_lock(&service->lock);
    service->calls--;
    pthread_mutex_unlock(&service->lock);
}

static void call_and_answer(
    struct vd_service *service, const struct vd_method_call *call, struct vd_http_answer *answer)
{
    struct vd_buf payload = {.max = VD_METHOD_PAYLOAD_MAX_BYTES};
    int status = 0;
    int error = VD_E_LIMIT;

    if (call_begin(service)) {
        error = vd_bus_call_method(service->config.bus, call, &status, &payload);
        call_end(service);
    }
    if (error == VD_OK) {
        answer_with(status, &payload, answer);
    } else {
        vd_service_fail(answer, fault_of(error), NULL);
    }
    vd_buf_release(&payload);
}

void vd_service_call_method(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_str text = args->request->body;
    json_t *body = json_loadb(text.data, text.length, 0, NULL);
    struct vd_method_call call = {.device_id = args->device_id, .module_id = args->module_id};
    struct vd_identity identity = {0};
    char *payload = NULL;
    const char *wrong = call_read(body, &call, &payload);
    int error = VD_E_INVALID;

    if (wrong == NULL) {
        error = vd_registry_get(service->config.registry, args->device_id,
            args->module_id != NULL ? args->module_id : "", &identity);
        vd_secret_wipe(&identity, sizeof identity);
    }
    if (wrong != NULL) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, wrong);
    } else if (error != VD_OK) {
        vd_service_fail(answer, vd_service_fault_of(error, args->module_id != NULL), NULL);
    } else {
        call_and_answer(service, &call, answer);
    }
    free(payload);
    json_decref(body);
}
