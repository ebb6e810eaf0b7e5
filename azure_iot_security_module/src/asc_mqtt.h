/* SPDX-License-Identifier: MIT */
/* What a device module needs of MQTT 3.1.1: no heap, no transport, no clock. */

#ifndef ASC_MQTT_H
#define ASC_MQTT_H

#include <stdbool.h>
#include <stdint.h>

/* Boolean: subscribe and take messages too, for a port that takes settings from a twin. Without it
   none of that is in the image. The library and its caller must be built with the same value. */
#ifndef ASC_MQTT_INCOMING
#define ASC_MQTT_INCOMING false
#endif

/* Filters of one SUBSCRIBE, at most. */
#define ASC_MQTT_FILTERS_MAX 4u

/* Longest packet that a server may send us, but for PUBLISH: SUBACK; without it CONNACK or PUBACK. */
#if ASC_MQTT_INCOMING
#define ASC_MQTT_INPUT_MAX_BYTES (4u + ASC_MQTT_FILTERS_MAX)
#else
#define ASC_MQTT_INPUT_MAX_BYTES 4u
#endif
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
#if ASC_MQTT_INCOMING
    ASC_MQTT_SUBSCRIBED,   /* SUBACK: see asc_mqtt.granted */
    ASC_MQTT_RECEIVED,     /* PUBLISH: see asc_mqtt.message, until the next byte is fed */
    ASC_MQTT_RECEIVED_CUT, /* likewise, but the buffer is too small: there is no payload */
#endif
    ASC_MQTT_EVENTS
};

/* What a CONNECT says; the strings end in NUL and are read during the call only. */
struct asc_mqtt_connect {
    const char *client_id;
    const char *user_name;
    const char *password;  /* NULL: none, as with a client certificate */
    uint16_t keep_alive_s; /* 0 switches keep-alive off */
};

#if ASC_MQTT_INCOMING
/* A message that came in; the bytes lie in the caller's buffer. */
struct asc_mqtt_message {
    const char *topic;
    const uint8_t *payload;
    uint32_t topic_length; /* at least 1 */
    uint32_t payload_length;
    uint16_t packet_id; /* of QoS 1, until it is acknowledged; else 0 */
};
#endif

/* One connection; the caller owns it and zeroes it once. Fields are for reading. */
struct asc_mqtt {
    enum asc_mqtt_state state;
    uint16_t packet_id; /* of the last PUBLISH */
    bool in_flight;     /* a PUBLISH waits for its PUBACK */
    bool pinging;       /* a PINGREQ waits for its PINGRESP */
    uint8_t refusal;    /* return code of the last CONNACK */
    uint8_t input_length;
    uint8_t input[ASC_MQTT_INPUT_MAX_BYTES];
#if ASC_MQTT_INCOMING
    bool subscribed;       /* a SUBSCRIBE went out on this connection: messages may come */
    uint8_t filters;       /* of the SUBSCRIBE that waits for its SUBACK; 0: none does */
    uint8_t granted;       /* of the last SUBACK: bits by filter */
    uint16_t subscribe_id; /* of the last SUBSCRIBE */
    uint8_t body_type;     /* first byte of the PUBLISH whose body is being taken; 0: none is */
    uint32_t body_bytes;   /* of that body */
    uint32_t body_taken;   /* of these */
    uint8_t *buffer;       /* takes its first bytes */
    uint32_t buffer_bytes;
    struct asc_mqtt_message message;
#endif
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

#if ASC_MQTT_INCOMING
/* Gives the buffer for messages, which stays the caller's: one is held at a time, topic and packet id
   included. Before the first asc_mqtt_subscribe. */
void asc_mqtt_buffer(struct asc_mqtt *m, uint8_t *buffer, uint32_t buffer_bytes);

/* SUBSCRIBE to 1 to ASC_MQTT_FILTERS_MAX filters, each at most at `qos`, 0 or 1. One at a time. */
uint32_t asc_mqtt_subscribe(struct asc_mqtt *m, const char *const *filters, uint8_t count,
    uint8_t qos, uint8_t *out, uint32_t size);

/* All of a QoS 0 PUBLISH but its payload, whatever is in flight. */
uint32_t asc_mqtt_publish_once(
    struct asc_mqtt *m, const char *topic, uint32_t payload_length, uint8_t *out, uint32_t size);

/* PUBACK of the message received last, if that was of QoS 1. */
uint32_t asc_mqtt_acknowledge(struct asc_mqtt *m, uint8_t *out, uint32_t size);
#endif

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
