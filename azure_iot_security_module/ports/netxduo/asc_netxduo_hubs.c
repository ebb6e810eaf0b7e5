/* SPDX-License-Identifier: MIT */
/* Walks an Azure IoT instance's resources for hub clients, and sends through the NetX Duo hub client. */

#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hubs.h"

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"

/* The message property that says what the body is. The hub client takes name and value as they go into
 * the topic: percent-encoded by its caller. */
static const char property_name[] = "%24.ifid";
static const char property_value[] = "urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1";

/* The connected hub client of a resource, NULL where there is none. What the public API tells is a
 * callback with one place, which is the application's; so the client's state is read. */
static NX_AZURE_IOT_HUB_CLIENT *connected_client(const NX_AZURE_IOT_RESOURCE *resource)
{
    NX_AZURE_IOT_HUB_CLIENT *client = NX_NULL;

    if (resource->resource_type == NX_AZURE_IOT_RESOURCE_IOT_HUB) {
        client = resource->resource_data_ptr;
    }
    return client != NX_NULL &&
            client->nx_azure_iot_hub_client_state == NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED
        ? client
        : NX_NULL;
}

bool asc_netxduo_hubs_connected(const NX_AZURE_IOT *azure)
{
    const NX_AZURE_IOT_RESOURCE *resource = azure->nx_azure_iot_resource_list_header;

    while (resource != NX_NULL && connected_client(resource) == NX_NULL) {
        resource = resource->resource_next;
    }
    return resource != NX_NULL;
}

static bool has_taken(const struct asc_netxduo_hubs *hubs, const NX_AZURE_IOT_HUB_CLIENT *client)
{
    for (UINT i = 0; i < hubs->served; i++) {
        if (hubs->client[i] == client) {
            return true;
        }
    }
    return false;
}

/* The packet is the hub client's once it is sent, and ours until then. */
static bool send_one(NX_AZURE_IOT_HUB_CLIENT *client, const uint8_t *message, uint32_t length)
{
    NX_PACKET *packet = NX_NULL;
    UINT status;

    status =
        nx_azure_iot_hub_client_telemetry_message_create(client, &packet, ASC_NETXDUO_SEND_WAIT);
    if (status != NX_AZURE_IOT_SUCCESS) {
        return false;
    }
    status = nx_azure_iot_hub_client_telemetry_property_add(packet, (const UCHAR *)property_name,
        (USHORT)(sizeof property_name - 1), (const UCHAR *)property_value,
        (USHORT)(sizeof property_value - 1), ASC_NETXDUO_SEND_WAIT);
    if (status == NX_AZURE_IOT_SUCCESS) {
        status = nx_azure_iot_hub_client_telemetry_send(
            client, packet, message, (UINT)length, ASC_NETXDUO_SEND_WAIT);
    }
    if (status != NX_AZURE_IOT_SUCCESS) {
        (void)nx_azure_iot_hub_client_telemetry_message_delete(packet);
    }
    return status == NX_AZURE_IOT_SUCCESS;
}

enum asc_send_result asc_netxduo_hubs_send(struct asc_netxduo_hubs *hubs, const NX_AZURE_IOT *azure,
    const uint8_t *message, uint32_t length)
{
    bool failed = false;

    for (const NX_AZURE_IOT_RESOURCE *resource = azure->nx_azure_iot_resource_list_header;
         resource != NX_NULL && hubs->served < ASC_SECURITY_MODULE_MAX_HUB_DEVICES;
         resource = resource->resource_next) {
        NX_AZURE_IOT_HUB_CLIENT *client = connected_client(resource);

        if (client == NX_NULL || has_taken(hubs, client)) {
            continue;
        }
        if (send_one(client, message, length)) {
            hubs->client[hubs->served++] = client;
        } else {
            failed = true;
        }
    }
    if (failed || hubs->served == 0) {
        return ASC_SEND_RETRY;
    }
    asc_netxduo_hubs_forget(hubs);
    return ASC_SEND_DONE;
}

void asc_netxduo_hubs_forget(struct asc_netxduo_hubs *hubs)
{
    hubs->served = 0;
}
