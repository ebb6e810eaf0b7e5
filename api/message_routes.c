/* SPDX-License-Identifier: MIT */
/* Messages to devices for the owner: sent, purged, and what became of them. */

#include "api/commands.h"
#include "api/handlers.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/url.h"

/* Records of feedback that one request gets if it does not say. */
#define FEEDBACK_DEFAULT 100

static struct vd_commands commands_of(const struct vd_api *api)
{
    return (struct vd_commands){api->registry, api->state, api->bus, api->recorder};
}

/* ---- What is sent ---- */

/* Where the parts of a message that are not in the JSON are kept. */
struct message {
    struct vd_command command;
    struct vd_command_property properties[VD_BAG_MAX_PROPERTIES];
    uint8_t body[VD_HUB_C2D_BODY_MAX_BYTES];
};

static bool read_text(const json_t *value, const char **out)
{
    *out = json_string_value(value); /* without NUL: the body would not have been read */
    return *out != NULL;
}

/* NULL, or what is wrong (static). */
static const char *read_properties(const json_t *value, struct message *message)
{
    const char *name;
    const json_t *text;
    size_t count = 0;

    json_object_foreach((json_t *)value, name, text)
    {
        if (count == VD_BAG_MAX_PROPERTIES) {
            return "too many properties";
        }
        message->properties[count].name = name;
        if (!read_text(text, &message->properties[count++].value)) {
            return "the value of a property is to be text";
        }
    }
    message->command.properties = message->properties;
    message->command.property_count = count;
    return json_is_object(value) ? NULL : "properties is to be an object";
}

static const char *read_payload(const json_t *value, struct message *message)
{
    message->command.body = (struct vd_str){json_string_value(value), json_string_length(value)};
    return json_is_string(value) ? NULL : "payload is to be text";
}

static const char *read_bytes(const json_t *value, struct message *message)
{
    const struct vd_str text = {json_string_value(value), json_string_length(value)};
    size_t length = 0;

    if (text.data == NULL ||
        vd_base64_decode(text, message->body, sizeof message->body, &length) != VD_OK) {
        return "payloadBase64 is to be base64 of at most 64 KiB";
    }
    message->command.body = (struct vd_str){(const char *)message->body, length};
    return NULL;
}

static const char *read_ack(const json_t *value, struct message *message)
{
    const char *text = json_string_value(value);

    return text != NULL && vd_c2d_ack_parse(text, &message->command.ack)
        ? NULL
        : "ack is to be none, positive, negative or full";
}

static const char *read_ttl(const json_t *value, struct message *message)
{
    const json_int_t seconds = json_integer_value(value);

    if (!json_is_integer(value) || seconds < 1 || seconds > VD_HUB_C2D_TTL_MAX_MS / 1000) {
        return "ttlSeconds is to be a number of 1 to 172800";
    }
    message->command.expires_ms = vd_clock_utc_ms() + seconds * 1000;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*read)(
        const json_t *value, struct message *message); /* NULL: a text, that is at: */
    size_t offset;
} members[] = {
    {"payload", read_payload, 0},
    {"payloadBase64", read_bytes, 0},
    {"properties", read_properties, 0},
    {"ack", read_ack, 0},
    {"ttlSeconds", read_ttl, 0},
    {"messageId", NULL, offsetof(struct vd_command, message_id)},
    {"correlationId", NULL, offsetof(struct vd_command, correlation_id)},
    {"userId", NULL, offsetof(struct vd_command, user_id)},
    {"contentType", NULL, offsetof(struct vd_command, content_type)},
    {"contentEncoding", NULL, offsetof(struct vd_command, content_encoding)},
};

#define MEMBERS (sizeof members / sizeof members[0])

static const char *read_member(const char *name, const json_t *value, struct message *message)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (strcmp(members[i].name, name) != 0) {
            continue;
        }
        if (members[i].read != NULL) {
            return members[i].read(value, message);
        }
        return read_text(value, (const char **)((char *)&message->command + members[i].offset))
            ? NULL
            : "ids and types are to be text";
    }
    return "a member that messages do not have";
}

/* NULL, or what is wrong (static). The message points into the body. */
static const char *read_message(const json_t *body, struct message *message)
{
    const char *name;
    const json_t *value;

    if (json_object_get(body, "payload") != NULL &&
        json_object_get(body, "payloadBase64") != NULL) {
        return "payload and payloadBase64 are two ways to say one thing";
    }
    json_object_foreach((json_t *)body, name, value)
    {
        const char *problem = read_member(name, value, message);

        if (problem != NULL) {
            return problem;
        }
    }
    return NULL;
}

static void send_message(
    const struct vd_api *api, const struct vd_command *command, struct vd_api_answer *answer)
{
    const struct vd_commands commands = commands_of(api);
    struct vd_command_result result = {.is_queue_full = false};
    int error = vd_commands_send(&commands, command, &result);

    if (error == VD_OK) {
        vd_api_reply(answer, 201, json_pack("{s:s}", "messageId", result.message_id));
    } else if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidMessage", "%s", result.problem);
    } else if (error == VD_E_LIMIT && result.is_queue_full) {
        vd_api_fail(answer, 403, "DeviceMaximumQueueDepthExceeded",
            "%s: %d messages wait for it already", command->device_id, VD_HUB_C2D_MESSAGES_MAX);
    } else {
        vd_api_fail_state(answer, error, command->device_id);
    }
}

void vd_api_message_send(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    struct message *message = body != NULL ? calloc(1, sizeof *message) : NULL;
    const char *problem;

    if (message == NULL) {
        json_decref(body);
        return;
    }
    message->command.device_id = args->id;
    problem = read_message(body, message);
    if (problem == NULL) {
        send_message(api, &message->command, answer);
    } else {
        vd_api_fail(answer, 400, "InvalidMessage", "%s", problem);
    }
    free(message);
    json_decref(body);
}

/* ---- Purging and feedback ---- */

void vd_api_message_purge(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_commands commands = commands_of(api);
    size_t purged = 0;
    int error = vd_commands_purge(&commands, args->id, &purged);

    if (error == VD_OK) {
        vd_api_reply(answer, 200, json_pack("{s:I}", "purged", (json_int_t)purged));
    } else {
        vd_api_fail_state(answer, error, args->id);
    }
}

void vd_api_feedback_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_commands commands = commands_of(api);
    json_t *feedback = NULL;
    int64_t after;
    int64_t limit;
    int error;

    if (!vd_api_param_number(args, "after", INT64_MAX, 0, &after, answer) ||
        !vd_api_param_number(
            args, "limit", VD_COMMANDS_FEEDBACK_MAX, FEEDBACK_DEFAULT, &limit, answer)) {
        return;
    }
    error = vd_commands_feedback(&commands, after, limit > 0 ? (size_t)limit : 1, &feedback);
    if (error == VD_OK) {
        vd_api_reply(answer, 200, json_pack("{s:o}", "feedback", feedback));
    } else {
        vd_api_fail_state(answer, error, "the feedback");
    }
}

void vd_api_feedback_forget(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_commands commands = commands_of(api);
    int64_t up_to;
    int error;

    if (!vd_api_param_number(args, "upTo", INT64_MAX, 0, &up_to, answer)) {
        return;
    }
    error = vd_commands_feedback_remove(&commands, up_to);
    if (error == VD_OK) {
        vd_api_reply(answer, 204, NULL);
    } else {
        vd_api_fail_state(answer, error, "the feedback");
    }
}
