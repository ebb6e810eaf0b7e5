/* SPDX-License-Identifier: MIT */
/* Plays hub clients: they take telemetry or fail where the test says, and keep what they took. */

#include "tests/netxduo/sim.h"
#include "tests/netxduo/sim_internal.h"

/* A message under way: the head of a packet's room holds what the topic has so far. */
#define TOPIC_ROOM 256

static bool fails(unsigned *count)
{
    if (*count == 0) {
        return false;
    }
    --*count;
    return true;
}

static struct sim_hub *hub_of(NX_AZURE_IOT_HUB_CLIENT *client)
{
    return (struct sim_hub *)(void *)client;
}

void sim_hub_open(struct sim_hub *hub, NX_AZURE_IOT *azure)
{
    NX_AZURE_IOT_RESOURCE *resource = &hub->client.nx_azure_iot_hub_client_resource;

    memset(hub, 0, sizeof *hub);
    hub->client.nx_azure_iot_ptr = azure;
    (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    resource->resource_type = NX_AZURE_IOT_RESOURCE_IOT_HUB;
    resource->resource_data_ptr = &hub->client;
    resource->resource_next = azure->nx_azure_iot_resource_list_header;
    azure->nx_azure_iot_resource_list_header = resource;
    (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
}

void sim_hub_close(struct sim_hub *hub)
{
    NX_AZURE_IOT *azure = hub->client.nx_azure_iot_ptr;
    NX_AZURE_IOT_RESOURCE *resource = &hub->client.nx_azure_iot_hub_client_resource;
    NX_AZURE_IOT_RESOURCE **at = &azure->nx_azure_iot_resource_list_header;

    (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    while (*at != NX_NULL && *at != resource) {
        at = &(*at)->resource_next;
    }
    sim_require(*at == resource, "a hub client is closed that is not open");
    *at = resource->resource_next;
    hub->client.nx_azure_iot_hub_client_state = NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED;
    (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
}

void sim_hub_state(struct sim_hub *hub, UINT state)
{
    TX_MUTEX *mutex = hub->client.nx_azure_iot_ptr->nx_azure_iot_mutex_ptr;

    (void)tx_mutex_get(mutex, TX_WAIT_FOREVER);
    hub->client.nx_azure_iot_hub_client_state = state;
    (void)tx_mutex_put(mutex);
}

UINT nx_azure_iot_hub_client_telemetry_message_create(
    NX_AZURE_IOT_HUB_CLIENT *hub_client_ptr, NX_PACKET **packet_pptr, UINT wait_option)
{
    struct sim_hub *hub = hub_of(hub_client_ptr);

    sim_require(!sim_masked(), "a message is made with interrupts masked");
    sim_require(wait_option != TX_WAIT_FOREVER, "sending may wait for ever");
    hub->attempts++;
    if (fails(&hub->fail_create)) {
        return NX_NO_PACKET;
    }
    *packet_pptr = sim_packet_new(TOPIC_ROOM);
    /* Which client's it is, where property_add() can see it. */
    (*packet_pptr)->nx_packet_next = (NX_PACKET *)(void *)hub;
    return NX_AZURE_IOT_SUCCESS;
}

UINT nx_azure_iot_hub_client_telemetry_message_delete(NX_PACKET *packet_ptr)
{
    sim_packet_free(packet_ptr);
    return NX_AZURE_IOT_SUCCESS;
}

static void append(NX_PACKET *packet, const void *bytes, size_t length)
{
    sim_require(length <= (size_t)(packet->nx_packet_data_end - packet->nx_packet_append_ptr),
        "the properties are too long");
    memcpy(packet->nx_packet_append_ptr, bytes, length);
    packet->nx_packet_append_ptr += length;
}

UINT nx_azure_iot_hub_client_telemetry_property_add(NX_PACKET *packet_ptr,
    const UCHAR *property_name, USHORT property_name_length, const UCHAR *property_value,
    USHORT property_value_length, UINT wait_option)
{
    struct sim_hub *hub = (struct sim_hub *)(void *)packet_ptr->nx_packet_next;

    (void)wait_option;
    if (fails(&hub->fail_property)) {
        return NX_NO_PACKET;
    }
    if (packet_ptr->nx_packet_append_ptr != packet_ptr->nx_packet_prepend_ptr) {
        append(packet_ptr, "&", 1);
    }
    append(packet_ptr, property_name, property_name_length);
    append(packet_ptr, "=", 1);
    append(packet_ptr, property_value, property_value_length);
    return NX_AZURE_IOT_SUCCESS;
}

UINT nx_azure_iot_hub_client_telemetry_send(NX_AZURE_IOT_HUB_CLIENT *hub_client_ptr,
    NX_PACKET *packet_ptr, const UCHAR *telemetry_data, UINT data_size, UINT wait_option)
{
    struct sim_hub *hub = hub_of(hub_client_ptr);
    struct sim_message *message = &hub->message[hub->messages % SIM_MESSAGES_MAX];
    const size_t topic =
        (size_t)(packet_ptr->nx_packet_append_ptr - packet_ptr->nx_packet_prepend_ptr);

    (void)wait_option;
    sim_require(!sim_masked(), "a message is sent with interrupts masked");
    sim_require(data_size > 0 && data_size <= sizeof message->bytes, "a message of odd length");
    if (hub->during_send != NULL) {
        hub->during_send(hub);
    }
    if (hub_client_ptr->nx_azure_iot_hub_client_state != NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED) {
        return NX_AZURE_IOT_DISCONNECTED;
    }
    if (fails(&hub->fail_send)) {
        return NX_NOT_SUCCESSFUL;
    }
    memcpy(message->bytes, telemetry_data, data_size);
    message->length = data_size;
    memcpy(message->properties, packet_ptr->nx_packet_prepend_ptr, topic);
    message
        ->properties[topic < sizeof message->properties ? topic : sizeof message->properties - 1] =
        '\0';
    hub->messages++;
    sim_packet_free(packet_ptr);
    return NX_AZURE_IOT_SUCCESS;
}
