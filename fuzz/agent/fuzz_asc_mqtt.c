/* SPDX-License-Identifier: MIT */
/* Feeds server bytes to the module's MQTT reader, whole and in pieces, and compares what it says. */

#include "azure_iot_security_module/src/asc_mqtt.h"
#include "fuzz/replay.h"

#define EVENTS_MAX 64u

struct run {
    uint8_t events[EVENTS_MAX];
    uint32_t count;
    struct asc_mqtt end;
};

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The first byte says what the module did before the server's bytes arrive. */
static void prepare(struct asc_mqtt *m, uint8_t what)
{
    static const struct asc_mqtt_connect options = {"device", "hub/device/", "password", 60};
    static const uint8_t accepted[] = {0x20, 2, 0, 0};
    uint8_t out[128];
    uint32_t used;

    memset(m, 0, sizeof *m);
    if (what & 1) {
        require(asc_mqtt_connect(m, &options, out, sizeof out) > 0);
    }
    if ((what & 3) == 3) {
        require(asc_mqtt_feed(m, accepted, sizeof accepted, &used) == ASC_MQTT_ACCEPTED);
    }
}

/* After each event the module publishes and pings as far as it may. */
static void react(struct asc_mqtt *m)
{
    uint8_t out[64];

    (void)asc_mqtt_publish(m, "devices/device/messages/events/", 10, out, sizeof out);
    (void)asc_mqtt_ping(m, out, sizeof out);
}

static void run(struct run *r, uint8_t what, const uint8_t *data, size_t length, size_t piece)
{
    struct asc_mqtt *m = &r->end;
    size_t at = 0;

    r->count = 0;
    prepare(m, what);
    react(m);
    while (at < length && r->count < EVENTS_MAX) {
        size_t n = length - at < piece ? length - at : piece;
        uint32_t used = 0;
        enum asc_mqtt_event event = asc_mqtt_feed(m, data + at, (uint32_t)n, &used);

        require(used <= n && (int)event < ASC_MQTT_EVENTS && m->state < ASC_MQTT_STATES);
        require(m->input_length < ASC_MQTT_INPUT_MAX_BYTES);
        at += used;
        if (event == ASC_MQTT_MORE) {
            require(used == n);
            continue;
        }
        r->events[r->count++] = (uint8_t)event;
        if (event == ASC_MQTT_VIOLATION || event == ASC_MQTT_REFUSED) {
            require(m->state == ASC_MQTT_CLOSED && !m->in_flight);
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
    require(whole.end.state == pieces.end.state && whole.end.refusal == pieces.end.refusal);
    return 0;
}
