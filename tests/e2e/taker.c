/* SPDX-License-Identifier: MIT */
/* A device that takes its messages and reports properties in a thread. */

#include "tests/e2e/taker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/mqtt.h"

#define PUBLISH   0x30
#define PUBACK    0x40
#define SUBSCRIBE 0x82
#define SUBACK    0x90

#define ANSWERS "$iothub/twin/res/"

static bool subscribe(struct e2e_taker *taker, struct e2e_mqtt *mqtt)
{
    char commands[128];
    uint8_t packet[256] = {SUBSCRIBE, 0, 0, 1};
    size_t at = 4;
    snprintf(commands, sizeof(commands), "devices/%s/messages/devicebound/#", taker->device_id);
    const char *const filters[] = {commands, ANSWERS "#"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(filters[i]);
        packet[at++] = 0;
        packet[at++] = (uint8_t)length;
        memcpy(packet + at, filters[i], length);
        at += length;
        packet[at++] = i == 0 ? 1 : 0;
    }
    packet[1] = (uint8_t)(at - 2); /* below 128: two short filters */
    return at - 2 < 128 && e2e_mqtt_write(mqtt, packet, at);
}

static bool connect_taker(struct e2e_taker *taker, struct e2e_mqtt *mqtt)
{
    if (!e2e_mqtt_open(mqtt, (uint16_t)atomic_load(&taker->port), taker->ca)) {
        return false;
    }
    int code = e2e_mqtt_connect(mqtt, taker->device_id);
    atomic_fetch_add(&taker->faults, code > 0);
    return code == 0 && subscribe(taker, mqtt);
}

static bool report(struct e2e_taker *taker, struct e2e_mqtt *mqtt)
{
    char topic[96];
    char body[32];
    unsigned number = atomic_fetch_add(&taker->reported, 1) + 1;
    snprintf(topic, sizeof(topic), "$iothub/twin/PATCH/properties/reported/?$rid=%u", number);
    snprintf(body, sizeof(body), "{\"r\":%u}", number);
    const struct e2e_publish message = {.topic = topic, .body = body, .length = strlen(body)};
    return e2e_mqtt_publish(mqtt, &message);
}

/* An answer to a report; true if the next may follow. */
static bool take_answer(struct e2e_taker *taker, const char *topic)
{
    unsigned status = 0;
    unsigned number = 0;
    /* NOLINTNEXTLINE(cert-err34-c): what it reads is checked */
    if (sscanf(topic, ANSWERS "%u/?$rid=%u", &status, &number) != 2 || status != 204 ||
        number > atomic_load(&taker->reported)) {
        atomic_fetch_add(&taker->faults, 1);
        return false;
    }
    atomic_store(&taker->answered, number);
    return true;
}

static void take_message(
    struct e2e_taker *taker, const char *topic, const uint8_t *body, size_t length)
{
    static const char name[] = "%24.mid=";
    char id[64] = "";
    const char *where = strstr(topic, name);
    if (where != NULL) {
        snprintf(
            id, sizeof(id), "%.*s", (int)strcspn(where + strlen(name), "&"), where + strlen(name));
    }
    if (taker->on_message != NULL) {
        taker->on_message(id, body, length);
    }
    atomic_fetch_add(&taker->taken, 1);
}

/* False once the connection is of no use. */
static bool take_publish(
    struct e2e_taker *taker, struct e2e_mqtt *mqtt, const struct e2e_packet *packet)
{
    char topic[1024];
    size_t length = packet->length >= 2 ? packet->body[0] * 256U + packet->body[1] : SIZE_MAX;
    bool acknowledged = (packet->type & 6) != 0;
    if (length >= sizeof(topic) || packet->length < 2 + length + (acknowledged ? 2 : 0)) {
        return false;
    }
    memcpy(topic, packet->body + 2, length);
    topic[length] = '\0';
    if (strncmp(topic, ANSWERS, strlen(ANSWERS)) == 0) {
        return take_answer(taker, topic) && (!taker->reports || report(taker, mqtt));
    }
    size_t at = 2 + length + (acknowledged ? 2 : 0);
    take_message(taker, topic, packet->body + at, packet->length - at);
    const uint8_t puback[] = {PUBACK, 2, packet->body[2 + length], packet->body[3 + length]};
    return !acknowledged || e2e_mqtt_write(mqtt, puback, sizeof(puback));
}

static bool turn(struct e2e_taker *taker, struct e2e_mqtt *mqtt)
{
    struct e2e_packet packet;
    enum e2e_read found = e2e_mqtt_read(mqtt, &packet, 10);
    if (found != E2E_READ_PACKET) {
        return found == E2E_READ_NOTHING;
    }
    if ((packet.type & 0xf0) == SUBACK) {
        return !taker->reports || report(taker, mqtt);
    }
    return (packet.type & 0xf0) != PUBLISH || take_publish(taker, mqtt, &packet);
}

static void *work(void *context)
{
    struct e2e_taker *taker = context;
    struct e2e_mqtt mqtt = {0};
    bool connected = false;
    while (!atomic_load(&taker->stop)) {
        bool good = connected ? turn(taker, &mqtt) : connect_taker(taker, &mqtt);
        if (!good) {
            e2e_mqtt_close(&mqtt);
            e2e_pause();
        }
        connected = good;
    }
    e2e_mqtt_close(&mqtt);
    return NULL;
}

void e2e_taker_start(struct e2e_taker *taker, const struct e2e_hub *hub)
{
    taker->ca = hub->ca;
    atomic_store(&taker->port, hub->port);
    assert_int_equal(pthread_create(&taker->thread, NULL, work, taker), 0);
}

void e2e_taker_stop(struct e2e_taker *taker)
{
    if (taker->ca != NULL) {
        atomic_store(&taker->stop, true);
        pthread_join(taker->thread, NULL);
        taker->ca = NULL;
    }
}
