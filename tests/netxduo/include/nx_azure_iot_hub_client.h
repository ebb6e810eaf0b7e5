/* SPDX-License-Identifier: MIT */
/* What the port uses of NetX Duo's hub client; sim_hub.c plays it. */

#ifndef NX_AZURE_IOT_HUB_CLIENT_H
#define NX_AZURE_IOT_HUB_CLIENT_H

#include "nx_azure_iot.h"

#define NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED 0
#define NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTING    1
#define NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED     2

typedef struct NX_AZURE_IOT_HUB_CLIENT_STRUCT {
    NX_AZURE_IOT *nx_azure_iot_ptr;
    UINT nx_azure_iot_hub_client_state;
    NX_AZURE_IOT_RESOURCE nx_azure_iot_hub_client_resource;
} NX_AZURE_IOT_HUB_CLIENT;

UINT nx_azure_iot_hub_client_telemetry_message_create(
    NX_AZURE_IOT_HUB_CLIENT *hub_client_ptr, NX_PACKET **packet_pptr, UINT wait_option);
UINT nx_azure_iot_hub_client_telemetry_message_delete(NX_PACKET *packet_ptr);
UINT nx_azure_iot_hub_client_telemetry_property_add(NX_PACKET *packet_ptr,
    const UCHAR *property_name, USHORT property_name_length, const UCHAR *property_value,
    USHORT property_value_length, UINT wait_option);
UINT nx_azure_iot_hub_client_telemetry_send(NX_AZURE_IOT_HUB_CLIENT *hub_client_ptr,
    NX_PACKET *packet_ptr, const UCHAR *telemetry_data, UINT data_size, UINT wait_option);

#endif
