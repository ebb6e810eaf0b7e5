/* SPDX-License-Identifier: MIT */
/* The table of collectors: a new one adds its file pair and a row here. */

#include "azure_iot_security_module/src/asc_collector.h"
#include "azure_iot_security_module/src/asc_collector_heartbeat.h"
#include "azure_iot_security_module/src/asc_collector_network_activity.h"
#include "azure_iot_security_module/src/asc_collector_system_information.h"

const struct asc_collector asc_collectors[] = {
#if ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED
    {ASC_COLLECT_SYSTEM_INFORMATION, ASC_COLLECTOR_SYSTEM_INFORMATION_PRIORITY,
        asc_collect_system_information},
#endif
#if ASC_COLLECTOR_HEARTBEAT_ENABLED
    {ASC_COLLECT_HEARTBEAT, ASC_COLLECTOR_HEARTBEAT_PRIORITY, asc_collect_heartbeat},
#endif
#if ASC_HAS_NETWORK_ACTIVITY
    {ASC_COLLECT_NETWORK_ACTIVITY, ASC_COLLECTOR_NETWORK_ACTIVITY_PRIORITY,
        asc_collect_network_activity},
#endif
    /* Keeps the table from being empty where all are off; never called. */
    {0, ASC_PRIORITY_LOW, NULL},
};

/* A row for each collector, and room for each in an instance. */
typedef char asc_collectors_are_counted[sizeof asc_collectors / sizeof asc_collectors[0] ==
                ASC_COLLECTOR_COUNT + 1 &&
            ASC_COLLECTOR_COUNT <= ASC_COLLECTORS_MAX
        ? 1
        : -1];

uint32_t asc_collector_event(struct asc_module *m, struct asc_message *message, uint32_t interval_s,
    enum asc_payload payload)
{
    uint8_t uuid[ASC_UUID_BYTES];

    if (!m->port->random(m->context, uuid, sizeof uuid)) {
        return 0;
    }
    /* Version 4, variant 1: RFC 4122 section 4.4. */
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return asc_message_event(message, uuid, interval_s, payload);
}
