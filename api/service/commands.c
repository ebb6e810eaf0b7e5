/* SPDX-License-Identifier: MIT */
/* Messages to devices over HTTPS: sent, purged, counted, and their feedback. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <strings.h>

#include "api/commands.h"
#include "api/service/internal.h"
#include "lib/clock.h"
#include "lib/url.h"

/* A header that begins so is a property of the message. */
#define PROPERTY_PREFIX "iothub-app-"

/* Identities whose messages are counted in one run of the state's writer. */
#define COUNT_CHUNK 100

/* Records of feedback that one request gets if it does not say. */
#define FEEDBACK_DEFAULT 100

static struct vd_commands commands_of(const struct vd_service *service)
{
    return (struct vd_commands){service->config.registry, service->config.state,
        service->config.bus, service->config.recorder};
}

/* ---- Sending ---- */

/* The properties among the headers into `out` of VD_BAG_MAX_PROPERTIES; how many there are, which may be more. */
static size_t properties_read(
    const struct vd_http_request *request, struct vd_command_property *out)
{
    size_t count = 0;

    for (const struct evkeyval *at = request->headers->tqh_first; at != NULL;
         at = at->next.tqe_next) {
        if (strncasecmp(at->key, PROPERTY_PREFIX, sizeof PROPERTY_PREFIX - 1) == 0) {
            if (count < VD_BAG_MAX_PROPERTIES) {
                out[count] =
                    (struct vd_command_property){at->key + sizeof PROPERTY_PREFIX - 1, at->value};
            }
            count++;
        }
    }
    return count;
}

/* NULL, or what is wrong (static). */
static const char *command_read(const struct vd_http_request *request, struct vd_command *command)
{
    const char *expiry = vd_http_header(request, "iothub-expiry");
    const char *ack = vd_http_header(request, "iothub-ack");

    command->message_id = vd_http_header(request, "iothub-messageid");
    command->correlation_id = vd_http_header(request, "iothub-correlationid");
    command->user_id = vd_http_header(request, "iothub-userid");
    command->content_type = vd_http_header(request, "iothub-contenttype");
    command->content_encoding = vd_http_header(request, "iothub-contentencoding");
    if (ack != NULL && !vd_c2d_ack_parse(ack, &command->ack)) {
        return "iothub-ack is none, positive, negative or full";
    }
    if (expiry != NULL && vd_time_parse(expiry, &command->expires_ms) != VD_OK) {
        return "iothub-expiry is a time as 2030-01-31T12:00:00Z";
    }
    return command->property_count > VD_BAG_MAX_PROPERTIES ? "too many properties" : NULL;
}

void vd_service_send(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_commands commands = commands_of(service);
    struct vd_command_property properties[VD_BAG_MAX_PROPERTIES];
    struct vd_command command = {
        .device_id = args->device_id,
        .properties = properties,
        .property_count = properties_read(args->request, properties),
        .body = args->request->body,
    };
    struct vd_command_result result = {.problem = command_read(args->request, &command)};
    int error =
        result.problem == NULL ? vd_commands_send(&commands, &command, &result) : VD_E_INVALID;

    if (error == VD_OK) {
        answer->status = 204;
        vd_http_answer_header(answer, "iothub-messageid", result.message_id);
    } else if (error == VD_E_INVALID) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, result.problem);
    } else if (error == VD_E_LIMIT && result.is_queue_full) {
        vd_service_fail(answer, VD_FAULT_DeviceMaximumQueueDepthExceeded, NULL);
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

void vd_service_purge(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_commands commands = commands_of(service);
    size_t purged = 0;
    int error = vd_commands_purge(&commands, args->device_id, &purged);

    if (error == VD_OK) {
        vd_service_reply(answer,
            json_pack("{s:s, s:n, s:I}", "deviceId", args->device_id, "moduleId",
                "totalMessagesPurged", (json_int_t)purged));
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

/* ---- Feedback ---- */

/* A whole number of 0 to 18 digits; -1 for anything else. */
static int64_t number_read(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 18 && text[digits] == '\0' ? strtoll(text, NULL, 10) : -1;
}

void vd_service_get_feedback(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_commands commands = commands_of(service);
    const char *top = evhttp_find_header(args->params, "top");
    const char *after = evhttp_find_header(args->params, "after");
    int64_t max = top != NULL ? number_read(top) : FEEDBACK_DEFAULT;
    int64_t from = after != NULL ? number_read(after) : 0;
    json_t *found = NULL;
    int error;

    if (max < 1 || from < 0) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid,
            "top is a number from 1, after the sequence of a record");
        return;
    }
    error = vd_commands_feedback(&commands, from, (size_t)max, &found);
    if (error == VD_OK) {
        vd_service_reply(answer, found);
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

void vd_service_remove_feedback(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_commands commands = commands_of(service);
    int64_t sequence = number_read(args->number);
    int error = sequence > 0 ? vd_commands_feedback_remove(&commands, sequence) : VD_E_INVALID;

    if (error == VD_OK) {
        answer->status = 204;
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

/* ---- How many wait ---- */

struct counting {
    json_t *items; /* identities as they are answered */
    size_t first;
    int64_t now_ms;
    struct vd_c2d_endings endings;
};

/* False: it is no identity. */
static bool key_read(const json_t *item, struct vd_state_key *key)
{
    const char *device = json_string_value(json_object_get(item, "deviceId"));
    const char *module = json_string_value(json_object_get(item, "moduleId"));
    const char *generation = json_string_value(json_object_get(item, "generationId"));

    return device != NULL && generation != NULL &&
        vd_text_copy(device, key->device_id, sizeof key->device_id) == VD_OK &&
        vd_text_copy(module != NULL ? module : "", key->module_id, sizeof key->module_id) ==
        VD_OK &&
        vd_text_copy(generation, key->generation_id, sizeof key->generation_id) == VD_OK;
}

/* Of what never was, the identity says so already. */
static bool set_time(json_t *item, const char *name, int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(utc_ms, text);
    return utc_ms == 0 || json_object_set_new(item, name, json_string(text)) == 0;
}

/* In the writer's thread. */
static int run_count(void *context, struct vd_state_store *store)
{
    struct counting *counting = context;
    const size_t end = counting->first + COUNT_CHUNK;
    int error = VD_OK;

    for (size_t i = counting->first;
         error == VD_OK && i < end && i < json_array_size(counting->items); i++) {
        json_t *item = json_array_get(counting->items, i);
        struct vd_state_activity activity = {0};
        struct vd_state_key key;
        size_t count = 0;

        if (!key_read(item, &key)) {
            return VD_E_INVALID;
        }
        error = vd_state_c2d_count(store, &key, counting->now_ms, &count, &counting->endings);
        if (error == VD_OK) {
            error = vd_state_activity_get(store, &key, &activity);
        }
        if (error == VD_OK && count > 0 &&
            json_object_set_new(
                item, "cloudToDeviceMessageCount", json_integer((json_int_t)count)) != 0) {
            error = VD_E_NOMEM;
        }
        if (error == VD_OK &&
            (!set_time(item, "lastActivityTime", activity.seen_ms) ||
                !set_time(item, "connectionStateUpdatedTime", activity.connection_ms))) {
            error = VD_E_NOMEM;
        }
    }
    return error;
}

int vd_service_add_state(const struct vd_service *service, json_t *identities)
{
    struct counting counting = {.items = identities, .now_ms = vd_clock_utc_ms()};
    int error = VD_OK;

    for (; service->config.state != NULL && error == VD_OK &&
         counting.first < json_array_size(identities);
         counting.first += COUNT_CHUNK) {
        error = vd_state_do(service->config.state, run_count, &counting);
        if (error == VD_OK) {
            vd_record_endings(service->config.recorder, NULL, &counting.endings);
        }
    }
    vd_c2d_endings_release(&counting.endings);
    return error;
}
