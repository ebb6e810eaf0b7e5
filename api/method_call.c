/* SPDX-License-Identifier: MIT */
/* Calls of direct methods for requests, with or without a thread that waits. */

#include "api/method_call.h"

#include <stdlib.h>
#include <string.h>

/* A number of seconds in milliseconds; false if it is none of those that may be. */
static bool read_seconds(
    const json_t *body, const char *name, json_int_t min, json_int_t fallback, uint32_t *ms)
{
    const json_t *value = json_object_get(body, name);
    json_int_t seconds = fallback;

    if (value != NULL && !json_is_null(value)) {
        if (!json_is_integer(value)) {
            return false;
        }
        seconds = json_integer_value(value);
    }
    if (seconds < min || seconds > VD_METHOD_TIMEOUT_MAX_S) {
        return false;
    }
    *ms = (uint32_t)(seconds * 1000);
    return true;
}

const char *vd_method_read(const json_t *body, struct vd_method_call *call, char **payload)
{
    const json_t *name = json_object_get(body, "methodName");
    const json_t *given = json_object_get(body, "payload");

    *payload = NULL;
    if (!json_is_object(body)) {
        return "the body is not a JSON object";
    }
    if (!json_is_string(name) ||
        !vd_method_name_is_valid(
            (struct vd_str){json_string_value(name), json_string_length(name)})) {
        return "methodName is to be 1 to 100 letters, digits and - . _ ~ * ! ( ) , : = @ $ '";
    }
    if (!read_seconds(body, "responseTimeoutInSeconds", VD_METHOD_RESPONSE_MIN_S,
            VD_METHOD_RESPONSE_DEFAULT_S, &call->response_timeout_ms)) {
        return "responseTimeoutInSeconds is to be 5 to 300";
    }
    if (!read_seconds(body, "connectTimeoutInSeconds", 0, 0, &call->connect_timeout_ms)) {
        return "connectTimeoutInSeconds is to be 0 to 300";
    }
    *payload = given != NULL ? json_dumps(given, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("null");
    if (*payload == NULL) {
        return "the payload cannot be written";
    }
    call->name = json_string_value(name);
    call->payload = vd_str_from(*payload);
    return call->payload.length <= VD_METHOD_PAYLOAD_MAX_BYTES ? NULL
                                                               : "payload is to be at most 128 KiB";
}

/* The end of a call, on a thread that may take its time. */
static void give(int error, int status, const struct vd_buf *payload, vd_method_reply *reply,
    struct vd_http_answer *answer)
{
    json_t *json = NULL;

    if (error == VD_OK) {
        json = payload->length > 0
            ? json_loadb((const char *)payload->data, payload->length, JSON_DECODE_ANY, NULL)
            : json_null();
        error = json != NULL ? VD_OK : VD_E_CORRUPT;
    }
    reply(error, error == VD_OK ? status : 0, json, answer);
}

/* A call whose request is answered later. */
struct parked {
    struct vd_http_later *later;
    vd_method_reply *reply;
    int error;
    int status;
    struct vd_buf payload;
};

/* On the hub's loop: only what it sent is kept. */
static void on_ended(void *context, const struct vd_method_answer *answer)
{
    struct parked *parked = context;

    parked->error = answer->error;
    parked->status = answer->status;
    vd_buf_append(&parked->payload, answer->payload.data, answer->payload.length);
    if (parked->payload.error != VD_OK) {
        parked->error = parked->payload.error;
    }
    vd_http_resume(parked->later);
}

static void on_resumed(void *context, struct vd_http_answer *answer)
{
    struct parked *parked = context;

    give(parked->error, parked->status, &parked->payload, parked->reply, answer);
    vd_buf_release(&parked->payload);
    free(parked);
}

static void run_and_wait(struct vd_bus *bus, const struct vd_method_call *call,
    vd_method_reply *reply, struct vd_http_answer *answer)
{
    struct vd_buf payload = {0};
    int status = 0;
    int error = vd_bus_call_method(bus, call, &status, &payload);

    give(error, status, &payload, reply, answer);
    vd_buf_release(&payload);
}

void vd_method_run(struct vd_bus *bus, const struct vd_method_call *call,
    struct vd_http_later *later, vd_method_reply *reply, struct vd_http_answer *answer)
{
    struct parked *parked = NULL;
    int error;

    if (later == NULL || bus == NULL || bus->ops->call_method == NULL) {
        run_and_wait(bus, call, reply, answer);
        return;
    }
    parked = calloc(1, sizeof *parked);
    if (parked == NULL) {
        reply(VD_E_NOMEM, 0, NULL, answer);
        return;
    }
    parked->later = later;
    parked->reply = reply;
    vd_http_later(later, on_resumed, parked);
    error = bus->ops->call_method(bus, call, on_ended, parked);
    if (error != VD_OK) {
        parked->error = error;
        vd_http_resume(later);
    }
}
