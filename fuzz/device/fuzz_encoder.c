/* SPDX-License-Identifier: MIT */
/* Any flows through the hook, any answers of the port: every message verifies, and no byte is lost. */

#include <string.h>

#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define ACTIONS_MAX 2000

static struct device_port port;
static struct asc_module m;
static struct check_message message;

/* IP payload by enum asc_direction: in flows, and in messages that were delivered. */
static uint64_t counted[2];
static uint64_t delivered[2];
static uint64_t under_way[2];

static uint16_t next_word(struct input *in)
{
    const unsigned high = next_byte(in);

    return (uint16_t)(high << 8 | next_byte(in));
}

static void start(struct input *in)
{
    static char text[3][256];
    struct asc_settings settings = device_settings();
    const char **out[] = {&port.information.os, &port.information.kernel, &port.information.hw};

    memset(&port, 0, sizeof port);
    memset(counted, 0, sizeof counted);
    memset(delivered, 0, sizeof delivered);
    memset(under_way, 0, sizeof under_way);
    port.answer = ASC_SEND_DONE;
    port.utc_s = (uint32_t)next_word(in) << 16;
    port.seed = next_byte(in) + 1u;
    settings.timezone_hours = (int8_t)(next_byte(in) % 27 - 12);
    settings.high_interval_s = next_byte(in) + 1u;
    settings.medium_interval_s = next_byte(in) + 1u;
    settings.low_interval_s = next_byte(in) + 1u;
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t length = next_byte(in);

        memset(text[i], next_byte(in) | 1, sizeof text[i]);
        text[i][length] = '\0';
        *out[i] = length == 255 ? NULL : text[i];
    }
    device_start(&m, &port, &settings);
}

static void give_packet(struct input *in, uint8_t how)
{
    static const uint8_t protocols[] = {6, 17, 1, 58, 132};
    const enum asc_direction direction = (how & 1) != 0 ? ASC_OUT : ASC_IN;
    const uint32_t near = next_byte(in) % (ASC_LOCALS + 2);
    const uint32_t far = next_word(in);
    struct device_packet packet = {
        .version = (how & 2) != 0 ? 6 : 4,
        .source = direction == ASC_OUT ? near : far,
        .destination = direction == ASC_OUT ? far : near,
    };
    uint32_t before;
    uint32_t bytes;

    packet.protocol = protocols[next_byte(in) % sizeof protocols];
    packet.source_port = next_word(in);
    packet.destination_port = next_word(in);
    packet.data_bytes = next_word(in) % 2048;
    before = asc_module_counters(&m).packets_counted;
    bytes = device_give_packet(&m, direction, &packet);
    if (asc_module_counters(&m).packets_counted != before) {
        counted[direction] += bytes;
    }
}

/* Fills a table with flows of consecutive ports. */
static void give_many(struct input *in, uint8_t how)
{
    const unsigned count = next_byte(in);
    uint8_t given[10] = {0};

    for (unsigned i = 0; i < 4; i++) {
        given[i] = next_byte(in);
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[sizeof given];
        struct input one = {bytes, bytes + sizeof bytes};

        memcpy(bytes, given, sizeof bytes);
        bytes[5] = (uint8_t)i; /* the low byte of each port */
        bytes[7] = (uint8_t)i;
        give_packet(&one, how);
    }
}

static void add(uint64_t *to, const uint64_t *from)
{
    to[ASC_IN] += from[ASC_IN];
    to[ASC_OUT] += from[ASC_OUT];
}

static void check_sent(const struct device_sent *sent, uint64_t *bytes)
{
    const char *wrong = check_message(sent->bytes, sent->length, &message);

    require(wrong == NULL, wrong);
    require(strcmp(message.id, m.settings.security_module_id) == 0, "the id is another");
    require(message.version == ASC_VERSION, "the version is another");
    require(message.timezone == m.settings.timezone_hours, "the time zone is another");
    require(message.events > 0, "a message has no event");
    bytes[ASC_IN] = 0;
    bytes[ASC_OUT] = 0;
    for (unsigned i = 0; i < message.flows; i++) {
        bytes[ASC_IN] += message.flow[i].bytes_in;
        bytes[ASC_OUT] += message.flow[i].bytes_out;
    }
}

/* Lets time pass and looks at every attempt to send. */
static void pass(uint32_t ms)
{
    port.sent = 0;
    device_pass(&m, &port, ms);
    if (asc_module_state(&m) == ASC_STATE_SUSPENDED) {
        memset(counted, 0, sizeof counted); /* what was collected is given up */
        memset(delivered, 0, sizeof delivered);
    }
    require(port.sent <= DEVICE_SENT_MAX, "more messages than the tables can fill");
    for (unsigned i = 0; i < port.sent; i++) {
        uint64_t bytes[2];

        check_sent(&port.message[i], bytes);
        if (port.answer == ASC_SEND_DONE) {
            add(delivered, bytes);
        } else if (port.answer == ASC_SEND_PENDING) {
            memcpy(under_way, bytes, sizeof bytes);
        }
    }
}

static void answered(bool success)
{
    asc_module_sent(&m, success);
    if (success) {
        add(delivered, under_way);
    }
    memset(under_way, 0, sizeof under_way);
}

static void reconnected(bool connected)
{
    asc_module_connected(&m, connected);
    if (!connected) {
        memset(under_way, 0, sizeof under_way);
    }
}

static void act(struct input *in)
{
    const uint8_t action = next_byte(in);

    switch (action >> 4) {
    case 0:
        port.answer = (enum asc_send_result)(action % 3);
        break;
    case 1:
        answered((action & 1) != 0);
        break;
    case 2:
        reconnected((action & 1) != 0);
        break;
    case 3:
    case 4:
        pass(next_word(in) * 10u);
        break;
    case 5:
    case 6:
    case 7:
        give_many(in, action);
        break;
    default:
        give_packet(in, action);
    }
}

/* Delivers what is held, until two collections of the longest interval have passed. */
static void finish(void)
{
    answered(true);
    port.answer = ASC_SEND_DONE;
    reconnected(true);
    for (unsigned i = 0; i < 4; i++) {
        pass(3600u * 1000u);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct input in = {data, data + length};

    start(&in);
    for (unsigned i = 0; i < ACTIONS_MAX && in.at < in.end; i++) {
        act(&in);
    }
    finish();
    require(counted[ASC_IN] == delivered[ASC_IN] && counted[ASC_OUT] == delivered[ASC_OUT],
        "the delivered messages do not hold what was counted");
    return 0;
}
