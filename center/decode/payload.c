/* SPDX-License-Identifier: MIT */
/* Access to what was decoded, its end, and the names of the wire's enumerations. */

#include "center/decode/security_message.h"

#define CAPACITY_FIRST 16

const char *vd_payload_name(enum vd_payload payload)
{
    switch (payload) {
    case VD_PAYLOAD_NETWORK_ACTIVITY:
        return "NetworkActivity";
    case VD_PAYLOAD_SYSTEM_INFORMATION:
        return "SystemInformation";
    case VD_PAYLOAD_LISTENING_PORTS:
        return "ListeningPorts";
    case VD_PAYLOAD_HEARTBEAT:
        return "Heartbeat";
    case VD_PAYLOAD_BASELINE:
        return "Baseline";
    case VD_PAYLOAD_PROCESS:
        return "Process";
    case VD_PAYLOAD_LOG:
        return "Log";
    case VD_PAYLOAD_ITEMS:
        return "Items";
    case VD_PAYLOAD_UNKNOWN:
        break;
    }
    return "Unknown";
}

const char *vd_protocol_name(uint8_t protocol, char scratch[4])
{
    static const char *const names[] = {"TCP", "UDP", "ICMP"};

    if (protocol < sizeof names / sizeof names[0]) {
        return names[protocol];
    }
    snprintf(scratch, 4, "%u", protocol);
    return scratch;
}

const struct vd_security_event *vd_security_message_event(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_security_event *)message->events.data + i;
}

const struct vd_flow *vd_security_message_flow(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_flow *)message->flows.data + i;
}

const struct vd_listening_port *vd_security_message_port(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_listening_port *)message->ports.data + i;
}

const struct vd_system_information *vd_security_message_system(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_system_information *)message->systems.data + i;
}

const struct vd_baseline_check *vd_security_message_check(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_baseline_check *)message->checks.data + i;
}

const struct vd_process *vd_security_message_process(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_process *)message->processes.data + i;
}

const struct vd_log_record *vd_security_message_record(
    const struct vd_security_message *message, uint32_t i)
{
    return (const struct vd_log_record *)message->records.data + i;
}

void *vd_decoded_array_add(struct vd_decoded_array *array, size_t size)
{
    const uint32_t capacity = array->capacity != 0 ? array->capacity * 2 : CAPACITY_FIRST;
    uint8_t *data;

    if (array->count == array->capacity) {
        data = realloc(array->data, capacity * size);
        if (data == NULL) {
            return NULL;
        }
        array->data = data;
        array->capacity = capacity;
    }
    data = (uint8_t *)array->data + array->count++ * size;
    memset(data, 0, size);
    return data;
}

void vd_security_message_clear(struct vd_security_message *message)
{
    json_decref(message->document);
    *message = (struct vd_security_message){
        .module_id = {"", 0},
        .events = message->events,
        .flows = message->flows,
        .ports = message->ports,
        .systems = message->systems,
        .checks = message->checks,
        .processes = message->processes,
        .records = message->records,
    };
    message->events.count = 0;
    message->flows.count = 0;
    message->ports.count = 0;
    message->systems.count = 0;
    message->checks.count = 0;
    message->processes.count = 0;
    message->records.count = 0;
}

void vd_security_message_release(struct vd_security_message *message)
{
    free(message->events.data);
    free(message->flows.data);
    free(message->ports.data);
    free(message->systems.data);
    free(message->checks.data);
    free(message->processes.data);
    free(message->records.data);
    json_decref(message->document);
    *message = (struct vd_security_message){0};
}
