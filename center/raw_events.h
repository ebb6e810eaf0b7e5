/* SPDX-License-Identifier: MIT */
/* The rows of SecurityIoTRawEvent that come of decoded events. */

#ifndef VEDETTE_CENTER_RAW_EVENTS_H
#define VEDETTE_CENTER_RAW_EVENTS_H

#include "center/arena.h"
#include "center/decode/security_message.h"
#include "center/event_time.h"
#include "center/store/analytics.h"

/* Rows of a batch. All zero is an empty one; device ids are not copied, all other text is. */
struct vd_raw_events {
    struct vd_raw_event *rows;
    size_t count;
    size_t capacity;
    struct vd_flow_row *flows;
    size_t flow_count;
    size_t flow_capacity;
    struct vd_arena text;
    struct vd_buf scratch;
};

/* What the rows of one message share. */
struct vd_raw_source {
    struct vd_str device_id;
    struct vd_str module_id;
    int64_t enqueued_ms;
    const struct vd_security_message *message;
};

/*
 * Appends the rows of `event`, which lies in source->message. Of a JSON message: one an item, with details, name, type and
 * category as they were sent and the event's TimestampLocal among the details, or a single one for an event without. Of others: one a flow (to flows), port, check, record or process and one for what
 * overflowed, or a single one for an event without (is_empty is true then, but for a heartbeat, which never has any).
 * The message's first event brings one more, named Ledger and of type Diagnostic, where the message has a ledger: so
 * it is in the tables as often as that event, once. A device's time that is not believed is kept in the details as
 * DeviceTime. VD_E_NOMEM leaves the rows of earlier events as they were.
 */
VD_NODISCARD int vd_raw_events_add(struct vd_raw_events *out, const struct vd_raw_source *source,
    const struct vd_security_event *event, const struct vd_event_time *time);

void vd_raw_events_clear(struct vd_raw_events *out);
void vd_raw_events_release(struct vd_raw_events *out);

#endif
