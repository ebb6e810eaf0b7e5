/* SPDX-License-Identifier: MIT */
/* The heartbeat collector. */

#include "azure_iot_security_module/src/asc_collector_heartbeat.h"

#if ASC_COLLECTOR_HEARTBEAT_ENABLED

static const struct asc_shape heartbeat_shape = {0, {{0, 0}}};

enum asc_collected asc_collect_heartbeat(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s)
{
    const uint32_t slot = asc_collector_event(m, message, interval_s, ASC_PAYLOAD_HEARTBEAT);
    uint16_t vtable = 0;

    if (slot == 0) {
        return ASC_COLLECTED_LATER;
    }
    asc_writer_refer(
        &message->w, slot, asc_writer_table(&message->w, &heartbeat_shape, 0, &vtable));
    return ASC_COLLECTED_ALL;
}

#else
/* An empty translation unit is not C. */
typedef int asc_collector_heartbeat_is_off;
#endif
