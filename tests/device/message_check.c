/* SPDX-License-Identifier: MIT */
/* The message checker: every offset, vtable, alignment, string and required field. */

#include "tests/device/message_check.h"

#include <string.h>

/* The bytes of a message, and the first thing that was wrong with them. */
struct check {
    const uint8_t *data;
    uint32_t length;
    const char *wrong;
};

static bool expect(struct check *c, bool condition, const char *what)
{
    if (!condition && c->wrong == NULL) {
        c->wrong = what;
    }
    return c->wrong == NULL;
}

static bool inside(struct check *c, uint32_t at, uint32_t bytes, const char *what)
{
    return expect(c, at <= c->length && bytes <= c->length - at, what);
}

/* Little-endian number of `bytes` bytes, at an aligned position. */
static uint32_t number(struct check *c, uint32_t at, uint32_t bytes)
{
    uint32_t value = 0;

    if (!inside(c, at, bytes, "a number lies outside") ||
        !expect(c, at % bytes == 0, "a number is not aligned")) {
        return 0;
    }
    for (uint32_t i = bytes; i-- > 0;) {
        value = value << 8 | c->data[at + i];
    }
    return value;
}

/* Follows the offset at `at`. */
static uint32_t follow(struct check *c, uint32_t at)
{
    const uint32_t offset = number(c, at, 4);

    expect(c, offset != 0, "an offset is zero");
    expect(c, offset <= c->length - at, "an offset leads outside");
    return c->wrong == NULL ? at + offset : 0;
}

struct table {
    uint32_t at;
    uint32_t vtable;
    uint32_t vtable_bytes;
    uint32_t bytes;
};

static struct table open_table(struct check *c, uint32_t at, unsigned known_fields)
{
    struct table t = {at, 0, 4, 4};
    const uint32_t back = number(c, at, 4);

    if (c->wrong != NULL) {
        return t;
    }
    t.vtable = at - back; /* a signed offset: wraps both ways */
    t.vtable_bytes = number(c, t.vtable, 2);
    t.bytes = number(c, t.vtable + 2, 2);
    if (c->wrong == NULL &&
        expect(c, t.vtable_bytes >= 4 && t.vtable_bytes % 2 == 0 && t.bytes >= 4,
            "a vtable's lengths are wrong")) {
        inside(c, t.vtable, t.vtable_bytes, "a vtable leads outside");
        inside(c, at, t.bytes, "a table leads outside");
        expect(c, t.vtable_bytes <= 4 + 2 * known_fields, "a table has an unknown field");
    }
    return t;
}

/* Returns the position of field `id`; 0 where absent. */
static uint32_t field(struct check *c, const struct table *t, unsigned id, uint32_t bytes)
{
    uint32_t offset;

    if (c->wrong != NULL || 4 + 2 * id >= t->vtable_bytes) {
        return 0;
    }
    offset = number(c, t->vtable + 4 + 2 * id, 2);
    if (offset == 0) {
        return 0;
    }
    expect(c, offset >= 4 && bytes <= t->bytes && offset <= t->bytes - bytes,
        "a field leads out of its table");
    return c->wrong == NULL ? t->at + offset : 0;
}

static uint32_t scalar(struct check *c, const struct table *t, unsigned id, uint32_t bytes)
{
    const uint32_t at = field(c, t, id, bytes);
    uint32_t value;

    if (at == 0) {
        return 0;
    }
    value = number(c, at, bytes);
    expect(c, value != 0, "a default is written out");
    return value;
}

/* A scalar that may be written although it is the default. */
static uint32_t plain(struct check *c, const struct table *t, unsigned id, uint32_t bytes)
{
    const uint32_t at = field(c, t, id, bytes);

    return at == 0 ? 0 : number(c, at, bytes);
}

static const char *string(struct check *c, const struct table *t, unsigned id)
{
    const uint32_t slot = field(c, t, id, 4);
    uint32_t at;
    uint32_t length;

    if (slot == 0) {
        return NULL;
    }
    at = follow(c, slot);
    length = number(c, at, 4);
    if (!expect(c, length < c->length, "a string is too long") ||
        !inside(c, at + 4, length + 1, "a string leads outside")) {
        return NULL;
    }
    expect(c, c->data[at + 4 + length] == 0, "a string does not end in NUL");
    return (const char *)c->data + at + 4;
}

/* Returns the position of a vector of offsets and its `*count`; 0 where absent. */
static uint32_t vector(struct check *c, const struct table *t, unsigned id, uint32_t *count)
{
    const uint32_t slot = field(c, t, id, 4);
    uint32_t at;

    *count = 0;
    if (slot == 0) {
        return 0;
    }
    at = follow(c, slot);
    *count = number(c, at, 4);
    if (!expect(c, *count <= c->length / 4, "a vector is too long") ||
        !inside(c, at + 4, *count * 4, "a vector leads outside")) {
        *count = 0;
    }
    return at;
}

static void read_common(struct check *c, uint32_t at, struct check_flow *flow)
{
    const struct table t = open_table(c, at, 12);

    flow->local_port = (uint16_t)plain(c, &t, 0, 2);
    flow->remote_port = (uint16_t)plain(c, &t, 1, 2);
    flow->bytes_in = plain(c, &t, 2, 4);
    flow->bytes_out = plain(c, &t, 3, 4);
    flow->packets_in = scalar(c, &t, 9, 4);
    flow->packets_out = scalar(c, &t, 10, 4);
    flow->opened_by = (uint8_t)scalar(c, &t, 11, 1);
    expect(c, flow->opened_by <= 2, "an opener is unknown");
    expect(c, flow->packets_in + flow->packets_out > 0, "a flow has no packets");
    expect(c, flow->bytes_in == 0 || flow->packets_in > 0, "bytes came in without a packet");
    expect(c, flow->bytes_out == 0 || flow->packets_out > 0, "bytes went out without a packet");
    flow->protocol = (uint8_t)scalar(c, &t, 4, 1);
    expect(c, flow->protocol <= 2, "a protocol is unknown");
}

static void read_flow(struct check *c, uint32_t at, bool ipv6, struct check_message *out)
{
    const uint32_t bytes = ipv6 ? 16 : 4;
    const struct table t = open_table(c, at, 2);
    const uint32_t addresses = field(c, &t, 0, 2 * bytes);
    const uint32_t common = field(c, &t, 1, 4);
    struct check_flow *flow = &out->flow[out->flows];

    if (!expect(c, addresses != 0 && common != 0, "a flow lacks a required field") ||
        !expect(c, addresses % 4 == 0, "addresses are not aligned") ||
        !expect(c, out->flows < CHECK_FLOWS_MAX, "there are more flows than the checker takes")) {
        return;
    }
    memset(flow, 0, sizeof *flow);
    memcpy(flow->local, c->data + addresses, bytes);
    memcpy(flow->remote, c->data + addresses + bytes, bytes);
    flow->ipv6 = ipv6;
    read_common(c, follow(c, common), flow);
    out->flows++;
}

static void read_network(
    struct check *c, uint32_t at, struct check_event *event, struct check_message *out)
{
    const struct table t = open_table(c, at, 6);

    for (unsigned i = 0; i < 4; i++) {
        event->overflow[i] = plain(c, &t, 2 + i, 4);
    }
    for (unsigned family = 0; family < 2; family++) {
        uint32_t count;
        const uint32_t flows = vector(c, &t, family, &count);

        expect(c, flows == 0 || count > 0 || out->ledger[CHECK_PACKETS_WITHHELD] > 0,
            "a vector of flows is empty");
        for (uint32_t i = 0; i < count && c->wrong == NULL; i++) {
            read_flow(c, follow(c, flows + 4 + 4 * i), family == 1, out);
        }
    }
}

static void read_information(struct check *c, uint32_t at, struct check_event *event)
{
    const struct table t = open_table(c, at, 3);

    for (unsigned i = 0; i < 3; i++) {
        event->information[i] = string(c, &t, i);
    }
}

static void read_event(struct check *c, uint32_t at, struct check_message *out)
{
    const struct table t = open_table(c, at, 5);
    const uint32_t id = field(c, &t, 0, 16);
    const uint32_t payload = field(c, &t, 4, 4);
    struct check_event *event = &out->event[out->events];

    if (!expect(c, id != 0 && payload != 0, "an event lacks a required field") ||
        !expect(c, out->events < CHECK_EVENTS_MAX, "there are too many events")) {
        return;
    }
    memset(event, 0, sizeof *event);
    memcpy(event->id, c->data + id, sizeof event->id);
    event->time = plain(c, &t, 1, 4);
    event->interval = plain(c, &t, 2, 4);
    event->payload = (uint8_t)scalar(c, &t, 3, 1);
    switch (event->payload) {
    case 1:
        read_network(c, follow(c, payload), event, out);
        break;
    case 2:
        read_information(c, follow(c, payload), event);
        break;
    case 4:
        (void)open_table(c, follow(c, payload), 0);
        break;
    default:
        expect(c, false, "a payload is of an unknown kind");
    }
    out->events++;
}

static void read_ledger(struct check *c, const struct table *t, struct check_message *out)
{
    const uint32_t at = field(c, t, 4, 4 * CHECK_LEDGER_WORDS);

    if (!expect(c, at != 0, "the message has no ledger")) {
        return;
    }
    for (uint32_t i = 0; i < CHECK_LEDGER_WORDS; i++) {
        out->ledger[i] = number(c, at + 4 * i, 4);
    }
    expect(c, out->ledger[CHECK_BOOT_ID] != 0, "the boot id is 0");
    expect(c, out->ledger[CHECK_SEQUENCE] != 0, "the sequence number is 0");
}

const char *check_message(const uint8_t *data, uint32_t length, struct check_message *out)
{
    struct check c = {data, length, NULL};
    struct table t;
    uint32_t events;
    uint32_t count;

    out->events = 0;
    out->flows = 0;
    t = open_table(&c, follow(&c, 0), 5);
    out->id = string(&c, &t, 0);
    out->version = scalar(&c, &t, 1, 4);
    out->timezone = (int8_t)scalar(&c, &t, 2, 1);
    read_ledger(&c, &t, out);
    events = vector(&c, &t, 3, &count);
    expect(&c, out->id != NULL && events != 0, "the message lacks a required field");
    for (uint32_t i = 0; i < count && c.wrong == NULL; i++) {
        read_event(&c, follow(&c, events + 4 + 4 * i), out);
    }
    return c.wrong;
}
