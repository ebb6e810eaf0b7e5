/* SPDX-License-Identifier: MIT */
/* Any text as a JSON security message: refused with a reason, or taken to rows that hold each item as it was sent. */

#include "center/decode/json_message.h"
#include "center/limits.h"
#include "center/raw_events.h"
#include "fuzz/replay.h"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* The row's details are the item, but for what the center adds. */
static void check_row(
    const struct vd_raw_event *row, const struct vd_security_event *event, const json_t *item)
{
    json_t *details = json_loadb(row->details.data, row->details.length, 0, NULL);
    const json_t *local = json_object_get(details, "TimestampLocal");

    check(json_is_object(details));
    check(vd_str_equal(
        event->time_local, (struct vd_str){json_string_value(local), json_string_length(local)}));
    json_object_del(details, "TimestampLocal");
    json_object_del(details, "DeviceTime");
    check(json_equal(details, item));
    json_decref(details);
}

static void check_event(struct vd_raw_events *rows, const struct vd_raw_source *source,
    const struct vd_security_event *event)
{
    const struct vd_event_time time =
        vd_event_time_judge(source->enqueued_ms, event->time_s, event->interval_s);
    const size_t before = rows->count;
    const size_t items = json_array_size(event->items);

    check(vd_raw_events_add(rows, source, event, &time) == VD_OK);
    check(rows->count - before == (items != 0 ? items : 1));
    for (size_t i = 0; i < items; i++) {
        check_row(&rows->rows[before + i], event, json_array_get(event->items, i));
        check(rows->rows[before + i].is_empty == event->is_empty);
    }
}

static void use(const struct vd_security_message *message)
{
    struct vd_raw_events rows = {0};
    const struct vd_raw_source source = {
        .device_id = VD_STR_LITERAL("dev"), .enqueued_ms = 1764000000000, .message = message};

    check(message->events.count > 0 && message->document != NULL);
    for (uint32_t i = 0; i < message->events.count; i++) {
        check_event(&rows, &source, vd_security_message_event(message, i));
    }
    vd_raw_events_release(&rows);
}

/* The same when the device says that it is JSON, and never when it says that it is not. */
static void check_content_type(struct vd_str body, int expected)
{
    static const struct {
        const char *properties;
        bool is_json;
    } bags[] = {
        {"", true},
        {"$.ct=application%2fjson", true},
        {"$.ct=application%2Fjson%3B%20charset%3Dutf-8", true},
        {"$.ct=text%2Fplain", false},
    };
    struct vd_security_message message = {0};
    char reason[VD_DECODE_REASON_SIZE];

    for (size_t i = 0; i < sizeof bags / sizeof bags[0]; i++) {
        const int error =
            vd_device_message_decode(&message, vd_str_from(bags[i].properties), body, reason);

        check(
            !vd_json_message_is(body) || error == (bags[i].is_json ? expected : (int)VD_E_INVALID));
    }
    vd_security_message_release(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static struct vd_security_message message;
    const struct vd_str body = {(const char *)data, length};
    char reason[VD_DECODE_REASON_SIZE] = "";
    int error = vd_security_message_decode(&message, body, reason);

    check(error != VD_OK || !vd_json_message_is(body));
    reason[0] = '\0';
    error = vd_json_message_decode(&message, body, reason);
    check_content_type(body, error);
    if (error == VD_OK) {
        check(vd_json_message_is(body));
        check(message.flows.count + message.ports.count <= VD_SECURITY_MESSAGE_ITEMS_MAX);
        use(&message);
    } else {
        check(error == VD_E_INVALID && reason[0] != '\0' && message.events.count == 0);
    }
    return 0;
}
