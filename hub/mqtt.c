/* SPDX-License-Identifier: MIT */
/* The codec of MQTT 3.1.1 packets, as strict as the standard's normative statements. */

#include "hub/mqtt.h"

#include "lib/url.h"

/* Bits of CONNECT's flags (section 3.1.2.3). */
#define CONNECT_RESERVED    0x01
#define CONNECT_CLEAN       0x02
#define CONNECT_WILL        0x04
#define CONNECT_WILL_QOS    0x18
#define CONNECT_WILL_RETAIN 0x20
#define CONNECT_PASSWORD    0x40
#define CONNECT_USER_NAME   0x80

#define PROTOCOL_LEVEL 4

static bool header_is_valid(uint8_t first)
{
    uint8_t flags = first & 0x0f;

    switch (first >> 4) {
    case VD_MQTT_PUBLISH:
        return true; /* its flags carry DUP, QoS and RETAIN */
    case VD_MQTT_PUBREL:
    case VD_MQTT_SUBSCRIBE:
    case VD_MQTT_UNSUBSCRIBE:
        return flags == 2;
    case 0:
    case 15:
        return false;
    default:
        return flags == 0;
    }
}

enum vd_mqtt_frame vd_mqtt_frame(
    const uint8_t *data, size_t length, size_t max, struct vd_mqtt_packet *packet)
{
    size_t remaining = 0;
    size_t header = 1;
    uint8_t byte;

    packet->total = 0;
    if (length == 0) {
        return VD_FRAME_PARTIAL;
    }
    if (!header_is_valid(data[0])) {
        return VD_FRAME_MALFORMED;
    }
    do {
        if (header == 5) {
            return VD_FRAME_MALFORMED;
        }
        if (header == length) {
            return VD_FRAME_PARTIAL;
        }
        byte = data[header];
        remaining |= (size_t)(byte & 0x7f) << (7 * (header - 1));
        header++;
    } while ((byte & 0x80) != 0);
    if (header + remaining > max) {
        return VD_FRAME_TOO_LARGE;
    }
    packet->total = header + remaining;
    if (length < packet->total) {
        return VD_FRAME_PARTIAL;
    }
    packet->type = (enum vd_mqtt_type)(data[0] >> 4);
    packet->flags = data[0] & 0x0f;
    packet->body = (struct vd_str){(const char *)data + header, remaining};
    return VD_FRAME_WHOLE;
}

/* A length of two bytes and as many bytes. */
static struct vd_str read_binary(struct vd_reader *reader)
{
    return vd_reader_bytes(reader, vd_reader_u16_be(reader));
}

/* The same, and it must be UTF-8 [MQTT-1.5.3-1], [MQTT-1.5.3-2]. */
static struct vd_str read_text(struct vd_reader *reader)
{
    struct vd_str s = read_binary(reader);

    if (!vd_utf8_is_valid(s)) {
        reader->failed = true;
    }
    return s;
}

/* A user name. NetX Duo 6.4.2 counts the end of its string in, where the driver tells its kind: one NUL at
 * the end, which [MQTT-1.5.3-2] forbids, is left off, so that such a device need not be changed. */
static struct vd_str read_user_name(struct vd_reader *reader)
{
    struct vd_str s = read_binary(reader);

    if (s.length > 0 && s.data[s.length - 1] == '\0') {
        s.length--;
    }
    if (!vd_utf8_is_valid(s)) {
        reader->failed = true;
    }
    return s;
}

static bool topic_name_is_valid(struct vd_str topic)
{
    return topic.length > 0 && memchr(topic.data, '#', topic.length) == NULL &&
        memchr(topic.data, '+', topic.length) == NULL;
}

static bool connect_flags_are_valid(uint8_t flags)
{
    if ((flags & CONNECT_RESERVED) != 0 || (flags & CONNECT_WILL_QOS) == CONNECT_WILL_QOS) {
        return false;
    }
    if ((flags & CONNECT_WILL) == 0 && (flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN)) != 0) {
        return false;
    }
    return (flags & CONNECT_USER_NAME) != 0 || (flags & CONNECT_PASSWORD) == 0;
}

static void connect_set_flags(struct vd_mqtt_connect *connect, uint8_t flags)
{
    connect->clean_session = (flags & CONNECT_CLEAN) != 0;
    connect->has_will = (flags & CONNECT_WILL) != 0;
    connect->will_qos = (uint8_t)((flags & CONNECT_WILL_QOS) >> 3);
    connect->will_retain = (flags & CONNECT_WILL_RETAIN) != 0;
    connect->has_user_name = (flags & CONNECT_USER_NAME) != 0;
    connect->has_password = (flags & CONNECT_PASSWORD) != 0;
}

int vd_mqtt_read_connect(struct vd_str body, struct vd_mqtt_connect *out)
{
    struct vd_mqtt_connect connect = {0};
    struct vd_reader reader;
    struct vd_str name;
    uint8_t level;
    uint8_t flags;

    vd_reader_init(&reader, body.data, body.length);
    name = read_text(&reader);
    level = vd_reader_u8(&reader);
    if (!reader.failed && vd_str_equal_text(name, "MQIsdp") && level == 3) {
        return VD_E_UNSUPPORTED; /* 3.1 had another name: its clients understand the answer */
    }
    if (reader.failed || !vd_str_equal_text(name, "MQTT")) {
        return VD_E_INVALID;
    }
    if (level != PROTOCOL_LEVEL) {
        return VD_E_UNSUPPORTED;
    }
    flags = vd_reader_u8(&reader);
    connect.keep_alive_s = vd_reader_u16_be(&reader);
    connect.client_id = read_text(&reader);
    connect_set_flags(&connect, flags);
    if (connect.has_will) {
        connect.will_topic = read_text(&reader);
        connect.will_message = read_binary(&reader);
    }
    if (connect.has_user_name) {
        connect.user_name = read_user_name(&reader);
    }
    if (connect.has_password) {
        connect.password = read_binary(&reader);
    }
    if (reader.failed || vd_reader_left(&reader) != 0 || !connect_flags_are_valid(flags) ||
        (connect.has_will && !topic_name_is_valid(connect.will_topic))) {
        return VD_E_INVALID;
    }
    *out = connect;
    return VD_OK;
}

int vd_mqtt_read_publish(uint8_t flags, struct vd_str body, struct vd_mqtt_publish *out)
{
    struct vd_mqtt_publish publish = {0};
    struct vd_reader reader;

    publish.dup = (flags & 8) != 0;
    publish.qos = (flags >> 1) & 3;
    publish.retain = (flags & 1) != 0;
    vd_reader_init(&reader, body.data, body.length);
    publish.topic = read_text(&reader);
    if (publish.qos > 0) {
        publish.packet_id = vd_reader_u16_be(&reader);
    }
    publish.payload = vd_reader_bytes(&reader, vd_reader_left(&reader));
    if (reader.failed || publish.qos == 3 || (publish.qos == 0 && publish.dup) ||
        (publish.qos > 0 && publish.packet_id == 0) || !topic_name_is_valid(publish.topic)) {
        return VD_E_INVALID;
    }
    *out = publish;
    return VD_OK;
}

int vd_mqtt_read_packet_id(struct vd_str body, uint16_t *packet_id)
{
    struct vd_reader reader;
    uint16_t id;

    vd_reader_init(&reader, body.data, body.length);
    id = vd_reader_u16_be(&reader);
    if (reader.failed || vd_reader_left(&reader) != 0 || id == 0) {
        return VD_E_INVALID;
    }
    *packet_id = id;
    return VD_OK;
}

int vd_mqtt_filters_begin(struct vd_str body, bool with_qos, struct vd_mqtt_filters *filters)
{
    struct vd_mqtt_filters begun = {.with_qos = with_qos};

    vd_reader_init(&begun.reader, body.data, body.length);
    begun.packet_id = vd_reader_u16_be(&begun.reader);
    if (begun.reader.failed || begun.packet_id == 0 || vd_reader_left(&begun.reader) == 0) {
        return VD_E_INVALID;
    }
    *filters = begun;
    return VD_OK;
}

/* '#' only as the whole last level, '+' only as a whole level [MQTT-4.7.1-2], [MQTT-4.7.1-3]. */
static bool filter_is_valid(struct vd_str filter)
{
    for (size_t i = 0; i < filter.length; i++) {
        bool starts = i == 0 || filter.data[i - 1] == '/';
        bool ends = i + 1 == filter.length || filter.data[i + 1] == '/';

        if (filter.data[i] == '#' && (!starts || i + 1 != filter.length)) {
            return false;
        }
        if (filter.data[i] == '+' && (!starts || !ends)) {
            return false;
        }
    }
    return filter.length > 0;
}

int vd_mqtt_filters_next(struct vd_mqtt_filters *filters, struct vd_str *filter, uint8_t *qos)
{
    struct vd_str text;
    uint8_t level = 0;

    if (!filters->reader.failed && vd_reader_left(&filters->reader) == 0) {
        return VD_E_NOT_FOUND;
    }
    text = read_text(&filters->reader);
    if (filters->with_qos) {
        level = vd_reader_u8(&filters->reader);
    }
    if (filters->reader.failed || level > 2 || !filter_is_valid(text)) {
        filters->reader.failed = true;
        return VD_E_INVALID;
    }
    *filter = text;
    *qos = level;
    return VD_OK;
}

static bool may_be_written(const struct vd_mqtt_publish *publish)
{
    return publish->qos <= 1 && (publish->qos > 0) == (publish->packet_id != 0) &&
        (publish->qos > 0 || !publish->dup) && topic_name_is_valid(publish->topic);
}

/* The fixed header of a PUBLISH with so much behind it; returns its length. */
static size_t write_header(const struct vd_mqtt_publish *publish, size_t remaining, uint8_t *out)
{
    size_t length = 1;

    out[0] = (uint8_t)(VD_MQTT_PUBLISH << 4 | (publish->dup ? 8 : 0) | publish->qos << 1 |
        (publish->retain ? 1 : 0));
    do {
        out[length++] = (uint8_t)((remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0));
        remaining >>= 7;
    } while (remaining > 0);
    return length;
}

int vd_mqtt_write_publish(const struct vd_mqtt_publish *publish, struct vd_buf *out)
{
    const size_t id_bytes = publish->qos > 0 ? 2 : 0;
    uint8_t header[5];
    uint8_t number[2];
    size_t remaining;
    size_t header_bytes;

    if (!may_be_written(publish)) {
        return VD_E_INVALID;
    }
    if (publish->topic.length > UINT16_MAX ||
        publish->payload.length > VD_MQTT_REMAINING_MAX - UINT16_MAX - 4) {
        return VD_E_LIMIT;
    }
    remaining = 2 + publish->topic.length + id_bytes + publish->payload.length;
    header_bytes = write_header(publish, remaining, header);
    if (vd_buf_reserve(out, header_bytes + remaining) == NULL) {
        return out->error;
    }
    vd_buf_append(out, header, header_bytes);
    number[0] = (uint8_t)(publish->topic.length >> 8);
    number[1] = (uint8_t)publish->topic.length;
    vd_buf_append(out, number, 2);
    vd_buf_append(out, publish->topic.data, publish->topic.length);
    number[0] = (uint8_t)(publish->packet_id >> 8);
    number[1] = (uint8_t)publish->packet_id;
    vd_buf_append(out, number, id_bytes);
    vd_buf_append(out, publish->payload.data, publish->payload.length);
    return out->error;
}

int vd_mqtt_write_publish_on(
    const struct vd_buf *topic, struct vd_mqtt_publish publish, struct vd_buf *out)
{
    publish.topic = (struct vd_str){(const char *)topic->data, topic->length};
    return topic->error != VD_OK ? topic->error : vd_mqtt_write_publish(&publish, out);
}

void vd_mqtt_write_connack(
    bool session_present, enum vd_mqtt_connack code, uint8_t out[VD_MQTT_ACK_SIZE])
{
    out[0] = VD_MQTT_CONNACK << 4;
    out[1] = 2;
    out[2] = session_present ? 1 : 0;
    out[3] = (uint8_t)code;
}

void vd_mqtt_write_ack(enum vd_mqtt_type type, uint16_t packet_id, uint8_t out[VD_MQTT_ACK_SIZE])
{
    out[0] = (uint8_t)(type << 4);
    out[1] = 2;
    out[2] = (uint8_t)(packet_id >> 8);
    out[3] = (uint8_t)(packet_id & 0xff);
}

size_t vd_mqtt_write_suback(uint16_t packet_id, const uint8_t *codes, size_t count, uint8_t *out)
{
    vd_mqtt_write_ack(VD_MQTT_SUBACK, packet_id, out);
    out[1] = (uint8_t)(2 + count);
    memcpy(out + VD_MQTT_ACK_SIZE, codes, count);
    return VD_MQTT_ACK_SIZE + count;
}
