/* SPDX-License-Identifier: MIT */
/* What the port uses of the Azure IoT instance of NetX Duo; sim_cloud.c plays it. */

#ifndef NX_AZURE_IOT_H
#define NX_AZURE_IOT_H

#include "nx_cloud.h"

#define NX_AZURE_IOT_SUCCESS                   0x0
#define NX_AZURE_IOT_FAILURE                   0x20000
#define NX_AZURE_IOT_INVALID_PARAMETER         0x20002
#define NX_AZURE_IOT_INSUFFICIENT_BUFFER_SPACE 0x20003
#define NX_AZURE_IOT_DISCONNECTED              0x2000C

#define NX_AZURE_IOT_RESOURCE_IOT_HUB          0x1
#define NX_AZURE_IOT_RESOURCE_IOT_PROVISIONING 0x2

typedef struct NX_AZURE_IOT_RESOURCE_STRUCT {
    UINT resource_type;
    VOID *resource_data_ptr;
    struct NX_AZURE_IOT_RESOURCE_STRUCT *resource_next;
} NX_AZURE_IOT_RESOURCE;

typedef struct NX_AZURE_IOT_STRUCT {
    NX_IP *nx_azure_iot_ip_ptr;
    NX_CLOUD nx_azure_iot_cloud;
    TX_MUTEX *nx_azure_iot_mutex_ptr;
    NX_AZURE_IOT_RESOURCE *nx_azure_iot_resource_list_header;
    UINT (*nx_azure_iot_unix_time_get)(ULONG *unix_time);
} NX_AZURE_IOT;

UINT nx_azure_iot_log(UCHAR *type_ptr, UINT type_len, UCHAR *msg_ptr, UINT msg_len, ...);
UINT nx_azure_iot_unix_time_get(NX_AZURE_IOT *nx_azure_iot_ptr, ULONG *unix_time);

#endif
