/* SPDX-License-Identifier: MIT */
/* One device: the port's functions for its module, and its place in the loop. */

#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/device/workload.h"
#include "bench/hub/devices.h"
#include "bench/soak/fleet.h"
#include "lib/clock.h"

/* As an owner of many devices would set them: a message every ten minutes, a heartbeat an hour. */
#define HIGH_INTERVAL_S 600
#define LOW_INTERVAL_S  3600
/* What was collected before an outage is kept over it. */
#define PENDING_S    7200
#define KEEP_ALIVE_S 300
#define OS           "Soak 1.0"
/* Connecting costs more than all else: a token is renewed twice a day. */
#define TOKEN_LIFE_S 43200
/* Devices are switched on within this. */
#define START_MS 3000000
/* Connections that are being opened at a time. */
#define OPENING_MIN 4u
#define OPENING_MAX 64u
/* How soon a device that may not open its connection yet asks again. */
#define TURN_MS 1000

/* How many may be opened now: with more than the machine can serve in time all of them would be late, and come again. */
static unsigned opening_max = OPENING_MIN;

/* ---- What the module asks of its port ---- */

static uint32_t port_time_utc_s(void *context)
{
    (void)context;
    return (uint32_t)(vd_clock_utc_ms() / 1000);
}

static uint32_t port_uptime_ms(void *context)
{
    (void)context;
    return (uint32_t)vd_clock_monotonic_ms();
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    return RAND_bytes(out, (int)length) == 1;
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    struct device *d = context;

    d->sent_ms = vd_clock_monotonic_ms();
    return asc_linux_hub_send(d->hub, message, length) ? ASC_SEND_PENDING : ASC_SEND_RETRY;
}

static void port_system_information(void *context, struct asc_system_information *out)
{
    (void)context;
    out->os = OS;
}

static const struct asc_port port = {
    .time_utc_s = port_time_utc_s,
    .uptime_ms = port_uptime_ms,
    .random = port_random,
    .send = port_send,
    .system_information = port_system_information,
};

/* ---- What the connection tells ---- */

static void on_connected(void *context, bool connected)
{
    struct device *d = context;

    fleet_counts.online += connected ? 1u : -1u;
    fleet_counts.accepted += connected && d->is_attacker;
    asc_module_connected(&d->module, connected);
}

static void on_sent(void *context, bool delivered)
{
    struct device *d = context;
    const int64_t ms = (vd_clock_monotonic_ms() - d->sent_ms) / fleet_options.speed;

    if (delivered) {
        fleet_counts.sent++;
        fleet_counts.latencies[ms < FLEET_LATENCY_MAX ? ms : FLEET_LATENCY_MAX]++;
    } else {
        fleet_counts.unsent++;
    }
    asc_module_sent(&d->module, delivered);
}

/* ---- What passes it ---- */

static void feed(struct device *d)
{
    const unsigned count = day_flows(d, fleet_at_s());
    const unsigned first = day_first_flow(d);

    for (unsigned i = 0; i < count; i++) {
        struct workload_packet packet;

        for (int way = ASC_IN; way <= ASC_OUT; way++) {
            workload_packet(&packet, WORKLOAD_MIXED, false, (enum asc_direction)way, first + i);
            asc_module_packet(&d->module, (enum asc_direction)way, ASC_UNICAST, &packet.segment);
        }
    }
}

/* ---- Its turns ---- */

static bool is_between(enum asc_linux_hub_state state)
{
    return state == ASC_LINUX_HUB_RESOLVING || state == ASC_LINUX_HUB_OPENING ||
        state == ASC_LINUX_HUB_GREETING;
}

/* One more after as many as may be opened came through, half as many after one that did not. */
static void adapt_opening(bool came_through)
{
    static unsigned through;

    if (!came_through) {
        opening_max = opening_max / 2 > OPENING_MIN ? opening_max / 2 : OPENING_MIN;
        through = 0;
    } else if (++through >= opening_max) {
        opening_max += opening_max < OPENING_MAX ? 1 : 0;
        through = 0;
    }
}

/* Steps the connection, unless it would open one more than may be opened now. */
static uint32_t step_hub(struct device *d)
{
    uint32_t wait_ms;
    bool is_opening;

    if (asc_linux_hub_state(d->hub) == ASC_LINUX_HUB_WAITING &&
        fleet_counts.opening >= opening_max) {
        return TURN_MS + day_random(d, TURN_MS);
    }
    wait_ms = asc_linux_hub_step(d->hub);
    is_opening = is_between(asc_linux_hub_state(d->hub));
    if (d->is_opening && !is_opening) {
        if (d->is_attacker) {
            fleet_counts.refused++;
        } else {
            adapt_opening(asc_linux_hub_state(d->hub) == ASC_LINUX_HUB_ONLINE);
        }
    }
    fleet_counts.opening += (unsigned)is_opening - (unsigned)d->is_opening;
    d->is_opening = is_opening;
    return wait_ms;
}

/* Disconnects once all is delivered; `module_ms` is when the module wants its next step. */
static void step_end(struct device *d, uint32_t module_ms)
{
    const struct asc_counters c = asc_module_counters(&d->module);

    if (d->is_attacker ||
        (asc_module_state(&d->module) == ASC_STATE_ACTIVE && module_ms > 1 &&
            c.messages_built == c.messages_sent + c.messages_given_up)) {
        asc_linux_hub_stop(d->hub);
    }
    if (asc_linux_hub_state(d->hub) == ASC_LINUX_HUB_STOPPED) {
        d->phase = DEVICE_ENDED;
        fleet_counts.running--;
    }
}

static void turn(evutil_socket_t fd, short what, void *context);

static void next_turn(struct device *d, int fd, short polled, int64_t wait_ms)
{
    const struct timeval wait = {wait_ms / 1000, (suseconds_t)(wait_ms % 1000 * 1000)};
    const short events =
        (short)((polled & POLLIN ? EV_READ : 0) | (polled & POLLOUT ? EV_WRITE : 0));

    event_assign(&d->event, fleet_base, fd, events, turn, d);
    event_add(&d->event, &wait);
}

static void turn(evutil_socket_t fd, short what, void *context)
{
    struct device *d = context;
    const int64_t now_s = fleet_at_s();
    const int64_t cut_off_s = d->phase == DEVICE_RUNS ? day_outage_end_s(d->number, now_s) : 0;
    short polled = 0;
    uint32_t hub_ms;
    uint32_t module_ms;

    (void)what;
    if (cut_off_s != 0) {
        fleet_counts.opening -= d->is_opening;
        d->is_opening = false;
        next_turn(d, -1, 0, (cut_off_s - now_s) * 1000);
        return;
    }
    if (d->phase == DEVICE_RUNS && now_s >= d->feed_s) {
        feed(d);
        d->feed_s = now_s + HIGH_INTERVAL_S;
    }
    hub_ms = step_hub(d);
    module_ms = asc_module_step(&d->module);
    if (d->phase == DEVICE_ENDS) {
        step_end(d, module_ms);
    }
    if (d->phase != DEVICE_ENDED) {
        asc_linux_hub_poll(d->hub, &fd, &polled);
        next_turn(d, fd, polled, hub_ms < module_ms ? hub_ms : module_ms);
    }
}

/* ---- Its life ---- */

static void set_connection(struct device *d)
{
    const struct vd_key key = bench_device_key();
    struct asc_linux_connection *c = &d->connection;

    snprintf(c->hub, sizeof c->hub, "localhost");
    snprintf(c->host, sizeof c->host, "127.0.0.1");
    c->port = fleet_options.port;
    bench_device_id(d->number, c->device_id, sizeof c->device_id);
    memcpy(c->key, key.bytes, key.length);
    c->key[0] ^= d->is_attacker;
    c->key_length = key.length;
}

void device_start(struct device *d, unsigned number)
{
    struct asc_linux_hub_options options = {
        .connection = &d->connection,
        .ca_file = fleet_options.ca_file,
        .times = asc_linux_hub_times_default(),
        .context = d,
        .connected = on_connected,
        .sent = on_sent,
    };
    struct asc_settings settings = asc_settings_default();
    const int64_t begin_ms = fleet_at_s() < 0 ? -fleet_at_s() * 1000 : 0;
    char error[ASC_LINUX_TLS_ERROR_BYTES];

    *d = (struct device){.number = number, .random = number};
    d->is_attacker = number >= fleet_options.devices;
    d->feed_s = d->is_attacker ? INT64_MAX : day_random(d, HIGH_INTERVAL_S);
    set_connection(d);
    settings.security_module_id = "soak";
    settings.high_interval_s = HIGH_INTERVAL_S;
    settings.low_interval_s = LOW_INTERVAL_S;
    settings.pending_time_s = PENDING_S;
    if (asc_module_init(&d->module, &port, d, &settings) != ASC_OK ||
        asc_module_enable(&d->module) != ASC_OK) {
        fleet_die("module", d->connection.device_id);
    }
    asc_twin_init(&d->twin, &d->module);
    options.twin = &d->twin;
    options.times.keep_alive_s = KEEP_ALIVE_S;
    options.times.token_life_s = TOKEN_LIFE_S;
    options.times.step_ms *= fleet_options.speed;
    options.times.delivery_ms *= fleet_options.speed;
    options.times.close_ms *= fleet_options.speed;
    d->hub = asc_linux_hub_new(&options, error);
    if (d->hub == NULL) {
        fleet_die("connection", error);
    }
    fleet_counts.running++;
    next_turn(d, -1, 0, begin_ms + day_random(d, START_MS));
}

void device_end(struct device *d)
{
    event_del(&d->event);
    d->phase = DEVICE_ENDS;
    asc_module_flush(&d->module);
    next_turn(d, -1, 0, 0);
}

void device_release(struct device *d)
{
    asc_module_disable(&d->module);
    asc_linux_hub_free(d->hub);
}
