/* SPDX-License-Identifier: MIT */
/* Messages to devices for whoever sends them. */

#include "api/commands.h"

#include "api/twins.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/url.h"

/* What the writer is asked for, and what came of it. */
struct work {
    const struct vd_commands *commands;
    struct vd_state_key key;
    int64_t now_ms;
    struct vd_c2d_message message;
    size_t purged;
    size_t counted;
    int send_error;
    struct vd_c2d_endings endings;
};

/* Whose queue it is. */
static int work_begin(const struct vd_commands *commands, const char *device_id, struct work *work)
{
    struct vd_identity identity = {0};
    int error = vd_registry_get(commands->registry, device_id, "", &identity);

    if (error == VD_OK && commands->state == NULL) {
        error = VD_E_CLOSED;
    }
    if (error == VD_OK) {
        *work = (struct work){
            .commands = commands, .key = vd_twins_key(&identity), .now_ms = vd_clock_utc_ms()};
    }
    vd_secret_wipe(&identity, sizeof identity);
    return error;
}

/* The end of it, with the result of the state. */
static void work_end(struct work *work, int error)
{
    if (error == VD_OK) {
        vd_record_endings(work->commands->recorder, NULL, &work->endings);
    } else {
        vd_c2d_endings_release(&work->endings);
    }
}

/* ---- Sending ---- */

static void add_property(struct vd_buf *bag, const char *name, const char *value)
{
    if (value != NULL) {
        vd_bag_add(bag, name, value);
    }
}

static const char *ack_name(enum vd_c2d_ack ack)
{
    static const char *const names[] = {
#define ACK_NAME(name, value, text) [name] = text,
        VD_C2D_ACKS(ACK_NAME)
#undef ACK_NAME
    };

    return ack != VD_C2D_ACK_NONE ? names[ack] : NULL;
}

/* The bag as it stands behind the topic. */
static void write_bag(const struct vd_command *command, const char *message_id, int64_t expires_ms,
    struct vd_buf *bag)
{
    char to[VD_ID_MAX + 40];
    char expiry[VD_TIME_TEXT_SIZE];

    snprintf(to, sizeof to, "/devices/%s/messages/devicebound", command->device_id);
    vd_time_format(expires_ms, expiry);
    add_property(bag, "$.to", to);
    add_property(bag, "$.mid", message_id);
    add_property(bag, "$.exp", expiry);
    add_property(bag, "$.cid", command->correlation_id);
    add_property(bag, "$.uid", command->user_id);
    add_property(bag, "$.ct", command->content_type);
    add_property(bag, "$.ce", command->content_encoding);
    add_property(bag, "iothub-ack", ack_name(command->ack));
    for (size_t i = 0; i < command->property_count; i++) {
        vd_bag_add(bag, command->properties[i].name, command->properties[i].value);
    }
}

static bool is_text(const char *text)
{
    return text == NULL || vd_utf8_is_valid(vd_str_from(text));
}

/* NULL, or what is wrong with the message. */
static const char *find_problem(const struct vd_command *command, int64_t now_ms)
{
    if (command->message_id != NULL && strlen(command->message_id) > VD_C2D_MESSAGE_ID_MAX) {
        return "a message id has at most 128 bytes";
    }
    if (command->expires_ms > now_ms + VD_HUB_C2D_TTL_MAX_MS) {
        return "a message expires within 48 hours";
    }
    if (!is_text(command->message_id) || !is_text(command->correlation_id) ||
        !is_text(command->user_id) || !is_text(command->content_type) ||
        !is_text(command->content_encoding)) {
        return "a property is not UTF-8";
    }
    for (size_t i = 0; i < command->property_count; i++) {
        const struct vd_command_property *property = &command->properties[i];

        if (property->name[0] == '\0' || property->name[0] == '$' ||
            strcmp(property->name, "iothub-ack") == 0) {
            return "a property's name is empty, begins with '$', or is iothub-ack";
        }
        if (!is_text(property->name) || !is_text(property->value)) {
            return "a property is not UTF-8";
        }
    }
    /* Those that the bag has of the message itself. */
    return command->property_count + 8 > VD_BAG_MAX_PROPERTIES ? "too many properties" : NULL;
}

/* What it is called: as its sender says, or a new name. */
static int name_message(const struct vd_command *command, char out[VD_C2D_MESSAGE_ID_MAX + 1])
{
    struct vd_uuid id;
    int error;

    if (command->message_id != NULL && command->message_id[0] != '\0') {
        return vd_text_copy(command->message_id, out, VD_C2D_MESSAGE_ID_MAX + 1);
    }
    error = vd_uuid_random(&id);
    if (error == VD_OK) {
        vd_uuid_format(&id, out);
    }
    return error;
}

static int run_send(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    work->send_error =
        vd_state_c2d_send(store, &work->key, &work->message, work->now_ms, &work->endings);
    /* What was over is taken out of a queue even if it is full all the same. */
    return work->send_error == VD_E_LIMIT ? VD_OK : work->send_error;
}

static void wake_hub(void *context)
{
    const struct work *work = context;
    struct vd_bus *bus = work->commands->bus;

    if (bus != NULL && work->send_error == VD_OK) {
        bus->ops->c2d_waiting(bus, work->key.device_id);
    }
}

static int send_message(
    struct work *work, const struct vd_command *command, struct vd_command_result *result)
{
    struct vd_buf bag = {.max = VD_MESSAGE_PROPERTIES_MAX};
    int64_t expires_ms =
        command->expires_ms != 0 ? command->expires_ms : work->now_ms + VD_HUB_C2D_TTL_DEFAULT_MS;
    int error = name_message(command, result->message_id);

    if (error == VD_OK) {
        write_bag(command, result->message_id, expires_ms, &bag);
        error = bag.error;
    }
    if (error == VD_E_LIMIT) {
        result->problem = "the properties are longer than 16 KiB";
        error = VD_E_INVALID;
    }
    if (error == VD_OK) {
        work->message = (struct vd_c2d_message){
            .message_id = vd_str_from(result->message_id),
            .properties = {(const char *)bag.data, bag.length},
            .body = command->body,
            .ack = command->ack,
            .expires_ms = expires_ms,
        };
        error = vd_state_do_and_tell(work->commands->state, run_send, wake_hub, work);
        work_end(work, error);
    }
    if (error == VD_OK && work->send_error == VD_E_LIMIT) {
        result->is_queue_full = true;
        error = VD_E_LIMIT;
    }
    vd_buf_release(&bag);
    return error;
}

int vd_commands_send(const struct vd_commands *commands, const struct vd_command *command,
    struct vd_command_result *result)
{
    struct work work;
    int error = work_begin(commands, command->device_id, &work);

    *result = (struct vd_command_result){.problem = "malformed or out of range"};
    if (error != VD_OK) {
        return error;
    }
    if (command->body.length > VD_HUB_C2D_BODY_MAX_BYTES) {
        result->problem = "a body has at most 64 KiB";
        return VD_E_INVALID;
    }
    const char *problem = find_problem(command, work.now_ms);

    if (problem != NULL) {
        result->problem = problem;
        return VD_E_INVALID;
    }
    return send_message(&work, command, result);
}

/* ---- Purging ---- */

static int run_purge(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return vd_state_c2d_purge(store, &work->key, work->now_ms, &work->purged, &work->endings);
}

int vd_commands_purge(const struct vd_commands *commands, const char *device_id, size_t *purged)
{
    struct work work;
    int error = work_begin(commands, device_id, &work);

    if (error == VD_OK) {
        error = vd_state_do(commands->state, run_purge, &work);
        work_end(&work, error);
    }
    if (error == VD_OK) {
        *purged = work.purged;
    }
    return error;
}

/* ---- Counting ---- */

static int run_count(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return vd_state_c2d_count(store, &work->key, work->now_ms, &work->counted, &work->endings);
}

int vd_commands_count(const struct vd_commands *commands, const char *device_id, size_t *count)
{
    struct work work;
    int error = work_begin(commands, device_id, &work);

    if (error == VD_OK) {
        error = vd_state_do(commands->state, run_count, &work);
        work_end(&work, error);
    }
    if (error == VD_OK) {
        *count = work.counted;
    }
    return error;
}

/* ---- Feedback ---- */

struct reading {
    int64_t after; /* or up to which it is removed */
    size_t max;
    struct vd_c2d_feedback *found;
    size_t count;
};

static int run_read(void *context, struct vd_state_store *store)
{
    struct reading *reading = context;
    int error = VD_OK;

    while (error == VD_OK && reading->count < reading->max) {
        error = vd_state_feedback_next(store, reading->after, &reading->found[reading->count]);
        if (error == VD_OK) {
            reading->after = reading->found[reading->count++].sequence;
        }
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* NULL: no memory. */
static json_t *feedback_json(const struct vd_c2d_feedback *feedback)
{
    char time[VD_TIME_TEXT_SIZE];
    const char *status = vd_c2d_status_name(feedback->state);

    vd_time_format(feedback->ended_ms, time);
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "sequence",
        (json_int_t)feedback->sequence, "originalMessageId", feedback->message_id, "deviceId",
        feedback->key.device_id, "deviceGenerationId", feedback->key.generation_id,
        "enqueuedTimeUtc", time, "statusCode", status, "description", status);
}

int vd_commands_feedback(
    const struct vd_commands *commands, int64_t after, size_t max, json_t **json)
{
    struct reading reading = {
        .after = after, .max = max < VD_COMMANDS_FEEDBACK_MAX ? max : VD_COMMANDS_FEEDBACK_MAX};
    json_t *made = NULL;
    int error = commands->state != NULL ? VD_OK : VD_E_CLOSED;

    reading.found = error == VD_OK ? calloc(reading.max, sizeof *reading.found) : NULL;
    if (error == VD_OK) {
        error =
            reading.found != NULL ? vd_state_do(commands->state, run_read, &reading) : VD_E_NOMEM;
    }
    if (error == VD_OK) {
        made = json_array();
        error = made != NULL ? VD_OK : VD_E_NOMEM;
    }
    for (size_t i = 0; error == VD_OK && i < reading.count; i++) {
        if (json_array_append_new(made, feedback_json(&reading.found[i])) != 0) {
            error = VD_E_NOMEM;
        }
    }
    free(reading.found);
    if (error != VD_OK) {
        json_decref(made);
        return error;
    }
    *json = made;
    return VD_OK;
}

static int run_remove(void *context, struct vd_state_store *store)
{
    const struct reading *reading = context;

    return vd_state_feedback_remove(store, reading->after);
}

int vd_commands_feedback_remove(const struct vd_commands *commands, int64_t up_to)
{
    struct reading reading = {.after = up_to};

    return commands->state != NULL ? vd_state_do(commands->state, run_remove, &reading)
                                   : VD_E_CLOSED;
}
