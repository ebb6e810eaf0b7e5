/* SPDX-License-Identifier: MIT */
/* Network activity: the flows since the last collection. */

#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_H
#define ASC_COLLECTOR_NETWORK_ACTIVITY_H

#include "azure_iot_security_module/src/asc_collector.h"

/* As `collect` of struct asc_collector. */
enum asc_collected asc_collect_network_activity(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s);

#endif
