/* SPDX-License-Identifier: MIT */
/* The encoding of event log records: length, format, kind, time, then strings with their lengths. */

#include "lib/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/protocol.h"

/* u32 length of what follows; u8 format; u8 kind, of which the top bit says HTTPS; u64 time; u16 device, module, address, properties; u32 body */
#define RECORD_FORMAT 1
#define KIND_HTTPS    0x80U
#define RECORD_FIXED  (1 + 1 + 8 + 4 * 2 + 4)
#define ADDRESS_MAX   64

/* Before the body of a replay: u64 offset; u8 kind, as above */
#define REPLAY_HEADER (8 + 1)

size_t vd_event_text_bytes(const struct vd_event *event)
{
    return event->device_id.length + event->module_id.length + event->address.length +
        event->properties.length + event->body.length;
}

struct vd_event vd_event_keep(const struct vd_event *event, char *text)
{
    struct vd_event kept = *event;

    kept.device_id = vd_str_keep(event->device_id, &text);
    kept.module_id = vd_str_keep(event->module_id, &text);
    kept.address = vd_str_keep(event->address, &text);
    kept.properties = vd_str_keep(event->properties, &text);
    kept.body = vd_str_keep(event->body, &text);
    return kept;
}

/* Of a batch that is used again and again so much stays in any case. */
#define BATCH_KEEP_BYTES ((size_t)256 << 10)

void vd_event_batch_clear(struct vd_event_batch *batch)
{
    vd_buf_clear_spare(&batch->bytes, BATCH_KEEP_BYTES);
    batch->count = 0;
}

void vd_event_batch_release(struct vd_event_batch *batch)
{
    vd_buf_release(&batch->bytes);
    batch->count = 0;
}

static uint8_t *put_le(uint8_t *out, uint64_t value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        *out++ = (uint8_t)(value >> (8 * i));
    }
    return out;
}

static uint8_t *put_str(uint8_t *out, struct vd_str s)
{
    if (s.length > 0) {
        memcpy(out, s.data, s.length);
    }
    return out + s.length;
}

static uint8_t kind_byte(const struct vd_event *event)
{
    return (uint8_t)((uint8_t)event->kind | (event->over_https ? KIND_HTTPS : 0));
}

static bool set_kind(uint8_t byte, uint8_t last, struct vd_event *event)
{
    const uint8_t kind = byte & (uint8_t)~KIND_HTTPS;

    event->over_https = (byte & KIND_HTTPS) != 0;
    event->kind = (enum vd_event_kind)kind;
    return kind >= VD_EVENT_TELEMETRY && kind <= last;
}

int vd_replay_write(
    const struct vd_event *event, uint64_t offset, struct vd_buf *body, struct vd_event *replay)
{
    uint8_t header[REPLAY_HEADER];

    put_le(put_le(header, offset, 8), kind_byte(event), 1);
    vd_buf_append(body, header, sizeof header);
    vd_buf_append(body, event->body.data, event->body.length);
    if (body->error != VD_OK) {
        return body->error;
    }
    *replay = *event;
    replay->kind = VD_EVENT_REPLAY;
    replay->body = (struct vd_str){(const char *)body->data, body->length};
    return VD_OK;
}

int vd_replay_read(const struct vd_event *replay, uint64_t *offset, struct vd_event *event)
{
    struct vd_event e = *replay;
    struct vd_reader reader;
    uint64_t at;
    uint8_t kind;

    vd_reader_init(&reader, replay->body.data, replay->body.length);
    at = vd_reader_u64_le(&reader);
    kind = vd_reader_u8(&reader);
    e.body = vd_reader_bytes(&reader, vd_reader_left(&reader));
    if (replay->kind != VD_EVENT_REPLAY || reader.failed ||
        !set_kind(kind, VD_EVENT_ACTIVITY, &e)) {
        return VD_E_INVALID;
    }
    *offset = at;
    *event = e;
    return VD_OK;
}

static size_t body_max(const struct vd_event *event)
{
    return VD_MESSAGE_BODY_MAX_BYTES + (event->kind == VD_EVENT_REPLAY ? REPLAY_HEADER : 0);
}

int vd_event_batch_add(struct vd_event_batch *batch, const struct vd_event *event)
{
    size_t length = RECORD_FIXED;
    uint8_t *out;

    if (event->device_id.length > VD_ID_MAX || event->module_id.length > VD_ID_MAX ||
        event->address.length > ADDRESS_MAX ||
        event->properties.length > VD_MESSAGE_PROPERTIES_MAX ||
        event->body.length > body_max(event)) {
        return VD_E_LIMIT;
    }
    length += event->device_id.length + event->module_id.length + event->address.length +
        event->properties.length + event->body.length;
    out = vd_buf_reserve(&batch->bytes, 4 + length);
    if (out == NULL) {
        int error = batch->bytes.error;

        batch->bytes.error = VD_OK;
        return error;
    }
    out = put_le(out, length, 4);
    out = put_le(out, RECORD_FORMAT, 1);
    out = put_le(out, kind_byte(event), 1);
    out = put_le(out, (uint64_t)event->enqueued_ms, 8);
    out = put_le(out, event->device_id.length, 2);
    out = put_le(out, event->module_id.length, 2);
    out = put_le(out, event->address.length, 2);
    out = put_le(out, event->properties.length, 2);
    out = put_le(out, event->body.length, 4);
    out = put_str(out, event->device_id);
    out = put_str(out, event->module_id);
    out = put_str(out, event->address);
    out = put_str(out, event->properties);
    put_str(out, event->body);
    batch->bytes.length += 4 + length;
    batch->count++;
    return VD_OK;
}

int vd_event_next(struct vd_reader *reader, struct vd_event *event)
{
    struct vd_reader record;
    struct vd_str bytes;
    struct vd_event e;
    size_t lengths[4];
    size_t body_length;
    uint8_t format;
    uint8_t kind;

    if (!reader->failed && vd_reader_left(reader) == 0) {
        return VD_E_NOT_FOUND;
    }
    bytes = vd_reader_bytes(reader, vd_reader_u32_le(reader));
    vd_reader_init(&record, bytes.data, bytes.length);
    format = vd_reader_u8(&record);
    kind = vd_reader_u8(&record);
    e.enqueued_ms = (int64_t)vd_reader_u64_le(&record);
    for (size_t i = 0; i < 4; i++) {
        lengths[i] = vd_reader_u16_le(&record);
    }
    body_length = vd_reader_u32_le(&record);
    e.device_id = vd_reader_bytes(&record, lengths[0]);
    e.module_id = vd_reader_bytes(&record, lengths[1]);
    e.address = vd_reader_bytes(&record, lengths[2]);
    e.properties = vd_reader_bytes(&record, lengths[3]);
    e.body = vd_reader_bytes(&record, body_length);
    if (reader->failed || record.failed || vd_reader_left(&record) != 0 ||
        format != RECORD_FORMAT || !set_kind(kind, VD_EVENT_REPLAY, &e)) {
        reader->failed = true;
        return VD_E_CORRUPT;
    }
    *event = e;
    return VD_OK;
}

void vd_record_id_format(const char *epoch, uint64_t offset, char out[VD_RECORD_ID_SIZE])
{
    snprintf(out, VD_RECORD_ID_SIZE, "%s%s%" PRIu64, epoch != NULL ? epoch : "",
        epoch != NULL ? "-" : "", offset);
}
