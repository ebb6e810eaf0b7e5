/* SPDX-License-Identifier: MIT */
/* Any bytes as packets: the hook counts each once, as the parser says, and a chain like one buffer. */

#include <stdlib.h>
#include <string.h>

#include "azure_iot_security_module/src/asc_flow_table.h"
#include "azure_iot_security_module/src/asc_packet.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"

#define SEGMENTS_MAX 32
#define PACKETS_MAX  512

static struct device_port whole_port;
static struct device_port split_port;
static struct asc_module whole;
static struct asc_module split;

static void start(struct asc_module *m, struct device_port *port)
{
    const struct asc_settings settings = device_settings();

    memset(port, 0, sizeof *port);
    port->answer = ASC_SEND_DONE;
    device_start(m, port, &settings); /* both ports have one seed: both modules have one key */
}

/* An allocation of exactly `length` bytes, so that AddressSanitizer sees a read past them. */
static uint8_t *copy_of(const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);

    require(copy != NULL, "out of memory");
    memcpy(copy, data, length);
    return copy;
}

/* One packet of the input. */
struct piece {
    enum asc_direction direction;
    enum asc_cast cast;
    const uint8_t *cuts; /* lengths of all segments but the last */
    size_t cut_count;
    const uint8_t *data;
    size_t length;
};

/* Flags and number of cuts in a byte each, the cuts, the length in two bytes, the packet. Returns what
 * follows, or NULL if the input ends before a packet begins. */
static const uint8_t *read_piece(const uint8_t *at, const uint8_t *end, struct piece *piece)
{
    if (end - at < 2) {
        return NULL;
    }
    piece->direction = (at[0] & 1) != 0 ? ASC_OUT : ASC_IN;
    piece->cast = (at[0] & 14) != 14 ? ASC_UNICAST
        : (at[0] & 16) != 0          ? ASC_BROADCAST
                                     : ASC_MULTICAST;
    piece->cut_count = at[1] % SEGMENTS_MAX;
    piece->cuts = at + 2;
    at += 2;
    if ((size_t)(end - at) < piece->cut_count + 2) {
        return NULL;
    }
    at += piece->cut_count;
    piece->length = (size_t)at[0] << 8 | at[1];
    at += 2;
    if (piece->length > (size_t)(end - at)) {
        piece->length = (size_t)(end - at);
    }
    piece->data = at;
    return at + piece->length;
}

static void give_chain(const struct piece *piece)
{
    struct asc_segment segment[SEGMENTS_MAX];
    uint8_t *copy[SEGMENTS_MAX];
    const uint8_t *at = piece->data;
    size_t left = piece->length;
    size_t count = 0;

    for (; count <= piece->cut_count; count++) {
        const size_t wanted = count < piece->cut_count ? piece->cuts[count] : left;
        const size_t part = wanted < left ? wanted : left;

        copy[count] = copy_of(at, part);
        segment[count] = (struct asc_segment){copy[count], (uint32_t)part, NULL};
        if (count > 0) {
            segment[count - 1].next = &segment[count];
        }
        at += part;
        left -= part;
    }
    asc_module_packet(&split, piece->direction, piece->cast, segment);
    while (count > 0) {
        free(copy[--count]);
    }
}

/* Parses as the hook does; what the parser says about the packet must hold. */
static enum asc_verdict parse(const uint8_t *data, size_t length)
{
    const uint32_t readable = (uint32_t)(length < ASC_HEADER_BYTES ? length : ASC_HEADER_BYTES);
    uint8_t *headers = copy_of(data, readable);
    struct asc_packet packet;
    const enum asc_verdict verdict = asc_packet_parse(headers, readable, (uint32_t)length, &packet);

    if (verdict != ASC_PACKET_MALFORMED) {
        require(packet.header == headers, "the header is not the first byte");
        require(packet.ipv6 == (data[0] >> 4 == 6), "the family is not that of the version");
        require(packet.bytes + (packet.ipv6 ? 40u : 20u) <= length, "the payload is not all there");
    }
    if (verdict == ASC_PACKET_FLOW) {
        require(packet.protocol <= ASC_PROTOCOL_ICMP, "the protocol is unknown");
    }
    free(headers);
    return verdict;
}

/* `before` and `after` differ by one unicast packet of this verdict. */
static void check_verdict(
    enum asc_verdict verdict, const struct asc_counters *before, const struct asc_counters *after)
{
    const uint32_t malformed = after->packets_malformed - before->packets_malformed;
    const uint32_t ignored = after->packets_ignored - before->packets_ignored;
    const uint32_t overflowed = after->packets_overflowed - before->packets_overflowed;

    require(malformed == (verdict == ASC_PACKET_MALFORMED), "malformed: hook and parser differ");
    require(ignored == (verdict == ASC_PACKET_IGNORED), "ignored: hook and parser differ");
    require(verdict != ASC_PACKET_UNKNOWN || overflowed == 1, "unknown ports are not an overflow");
}

static void give(const struct piece *piece)
{
    const struct asc_counters before = asc_module_counters(&whole);
    uint8_t *copy = copy_of(piece->data, piece->length);
    const struct asc_segment segment = {copy, (uint32_t)piece->length, NULL};
    struct asc_counters after;

    asc_module_packet(&whole, piece->direction, piece->cast, &segment);
    free(copy);
    give_chain(piece);
    after = asc_module_counters(&whole);
    require(asc_counters_packets_seen(&after) == asc_counters_packets_seen(&before) + 1,
        "a packet is not counted exactly once");
    if (piece->cast == ASC_UNICAST) {
        check_verdict(parse(piece->data, piece->length), &before, &after);
    }
}

static void check_table(const struct asc_flow_table *a, const struct asc_flow_table *b)
{
    const size_t count = *a->count;

    require(count == *b->count, "the chains give another number of flows");
    require(memcmp(a->ports, b->ports, count * sizeof *a->ports) == 0 &&
            memcmp(a->kind, b->kind, count * sizeof *a->kind) == 0 &&
            memcmp(a->bytes, b->bytes, count * sizeof *a->bytes) == 0 &&
            memcmp(a->packets, b->packets, count * sizeof *a->packets) == 0,
        "a flow of the chains differs");
    require(memcmp(a->remote, b->remote, count * a->words * sizeof *a->remote) == 0,
        "a remote address of the chains differs");
}

static void check_tables(void)
{
    const struct asc_flow_table whole4 = asc_flow_table4(&whole.network);
    const struct asc_flow_table whole6 = asc_flow_table6(&whole.network);
    const struct asc_flow_table split4 = asc_flow_table4(&split.network);
    const struct asc_flow_table split6 = asc_flow_table6(&split.network);

    check_table(&whole4, &split4);
    check_table(&whole6, &split6);
}

/* Byte by byte, padding and all: both began as zeros. */
static void check_network(void)
{
    require(memcmp(&whole.network, &split.network, sizeof whole.network) == 0,
        "the chains leave another state");
    require(whole.packets_taken == split.packets_taken, "the chains' flows count differently");
}

static void check_counters(uint32_t packets)
{
    const struct asc_counters a = asc_module_counters(&whole);
    const struct asc_counters b = asc_module_counters(&split);

    require(asc_counters_packets_seen(&a) == packets, "the counters are not the packets given");
    require(asc_counters_packets_seen(&b) == packets, "the chains' counters are not those given");
    require(a.packets_counted == b.packets_counted && a.packets_ignored == b.packets_ignored &&
            a.packets_malformed == b.packets_malformed &&
            a.packets_overflowed == b.packets_overflowed &&
            a.bytes_overflowed[ASC_IN] == b.bytes_overflowed[ASC_IN] &&
            a.bytes_overflowed[ASC_OUT] == b.bytes_overflowed[ASC_OUT],
        "the chains are counted differently");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const uint8_t *at = data;
    const uint8_t *end = data + length;
    struct piece piece;
    uint32_t packets = 0;

    start(&whole, &whole_port);
    start(&split, &split_port);
    while (packets < PACKETS_MAX && (at = read_piece(at, end, &piece)) != NULL) {
        give(&piece);
        packets++;
    }
    check_counters(packets);
    check_tables();
    check_network();
    return 0;
}
