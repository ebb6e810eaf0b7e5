/* SPDX-License-Identifier: MIT */
/* The hub clients of an Azure IoT instance: which are connected, and sending to each of them once. */

#ifndef ASC_NETXDUO_HUBS_H
#define ASC_NETXDUO_HUBS_H

#include "nx_azure_iot_hub_client.h"

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"

/* The hub clients that have taken the message in hand. */
struct asc_netxduo_hubs {
    UINT served;
    const NX_AZURE_IOT_HUB_CLIENT *client[ASC_SECURITY_MODULE_MAX_HUB_DEVICES];
};

/* Returns whether any hub client is connected. Here and below the caller holds the instance's mutex. */
bool asc_netxduo_hubs_connected(const NX_AZURE_IOT *azure);

/* Sends the message through each connected hub client that has not taken it yet, at most
 * ASC_SECURITY_MODULE_MAX_HUB_DEVICES in all. Returns ASC_SEND_DONE if then none is left and one has
 * taken it, else ASC_SEND_RETRY. Waits as ASC_NETXDUO_SEND_WAIT says. */
enum asc_send_result asc_netxduo_hubs_send(struct asc_netxduo_hubs *hubs, const NX_AZURE_IOT *azure,
    const uint8_t *message, uint32_t length);

/* Tells that the message in hand was dropped. */
void asc_netxduo_hubs_forget(struct asc_netxduo_hubs *hubs);

#endif
