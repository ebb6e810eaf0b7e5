/* SPDX-License-Identifier: MIT */
/* The frame of a security message: its header, and one event after the other. */

#ifndef ASC_MESSAGE_H
#define ASC_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/src/asc_writer.h"

#define ASC_UUID_BYTES 16u

/* Values of the union Payload on the wire. */
enum asc_payload {
    ASC_PAYLOAD_NETWORK_ACTIVITY = 1,
    ASC_PAYLOAD_SYSTEM_INFORMATION = 2,
    ASC_PAYLOAD_HEARTBEAT = 4
};

/* The words of the schema's struct Ledger. Packets are those since the ledger of the last message that
 * was delivered, messages those since boot. From OVERFLOWED on as in enum asc_tally. */
enum asc_ledger {
    ASC_LEDGER_BOOT_ID,
    ASC_LEDGER_SEQUENCE, /* of this message, from 1 */
    ASC_LEDGER_SEEN,
    ASC_LEDGER_COUNTED,
    ASC_LEDGER_OVERFLOWED,
    ASC_LEDGER_MALFORMED,
    ASC_LEDGER_GIVEN_UP,
    ASC_LEDGER_WITHHELD,
    ASC_LEDGER_MESSAGES_KEPT,
    ASC_LEDGER_MESSAGES_SENT,
    ASC_LEDGER_MESSAGES_GIVEN_UP,
    ASC_LEDGER_WORDS
};

struct asc_message {
    struct asc_writer w;
    uint32_t time_utc_s;
    uint32_t events;       /* position of the vector */
    uint16_t event_vtable; /* 0 until the first event */
};

/* Begins a message in the `size` bytes at `data`, with room for `events_max` events. `id` has
 * `id_length` bytes; `timezone_hours` is east of UTC. Returns false if there is no room. */
bool asc_message_begin(struct asc_message *message, uint8_t *data, uint32_t size, const char *id,
    uint32_t id_length, int timezone_hours, uint32_t time_utc_s, uint32_t events_max);

/* Adds an event that covers `interval_s` seconds up to the message's time; `uuid` has ASC_UUID_BYTES.
 * Returns the position of the offset by which it refers to its payload, a table that the caller must
 * write next; 0 if there is no room. */
uint32_t asc_message_event(struct asc_message *message, const uint8_t *uuid, uint32_t interval_s,
    enum asc_payload payload);

/* Takes back the last event: `used` and `vtable` are what the writer's `used` and `event_vtable` were
 * before it. */
void asc_message_undo(struct asc_message *message, uint32_t used, uint16_t vtable);

/* Returns where the ledger lies in a message at `data`: its words, which the caller fills. */
uint8_t *asc_message_ledger(uint8_t *data);

/* Returns the bytes of the message, which is then complete; 0 if it has no event. */
uint32_t asc_message_end(const struct asc_message *message);

#endif
