/* SPDX-License-Identifier: MIT */
/* Any content of the flow tables and any settings: every message verifies, and holds each flow once. */

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "azure_iot_security_module/src/asc_flow_table.h"
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

static void fill_flow(struct input *in, const struct asc_flow_table *t, unsigned i)
{
    uint32_t *bytes = t->bytes[i];
    unsigned kind;

    t->ports[i] = next_number(in);
    bytes[ASC_IN] = next_number(in);
    bytes[ASC_OUT] = next_number(in);
    kind = (unsigned)(next_byte(in) % ASC_LOCALS) << ASC_KIND_LOCAL;
    kind |= next_byte(in) % 3u;
    if ((kind & ASC_KIND_PROTOCOL) == ASC_PROTOCOL_TCP) {
        kind |= next_byte(in) % 3u << ASC_KIND_OPENER;
    }
    t->kind[i] = (uint8_t)kind;
    if (bytes[ASC_IN] == 0 && bytes[ASC_OUT] == 0) {
        bytes[ASC_OUT] = 8; /* a packet has a transport header at least */
    }
    for (unsigned way = 0; way < 2; way++) {
        t->packets[i][way] = bytes[way] != 0 ? (asc_flow_packets)(next_number(in) | 1u) : 0;
    }
    t->next[i] = ASC_FLOW_NONE;
    t->remote[(size_t)i * t->words] = i;
}

static void fill_table(struct input *in, const struct asc_flow_table *t)
{
    *t->count = (uint16_t)(next_byte(in) % (t->capacity + 1u));
    for (unsigned i = 0; i < *t->count; i++) {
        fill_flow(in, t, i);
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

static void add_table(struct sum *sum, const struct asc_flow_table *t)
{
    for (unsigned i = 0; i < *t->count; i++) {
        uint8_t ports[4];

        memcpy(ports, &t->ports[i], sizeof ports);
        sum->flows++;
        sum->bytes += (uint64_t)t->bytes[i][ASC_IN] * 3 + t->bytes[i][ASC_OUT];
        sum->ports += asc_be16(ports) * 3 + asc_be16(ports + 2) + (t->kind[i] & ASC_KIND_PROTOCOL);
        sum->packets += (uint64_t)t->packets[i][ASC_IN] * 3 + t->packets[i][ASC_OUT];
        sum->openers += (uint64_t)t->kind[i] >> ASC_KIND_OPENER & 3u;
    }
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
    settings.timezone_hours = (int8_t)(next_byte(in) % 27 - 12);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t length = next_byte(in);

        memset(text[i], next_byte(in) | 1, sizeof text[i]);
        text[i][length] = '\0';
        *out[i] = length == 255 ? NULL : text[i];
    }
    device_start(&m, &port, &settings);
}

static bool allow_all(const struct asc_allow *allow, const struct asc_flow_view *flow)
{
    (void)allow;
    (void)flow;
    return true;
}

/* Behind all else a letter keeps every flow from being reported. */
static bool withhold(struct input *in)
{
    static const struct asc_allow all = {allow_all};

    if (next_byte(in) != 'A') {
        return false;
    }
    asc_module_allow(&m, &all);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct input in = {data, data + length};
    struct asc_flow_table t4;
    struct asc_flow_table t6;
    struct sum before = {0, 0, 0, 0, 0};
    struct sum after;
    uint32_t pause_ms;

    start(&in);
    t4 = asc_flow_table4(&m.network);
    t6 = asc_flow_table6(&m.network);
    fill_table(&in, &t4);
    fill_table(&in, &t6);
    add_table(&before, &t4);
    add_table(&before, &t6);
    pause_ms = 10000 + next_number(&in) % 1000000;
    if (withhold(&in)) {
        before = (struct sum){0, 0, 0, 0, 0};
    }
    device_pass(&m, &port, pause_ms);
    require(port.sent <= DEVICE_SENT_MAX, "there are more messages than flows need");
    after = sum_of_messages();
    require(before.flows == after.flows && before.bytes == after.bytes &&
            before.ports == after.ports && before.packets == after.packets &&
            before.openers == after.openers,
        "the messages do not hold what was in the tables");
    return 0;
}
