/* SPDX-License-Identifier: MIT */
/* The MQTT 3.1.1 packets that a server reads and writes: pure functions over bytes. Source: OASIS MQTT 3.1.1. */

#ifndef VEDETTE_HUB_MQTT_H
#define VEDETTE_HUB_MQTT_H

#include "lib/str.h"

enum vd_mqtt_type {
    VD_MQTT_CONNECT = 1,
    VD_MQTT_CONNACK = 2,
    VD_MQTT_PUBLISH = 3,
    VD_MQTT_PUBACK = 4,
    VD_MQTT_PUBREC = 5,
    VD_MQTT_PUBREL = 6,
    VD_MQTT_PUBCOMP = 7,
    VD_MQTT_SUBSCRIBE = 8,
    VD_MQTT_SUBACK = 9,
    VD_MQTT_UNSUBSCRIBE = 10,
    VD_MQTT_UNSUBACK = 11,
    VD_MQTT_PINGREQ = 12,
    VD_MQTT_PINGRESP = 13,
    VD_MQTT_DISCONNECT = 14,
};

/* Return codes of CONNACK (section 3.2.2.3). */
enum vd_mqtt_connack {
    VD_CONNACK_ACCEPTED = 0,
    VD_CONNACK_BAD_PROTOCOL = 1,
    VD_CONNACK_BAD_IDENTIFIER = 2,
    VD_CONNACK_UNAVAILABLE = 3,
    VD_CONNACK_BAD_CREDENTIALS = 4,
    VD_CONNACK_NOT_AUTHORISED = 5,
};

#define VD_MQTT_SUBACK_FAILURE 0x80

/* One packet; `body` is what follows the fixed header and points into the bytes that were framed. */
struct vd_mqtt_packet {
    enum vd_mqtt_type type;
    uint8_t flags; /* the low half of the first byte */
    struct vd_str body;
    size_t total; /* bytes with the fixed header */
};

enum vd_mqtt_frame {
    VD_FRAME_WHOLE,
    VD_FRAME_PARTIAL, /* more bytes are needed; packet->total is the whole length, 0 if not known yet */
    VD_FRAME_MALFORMED, /* reserved type, wrong flags [MQTT-2.2.2-2], remaining length of more than 4 bytes */
    VD_FRAME_TOO_LARGE, /* total would be over `max` */
};

/* Looks for one packet at the begin of `length` bytes. */
enum vd_mqtt_frame vd_mqtt_frame(
    const uint8_t *data, size_t length, size_t max, struct vd_mqtt_packet *packet);

struct vd_mqtt_connect {
    bool clean_session;
    bool has_will;
    bool will_retain;
    uint8_t will_qos;
    bool has_user_name;
    bool has_password;
    uint16_t keep_alive_s;
    struct vd_str client_id;
    struct vd_str will_topic;
    struct vd_str will_message;
    struct vd_str user_name;
    struct vd_str password;
};

/*
 * Reads a CONNECT's body. VD_E_UNSUPPORTED: another protocol level (answer CONNACK 1); VD_E_INVALID: malformed
 * (close without an answer). *out points into `body`.
 */
VD_NODISCARD int vd_mqtt_read_connect(struct vd_str body, struct vd_mqtt_connect *out);

struct vd_mqtt_publish {
    uint8_t qos; /* 0 to 2 */
    bool dup;
    bool retain;
    uint16_t packet_id; /* 0 at QoS 0 */
    struct vd_str topic;
    struct vd_str payload;
};

/* VD_E_INVALID: QoS 3, DUP at QoS 0, packet id 0, or a topic that is empty, not UTF-8 or has wildcards. */
VD_NODISCARD int vd_mqtt_read_publish(
    uint8_t flags, struct vd_str body, struct vd_mqtt_publish *out);

/* Of PUBACK and its like: exactly a packet id that is not 0, else VD_E_INVALID. */
VD_NODISCARD int vd_mqtt_read_packet_id(struct vd_str body, uint16_t *packet_id);

/* The filters of a SUBSCRIBE (with QoS) or UNSUBSCRIBE, one by one. */
struct vd_mqtt_filters {
    struct vd_reader reader;
    bool with_qos;
    uint16_t packet_id;
};

/* Begins: VD_E_INVALID for packet id 0 or no filter at all [MQTT-3.8.3-3], [MQTT-3.10.3-2]. */
VD_NODISCARD int vd_mqtt_filters_begin(
    struct vd_str body, bool with_qos, struct vd_mqtt_filters *filters);

/* VD_OK; VD_E_NOT_FOUND at the end; VD_E_INVALID: not UTF-8, empty, wildcards where none may be, QoS over 2. */
VD_NODISCARD int vd_mqtt_filters_next(
    struct vd_mqtt_filters *filters, struct vd_str *filter, uint8_t *qos);

/* The largest remaining length that four bytes can say (section 2.2.3). */
#define VD_MQTT_REMAINING_MAX 268435455u

/*
 * Appends a PUBLISH. VD_E_INVALID: QoS over 1, a packet id that is 0 at QoS 1 or not 0 at QoS 0 [MQTT-2.3.1-1],
 * [MQTT-2.3.1-5], DUP at QoS 0 [MQTT-3.3.1-2], a topic that is empty or has wildcards [MQTT-3.3.2-2]; VD_E_LIMIT: more
 * than fits in a packet or in `out`; VD_E_NOMEM. On failure what `out` held is as it was.
 */
VD_NODISCARD int vd_mqtt_write_publish(const struct vd_mqtt_publish *publish, struct vd_buf *out);
/* The same on a topic that was written to a buffer, which takes the place of the publish's; its failure is the result. */
VD_NODISCARD int vd_mqtt_write_publish_on(
    const struct vd_buf *topic, struct vd_mqtt_publish publish, struct vd_buf *out);

#define VD_MQTT_ACK_SIZE 4

/* session_present: only with VD_CONNACK_ACCEPTED [MQTT-3.2.2-4]. */
void vd_mqtt_write_connack(
    bool session_present, enum vd_mqtt_connack code, uint8_t out[VD_MQTT_ACK_SIZE]);
/* PUBACK or UNSUBACK. */
void vd_mqtt_write_ack(enum vd_mqtt_type type, uint16_t packet_id, uint8_t out[VD_MQTT_ACK_SIZE]);
/* `codes` of up to 100 filters; returns the bytes written to out, which has room for 4 + count. */
size_t vd_mqtt_write_suback(uint16_t packet_id, const uint8_t *codes, size_t count, uint8_t *out);

#endif
