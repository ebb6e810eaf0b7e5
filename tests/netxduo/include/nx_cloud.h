/* SPDX-License-Identifier: MIT */
/* What the port uses of NetX Duo's cloud helper thread; sim_cloud.c plays it. */

#ifndef NX_CLOUD_H
#define NX_CLOUD_H

#include "nx_api.h"

#define NX_CLOUD_ID                        ((ULONG)0x434C4F44)
#define NX_CLOUD_MODULE_ALREADY_REGISTERED 0xF0
#define NX_CLOUD_MODULE_NOT_REGISTERED     0xF1
#define NX_CLOUD_COMMON_PERIODIC_EVENT     0x00000001u
#define NX_CLOUD_MODULE_AZURE_ISM_EVENT    0x00080000u

struct NX_CLOUD_STRUCT;

typedef struct NX_CLOUD_MODULE_STRUCT {
    const CHAR *nx_cloud_module_name;
    ULONG nx_cloud_module_registered_events;
    ULONG nx_cloud_module_own_events;
    VOID(*nx_cloud_module_process)
    (VOID *module_context, ULONG common_events, ULONG module_own_events);
    VOID *nx_cloud_module_context;
    struct NX_CLOUD_MODULE_STRUCT *nx_cloud_module_next;
    struct NX_CLOUD_STRUCT *nx_cloud_ptr;
} NX_CLOUD_MODULE;

typedef struct NX_CLOUD_STRUCT {
    ULONG nx_cloud_id;
    ULONG events; /* set and not yet seen by the thread */
    TX_MUTEX nx_cloud_mutex;
    NX_CLOUD_MODULE *nx_cloud_modules_list_header;
    ULONG nx_cloud_modules_count;
} NX_CLOUD;

UINT nx_cloud_module_register(NX_CLOUD *cloud_ptr, NX_CLOUD_MODULE *module_ptr,
    const CHAR *module_name, ULONG module_event,
    VOID (*module_process)(VOID *module_context, ULONG common_events, ULONG module_own_events),
    VOID *module_context);
UINT nx_cloud_module_deregister(NX_CLOUD *cloud_ptr, NX_CLOUD_MODULE *module_ptr);
UINT nx_cloud_module_event_set(NX_CLOUD_MODULE *cloud_module, ULONG module_own_event);

#endif
