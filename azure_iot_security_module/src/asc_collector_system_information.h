/* SPDX-License-Identifier: MIT */
/* System information: what the device runs on. */

#ifndef ASC_COLLECTOR_SYSTEM_INFORMATION_H
#define ASC_COLLECTOR_SYSTEM_INFORMATION_H

#include "azure_iot_security_module/src/asc_collector.h"

/* As `collect` of struct asc_collector. */
enum asc_collected asc_collect_system_information(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s);

#endif
