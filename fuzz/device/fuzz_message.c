/* SPDX-License-Identifier: MIT */
/* Any content of the flow tables and any settings: every message verifies, and holds each flow once. */

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

static struct device_port port;
static struct asc_module m;
static struct check_message message;

/* Numbers with edges: a byte says how many bytes the number has. */
static uint32_t next_number(struct input *in)
{
    const unsigned bytes = next_byte(in) % 6;
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes && i < 4; i++) {
        value = value << 8 | next_byte(in);
    }
    return bytes == 5 ? UINT32_MAX : value;
}

static void fill_flow(struct input *in, struct asc_flow *flow)
{
    flow->ports = next_number(in);
    flow->bytes[ASC_IN] = next_number(in);
    flow->bytes[ASC_OUT] = next_number(in);
    flow->local = next_byte(in) % ASC_LOCALS;
    flow->kind = next_byte(in) % 3 | next_byte(in) % 3u << ASC_KIND_OPENER;
    if (flow->bytes[ASC_IN] == 0 && flow->bytes[ASC_OUT] == 0) {
        flow->bytes[ASC_OUT] = 8; /* a packet has a transport header at least */
    }
    for (unsigned i = 0; i < 2; i++) {
        flow->packets[i] = flow->bytes[i] != 0 ? (asc_flow_packets)(next_number(in) | 1u) : 0;
    }
    flow->next = ASC_FLOW_NONE;
}

static void fill_tables(struct input *in)
{
    struct asc_network *n = &m.network;

    n->flows4.count = next_byte(in) % (ASC_FLOWS4 + 1);
    n->flows6.count = next_byte(in) % (ASC_FLOWS6 + 1);
    for (unsigned i = 0; i < n->flows4.count; i++) {
        fill_flow(in, &n->flows4.flow[i]);
        n->flows4.remote[i] = i;
    }
    for (unsigned i = 0; i < n->flows6.count; i++) {
        fill_flow(in, &n->flows6.flow[i]);
        n->flows6.remote[(size_t)i * 4] = i;
    }
}

/* The sum of everything that was laid in, to be found again. */
struct sum {
    unsigned flows;
    uint64_t bytes;
    uint64_t ports;
    uint64_t packets;
    uint64_t openers;
};

static void add_flow(struct sum *sum, const struct asc_flow *flow)
{
    uint8_t ports[4];

    memcpy(ports, &flow->ports, sizeof ports);
    sum->flows++;
    sum->bytes += (uint64_t)flow->bytes[ASC_IN] * 3 + flow->bytes[ASC_OUT];
    sum->ports += asc_be16(ports) * 3 + asc_be16(ports + 2) + (flow->kind & ASC_KIND_PROTOCOL);
    sum->packets += (uint64_t)flow->packets[ASC_IN] * 3 + flow->packets[ASC_OUT];
    sum->openers += (uint64_t)flow->kind >> ASC_KIND_OPENER;
}

static struct sum sum_of_tables(void)
{
    struct sum sum = {0, 0, 0, 0, 0};

    for (unsigned i = 0; i < m.network.flows4.count; i++) {
        add_flow(&sum, &m.network.flows4.flow[i]);
    }
    for (unsigned i = 0; i < m.network.flows6.count; i++) {
        add_flow(&sum, &m.network.flows6.flow[i]);
    }
    return sum;
}

static struct sum sum_of_messages(void)
{
    struct sum sum = {0, 0, 0, 0, 0};

    for (unsigned i = 0; i < port.sent; i++) {
        const char *wrong = check_message(port.message[i].bytes, port.message[i].length, &message);

        require(wrong == NULL, wrong);
        for (unsigned j = 0; j < message.flows; j++) {
            const struct check_flow *flow = &message.flow[j];

            sum.flows++;
            sum.bytes += (uint64_t)flow->bytes_in * 3 + flow->bytes_out;
            sum.ports += flow->remote_port * 3u + flow->local_port + flow->protocol;
            sum.packets += (uint64_t)flow->packets_in * 3 + flow->packets_out;
            sum.openers += flow->opened_by;
        }
    }
    return sum;
}

static void start(struct input *in)
{
    static char id[ASC_SECURITY_MODULE_ID_MAX + 1];
    static char text[3][256];
    struct asc_settings settings = device_settings();
    const char **out[] = {&port.information.os, &port.information.kernel, &port.information.hw};

    memset(&port, 0, sizeof port);
    port.answer = ASC_SEND_DONE;
    port.utc_s = next_number(in);
    memset(id, 'i', sizeof id);
    id[1 + next_byte(in) % ASC_SECURITY_MODULE_ID_MAX] = '\0';
    settings.security_module_id = id;
    settings.timezone_hours = (int8_t)next_byte(in);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t length = next_byte(in);

        memset(text[i], next_byte(in) | 1, sizeof text[i]);
        text[i][length] = '\0';
        *out[i] = length == 255 ? NULL : text[i];
    }
    device_start(&m, &port, &settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct input in = {data, data + length};
    struct sum before;
    struct sum after;

    start(&in);
    fill_tables(&in);
    before = sum_of_tables();
    device_pass(&m, &port, 10000 + next_number(&in) % 1000000);
    require(port.sent <= DEVICE_SENT_MAX, "there are more messages than flows need");
    after = sum_of_messages();
    require(before.flows == after.flows && before.bytes == after.bytes &&
            before.ports == after.ports && before.packets == after.packets &&
            before.openers == after.openers,
        "the messages do not hold what was in the tables");
    return 0;
}
