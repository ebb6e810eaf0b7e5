/* SPDX-License-Identifier: MIT */
/* Network activity: the flows since the last collection, and the packets that make them. */

#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_H
#define ASC_COLLECTOR_NETWORK_ACTIVITY_H

#include "azure_iot_security_module/src/asc_collector.h"

/* As `collect` of struct asc_collector. */
enum asc_collected asc_collect_network_activity(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s);

/* Counts one packet; the caller holds the port's lock. As asc_module_packet(). */
void asc_network_activity_packet(struct asc_module *m, enum asc_direction direction,
    enum asc_cast cast, const struct asc_segment *packet);

#endif
