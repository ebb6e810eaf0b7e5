/* SPDX-License-Identifier: MIT */
/* Messages to devices (C2D) for whoever sends them: put into the queue, purged, and what became of them. */

#ifndef VEDETTE_API_COMMANDS_H
#define VEDETTE_API_COMMANDS_H

#include <jansson.h>

#include "api/record.h"
#include "hub/registry.h"
#include "hub/state.h"
#include "lib/bus.h"

/* What they go through. Any thread; the functions below block for the disk. */
struct vd_commands {
    struct vd_registry *registry;
    struct vd_state *state; /* NULL: everything is VD_E_CLOSED */
    struct vd_bus *bus;     /* NULL: no hub is running; the message waits */
    const struct vd_recorder
        *recorder; /* of messages that are found to be over; NULL: they are not recorded */
};

struct vd_command_property {
    const char *name; /* UTF-8, not empty, not "iothub-ack", not beginning with '$' */
    const char *value;
};

/* One message. Texts are UTF-8; NULL: none. */
struct vd_command {
    const char *device_id;
    const char *message_id; /* at most VD_C2D_MESSAGE_ID_MAX bytes; NULL: one is made */
    const char *correlation_id;
    const char *user_id;
    const char *content_type;
    const char *content_encoding;
    enum vd_c2d_ack ack;
    int64_t expires_ms; /* UTC; 0: after VD_HUB_C2D_TTL_DEFAULT_MS */
    const struct vd_command_property *properties;
    size_t property_count;
    struct vd_str body;
};

/* What it was, or why it is not. Static text. */
struct vd_command_result {
    char message_id[VD_C2D_MESSAGE_ID_MAX + 1];
    bool is_queue_full;  /* with VD_E_LIMIT */
    const char *problem; /* with VD_E_INVALID */
};

/*
 * Puts the message into the device's queue, with its properties as the device will get them in the topic, and wakes the hub.
 * VD_OK: it is durable. VD_E_INVALID; VD_E_LIMIT: the queue is full, or too much waits for the writer; VD_E_NOT_FOUND: no
 * such device. Else the errors of registry and state.
 */
VD_NODISCARD int vd_commands_send(const struct vd_commands *commands,
    const struct vd_command *command, struct vd_command_result *result);

/* Ends all that waits for the device; *purged of them. Errors likewise. */
VD_NODISCARD int vd_commands_purge(
    const struct vd_commands *commands, const char *device_id, size_t *purged);

/* How many wait, or are with the device; errors likewise. */
VD_NODISCARD int vd_commands_count(
    const struct vd_commands *commands, const char *device_id, size_t *count);

/*
 * What became of messages whose senders asked: at most `max` (up to VD_COMMANDS_FEEDBACK_MAX), the oldest first, behind the
 * sequence `after` (0: all). *json is an array, the caller's, of {"sequence","originalMessageId","deviceId",
 * "deviceGenerationId","enqueuedTimeUtc","statusCode","description"}.
 */
#define VD_COMMANDS_FEEDBACK_MAX 1000
VD_NODISCARD int vd_commands_feedback(
    const struct vd_commands *commands, int64_t after, size_t max, json_t **json);

/* Forgets all feedback up to that sequence. */
VD_NODISCARD int vd_commands_feedback_remove(const struct vd_commands *commands, int64_t up_to);

#endif
