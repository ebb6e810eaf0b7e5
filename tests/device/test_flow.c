/* SPDX-License-Identifier: MIT */
/* Tests of the flow tables against a model that keeps every flow, and of their bounds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_flow.h"
#include "azure_iot_security_module/src/asc_flow_table.h"
#include "tests/device/device_test.h"

#define LOCAL  0x0a000001u
#define REMOTE 0xc6336400u

/* The model: flows in the order of their first packet, found by looking at each. */
#define MODEL_MAX 4096

struct model_flow {
    int version;
    uint8_t protocol; /* enum asc_protocol */
    uint32_t local;
    uint32_t remote;
    uint16_t local_port;
    uint16_t remote_port;
    uint64_t bytes[2];
    uint64_t packets[2];
    bool reported;
};

struct model {
    unsigned count;
    struct model_flow flow[MODEL_MAX];
};

static struct model_flow *model_find(struct model *model, const struct model_flow *flow)
{
    for (unsigned i = 0; i < model->count; i++) {
        struct model_flow *f = &model->flow[i];

        if (f->version == flow->version && f->protocol == flow->protocol &&
            f->local == flow->local && f->remote == flow->remote &&
            f->local_port == flow->local_port && f->remote_port == flow->remote_port) {
            return f;
        }
    }
    return NULL;
}

static unsigned model_count(const struct model *model, int version)
{
    unsigned count = 0;

    for (unsigned i = 0; i < model->count; i++) {
        count += model->flow[i].version == version;
    }
    return count;
}

/* The last word of an address, as the builder makes it. */
static uint32_t host_of(const uint32_t *words, unsigned count)
{
    uint8_t bytes[16];

    memcpy(bytes, words, count * sizeof *words);
    return asc_be32(bytes + (size_t)(count - 1) * 4);
}

static struct model_flow table_flow(const struct asc_flow_table *t, unsigned i)
{
    const unsigned l = t->kind[i] >> ASC_KIND_LOCAL;
    struct model_flow out = {
        .version = t->words == 1 ? 4 : 6, .protocol = t->kind[i] & ASC_KIND_PROTOCOL};
    uint8_t ports[4];

    memcpy(ports, &t->ports[i], sizeof ports);
    out.local = host_of(t->local + (size_t)l * t->words, t->words);
    out.remote = host_of(t->remote + (size_t)i * t->words, t->words);
    out.remote_port = (uint16_t)asc_be16(ports);
    out.local_port = (uint16_t)asc_be16(ports + 2);
    for (unsigned direction = 0; direction < 2; direction++) {
        out.bytes[direction] = t->bytes[i][direction];
        out.packets[direction] = t->packets[i][direction];
    }
    return out;
}

static void assert_in_model(struct model *model, const struct model_flow *flow)
{
    const struct model_flow *expected = model_find(model, flow);

    assert_non_null(expected);
    assert_int_equal(flow->bytes[ASC_IN], expected->bytes[ASC_IN]);
    assert_int_equal(flow->bytes[ASC_OUT], expected->bytes[ASC_OUT]);
    assert_int_equal(flow->packets[ASC_IN], expected->packets[ASC_IN]);
    assert_int_equal(flow->packets[ASC_OUT], expected->packets[ASC_OUT]);
}

/* Every flow of the tables is in the model with its bytes, and as many are there. */
static void assert_same(struct asc_network *n, struct model *model)
{
    const struct asc_flow_table tables[] = {asc_flow_table4(n), asc_flow_table6(n)};

    for (unsigned which = 0; which < 2; which++) {
        const struct asc_flow_table *t = &tables[which];

        assert_int_equal(*t->count, model_count(model, which == 0 ? 4 : 6));
        for (unsigned i = 0; i < *t->count; i++) {
            const struct model_flow flow = table_flow(t, i);

            assert_in_model(model, &flow);
        }
    }
}

static struct device_packet packet_of(const struct model_flow *flow, enum asc_direction direction)
{
    static const uint8_t protocol4[] = {6, 17, 1};
    static const uint8_t protocol6[] = {6, 17, 58};
    const bool out = direction == ASC_OUT;
    struct device_packet packet = {.version = flow->version};

    packet.protocol = flow->version == 4 ? protocol4[flow->protocol] : protocol6[flow->protocol];
    packet.source = out ? flow->local : flow->remote;
    packet.destination = out ? flow->remote : flow->local;
    packet.source_port = out ? flow->local_port : flow->remote_port;
    packet.destination_port = out ? flow->remote_port : flow->local_port;
    return packet;
}

static struct model_flow random_flow(uint64_t *seed, uint32_t hosts, uint32_t ports)
{
    struct model_flow flow = {.version = device_random(seed) % 2 == 0 ? 4 : 6};

    flow.protocol = (uint8_t)(device_random(seed) % 3);
    flow.local = LOCAL + device_random(seed) % 3;
    flow.remote = REMOTE + device_random(seed) % hosts;
    if (flow.protocol != ASC_PROTOCOL_ICMP) {
        flow.local_port = (uint16_t)(device_random(seed) % ports);
        flow.remote_port = (uint16_t)(device_random(seed) % ports);
    }
    return flow;
}

/* Takes the counters of the first `written` flows of a family, as a report does; a third of them have a
 * packet before the report is over. */
static void take_some(struct asc_module *m, struct model *model, uint64_t *seed,
    const struct asc_flow_table *t, unsigned written)
{
    for (unsigned i = 0; i < written; i++) {
        const struct model_flow taken = table_flow(t, i);
        struct model_flow *known = model_find(model, &taken);

        if (known == NULL) {
            fail_msg("the table has a flow that was never seen");
            return;
        }
        memset(known->bytes, 0, sizeof known->bytes);
        memset(known->packets, 0, sizeof known->packets);
        memset(t->bytes[i], 0, sizeof t->bytes[i]);
        m->packets_taken += (uint64_t)t->packets[i][ASC_IN] + t->packets[i][ASC_OUT];
        memset(t->packets[i], 0, sizeof t->packets[i]);
        known->reported = true;
        if (device_random(seed) % 3 == 0) {
            const struct device_packet packet = packet_of(known, ASC_OUT);

            known->bytes[ASC_OUT] += device_give_packet(m, ASC_OUT, &packet);
            known->packets[ASC_OUT]++;
        }
    }
}

static void forget_reported(struct model *model)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < model->count; i++) {
        const struct model_flow flow = model->flow[i];

        if (!flow.reported || flow.packets[ASC_IN] + flow.packets[ASC_OUT] > 0) {
            model->flow[kept] = flow;
            model->flow[kept++].reported = false;
        }
    }
    model->count = kept;
}

static void report_some(struct asc_module *m, struct model *model, uint64_t *seed)
{
    const struct asc_flow_table tables[] = {
        asc_flow_table4(&m->network), asc_flow_table6(&m->network)};

    for (unsigned which = 0; which < 2; which++) {
        const struct asc_flow_table *t = &tables[which];
        const unsigned written = device_random(seed) % (*t->count + 1u);

        *t->progress = (struct asc_progress){0, *t->count};
        take_some(m, model, seed, t, written);
        asc_flow_reported(&m->network, t, written);
    }
    forget_reported(model);
}

/* One random packet to the table and to the model; the table says by its counters what it did. */
static void one_packet(struct asc_module *m, struct model *model, uint64_t *seed, uint64_t *lost)
{
    const struct model_flow flow = random_flow(seed, 6, 4);
    const enum asc_direction direction = (enum asc_direction)(device_random(seed) % 2);
    struct device_packet packet = packet_of(&flow, direction);
    const uint32_t counted = asc_module_counters(m).packets_counted;
    struct model_flow *known = model_find(model, &flow);
    uint32_t bytes;

    packet.data_bytes = (uint16_t)(device_random(seed) % 1400);
    bytes = device_give_packet(m, direction, &packet);
    if (asc_module_counters(m).packets_counted == counted) {
        assert_null(known); /* a flow that is known is never lost */
        lost[direction] += bytes;
        return;
    }
    if (known == NULL) {
        known = &model->flow[model->count++];
        *known = flow;
    }
    known->bytes[direction] += bytes;
    known->packets[direction]++;
}

static void test_flow__equals_the_model(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;
    static struct model model;
    uint64_t lost[2] = {0, 0};
    uint64_t seed = 2463534242u;

    (void)state;
    device_start(&m, &port, &settings);
    for (unsigned i = 0; i < 60000; i++) {
        one_packet(&m, &model, &seed, lost);
        if (device_random(&seed) % 500 == 0) {
            report_some(&m, &model, &seed);
        }
        if (i % 97 == 0) {
            assert_same(&m.network, &model);
        }
    }
    assert_same(&m.network, &model);
    assert_true(asc_module_counters(&m).packets_counted + m.since[ASC_OVERFLOWED] >= 60000);
    assert_true(m.since[ASC_OVERFLOWED] > 0);
    assert_int_equal(m.bytes_overflowed[ASC_IN], lost[ASC_IN]);
    assert_int_equal(m.bytes_overflowed[ASC_OUT], lost[ASC_OUT]);
}

static void test_flow__full_table(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet = {
        .version = 4, .protocol = 6, .source = LOCAL, .source_port = 40000, .data_bytes = 10};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    for (uint32_t i = 0; i < ASC_FLOWS4 + 10; i++) {
        packet.destination = REMOTE + i;
        device_give_packet(&m, ASC_OUT, &packet);
    }
    assert_int_equal(m.network.flows4.count, ASC_FLOWS4);
    assert_int_equal(m.since[ASC_OVERFLOWED], 10);
    assert_int_equal(m.bytes_overflowed[ASC_OUT], 300);
    assert_int_equal(m.bytes_overflowed[ASC_IN], 0);
    for (uint32_t i = 0; i < ASC_FLOWS4; i++) {
        packet.destination = REMOTE + i;
        device_give_packet(&m, ASC_OUT, &packet);
        assert_int_equal(m.network.flows4.bytes[i][ASC_OUT], 60);
    }
    assert_int_equal(m.since[ASC_OVERFLOWED], 10);
}

static void test_flow__bytes_saturate(void **state)
{
    const struct asc_settings settings = device_settings();
    const struct device_packet packet = {.version = 6,
        .protocol = 17,
        .source = LOCAL,
        .destination = REMOTE,
        .source_port = 1,
        .destination_port = 2,
        .data_bytes = 92};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    device_give_packet(&m, ASC_OUT, &packet);
    m.network.flows6.bytes[0][ASC_OUT] = UINT32_MAX - 150;
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.network.flows6.bytes[0][ASC_OUT], UINT32_MAX - 50);
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.network.flows6.bytes[0][ASC_OUT], UINT32_MAX);
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.network.flows6.bytes[0][ASC_OUT], UINT32_MAX);
    m.packets_taken = UINT32_MAX;
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(asc_module_counters(&m).packets_counted, UINT32_MAX);
}

static unsigned longest_chain(const struct asc_network *n)
{
    unsigned longest = 0;

    for (unsigned bucket = 0; bucket < ASC_BUCKETS(ASC_FLOWS4); bucket++) {
        unsigned length = 0;

        for (unsigned i = n->flows4.head[bucket]; i != ASC_FLOW_NONE; i = n->flows4.next[i]) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Someone who knew the keys could put all flows in one chain; even then it is bounded, and what does
 * not go in is counted. Keys of zero are the worst that there are. */
static void test_flow__chains_are_bounded(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet = {.version = 4, .protocol = 17, .source = LOCAL};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    memset(m.network.key, 0, sizeof m.network.key);
    for (uint32_t i = 0; i < 50; i++) {
        packet.destination = REMOTE + i;
        device_give_packet(&m, ASC_OUT, &packet);
    }
    assert_int_equal(longest_chain(&m.network), ASC_CHAIN_MAX);
    assert_int_equal(m.network.flows4.count, ASC_CHAIN_MAX);
    assert_int_equal(m.since[ASC_OVERFLOWED], 50 - ASC_CHAIN_MAX);
}

/* With seeded keys, flows that differ in one field only, however chosen, fill the whole table. */
static void test_flow__chosen_flows_spread(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;
    unsigned full = 0;
    unsigned tries = 0;

    (void)state;
    for (unsigned shift = 0; shift < 10; shift++) {
        for (unsigned which = 0; which < 3; which++) {
            struct device_packet packet = {.version = 4, .protocol = 6, .source = LOCAL};

            device_start(&m, &port, &settings);
            for (uint32_t i = 0; i < ASC_FLOWS4; i++) {
                packet.destination = REMOTE ^ (which == 0 ? i << (2 * shift) : 0);
                packet.source_port = (uint16_t)(which == 1 ? i << shift : 7);
                packet.destination_port = (uint16_t)(which == 2 ? i << shift : 7);
                device_give_packet(&m, ASC_OUT, &packet);
            }
            assert_true(longest_chain(&m.network) <= ASC_CHAIN_MAX);
            full += m.network.flows4.count == ASC_FLOWS4;
            tries++;
        }
    }
    assert_true(full + 2 >= tries);
}

static void test_flow__too_many_local_addresses(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet = {.version = 4, .protocol = 17, .destination = REMOTE};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    for (uint32_t i = 0; i < ASC_LOCALS + 3; i++) {
        packet.source = LOCAL + i;
        device_give_packet(&m, ASC_OUT, &packet);
    }
    assert_int_equal(m.network.flows4.count, m.network.flows4.local_count);
    assert_int_equal(m.since[ASC_OVERFLOWED], ASC_LOCALS + 3u - m.network.flows4.count);
    packet.source = LOCAL + 1000;
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.network.flows4.count, m.network.flows4.local_count);
    device_pass(&m, &port, 10000);
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.network.flows4.count, 1);
    assert_int_equal(m.network.flows4.local_count, 1);
}

/* Flows of one remote host and port that differ in protocol and local address only have buckets of their
 * own: none is lost while the table has room, and no chain is long. */
static void test_flow__one_remote_to_many_locals(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet = {.version = 4, .source = REMOTE, .source_port = 53};
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    for (uint32_t i = 0; i < 2 * ASC_LOCALS; i++) {
        packet.protocol = i % 2 == 0 ? 6 : 17;
        packet.destination = LOCAL + i / 2;
        device_give_packet(&m, ASC_IN, &packet);
    }
    assert_int_equal(m.network.flows4.count, 2 * ASC_LOCALS);
    assert_int_equal(m.since[ASC_OVERFLOWED], 0);
    assert_in_range(longest_chain(&m.network), 1, 2);
    packet.source++;
    device_give_packet(&m, ASC_IN, &packet);
    assert_int_equal(m.network.flows4.count, 2 * ASC_LOCALS + 1);
}

/* --- Fragments ---------------------------------------------------------------------------------- */

static struct device_packet fragment(int version, uint32_t id, uint16_t offset, bool more)
{
    const struct device_packet packet = {.version = version,
        .protocol = 17,
        .source = REMOTE,
        .destination = LOCAL,
        .source_port = 5000,
        .destination_port = 6000,
        .data_bytes = 800,
        .identification = id,
        .offset = offset,
        .more = more};

    return packet;
}

static uint32_t bytes_in(const struct asc_module *m, int version)
{
    return version == 4 ? m->network.flows4.bytes[0][ASC_IN] : m->network.flows6.bytes[0][ASC_IN];
}

static void give_fragment(
    struct asc_module *m, int version, uint32_t id, uint16_t offset, bool more)
{
    const struct device_packet packet = fragment(version, id, offset, more);

    device_give_packet(m, ASC_IN, &packet);
}

static void test_flow__fragments_belong_to_their_datagram(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    for (int version = 4; version <= 6; version += 2) {
        const uint32_t extra = version == 6 ? 8 : 0; /* the fragment header is payload */

        device_start(&m, &port, &settings);
        give_fragment(&m, version, 77, 0, true);
        give_fragment(&m, version, 77, 808, true);
        give_fragment(&m, version, 77, 1608, false);
        assert_int_equal(bytes_in(&m, version), 808 + 800 + 800 + 3 * extra);
        assert_int_equal(m.network.flows4.count + m.network.flows6.count, 1);
        give_fragment(&m, version, 78, 808, false); /* another datagram, its start not seen */
        assert_int_equal(m.since[ASC_OVERFLOWED], 1);
        assert_int_equal(m.bytes_overflowed[ASC_IN], 800 + extra);
        assert_int_equal(m.network.flows4.count + m.network.flows6.count, 1);
    }
}

/* RFC 791 tells datagrams apart by their protocol too: a TCP and a UDP datagram of one pair may have the
 * same identification at the same time. */
static void test_flow__fragments_of_two_protocols(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet = fragment(4, 77, 0, true);
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    device_give_packet(&m, ASC_IN, &packet);
    packet.protocol = 6;
    device_give_packet(&m, ASC_IN, &packet);
    give_fragment(&m, 4, 77, 808, false);
    assert_int_equal(m.network.flows4.count, 2);
    assert_int_equal(m.network.flows4.packets[0][ASC_IN], 2);
    assert_int_equal(m.network.flows4.kind[0] & ASC_KIND_PROTOCOL, ASC_PROTOCOL_UDP);
    assert_int_equal(m.network.flows4.packets[1][ASC_IN], 1);
}

static void test_flow__fragments_straddle_a_collection(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    give_fragment(&m, 4, 77, 0, true);
    device_pass(&m, &port, 10000);
    assert_int_equal(m.network.flows4.count, 0);
    give_fragment(&m, 4, 77, 808, true);
    assert_int_equal(bytes_in(&m, 4), 800);
    assert_int_equal(m.since[ASC_OVERFLOWED], 0);
    device_pass(&m, &port, 10000);
    give_fragment(
        &m, 4, 77, 1608, false); /* no datagram lives that long: RFC 1122, 60 to 120 s at most */
    assert_int_equal(m.since[ASC_OVERFLOWED], 1);
}

static void test_flow__more_datagrams_than_remembered(void **state)
{
    const struct asc_settings settings = device_settings();
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    for (uint32_t id = 0; id < ASC_DATAGRAMS + 2; id++) {
        give_fragment(&m, 4, id, 0, true);
    }
    for (uint32_t id = 0; id < ASC_DATAGRAMS + 2; id++) {
        give_fragment(&m, 4, id, 808, false);
    }
    assert_int_equal(m.since[ASC_OVERFLOWED], 2); /* the two oldest */
    give_fragment(&m, 4, 5, 0, true);             /* an identification used again */
    give_fragment(&m, 4, 4, 808, false);
    give_fragment(&m, 4, 6, 808, false);
    assert_int_equal(m.since[ASC_OVERFLOWED], 2);
}

/* The same identification between other hosts, or the other way, is another datagram. */
static void test_flow__identification_is_not_enough(void **state)
{
    const struct asc_settings settings = device_settings();
    struct device_packet packet;
    static struct device_port port;
    static struct asc_module m;

    (void)state;
    device_start(&m, &port, &settings);
    give_fragment(&m, 4, 77, 0, true);
    packet = fragment(4, 77, 808, false);
    packet.source++;
    device_give_packet(&m, ASC_IN, &packet);
    packet = fragment(4, 77, 808, false);
    device_give_packet(&m, ASC_OUT, &packet);
    assert_int_equal(m.since[ASC_OVERFLOWED], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow__equals_the_model),
        cmocka_unit_test(test_flow__full_table),
        cmocka_unit_test(test_flow__bytes_saturate),
        cmocka_unit_test(test_flow__chains_are_bounded),
        cmocka_unit_test(test_flow__chosen_flows_spread),
        cmocka_unit_test(test_flow__too_many_local_addresses),
        cmocka_unit_test(test_flow__one_remote_to_many_locals),
        cmocka_unit_test(test_flow__fragments_belong_to_their_datagram),
        cmocka_unit_test(test_flow__fragments_of_two_protocols),
        cmocka_unit_test(test_flow__fragments_straddle_a_collection),
        cmocka_unit_test(test_flow__more_datagrams_than_remembered),
        cmocka_unit_test(test_flow__identification_is_not_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
