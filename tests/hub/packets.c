/* SPDX-License-Identifier: MIT */
/* Packets of a client. */

#include "tests/hub/packets.h"

#include "hub/sas.h"

static void put_u16(struct vd_buf *out, size_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    vd_buf_append(out, bytes, 2);
}

static void put_text(struct vd_buf *out, const char *text)
{
    put_u16(out, strlen(text));
    vd_buf_append_text(out, text);
}

void packet_raw(struct vd_buf *out, uint8_t first, const void *body, size_t length)
{
    size_t left = length;

    vd_buf_append(out, &first, 1);
    do {
        uint8_t byte = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));

        vd_buf_append(out, &byte, 1);
        left >>= 7;
    } while (left > 0);
    vd_buf_append(out, body, length);
}

void packet_connect(struct vd_buf *out, const struct packet_connect *connect)
{
    struct vd_buf body = {0};
    uint8_t flags =
        (uint8_t)((connect->user_name != NULL ? 0x80 : 0) | (connect->password != NULL ? 0x40 : 0));

    put_text(&body, "MQTT");
    vd_buf_append(&body, "\x04", 1);
    vd_buf_append(&body, &flags, 1);
    put_u16(&body, connect->keep_alive_s);
    put_text(&body, connect->client_id);
    if (connect->user_name != NULL) {
        put_text(&body, connect->user_name);
    }
    if (connect->password != NULL) {
        put_text(&body, connect->password);
    }
    packet_raw(out, 0x10, body.data, body.length);
    vd_buf_release(&body);
}

void packet_connect_device(struct vd_buf *out, const char *device_id, const char *module_id,
    const struct vd_key *key, int64_t expiry_s, uint16_t keep_alive_s)
{
    char id[300];
    char user_name[400];
    char resource[400];
    char token[2048];

    if (module_id != NULL) {
        snprintf(id, sizeof id, "%s/%s", device_id, module_id);
        snprintf(resource, sizeof resource, PACKET_HUB_NAME "/devices/%s/modules/%s", device_id,
            module_id);
    } else {
        snprintf(id, sizeof id, "%s", device_id);
        snprintf(resource, sizeof resource, PACKET_HUB_NAME "/devices/%s", device_id);
    }
    snprintf(user_name, sizeof user_name, PACKET_HUB_NAME "/%s/?api-version=2021-04-12", id);
    if (vd_sas_make(resource, key, expiry_s, NULL, token, sizeof token) == VD_OK) {
        packet_connect(out, &(struct packet_connect){id, user_name, token, keep_alive_s});
    }
}

void packet_publish(struct vd_buf *out, uint8_t flags, const char *topic, uint16_t packet_id,
    const void *body, size_t length)
{
    struct vd_buf rest = {0};

    put_text(&rest, topic);
    if ((flags & 6) != 0) {
        put_u16(&rest, packet_id);
    }
    vd_buf_append(&rest, body, length);
    packet_raw(out, (uint8_t)(0x30 | flags), rest.data, rest.length);
    vd_buf_release(&rest);
}

void packet_subscribe(struct vd_buf *out, uint16_t packet_id, const char *filter, uint8_t qos)
{
    struct vd_buf body = {0};

    put_u16(&body, packet_id);
    put_text(&body, filter);
    vd_buf_append(&body, &qos, 1);
    packet_raw(out, 0x82, body.data, body.length);
    vd_buf_release(&body);
}
