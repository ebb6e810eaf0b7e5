/* SPDX-License-Identifier: MIT */
/* Reads a capture file of Ethernet frames and counts its IPv4 packets by flow. */

#include "tests/firmware/pcap.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/process.h"

/* https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-03.html; written in the machine's own byte order. */
#define PCAP_MAGIC   0xa1b2c3d4u
#define FILE_HEADER  24u
#define FRAME_HEADER 16u
#define ETHERNET     14u

static uint32_t word(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return value;
}

static uint16_t net16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

struct packet {
    const uint8_t *ip;
    size_t header;
    size_t total;
    enum pcap_direction direction;
};

/* False: no IPv4 packet of the device. */
static bool read_packet(
    const uint8_t *frame, size_t length, const uint8_t local[4], struct packet *packet)
{
    if (length < ETHERNET + 20 || net16(frame + 12) != 0x0800) {
        return false;
    }
    packet->ip = frame + ETHERNET;
    packet->header = (size_t)(packet->ip[0] & 15) * 4;
    packet->total = net16(packet->ip + 2);
    assert_int_equal(packet->ip[0] >> 4, 4);
    assert_true(packet->header >= 20 && packet->header <= packet->total);
    assert_true(packet->total <= length - ETHERNET);
    assert_int_equal(net16(packet->ip + 6) & 0x3fff, 0); /* not in fragments */
    if (memcmp(packet->ip + 12, local, 4) == 0) {
        packet->direction = PCAP_OUT;
        return true;
    }
    packet->direction = PCAP_IN;
    return memcmp(packet->ip + 16, local, 4) == 0;
}

static struct pcap_flow *flow_of(struct pcap_tally *tally, const struct packet *packet)
{
    struct pcap_flow wanted = {.protocol = packet->ip[9]};
    bool out = packet->direction == PCAP_OUT;
    inet_ntop(AF_INET, packet->ip + (out ? 16 : 12), wanted.remote, sizeof(wanted.remote));
    if (wanted.protocol != IPPROTO_ICMP) {
        uint16_t source = net16(packet->ip + packet->header);
        uint16_t destination = net16(packet->ip + packet->header + 2);
        wanted.local_port = out ? source : destination;
        wanted.remote_port = out ? destination : source;
    }
    for (size_t i = 0; i < tally->count; i++) {
        struct pcap_flow *flow = &tally->flow[i];
        if (strcmp(flow->remote, wanted.remote) == 0 && flow->protocol == wanted.protocol &&
            flow->local_port == wanted.local_port && flow->remote_port == wanted.remote_port) {
            return flow;
        }
    }
    assert_true(tally->count < PCAP_FLOWS_MAX);
    tally->flow[tally->count] = wanted;
    return &tally->flow[tally->count++];
}

static bool ends(const struct packet *packet, const char *payload)
{
    size_t at = packet->header + 8;
    return packet->ip[9] == IPPROTO_UDP && packet->total == at + strlen(payload) &&
        memcmp(packet->ip + at, payload, strlen(payload)) == 0;
}

void pcap_count(
    const char *path, const char *local, const char *const last[2], struct pcap_tally *tally)
{
    uint8_t address[4];
    bool ended[2] = {false, false};
    size_t length = 0;
    char *file = e2e_read_file(path, &length);
    const uint8_t *bytes = (const uint8_t *)file;
    assert_non_null(bytes);
    assert_true(length >= FILE_HEADER && word(bytes) == PCAP_MAGIC);
    assert_int_equal(inet_pton(AF_INET, local, address), 1);
    memset(tally, 0, sizeof(*tally));
    for (size_t at = FILE_HEADER; length - at >= FRAME_HEADER;) {
        size_t captured = word(bytes + at + 8);
        struct packet packet;
        assert_int_equal(captured, word(bytes + at + 12)); /* nothing cut off */
        at += FRAME_HEADER;
        if (captured > length - at) {
            break; /* being written */
        }
        if (read_packet(bytes + at, captured, address, &packet) && !ended[packet.direction]) {
            struct pcap_flow *flow = flow_of(tally, &packet);
            flow->packets[packet.direction]++;
            flow->bytes[packet.direction] += packet.total - packet.header;
            tally->packets++;
            ended[packet.direction] = ends(&packet, last[packet.direction]);
        }
        at += captured;
    }
    assert_true(ended[PCAP_IN] && ended[PCAP_OUT]);
    free(file);
}
