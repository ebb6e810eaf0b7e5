/* SPDX-License-Identifier: MIT */
/* The tables Message and Event of proto/security_message.fbs. */

#include "azure_iot_security_module/src/asc_message.h"

#include <string.h>

#include "azure_iot_security_module/inc/security_module.h"

enum message_field {
    MESSAGE_ID,
    MESSAGE_VERSION,
    MESSAGE_TIMEZONE,
    MESSAGE_EVENTS
};
enum event_field {
    EVENT_ID,
    EVENT_TIME,
    EVENT_INTERVAL,
    EVENT_PAYLOAD_TYPE,
    EVENT_PAYLOAD
};

static const struct asc_shape message_shape = {
    4, {{MESSAGE_ID, 4}, {MESSAGE_VERSION, 4}, {MESSAGE_EVENTS, 4}, {MESSAGE_TIMEZONE, 1}}};
static const struct asc_shape event_shape = {5,
    {{EVENT_ID, ASC_UUID_BYTES}, {EVENT_TIME, 4}, {EVENT_INTERVAL, 4}, {EVENT_PAYLOAD, 4},
        {EVENT_PAYLOAD_TYPE, 1}}};

bool asc_message_begin(struct asc_message *message, uint8_t *data, uint32_t size, const char *id,
    uint32_t id_length, int timezone_hours, uint32_t time_utc_s, uint32_t events_max)
{
    struct asc_writer *w = &message->w;
    const uint32_t mask = 1u << MESSAGE_ID | 1u << MESSAGE_VERSION | 1u << MESSAGE_EVENTS |
        (timezone_hours != 0 ? 1u << MESSAGE_TIMEZONE : 0);
    uint16_t vtable = 0;
    uint32_t table;

    memset(message->event_vtable, 0, sizeof message->event_vtable);
    message->time_utc_s = time_utc_s;
    asc_writer_begin(w, data, size);
    table = asc_writer_table(w, &message_shape, mask, &vtable);
    if (table == 0) {
        return false;
    }
    asc_writer_refer(w, 0, table);
    asc_put_le32(data + asc_writer_field(w, vtable, table, MESSAGE_VERSION), ASC_VERSION);
    if (timezone_hours != 0) {
        data[asc_writer_field(w, vtable, table, MESSAGE_TIMEZONE)] = (uint8_t)timezone_hours;
    }
    if (!asc_writer_string(w, asc_writer_field(w, vtable, table, MESSAGE_ID), id, id_length)) {
        return false;
    }
    message->events =
        asc_writer_vector(w, asc_writer_field(w, vtable, table, MESSAGE_EVENTS), events_max);
    return message->events != 0;
}

uint32_t asc_message_event(
    struct asc_message *message, const uint8_t *uuid, uint32_t interval_s, enum asc_payload payload)
{
    struct asc_writer *w = &message->w;
    const uint32_t time_s = message->time_utc_s;
    const unsigned which = (time_s != 0 ? 1u : 0u) | (interval_s != 0 ? 2u : 0u);
    const uint32_t mask =
        1u << EVENT_ID | which << EVENT_TIME | 1u << EVENT_PAYLOAD_TYPE | 1u << EVENT_PAYLOAD;
    uint16_t *vtable = &message->event_vtable[which];
    const uint32_t table = asc_writer_table(w, &event_shape, mask, vtable);

    if (table == 0) {
        return 0;
    }
    asc_writer_push(w, message->events, table);
    memcpy(w->data + asc_writer_field(w, *vtable, table, EVENT_ID), uuid, ASC_UUID_BYTES);
    if (time_s != 0) {
        asc_put_le32(w->data + asc_writer_field(w, *vtable, table, EVENT_TIME), time_s);
    }
    if (interval_s != 0) {
        asc_put_le32(w->data + asc_writer_field(w, *vtable, table, EVENT_INTERVAL), interval_s);
    }
    w->data[asc_writer_field(w, *vtable, table, EVENT_PAYLOAD_TYPE)] = (uint8_t)payload;
    return asc_writer_field(w, *vtable, table, EVENT_PAYLOAD);
}

uint32_t asc_message_end(const struct asc_message *message)
{
    return asc_le32(message->w.data + message->events) == 0 ? 0 : message->w.used;
}
