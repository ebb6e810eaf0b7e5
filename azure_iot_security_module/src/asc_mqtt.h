/* SPDX-License-Identifier: MIT */
/* The sending half of MQTT 3.1.1 that a device module needs: no heap, no transport, no clock. */

#ifndef ASC_MQTT_H
#define ASC_MQTT_H

#include <stdbool.h>
#include <stdint.h>

/* Longest packet that a server may send us is a CONNACK or a PUBACK. */
#define ASC_MQTT_INPUT_MAX_BYTES 4u
/* Largest value of MQTT's remaining length (MQTT 3.1.1, 2.2.3). */
#define ASC_MQTT_REMAINING_MAX 268435455u

enum asc_mqtt_state {
    ASC_MQTT_CLOSED,     /* no connection, or one that must be closed */
    ASC_MQTT_CONNECTING, /* CONNECT built, CONNACK not seen */
    ASC_MQTT_OPEN,       /* accepted by the server */
    ASC_MQTT_STATES
};

enum asc_mqtt_event {
    ASC_MQTT_MORE,      /* every byte was taken and nothing is complete */
    ASC_MQTT_ACCEPTED,  /* CONNACK 0 */
    ASC_MQTT_REFUSED,   /* CONNACK other than 0: see asc_mqtt.refusal */
    ASC_MQTT_DELIVERED, /* PUBACK of the message in flight */
    ASC_MQTT_PONG,      /* PINGRESP */
    ASC_MQTT_VIOLATION, /* what no server may send now: close the connection */
    ASC_MQTT_EVENTS
};

/* What a CONNECT says; the strings end in NUL and are read during the call only. */
struct asc_mqtt_connect {
    const char *client_id;
    const char *user_name;
    const char *password;  /* NULL: none, as with a client certificate */
    uint16_t keep_alive_s; /* 0 switches keep-alive off */
};

/* One connection; the caller owns it and zeroes it once. Fields are for reading. */
struct asc_mqtt {
    enum asc_mqtt_state state;
    uint16_t packet_id; /* of the last PUBLISH */
    bool in_flight;     /* a PUBLISH waits for its PUBACK */
    bool pinging;       /* a PINGREQ waits for its PINGRESP */
    uint8_t refusal;    /* return code of the last CONNACK */
    uint8_t input_length;
    uint8_t input[ASC_MQTT_INPUT_MAX_BYTES];
};

/*
 * Each of these writes one packet, or its start, to `out` of `size` bytes and returns the bytes
 * written. 0: it does not fit, a string is longer than 65,535 bytes, or the state does not allow
 * it; then neither `out` beyond its use as scratch nor `m` means anything new. None blocks.
 */

/* CONNECT with CleanSession 1: the module keeps its own message, so the server keeps nothing. Any
   earlier connection of `m` is forgotten, a message in flight with it. */
uint32_t asc_mqtt_connect(
    struct asc_mqtt *m, const struct asc_mqtt_connect *options, uint8_t *out, uint32_t size);

/* All of a QoS 1 PUBLISH but its payload, which the caller sends after it. One message is in
   flight at a time; packet ids run through 1 to 65,535. */
uint32_t asc_mqtt_publish(
    struct asc_mqtt *m, const char *topic, uint32_t payload_length, uint8_t *out, uint32_t size);

/* PINGREQ; one at a time. */
uint32_t asc_mqtt_ping(struct asc_mqtt *m, uint8_t *out, uint32_t size);

/* DISCONNECT; `m` is closed by it. */
uint32_t asc_mqtt_disconnect(struct asc_mqtt *m, uint8_t *out, uint32_t size);

/* The transport is gone: closes `m`. */
void asc_mqtt_closed(struct asc_mqtt *m);

/*
 * Takes bytes of the server, at most to the end of one packet, in pieces of any size.
 * `used`: how many of the `length` bytes were taken; call again with the rest.
 * After REFUSED and VIOLATION `m` is closed and takes nothing more.
 */
enum asc_mqtt_event asc_mqtt_feed(
    struct asc_mqtt *m, const uint8_t *data, uint32_t length, uint32_t *used);

/* What a CONNACK return code means, in words for a log. */
const char *asc_mqtt_refusal_text(uint8_t code);

#endif
