/* SPDX-License-Identifier: MIT */
/* Builds what a device sends, and reads what a server answers: packets of MQTT 3.1.1. */

#include "azure_iot_security_module/src/asc_mqtt.h"

#include <string.h>

enum {
    TYPE_CONNECT = 0x10,
    TYPE_CONNACK = 0x20,
    TYPE_PUBLISH = 0x30,
    TYPE_PUBLISH_QOS1 = 0x32,
    TYPE_PUBACK = 0x40,
    TYPE_SUBSCRIBE = 0x82,
    TYPE_SUBACK = 0x90,
    TYPE_PINGREQ = 0xc0,
    TYPE_PINGRESP = 0xd0,
    TYPE_DISCONNECT = 0xe0
};

/* The lower bits of a PUBLISH's first byte. */
enum {
    PUBLISH_QOS1 = 0x02,
    PUBLISH_QOS2 = 0x04,
    PUBLISH_DUP = 0x08
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

static uint16_t after(uint16_t id)
{
    return id == UINT16_MAX ? 1 : (uint16_t)(id + 1);
}

/* The next packet id that is not in use. */
static uint16_t next_id(const struct asc_mqtt *m)
{
    uint16_t id = after(m->packet_id);

#if ASC_MQTT_INCOMING
    if (m->filters > 0 && id == m->subscribe_id) {
        id = after(id);
    }
#endif
    return id;
}

uint32_t asc_mqtt_publish(
    struct asc_mqtt *m, const char *topic, uint32_t payload_length, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};
    uint16_t id = next_id(m);
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

#if ASC_MQTT_INCOMING
void asc_mqtt_buffer(struct asc_mqtt *m, uint8_t *buffer, uint32_t buffer_bytes)
{
    m->buffer = buffer;
    m->buffer_bytes = buffer_bytes;
}

uint32_t asc_mqtt_subscribe(struct asc_mqtt *m, const char *const *filters, uint8_t count,
    uint8_t qos, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};
    uint16_t id = next_id(m);
    uint32_t lengths[ASC_MQTT_FILTERS_MAX];
    uint32_t remaining = 2, length;

    if (m->state != ASC_MQTT_OPEN || m->filters > 0 || count == 0 || count > ASC_MQTT_FILTERS_MAX) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!string_length(filters[i], &lengths[i])) {
            return 0;
        }
        remaining += 2 + lengths[i] + 1;
    }
    put_u8(&w, TYPE_SUBSCRIBE);
    put_remaining(&w, remaining);
    put_u16(&w, id);
    for (uint32_t i = 0; i < count; i++) {
        put_string(&w, filters[i], lengths[i]);
        put_u8(&w, qos);
    }
    length = written(&w, out);
    if (length > 0) {
        m->subscribe_id = id;
        m->filters = count;
        m->subscribed = true;
    }
    return length;
}

uint32_t asc_mqtt_publish_once(
    struct asc_mqtt *m, const char *topic, uint32_t payload_length, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};
    uint32_t topic_length;

    if (m->state != ASC_MQTT_OPEN || !string_length(topic, &topic_length) ||
        payload_length > ASC_MQTT_REMAINING_MAX - 2 - topic_length) {
        return 0;
    }
    put_u8(&w, TYPE_PUBLISH);
    put_remaining(&w, 2 + topic_length + payload_length);
    put_string(&w, topic, topic_length);
    return written(&w, out);
}

uint32_t asc_mqtt_acknowledge(struct asc_mqtt *m, uint8_t *out, uint32_t size)
{
    struct writer w = {out, out + size, false};
    uint32_t length;

    if (m->state != ASC_MQTT_OPEN || m->message.packet_id == 0) {
        return 0;
    }
    put_u8(&w, TYPE_PUBACK);
    put_u8(&w, 2);
    put_u16(&w, m->message.packet_id);
    length = written(&w, out);
    if (length > 0) {
        m->message.packet_id = 0;
    }
    return length;
}
#endif

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
#if ASC_MQTT_INCOMING
    m->subscribed = false;
    m->filters = 0;
    m->body_type = 0;
    m->message.packet_id = 0;
#endif
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

#if ASC_MQTT_INCOMING
    if (m->input[0] == TYPE_SUBACK) {
        return m->filters > 0 && (m->input_length < 2 || m->input[1] == 2 + m->filters);
    }
#endif
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

#if ASC_MQTT_INCOMING
static uint32_t be16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static enum asc_mqtt_event take_suback(struct asc_mqtt *m)
{
    uint8_t granted = 0;

    if (be16(m->input + 2) != m->subscribe_id) {
        return ASC_MQTT_VIOLATION;
    }
    for (uint32_t i = 0; i < m->filters; i++) {
        uint8_t code = m->input[4 + i];

        /* A granted QoS, or 0x80 for none (MQTT 3.1.1, 3.9.3). */
        if (code > 2 && code != 0x80) {
            return ASC_MQTT_VIOLATION;
        }
        granted = (uint8_t)(granted | (code != 0x80) << i);
    }
    m->filters = 0;
    m->granted = granted;
    return ASC_MQTT_SUBSCRIBED;
}

/* Bytes of a PUBLISH of this type before its payload, with a topic of that length. */
static uint32_t publish_head(uint8_t type, uint32_t topic_length)
{
    return 2 + topic_length + ((type & PUBLISH_QOS1) != 0 ? 2 : 0);
}

/* Begins the body of a PUBLISH once its length is there. */
static enum asc_mqtt_event take_publish_length(struct asc_mqtt *m)
{
    uint8_t type = m->input[0];
    uint32_t length = 0;

    if (!m->subscribed || m->buffer == NULL || (type & PUBLISH_QOS2) != 0 ||
        (type & (PUBLISH_DUP | PUBLISH_QOS1)) == PUBLISH_DUP) {
        return ASC_MQTT_VIOLATION;
    }
    if (m->input_length < 2 || (m->input[m->input_length - 1] & 0x80) != 0) {
        /* The length has four bytes at most. */
        return m->input_length < 5 ? ASC_MQTT_MORE : ASC_MQTT_VIOLATION;
    }
    for (uint32_t i = m->input_length - 1u; i > 0; i--) {
        length = length << 7 | (m->input[i] & 0x7f);
    }
    m->input_length = 0;
    m->body_type = type;
    m->body_bytes = length;
    m->body_taken = 0;
    return length > publish_head(type, 0) ? ASC_MQTT_MORE : ASC_MQTT_VIOLATION;
}

/* Reads the body of a PUBLISH, or as much of it as the buffer holds. */
static enum asc_mqtt_event take_publish(struct asc_mqtt *m)
{
    uint8_t type = m->body_type;
    uint32_t held = m->body_bytes < m->buffer_bytes ? m->body_bytes : m->buffer_bytes;
    uint32_t topic_length, head;

    m->body_type = 0;
    if (held < 2) {
        return ASC_MQTT_VIOLATION;
    }
    topic_length = be16(m->buffer);
    head = publish_head(type, topic_length);
    if (topic_length == 0 || head > held) {
        return ASC_MQTT_VIOLATION;
    }
    m->message.topic = (const char *)m->buffer + 2;
    m->message.topic_length = topic_length;
    m->message.payload = m->buffer + head;
    m->message.payload_length = held == m->body_bytes ? held - head : 0;
    m->message.packet_id = 0;
    if ((type & PUBLISH_QOS1) != 0) {
        m->message.packet_id = (uint16_t)be16(m->buffer + head - 2);
        if (m->message.packet_id == 0) {
            return ASC_MQTT_VIOLATION;
        }
    }
    return held == m->body_bytes ? ASC_MQTT_RECEIVED : ASC_MQTT_RECEIVED_CUT;
}

/* Takes what there is of a PUBLISH's body; returns how much. */
static uint32_t take_body(struct asc_mqtt *m, const uint8_t *data, uint32_t length)
{
    uint32_t rest = m->body_bytes - m->body_taken;
    uint32_t n = length < rest ? length : rest;

    if (m->body_taken < m->buffer_bytes) {
        uint32_t room = m->buffer_bytes - m->body_taken;

        memcpy(m->buffer + m->body_taken, data, n < room ? n : room);
    }
    m->body_taken += n;
    return n;
}
#endif

static enum asc_mqtt_event take_packet(struct asc_mqtt *m)
{
    switch (m->input[0]) {
#if ASC_MQTT_INCOMING
    case TYPE_SUBACK:
        return take_suback(m);
#endif
    case TYPE_CONNACK:
        return take_connack(m);
    case TYPE_PUBACK:
        return take_puback(m);
    default:
        return take_pingresp(m);
    }
}

/* Acts on one more byte in `input`. */
static enum asc_mqtt_event take_byte(struct asc_mqtt *m)
{
    enum asc_mqtt_event event;

#if ASC_MQTT_INCOMING
    if ((m->input[0] & 0xf0) == TYPE_PUBLISH) {
        return take_publish_length(m);
    }
#endif
    if (!expected(m)) {
        return ASC_MQTT_VIOLATION;
    }
    if (m->input_length < 2 || m->input_length < 2 + m->input[1]) {
        return ASC_MQTT_MORE;
    }
    event = take_packet(m);
    m->input_length = 0;
    return event;
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
#if ASC_MQTT_INCOMING
        if (m->body_type != 0) {
            n += take_body(m, data + n, length - n);
            event = m->body_taken == m->body_bytes ? take_publish(m) : ASC_MQTT_MORE;
            continue;
        }
#endif
        m->input[m->input_length++] = data[n++];
        event = take_byte(m);
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
