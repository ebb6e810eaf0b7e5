/* SPDX-License-Identifier: MIT */
/* The flows and the port of the device's figures. */

#include "bench/device/workload.h"

#include <string.h>

#define IP_TCP 6
#define IP_UDP 17

static uint32_t now_ms;
static const uint8_t *last_message;
static uint32_t last_message_bytes;
static uint64_t seed = 88172645463325252u;

/* --- The port ----------------------------------------------------------------------------------- */

static uint32_t port_time(void *context)
{
    (void)context;
    return 1700000000;
}

static uint32_t port_uptime(void *context)
{
    (void)context;
    return now_ms;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i += sizeof seed) {
        const size_t left = length - i;

        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(out + i, &seed, left < sizeof seed ? left : sizeof seed);
    }
    return true;
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    last_message = message;
    last_message_bytes = length;
    return ASC_SEND_DONE;
}

static const struct asc_port port = {
    .time_utc_s = port_time,
    .uptime_ms = port_uptime,
    .random = port_random,
    .send = port_send,
};

bool workload_start(struct asc_module *m)
{
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "bench-device";
    if (asc_module_init(m, &port, NULL, &settings) != ASC_OK || asc_module_enable(m) != ASC_OK) {
        return false;
    }
    asc_module_connected(m, true);
    workload_pass_interval();
    (void)asc_module_step(m);
    return true;
}

void workload_pass_interval(void)
{
    now_ms += 60000;
}

const uint8_t *workload_message(uint32_t *length)
{
    *length = last_message_bytes;
    return last_message;
}

/* --- The flows ---------------------------------------------------------------------------------- */

struct endpoints {
    uint32_t host; /* last four bytes of the remote address */
    uint16_t remote_port;
    uint16_t local_port;
    uint8_t local; /* last byte of the local address */
    uint8_t protocol;
};

const char *workload_set_name(enum workload_set set)
{
#define WORKLOAD_TEXT(name, text) text,
    static const char *const names[] = {WORKLOAD_SETS(WORKLOAD_TEXT)};

    return (unsigned)set < WORKLOAD_SET_COUNT ? names[set] : "unknown";
}

static struct endpoints endpoints_of(enum workload_set set, unsigned flow)
{
    struct endpoints e = {0x20000000, 443, 50000, 1, IP_TCP};

    switch (set) {
    case WORKLOAD_UDP:
        e.protocol = IP_UDP;
        /* fall through */
    case WORKLOAD_MIXED:
        e.host += flow << 8 | (flow * 7 & 255u);
        e.local_port = (uint16_t)flow;
        break;
    case WORKLOAD_HOSTS:
        e.host += flow;
        break;
    case WORKLOAD_STEPS:
        e.host += flow * 64;
        break;
    case WORKLOAD_PORTS:
        e.remote_port = (uint16_t)(1024 + flow);
        break;
    case WORKLOAD_FOLDED:
        e.host ^= flow;
        e.remote_port = (uint16_t)(e.remote_port ^ flow);
        break;
    default:
        e.host += flow / 8;
        e.local = (uint8_t)(1 + flow / 2 % 4);
        e.protocol = flow % 2 == 0 ? IP_TCP : IP_UDP;
        break;
    }
    return e;
}

static void put16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void put32(uint8_t *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out + 2, value);
}

void workload_packet(struct workload_packet *out, enum workload_set set, bool ipv6,
    enum asc_direction direction, unsigned flow)
{
    const struct endpoints e = endpoints_of(set, flow);
    const size_t address = ipv6 ? 16 : 4;
    uint8_t *addresses = out->bytes + (ipv6 ? 8 : 12);
    uint8_t *local = direction == ASC_OUT ? addresses : addresses + address;
    uint8_t *remote = direction == ASC_OUT ? addresses + address : addresses;
    uint8_t *transport = addresses + 2 * address;
    const uint32_t bytes = ipv6 ? 80 : 60;

    memset(out->bytes, 0, sizeof out->bytes);
    out->bytes[0] = ipv6 ? 0x60 : 0x45;
    put16(out->bytes + (ipv6 ? 4 : 2), ipv6 ? 40 : 60);
    out->bytes[ipv6 ? 6 : 9] = e.protocol;
    local[0] = ipv6 ? 0x20 : 10;
    local[address - 1] = e.local;
    put32(remote + address - 4, e.host);
    remote[0] = 0x20;
    put16(transport + (direction == ASC_OUT ? 0 : 2), e.local_port);
    put16(transport + (direction == ASC_OUT ? 2 : 0), e.remote_port);
    if (e.protocol == IP_TCP) {
        transport[12] = 5 << 4;
    } else {
        put16(transport + 4, 40);
    }
    out->segment.data = out->bytes;
    out->segment.length = bytes;
    out->segment.next = NULL;
    out->direction = direction;
}

void workload_fill(struct asc_module *m, enum workload_set set, bool ipv6, unsigned flows)
{
    struct workload_packet packet = {.direction = ASC_OUT};

    for (unsigned flow = 0; flow < flows; flow++) {
        workload_packet(&packet, set, ipv6, ASC_OUT, flow);
        asc_module_packet(m, ASC_OUT, ASC_UNICAST, &packet.segment);
    }
}
