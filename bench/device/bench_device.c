/* SPDX-License-Identifier: MIT */
/* The device's measured paths, one a run: each under a function that callgrind's --toggle-collect names. */

#include <stdio.h>
#include <string.h>

#include "azure_iot_security_module/inc/security_module.h"

/* Tables, or messages, of one run: what a packet costs depends a little on the random keys. */
#define TABLES 50u

static struct asc_module m;
static uint32_t now_ms;
static uint64_t seed = 88172645463325252u;

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
    (void)message;
    (void)length;
    return ASC_SEND_DONE;
}

static const struct asc_port port = {
    port_time, port_uptime, port_random, NULL, NULL, port_send, NULL};

void measured_packet(struct asc_module *module, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet);
void measured_message(void);

/* What is measured, and nothing else: not inlined, so that it has a name. */
__attribute__((noinline)) void measured_packet(struct asc_module *module,
    enum asc_direction direction, enum asc_cast cast, const struct asc_segment *packet)
{
    asc_module_packet(module, direction, cast, packet);
}

__attribute__((noinline)) void measured_message(void)
{
    (void)asc_module_step(&m);
}

static int start(void)
{
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "bench-device";
    if (asc_module_init(&m, &port, NULL, &settings) != ASC_OK || asc_module_enable(&m) != ASC_OK) {
        return 1;
    }
    asc_module_connected(&m, true);
    now_ms += 10000;
    (void)asc_module_step(&m);
    return 0;
}

/* A TCP packet of 60 bytes to flow `flow`. */
static void make_packet(
    uint8_t *out, bool ipv6, bool in, unsigned flow, struct asc_segment *segment)
{
    const size_t header = ipv6 ? 40 : 20;
    const size_t address = ipv6 ? 16 : 4;
    uint8_t *source = out + (ipv6 ? 8 : 12);
    uint8_t *local = in ? source + address : source;
    uint8_t *remote = in ? source : source + address;
    uint8_t *tcp = out + header;

    memset(out, 0, header + 40);
    out[0] = ipv6 ? 0x60 : 0x45;
    out[ipv6 ? 5 : 3] = (uint8_t)(ipv6 ? 40 : 60);
    out[ipv6 ? 6 : 9] = 6;
    local[0] = ipv6 ? 0x20 : 10;
    remote[0] = 0x20;
    remote[address - 1] = (uint8_t)(flow * 7);
    remote[address - 2] = (uint8_t)flow;
    tcp[in ? 3 : 1] = (uint8_t)flow;
    tcp[in ? 1 : 3] = 187;
    tcp[12] = 5 << 4;
    *segment = (struct asc_segment){out, (uint32_t)(header + 40), NULL};
}

static void give(bool ipv6, bool in, unsigned flow)
{
    uint8_t packet[80];
    struct asc_segment segment;

    make_packet(packet, ipv6, in, flow, &segment);
    measured_packet(&m, in ? ASC_IN : ASC_OUT, ASC_UNICAST, &segment);
}

static void give_unmeasured(bool ipv6, unsigned flow)
{
    uint8_t packet[80];
    struct asc_segment segment;

    make_packet(packet, ipv6, false, flow, &segment);
    asc_module_packet(&m, ASC_OUT, ASC_UNICAST, &segment);
}

/* Packets of a table that holds 64 flows, in table after table with other keys. */
static unsigned known(bool ipv6, bool in)
{
    for (unsigned i = 0; i < TABLES; i++) {
        if (start() != 0) {
            return 0;
        }
        for (unsigned flow = 0; flow < 64; flow++) {
            give_unmeasured(ipv6, flow);
        }
        for (unsigned flow = 0; flow < 64; flow++) {
            give(ipv6, in, flow);
        }
    }
    return TABLES * 64;
}

/* First packets of 64 flows. */
static unsigned new_flows(bool ipv6)
{
    for (unsigned i = 0; i < TABLES; i++) {
        if (start() != 0) {
            return 0;
        }
        for (unsigned flow = 0; flow < 64; flow++) {
            give(ipv6, false, flow);
        }
    }
    return TABLES * 64;
}

/* Messages with `flows` flows of IPv4, collected and encoded. */
static unsigned messages(unsigned flows)
{
    for (unsigned i = 0; i < TABLES; i++) {
        for (unsigned flow = 0; flow < flows; flow++) {
            give_unmeasured(false, flow);
        }
        now_ms += 10000;
        measured_message();
    }
    return TABLES;
}

static unsigned run(const char *what)
{
    if (strcmp(what, "known.ipv4.out") == 0) {
        return known(false, false);
    }
    if (strcmp(what, "known.ipv4.in") == 0) {
        return known(false, true);
    }
    if (strcmp(what, "known.ipv6.out") == 0) {
        return known(true, false);
    }
    if (strcmp(what, "known.ipv6.in") == 0) {
        return known(true, true);
    }
    if (strcmp(what, "new.ipv4") == 0) {
        return new_flows(false);
    }
    if (strcmp(what, "new.ipv6") == 0) {
        return new_flows(true);
    }
    if (strcmp(what, "encode.64.ipv4") == 0) {
        return messages(64);
    }
    if (strcmp(what, "encode.1.ipv4") == 0) {
        return messages(1);
    }
    return 0;
}

/* bench_device WHAT: prints how many packets or messages were measured. */
int main(int argc, char **argv)
{
    unsigned rounds = 0;
    struct asc_counters counters;

    if (argc == 2 && start() == 0) {
        rounds = run(argv[1]);
    }
    counters = asc_module_counters(&m);
    if (rounds == 0 || counters.packets_counted == 0 ||
        counters.packets_counted != asc_counters_packets_seen(&counters)) {
        fprintf(stderr, "usage: bench_device known.ipv4.out|known.ipv4.in|... (see run())\n");
        return 2;
    }
    printf("%u\n", rounds);
    return 0;
}
