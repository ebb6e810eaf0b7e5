/* SPDX-License-Identifier: MIT */
/* Any bytes as a security message: decoded within bounds to rows of valid JSON, or refused with a reason. */

#include <jansson.h>

#include "center/limits.h"
#include "center/raw_events.h"
#include "fuzz/replay.h"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* What is JSON of a flow's row makes an object. */
static void check_flow(const struct vd_flow_row *row)
{
    struct vd_buf text = {0};
    json_t *details;

    vd_buf_printf(&text, "{\"Flow\":[%.*s],\"Process\":[%.*s],%.*s%s\"End\":0}",
        VD_STR_ARG(row->executable), VD_STR_ARG(row->command_line), VD_STR_ARG(row->others),
        row->others.length > 0 ? "," : "");
    check(text.error == VD_OK);
    details = json_loadb((const char *)text.data, text.length, JSON_ALLOW_NUL, NULL);
    check(json_is_object(details));
    json_decref(details);
    vd_buf_release(&text);
}

/* Everything that was decoded is used once, as the center does. */
static void use(const struct vd_security_message *message)
{
    struct vd_raw_events rows = {0};
    struct vd_raw_source source = {
        .device_id = VD_STR_LITERAL("dev"), .enqueued_ms = 1764000000000, .message = message};

    for (uint32_t i = 0; i < message->events.count; i++) {
        const struct vd_security_event *event = vd_security_message_event(message, i);
        struct vd_event_time time =
            vd_event_time_judge(source.enqueued_ms, event->time_s, event->interval_s);

        check(vd_raw_events_add(&rows, &source, event, &time) == VD_OK);
    }
    for (size_t i = 0; i < rows.flow_count; i++) {
        check_flow(&rows.flows[i]);
    }
    for (size_t i = 0; i < rows.count; i++) {
        json_t *details = json_loadb(rows.rows[i].details.data, rows.rows[i].details.length,
            JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

        check(json_is_object(details));
        json_decref(details);
    }
    vd_raw_events_release(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_security_message message = {0};
    char reason[VD_DECODE_REASON_SIZE] = "";
    int error =
        vd_security_message_decode(&message, (struct vd_str){(const char *)data, length}, reason);

    if (error == VD_OK) {
        check(message.flows.count <= VD_SECURITY_MESSAGE_ITEMS_MAX);
        use(&message);
    } else {
        check(error == VD_E_INVALID && reason[0] != '\0' && message.events.count == 0);
    }
    vd_security_message_release(&message);
    return 0;
}
