/* SPDX-License-Identifier: MIT */
/* A device that keeps sending security messages in a thread. */

#include "tests/e2e/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/e2e/mqtt.h"

#define PUBACK       0x40
#define SEND_WAIT_MS 20000

/* What the thread has beside the shared state. */
struct run {
    struct e2e_sender *sender;
    struct e2e_mqtt mqtt;
    struct e2e_message message;
    char topic[256];
    int64_t next_ms;
};

static bool publish(struct run *run, unsigned number, bool duplicate)
{
    e2e_message_set_id(&run->message, run->sender->series, number);
    struct e2e_publish message = {
        .topic = run->topic,
        .body = run->message.bytes,
        .length = run->message.length,
        .packet_id = (uint16_t)(number + 1),
        .qos = 1,
        .duplicate = duplicate,
    };
    return e2e_mqtt_publish(&run->mqtt, &message);
}

static bool connect_and_resend(struct run *run)
{
    struct e2e_sender *sender = run->sender;
    if (!e2e_mqtt_open(&run->mqtt, (uint16_t)atomic_load(&sender->port), sender->ca)) {
        return false;
    }
    int code = e2e_mqtt_connect(&run->mqtt, sender->device_id);
    if (code != 0) {
        atomic_fetch_add(&sender->faults, code > 0);
        return false;
    }
    atomic_fetch_add(&sender->connections, 1);
    unsigned sent = atomic_load(&sender->sent);
    for (unsigned i = 0; i < sent; i++) {
        if (!sender->is_acknowledged[i] && !publish(run, i, true)) {
            return false;
        }
    }
    return true;
}

static void take_puback(struct e2e_sender *sender, const struct e2e_packet *packet)
{
    unsigned number = packet->length == 2 ? packet->body[0] * 256U + packet->body[1] : 0;
    if (packet->type != PUBACK || number == 0 || number > atomic_load(&sender->sent)) {
        atomic_fetch_add(&sender->faults, 1);
        return;
    }
    if (!sender->is_acknowledged[number - 1]) {
        sender->is_acknowledged[number - 1] = true;
        atomic_fetch_add(&sender->acknowledged, 1);
    }
}

static bool may_send(const struct run *run)
{
    struct e2e_sender *sender = run->sender;
    unsigned sent = atomic_load(&sender->sent);
    return sent < atomic_load(&sender->limit) &&
        sent - atomic_load(&sender->acknowledged) < sender->window && e2e_now_ms() >= run->next_ms;
}

/* One message out if the window allows, acknowledgements in; false once the connection is gone. */
static bool turn(struct run *run)
{
    struct e2e_sender *sender = run->sender;
    bool sends = may_send(run);
    if (sends) {
        unsigned number = atomic_fetch_add(&sender->sent, 1);
        run->next_ms = e2e_now_ms() + sender->pace_ms;
        if (!publish(run, number, false)) {
            return false;
        }
    }
    struct e2e_packet packet;
    enum e2e_read found = e2e_mqtt_read(&run->mqtt, &packet, sends ? 0 : 10);
    if (found == E2E_READ_PACKET) {
        take_puback(sender, &packet);
    }
    return found != E2E_READ_CLOSED;
}

static void *work(void *context)
{
    struct run *run = context;
    bool connected = false;
    while (!atomic_load(&run->sender->stop)) {
        bool good = connected ? turn(run) : connect_and_resend(run);
        if (!good) {
            e2e_mqtt_close(&run->mqtt);
            e2e_pause();
        }
        connected = good;
    }
    e2e_mqtt_close(&run->mqtt);
    free(run);
    return NULL;
}

struct e2e_sender *e2e_sender_start(const struct e2e_hub *hub, const char *device_id,
    uint32_t series, unsigned window, int pace_ms, const struct e2e_message *message)
{
    struct e2e_sender *sender = calloc(1, sizeof(*sender));
    struct run *run = calloc(1, sizeof(*run));
    assert_true(sender != NULL && run != NULL);
    if (sender == NULL || run == NULL) {
        free(run);
        free(sender);
        return NULL; /* not reached: the assertion has left */
    }
    sender->device_id = device_id;
    sender->ca = hub->ca;
    sender->series = series;
    sender->window = window;
    sender->pace_ms = pace_ms;
    sender->message = *message;
    atomic_store(&sender->port, hub->port);
    atomic_store(&sender->limit, E2E_SENDER_MAX);
    run->sender = sender;
    run->message = *message;
    e2e_security_topic(run->topic, sizeof(run->topic), device_id);
    assert_int_equal(pthread_create(&sender->thread, NULL, work, run), 0);
    return sender;
}

void e2e_sender_port(struct e2e_sender *sender, uint16_t port)
{
    atomic_store(&sender->port, port);
}

static bool all_acknowledged(void *context)
{
    struct e2e_sender *sender = context;
    return atomic_load(&sender->acknowledged) == atomic_load(&sender->sent);
}

bool e2e_sender_drain(struct e2e_sender *sender, int64_t timeout_ms)
{
    atomic_store(&sender->limit, 0);
    return e2e_wait(timeout_ms, all_acknowledged, sender);
}

struct goal {
    struct e2e_sender *sender;
    unsigned acknowledged;
};

static bool goal_reached(void *context)
{
    const struct goal *goal = context;
    return atomic_load(&goal->sender->acknowledged) >= goal->acknowledged;
}

bool e2e_sender_progress(struct e2e_sender *sender, unsigned more, int64_t timeout_ms)
{
    struct goal goal = {sender, atomic_load(&sender->acknowledged) + more};
    return e2e_wait(timeout_ms, goal_reached, &goal);
}

void e2e_sender_free(struct e2e_sender *sender)
{
    if (sender != NULL) {
        atomic_store(&sender->stop, true);
        pthread_join(sender->thread, NULL);
        free(sender);
    }
}

void e2e_send_once(
    const struct e2e_hub *hub, const char *device_id, const struct e2e_flow *flows, size_t count)
{
    static struct e2e_message message;
    struct e2e_mqtt mqtt;
    char topic[256];
    struct e2e_publish publish = {.topic = topic, .body = message.bytes, .packet_id = 1, .qos = 1};

    e2e_message_build(&message, flows, count);
    e2e_message_set_id(&message, 7, 1);
    publish.length = message.length;
    e2e_security_topic(topic, sizeof topic, device_id);
    assert_true(e2e_mqtt_open(&mqtt, hub->port, hub->ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, device_id), 0);
    assert_true(e2e_mqtt_send(&mqtt, &publish, SEND_WAIT_MS));
    e2e_mqtt_close(&mqtt);
}
