/* SPDX-License-Identifier: MIT */
/* Messages for the tests and benchmarks of the center; a caller's fault ends the program. */

#include "tests/center/message.h"

#include <arpa/inet.h>

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void put_u16(struct vd_buf *out, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

    vd_buf_append(out, bytes, sizeof bytes);
}

static void put_u32(struct vd_buf *out, uint32_t value)
{
    put_u16(out, (uint16_t)value);
    put_u16(out, (uint16_t)(value >> 16));
}

static void align4(struct vd_buf *out)
{
    while (out->length % 4 != 0) {
        vd_buf_append(out, "", 1);
    }
}

/* Makes the offset at `place` point here. */
static void point(struct vd_buf *out, size_t place)
{
    uint32_t offset = (uint32_t)(out->length - place);

    for (size_t i = 0; i < 4; i++) {
        out->data[place + i] = (uint8_t)(offset >> (8 * i));
    }
}

/* A vtable with the given field offsets, then the table's own offset to it; the table's fields follow. */
static void begin_table(
    struct vd_buf *out, size_t place, const uint16_t *fields, size_t count, uint16_t table_bytes)
{
    size_t vtable;

    align4(out);
    vtable = out->length;
    put_u16(out, (uint16_t)(4 + 2 * count));
    put_u16(out, table_bytes);
    for (size_t i = 0; i < count; i++) {
        put_u16(out, fields[i]);
    }
    align4(out);
    point(out, place);
    put_u32(out, (uint32_t)(out->length - vtable));
}

static void put_flow(struct vd_buf *out, size_t place, const struct test_flow *flow, bool ipv6)
{
    static const uint16_t flow_fields4[] = {4, 12};
    static const uint16_t flow_fields6[] = {4, 36};
    static const uint16_t common_fields[] = {4, 6, 8, 12, 16};
    uint8_t addresses[32];
    size_t common;
    int family = ipv6 ? AF_INET6 : AF_INET;
    size_t half = ipv6 ? 16 : 4;

    must(inet_pton(family, flow->local, addresses) == 1);
    must(inet_pton(family, flow->remote, addresses + half) == 1);
    begin_table(out, place, ipv6 ? flow_fields6 : flow_fields4, 2, (uint16_t)(8 + 2 * half));
    vd_buf_append(out, addresses, 2 * half);
    common = out->length;
    put_u32(out, 0);
    begin_table(out, common, common_fields, 5, 17);
    put_u16(out, flow->local_port);
    put_u16(out, flow->remote_port);
    put_u32(out, flow->bytes_in);
    put_u32(out, flow->bytes_out);
    vd_buf_append(out, &flow->protocol, 1);
    align4(out);
}

static void put_flows(struct vd_buf *out, size_t place, const struct test_event *event, bool ipv6)
{
    size_t first;
    uint32_t count = 0;

    for (size_t i = 0; i < event->flow_count; i++) {
        count += (strchr(event->flows[i].remote, ':') != NULL) == ipv6 ? 1 : 0;
    }
    point(out, place);
    put_u32(out, count);
    first = out->length;
    for (uint32_t i = 0; i < count; i++) {
        put_u32(out, 0);
    }
    for (size_t i = 0, n = 0; i < event->flow_count; i++) {
        if ((strchr(event->flows[i].remote, ':') != NULL) == ipv6) {
            put_flow(out, first + 4 * n++, &event->flows[i], ipv6);
        }
    }
}

static void put_event(struct vd_buf *out, size_t place, const struct test_event *event)
{
    static const uint16_t fields[] = {4, 20, 24, 28, 32};
    static const uint16_t network_fields[] = {4, 8};
    size_t payload;

    begin_table(out, place, fields, 5, 36);
    vd_buf_append(out, event->id.bytes, 16);
    put_u32(out, event->time_s);
    put_u32(out, event->interval_s);
    put_u32(out, event->payload_type);
    payload = out->length;
    put_u32(out, 0);
    if (event->payload_type == 1) {
        size_t flows;

        begin_table(out, payload, network_fields, 2, 12);
        flows = out->length;
        put_u32(out, 0);
        put_u32(out, 0);
        put_flows(out, flows, event, false);
        put_flows(out, flows + 4, event, true);
    } else {
        begin_table(out, payload, NULL, 0, 4);
    }
}

void test_message_write(struct vd_buf *out, const struct test_event *events, size_t count)
{
    static const char module[] = "test-module";
    static const uint16_t fields[] = {4, 8, 16, 12};
    struct vd_buf message = {0};
    size_t table;
    size_t first;

    put_u32(&message, 0);
    begin_table(&message, 0, fields, 4, 17);
    table = message.length;
    put_u32(&message, 0);
    put_u32(&message, 3u << 24 | 5u << 16 | 4u);
    put_u32(&message, 0);
    vd_buf_append(&message, "\x02", 1);
    align4(&message);
    point(&message, table);
    put_u32(&message, sizeof module - 1);
    vd_buf_append(&message, module, sizeof module);
    align4(&message);
    point(&message, table + 8);
    put_u32(&message, (uint32_t)count);
    first = message.length;
    for (size_t i = 0; i < count; i++) {
        put_u32(&message, 0);
    }
    for (size_t i = 0; i < count; i++) {
        put_event(&message, first + 4 * i, &events[i]);
    }
    must(message.error == VD_OK);
    vd_buf_append(out, message.data, message.length);
    vd_buf_release(&message);
}

struct vd_uuid test_uuid(uint64_t number)
{
    struct vd_uuid id = {{0}};

    for (size_t i = 0; i < 8; i++) {
        id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    }
    return id;
}
