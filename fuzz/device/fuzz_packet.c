/* SPDX-License-Identifier: MIT */
/* Any bytes as a packet: in one segment and in a chain they must be counted alike, and stay readable. */

#include <stdlib.h>
#include <string.h>

#include "azure_iot_security_module/src/asc_packet.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"

#define SEGMENTS_MAX 64

static struct device_port whole_port;
static struct device_port split_port;
static struct asc_module whole;
static struct asc_module split;

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* Byte by byte, padding and all: both began as zeros. */
static int same_bytes(const void *a, const void *b, size_t length)
{
    return memcmp(a, b, length) == 0;
}

static void start(struct asc_module *m, struct device_port *port)
{
    const struct asc_settings settings = device_settings();

    memset(port, 0, sizeof *port);
    port->answer = ASC_SEND_DONE;
    device_start(m, port, &settings);
}

/* Gives the bytes as a chain; the lengths of its segments are in `cuts`. Each is an allocation of its
 * own, so that AddressSanitizer sees a step too far. */
static void give_chain(enum asc_direction direction, const uint8_t *data, size_t length,
    const uint8_t *cuts, size_t cut_count)
{
    struct asc_segment segments[SEGMENTS_MAX];
    uint8_t *copies[SEGMENTS_MAX];
    size_t count = 0;

    while (count == 0 || length > 0) {
        const size_t wanted = count < cut_count && count + 1 < SEGMENTS_MAX ? cuts[count] : length;
        const size_t part = wanted < length ? wanted : length;
        uint8_t *copy = malloc(part > 0 ? part : 1);

        require(copy != NULL);
        memcpy(copy, data, part);
        copies[count] = copy;
        segments[count] = (struct asc_segment){copy, (uint32_t)part, NULL};
        if (count > 0) {
            segments[count - 1].next = &segments[count];
        }
        data += part;
        length -= part;
        count++;
    }
    asc_module_packet(&split, direction, ASC_UNICAST, segments);
    for (size_t i = 0; i < count; i++) {
        free(copies[i]);
    }
}

/* One packet of the input: direction, number of cuts, the cuts, length in two bytes, the bytes. Returns
 * what follows. */
static const uint8_t *one_packet(const uint8_t *at, const uint8_t *end)
{
    const enum asc_direction direction = (at[0] & 1) != 0 ? ASC_OUT : ASC_IN;
    const uint8_t *cuts;
    size_t cut_count = at[1] % 8;
    size_t length;

    at += 2;
    cuts = at;
    cut_count = cut_count < (size_t)(end - at) ? cut_count : (size_t)(end - at);
    at += cut_count;
    if (end - at < 2) {
        return end;
    }
    length = (size_t)at[0] << 8 | at[1];
    at += 2;
    length = length < (size_t)(end - at) ? length : (size_t)(end - at);
    device_give(&whole, direction, at, length);
    give_chain(direction, at, length, cuts, cut_count);
    return at + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const uint8_t *at = data;
    const uint8_t *end = data + length;
    uint64_t packets = 0;
    struct asc_counters counters;

    start(&whole, &whole_port);
    start(&split, &split_port);
    while (end - at >= 2) {
        at = one_packet(at, end);
    }
    counters = asc_module_counters(&whole);
    packets = asc_counters_packets_seen(&counters);
    require(packets <= length);
    require(same_bytes(&whole.network, &split.network, sizeof whole.network));
    require(same_bytes(&whole.counters, &split.counters, sizeof whole.counters));
    require(whole.packets_counted == split.packets_counted);
    return 0;
}
