/* SPDX-License-Identifier: MIT */
/* The network activity collector: the flows' way into a message. */

#include "azure_iot_security_module/src/asc_collector_network_activity.h"

#if ASC_HAS_NETWORK_ACTIVITY

#include "azure_iot_security_module/src/asc_flow.h"
#include "azure_iot_security_module/src/asc_flow_count.h"
#include "azure_iot_security_module/src/asc_sketch.h"

/* Ids of the schema's fields. */
enum common_field {
    COMMON_LOCAL_PORT = 0,
    COMMON_REMOTE_PORT = 1,
    COMMON_IN = 2,
    COMMON_OUT = 3,
    COMMON_PROTOCOL = 4,
    COMMON_PACKETS_IN = 9,
    COMMON_PACKETS_OUT = 10,
    COMMON_OPENED_BY = 11
};
enum network_field {
    NETWORK_IPV4,
    NETWORK_IPV6,
    NETWORK_OVERFLOW_PACKETS,
    NETWORK_OVERFLOW_IN,
    NETWORK_OVERFLOW_OUT,
    NETWORK_OVERFLOW_FLOWS
};

static const struct asc_shape common_shape = {8,
    {{COMMON_IN, 4}, {COMMON_PACKETS_IN, 4}, {COMMON_OUT, 4}, {COMMON_PACKETS_OUT, 4},
        {COMMON_LOCAL_PORT, 2}, {COMMON_REMOTE_PORT, 2}, {COMMON_PROTOCOL, 1},
        {COMMON_OPENED_BY, 1}}};
static const struct asc_shape network_shape = {6,
    {{NETWORK_IPV4, 4}, {NETWORK_IPV6, 4}, {NETWORK_OVERFLOW_PACKETS, 4}, {NETWORK_OVERFLOW_IN, 4},
        {NETWORK_OVERFLOW_OUT, 4}, {NETWORK_OVERFLOW_FLOWS, 4}}};

/* Places in common_shape of what is there together: a direction's bytes and packets. */
#define COMMON_MASK_IN         0x03u
#define COMMON_MASK_OUT        0x0cu
#define COMMON_MASK_LOCAL_PORT 0x10u
#define COMMON_MASK_FEATURES   6u

/* Bytes of a flow's table: its vtable's offset, two addresses, the offset of what is common. */
#define FLOW_BYTES(words) (8u + 8u * (words))

/* The vtables of those tables, by words of an address: addresses, common. */
#define FLOW_VTABLE_BYTES 8u
static const uint8_t flow_vtables[2][FLOW_VTABLE_BYTES] = {
    {FLOW_VTABLE_BYTES, 0, FLOW_BYTES(1), 0, 4, 0, 12, 0},
    {FLOW_VTABLE_BYTES, 0, FLOW_BYTES(4), 0, 4, 0, 36, 0},
};

/* Bytes of the largest NetworkActivityCommon, and of the smallest: some direction is always there. */
#define COMMON_BYTES_MAX 28u
#define COMMON_BYTES_MIN 12u

/* Bytes that one flow takes at most. */
#define FLOW_MOST(words) \
    (FLOW_BYTES(words) + FLOW_VTABLE_BYTES + COMMON_BYTES_MAX + ASC_VTABLE_BYTES_MAX)

/* Bytes that one flow of IPv6 may take with its vector: kept free while flows of IPv4 are written, so
 * that each message takes some of both. */
#define FLOW6_RESERVE (8u + FLOW_MOST(4u))

/* What is written of one family, and the counters of the flow at hand, which no packet changes. */
struct flows {
    struct asc_flow_table table;
    struct asc_flow flow;
    uint32_t remote_port;
    uint32_t local_port;
    uint16_t vtable;
    uint16_t common_vtables[1u << COMMON_MASK_FEATURES];
};

static void write_common(struct asc_writer *w, struct flows *flows, uint32_t slot)
{
    const struct asc_flow *flow = &flows->flow;
    const uint32_t protocol = flow->kind & ASC_KIND_PROTOCOL;
    const uint32_t opener = (uint32_t)flow->kind >> ASC_KIND_OPENER;
    const uint32_t in = flow->packets[ASC_IN];
    const uint32_t out = flow->packets[ASC_OUT];
    const uint32_t features = (flows->local_port != 0) | (uint32_t)(flows->remote_port != 0) << 1 |
        (uint32_t)(protocol != 0) << 2 | (uint32_t)(opener != 0) << 3 | (uint32_t)(in != 0) << 4 |
        (uint32_t)(out != 0) << 5;
    const uint32_t mask = (features & 15u) * COMMON_MASK_LOCAL_PORT |
        (in != 0 ? COMMON_MASK_IN : 0) | (out != 0 ? COMMON_MASK_OUT : 0);
    const uint32_t table =
        asc_writer_table(w, &common_shape, mask, &flows->common_vtables[features]);
    uint8_t *to = w->data + table + 4;

    asc_writer_refer(w, slot, table);
    /* The fields that are there follow each other in the order of common_shape. */
    if (in != 0) {
        asc_put_le32(to, flow->bytes[ASC_IN]);
        asc_put_le32(to + 4, in);
        to += 8;
    }
    if (out != 0) {
        asc_put_le32(to, flow->bytes[ASC_OUT]);
        asc_put_le32(to + 4, out);
        to += 8;
    }
    if (flows->local_port != 0) {
        asc_put_le16(to, flows->local_port);
        to += 2;
    }
    if (flows->remote_port != 0) {
        asc_put_le16(to, flows->remote_port);
        to += 2;
    }
    if (protocol != 0) {
        *to++ = (uint8_t)protocol;
    }
    if (opener != 0) {
        *to = (uint8_t)opener;
    }
}

static void write_flow(struct asc_writer *w, uint32_t vector, struct flows *flows, unsigned i)
{
    const struct asc_flow_table *t = &flows->table;
    const uint32_t address_bytes = (uint32_t)t->words * 4u;
    const uint32_t position = asc_writer_take(w, 8u + 2u * address_bytes);
    uint8_t *table = w->data + position;
    uint8_t *local = table + 4;
    uint8_t *remote = local + address_bytes;

    asc_writer_push(w, vector, position);
    asc_put_le32(table, position - flows->vtable);
    asc_put_words(local, t->local + flows->flow.local * t->words, t->words);
    asc_put_words(remote, t->remote + i * t->words, t->words);
    write_common(w, flows, position + 4u + 2u * address_bytes);
}

/* Takes the counters of flow `i`, which count from zero again. */
static void take(struct asc_module *m, struct flows *flows, unsigned i)
{
    struct asc_flow *flow = flows->table.flow + i;
    uint8_t ports[4];

    asc_lock(m);
    flows->flow = *flow;
    flow->bytes[ASC_IN] = 0;
    flow->bytes[ASC_OUT] = 0;
    flow->packets[ASC_IN] = 0;
    flow->packets[ASC_OUT] = 0;
    asc_unlock(m);
    memcpy(ports, &flows->flow.ports, sizeof ports);
    flows->remote_port = asc_be16(ports);
    flows->local_port = asc_be16(ports + 2);
}

static bool allowed(const struct asc_module *m, const struct flows *flows, unsigned i)
{
    const struct asc_flow_table *t = &flows->table;
    struct asc_flow_view view;

    if (m->allow == NULL) {
        return false;
    }
    view.remote = (const uint8_t *)(t->remote + i * t->words);
    view.address_bytes = (uint32_t)t->words * 4u;
    view.remote_port = (uint16_t)flows->remote_port;
    view.local_port = (uint16_t)flows->local_port;
    view.protocol = (enum asc_protocol)(flows->flow.kind & ASC_KIND_PROTOCOL);
    return m->allow->allows(m->allow, &view);
}

static void withhold(struct asc_module *m, uint32_t packets)
{
    const uint32_t sum = m->since.withheld + packets;

    m->since.withheld = sum < packets ? UINT32_MAX : sum;
    m->packets_settled += packets;
}

/* Writes the flows that fit while `reserve` bytes stay free, and the vector that holds them. Returns how
 * many are done. */
static unsigned write_flows(struct asc_module *m, struct asc_writer *w, uint32_t slot,
    struct flows *flows, uint32_t reserve)
{
    const struct asc_progress progress = *flows->table.progress;
    const uint32_t words = (uint32_t)flows->table.words;
    const uint32_t room = asc_writer_room(w) - reserve - 4u;
    uint32_t capacity = room / (4u + FLOW_BYTES(words) + COMMON_BYTES_MIN);
    uint32_t vector;
    unsigned i = 0;

    if (capacity > progress.due) {
        capacity = progress.due;
    }
    vector = asc_writer_vector(w, slot, capacity);
    flows->vtable = asc_writer_constant(w, flow_vtables[words == 4], FLOW_VTABLE_BYTES);
    while (i < capacity && asc_writer_room(w) - reserve >= FLOW_MOST(words)) {
        const unsigned flow = progress.done + i++;
        uint32_t packets;

        take(m, flows, flow);
        packets = (uint32_t)flows->flow.packets[ASC_IN] + flows->flow.packets[ASC_OUT];
        if (allowed(m, flows, flow)) {
            withhold(m, packets);
        } else {
            write_flow(w, vector, flows, flow);
            m->packets_in_message += packets;
        }
    }
    return i;
}

/* Bits of network_shape of the overflow since the last report. */
static uint32_t overflow_mask(const struct asc_overflow *overflow, uint32_t flows)
{
    return (overflow->packets != 0 ? 1u << NETWORK_OVERFLOW_PACKETS : 0) |
        (overflow->bytes[ASC_IN] != 0 ? 1u << NETWORK_OVERFLOW_IN : 0) |
        (overflow->bytes[ASC_OUT] != 0 ? 1u << NETWORK_OVERFLOW_OUT : 0) |
        (flows != 0 ? 1u << NETWORK_OVERFLOW_FLOWS : 0);
}

static unsigned due4(const struct asc_network *n)
{
#if ASC_FLOWS4 > 0
    return n->flows4.progress.due;
#else
    (void)n;
    return 0;
#endif
}

static unsigned due6(const struct asc_network *n)
{
#if ASC_FLOWS6 > 0
    return n->flows6.progress.due;
#else
    (void)n;
    return 0;
#endif
}

/* Writes the table of the event, and the overflow in it; `slots` are then those of the two vectors.
 * Returns whether there is any overflow. */
static bool write_network(
    struct asc_module *m, struct asc_writer *w, uint32_t slot, uint32_t slots[2])
{
    struct asc_network *n = &m->network;
    struct asc_overflow overflow;
    uint16_t vtable = 0;
    uint32_t flows = 0;
    uint32_t values[NETWORK_OVERFLOW_FLOWS + 1];
    uint32_t mask;
    uint32_t table;

    asc_lock(m);
    overflow = n->overflow;
    if (overflow.packets != 0) {
        memset(&n->overflow, 0, sizeof n->overflow);
    }
    asc_unlock(m);
    if (overflow.packets != 0) {
        flows = asc_sketch_estimate(overflow.sketch);
    }
    mask = (due4(n) > 0 ? 1u << NETWORK_IPV4 : 0) | (due6(n) > 0 ? 1u << NETWORK_IPV6 : 0) |
        overflow_mask(&overflow, flows);
    table = asc_writer_table(w, &network_shape, mask, &vtable);
    asc_writer_refer(w, slot, table);
    values[NETWORK_OVERFLOW_PACKETS] = overflow.packets;
    values[NETWORK_OVERFLOW_IN] = overflow.bytes[ASC_IN];
    values[NETWORK_OVERFLOW_OUT] = overflow.bytes[ASC_OUT];
    values[NETWORK_OVERFLOW_FLOWS] = flows;
    for (unsigned i = NETWORK_OVERFLOW_PACKETS; mask >> i != 0; i++) {
        if ((mask >> i & 1u) != 0) {
            asc_put_le32(w->data + asc_writer_field(w, vtable, table, i), values[i]);
        }
    }
    slots[0] = table + 4u;
    slots[1] = table + ((mask & 1u << NETWORK_IPV4) != 0 ? 8u : 4u);
    return overflow.packets != 0;
}

/* Returns whether there was anything to write: the allow-list may have left nothing. */
static bool collect_flows(struct asc_module *m, struct asc_writer *w, uint32_t slot)
{
    const uint32_t packets = m->packets_in_message;
    bool overflow;
    struct asc_network *n = &m->network;
    struct flows flows;
    uint32_t slots[2];
    unsigned written;

    memset(flows.common_vtables, 0, sizeof flows.common_vtables);
    overflow = write_network(m, w, slot, slots);
#if ASC_FLOWS4 > 0
    if (due4(n) > 0) {
        flows.table = asc_flow_table4(n);
        written = write_flows(m, w, slots[0], &flows, due6(n) > 0 ? FLOW6_RESERVE : 0);
        asc_lock(m);
        asc_flow_reported4(n, written);
        asc_unlock(m);
    }
#endif
#if ASC_FLOWS6 > 0
    if (due6(n) > 0) {
        flows.table = asc_flow_table6(n);
        written = write_flows(m, w, slots[1], &flows, 0);
        asc_lock(m);
        asc_flow_reported6(n, written);
        asc_unlock(m);
    }
#endif
    return overflow || m->packets_in_message != packets;
}

/* Takes stock: what is in the tables now is what this collection reports, in as many messages as it
 * needs; flows that come meanwhile wait for the next. Returns whether there is anything. */
static bool begin_collection(struct asc_module *m)
{
    struct asc_network *n = &m->network;
    bool any;

    asc_lock(m);
    if (due4(n) == 0 && due6(n) == 0) {
        asc_flow_age_datagrams(n);
#if ASC_FLOWS4 > 0
        n->flows4.progress.due = n->flows4.count;
#endif
#if ASC_FLOWS6 > 0
        n->flows6.progress.due = n->flows6.count;
#endif
    }
    any = due4(n) > 0 || due6(n) > 0 || n->overflow.packets != 0;
    asc_unlock(m);
    return any || ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS;
}

enum asc_collected asc_collect_network_activity(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s)
{
    const struct asc_message before = *message;
    uint32_t slot;

    if (!begin_collection(m)) {
        return ASC_COLLECTED_NOTHING;
    }
    slot = asc_collector_event(m, message, interval_s, ASC_PAYLOAD_NETWORK_ACTIVITY);
    if (slot == 0) {
        return ASC_COLLECTED_LATER;
    }
    if (!collect_flows(m, &message->w, slot) && !ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS) {
        asc_message_undo(message, &before);
    }
    return due4(&m->network) > 0 || due6(&m->network) > 0 ? ASC_COLLECTED_PART : ASC_COLLECTED_ALL;
}

#else
/* An empty translation unit is not C. */
typedef int asc_collector_network_activity_is_off;
#endif
