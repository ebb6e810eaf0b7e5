/* SPDX-License-Identifier: MIT */
/* The flows and the port of the device's figures. */

#include "bench/device/workload.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_flow_table.h"

#define IP_ICMP   1
#define IP_TCP    6
#define IP_UDP    17
#define IP_ICMPV6 58

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
    case WORKLOAD_PAYLOAD:
    case WORKLOAD_UDP:
        e.protocol = IP_UDP;
        /* fall through */
    case WORKLOAD_SYN:
    case WORKLOAD_OPTIONS:
    case WORKLOAD_MIXED:
        e.host += flow << 8 | (flow * 7 & 255u);
        e.local_port = (uint16_t)flow;
        break;
    case WORKLOAD_ICMP:
        e.protocol = IP_ICMP;
        e.local_port = 0;
        e.remote_port = 0;
        /* fall through */
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

/* Writes the headers behind the addresses; `next` is where the header before them says what they are. */
static void put_transport(
    uint8_t *out, uint8_t *next, const struct endpoints *e, enum asc_direction direction, bool ipv6)
{
    *next = ipv6 && e->protocol == IP_ICMP ? IP_ICMPV6 : e->protocol;
    if (e->protocol == IP_ICMP) {
        out[0] = ipv6 ? 128 : 8; /* echo request */
        return;
    }
    put16(out + (direction == ASC_OUT ? 0 : 2), e->local_port);
    put16(out + (direction == ASC_OUT ? 2 : 0), e->remote_port);
    if (e->protocol == IP_TCP) {
        out[12] = 5 << 4;
    } else {
        put16(out + 4, 40);
    }
}

void workload_packet(struct workload_packet *out, enum workload_set set, bool ipv6,
    enum asc_direction direction, unsigned flow)
{
    const struct endpoints e = endpoints_of(set, flow);
    const size_t address = ipv6 ? 16 : 4;
    const uint32_t options = set != WORKLOAD_OPTIONS ? 0 : ipv6 ? 8 : 4;
    uint8_t *addresses = out->bytes + (ipv6 ? 8 : 12);
    uint8_t *local = direction == ASC_OUT ? addresses : addresses + address;
    uint8_t *remote = direction == ASC_OUT ? addresses + address : addresses;
    uint8_t *next = out->bytes + (ipv6 ? 6 : 9);
    uint8_t *behind = addresses + 2 * address;

    memset(out->bytes, 0, sizeof out->bytes);
    out->segment.data = out->bytes;
    out->segment.length = (ipv6 ? 80 : 60) + options;
    out->segment.next = NULL;
    out->direction = direction;
    out->bytes[0] = (uint8_t)(ipv6 ? 0x60 : 0x45 + options / 4);
    put16(out->bytes + (ipv6 ? 4 : 2), ipv6 ? 40 + options : out->segment.length);
    local[0] = ipv6 ? 0x20 : 10;
    local[address - 1] = e.local;
    put32(remote + address - 4, e.host);
    remote[0] = 0x20;
    if (options != 0 && ipv6) {
        *next = 0; /* hop-by-hop options: a PadN */
        next = behind;
        behind[2] = 1;
        behind[3] = 4;
    } else if (options != 0) {
        memset(behind, 1, options); /* no operation */
    }
    put_transport(behind + options, next, &e, direction, ipv6);
    if (set == WORKLOAD_SYN) {
        behind[13] = 2;
    } else if (set == WORKLOAD_PAYLOAD) {
        memset(behind + 8, 0xff, 12);
    }
}

void workload_fill(struct asc_module *m, enum workload_set set, bool ipv6, unsigned flows)
{
    struct workload_packet packet = {.direction = ASC_OUT};

    for (unsigned flow = 0; flow < flows; flow++) {
        workload_packet(&packet, set, ipv6, ASC_OUT, flow);
        asc_module_packet(m, ASC_OUT, ASC_UNICAST, &packet.segment);
    }
}

unsigned workload_fill_chain(struct asc_module *m, bool ipv6)
{
    const unsigned words = ipv6 ? 4 : 1;
    struct workload_packet packet = {.direction = ASC_OUT};
    unsigned deepest = 0;
    unsigned bucket = 0;

    for (unsigned flow = 0, found = 0; found < WORKLOAD_CHAIN; flow++) {
        const uint8_t *addresses = packet.bytes + (ipv6 ? 8 : 12);
        unsigned its;

        workload_packet(&packet, WORKLOAD_MIXED, ipv6, ASC_OUT, flow);
        its = asc_flow_bucket(
            asc_flow_hash_of(
                asc_flow_sum(&m->network, asc_remote_address(addresses, words, ASC_OUT),
                    asc_turn_ports(asc_raw32(addresses + (size_t)words * 8), ASC_OUT), words),
                ASC_PROTOCOL_TCP),
            ipv6 ? ASC_FLOWS6 : ASC_FLOWS4);
        if (found == 0) {
            deepest = flow;
            bucket = its;
        }
        if (its == bucket) {
            asc_module_packet(m, ASC_OUT, ASC_UNICAST, &packet.segment);
            found++;
        }
    }
    return deepest;
}
