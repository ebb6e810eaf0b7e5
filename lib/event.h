/* SPDX-License-Identifier: MIT */
/* What hub and center hand each other through the event log: one record, and batches of encoded records. */

#ifndef VEDETTE_LIB_EVENT_H
#define VEDETTE_LIB_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

enum vd_event_kind {
    VD_EVENT_TELEMETRY = 1, /* a device's message for others */
    VD_EVENT_SECURITY = 2,  /* a device's message for the security center (interface id) */
    VD_EVENT_OPERATION = 3, /* what the hub records about itself: body is the record as JSON */
    VD_EVENT_ACTIVITY = 4,  /* what was done on the control plane: likewise */
    VD_EVENT_REPLAY = 5,    /* a record that could not be read, once more: vd_replay_read */
};

/* The property `details` of a record of the activity log about something that was not there to be deleted. */
#define VD_EVENT_NOTHING_THERE "there was none"

/* One record. Strings and body point into the batch that it was read from, or to the writer's memory. */
struct vd_event {
    enum vd_event_kind kind;
    bool over_https;         /* a device's message that did not come over MQTT */
    int64_t enqueued_ms;     /* UTC, the hub's clock */
    struct vd_str device_id; /* at most VD_ID_MAX */
    struct vd_str module_id; /* empty for the device itself */
    struct vd_str address;   /* the peer's address as text, without port; may be empty */
    struct vd_str
        properties; /* the property bag as it stood in the topic (URL-encoded); at most 16 KiB */
    struct vd_str body; /* at most 256 KiB; of a replay what stands before it too */
};

/* Bytes of all that the record points to. */
size_t vd_event_text_bytes(const struct vd_event *event);

/* The record with all of that copied to `text`, which has room for it. */
struct vd_event vd_event_keep(const struct vd_event *event, char *text);

/*
 * What has a record read once more: of the kind VD_EVENT_REPLAY, from the same identity and of the same time.
 * offset   of the record in the log, as its dead letter has it
 * body     takes the new body, into which *replay points; the rest of it points to where `event` does
 * VD_E_NOMEM.
 */
VD_NODISCARD int vd_replay_write(
    const struct vd_event *event, uint64_t offset, struct vd_buf *body, struct vd_event *replay);

/* The record that a replay is of, and its offset. VD_E_INVALID: no vd_replay_write wrote it. */
VD_NODISCARD int vd_replay_read(
    const struct vd_event *replay, uint64_t *offset, struct vd_event *event);

/* Encoded records, one behind the other. Zero-initialised is empty. */
struct vd_event_batch {
    struct vd_buf bytes;
    uint32_t count;
};

void vd_event_batch_clear(struct vd_event_batch *batch);
void vd_event_batch_release(struct vd_event_batch *batch);

/* Appends a record. VD_E_NOMEM or VD_E_LIMIT (a field over its bound) leave the batch as it was. */
VD_NODISCARD int vd_event_batch_add(struct vd_event_batch *batch, const struct vd_event *event);

/*
 * Reads the record at `reader`, which stands on the bytes of a batch, and moves past it.
 * VD_OK, VD_E_NOT_FOUND at the end, VD_E_CORRUPT for what no vd_event_batch_add wrote.
 * *event points into the reader's bytes.
 */
VD_NODISCARD int vd_event_next(struct vd_reader *reader, struct vd_event *event);

/* Letters of the longest id of a record, and a NUL. */
#define VD_RECORD_ID_SIZE 48

/* What names a record of the log for ever and everywhere: "{epoch}-{offset}". `epoch`: of the log; NULL: only the offset. */
void vd_record_id_format(const char *epoch, uint64_t offset, char out[VD_RECORD_ID_SIZE]);

#endif
