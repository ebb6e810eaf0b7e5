/* SPDX-License-Identifier: MIT */
/* Bytes of the device's messages, by differences between real ones: what a flow adds, what the ledger does. */

#include <stdio.h>
#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "bench/device/workload.h"

/* Flows of the message that one more is added to: their vtables are there already. */
#define FLOWS 10u

/* Ids of the schema's fields. */
#define MESSAGE_LEDGER 4u
#define MESSAGE_EVENTS 3u
#define EVENT_PAYLOAD  4u
#define NETWORK_IPV4   0u
#define NETWORK_IPV6   1u
#define FLOW_COMMON    1u
#define COMMON_OF_OLD_FIELDS \
    5u /* the fields from 5 on are those that the module of old did not send */

static struct asc_module m;

/* --- A reader of FlatBuffers that trusts what it reads: our own messages ------------------------- */

static const uint8_t *follow(const uint8_t *offset)
{
    return offset + asc_le32(offset);
}

static const uint8_t *vtable_of(const uint8_t *table)
{
    return table - (int32_t)asc_le32(table);
}

/* Returns where a field lies from its table's start; 0 where it is absent. */
static uint32_t field_offset(const uint8_t *table, uint32_t id)
{
    const uint8_t *vtable = vtable_of(table);

    return 4 + 2 * id + 2 <= asc_le16(vtable) ? asc_le16(vtable + 4 + 2 * (size_t)id) : 0;
}

static uint32_t round_up(uint32_t bytes)
{
    return (bytes + 3) / 4 * 4;
}

/* Returns the end of the field at `offset`: the next field's start, or the table's end. */
static uint32_t field_end(const uint8_t *table, uint32_t offset)
{
    const uint8_t *vtable = vtable_of(table);
    uint32_t end = asc_le16(vtable + 2);

    for (uint32_t id = 0; 4 + 2 * id + 2 <= asc_le16(vtable); id++) {
        const uint32_t other = field_offset(table, id);

        if (other > offset && other < end) {
            end = other;
        }
    }
    return end;
}

/* Returns the bytes of a table without its fields from `id` on, which may lie between the others. */
static uint32_t bytes_before(const uint8_t *table, uint32_t id)
{
    uint32_t bytes = asc_le16(vtable_of(table) + 2);

    for (uint32_t i = id; i < 32; i++) {
        const uint32_t offset = field_offset(table, i);

        if (offset != 0) {
            bytes -= field_end(table, offset) - offset;
        }
    }
    return bytes;
}

/* --- Messages ----------------------------------------------------------------------------------- */

/* Sends a message with `flows` flows, of which one direction or both had packets. */
static const uint8_t *message_with(
    enum workload_set set, bool ipv6, bool both_ways, unsigned flows, uint32_t *length)
{
    struct workload_packet packet = {.direction = ASC_OUT};

    if (!workload_start(&m)) {
        return NULL;
    }
    for (unsigned flow = 0; flow < flows; flow++) {
        for (int d = both_ways ? ASC_IN : ASC_OUT; d <= ASC_OUT; d++) {
            workload_packet(&packet, set, ipv6, (enum asc_direction)d, flow + 1);
            asc_module_packet(&m, (enum asc_direction)d, ASC_UNICAST, &packet.segment);
        }
    }
    workload_pass_interval();
    (void)asc_module_step(&m);
    return workload_message(length);
}

/* Returns the fields of the module of old in a message's first flow. */
static const uint8_t *first_common(const uint8_t *message, bool ipv6)
{
    const uint8_t *root = follow(message);
    const uint8_t *events = follow(root + field_offset(root, MESSAGE_EVENTS));
    const uint8_t *event = follow(events + 4);
    const uint8_t *network = follow(event + field_offset(event, EVENT_PAYLOAD));
    const uint8_t *flows =
        follow(network + field_offset(network, ipv6 ? NETWORK_IPV6 : NETWORK_IPV4));
    const uint8_t *flow = follow(flows + 4);

    return follow(flow + field_offset(flow, FLOW_COMMON));
}

static int report_flow(const char *name, enum workload_set set, bool ipv6, bool both_ways)
{
    uint32_t less = 0;
    uint32_t more = 0;
    uint32_t added;
    const uint8_t *common;

    if (message_with(set, ipv6, both_ways, FLOWS, &less) == NULL) {
        return 1;
    }
    common = first_common(message_with(set, ipv6, both_ways, FLOWS + 1, &more), ipv6);
    added = round_up(asc_le16(vtable_of(common) + 2)) -
        round_up(bytes_before(common, COMMON_OF_OLD_FIELDS));
    printf("flow.%s.old %u\n", name, more - less - added);
    printf("flow.%s.new %u\n", name, added);
    return more <= less + added;
}

/* What the message's table and vtable would lack without their last field. */
static int report_ledger(void)
{
    uint32_t length;
    const uint8_t *root = follow(message_with(WORKLOAD_MIXED, false, false, 1, &length));
    const uint32_t vtable_bytes = asc_le16(vtable_of(root));
    const uint32_t table =
        round_up(asc_le16(vtable_of(root) + 2)) - round_up(bytes_before(root, MESSAGE_LEDGER));
    const uint32_t vtable = round_up(vtable_bytes) - round_up(4 + 2 * MESSAGE_LEDGER);

    printf("ledger %u\n", table + vtable);
    return field_offset(root, MESSAGE_LEDGER) == 0;
}

int main(void)
{
    return report_flow("ipv4", WORKLOAD_UDP, false, true) != 0 ||
        report_flow("ipv6", WORKLOAD_UDP, true, true) != 0 ||
        report_flow("ipv4.tcp_one_way", WORKLOAD_MIXED, false, false) != 0 ||
        report_flow("ipv6.tcp_one_way", WORKLOAD_MIXED, true, false) != 0 || report_ledger() != 0;
}
