/* SPDX-License-Identifier: MIT */
/* What a collector is, and the table of those that are built in. */

#ifndef ASC_COLLECTOR_H
#define ASC_COLLECTOR_H

#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"
#include "azure_iot_security_module/src/asc_message.h"

/* Logs a constant sentence. What is above ASC_LOG_LEVEL is not compiled in. */
#define ASC_LOG(m, level, text)                                   \
    do {                                                          \
        if ((level) <= ASC_LOG_LEVEL && (m)->port->log != NULL) { \
            (m)->port->log((m)->context, (level), (text));        \
        }                                                         \
    } while (false)

enum asc_collected {
    ASC_COLLECTED_NOTHING, /* nothing to report in this interval */
    ASC_COLLECTED_ALL,
    ASC_COLLECTED_PART, /* the rest must go in further messages, soon */
    ASC_COLLECTED_LATER /* not now: no entropy for the event's id */
};

struct asc_collector {
    uint8_t bit;      /* of ASC_COLLECT_ALL */
    uint8_t priority; /* ASC_PRIORITY_HIGH, _MEDIUM or _LOW */

    /* Adds what happened in the last `interval_s` seconds to the message, as one event, and forgets
     * it. The message has room for that event, or for a part of it. */
    enum asc_collected (*collect)(
        struct asc_module *m, struct asc_message *message, uint32_t interval_s);
};

/* The collectors in the order of their events: those of fixed size first, so that network activity
 * takes the room that is left. */
extern const struct asc_collector asc_collectors[];

/* How many they are. */
#define ASC_COLLECTOR_COUNT                                                       \
    (ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED + ASC_COLLECTOR_HEARTBEAT_ENABLED + \
        ASC_HAS_NETWORK_ACTIVITY)

/* Begins a collector's event with a new id. Returns the position of its payload's offset, 0 where the
 * port has no random bytes. */
uint32_t asc_collector_event(struct asc_module *m, struct asc_message *message, uint32_t interval_s,
    enum asc_payload payload);

/* Exclude the packet hook, where the port says how. Never nested. */
static inline void asc_lock(struct asc_module *m)
{
    if (m->port->lock != NULL) {
        m->port->lock(m->context);
    }
}

static inline void asc_unlock(struct asc_module *m)
{
    if (m->port->unlock != NULL) {
        m->port->unlock(m->context);
    }
}

#endif
