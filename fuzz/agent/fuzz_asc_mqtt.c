/* SPDX-License-Identifier: MIT */
/* Feeds server bytes to the module's MQTT reader, whole and in pieces, and compares what it says. */

#include "azure_iot_security_module/src/asc_mqtt.h"
#include "fuzz/replay.h"

#define EVENTS_MAX 64u
/* Small, so that messages that do not fit are tried too. */
#define BUFFER_BYTES 40u

struct run {
    uint8_t events[EVENTS_MAX];
    uint32_t count;
    uint32_t received; /* hash of all messages */
    struct asc_mqtt end;
    uint8_t buffer[BUFFER_BYTES];
};

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The first byte says what the module did before the server's bytes arrive. */
static void prepare(struct run *r, uint8_t what)
{
    static const char *const filters[] = {"a/#", "b"};
    struct asc_mqtt *m = &r->end;
    static const struct asc_mqtt_connect options = {"device", "hub/device/", "password", 60};
    static const uint8_t accepted[] = {0x20, 2, 0, 0};
    uint8_t out[128];
    uint32_t used;

    memset(r, 0, sizeof *r);
    asc_mqtt_buffer(m, r->buffer, sizeof r->buffer);
    if (what & 1) {
        require(asc_mqtt_connect(m, &options, out, sizeof out) > 0);
    }
    if ((what & 3) == 3) {
        require(asc_mqtt_feed(m, accepted, sizeof accepted, &used) == ASC_MQTT_ACCEPTED);
    }
    if ((what & 19) == 19) {
        require(asc_mqtt_subscribe(m, filters, 2, what >> 5 & 1, out, sizeof out) > 0);
    }
}

static void add_bytes(struct run *r, const uint8_t *data, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        r->received = r->received * 31 + data[i] + 1;
    }
}

/* A message lies within the buffer, and its bytes are the server's. */
static void check_message(struct run *r, enum asc_mqtt_event event)
{
    const struct asc_mqtt_message *m = &r->end.message;
    const uint8_t *topic = (const uint8_t *)m->topic;
    uint16_t acknowledged;
    uint8_t out[4];

    if (event != ASC_MQTT_RECEIVED && event != ASC_MQTT_RECEIVED_CUT) {
        return;
    }
    require(topic == r->buffer + 2 && m->topic_length > 0);
    require(m->topic_length <= BUFFER_BYTES - 2 && m->payload_length <= BUFFER_BYTES - 3);
    require(m->payload >= topic + m->topic_length &&
        m->payload + m->payload_length <= r->buffer + BUFFER_BYTES);
    require(event == ASC_MQTT_RECEIVED || m->payload_length == 0);
    add_bytes(r, topic, m->topic_length);
    add_bytes(r, m->payload, m->payload_length);
    acknowledged = m->packet_id;
    require(asc_mqtt_acknowledge(&r->end, out, sizeof out) == (acknowledged != 0 ? 4u : 0u));
}

/* After each event the module publishes and pings as far as it may. */
static void react(struct asc_mqtt *m)
{
    uint8_t out[64];

    (void)asc_mqtt_publish(m, "devices/device/messages/events/", 10, out, sizeof out);
    (void)asc_mqtt_publish_once(m, "devices/device/messages/events/", 10, out, sizeof out);
    (void)asc_mqtt_ping(m, out, sizeof out);
}

/* It may leave whatever was read; why it was refused can be said. */
static void leave(struct asc_mqtt *m)
{
    const bool was_open = m->state == ASC_MQTT_OPEN;
    uint8_t out[4];

    require(asc_mqtt_refusal_text(m->refusal)[0] != '\0');
    require(asc_mqtt_disconnect(m, out, sizeof out) == (was_open ? 2u : 0u));
    require(!was_open || m->state == ASC_MQTT_CLOSED);
}

static void run(struct run *r, uint8_t what, const uint8_t *data, size_t length, size_t piece)
{
    struct asc_mqtt *m = &r->end;
    size_t at = 0;

    prepare(r, what);
    react(m);
    while (at < length && r->count < EVENTS_MAX) {
        size_t n = length - at < piece ? length - at : piece;
        uint32_t used = 0;
        enum asc_mqtt_event event = asc_mqtt_feed(m, data + at, (uint32_t)n, &used);

        require(used <= n && (int)event < ASC_MQTT_EVENTS && m->state < ASC_MQTT_STATES);
        require(m->input_length < ASC_MQTT_INPUT_MAX_BYTES);
        require(m->body_type == 0 || m->body_taken < m->body_bytes);
        check_message(r, event);
        at += used;
        if (event == ASC_MQTT_MORE) {
            require(used == n);
            continue;
        }
        r->events[r->count++] = (uint8_t)event;
        if (event == ASC_MQTT_VIOLATION || event == ASC_MQTT_REFUSED) {
            require(m->state == ASC_MQTT_CLOSED && !m->in_flight && !m->subscribed);
            break;
        }
        react(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, pieces;

    if (size == 0 || size > 4096) {
        return 0;
    }
    run(&whole, data[0], data + 1, size - 1, size);
    run(&pieces, data[0], data + 1, size - 1, (size_t)(data[0] >> 2 & 3) + 1);
    require(whole.count == pieces.count);
    require(memcmp(whole.events, pieces.events, whole.count) == 0);
    require(whole.received == pieces.received && whole.end.granted == pieces.end.granted);
    require(whole.end.state == pieces.end.state && whole.end.refusal == pieces.end.refusal);
    leave(&whole.end);
    return 0;
}
