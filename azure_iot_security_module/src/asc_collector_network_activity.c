/* SPDX-License-Identifier: MIT */
/* The network activity collector: the flows' way into a message. */

#include "azure_iot_security_module/src/asc_collector_network_activity.h"

#if ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED

#include "azure_iot_security_module/src/asc_flow.h"

#if ASC_FLOWS4 == 0 && ASC_FLOWS6 == 0
#error "the network activity collector needs flows of IPv4 or of IPv6, or must be off"
#endif

enum common_field {
    COMMON_LOCAL_PORT,
    COMMON_REMOTE_PORT,
    COMMON_IN,
    COMMON_OUT,
    COMMON_PROTOCOL
};
enum flow_field {
    FLOW_ADDRESSES,
    FLOW_COMMON
};
enum network_field {
    NETWORK_IPV4,
    NETWORK_IPV6
};

static const struct asc_shape common_shape = {5,
    {{COMMON_IN, 4}, {COMMON_OUT, 4}, {COMMON_LOCAL_PORT, 2}, {COMMON_REMOTE_PORT, 2},
        {COMMON_PROTOCOL, 1}}};
static const struct asc_shape flow4_shape = {2, {{FLOW_ADDRESSES, 8}, {FLOW_COMMON, 4}}};
static const struct asc_shape flow6_shape = {2, {{FLOW_ADDRESSES, 32}, {FLOW_COMMON, 4}}};
static const struct asc_shape network_shape = {2, {{NETWORK_IPV4, 4}, {NETWORK_IPV6, 4}}};

/* Bytes of the largest NetworkActivityCommon, and of the smallest: some byte count is never 0. */
#define COMMON_BYTES_MAX 20u
#define COMMON_BYTES_MIN 8u

/* Bytes of a flow's table by words of its addresses. */
#define FLOW_BYTES(words) (8u + 8u * (words))

/* Bytes that one flow of IPv6 may take, with its vector and vtables: kept free while flows of IPv4
 * are written, so that each message takes some of both. */
#define FLOW6_RESERVE \
    (4u + 4u + ASC_VTABLE_BYTES(2) + FLOW_BYTES(4u) + ASC_VTABLE_BYTES(5) + COMMON_BYTES_MAX)

/* The vtables of a message's flows, by the fields that are there: shared by both families. */
struct flow_vtables {
    uint16_t common[32];
    uint16_t flow[2];
};

static void write_common(
    struct asc_writer *w, uint16_t *vtables, const struct asc_flow *flow, uint32_t slot)
{
    const uint32_t protocol = flow->protocol;
    uint8_t ports[4];
    uint32_t local_port;
    uint32_t remote_port;
    uint32_t mask;
    uint32_t table;
    uint8_t *out;

    memcpy(ports, &flow->ports, sizeof ports);
    remote_port = asc_be16(ports);
    local_port = asc_be16(ports + 2);
    mask = (uint32_t)(local_port != 0) << COMMON_LOCAL_PORT |
        (uint32_t)(remote_port != 0) << COMMON_REMOTE_PORT |
        (uint32_t)(flow->bytes[ASC_IN] != 0) << COMMON_IN |
        (uint32_t)(flow->bytes[ASC_OUT] != 0) << COMMON_OUT |
        (uint32_t)(protocol != 0) << COMMON_PROTOCOL;
    table = asc_writer_table(w, &common_shape, mask, &vtables[mask]);
    asc_writer_refer(w, slot, table);
    /* The fields that are there follow each other in the order of common_shape. */
    out = w->data + table + 4;
    if (flow->bytes[ASC_IN] != 0) {
        asc_put_le32(out, flow->bytes[ASC_IN]);
        out += 4;
    }
    if (flow->bytes[ASC_OUT] != 0) {
        asc_put_le32(out, flow->bytes[ASC_OUT]);
        out += 4;
    }
    if (local_port != 0) {
        asc_put_le16(out, local_port);
        out += 2;
    }
    if (remote_port != 0) {
        asc_put_le16(out, remote_port);
        out += 2;
    }
    if (protocol != 0) {
        *out = (uint8_t)protocol;
    }
}

/* What is to be written of one family: flows of `words` words an address, oldest first. */
struct flows {
    const struct asc_flow *flow;
    const uint32_t *local;
    const uint32_t *remote;
    unsigned due;
    size_t words;
};

static uint8_t *put_address(uint8_t *out, const uint32_t *address, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        memcpy(out, address + i, 4);
        out += 4;
    }
    return out;
}

static void write_flow(struct asc_writer *w, struct flow_vtables *vtables, uint32_t vector,
    const struct flows *flows, unsigned i)
{
    const size_t words = flows->words;
    const struct asc_flow *flow = &flows->flow[i];
    const uint32_t table = asc_writer_table(w, words == 4 ? &flow6_shape : &flow4_shape,
        1u << FLOW_ADDRESSES | 1u << FLOW_COMMON, &vtables->flow[words == 4]);
    uint8_t *out = w->data + table + 4;

    asc_writer_push(w, vector, table);
    out = put_address(out, flows->local + flow->local * words, words);
    out = put_address(out, flows->remote + i * words, words);
    write_common(w, vtables->common, flow, (uint32_t)(out - w->data));
}

/* Writes the flows that fit while `reserve` bytes stay free, and the vector that holds them. Returns
 * how many. */
static unsigned write_flows(struct asc_writer *w, struct flow_vtables *vtables, uint32_t slot,
    const struct flows *flows, uint32_t reserve)
{
    const uint32_t flow_bytes = FLOW_BYTES((uint32_t)flows->words);
    const uint32_t most = flow_bytes + ASC_VTABLE_BYTES(2) + COMMON_BYTES_MAX + ASC_VTABLE_BYTES(5);
    const uint32_t room = asc_writer_room(w) - reserve - 4u;
    uint32_t capacity = room / (4u + flow_bytes + COMMON_BYTES_MIN);
    uint32_t vector;
    unsigned i = 0;

    if (capacity > flows->due) {
        capacity = flows->due;
    }
    vector = asc_writer_vector(w, slot, capacity);
    while (i < capacity && asc_writer_room(w) - reserve >= most) {
        write_flow(w, vtables, vector, flows, i);
        i++;
    }
    return i;
}

#if ASC_FLOWS4 > 0
static void collect4(
    struct asc_network *n, struct asc_writer *w, struct flow_vtables *vtables, uint32_t slot)
{
    const struct flows flows = {n->flows4.flow, n->flows4.local, n->flows4.remote, n->due4, 1};
    const unsigned written = write_flows(w, vtables, slot, &flows, n->due6 > 0 ? FLOW6_RESERVE : 0);

    asc_flow_drop4(n, written);
    n->due4 = (uint16_t)(n->due4 - written);
}
#endif

#if ASC_FLOWS6 > 0
static void collect6(
    struct asc_network *n, struct asc_writer *w, struct flow_vtables *vtables, uint32_t slot)
{
    const struct flows flows = {n->flows6.flow, n->flows6.local, n->flows6.remote, n->due6, 4};
    const unsigned written = write_flows(w, vtables, slot, &flows, 0);

    asc_flow_drop6(n, written);
    n->due6 = (uint16_t)(n->due6 - written);
}
#endif

static void collect_flows(struct asc_network *n, struct asc_writer *w, uint32_t slot)
{
    const uint32_t mask =
        (n->due4 > 0 ? 1u << NETWORK_IPV4 : 0) | (n->due6 > 0 ? 1u << NETWORK_IPV6 : 0);
    struct flow_vtables vtables = {{0}, {0}};
    uint16_t vtable = 0;
    const uint32_t table = asc_writer_table(w, &network_shape, mask, &vtable);

    asc_writer_refer(w, slot, table);
#if ASC_FLOWS4 > 0
    if (n->due4 > 0) {
        collect4(n, w, &vtables, asc_writer_field(w, vtable, table, NETWORK_IPV4));
    }
#endif
#if ASC_FLOWS6 > 0
    if (n->due6 > 0) {
        collect6(n, w, &vtables, asc_writer_field(w, vtable, table, NETWORK_IPV6));
    }
#endif
}

/* Takes stock: what is in the tables now is what this collection reports, in as many messages as it
 * needs; flows that come meanwhile wait for the next. Returns whether there is anything. */
static bool begin_collection(struct asc_module *m)
{
    struct asc_network *n = &m->network;
    bool any;

    asc_lock(m);
    if (n->due4 == 0 && n->due6 == 0) {
        asc_flow_age_datagrams(n);
#if ASC_FLOWS4 > 0
        n->due4 = n->flows4.count;
#endif
#if ASC_FLOWS6 > 0
        n->due6 = n->flows6.count;
#endif
    }
    any = n->due4 > 0 || n->due6 > 0;
    asc_unlock(m);
    return any;
}

enum asc_collected asc_collect_network_activity(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s)
{
    uint32_t slot;

    if (!begin_collection(m)) {
        return ASC_COLLECTED_NOTHING;
    }
    slot = asc_collector_event(m, message, interval_s, ASC_PAYLOAD_NETWORK_ACTIVITY);
    if (slot == 0) {
        return ASC_COLLECTED_LATER;
    }
    asc_lock(m);
    collect_flows(&m->network, &message->w, slot);
    asc_unlock(m);
    return m->network.due4 > 0 || m->network.due6 > 0 ? ASC_COLLECTED_PART : ASC_COLLECTED_ALL;
}

#else
/* An empty translation unit is not C. */
typedef int asc_collector_network_activity_is_off;
#endif
