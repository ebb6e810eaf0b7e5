/* SPDX-License-Identifier: MIT */
/* Packets that a client would send, built byte by byte. */

#ifndef VEDETTE_TESTS_HUB_PACKETS_H
#define VEDETTE_TESTS_HUB_PACKETS_H

#include "hub/registry.h"
#include "lib/str.h"

#define PACKET_HUB_NAME "hub.example"

/* What a CONNECT says; NULL texts are left out. */
struct packet_connect {
    const char *client_id;
    const char *user_name;
    const char *password;
    uint16_t keep_alive_s;
};

void packet_connect(struct vd_buf *out, const struct packet_connect *connect);

/* A CONNECT of a device (module_id NULL) with a token of `key` that ends at expiry_s. */
void packet_connect_device(struct vd_buf *out, const char *device_id, const char *module_id,
    const struct vd_key *key, int64_t expiry_s, uint16_t keep_alive_s);

/* flags: DUP 8, QoS 1: 2, QoS 2: 4, RETAIN 1. */
void packet_publish(struct vd_buf *out, uint8_t flags, const char *topic, uint16_t packet_id,
    const void *body, size_t length);
void packet_subscribe(struct vd_buf *out, uint16_t packet_id, const char *filter, uint8_t qos);

/* First byte, remaining length, body. */
void packet_raw(struct vd_buf *out, uint8_t first, const void *body, size_t length);

#endif
