/* SPDX-License-Identifier: MIT */
/* The tables Message and Event of proto/security_message.fbs. */

#include "azure_iot_security_module/src/asc_message.h"

#include <string.h>

#include "azure_iot_security_module/inc/security_module.h"

/* Where the fields of a Message lie, from its table's start; the time zone, which may be absent, last. */
enum message_layout {
    MESSAGE_ID = 4,
    MESSAGE_VERSION = 8,
    MESSAGE_EVENTS = 12,
    MESSAGE_LEDGER = 16,
    MESSAGE_TIMEZONE = MESSAGE_LEDGER + 4 * ASC_LEDGER_WORDS,
    MESSAGE_BYTES
};

/* Its vtable: bytes of vtable and table, then the fields by id: id, version, time zone, events, ledger. */
#define MESSAGE_VTABLE_BYTES 14u
static const uint8_t message_vtable[MESSAGE_VTABLE_BYTES] = {MESSAGE_VTABLE_BYTES, 0,
    MESSAGE_TIMEZONE, 0, MESSAGE_ID, 0, MESSAGE_VERSION, 0, 0, 0, MESSAGE_EVENTS, 0, MESSAGE_LEDGER,
    0};

/* In the message, behind the root's offset and the padded vtable. */
#define MESSAGE_TABLE (4u + ((MESSAGE_VTABLE_BYTES + 3u) & ~3u))

/* The same of an Event: id, time, interval, type of payload, payload. Time and interval are written
 * also where they are 0. */
enum event_layout {
    EVENT_ID = 4,
    EVENT_TIME = EVENT_ID + ASC_UUID_BYTES,
    EVENT_INTERVAL = EVENT_TIME + 4,
    EVENT_PAYLOAD = EVENT_INTERVAL + 4,
    EVENT_PAYLOAD_TYPE = EVENT_PAYLOAD + 4,
    EVENT_BYTES
};
#define EVENT_VTABLE_BYTES 14u
static const uint8_t event_vtable[EVENT_VTABLE_BYTES] = {EVENT_VTABLE_BYTES, 0, EVENT_BYTES, 0,
    EVENT_ID, 0, EVENT_TIME, 0, EVENT_INTERVAL, 0, EVENT_PAYLOAD_TYPE, 0, EVENT_PAYLOAD, 0};

bool asc_message_begin(struct asc_message *message, uint8_t *data, uint32_t size, const char *id,
    uint32_t id_length, int timezone_hours, uint32_t time_utc_s, uint32_t events_max)
{
    const uint32_t bytes = timezone_hours != 0 ? MESSAGE_BYTES : MESSAGE_TIMEZONE;
    struct asc_writer *w = &message->w;
    uint16_t vtable;
    uint32_t table;

    message->event_vtable = 0;
    message->time_utc_s = time_utc_s;
    asc_writer_begin(w, data, size);
    vtable = asc_writer_constant(w, message_vtable, sizeof message_vtable);
    table = vtable != 0 ? asc_writer_take(w, bytes) : 0;
    if (table == 0) {
        return false;
    }
    asc_writer_refer(w, 0, table);
    asc_put_le32(data + table, table - vtable);
    asc_put_le32(data + table + MESSAGE_VERSION, ASC_VERSION);
    if (timezone_hours != 0) {
        data[vtable + 2u] = MESSAGE_BYTES;
        data[vtable + 8u] = MESSAGE_TIMEZONE;
        data[table + MESSAGE_TIMEZONE] = (uint8_t)timezone_hours;
    }
    if (!asc_writer_string(w, table + MESSAGE_ID, id, id_length)) {
        return false;
    }
    message->events = asc_writer_vector(w, table + MESSAGE_EVENTS, events_max);
    return message->events != 0;
}

uint32_t asc_message_event(
    struct asc_message *message, const uint8_t *uuid, uint32_t interval_s, enum asc_payload payload)
{
    struct asc_writer *w = &message->w;
    uint32_t position;
    uint8_t *table;

    if (message->event_vtable == 0) {
        message->event_vtable = asc_writer_constant(w, event_vtable, sizeof event_vtable);
    }
    position = message->event_vtable != 0 ? asc_writer_take(w, EVENT_BYTES) : 0;
    if (position == 0) {
        return 0;
    }
    table = w->data + position;
    asc_writer_push(w, message->events, position);
    asc_put_le32(table, position - message->event_vtable);
    memcpy(table + EVENT_ID, uuid, ASC_UUID_BYTES);
    asc_put_le32(table + EVENT_TIME, message->time_utc_s);
    asc_put_le32(table + EVENT_INTERVAL, interval_s);
    table[EVENT_PAYLOAD_TYPE] = (uint8_t)payload;
    return position + EVENT_PAYLOAD;
}

void asc_message_undo(struct asc_message *message, uint32_t used, uint16_t vtable)
{
    uint8_t *events = message->w.data + message->events;
    const uint32_t count = asc_le32(events) - 1u;

    message->w.used = used;
    message->event_vtable = vtable;
    asc_put_le32(events, count);
    asc_put_le32(events + 4u + (size_t)count * 4u, 0);
}

uint8_t *asc_message_ledger(uint8_t *data)
{
    return data + MESSAGE_TABLE + MESSAGE_LEDGER;
}

uint32_t asc_message_end(const struct asc_message *message)
{
    return asc_le32(message->w.data + message->events) == 0 ? 0 : message->w.used;
}
