/* SPDX-License-Identifier: MIT */
/* Heartbeat: an empty event that says that the device is there. */

#ifndef ASC_COLLECTOR_HEARTBEAT_H
#define ASC_COLLECTOR_HEARTBEAT_H

#include "azure_iot_security_module/src/asc_collector.h"

/* As `collect` of struct asc_collector. */
enum asc_collected asc_collect_heartbeat(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s);

#endif
