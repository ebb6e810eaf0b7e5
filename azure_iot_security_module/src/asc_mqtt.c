/* SPDX-License-Identifier: MIT */
/* Builds CONNECT, PUBLISH, PINGREQ and DISCONNECT, and reads CONNACK, PUBACK and PINGRESP. */

#include "azure_iot_security_module/src/asc_mqtt.h"

#include <string.h>

enum {
    TYPE_CONNECT = 0x10,
    TYPE_CONNACK = 0x20,
    TYPE_PUBLISH_QOS1 = 0x32,
    TYPE_PUBACK = 0x40,
    TYPE_PINGREQ = 0xc0,
    TYPE_PINGRESP = 0xd0,
    TYPE_DISCONNECT = 0xe0
};

enum {
    CONNECT_CLEAN_SESSION = 0x02,
    CONNECT_PASSWORD = 0x40,
    CONNECT_USER_NAME = 0x80
};

#define STRING_MAX_BYTES 65535u

/* Output that stops at its end and remembers that it did. */
struct writer {
    uint8_t *cur;
    uint8_t *end;
    bool full;
};

static void put(struct writer *w, const void *data, uint32_t length)
{
    if (w->full || length > (uint32_t)(w->end - w->cur)) {
        w->full = true;
        return;
    }
    if (length > 0) {
        memcpy(w->cur, data, length);
        w->cur += length;
    }
}

static void put_u8(struct writer *w, uint8_t value)
{
    put(w, &value, 1);
}

static void put_u16(struct writer *w, uint16_t value)
{
    put_u8(w, (uint8_t)(value >> 8));
    put_u8(w, (uint8_t)(value & 0xff));
}

static void put_remaining(struct writer *w, uint32_t value)
{
    do {
        uint8_t low = (uint8_t)(value & 0x7f);

        value >>= 7;
        put_u8(w, value > 0 ? (uint8_t)(low | 0x80) : low);
    } while (value > 0);
}

static void put_string(struct writer *w, const char *text, uint32_t length)
{
    put_u16(w, (uint16_t)length);
    put(w, text, length);
}

static uint32_t written(const struct writer *w, const uint8_t *out)
{
    return w->full ? 0 : (uint32_t)(w->cur - out);
}

/* Length of a string that MQTT can carry; false: too long. NULL is an empty one. */
static bool string_length(const char *text, uint32_t *length)
{
    size_t n = text == NULL ? 0 : strlen(text);

    *length = (uint32_t)n;
    return n <= STRING_MAX_BYTES;
}

uint32_t asc_mqtt_connect(
    struct asc_mqtt *m, const struct asc_mqtt_connect *options, uint8_t *out, uint32_t size)
{
    static const uint8_t protocol[] = {0, 4, 'M', 'Q', 'T', 'T', 4};
    struct writer w = {out, out + size, false};
    uint8_t flags = CONNECT_CLEAN_SESSION | CONNECT_USER_NAME;
    uint32_t id_length, user_length, password_length, remaining, length;

    if (!string_length(options->client_id, &id_length) ||
        !string_length(options->user_name, &user_length) ||
        !string_length(options->password, &password_length)) {
        return 0;
    }
    remaining = (uint32_t)sizeof protocol + 3 + 2 + id_length + 2 + user_length;
    if (options->password != NULL) {
        flags |= CONNECT_PASSWORD;
        remaining += 2 + password_length;
    }
    put_u8(&w, TYPE_CONNECT);
    put_remaining(&w, remaining);
    put(&w, protocol, sizeof protocol);
    put_u8(&w, flags);
    put_u16(&w, options->keep_alive_s);
    put_string(&w, options->client_id, id_length);
    put_string(&w, options->user_name, user_length);
    if (options->password != NULL) {
        put_string(&w, options->password, password_length);
    }
    length = written(&w, out);
    if (length > 0) {
        asc_mqtt_closed(m);
        m->state = ASC_MQTT_CONNECTING;
    }
    return length;
}

uint32_t asc_mqtt_publish(
    struct asc_mqtt *m, const char *topic, uint32_t payload_length, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};
    uint16_t id = m->packet_id == UINT16_MAX ? 1 : (uint16_t)(m->packet_id + 1);
    uint32_t topic_length, length;

    if (m->state != ASC_MQTT_OPEN || m->in_flight || !string_length(topic, &topic_length) ||
        payload_length > ASC_MQTT_REMAINING_MAX - 4 - topic_length) {
        return 0;
    }
    put_u8(&w, TYPE_PUBLISH_QOS1);
    put_remaining(&w, 2 + topic_length + 2 + payload_length);
    put_string(&w, topic, topic_length);
    put_u16(&w, id);
    length = written(&w, out);
    if (length > 0) {
        m->packet_id = id;
        m->in_flight = true;
    }
    return length;
}

/* A packet of a type byte and no more. */
static uint32_t put_empty(uint8_t type, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};

    put_u8(&w, type);
    put_u8(&w, 0);
    return written(&w, out);
}

uint32_t asc_mqtt_ping(struct asc_mqtt *m, uint8_t *out, uint32_t size)
{
    uint32_t length;

    if (m->state != ASC_MQTT_OPEN || m->pinging) {
        return 0;
    }
    length = put_empty(TYPE_PINGREQ, out, size);
    m->pinging = length > 0;
    return length;
}

uint32_t asc_mqtt_disconnect(struct asc_mqtt *m, uint8_t *out, uint32_t size)
{
    uint32_t length;

    if (m->state != ASC_MQTT_OPEN) {
        return 0;
    }
    length = put_empty(TYPE_DISCONNECT, out, size);
    if (length > 0) {
        asc_mqtt_closed(m);
    }
    return length;
}

void asc_mqtt_closed(struct asc_mqtt *m)
{
    m->state = ASC_MQTT_CLOSED;
    m->in_flight = false;
    m->pinging = false;
    m->input_length = 0;
}

/* What may come: each type byte has one remaining length and one state, or it is a violation. */
static bool expected(const struct asc_mqtt *m)
{
    static const struct {
        uint8_t type;
        uint8_t remaining;
        enum asc_mqtt_state state;
    } packets[] = {
        {TYPE_CONNACK, 2, ASC_MQTT_CONNECTING},
        {TYPE_PUBACK, 2, ASC_MQTT_OPEN},
        {TYPE_PINGRESP, 0, ASC_MQTT_OPEN},
    };

    for (uint32_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        if (m->input[0] == packets[i].type) {
            return m->state == packets[i].state &&
                (m->input_length < 2 || m->input[1] == packets[i].remaining);
        }
    }
    return false;
}

static enum asc_mqtt_event take_connack(struct asc_mqtt *m)
{
    uint8_t flags = m->input[2], code = m->input[3];

    /* Bit 0 is session-present; it cannot be set by a server that refuses (MQTT 3.1.1, 3.2.2.2). */
    if (flags > 1 || (flags == 1 && code != 0)) {
        return ASC_MQTT_VIOLATION;
    }
    m->refusal = code;
    if (code != 0) {
        return ASC_MQTT_REFUSED;
    }
    m->state = ASC_MQTT_OPEN;
    return ASC_MQTT_ACCEPTED;
}

static enum asc_mqtt_event take_puback(struct asc_mqtt *m)
{
    uint16_t id = (uint16_t)(m->input[2] << 8 | m->input[3]);

    if (!m->in_flight || id != m->packet_id) {
        return ASC_MQTT_VIOLATION;
    }
    m->in_flight = false;
    return ASC_MQTT_DELIVERED;
}

static enum asc_mqtt_event take_pingresp(struct asc_mqtt *m)
{
    if (!m->pinging) {
        return ASC_MQTT_VIOLATION;
    }
    m->pinging = false;
    return ASC_MQTT_PONG;
}

static enum asc_mqtt_event take_packet(struct asc_mqtt *m)
{
    switch (m->input[0]) {
    case TYPE_CONNACK:
        return take_connack(m);
    case TYPE_PUBACK:
        return take_puback(m);
    default:
        return take_pingresp(m);
    }
}

enum asc_mqtt_event asc_mqtt_feed(
    struct asc_mqtt *m, const uint8_t *data, uint32_t length, uint32_t *used)
{
    enum asc_mqtt_event event = ASC_MQTT_MORE;
    uint32_t n = 0;

    if (m->state == ASC_MQTT_CLOSED) {
        *used = 0;
        return ASC_MQTT_VIOLATION;
    }
    while (n < length && event == ASC_MQTT_MORE) {
        m->input[m->input_length++] = data[n++];
        if (!expected(m)) {
            event = ASC_MQTT_VIOLATION;
        } else if (m->input_length >= 2 && m->input_length == 2 + m->input[1]) {
            event = take_packet(m);
            m->input_length = 0;
        }
    }
    if (event == ASC_MQTT_VIOLATION || event == ASC_MQTT_REFUSED) {
        asc_mqtt_closed(m);
    }
    *used = n;
    return event;
}

const char *asc_mqtt_refusal_text(uint8_t code)
{
    static const char *const texts[] = {
        "accepted",
        "the server does not speak MQTT 3.1.1",
        "identifier refused: the client id does not fit the user name",
        "the server is unavailable",
        "bad user name or password: wrong key, expired token or wrong clock",
        "not authorised: unknown or disabled device, wrong key, expired token, or a refused address",
    };

    return code < sizeof texts / sizeof texts[0] ? texts[code]
                                                 : "refused with a code of no meaning";
}
