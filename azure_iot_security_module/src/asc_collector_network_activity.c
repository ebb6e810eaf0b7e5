/* SPDX-License-Identifier: MIT */
/* The network activity collector: the flows' way into a message. */

#include "azure_iot_security_module/src/asc_collector_network_activity.h"

#if ASC_HAS_NETWORK_ACTIVITY

#include "azure_iot_security_module/src/asc_flow.h"
#include "azure_iot_security_module/src/asc_flow_table.h"
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
#define COMMON_MASK_IN       0x03u
#define COMMON_MASK_OUT      0x0cu
#define COMMON_MASK_PORTS    0x30u
#define COMMON_MASK_PROTOCOL 0x40u
#define COMMON_MASK_OPENER   0x80u

/* In and out, ports, and protocol or opener, of which there is one at most: so many vtables. */
#define COMMON_VTABLES 24u

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

/* Bytes that one flow takes at most, once the vtable of such tables is there. */
#define FLOW_MOST(words) (FLOW_BYTES(words) + COMMON_BYTES_MAX + ASC_VTABLE_BYTES_MAX)

/* Bytes that one flow of IPv6 may take with its vector and its vtable: kept free while flows of IPv4 are
 * written, so that each message takes some of both. */
#define FLOW6_RESERVE (8u + FLOW_VTABLE_BYTES + FLOW_MOST(4u))

/* What is written of one family, and the flow at hand, which no packet changes. */
struct flows {
    struct asc_flow_table table;
    uint32_t bytes[2];
    uint32_t packets[2];
    uint32_t kind;
    uint32_t remote_port;
    uint32_t local_port;
    uint16_t vtable;
    uint16_t common_vtables[COMMON_VTABLES];
};

static void write_common(struct asc_writer *w, struct flows *flows, uint32_t slot)
{
    const uint32_t protocol = flows->kind & ASC_KIND_PROTOCOL;
    const uint32_t opener = flows->kind >> ASC_KIND_OPENER & 3u;
    uint32_t which = 0;
    uint32_t mask = 0;
    uint32_t table;
    uint8_t *to;

    if (flows->packets[ASC_IN] != 0) {
        mask |= COMMON_MASK_IN;
        which += 1;
    }
    if (flows->packets[ASC_OUT] != 0) {
        mask |= COMMON_MASK_OUT;
        which += 2;
    }
    if ((flows->local_port | flows->remote_port) != 0) {
        mask |= COMMON_MASK_PORTS;
        which += 4;
    }
    if (protocol != 0) {
        mask |= COMMON_MASK_PROTOCOL;
        which += 8;
    } else if (opener != 0) {
        mask |= COMMON_MASK_OPENER;
        which += 16;
    }
    table = asc_writer_table(w, &common_shape, mask, &flows->common_vtables[which]);
    to = w->data + table + 4;

    asc_writer_refer(w, slot, table);
    /* The fields that are there follow each other in the order of common_shape. */
    for (unsigned direction = ASC_IN; direction <= ASC_OUT; direction++) {
        if (flows->packets[direction] != 0) {
            asc_put_le32(to, flows->bytes[direction]);
            asc_put_le32(to + 4, flows->packets[direction]);
            to += 8;
        }
    }
    if ((mask & COMMON_MASK_PORTS) != 0) {
        asc_put_le16(to, flows->local_port);
        asc_put_le16(to + 2, flows->remote_port);
        to += 4;
    }
    if ((mask & (COMMON_MASK_PROTOCOL | COMMON_MASK_OPENER)) != 0) {
        *to = (uint8_t)(protocol != 0 ? protocol : opener);
    }
}

static void write_flow(struct asc_writer *w, uint32_t vector, struct flows *flows, unsigned i)
{
    const struct asc_flow_table *t = &flows->table;
    const uint32_t address_bytes = t->words * 4u;
    const uint32_t position = asc_writer_take(w, 8u + 2u * address_bytes);
    uint8_t *table = w->data + position;
    uint8_t *local = table + 4;
    uint8_t *remote = local + address_bytes;

    asc_writer_push(w, vector, position);
    asc_put_le32(table, position - flows->vtable);
    asc_put_words(local, t->local + (size_t)(flows->kind >> ASC_KIND_LOCAL) * t->words, t->words);
    asc_put_words(remote, t->remote + (size_t)i * t->words, t->words);
    write_common(w, flows, position + 4u + 2u * address_bytes);
}

/* Takes the counters of flow `i`, which count from zero again. Returns its packets. */
static uint32_t take(struct asc_module *m, struct flows *flows, unsigned i)
{
    const struct asc_flow_table *t = &flows->table;
    uint32_t packets = 0;
    uint8_t ports[4];

    asc_lock(m);
    for (unsigned direction = ASC_IN; direction <= ASC_OUT; direction++) {
        flows->bytes[direction] = t->bytes[i][direction];
        flows->packets[direction] = t->packets[i][direction];
        packets += flows->packets[direction];
        t->bytes[i][direction] = 0;
        t->packets[i][direction] = 0;
    }
    flows->kind = t->kind[i];
    m->packets_taken += packets;
    asc_unlock(m);
    memcpy(ports, &t->ports[i], sizeof ports);
    flows->remote_port = asc_be16(ports);
    flows->local_port = asc_be16(ports + 2);
    return packets;
}

static ASC_NOINLINE bool allowed(const struct asc_module *m, const struct flows *flows, unsigned i)
{
    const struct asc_flow_table *t = &flows->table;
    struct asc_flow_view view;

    if (m->allow == NULL) {
        return false;
    }
    view.remote = (const uint8_t *)(t->remote + (size_t)i * t->words);
    view.address_bytes = t->words * 4u;
    view.remote_port = (uint16_t)flows->remote_port;
    view.local_port = (uint16_t)flows->local_port;
    view.protocol = (enum asc_protocol)(flows->kind & ASC_KIND_PROTOCOL);
    return m->allow->allows(m->allow, &view);
}

/* Writes the flows that fit while `reserve` bytes stay free, and the vector that holds them. Returns how
 * many are done. */
static ASC_NOINLINE unsigned write_flows(struct asc_module *m, struct asc_writer *w, uint32_t slot,
    struct flows *flows, uint32_t reserve)
{
    const struct asc_progress progress = *flows->table.progress;
    const uint32_t words = flows->table.words;
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
        const uint32_t packets = take(m, flows, flow);

        if (allowed(m, flows, flow)) {
            m->since[ASC_WITHHELD] = asc_add(m->since[ASC_WITHHELD], packets);
        } else {
            write_flow(w, vector, flows, flow);
            m->packets_in_message += packets;
        }
    }
    return i;
}

/* The fields of network_shape that an overflow needs; those of the families are ASC_FOUND_ bits. */
#define NETWORK_MASK_OVERFLOW 0x3cu

static uint32_t due4(const struct asc_network *n)
{
#if ASC_FLOWS4 > 0
    return n->flows4.progress.due;
#else
    (void)n;
    return 0;
#endif
}

static uint32_t due6(const struct asc_network *n)
{
#if ASC_FLOWS6 > 0
    return n->flows6.progress.due;
#else
    (void)n;
    return 0;
#endif
}

/* Writes what overflowed since the last report, and forgets it. */
static ASC_NOINLINE void write_overflow(struct asc_module *m, uint8_t *to)
{
    struct asc_overflow overflow;

    asc_lock(m);
    overflow = m->network.overflow;
    memset(&m->network.overflow, 0, sizeof m->network.overflow);
    asc_unlock(m);
    asc_put_le32(to, overflow.packets);
    asc_put_le32(to + 4, overflow.bytes[ASC_IN]);
    asc_put_le32(to + 8, overflow.bytes[ASC_OUT]);
    asc_put_le32(to + 12, asc_sketch_estimate(overflow.sketch));
}

static ASC_NOINLINE void collect_family(
    struct asc_module *m, struct asc_writer *w, struct flows *flows, uint32_t slot, unsigned words)
{
    unsigned written;

    asc_flow_table_of(&flows->table, &m->network, words);
    written =
        write_flows(m, w, slot, flows, words == 1 && due6(&m->network) > 0 ? FLOW6_RESERVE : 0);
    asc_lock(m);
    asc_flow_reported(&m->network, &flows->table, written);
    asc_unlock(m);
}

/* Writes what was found. The fields follow each other in the order of network_shape. */
static ASC_NOINLINE void write_found(
    struct asc_module *m, struct asc_writer *w, uint32_t slot, unsigned found)
{
    const uint32_t mask = (found & (ASC_FOUND_FLOWS4 | ASC_FOUND_FLOWS6)) |
        ((found & ASC_FOUND_OVERFLOW) != 0 ? NETWORK_MASK_OVERFLOW : 0);
    uint16_t vtable = 0;
    uint32_t field = asc_writer_table(w, &network_shape, mask, &vtable);
    struct flows flows;

    asc_writer_refer(w, slot, field);
    memset(flows.common_vtables, 0, sizeof flows.common_vtables);
    if ((found & ASC_FOUND_FLOWS4) != 0) {
        field += 4;
        collect_family(m, w, &flows, field, 1);
    }
    if ((found & ASC_FOUND_FLOWS6) != 0) {
        field += 4;
        collect_family(m, w, &flows, field, 4);
    }
    if ((found & ASC_FOUND_OVERFLOW) != 0) {
        write_overflow(m, w->data + field + 4);
    }
}

enum asc_collected asc_collect_network_activity(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s)
{
    /* NOLINTBEGIN(clang-analyzer-deadcode.DeadStores): read unless empty events are sent */
    const uint32_t used = message->w.used;
    const uint16_t vtable = message->event_vtable;
    /* NOLINTEND(clang-analyzer-deadcode.DeadStores) */
    const uint32_t packets = m->packets_in_message;
    unsigned found;
    uint32_t slot;

    asc_lock(m);
    found = asc_flow_begin(&m->network);
    asc_unlock(m);
    if (found == 0 && !ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS) {
        return ASC_COLLECTED_NOTHING;
    }
    slot = asc_collector_event(m, message, interval_s, ASC_PAYLOAD_NETWORK_ACTIVITY);
    if (slot == 0) {
        return ASC_COLLECTED_LATER;
    }
    write_found(m, &message->w, slot, found);
    /* The allow-list may have left nothing. */
    if ((found & ASC_FOUND_OVERFLOW) == 0 && m->packets_in_message == packets &&
        !ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS) {
        asc_message_undo(message, used, vtable);
    }
    return (due4(&m->network) | due6(&m->network)) != 0 ? ASC_COLLECTED_PART : ASC_COLLECTED_ALL;
}

#else
/* An empty translation unit is not C. */
typedef int asc_collector_network_activity_is_off;
#endif
